"""The rows on the screen: a card for each, with its pictures and its measurements."""

from collections.abc import Callable

import ipywidgets as widgets

from gantutor.course.lab.canvas import canvas
from gantutor.course.lab.labels import label
from gantutor.course.lab.look import Seen
from gantutor.course.lab.parts import closed
from gantutor.course.lab.picture import alt, colour
from gantutor.course.lab.rows import LabRow
from gantutor.course.lab.session import Session
from gantutor.course.lab.timeline import Timeline


class Cards:
    """A card for each row, side by side; `on_message` gets what their canvases send."""

    def __init__(self, on_message: Callable[[dict], None]):
        self._on_message, self._mode = on_message, "point"
        self.cards: list[RowCard] = []
        self.box = widgets.HBox().add_class("gt-cards")

    def draw(self, on: bool) -> None:
        """Let the pointer draw on the pictures, or click there."""
        self._mode = "draw" if on else "point"
        for card in self.cards:
            card.plane.mode = self._mode

    def show(self, session: Session, pictures: dict[str, bytes], looks: list[Seen]) -> None:
        """Show the rows' pictures, by the names that `picture.Screen` gives them."""
        timeline = session.timeline
        self._fit([row.name for row in timeline.rows])
        features = "features" in session.view.layers
        for i, (row, seen) in enumerate(zip(timeline.rows, looks, strict=True)):
            card = self.cards[i]
            card.second.layout.display = None if features else "none"
            card.show(row, timeline, seen, pictures[str(i)], pictures.get(f"f{i}"))

    def _fit(self, names: list[str]) -> None:
        """As many cards as there are rows."""
        if [card.name for card in self.cards] == names:
            return
        while len(self.cards) > len(names):
            self.cards.pop().close()
        while len(self.cards) < len(names):
            self.cards.append(RowCard(len(self.cards), self._mode, self._on_message))
        for card, name in zip(self.cards, names, strict=True):
            card.name = name
        self.box.children = [card.box for card in self.cards]

    def close(self) -> None:
        """Take all cards off the page."""
        for card in self.cards:
            card.close()


class RowCard:
    """One row on the screen: name, plane, feature space, measurements."""

    def __init__(self, index: int, mode: str, on_message: Callable[[dict], None]):
        self.name, self.index = "", index
        self.title = widgets.HTML().add_class("gt-title")
        self.plane = canvas(mode=mode, on_message=on_message).add_class("gt-plane")
        self.second = canvas().add_class("gt-features")
        self.note = widgets.HTML().add_class("gt-note")
        self.box = widgets.VBox([self.title, self.plane, self.second, self.note])
        self.box.add_class("gt-card").add_class(f"gt-row-{index}")

    def show(
        self, row: LabRow, timeline: Timeline, seen: Seen, plane: bytes, second: bytes | None
    ) -> None:
        """Show the row as it is now."""
        self.title.value = label("title", row.name, colour(self.index), seen.raw)
        self.plane.alt = alt(row, timeline)
        self.plane.image = plane
        if second is not None:
            self.second.alt = f"{row.name}: features of reals, fakes and mixtures on two fixed axes"
            self.second.image = second
        curve = timeline.curve(row.name)
        last, modes = curve[-1] if curve else None, timeline.truth["modes"]
        self.note.value = label("note", last, modes, seen.note, row.failed)

    def close(self) -> None:
        """Take the card off the page."""
        closed(self.box)
