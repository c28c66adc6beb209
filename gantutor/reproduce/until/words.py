"""Claims in a few words, and what is decided and missing once a command ends."""

import textwrap
from collections.abc import Sequence
from itertools import groupby

from gantutor.reproduce.claims import (
    DECIDED,
    Claim,
    Direction,
    Printed,
    Ratio,
    TableRow,
    Verdict,
    Within,
)
from gantutor.reproduce.report.estimates import base_beside
from gantutor.reproduce.report.sections import Section
from gantutor.reproduce.until.pursuit import FAR, Pursuit, UntilDecided, lacks, settled
from gantutor.reproduce.waiting import Waiting

LINE, WIDE = 100, 46  # characters of a line, and of a claim's name in it


def label(claim: Claim) -> str:
    """What a claim compares, without its reasons.

    >>> label(Direction("modes", "AdaptiveMix", "covers more modes", "WGAN", "higher"))
    'modes: AdaptiveMix > WGAN'
    """
    side = "<" if getattr(claim, "better", "") == "lower" else ">"
    if isinstance(claim, TableRow):
        mine = claim.variant.rsplit("/", 1)[-1]
        other = claim.against.rsplit("/", 1)[-1]
        said = f"{mine} {side} {other}" if other else f"{mine} = {claim.value:g}"
    elif isinstance(claim, Direction):
        said = f"{claim.variant} {side} {base_beside(claim.variant, claim.against)}"
    elif isinstance(claim, Within):
        said = f"{claim.variant} in {claim.low:g} to {claim.high:g}"
    elif isinstance(claim, Ratio):
        said = f"{claim.variant} / {claim.against} = {claim.value:g}"
    elif isinstance(claim, Printed):
        said = f"{claim.variant} = {claim.value:g}"
    else:
        said = claim.variant
    return f"{claim.metric}: {said}"


def beside(claim: Claim, columns: str) -> list[str]:
    """A line with a claim's name and columns; a long name goes on below, from what it compares.

    >>> ring = "ring: AdaptiveMix + -qua + KDD"
    >>> long = Direction("energy_distance", ring, "all are best", "ring: -qua", "lower")
    >>> print("\\n".join(beside(long, " undecided")))
      energy_distance:                               undecided
        ring: AdaptiveMix + -qua + KDD < -qua
    """
    name = label(claim)
    if len(name) <= WIDE:
        return [f"  {name:{WIDE}s}{columns}"]
    metric, said = name.split(" ", 1)
    below = textwrap.wrap(said, LINE - 4, break_on_hyphens=False)
    return [f"  {metric:{WIDE}s}{columns}", *(f"    {words}" for words in below)]


def clipped(text: str, width: int) -> str:
    """A text of at most so many characters.

    >>> clipped("AdvLatGAN", 6)
    'AdvLa…'
    """
    return text if len(text) <= width else text[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"


def minutes_in_words(minutes: float) -> str:
    """A number of minutes, in hours or days where it is large.

    >>> [minutes_in_words(m) for m in (0.2, 7.4, 200, 5000)]
    ['1 min', '8 min', '3.3 h', '3.5 days']
    """
    if minutes < 90:
        return f"{max(1, int(-(-minutes // 1)))} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"


def outlook(waiting: UntilDecided) -> list[str]:
    """For each claim its word and since when it holds, or what is missing; then what is left."""
    lines = []
    for p in waiting.pursuits:
        lines.append(f"{p.target.name}{'' if p.target.claims else ': makes no claim'}")
        for claim, word in zip(p.target.claims, _words(p, waiting), strict=True):
            lines += [clipped(line, LINE) for line in beside(claim, f" {word}")]
        if p.waits:
            lines.append(f"  waits for a run that failed: {p.waits}")
    return [*lines, *not_begun(waiting)]


def not_begun(waiting: Waiting) -> list[str]:
    """A line on the runs that there was no time for; none if there are none."""
    left = waiting.wanted()
    if not left:
        return []
    minutes = minutes_in_words(sum(map(waiting.pace.minutes, left)))
    runs = f"{len(left)} run{'s' * (len(left) != 1)}" + " to the next looks" * waiting.at_most
    return [
        f"not begun for lack of time: {runs}, about {minutes} one after the other; "
        "the same command continues"
    ]


def _words(p: Pursuit, waiting: UntilDecided) -> list[str]:
    if not p.complete:
        return ["no look yet"] * len(p.target.claims)
    a_seed = p.minutes_a_seed(waiting.pace)
    return [
        _of_claim(verdict, at, p, a_seed)
        for verdict, at in zip(p.verdicts, p.decided_at(), strict=True)
    ]


def _of_claim(verdict: Verdict, at: int | None, p: Pursuit, a_seed: float) -> str:
    word = f"{verdict.status:10s}"
    if verdict.status in DECIDED:
        return f"{word} decided at {at} seeds"
    seeds = f"at {p.seeds} seeds"
    if settled(verdict):
        why = verdict.note.split("; ")[-1] or "further seeds change nothing"
        return f"{word} {seeds}; {why}"
    if verdict.failed and verdict.needed is None:
        return f"{word} {seeds}; trainings failed in {verdict.failed} pairs: more seeds may decide"
    more = lacks(verdict, p.seeds)
    if more >= FAR:
        return f"{word} {seeds}; no number of seeds would decide it"
    return f"{word} {seeds}; {more} more, about {minutes_in_words(more * a_seed)}"


def on_the_page(sections: Sequence[Section], names: Sequence[str]) -> list[str]:
    """What the correction for all claims of the page leaves of the words of these targets."""
    found = [
        (s.target.name, claim, verdict)
        for s in sections
        if s.target.name in names
        for claim, verdict in zip(s.target.claims, s.verdicts, strict=True)
        if verdict.alone
    ]
    if not found:
        return []
    tested = sum(v.p is not None for s in sections for v in s.verdicts)
    lines = [
        f"{len(found)} of these words {'do' if len(found) > 1 else 'does'} not survive Holm's "
        f"correction for the page's {tested} tested claims, and are undecided there:"
    ]
    for name, group in groupby(found, key=lambda x: x[0]):
        lines.append(name)
        for _, claim, v in group:
            lines += beside(claim, f" {v.alone}: p = {v.p:.2g}, corrected {v.adjusted:.2g}")
    return lines
