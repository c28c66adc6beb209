"""An image set as points in a space with one axis for each pixel."""

from torch import Tensor

from gantutor.images.sets import ImageSet
from gantutor.rng import Rng


class Vectors:
    """The images of a set as vectors (n, pixels), drawn for several seeds at once too.

    They are for nets without convolutions (`gantutor.nets.pixels.PixelMlp`). All images are kept in
    memory as float32.

    >>> from gantutor.images import open_images
    >>> data = Vectors(open_images("digits", size=8))
    >>> data.shape, data.sample(5, [0, 1]).shape, data.pictures(data.sample(5, 0)).shape
    ((64,), torch.Size([2, 5, 64]), torch.Size([5, 1, 8, 8]))
    """

    def __init__(self, images: ImageSet):
        self.name, self.digest = f"{images.name} as vectors", images.digest
        self.image_shape = images.shape
        self._rows = images.floats().flatten(1)

    @property
    def shape(self) -> tuple[int]:
        """Of a sample: (pixels,)."""
        return (self._rows.shape[1],)

    def sample(self, n: int, rng) -> Tensor:
        """Draw n images with replacement, (n, pixels) in [-1, 1], or (seeds, n, pixels)."""
        rng = Rng.of(rng)
        index = rng.randint(len(self._rows), n)
        return self._rows[index.to(self._rows.device)].to(rng.device)

    def pictures(self, rows: Tensor) -> Tensor:
        """Vectors (..., pixels) as images (..., C, H, W)."""
        return rows.unflatten(-1, self.image_shape)
