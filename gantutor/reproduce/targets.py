"""The targets: which figure, or which row of which table, of which paper; which runs of which notebook; what it claims.

A notebook must record every (variant, metric) that its targets' claims name; `expected(notebook)` lists them.
"""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from gantutor.course.lessons import minutes
from gantutor.datasets import DataError, locate
from gantutor.reproduce import papers
from gantutor.reproduce.claims import Claim, Direction, TableRow, Within

ADAPTIVEMIX = "AdaptiveMix (Liu et al., CVPR 2023)"
KDDGAN = "KDD GAN (Lemkhenter et al., 2021)"
ADVLATGAN = "AdvLatGAN (Li et al., NeurIPS 2022)"
COURSE = "The course"
PAPERS = {"adaptivemix": ADAPTIVEMIX, "advlatgan": ADVLATGAN, "kddgan": KDDGAN}


@dataclass(frozen=True, eq=False)
class Target:
    """`runs`: what each run changes in the notebook's parameters, `sized`: what a profile changes besides; `needs`: a data set
    that must be at hand; `pixels`: of its images, where that asks for a GPU; `not_yet`: why the package cannot run it.
    """

    name: str
    paper: str
    where: str
    title: str
    notebook: str = ""
    claims: tuple[Claim, ...] = ()
    runs: tuple[dict[str, Any], ...] = ({},)
    sized: dict[str, dict[str, Any]] = field(default_factory=dict)
    needs: str = ""
    pixels: int = 0
    note: str = ""
    not_yet: str = ""

    @property
    def row(self) -> str:
        """Its name in `tables.ROWS`; "" of a lesson."""
        return self.runs[-1].get("row", "") if self.runs else ""

    def minutes(self, profile: str) -> float:
        """Of all its runs, 3 seeds each."""
        return sum(self.cost(changes, profile) for changes in self.runs)

    def cost(self, changes: dict[str, Any], profile: str) -> float:
        """Minutes of one of its runs, with 3 seeds."""
        return (
            budget(changes["row"]).cost(changes["row"], profile)
            if "row" in changes
            else minutes(self.notebook, profile) or 0.0
        )


def _image(
    name: str, paper: str, where: str, method: str, printed: str, data: str, against: str
) -> Target:
    """A method against the baseline on images, judged by a stand-in for the paper's FID."""
    short = "handwritten digits" if data == "digits" else "CIFAR-10 (JPEG copy)"
    claim = Direction(
        "kd_small",
        method,
        f"{printed}. Here: {short}, kernel distance on small features",
        against=against,
        better="lower",
    )
    runs = ({"method": against, "dataset": data}, {"method": method, "dataset": data})
    return Target(
        name,
        paper,
        where,
        f"{paper.split(' (')[0]} against its baseline on {short}",
        "05_images",
        (claim,),
        runs,
        needs="" if data == "digits" else data,
        note="kd_small is a kernel distance on the features of a small classifier: a stand-in, "
        "not comparable with the paper's FID.",
    )


def _images(
    paper: str, short: str, where: str, method: str, printed: str, against: str = "baseline"
) -> tuple[Target, Target]:
    return (
        _image(f"{short}/image", paper, where, method, printed, "digits", against),
        _image(f"{short}/cifar10-jpeg", paper, where, method, printed, "cifar10-jpeg", against),
    )


