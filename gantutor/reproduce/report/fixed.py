"""What was fixed before the run, in words: each claim's effect, its margin, and its outcomes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gantutor.reproduce.claims import Claim, Direction, Printed, Ratio, TableRow, Within
from gantutor.reproduce.report.estimates import Estimate

KINDS = {
    "Direction": "A direction",
    "Printed": "A printed number",
    "Ratio": "A printed ratio",
    "Within": "A range",
}


@dataclass(frozen=True)
class Fixed:
    """A claim as it was fixed.

    compared: what is measured, of which variant, against which control, which side is claimed
    effect: the paper's effect or number, or the smallest effect that is worth naming
    margin: from where to where it counts as no effect, or as the paper's number
    """

    claim: str
    compared: str
    effect: str
    margin: str


def fixed(claims: Iterable[Claim]) -> list[Fixed]:
    """A line for each claim; a row of a table has one for its number and one for its direction."""
    return [_line(claim) for claim in _parts(claims)]


def outcomes(claims: Iterable[Claim]) -> dict[str, dict[str, str]]:
    """{kind of claim: {word: when it is said}}, for the kinds that are among these claims."""
    found = {KINDS[type(claim).__name__]: claim.outcomes for claim in _parts(claims)}
    return {kind: found[kind] for kind in KINDS.values() if kind in found}


def _parts(claims: Iterable[Claim]) -> list[Claim]:
    found: list[Claim] = []
    for claim in claims:
        if isinstance(claim, TableRow):
            found += [claim.number, *([claim.direction(claim.metric)] if claim.against else [])]
        else:
            found.append(claim)
    return found


def _line(claim: Claim) -> Fixed:
    compared = f"{claim.metric} of {_short(claim.variants)}"
    if isinstance(claim, Direction):
        e = _empty("direction", claim, claim.effect * claim.sign, claim.margin)
        said = "the paper's" if claim.printed else "the smallest worth naming"
        effect = f"{e.text(e.paper)}, {said}"
        return Fixed(claim.paper, f"{compared}, {claim.better} is better", effect, e.band)
    if isinstance(claim, Printed):
        low, high = claim.value - claim.room, claim.value + claim.room
        how = " (the paper's own ±)" if claim.spread else ""
        return Fixed(claim.paper, compared, f"{claim.value:g}", f"{low:.4g} to {high:.4g}{how}")
    if isinstance(claim, Ratio):
        low, high = (claim.value * math.exp(way * claim.margin) for way in (-1, 1))
        effect, margin = f"a ratio of {claim.value:g}", f"{low:.3g} to {high:.3g}"
        return Fixed(claim.paper, compared, effect, margin)
    if isinstance(claim, Within):
        whose = "our bar" if claim.ours else "exact"
        return Fixed(claim.paper, compared, whose, f"each seed in {claim.low:g} to {claim.high:g}")
    raise TypeError(f"{type(claim).__name__} is no claim whose terms have words here")


def _empty(kind: str, claim: Direction, effect: float, margin: float) -> Estimate:
    nothing = (0.0, 0.0, 0.0)
    scale = claim.measure.scale
    return Estimate(kind, claim.metric, scale, *nothing, effect, margin, claim.sign, "not run")


def _short(variants: Sequence[str]) -> str:
    """Variants as "a against b", rows of a table by their own names."""
    return " against ".join(v.split("/", 2)[-1] if v.count("/") > 1 else v for v in variants)
