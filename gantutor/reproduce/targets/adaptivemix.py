"""The figures and tables of the AdaptiveMix paper that lessons answer."""

from gantutor.reproduce.claims import Direction
from gantutor.reproduce.targets.target import ADAPTIVEMIX, Target, image_targets

FIG3 = Target(
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
    note="The paper shows pictures without numbers and does not give the full recipe. The "
    "authors' code also replaces the score by a sum of logits that the paper does not mention: "
    'see the variant "logit sum only".',
)
TABLE2_THIN = Target(
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
            printed=(39.52, 106.81),
        ),
        Direction(
            "kd_sd",
            "WGAN + AdaptiveMix",
            "its spread over training falls from 21.79 to 7.85",
            "WGAN",
            "lower",
            printed=(7.85, 21.79),
        ),
        Direction(
            "kd_min",
            "WGAN + AdaptiveMix",
            "its minimum falls from 55.96 to 30.85",
            "WGAN",
            "lower",
            printed=(30.85, 55.96),
        ),
        Direction(
            "kd_min",
            "WGAN + AdaptiveMix",
            "better than WGAN-GP on the same net (30.85 against 38.63)",
            "WGAN-GP",
            "lower",
            printed=(30.85, 38.63),
        ),
        Direction(
            "stretch_real",
            "DCGAN + AdaptiveMix",
            "D stretches pairs of reals less (3.167 to 1.391)",
            "DCGAN",
            "lower",
            printed=(1.391, 3.167),
        ),
        Direction(
            "stretch_free_real",
            "DCGAN + AdaptiveMix",
            "our control: also when features are measured in units of their own size",
            "DCGAN",
            "lower",
        ),
    ),
    note="Handwritten digits at 16 pixels and a kernel distance on small features: no value here "
    "is comparable with a number in the paper.",
)
TARGETS: tuple[Target, ...] = (
    FIG3,
    *image_targets(
        ADAPTIVEMIX,
        "adaptivemix",
        "Table 2",
        "adaptivemix",
        "CIFAR-10, mean FID over training: WGAN 106.81 ± 21.79, with AdaptiveMix 39.52 ± 7.85",
        (39.52, 106.81),
    ),
    TABLE2_THIN,
)
