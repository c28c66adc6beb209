"""Exercise images.all_three: one recipe that combines the three papers."""

import dataclasses

from gantutor.course.exercises.definition import Exercise, Symptom
from gantutor.course.lessons.image_methods import image_methods
from gantutor.descriptions import describe
from gantutor.nets.dcgan import Dcgan
from gantutor.rng import Rng


def all_three(methods):
    """KDD's recipe with AdaptiveMix's term and AdvLatGAN's latents."""
    taken = {"terms": methods["adaptivemix"].terms, "latent": methods["advlat"].latent}
    return dataclasses.replace(methods["kdd"], **taken)


def _methods(rng: Rng):
    width, size = (int(v) for v in 2 ** (3 + rng.randint(2, 2)))
    nets = Dcgan(width=width, size=2 * size, channels=1 + 2 * int(rng.randint(2, 1)))
    return (
        image_methods(nets, lr=1e-4 * (1 + float(rng.rand(1))), batch=8 + int(rng.randint(50, 1))),
    )


ALL_THREE = Exercise(
    name="images.all_three",
    title="One recipe with all three papers in it",
    points=2,
    minutes=6,
    reference=all_three,
    cases=_methods,
    view=describe,
    symptoms=(
        Symptom(
            "AdaptiveMix lost",
            "KDD and AdvLatGAN are in it, but AdaptiveMix is not. It is a term: look at "
            '`methods["adaptivemix"].terms`.',
            lambda m: m["kdd"].but(latent=m["advlat"].latent),
        ),
        Symptom(
            "AdvLatGAN lost",
            "KDD and AdaptiveMix are in it, but AdvLatGAN is not. It is in the field `latent`.",
            lambda m: m["kdd"].but(terms=m["adaptivemix"].terms),
        ),
        Symptom(
            "KDD lost",
            "AdaptiveMix and AdvLatGAN are in it, but the objective is still the baseline's. KDD "
            "is an objective.",
            lambda m: m["adaptivemix"].but(latent=m["advlat"].latent),
        ),
        Symptom(
            "hinge for KDD",
            "The objective is the plain hinge on D's own score. That is KDD's baseline, not KDD.",
            lambda m: m["hinge"].but(terms=m["adaptivemix"].terms, latent=m["advlat"].latent),
        ),
        Symptom(
            "two objectives",
            "You added two objectives. That is the paper's *Joint* loss, another experiment: here "
            "KDD's objective is used alone.",
            lambda m: all_three(m).but(objective=m["baseline"].objective + m["kdd"].objective),
        ),
        Symptom(
            "only one of them",
            "This is the recipe of a single method. Start from one, and take from each of the "
            "others the one part that the table shows.",
            lambda m: m["kdd"],
        ),
    ),
)
