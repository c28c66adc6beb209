"""Feeding a run with images, from device memory or gathered ahead by a thread.

>>> from gantutor.images import open_images
>>> feed = Epochs(open_images("digits", size=8), batch=64)
>>> x, y = feed()
>>> x.shape, feed.position, feed.per_epoch
(torch.Size([64, 1, 8, 8]), 1, 23)
"""

import queue
import threading
import weakref

import numpy as np
import torch
from torch import Tensor

from gantutor.plain import whole


def serve(images, device: str | torch.device):
    """Return the ImageSet in the place from which its batches are drawn fastest.

    That is the memory of a CUDA device if the set needs at most half of what is free there.
    """
    if torch.device(device).type != "cuda":
        return images
    free, _ = torch.cuda.mem_get_info(device)
    size = len(images) * int(np.prod(images.shape))
    return images.to(device) if size <= free // 2 else images


class Epochs:
    """Batches in a new random order each epoch; an incomplete last batch is dropped.

    A call returns the next batch, x float32 (batch, C, H, W) in [-1, 1] and y int64 (batch,), on
    `device`. Batch number `position` depends only on the seed and that number, so saving and
    setting `position` resumes exactly. Each of `world` ranks gets its own rows of the same global
    batch of `batch * world` images.

    If the images are on the host and the device is CUDA (or with `thread=True`), a thread gathers
    up to `ahead` batches in advance, in pinned memory for CUDA. It ends with `close`, and when the
    object is garbage. Raises ValueError if the set is smaller than the global batch.
    """

    def __init__(
        self,
        images,
        batch: int,
        seed: int = 0,
        device: str | torch.device = "cpu",
        rank: int = 0,
        world: int = 1,
        ahead: int = 2,
        thread: bool | None = None,
    ):
        batch, seed = whole("batch", batch), whole("seed", seed)
        rank, world, ahead = whole("rank", rank), whole("world", world), whole("ahead", ahead)
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed={seed}: expected a whole number from 0 and below 2**64")
        if batch < 1 or not 0 <= rank < world or ahead < 0:
            raise ValueError(
                f"batch={batch}, rank={rank}, world={world}, ahead={ahead}: "
                "expected batch >= 1, 0 <= rank < world, ahead >= 0"
            )
        if len(images) < batch * world:
            raise ValueError(
                f"{len(images)} images in {images.name}: "
                f"fewer than one batch of {batch} on {world} rank(s)"
            )
        self.device, self.ahead = torch.device(device), ahead
        on_host = not isinstance(images.images, Tensor) or images.images.device.type == "cpu"
        self.threaded = ahead > 0 and (
            on_host and self.device.type == "cuda" if thread is None else thread
        )
        self._batches = _Batches(
            images, batch, seed, rank, world, pinned=on_host and self.device.type == "cuda"
        )
        self._position, self._stop = 0, None

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return self._batches.per_epoch

    @property
    def position(self) -> int:
        """The number of batches returned so far; set it to continue from there."""
        return self._position

    @position.setter
    def position(self, value: int) -> None:
        value = whole("position", value, 0)
        self.close()
        self._position = value

    def __call__(self) -> tuple[Tensor, Tensor]:
        if not self.threaded:
            x, y = self._batches(self._position)
        else:
            if self._stop is None:
                self._begin()
            x, y = self._ready.get()
            if isinstance(y, BaseException):
                self.close()
                raise y
            self._slots.release()
        self._position += 1
        x, y = (t.to(self.device, non_blocking=True) for t in (x, y))
        return x.float() / 127.5 - 1, y

    def close(self) -> None:
        """End the thread; the next call starts another."""
        if self._stop is not None:
            self._stop()
            self._worker.join()
            self._stop = None

    def _begin(self) -> None:
        self._ready, self._slots = queue.SimpleQueue(), threading.Semaphore(self.ahead)
        over = threading.Event()
        # the thread must not refer to this object, or it would never become garbage
        known = (self._batches, self._position, self._ready, self._slots, over)
        self._worker = threading.Thread(target=_gather, args=known, daemon=True)
        self._stop = weakref.finalize(self, _end, over, self._slots)
        self._worker.start()


def _gather(
    batches: "_Batches",
    position: int,
    ready: queue.SimpleQueue,
    slots: threading.Semaphore,
    over: threading.Event,
) -> None:
    while slots.acquire() and not over.is_set():
        try:
            ready.put(batches(position))
        except BaseException as error:  # raised again by the call that asks for the batch
            ready.put((None, error))
            return
        position += 1


def _end(over: threading.Event, slots: threading.Semaphore) -> None:
    over.set()
    slots.release()


class _Batches:
    """Batch k as uint8 images and labels, where the set is or in pinned memory."""

    def __init__(self, images, batch: int, seed: int, rank: int, world: int, pinned: bool):
        self.images, self.batch, self.seed = images, batch, seed
        self.rank, self.world, self.pinned = rank, world, pinned
        self.per_epoch = len(images) // (batch * world)
        self.epoch, self.order = -1, None

    def __call__(self, k: int) -> tuple[Tensor, Tensor]:
        epoch, k = divmod(k, self.per_epoch)
        if epoch != self.epoch:
            # seed and epoch are mixed into one number, so that neighbouring seeds share no epochs;
            # the order is drawn on the CPU, so that it is the same on every device
            mixed = np.random.SeedSequence([self.seed, epoch]).generate_state(1, np.uint64)[0]
            generator = torch.Generator().manual_seed(int(mixed))
            order = torch.randperm(len(self.images), generator=generator)
            self.epoch, self.order = epoch, order.to(self.images.labels.device)
        begin = (k * self.world + self.rank) * self.batch
        index = self.order[begin : begin + self.batch]
        x, y = self.images.bytes(index), self.images.labels[index]
        return (x.pin_memory(), y.pin_memory()) if self.pinned else (x, y)
