"""Whether recipe, data and processes fit together, and nets that take their reach from the data."""

from types import FunctionType

from gantutor.images import ImageSet
from gantutor.nets import classes_of
from gantutor.parallel import place
from gantutor.recipes import Recipe
from gantutor.rng import Rng
from gantutor.state import data_name


def fitted(recipe: Recipe, data) -> Recipe:
    """The recipe with nets that reach the data: `Mlp(bound="data")` gets a number.

    Raises ValueError where a fixed bound is too small for the data, and for what is no data.
    """
    if isinstance(data, FunctionType | type):
        name = data.__name__
        raise ValueError(f"data={name}: this is a {type(data).__name__}; call it: {name}()")
    if not hasattr(data, "sample"):
        raise ValueError(f"data={data!r}: expected data with sample(n, rng), as of toy.ring()")
    fit = getattr(recipe.nets, "fitted", None)
    return recipe if fit is None else recipe.but(nets=fit(data))


def checked(recipe: Recipe, data, rng: Rng) -> Recipe:
    """The recipe itself; raises ValueError for what shows only once all are together."""
    classes = classes_of(recipe.nets)
    if len(set(rng.seeds)) < len(rng.seeds):
        raise ValueError(
            f"seeds={list(rng.seeds)}: a seed that occurs twice trains the very same nets twice"
        )
    theirs, mine = getattr(data, "shape", None), getattr(recipe.nets, "shape", None)
    if theirs is not None and mine is not None and tuple(theirs) != tuple(mine):
        raise ValueError(
            f"nets for {_sized(mine)}, and {data_name(data)} has {_sized(theirs)}: give the nets "
            "that size and those channels, or take other nets"
        )
    if classes and not hasattr(data, "batch"):
        raise ValueError(
            f"nets with classes={classes} need labelled data, and {data_name(data)} has none"
        )
    if classes and len(data.classes) > classes:
        raise ValueError(
            f"nets with classes={classes} for {len(data.classes)} classes of {data_name(data)}: "
            "give the nets as many"
        )
    if recipe.order == "epochs" and (not isinstance(data, ImageSet) or rng.stacked):
        raise ValueError(
            "order='epochs' goes through an image set for one seed; on the plane use "
            "order='replacement'"
        )
    _check_parts(recipe)
    return recipe


def _check_parts(recipe: Recipe) -> None:
    parts = place()[1] * recipe.accumulate
    sizes = recipe.batch, recipe.g_batch or recipe.batch
    if any(n % parts or n // parts < 2 for n in sizes):
        raise ValueError(
            f"batch={recipe.batch}, g_batch={recipe.g_batch} in {parts} parts (processes x "
            "accumulate): expected parts of equal size, 2 or more samples each"
        )


def _sized(shape: tuple[int, ...]) -> str:
    """A sample's shape in words."""
    if len(shape) != 3:
        return "points of the plane" if tuple(shape) == (2,) else f"samples of shape {tuple(shape)}"
    channels, height, width = shape
    return f"{height}x{width} images of {channels} channel(s)"
