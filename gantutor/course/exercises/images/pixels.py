"""Exercise images.pixels: from a picture's bytes to the numbers in [-1, 1] that nets see."""

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane
from gantutor.rng import Rng


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
            "Your numbers run from 0 to 1. G ends in a tanh, which reaches -1, so D could "
            "recognise the fakes by their dark pixels alone.",
            lambda x: _first(x) / 255,
        ),
        Symptom(
            "128",
            "White becomes 0.992 instead of 1. Bytes run from 0 to 255, so half-way between black "
            "and white is 127.5.",
            lambda x: _first(x) / 128 - 1,
        ),
        Symptom(
            "bytes wrap",
            "Bright pixels come out dark: a byte cannot hold more than 255, so 2 * 200 becomes "
            "144. Convert the bytes to floats before you calculate.",
            lambda x: 2 * _first(x) / 255 - 1,
        ),
        Symptom(
            "reshaped",
            "The pixels are in the wrong order: `reshape` and `view` leave the bytes where they "
            "are and only relabel them. Use `permute` to move an axis.",
            lambda x: (x.float() / 127.5 - 1).reshape(len(x), x.shape[3], *x.shape[1:3]),
        ),
        Symptom(
            "mirrored",
            "Rows and columns are swapped, so the picture is on its side. Only the channels move: "
            "(n, H, W, C) to (n, C, H, W).",
            lambda x: x.permute(0, 3, 2, 1) / 127.5 - 1,
        ),
        Symptom(
            "standardised",
            "You subtract the batch's mean and divide by its spread. Then each picture's numbers "
            "depend on the other pictures and leave [-1, 1].",
            lambda x: (_first(x).float() - x.float().mean()) / x.float().std(),
        ),
        Symptom(
            "still bytes",
            "The axes are right, but the numbers are still bytes from 0 to 255.",
            _first,
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
