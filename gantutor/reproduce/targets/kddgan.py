"""The figures and tables of the KDD GAN paper that lessons answer."""

from gantutor.reproduce.claims import Direction, Within
from gantutor.reproduce.targets.target import KDDGAN, Target, image_targets

OUR_POINTS = "The paper prints no numbers and no positions; the point clouds are ours."
FIG1 = Target(
    "kddgan/fig1",
    KDDGAN,
    "Fig. 1",
    "Gradient fields: the hinge pushes all fakes alike, KDD each in its own direction",
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
            "angle_median_deg",
            "KDD",
            "KDD's arrows point in different directions",
            "hinge",
            "higher",
        ),
    ),
    note=OUR_POINTS,
)
FIG3 = Target(
    "kddgan/fig3",
    KDDGAN,
    "Fig. 3",
    "200 steps of G against a frozen discriminator",
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
    note=OUR_POINTS,
)
TABLE1_THIN = Target(
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
            printed=(8.422, 8.751),
        ),
        Direction(
            "kd_small",
            "KDD",
            "temperature 1 is better than 0.05 (8.422 against 8.753)",
            "KDD 0.05",
            "lower",
            printed=(8.422, 8.753),
        ),
        Direction(
            "kd_small",
            "KDD",
            "and better than 5 (8.604)",
            "KDD 5",
            "lower",
            printed=(8.422, 8.604),
        ),
        Direction(
            "kd_small",
            "KDD 0.05, no labels",
            "KDD is also better without labels (15.828 against 17.782)",
            "hinge, no labels",
            "lower",
            printed=(15.828, 17.782),
        ),
        Direction(
            "kd_small",
            "KDD + DA",
            "three augmented copies bring it closer (6.063 against 8.375)",
            "KDD",
            "lower",
            printed=(6.063, 8.375),
        ),
        Direction(
            "kd_small",
            "KDD + DA",
            "our control: also closer than a hinge that had the same work",
            "hinge, work of KDD + DA",
            "lower",
        ),
    ),
    note="Handwritten digits at 8 pixels and a kernel distance on small features: no value here "
    "is comparable with a number in the paper.",
)
TARGETS: tuple[Target, ...] = (
    FIG1,
    FIG3,
    *image_targets(
        KDDGAN,
        "kddgan",
        "Table 2",
        "kdd",
        "CIFAR-10, FID: hinge 8.859, KDD 8.375",
        (8.375, 8.859),
        against="hinge",
    ),
    TABLE1_THIN,
)
