"""The recipes of notebook 05: a baseline for images and each paper's method on it."""

from gantutor.methods import IFGSM, KDD, AdaptiveMix
from gantutor.objectives import Hinge, NonSaturating
from gantutor.recipes import Adam, Recipe


def image_methods(nets, lr: float = 1e-3, batch: int = 32) -> dict[str, Recipe]:
    """A baseline for images, the three methods on it and KDD's own baseline, by name."""
    base = Recipe(
        nets,
        NonSaturating(),
        g_opt=Adam(lr, (0.5, 0.999)),
        d_opt=Adam(lr, (0.5, 0.999)),
        batch=batch,
    )
    return {
        "baseline": base,
        # Eq. 2 as printed, with noise in units of the features
        "adaptivemix": base.but(terms=(AdaptiveMix(noise_scale="rms"),)),
        "advlat": base.but(latent=IFGSM(eps=0.03, steps=1, mode="train_frozen")),
        "kdd": base.but(objective=KDD(tau=1.0)),
        # what KDD is measured against: the same losses on a learned score
        "hinge": base.but(objective=Hinge()),
    }
