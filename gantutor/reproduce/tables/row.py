"""A row of a paper's table."""

import dataclasses
from dataclasses import dataclass

from gantutor.recipes import Recipe
from gantutor.turn import LatentMap


@dataclass(frozen=True)
class Row:
    """One row of one table: what to train, on what, for how long, and how the paper judged it.

    name: paper/table/.../row.
    recipe: what is trained.
    data: the image set, by its name in `open_images`.
    size: side of the images.
    steps: updates of G.
    split: the part of the data to train on.
    fit: how images become square, as in `open_images`.
    keep: the share of the images that instance selection keeps.
    sampler: moves latents when sampling; None: bare sampling.
    norm: which statistics batch norm uses when sampling, as in `Run.sample`.
    n_fake: number of fakes in the FID.
    reference: the split, all of which these fakes are compared with.
    note: what is not known, and which choices are ours.
    """

    name: str
    recipe: Recipe
    data: str
    size: int
    steps: int
    split: str = "train"
    fit: str = "crop"
    keep: float = 1.0
    sampler: LatentMap | None = None
    norm: str = "running"
    n_fake: int = 50_000
    reference: str = "train"
    note: str = ""

    def thinner(self, by: int, batch: int, data: str = "digits") -> "Row":
        """The same row with nets `by` times thinner and batches of `batch`, on other data.

        A test can afford to run it, and it still has the row's mechanism.
        """
        r = self.recipe
        nets = dataclasses.replace(r.nets, **thinned(r.nets, 1 / by))
        recipe = r.but(nets=nets, batch=batch, g_batch=r.g_batch and 2 * batch)
        return dataclasses.replace(self, recipe=recipe, data=data)


def thinned(nets, factor: float) -> dict:
    """The widths of nets times a factor, each at least 4, as fields for `dataclasses.replace`.

    >>> from gantutor.nets.dcgan import Dcgan
    >>> thinned(Dcgan(width=64), 1 / 4)
    {'width': 16}
    """

    def thin(width: int) -> int:
        return width and max(4, round(width * factor))

    found = {}
    for name in ("width", "g_widths", "d_widths", "shared"):
        if hasattr(nets, name):
            value = getattr(nets, name)
            found[name] = tuple(map(thin, value)) if isinstance(value, tuple) else thin(value)
    return found
