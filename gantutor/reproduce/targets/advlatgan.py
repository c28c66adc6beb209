"""The figures and tables of the AdvLatGAN paper that lessons answer."""

from gantutor.reproduce.claims import Claim, Direction, Within
from gantutor.reproduce.targets.target import ADVLATGAN, Target, image_targets


def _fig9_claims() -> tuple[Claim, ...]:
    said = (
        ("high_quality", "AdvLatGAN-z", "moving z brings more samples onto modes"),
        ("critic_score", "AdvLatGAN-z", "and raises the critic's score"),
        ("held_out_score", "AdvLatGAN-z", "our control: a critic that did not move z agrees"),
        ("high_quality", "AdvLatGAN-qua", "training with moved z brings more samples onto modes"),
    )
    return tuple(
        Direction(metric, f"{data}: {variant}", f"{data}: {words}", f"{data}: raw", "higher")
        for data in ("grid", "ring")
        for metric, variant, words in said
    )


FIG9 = Target(
    "advlatgan/fig9",
    ADVLATGAN,
    "Fig. 9",
    "Grid and ring: samples before and after moving the latent",
    "04_advlat",
    _fig9_claims(),
    note='The caption says "-qua", the text describes the "-z" experiment: both are run.',
)
TABLE1_TOY = Target(
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
            printed=(0.241, 4.023),
        ),
    ),
    note="On the plane, while the paper uses images and does not define its distances: only "
    "directions are compared, no numbers.",
)
TABLE3_THIN = Target(
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
            printed=(31.891, 37.059),
        ),
        Direction(
            "kd_small",
            "table3 equal: AdvLatGAN-z",
            "closer than DOT's at equal cost (31.891 against 36.769)",
            "table3 equal: DOT",
            "lower",
            printed=(31.891, 36.769),
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
    note="Handwritten digits, a thin net and small features stand in for STL-10 and FID; all "
    "samplers spend the same network evaluations.",
)


def _table4_claims() -> tuple[Claim, ...]:
    found = []
    for nets, fids in (("dcgan", (46.4, 41.7, 40.2)), ("sngan", (25.5, 22.3, 18.1))):
        printed = ", ".join(map(str, fids))
        plain, once, twice = fids
        bare, qua, plus = (f"table4: {nets}/{name}" for name in ("bare", "qua", "qua+"))
        better = f"{nets}: -qua is better than bare (CIFAR-10 FID {printed})"
        more = f"{nets}: and -qua+ better than -qua"
        rises = f"{nets}: the moved latents do raise D's score"
        found += [
            Direction("kd_small", qua, better, bare, "lower", (once, plain)),
            Direction("kd_small", plus, more, qua, "lower", (twice, once)),
            Within("score_rises", qua, rises, 0.9, 1.0, ours=True),
        ]
    return tuple(found)


TABLE4_THIN = Target(
    "advlatgan/table4-thin",
    ADVLATGAN,
    "Table 4",
    "-qua and -qua+ on two thin nets",
    "09_advlat_images",
    _table4_claims(),
    note="Handwritten digits, thin nets and small features: directions only.",
)


def _table1_claims() -> tuple[Claim, ...]:
    said = (
        ("Eq. 8 (down)", "descending finds pairs that G maps together", "0.241", "lower"),
        ("inverse (up)", "ascending finds pairs that G maps apart", "4.023", "higher"),
    )
    return tuple(
        Direction(
            f"pair_ratio_{norm}",
            f"table1: {variant}",
            f"{words} ({norm} distances; CIFAR-10: {printed})",
            "table1: neighbour",
            better,
        )
        for norm in ("l1", "l2")
        for variant, words, printed, better in said
    )


TABLE1 = Target(
    "advlatgan/table1",
    ADVLATGAN,
    "Table 1",
    "Hard pairs on images: two definitions of the ratio",
    "09_advlat_images",
    _table1_claims(),
    note="The paper does not define its distances; with the offset of 1 in its own code the "
    "printed 4.023 is out of reach. Directions only.",
)
TABLE6_THIN = Target(
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
            printed=(0.844, 0.828),
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
)
FIG5 = Target(
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
)
TARGETS: tuple[Target, ...] = (
    FIG9,
    TABLE1_TOY,
    *image_targets(
        ADVLATGAN,
        "advlatgan",
        "Table 4",
        "advlat",
        "CIFAR-10, FID of a DCGAN: 46.4 ± 0.7, with AdvLatGAN-qua 41.7 ± 1.0",
        (41.7, 46.4),
    ),
    TABLE3_THIN,
    TABLE4_THIN,
    TABLE1,
    TABLE6_THIN,
    FIG5,
)