LESSON_TARGETS: tuple[Target, ...] = (
    Target(
        "adaptivemix/fig3",
        ADAPTIVEMIX,
        "Fig. 3 (a)",
        "Nine Gaussians: modes covered, and a flatter map of D",
        "02_adaptivemix",
        (
            Direction(
                "modes",
                "AdaptiveMix",
                "AdaptiveMix covers the modes that Std-GAN drops",
                "Std-GAN",
                "higher",
            ),
            Direction("modes", "AdaptiveMix", "and those that WGAN drops", "WGAN", "higher"),
            Direction(
                "mean_slope", "AdaptiveMix", "its D is flatter than Std-GAN's", "Std-GAN", "lower"
            ),
            Direction(
                "energy_distance",
                "AdaptiveMix",
                "its samples are closer to the data than Std-GAN's",
                "Std-GAN",
                "lower",
            ),
        ),
        note="The paper shows pictures without numbers and leaves the recipe open. "
        "The authors' code also replaces the score by an undisclosed sum of logits: see the variant “logit sum only”.",
    ),
    *_images(
        ADAPTIVEMIX,
        "adaptivemix",
        "Table 2",
        "adaptivemix",
        "CIFAR-10, mean FID over training: WGAN 106.81 ± 21.79, with AdaptiveMix 39.52 ± 7.85",
    ),
    Target(
        "kddgan/fig1",
        KDDGAN,
        "Fig. 1",
        "Gradient fields: the hinge pushes all alike, KDD each its own way",
        "03_kdd",
        (
            Within(
                "hinge_arrow_spread",
                "hinge",
                "a linear hinge critic pushes every fake by the same arrow",
                0.0,
                1e-6,
            ),
            Direction(
                "angle_median_deg", "KDD", "KDD's arrows point each its own way", "hinge", "higher"
            ),
        ),
        note="The paper prints no numbers and no positions; the point clouds are ours.",
    ),
    Target(
        "kddgan/fig3",
        KDDGAN,
        "Fig. 3",
        "200 steps of G before a frozen discriminator",
        "03_kdd",
        (
            Direction(
                "energy_distance",
                "KDD",
                "KDD carries the fakes to the data, the hinge past them",
                "hinge",
                "lower",
            ),
            Direction("energy_distance", "KDD", "and closer than they were", "initial", "lower"),
            Within("nearest_kept", "KDD", "each fake goes to a mode near it", 0.95, 1.0, ours=True),
            Within("mode_share", "KDD", "both modes are filled", 0.4, 0.6, ours=True),
        ),
        note="The paper prints no numbers and no positions; the point clouds are ours.",
    ),
    *_images(
        KDDGAN, "kddgan", "Table 2", "kdd", "CIFAR-10, FID: hinge 8.859, KDD 8.375", against="hinge"
    ),
    Target(
        "advlatgan/fig9",
        ADVLATGAN,
        "Fig. 9",
        "Grid and ring: samples before and after moving the latent",
        "04_advlat",
        tuple(
            Direction(metric, f"{data}: {variant}", f"{data}: {says}", f"{data}: raw", "higher")
            for data in ("grid", "ring")
            for metric, variant, says in (
                ("high_quality", "AdvLatGAN-z", "moving z brings more samples onto modes"),
                ("critic_score", "AdvLatGAN-z", "and raises the critic's score"),
                (
                    "held_out_score",
                    "AdvLatGAN-z",
                    "our control: a critic that did not move z agrees",
                ),
                (
                    "high_quality",
                    "AdvLatGAN-qua",
                    "training with moved z brings more samples onto modes",
                ),
            )
        ),
        note="The caption says “-qua”, the text describes the “-z” experiment: both are run.",
    ),
    Target(
        "advlatgan/table1-toy",
        ADVLATGAN,
        "Table 1",
        "Hard pairs: the ratio of distances, lowered and raised",
        "04_advlat",
        (
            Direction(
                "pair_ratio",
                "Eq. 8",
                "descending Eq. 8 finds pairs that G maps together (CIFAR-10: 0.241)",
                "neighbour only",
                "lower",
            ),
            Direction(
                "pair_ratio",
                "inverse",
                "ascending finds pairs that G maps apart (CIFAR-10: 4.023)",
                "neighbour only",
                "higher",
            ),
            Direction(
                "pair_ratio",
                "Eq. 8",
                "the two are far apart (CIFAR-10: 0.241 and 4.023)",
                "inverse",
                "lower",
            ),
        ),
        note="On the plane, where the paper uses images and leaves its distances undefined: "
        "directions only, no number is compared.",
    ),
    *_images(
        ADVLATGAN,
        "advlatgan",
        "Table 4",
        "advlat",
        "CIFAR-10, FID of a DCGAN: 46.4 ± 0.7, with AdvLatGAN-qua 41.7 ± 1.0",
    ),
    Target(
        "adaptivemix/table2-thin",
        ADAPTIVEMIX,
        "Tables 2, 3, 4",
        "AdaptiveMix on a thin DCGAN: along training, and is D flatter?",
        "07_adaptivemix_images",
        (
            Direction(
                "kd_mean",
                "WGAN + AdaptiveMix",
                "mean FID over training falls from 106.81 to 39.52",
                "WGAN",
                "lower",
            ),
            Direction(
                "kd_sd",
                "WGAN + AdaptiveMix",
                "its spread over training falls from 21.79 to 7.85",
                "WGAN",
                "lower",
            ),
            Direction(
                "kd_min",
                "WGAN + AdaptiveMix",
                "its minimum falls from 55.96 to 30.85",
                "WGAN",
                "lower",
            ),
            Direction(
                "kd_min",
                "WGAN + AdaptiveMix",
                "better than WGAN-GP on the same net (30.85 against 38.63)",
                "WGAN-GP",
                "lower",
            ),
            Direction(
                "stretch_real",
                "DCGAN + AdaptiveMix",
                "D stretches pairs of reals less (3.167 to 1.391)",
                "DCGAN",
                "lower",
            ),
            Direction(
                "stretch_free_real",
                "DCGAN + AdaptiveMix",
                "our control: so it does when features are measured in their own size",
                "DCGAN",
                "lower",
            ),
        ),
        note="Handwritten digits at 16 pixels and a kernel distance on small features: nothing here shares a column with the paper.",
    ),
    Target(
        "kddgan/table1-thin",
        KDDGAN,
        "Tables 1, 2",
        "KDD on a thin BigGAN: temperatures, copies, equal work",
        "08_kdd_images",
        (
            Direction(
                "kd_small",
                "KDD",
                "KDD is closer to the data than the hinge (FID 8.422 against 8.751)",
                "hinge",
                "lower",
            ),
            Direction(
                "kd_small",
                "KDD",
                "temperature 1 is better than 0.05 (8.422 against 8.753)",
                "KDD 0.05",
                "lower",
            ),
            Direction("kd_small", "KDD", "and better than 5 (8.604)", "KDD 5", "lower"),
            Direction(
                "kd_small",
                "KDD 0.05, no labels",
                "without labels KDD leads too (15.828 against 17.782)",
                "hinge, no labels",
                "lower",
            ),
            Direction(
                "kd_small",
                "KDD + DA",
                "three augmented copies bring it closer (6.063 against 8.375)",
                "KDD",
                "lower",
            ),
            Direction(
                "kd_small",
                "KDD + DA",
                "our control: also closer than a hinge that had the same work",
                "hinge, work of KDD + DA",
                "lower",
            ),
        ),
        note="Handwritten digits at 8 pixels and a kernel distance on small features: nothing here shares a column with the paper.",
    ),
    Target(
        "advlatgan/table3-thin",
        ADVLATGAN,
        "Table 3, Fig. 8",
        "Samplers on a thin GAN at equal cost; step size and steps",
        "09_advlat_images",
        (
            Direction(
                "own_critic",
                "table3 equal: AdvLatGAN-z",
                "moving z raises the critic's score",
                "table3 equal: bare",
                "higher",
            ),
            Direction(
                "held_out",
                "table3 equal: AdvLatGAN-z",
                "our control: a critic that did not move z agrees",
                "table3 equal: bare",
                "higher",
            ),
            Direction(
                "kd_small",
                "table3 equal: AdvLatGAN-z",
                "moved samples are closer to the data (FID 31.891 against 37.059)",
                "table3 equal: bare",
                "lower",
            ),
            Direction(
                "kd_small",
                "table3 equal: AdvLatGAN-z",
                "closer than DOT's at equal cost (31.891 against 36.769)",
                "table3 equal: DOT",
                "lower",
            ),
            Direction(
                "coverage",
                "fig8: eps 0.05, 0.25 L steps",
                "a few steps raise coverage",
                "fig8: eps 0.05, 0 L steps",
                "higher",
            ),
            Direction(
                "coverage",
                "fig8: eps 0.2, 2 L steps",
                "large steps, many of them, lower it again",
                "fig8: eps 0.2, 0.25 L steps",
                "lower",
            ),
        ),
        note="Handwritten digits, a thin net and small features stand in for STL-10 and FID; all samplers spend the same network evaluations.",
    ),
    Target(
        "advlatgan/table4-thin",
        ADVLATGAN,
        "Table 4",
        "-qua and -qua+ on two thin nets",
        "09_advlat_images",
        tuple(
            claim
            for nets, printed in (("dcgan", "46.4, 41.7, 40.2"), ("sngan", "25.5, 22.3, 18.1"))
            for claim in (
                Direction(
                    "kd_small",
                    f"table4: {nets}/qua",
                    f"{nets}: -qua is better than bare (CIFAR-10 FID {printed})",
                    f"table4: {nets}/bare",
                    "lower",
                ),
                Direction(
                    "kd_small",
                    f"table4: {nets}/qua+",
                    f"{nets}: and -qua+ better than -qua",
                    f"table4: {nets}/qua",
                    "lower",
                ),
                Within(
                    "score_rises",
                    f"table4: {nets}/qua",
                    f"{nets}: the moved latents do raise D's score",
                    0.9,
                    1.0,
                    ours=True,
                ),
            )
        ),
        note="Handwritten digits, thin nets and small features: directions only.",
    ),
    Target(
        "advlatgan/table1",
        ADVLATGAN,
        "Table 1",
        "Hard pairs on images: two definitions of the ratio",
        "09_advlat_images",
        tuple(
            Direction(
                metric,
                f"table1: {variant}",
                f"{says} ({metric.removeprefix('pair_ratio_')} distances; CIFAR-10: {printed})",
                "table1: neighbour",
                better,
            )
            for metric in ("pair_ratio_l1", "pair_ratio_l2")
            for variant, says, printed, better in (
                ("Eq. 8 (down)", "descending finds pairs that G maps together", "0.241", "lower"),
                ("inverse (up)", "ascending finds pairs that G maps apart", "4.023", "higher"),
            )
        ),
        note="The paper leaves its distances undefined; with its own code's offset of 1 the printed 4.023 is out of reach. Directions only.",
    ),
    Target(
        "advlatgan/table6-thin",
        ADVLATGAN,
        "Table 6",
        "-div against MSGAN, and the missing control without a search",
        "09_advlat_images",
        (
            Direction(
                "coverage",
                "table6: div",
                "overall coverage rises (0.828 to 0.844)",
                "table6: MSGAN",
                "higher",
            ),
            Direction(
                "diversity",
                "table6: div",
                "images of one class differ more",
                "table6: MSGAN",
                "higher",
            ),
            Direction(
                "ratio_local",
                "table6: div",
                "our control: the search adds something to neighbours without one",
                "table6: neighbours",
                "higher",
            ),
        ),
        note="Handwritten digits and small features; the control with neighbours is ours.",
    ),
    Target(
        "advlatgan/fig5",
        ADVLATGAN,
        "Fig. 5",
        "MNIST with two latent numbers: peaks and valleys of the moved density",
        "09_advlat_images",
        (
            Direction(
                "certainty",
                "fig5: peaks",
                "images at peaks are clearer than at valleys",
                "fig5: valleys",
                "higher",
            ),
        ),
        note="The paper shows a picture; certainty of a small classifier is our measure.",
    ),
    Target("course/00", COURSE, "lesson", "Start here: the first GAN", "00_start_here"),
    Target("course/01", COURSE, "lesson", "A GAN on the plane: six objectives", "01_plane"),
    Target(
        "course/06",
        COURSE,
        "lesson",
        "Measuring generators: what each measure sees",
        "06_measuring",
        (
            Direction(
                "coverage_small",
                "half the classes",
                "coverage notices missing classes",
                "reals",
                "lower",
            ),
            Direction(
                "coverage_small", "repeated", "coverage notices repetition", "reals", "lower"
            ),
            Direction(
                "fd_small",
                "copied",
                "a distance to the training set rewards copies",
                "reals",
                "lower",
            ),
            Within(
                "coverage_small",
                "reals",
                "a perfect generator scores 1 - 2^-5, not 1",
                0.955,
                0.985,
                ours=True,
            ),
        ),
    ),
    Target(
        "course/11",
        COURSE,
        "lesson",
        "What do the papers' own tables say: their sentences as arithmetic",
        "11_papers",
    ),
)


