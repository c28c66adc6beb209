"""See, understand and reproduce what makes GANs train: AdaptiveMix, AdvLatGAN and KDD GAN.

`import gantutor` loads nothing heavy; a name or a subpackage is loaded when it is first used.

>>> from gantutor import METHODS, toy
>>> from gantutor.train import train
>>> for step in train(METHODS["AdaptiveMix"], toy.nine(), seed=0, steps=20, every=10):
...     print(step.index, f"{step.d_loss.item():.1f}")
10 1.7
20 1.7
"""

from importlib import import_module

__version__ = "0.1.0"

_ROOMS = (
    "rng",
    "toy",
    "images",
    "nets",
    "turn",
    "objectives",
    "methods",
    "penalties",
    "augment",
    "recipes",
    "train",
    "metrics",
    "fields",
    "plot",
    "course",
    "reproduce",
)
_NAMES = {
    "Rng": "rng",
    "Critique": "nets",
    "Term": "turn",
    "LatentMap": "turn",
    "Turn": "turn",
    "describe": "descriptions",
    "Recipe": "recipes",
    "TOY": "recipes",
    "OBJECTIVES": "recipes",
    "METHODS": "recipes",
    "Run": "train",
    "Step": "train",
    "Diverged": "train",
    "Record": "course.records",
    "Config": "course.config",
    "check": "course.exercises",
}
__all__ = sorted({*_ROOMS, *_NAMES})


def __getattr__(name: str):
    if name in _NAMES:
        value = getattr(import_module(f"gantutor.{_NAMES[name]}"), name)
    elif name in _ROOMS:
        value = import_module(f"gantutor.{name}")
    else:
        raise AttributeError(f"module 'gantutor' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
