"""The targets: which figure or table of which paper, which runs of which notebook, and what it claims.

A notebook must record every (variant, metric) that its targets' claims name; `expected(notebook)` lists them.
"""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gantutor.reproduce.claims import Claim, Direction, Within

ADAPTIVEMIX = "AdaptiveMix (Liu et al., CVPR 2023)"
KDDGAN = "KDD GAN (Lemkhenter et al., 2021)"
ADVLATGAN = "AdvLatGAN (Li et al., NeurIPS 2022)"
COURSE = "The course"

# minutes of one run with 3 seeds on 2 cores, by profile: measured where a record is at hand, else a guess
MINUTES: dict[str, dict[str, float]] = {
    "00_start_here": {"smoke": 0.4, "class": 0.8, "colab": 3, "paper": 3},
    "01_plane": {"smoke": 0.6, "class": 2, "colab": 22, "paper": 100},
    "02_adaptivemix": {"smoke": 0.5, "class": 2.3, "colab": 6, "paper": 10},
    "03_kdd": {"smoke": 0.5, "class": 1.7, "colab": 6, "paper": 15},
    "04_advlat": {"smoke": 0.6, "class": 2.4, "colab": 15, "paper": 70},
    "05_images": {"smoke": 0.4, "class": 2.3, "colab": 120, "paper": 1500},
    "06_measuring": {"smoke": 0.6, "class": 1.5, "colab": 10, "paper": 60},
    "07_adaptivemix_images": {"smoke": 0.4, "class": 4.5, "colab": 240, "paper": 6000},
    "08_kdd_images": {"smoke": 0.6, "class": 5, "colab": 240, "paper": 20000},
    "09_advlat_images": {"smoke": 0.6, "class": 5, "colab": 240, "paper": 6000},
    "10_full_run": {"smoke": 0.5, "class": 3, "colab": 60, "paper": 1500},
}


@dataclass(frozen=True, eq=False)
class Target:
    """`runs`: what each run changes in the notebook's parameters, `sized`: what a profile changes besides; `needs`: a data set
    that must be at hand."""

    name: str
    paper: str
    where: str
    title: str
    notebook: str
    claims: tuple[Claim, ...] = ()
    runs: tuple[dict[str, Any], ...] = ({},)
    sized: dict[str, dict[str, Any]] = field(default_factory=dict)
    needs: str = ""
    note: str = ""

    def minutes(self, profile: str) -> float:
        return len(self.runs) * MINUTES[self.notebook][profile]


def _image(name: str, paper: str, where: str, method: str, printed: str, data: str, against: str) -> Target:
    """A method against the baseline on images, judged by a stand-in for the paper's FID."""
    short = "handwritten digits" if data == "digits" else "CIFAR-10 (JPEG copy)"
    claim = Direction(
        "kd_small", method, f"{printed}. Here: {short}, kernel distance on small features", against=against, better="lower"
    )
    runs = ({"method": against, "dataset": data}, {"method": method, "dataset": data})
    return Target(
        name, paper, where, f"{paper.split(' (')[0]} against its baseline on {short}", "05_images", (claim,), runs,
        needs="" if data == "digits" else data,
        note="kd_small is a kernel distance on the features of a small classifier: a stand-in, "
             "not comparable with the paper's FID.",
    )  # fmt: skip


def _images(paper: str, short: str, where: str, method: str, printed: str, against: str = "baseline") -> tuple[Target, Target]:
    return (
        _image(f"{short}/image", paper, where, method, printed, "digits", against),
        _image(f"{short}/cifar10-jpeg", paper, where, method, printed, "cifar10-jpeg", against),
    )


def _rows(name: str, paper: str, where: str, table: str, bare: str, method: str, printed: str, **small: Any) -> Target:
    """Two rows of a paper's table by notebook 10, on the JPEG copy of CIFAR-10; `small`: the budget that a CPU can pay."""
    bare, method = f"{table}/{bare}", f"{table}/{method}"
    words = f"{printed}. Here: thin nets, few steps, CIFAR-10 (JPEG copy), kernel distance on small features"
    return Target(
        name, paper, where, f"{method} against {bare}", "10_full_run", (Direction("kd_small", method, words, against=bare, better="lower"),),
        tuple({"row": row, "dataset": "cifar10-jpeg"} for row in (bare, method)), {"class": {"n_fake": 2000, "n_manifold": 2000, **small}},
        "cifar10-jpeg", "The rows' own nets and losses; only the paper profile trains them at their own width and length.",
    )  # fmt: skip