# -- a target for each row of the papers' tables that has a recipe --------------------------------------------------------
@dataclass(frozen=True)
class Budget:
    """Of the rows whose names begin with `start`: their data, the plain row that each is held against, what a CPU can pay in
    class, and minutes of a run with 3 seeds: class on 2 cores, colab and paper on one GPU (guesses, these two).
    """

    start: str
    data: str
    pixels: int
    against: str
    minutes: tuple[float, float, float]
    small: dict[str, Any]
    dear: dict[str, float] = field(
        default_factory=dict
    )  # endings of names -> how many times the minutes

    def cost(self, row: str, profile: str) -> float:
        if profile == "smoke":
            return 0.5
        factor = next((f for ending, f in self.dear.items() if row.endswith(ending)), 1.0)
        return factor * self.minutes[("class", "colab", "paper").index(profile)]


THIN = {"n_fake": 500, "n_manifold": 500, "evals": 2, "lr": 5e-4}
BIG = {**THIN, "steps": 30, "width": 4, "batch": 16}  # BigGAN and SA-GAN, a sixteenth as wide
COPIES = {"-jacd-da7": 6.0, "-da7": 5.0, "-jacd-da1": 3.0, "-da3": 3.0, "-da1": 1.8, "-jacd": 2.0}
BUDGETS = (
    Budget("adaptivemix/table2/", "cifar10", 32, "wgan", (1.0, 60, 400), {**THIN, "steps": 80}),
    Budget(
        "adaptivemix/table4/cifar10/", "cifar10", 32, "wgan", (0.8, 60, 400), {**THIN, "steps": 80}
    ),
    Budget(
        "adaptivemix/table4/celeba/",
        "celeba",
        256,
        "dcgan",
        (30, 300, 20000),
        {**THIN, "steps": 80},
    ),
    Budget("advlatgan/table3/", "stl10", 48, "bare", (2, 60, 400), {**THIN, "steps": 50}),
    Budget(
        "advlatgan/table4/cifar10/", "cifar10", 32, "bare", (1.1, 60, 300), {**THIN, "steps": 50}
    ),
    Budget("advlatgan/table4/stl10/", "stl10", 48, "bare", (2, 60, 400), {**THIN, "steps": 50}),
    Budget(
        "advlatgan/table5/lsun64/", "lsun-church", 64, "bare", (4, 120, 800), {**THIN, "steps": 50}
    ),
    Budget(
        "advlatgan/table5/lsun128/",
        "lsun-church",
        128,
        "bare",
        (16, 240, 3000),
        {**THIN, "steps": 50},
    ),
    Budget(
        "advlatgan/table5/celeba64/", "celeba", 64, "bare", (4, 120, 800), {**THIN, "steps": 50}
    ),
    Budget(
        "advlatgan/table5/celeba128/", "celeba", 128, "bare", (16, 240, 3000), {**THIN, "steps": 50}
    ),
    Budget(
        "advlatgan/table5/imagenet/", "imagenet64", 64, "bare", (4, 120, 800), {**THIN, "steps": 50}
    ),
    Budget(
        "advlatgan/table6/cifar10/", "cifar10", 32, "msgan", (1.0, 60, 600), {**THIN, "steps": 50}
    ),
    Budget("advlatgan/table6/stl10/", "stl10", 32, "msgan", (1.2, 60, 150), {**THIN, "steps": 50}),
    Budget("kddgan/table1/", "cifar10", 32, "hinge", (0.8, 240, 4000), BIG, COPIES),
    Budget("kddgan/table2/", "cifar10", 32, "hinge", (0.8, 240, 2000), BIG, COPIES),
    Budget("kddgan/table3/", "tiny-imagenet", 64, "hinge", (3, 300, 3000), BIG, COPIES),
    Budget("kddgan/table4/", "imagenet64", 64, "hinge", (3, 300, 20000), BIG, COPIES),
    Budget("kddgan/table5/", "imagenet64", 64, "hinge", (3, 300, 20000), BIG, COPIES),
    Budget("kddgan/table6/", "tiny-imagenet", 64, "hinge", (3, 300, 3000), BIG, COPIES),
)
PRINTED_AGAIN = {
    "kddgan/table5": "kddgan/table4",
    "kddgan/table6": "kddgan/table3",
}  # the appendix has more rows of these
# rows that no paper prints: our controls
CONTROLS = tuple(
    f"advlatgan/table6/{data}/{row}"
    for data in ("cifar10", "stl10")
    for row in ("neighbours", "inverse")
)
NOT_YET = {
    "stylegan2": "StyleGAN2 is not in the package yet",
    "recognition": "classification, attacks and detection are not in the package yet",
    "image": "no row of it was trained by its authors alone",
}


