"""The error rate that the page promises, on simulated papers whose truth is known.

For each kind of truth a decisive word that is false may come up in at most 5 % of the pages, for
seeds that are normal, log-normal and heavy-tailed, at fixed numbers of seeds and at planned looks.
`make test` simulates 250 pages of each kind, `make test-slow` 4,000.
"""

import math

import numpy as np
import pytest

from gantutor.reproduce.claims import DECIDED, FEW, Direction, Printed, direction, numbers
from gantutor.reproduce.claims.deciding import reached
from gantutor.statistics import LOOKS, equivalence_power, power

EFFECT = math.log(1.5)  # the simulated paper's: a distance falls by a third
SEEDS = (3, 5, 8, 12, LOOKS)
SHAPES = {
    "normal": lambda rng, *size: rng.standard_normal(size),
    "heavy": lambda rng, *size: rng.standard_t(3, size) / math.sqrt(3),
    # of the logarithm of the distance: even that is skewed
    "log-normal": lambda rng, *size: rng.lognormal(0, 0.5, size) / 0.604 - 1.877,
}


@pytest.fixture(params=[250, pytest.param(4000, marks=pytest.mark.slow)])
def trials(request):
    return request.param


def most(trials: int) -> float:
    """5 %, and what chance adds to it in so many trials, at three standard errors."""
    return 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


@pytest.fixture(autouse=True)
def no_forecasts(monkeypatch):
    """How many seeds would decide is another question, and takes most of the time."""
    monkeypatch.setattr(direction, "seeds_to_decide", lambda *_: None)
    monkeypatch.setattr(numbers, "seeds_to_confirm", lambda *_: None)


def word(claim, columns, seeds) -> str:
    """What a person reads: at a fixed number of seeds, or at the look that decides."""
    if isinstance(seeds, int):
        return claim.verdict([c[:seeds] for c in columns], reached(seeds, None)).status
    for n in seeds:
        found = claim.verdict([c[:n] for c in columns], reached(n, seeds)).status
        if found in DECIDED:
            break
    return found


def words(claim, columns, seeds) -> dict[str, float]:
    """How often each word comes up, for columns of shape (trials, seeds)."""
    found = [word(claim, [list(c) for c in trial], seeds) for trial in zip(*columns, strict=True)]
    return {w: found.count(w) / len(found) for w in set(found)}


def pairs(rng, shape, truth: float, sd: float, trials: int):
    """Two variants' distances by seed, whose difference on the logarithm is `truth` on average."""
    noise = SHAPES[shape]
    theirs = 1 + 0.3 * noise(rng, trials, 30)
    # both arms vary; what the two have in common cancels in the pairs
    d = truth + sd * (noise(rng, trials, 30) - noise(rng, trials, 30)) / math.sqrt(2)
    return np.exp(theirs + d), np.exp(theirs)


CLAIM = Direction("fid", "mine", "", "theirs", "lower", printed=(2.0, 3.0))
# the truth on the logarithm, and which words are then false
PAPERS = {
    "true": (-EFFECT, ("absent", "contradicts")),
    "weak, at the margin": (-EFFECT / 2, ("absent", "contradicts")),
    "null": (0.0, ("holds", FEW, "contradicts")),
    "false, at the margin": (EFFECT / 2, ("absent", "holds", FEW)),
    "false": (EFFECT, ("absent", "holds", FEW)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("sd", [0.1, 0.4])
def test_false_words_on_directions(shape, paper, sd, trials):
    truth, wrong = PAPERS[paper]
    for i, seeds in enumerate(SEEDS):
        columns = pairs(np.random.default_rng([i, len(paper)]), shape, truth, sd, trials)
        found = words(CLAIM, columns, seeds)
        assert sum(found.get(w, 0) for w in wrong) <= most(trials), (seeds, found)


@pytest.mark.parametrize("seeds", SEEDS)
def test_false_words_on_skewed_seeds_that_are_compared_as_they_are(seeds, trials):
    """Log-normal values of a measure that has no logarithm here; mine varies twice as much."""
    rng, claim = np.random.default_rng(1), Direction("m", "a", "", "b", "lower", smallest=0.3)
    for truth, wrong in ((0.0, ("holds", FEW, "contradicts")), (0.3, ("absent", "holds", FEW))):
        mine, theirs = (
            rng.lognormal(0, sigma, (trials, 30)) - math.exp(sigma**2 / 2) for sigma in (0.4, 0.2)
        )
        columns = [truth + mine, theirs]
        found = words(claim, columns, seeds)
        assert sum(found.get(w, 0) for w in wrong) <= most(trials), (seeds, found)


# how far the truth is from the printed number, in margins, and which words are then false
NUMBERS = {
    "true": (0.0, ("differs",)),
    "just inside": (0.999, ("differs",)),
    "just outside": (1.001, ("reproduced",)),
    "twice as far": (-2.0, ("reproduced",)),
}


@pytest.mark.parametrize("shape", ["normal", "heavy"])
@pytest.mark.parametrize("paper", NUMBERS)
@pytest.mark.parametrize("sd", [0.03, 0.15])
def test_false_words_on_printed_numbers(shape, paper, sd, trials):
    """A FID: its logarithm is normal, so it is log-normal; or its logarithm is heavy-tailed."""
    claim, (far, wrong) = Printed("fid", "mine", "", 20.0), NUMBERS[paper]
    centre = math.log(20) + far * math.log1p(0.1)
    for i, seeds in enumerate(SEEDS):
        rng = np.random.default_rng([i, len(paper)])
        columns = [np.exp(centre + sd * SHAPES[shape](rng, trials, 30))]
        found = words(claim, columns, seeds)
        assert sum(found.get(w, 0) for w in wrong) <= most(trials), (seeds, found)


@pytest.mark.parametrize("seeds", [5, 8, 12])
@pytest.mark.parametrize("effect", [1.0, 2.0])
def test_power_is_the_tables(seeds, effect):
    """An effect of 1 or 2 standard deviations, as often as a t test has the power for."""
    columns = pairs(np.random.default_rng(seeds), "normal", -EFFECT, EFFECT / effect, 2500)
    found = words(CLAIM, columns, seeds)
    assert found.get("holds", 0) == pytest.approx(power(effect, seeds), abs=0.03)


@pytest.mark.parametrize("seeds", [5, 8, 12])
@pytest.mark.parametrize("margin", [1.0, 2.0])
def test_the_power_to_say_absent_is_the_tables(seeds, margin):
    """No effect, and a margin of 1 or 2 standard deviations."""
    columns = pairs(np.random.default_rng(seeds), "normal", 0.0, EFFECT / 2 / margin, 2500)
    found = words(CLAIM, columns, seeds)
    # where the difference is shown too, the other word is said: once in twenty at most
    shown = sum(found.get(w, 0) for w in ("holds", "contradicts"))
    want = equivalence_power(margin, seeds)
    assert want - shown - 0.03 <= found.get("absent", 0) <= want + 0.03


def test_planned_looks_decide_more_often_than_three_seeds():
    columns = pairs(np.random.default_rng(0), "normal", -EFFECT, EFFECT / 1.2, 300)
    assert words(CLAIM, columns, 3).get(FEW, 0) < 0.35
    assert words(CLAIM, columns, LOOKS).get("holds", 0) > 0.97
