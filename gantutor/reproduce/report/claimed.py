"""Claims with their verdicts, as the templates of lessons and of tables draw them."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gantutor.reproduce.claims import Claim, Direction, TableRow, Verdict
from gantutor.reproduce.claims.claim import few
from gantutor.reproduce.claims.page import TESTED
from gantutor.reproduce.report.conditions import several
from gantutor.reproduce.report.estimates import Estimate, estimate_of
from gantutor.reproduce.report.forest import plots
from gantutor.reproduce.report.printed import Table
from gantutor.reproduce.report.sections import Section

DAY = 24 * 60.0  # minutes
HOPELESS = "no number of seeds in reach would decide"


@dataclass(frozen=True)
class ClaimRow:
    """A claim with its verdict.

    ours, against: the values of the two variants
    name: of a table's row; "" in a lesson
    plot: the forest plot's line, None where there is nothing to draw
    said: how many seeds it rests on, both readings of its p-value, and what would decide
    note: further remarks
    """

    claim: Claim
    verdict: Verdict
    estimate: Estimate | None
    plot: Markup | None
    said: tuple[str, ...]
    note: str
    ours: str = ""
    against: str = ""
    name: str = ""

    @property
    def other(self) -> str:
        """The variant that it is compared with; "" for none."""
        return getattr(self.claim, "against", "")

    @property
    def compared(self) -> bool:
        """Whether it was judged against that variant, and not by its number."""
        return self.estimate is not None and self.estimate.kind == "direction"

    @property
    def better(self) -> str:
        directed = (Direction, TableRow) if self.other else Direction
        return self.claim.better if isinstance(self.claim, directed) else ""


def of_lesson(s: Section) -> list[ClaimRow]:
    """The claims of a figure or a lesson."""
    found = [(s, *pair, "") for pair in zip(s.target.claims, s.verdicts, strict=True)]
    return _rows(found)


def of_table(t: Table) -> list[ClaimRow]:
    """The claims of a table's rows that were judged by numbers."""
    ran = [s for s in t.sections if s.own and s.verdicts and s.verdicts[0].judged]
    return _rows([(s, s.target.claims[0], s.verdicts[0], s.row_name) for s in ran])


def _rows(found: Sequence[tuple[Section, Claim, Verdict, str]]) -> list[ClaimRow]:
    estimates = [estimate_of(claim, v, s.metric if s.row else "") for s, claim, v, _ in found]
    rows = []
    for (s, claim, v, name), e, plot in zip(found, estimates, plots(estimates), strict=True):
        ours, _, against = v.ours.partition(" against ")
        said = tuple(said_of(v, s.minutes_a_seed))
        rows.append(ClaimRow(claim, v, e, plot, said, note_of(v), ours, against, name))
    return rows


def said_of(v: Verdict, minutes_a_seed: float) -> list[str]:
    """What a word rests on and what is missing, a few words each."""
    if not v.seeds:
        return []
    failed = f", {several(v.failed, 'training')} failed" if v.failed else ""
    found = [(few(v.seeds) or several(v.seeds, "seed")) + failed]
    if v.alone:
        found.append(f"by itself: {v.alone}, p {chance(v.p)}")
    elif v.status in TESTED and v.adjusted is not None:
        alone, page = chance(v.p), chance(v.adjusted)
        too = ", over the page too" if alone == page else f"; over the page p {page}"
        found.append(f"p {alone}{too}")
    return found + list(filter(None, [lacking(v, minutes_a_seed)]))


def note_of(v: Verdict) -> str:
    """A verdict's remark without what `said_of` says already."""
    parts = v.note.split("; ")
    said = {few(v.seeds)} | {x for x in parts if x.startswith(f"{v.alone or None} by itself (p = ")}
    return "; ".join(x for x in parts if x not in said)


def lacking(v: Verdict, minutes_a_seed: float) -> str:
    """The seeds and the time that would decide; "" for a word that is decided."""
    more = more_seeds(v)
    if more is None:
        spread = v.judged is not None and v.judged.look > 1
        return HOPELESS if hopeless(v.status, spread, v.failed) else ""
    return missing(more, more * minutes_a_seed)


def hopeless(status: str, spread: bool, failed: int) -> bool:
    """Whether a claim for which no number of seeds is known is one that none would decide.

    spread: the seeds have one to tell by
    failed: so many trainings, after which seeds are not counted ahead
    """
    return status in ("undecided", "compatible") and spread and not failed


def missing(seeds: int, minutes: float) -> str:
    """What a decision still needs.

    >>> missing(23, 4.2)
    'about 23 more seeds, 4 min'
    """
    words = f"about {seeds:,} more seed{'s' * (seeds != 1)}"
    return f"{words}, {duration(minutes)}" if minutes else words


def more_seeds(v: Verdict) -> int | None:
    """How many seeds are missing; None where none is, or where no number would do."""
    return v.needed - v.seeds if v.needed is not None and v.needed > v.seeds else None


def chance(p: float) -> str:
    """A p-value with its sign.

    >>> chance(0.0304), chance(2e-9)
    ('= 0.03', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def duration(minutes: float) -> str:
    """A time in the unit that suits it.

    >>> duration(0.4), duration(4.2), duration(600), duration(90_000)
    ('under a minute', '4 min', '10 hours', '62 days')
    """
    if minutes < 1:
        return "under a minute"
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} hours" if minutes < 2 * DAY else f"{minutes / DAY:,.0f} days"