ALL: tuple[Target, ...] = (
    Target(
        "adaptivemix/fig3", ADAPTIVEMIX, "Fig. 3 (a)", "Nine Gaussians: modes covered, and a flatter map of D", "02_adaptivemix",
        (
            Direction("modes", "AdaptiveMix", "AdaptiveMix covers the modes that Std-GAN drops", "Std-GAN", "higher"),
            Direction("modes", "AdaptiveMix", "and those that WGAN drops", "WGAN", "higher"),
            Direction("mean_slope", "AdaptiveMix", "its D is flatter than Std-GAN's", "Std-GAN", "lower"),
            Direction("energy_distance", "AdaptiveMix", "its samples are closer to the data than Std-GAN's", "Std-GAN", "lower"),
        ),
        note="The paper shows pictures without numbers and leaves the recipe open. "
             "The authors' code also replaces the score by an undisclosed sum of logits: see the variant “logit sum only”.",
    ),
    *_images(
        ADAPTIVEMIX, "adaptivemix", "Table 2", "adaptivemix",
        "CIFAR-10, mean FID over training: WGAN 106.81 ± 21.79, with AdaptiveMix 39.52 ± 7.85",
    ),
    Target(
        "kddgan/fig1", KDDGAN, "Fig. 1", "Gradient fields: the hinge pushes all alike, KDD each its own way", "03_kdd",
        (
            Within("hinge_arrow_spread", "hinge", "a linear hinge critic pushes every fake by the same arrow", 0.0, 1e-6),
            Direction("angle_median_deg", "KDD", "KDD's arrows point each its own way", "hinge", "higher"),
        ),
        note="The paper prints no numbers and no positions; the point clouds are ours.",
    ),
    Target(
        "kddgan/fig3", KDDGAN, "Fig. 3", "200 steps of G before a frozen discriminator", "03_kdd",
        (
            Direction("energy_distance", "KDD", "KDD carries the fakes to the data, the hinge past them", "hinge", "lower"),
            Direction("energy_distance", "KDD", "and closer than they were", "initial", "lower"),
            Within("nearest_kept", "KDD", "each fake goes to a mode near it", 0.95, 1.0, ours=True),
            Within("mode_share", "KDD", "both modes are filled", 0.4, 0.6, ours=True),
        ),
        note="The paper prints no numbers and no positions; the point clouds are ours.",
    ),
    *_images(KDDGAN, "kddgan", "Table 2", "kdd", "CIFAR-10, FID: hinge 8.859, KDD 8.375", against="hinge"),
    Target(
        "advlatgan/fig9", ADVLATGAN, "Fig. 9", "Grid and ring: samples before and after moving the latent", "04_advlat",
        tuple(
            Direction(metric, f"{data}: {variant}", f"{data}: {says}", f"{data}: raw", "higher")
            for data in ("grid", "ring")
            for metric, variant, says in (
                ("high_quality", "AdvLatGAN-z", "moving z brings more samples onto modes"),
                ("critic_score", "AdvLatGAN-z", "and raises the critic's score"),
                ("held_out_score", "AdvLatGAN-z", "our control: a critic that did not move z agrees"),
                ("high_quality", "AdvLatGAN-qua", "training with moved z brings more samples onto modes"),
            )
        ),
        note="The caption says “-qua”, the text describes the “-z” experiment: both are run.",
    ),
    Target(
        "advlatgan/table1-toy", ADVLATGAN, "Table 1", "Hard pairs: the ratio of distances, lowered and raised", "04_advlat",
        (
            Direction("pair_ratio", "Eq. 8", "descending Eq. 8 finds pairs that G maps together (CIFAR-10: 0.241)",
                      "neighbour only", "lower"),
            Direction("pair_ratio", "inverse", "ascending finds pairs that G maps apart (CIFAR-10: 4.023)",
                      "neighbour only", "higher"),
            Direction("pair_ratio", "Eq. 8", "the two are far apart (CIFAR-10: 0.241 and 4.023)", "inverse", "lower"),
        ),
        note="On the plane, where the paper uses images and leaves its distances undefined: "
             "directions only, no number is compared.",
    ),
    *_images(ADVLATGAN, "advlatgan", "Table 4", "advlat", "CIFAR-10, FID of a DCGAN: 46.4 ± 0.7, with AdvLatGAN-qua 41.7 ± 1.0"),
    _rows("adaptivemix/table2", ADAPTIVEMIX, "Table 2", "adaptivemix/table2", "wgan", "adaptivemix",
          "CIFAR-10, mean FID over training: WGAN 106.81 ± 21.79, with AdaptiveMix 39.52 ± 7.85", steps=300, lr=5e-4),
    _rows("advlatgan/table4-dcgan", ADVLATGAN, "Table 4", "advlatgan/table4/cifar10/dcgan", "bare", "qua",
          "CIFAR-10, FID of a DCGAN: 46.4 ± 0.7, with -qua 41.7 ± 1.0", steps=500, lr=5e-4),
    _rows("advlatgan/table4-sngan", ADVLATGAN, "Table 4", "advlatgan/table4/cifar10/sngan", "bare", "qua",
          "CIFAR-10, FID of an SNGAN: 25.5 ± 0.3, with -qua 22.3 ± 0.5", steps=400, lr=5e-4),
    _rows("kddgan/table2", KDDGAN, "Table 2", "kddgan/table2", "hinge", "kdd",
          "CIFAR-10, FID of BigGAN: hinge 8.859, KDD 8.375", steps=120, width=8, lr=5e-4),
    Target(
        "adaptivemix/table2-thin", ADAPTIVEMIX, "Tables 2, 3, 4", "AdaptiveMix on a thin DCGAN: along training, and is D flatter?",
        "07_adaptivemix_images",
        (
            Direction("kd_mean", "WGAN + AdaptiveMix", "mean FID over training falls from 106.81 to 39.52", "WGAN", "lower"),
            Direction("kd_sd", "WGAN + AdaptiveMix", "its spread over training falls from 21.79 to 7.85", "WGAN", "lower"),
            Direction("kd_min", "WGAN + AdaptiveMix", "its minimum falls from 55.96 to 30.85", "WGAN", "lower"),
            Direction("kd_min", "WGAN + AdaptiveMix", "better than WGAN-GP on the same net (30.85 against 38.63)", "WGAN-GP", "lower"),
            Direction("stretch_real", "DCGAN + AdaptiveMix", "D stretches pairs of reals less (3.167 to 1.391)", "DCGAN", "lower"),
            Direction("stretch_free_real", "DCGAN + AdaptiveMix", "our control: so it does when features are measured in their own size",
                      "DCGAN", "lower"),
        ),
        note="Handwritten digits at 16 pixels and a kernel distance on small features: nothing here shares a column with the paper.",
    ),
    Target(
        "kddgan/table1-thin", KDDGAN, "Tables 1, 2", "KDD on a thin BigGAN: temperatures, copies, equal work", "08_kdd_images",
        (
            Direction("kd_small", "KDD", "KDD is closer to the data than the hinge (FID 8.422 against 8.751)", "hinge", "lower"),
            Direction("kd_small", "KDD", "temperature 1 is better than 0.05 (8.422 against 8.753)", "KDD 0.05", "lower"),
            Direction("kd_small", "KDD", "and better than 5 (8.604)", "KDD 5", "lower"),
            Direction("kd_small", "KDD 0.05, no labels", "without labels KDD leads too (15.828 against 17.782)", "hinge, no labels", "lower"),
            Direction("kd_small", "KDD + DA", "three augmented copies bring it closer (6.063 against 8.375)", "KDD", "lower"),
            Direction("kd_small", "KDD + DA", "our control: also closer than a hinge that had the same work", "hinge, work of KDD + DA", "lower"),
        ),
        note="Handwritten digits at 8 pixels and a kernel distance on small features: nothing here shares a column with the paper.",
    ),
    Target(
        "advlatgan/table3-thin", ADVLATGAN, "Table 3, Fig. 8", "Samplers on a thin GAN at equal cost; step size and steps", "09_advlat_images",
        (
            Direction("own_critic", "table3 equal: AdvLatGAN-z", "moving z raises the critic's score", "table3 equal: bare", "higher"),
            Direction("held_out", "table3 equal: AdvLatGAN-z", "our control: a critic that did not move z agrees", "table3 equal: bare", "higher"),
            Direction("kd_small", "table3 equal: AdvLatGAN-z", "moved samples are closer to the data (FID 31.891 against 37.059)",
                      "table3 equal: bare", "lower"),
            Direction("kd_small", "table3 equal: AdvLatGAN-z", "closer than DOT's at equal cost (31.891 against 36.769)",
                      "table3 equal: DOT", "lower"),
            Direction("coverage", "fig8: eps 0.05, 0.25 L steps", "a few steps raise coverage", "fig8: eps 0.05, 0 L steps", "higher"),
            Direction("coverage", "fig8: eps 0.2, 2 L steps", "large steps, many of them, lower it again", "fig8: eps 0.2, 0.25 L steps", "lower"),
        ),
        note="Handwritten digits, a thin net and small features stand in for STL-10 and FID; all samplers spend the same network evaluations.",
    ),
    Target(
        "advlatgan/table4-thin", ADVLATGAN, "Table 4", "-qua and -qua+ on two thin nets", "09_advlat_images",
        tuple(
            claim
            for nets, printed in (("dcgan", "46.4, 41.7, 40.2"), ("sngan", "25.5, 22.3, 18.1"))
            for claim in (
                Direction("kd_small", f"table4: {nets}/qua", f"{nets}: -qua is better than bare (CIFAR-10 FID {printed})", f"table4: {nets}/bare", "lower"),
                Direction("kd_small", f"table4: {nets}/qua+", f"{nets}: and -qua+ better than -qua", f"table4: {nets}/qua", "lower"),
                Within("score_rises", f"table4: {nets}/qua", f"{nets}: the moved latents do raise D's score", 0.9, 1.0, ours=True),
            )
        ),
        note="Handwritten digits, thin nets and small features: directions only.",
    ),
    Target(
        "advlatgan/table1", ADVLATGAN, "Table 1", "Hard pairs on images: two definitions of the ratio", "09_advlat_images",
        tuple(
            Direction(metric, f"table1: {variant}", f"{says} ({metric.removeprefix('pair_ratio_')} distances; CIFAR-10: {printed})", "table1: neighbour", better)
            for metric in ("pair_ratio_l1", "pair_ratio_l2")
            for variant, says, printed, better in (
                ("Eq. 8 (down)", "descending finds pairs that G maps together", "0.241", "lower"),
                ("inverse (up)", "ascending finds pairs that G maps apart", "4.023", "higher"),
            )
        ),
        note="The paper leaves its distances undefined; with its own code's offset of 1 the printed 4.023 is out of reach. Directions only.",
    ),
    Target(
        "advlatgan/table6-thin", ADVLATGAN, "Table 6", "-div against MSGAN, and the missing control without a search", "09_advlat_images",
        (
            Direction("coverage", "table6: div", "overall coverage rises (0.828 to 0.844)", "table6: MSGAN", "higher"),
            Direction("diversity", "table6: div", "images of one class differ more", "table6: MSGAN", "higher"),
            Direction("ratio_local", "table6: div", "our control: the search adds something to neighbours without one", "table6: neighbours", "higher"),
        ),
        note="Handwritten digits and small features; the control with neighbours is ours.",
    ),
    Target(
        "advlatgan/fig5", ADVLATGAN, "Fig. 5", "MNIST with two latent numbers: peaks and valleys of the moved density", "09_advlat_images",
        (Direction("certainty", "fig5: peaks", "images at peaks are clearer than at valleys", "fig5: valleys", "higher"),),
        note="The paper shows a picture; certainty of a small classifier is our measure.",
    ),
    Target("course/00", COURSE, "lesson", "Start here: the first GAN", "00_start_here"),
    Target("course/01", COURSE, "lesson", "A GAN on the plane: six objectives", "01_plane"),
    Target(
        "course/06", COURSE, "lesson", "Measuring generators: what each measure sees", "06_measuring",
        (
            Direction("coverage_small", "half the classes", "coverage notices missing classes", "reals", "lower"),
            Direction("coverage_small", "repeated", "coverage notices repetition", "reals", "lower"),
            Direction("fd_small", "copied", "a distance to the training set rewards copies", "reals", "lower"),
            Within("coverage_small", "reals", "a perfect generator scores 1 - 2^-5, not 1", 0.955, 0.985, ours=True),
        ),
    ),
)  # fmt: skip
TARGETS: dict[str, Target] = {t.name: t for t in ALL}