def budget(row: str) -> Budget:
    """What a row costs, and what it is held against."""
    return next(b for b in BUDGETS if row.startswith(b.start))


def baseline(row: str) -> str:
    """The plain row that a row is held against: of its table, data and model; the row itself where it is that."""
    home = row.rsplit("/", 1)[0]
    plain = "hinge-uncond" if row.endswith("-uncond") else budget(row).against
    return f"{PRINTED_AGAIN.get(home, home)}/{plain}"


def _row_targets() -> list[Target]:
    printed: dict[str, dict[str, str]] = {}
    for cell in papers.cells():
        if cell["recipe"]:
            printed.setdefault(cell["recipe"], {})[cell["metric"]] = cell["value"]
    return [
        _row_target(row, printed.get(row, {}).get("FID"), printed.get(baseline(row), {}).get("FID"))
        for row in (*printed, *CONTROLS)
    ]


def _row_target(row: str, fid: str | None, plain_fid: str | None) -> Target:
    """The target of a row with its printed FID, held against a plain row with its own."""
    paper, table, rest = row.split("/", 2)
    plain, b = baseline(row), budget(row)
    alone = plain == row
    claims, words = (), "a control of ours, not printed" if row in CONTROLS else "no FID is printed"
    if fid:
        held = "" if alone or not plain_fid else plain
        words = f"FID {fid}" + (f", {plain.rsplit('/', 1)[1]} {plain_fid}" if held else "")
        better = "lower" if not held or float(fid) < float(plain_fid) else "higher"
        claims = (TableRow("fid", row, f"{rest}: {words}", held, better, float(fid)),)
    runs = ({"row": row},) if alone else ({"row": plain}, {"row": row})
    return Target(
        f"{paper}/{table}:{rest}",
        PAPERS[paper],
        f"Table {table.removeprefix('table')}",
        f"{rest}: {words}",
        "10_full_run",
        claims,
        runs,
        {"class": b.small},
        b.data,
        b.pixels,
    )


