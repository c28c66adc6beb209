"""Many claims on one page: a decisive word must survive Holm's correction over all of them."""

from collections.abc import Sequence
from dataclasses import replace

from gantutor.reproduce.claims.deciding import ALPHA, ENOUGH, seeds_needed
from gantutor.reproduce.claims.verdict import FEW, Verdict, joined
from gantutor.statistics import holm

TESTED = ("holds", FEW, "contradicts", "differs")  # words that reject a hypothesis


def adjusted(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts of one page, each with its p-value adjusted for the number of claims.

    A word that rejects a hypothesis and does not survive becomes "undecided"; `alone` keeps it.

    >>> one = Verdict("holds", p=0.03)
    >>> [v.status for v in adjusted([one])], [v.status for v in adjusted([one, one])]
    (['holds'], ['undecided', 'undecided'])
    """
    tested = [i for i, v in enumerate(verdicts) if v.p is not None]
    found = list(verdicts)
    corrected = holm([verdicts[i].p for i in tested])
    for i, p in zip(tested, corrected, strict=True):
        v = replace(found[i], adjusted=p)
        if v.status in TESTED and p > ALPHA:
            v = _withdrawn(v, len(tested))
        found[i] = v
    return found


def _withdrawn(v: Verdict, claims: int) -> Verdict:
    note = f"{v.status} by itself (p = {v.p:.2g}), not among {claims} claims"
    return replace(
        v,
        status="undecided",
        alone=v.status,
        note=joined(note, v.note),
        needed=_needed(v, claims),
    )


def _needed(v: Verdict, claims: int) -> int | None:
    """Seeds that would show the effect seen so far among so many claims, with 80 % power."""
    if v.judged is None or not v.judged.sd > 0:
        return None
    centre = v.judged.zero if v.judged.zero is not None else v.judged.paper
    beyond = abs(v.judged.spread.mean - centre)
    n = seeds_needed(beyond / v.judged.sd, alpha=ALPHA / claims)
    return None if n is None else max(n, v.seeds + 1, ENOUGH)
