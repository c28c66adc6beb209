"""Where a run's turns get their real batches from."""

from torch import Tensor

from gantutor.images import Epochs
from gantutor.nets import classes_of


class Reals:
    """Real batches of a run: drawn with replacement, or in shuffled epochs (`Recipe.order`).

    Each call gives images and labels (None for nets without classes), after the recipe's `inputs`.
    """

    def __init__(self, run):
        self.run, self.labelled = run, classes_of(run.recipe.nets) > 0
        self.epochs = None
        if run.recipe.order == "epochs":
            self.epochs = Epochs(
                run.data, run.batch, run.rng.seeds[0], run.rng.device, run.rank, run.world
            )
        # batches whose labels the fakes have taken already
        self._waiting: list[tuple[Tensor, Tensor | None]] = []
        # for a captured step, which reads its batches from the same tensors each time
        self._fed: list[tuple[Tensor, Tensor]] = []
        self._next = None

    def __call__(self) -> tuple[Tensor, Tensor | None]:
        """The next batch and its labels."""
        return self._waiting.pop(0) if self._waiting else self._draw()

    def labels(self, n: int) -> Tensor:
        """Labels (n,) of the batch that comes next, which waits until it is asked for."""
        self._waiting.append(self._draw())
        return repeated(self._waiting[-1][1], n)

    def _draw(self) -> tuple[Tensor, Tensor | None]:
        run = self.run
        if self._next is not None:
            x, y = next(self._next)
        elif self.epochs is not None:
            x, y = self.epochs()
        elif self.labelled:
            x, y = run.data.batch(run.batch, run.rng)
        else:
            x, y = run.data.sample(run.batch, run.rng), None
        for change in run.recipe.inputs:
            x = change(x, run.rng, run.now)
        return x, y if self.labelled else None

    def feed(self) -> None:
        """Copy the next step's batches into the tensors that a captured step reads."""
        if self.epochs is None:
            return
        recipe = self.run.recipe
        new = [self.epochs() for _ in range(recipe.accumulate * recipe.n_dis)]
        if not self._fed:
            self._fed = [(x.clone(), y.clone()) for x, y in new]
        for (x, y), (new_x, new_y) in zip(self._fed, new, strict=True):
            x.copy_(new_x)
            y.copy_(new_y)

    def rewind(self) -> None:
        """Start again with the first of the batches that were fed."""
        self._next = iter(self._fed) if self.epochs is not None else None


def repeated(y: Tensor, n: int) -> Tensor:
    """Labels (n,): those of y (m,), from the start again where m is smaller."""
    return y.repeat(-(-n // len(y)))[:n]
