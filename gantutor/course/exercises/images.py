"""Exercises of notebook 05: bytes to numbers, three methods in one recipe, a difference with its error, the middle of a straight walk."""

import dataclasses

import numpy as np
import torch

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.descriptions import describe
from gantutor.fields import plane
from gantutor.nets.dcgan import Dcgan
from gantutor.recipes import image_methods
from gantutor.rng import Rng


# -- images.pixels -------------------------------------------------------------------------------------------------------
def pixels(pictures):
    """Bytes (n, H, W, C) as numbers in [-1, 1], (n, C, H, W): channel by channel."""
    x = pictures.numpy().astype(np.float64)
    return np.stack([2 * x[..., c] / 255 - 1 for c in range(x.shape[-1])], 1)


def _pixels_cases(rng: Rng):
    n, side, channels = (
        int(rng.randint(3, 1)) + 1,
        int(rng.randint(5, 1)) + 3,
        (3, 3, 1)[int(rng.randint(3, 1))],
    )
    x = rng.randint(256, n, side, side, channels)
    x[0, 0, 0, 0], x[0, -1, -1, -1] = 0, 255
    return (x.to(torch.uint8),)


def _first(x):
    return x.permute(0, 3, 1, 2)


def _pixels_field(f):
    """A picture of a ball on a slope, its three channels averaged."""
    x, y = plane(1.0, 24).reshape(24, 24, 2).flip(0).unbind(-1)
    light = (0.5 + 0.4 * x)[..., None] * torch.tensor([1.0, 0.8, 0.6])
    disc = ((x - 0.1).square() + (y - 0.2).square() < 0.25)[..., None]
    picture = torch.where(
        disc, torch.tensor([0.9, 0.2, 0.1]) * (1.1 - x.square())[..., None], light
    )
    shown = np.asarray(f((picture.clamp(0, 1) * 255).to(torch.uint8)[None]))
    return shown.astype(float)[0].mean(0)[::-1]  # rows of a map go upwards


PIXELS = Exercise(
    name="images.pixels",
    title="From the bytes of a file to what the nets see",
    points=1,
    minutes=6,
    reference=pixels,
    cases=_pixels_cases,
    symptoms=(
        Symptom(
            "0 to 1",
            "Your numbers run from 0 to 1. G ends in a tanh, which reaches -1: D would tell the fakes by their dark pixels alone.",
            lambda x: _first(x) / 255,
        ),
        Symptom(
            "128",
            "White becomes 0.992 and not 1. Bytes run from 0 to 255, so the middle between black and white is 127.5.",
            lambda x: _first(x) / 128 - 1,
        ),
        Symptom(
            "bytes wrap",
            "Bright pixels come out dark: a byte cannot hold more than 255, 2 * 200 becomes 144. Turn bytes into floats before you calculate.",
            lambda x: 2 * _first(x) / 255 - 1,
        ),
        Symptom(
            "reshaped",
            "The pixels are read in another order: `reshape` and `view` keep the bytes where they are and only count anew. Moving an axis is `permute`.",
            lambda x: (x.float() / 127.5 - 1).reshape(len(x), x.shape[3], *x.shape[1:3]),
        ),
        Symptom(
            "mirrored",
            "Rows and columns have changed places, so the picture lies on its side. Only the channels move: (n, H, W, C) to (n, C, H, W).",
            lambda x: x.permute(0, 3, 2, 1) / 127.5 - 1,
        ),
        Symptom(
            "standardised",
            "You take off the batch's mean and divide by its spread. Then the numbers depend on the other pictures, and leave [-1, 1].",
            lambda x: (_first(x).float() - x.float().mean()) / x.float().std(),
        ),
        Symptom(
            "still bytes", "The axes are right, the numbers are still bytes from 0 to 255.", _first
        ),
    ),
    properties=(
        Property(
            "range",
            "Black must be -1 and white 1, exactly.",
            lambda rng: [(torch.full((1, 2, 2, 3), v, dtype=torch.uint8),) for v in (0, 255)],
            lambda cases, v: np.allclose(v[0], -1) and np.allclose(v[1], 1),
        ),
    ),
    field=_pixels_field,
)


# -- images.all_three ----------------------------------------------------------------------------------------------------
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
            'KDD and AdvLatGAN are in it, AdaptiveMix is not. It is a term: look at `methods["adaptivemix"].terms`.',
            lambda m: m["kdd"].but(latent=m["advlat"].latent),
        ),
        Symptom(
            "AdvLatGAN lost",
            "KDD and AdaptiveMix are in it, AdvLatGAN is not. It sits in the part `latent`.",
            lambda m: m["kdd"].but(terms=m["adaptivemix"].terms),
        ),
        Symptom(
            "KDD lost",
            "AdaptiveMix and AdvLatGAN are in it, the objective is still the baseline's. KDD is an objective.",
            lambda m: m["adaptivemix"].but(latent=m["advlat"].latent),
        ),
        Symptom(
            "hinge for KDD",
            "The objective is the plain hinge, on D's own score. That is KDD's baseline, not KDD.",
            lambda m: m["hinge"].but(terms=m["adaptivemix"].terms, latent=m["advlat"].latent),
        ),
        Symptom(
            "two objectives",
            "Two objectives are added up. That is the paper's *Joint* loss and another experiment: here KDD's objective stands alone.",
            lambda m: all_three(m).but(objective=m["baseline"].objective + m["kdd"].objective),
        ),
        Symptom(
            "only one of them",
            "This is the recipe of a single method. Start from one, and take from each other the one part that the table shows.",
            lambda m: m["kdd"],
        ),
    ),
)