def choose(names: Sequence[str]) -> list[Target]:
    """The targets of these names, or of papers ("kddgan"); all where none is named. ValueError with a did-you-mean."""
    found = []
    for name in names:
        here = [t for t in ALL if name == t.name or name == t.name.split("/")[0]]
        if not here:
            close = difflib.get_close_matches(name, TARGETS, 1)
            raise ValueError(
                f"unknown target {name!r}: " + (f"did you mean {close[0]!r}? " if close else "") + "`gantutor targets` lists them"
            )
        found += here
    return list(dict.fromkeys(found)) if names else list(ALL)


def absent(target: Target) -> str | None:
    """Why a target cannot run here, as a sentence with the remedy; None where all that it needs is at hand."""
    if not target.needs:
        return None
    named = os.environ.get("GANTUTOR_DATA")
    places = [Path(named).expanduser()] if named else []
    if any((place / name).exists() for place in [*places, Path("data")] for name in (target.needs, f"{target.needs}.tar.xz")):
        return None
    where = f"GANTUTOR_DATA={named} holds no" if named else "GANTUTOR_DATA is not set, and ./data holds no"
    return f"{where} {target.needs}.tar.xz (or folder {target.needs}): set GANTUTOR_DATA to the folder that does"


def expected(notebook: str) -> set[tuple[str, str]]:
    """All (variant, metric) that the claims on a notebook read."""
    return {(v, c.metric) for t in ALL if t.notebook == notebook for c in t.claims for v in c.variants}