def _tables_without_recipes() -> list[Target]:
    """Tables that the package cannot run a row of, one target each."""
    cells, found = papers.cells(), []
    for table in papers.tables():
        mine = [c for c in cells if (c["paper"], c["table"]) == (table["paper"], table["table"])]
        if (
            not any(c["recipe"] for c in mine)
            and table["kind"] in NOT_YET
            and f"{table['paper']}/{table['table']}" not in {t.name for t in LESSON_TARGETS}
        ):
            found.append(
                Target(
                    f"{table['paper']}/{table['table']}",
                    PAPERS[table["paper"]],
                    f"Table {table['table'].removeprefix('table')}",
                    table["title"],
                    not_yet=NOT_YET[table["kind"]],
                )
            )
    return found


ALL: tuple[Target, ...] = (*LESSON_TARGETS, *_row_targets(), *_tables_without_recipes())
TARGETS: dict[str, Target] = {t.name: t for t in ALL}


def choose(names: Sequence[str]) -> list[Target]:
    """The targets of these names; all where none is named. ValueError with a did-you-mean.

    A name is a target's own, a paper's ("kddgan"), a table's ("kddgan/table1": its rows), a
    pattern for whole names ("kddgan/fig*", "*/image"), or a table's with a pattern for its rows,
    from the beginning or after a slash ("advlatgan/table4:wgangp*", "*/table1:hinge").
    """
    found = []
    for name in names:
        if not name.strip():
            raise ValueError(
                f"target {name!r} is empty: leave it out for all, "
                "or take one that `gantutor targets` lists"
            )
        here = [t for t in ALL if _fits(t, name)]
        if not here:
            close = difflib.get_close_matches(
                name, [*TARGETS, *{t.name.split(":")[0] for t in ALL}], 1
            )
            raise ValueError(
                f"unknown target {name!r}: "
                + (f"did you mean {close[0]!r}? " if close else "")
                + "`gantutor targets` lists them"
            )
        found += here
    return list(dict.fromkeys(found)) if names else list(ALL)