# -- images.paired -------------------------------------------------------------------------------------------------------
def paired(a, b):
    """Mean of b - a over seeds, and its standard error, by sums."""
    gaps = [float(y) - float(x) for x, y in zip(a, b, strict=True)]
    n = len(gaps)
    mean = sum(gaps) / n
    return mean, (sum((g - mean) ** 2 for g in gaps) / (n - 1) / n) ** 0.5


def _paired_cases(rng: Rng):
    n = int(rng.randint(6, 1)) + 2
    luck = 0.3 * rng.randn(n).double()  # what a seed does to both methods
    return 1 + luck + 0.05 * rng.randn(n).double(), 0.9 + luck + 0.08 * rng.randn(n).double()


PAIRED = Exercise(
    name="images.paired",
    title="Seed by seed: a difference and its error",
    points=2,
    minutes=8,
    reference=paired,
    cases=_paired_cases,
    symptoms=(
        Symptom(
            "seeds not paired",
            "The difference is right, its error is that of two independent groups. A seed's luck is in a and in b: take b - a seed by seed first.",
            lambda a, b: ((b - a).mean(), (a.var() / len(a) + b.var() / len(b)).sqrt()),
        ),
        Symptom(
            "n for n - 1",
            "The spread is divided by n, which is too little: the mean was fitted to the same few numbers. With 3 seeds that matters.",
            lambda a, b: ((b - a).mean(), (b - a).std(correction=0) / len(a) ** 0.5),
        ),
        Symptom(
            "n - 1 twice",
            "n - 1 belongs into the spread of single differences; the error of their mean is that spread over the root of n.",
            lambda a, b: ((b - a).mean(), (b - a).std() / (len(a) - 1) ** 0.5),
        ),
        Symptom(
            "spread for error",
            "This is the spread of single seeds. The mean of n seeds is surer than one, by the root of n.",
            lambda a, b: ((b - a).mean(), (b - a).std()),
        ),
        Symptom(
            "divided by n",
            "The spread is divided by n. Errors of a mean fall with the root of n.",
            lambda a, b: ((b - a).mean(), (b - a).std() / len(a)),
        ),
        Symptom(
            "variance",
            "The error is squared: a variance. Take its root, so that it has the unit of the difference.",
            lambda a, b: ((b - a).mean(), (b - a).var() / len(a)),
        ),
        Symptom(
            "which minus which",
            "It is a - b. Asked for is b - a: below 0 when the second method has the smaller distance.",
            lambda a, b: ((a - b).mean(), (b - a).std() / len(a) ** 0.5),
        ),
        Symptom(
            "size of the gaps",
            "You average the sizes |b - a|. Then no method can ever be better, and two equal ones seem to differ.",
            lambda a, b: ((b - a).abs().mean(), (b - a).abs().std() / len(a) ** 0.5),
        ),
    ),
    properties=(
        Property(
            "luck",
            "A seed's luck that is in both methods must not change anything.",
            lambda rng: [
                (a + c, b + c)
                for a, b in [_paired_cases(rng)]
                for c in (0.0, 5 * torch.arange(len(a)))
            ],
            lambda cases, v: np.allclose(v[0], v[1]),
        ),
    ),
)


# -- images.midpoint -----------------------------------------------------------------------------------------------------
def _is(*values):
    return lambda v: any(abs(v - value) < 5e-3 * value + 1e-9 for value in values)


MIDPOINT = Exercise(
    name="images.midpoint",
    title="How long is a latent halfway down a straight line?",
    points=1,
    minutes=5,
    reference=50**0.5,
    tolerance=1e-2,
    symptoms=(
        Symptom(
            "on the shell",
            "10 is the length of both ends. Two independent latents of 100 numbers are nearly at right angles: what does the middle of that chord do?",
            _is(10.0),
        ),
        Symptom(
            "half of an end",
            "5 would be half of one latent. The other half-latent is added, nearly at right angles.",
            _is(5.0),
        ),
        Symptom(
            "square of the length",
            "That is the expected *square* of the length: each of the 100 numbers has variance 1/2. Take the root.",
            _is(50.0),
        ),
        Symptom(
            "not halved", "That is the length of the sum. The middle is half of it.", _is(200**0.5)
        ),
        Symptom(
            "cancelled",
            "The middle of z and -z would be 0. Here the ends are independent: no sum of their numbers cancels by rule.",
            _is(0.0),
        ),
        Symptom(
            "of one number",
            "That is one coordinate's standard deviation. The length is that of 100 of them.",
            _is(0.5**0.5, 0.5, 1.0),
        ),
    ),
)

EXERCISES = (PIXELS, ALL_THREE, PAIRED, MIDPOINT)