def _fits(target: Target, name: str) -> bool:
    place, _, row = target.name.partition(":")
    if name == place.split("/")[0] or fnmatchcase(target.name, name):
        return True
    its_place, _, pattern = name.partition(":")
    if not row or not fnmatchcase(place, its_place):
        return False
    return not pattern or fnmatchcase(row, pattern) or fnmatchcase(row, f"*/{pattern}")


COPIED = {"cifar10": "cifar10-jpeg"}  # where the set itself is not at hand


def at_hand(target: Target) -> str | None:
    """The data set that serves a target here: the one it needs, or a copy in JPEG; None where neither lies here."""
    for name in filter(None, (target.needs, COPIED.get(target.needs))):
        try:
            locate(name)
            return name
        except DataError:
            pass
    return None


def absent(target: Target, profile: str = "class", gpu: bool = True) -> str | None:
    """Why a target cannot run here, as a sentence with the remedy; None where all that it needs is at hand."""
    if target.not_yet:
        return f"not yet: {target.not_yet}"
    if target.needs and at_hand(target) is None:
        named = os.environ.get("GANTUTOR_DATA")
        where = (
            f"not in {named} (GANTUTOR_DATA)"
            if named
            else "GANTUTOR_DATA is not set, and it is not in ./data"
        )
        return f"needs {target.needs}: {where}; `gantutor data list` says how to get it"
    if target.pixels and not gpu and (target.pixels > 64 or profile in ("colab", "paper")):
        return f"needs a GPU in profile {profile}"
    return None


def expected(notebook: str) -> set[tuple[str, str]]:
    """All (variant, metric) that the claims on a notebook read."""
    return {
        (v, c.metric)
        for t in LESSON_TARGETS
        if t.notebook == notebook
        for c in t.claims
        for v in c.variants
    }
