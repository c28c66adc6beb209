"""Seeds until claims are decided: planned looks, which seeds come next, what is still missing."""

from gantutor.reproduce.until.forecast import LEGEND, forecasts
from gantutor.reproduce.until.pursuit import Pursuit, UntilDecided
from gantutor.reproduce.until.schedule import blocks, plan_looks
from gantutor.reproduce.until.words import not_begun, on_the_page, outlook

__all__ = [
    "LEGEND",
    "Pursuit",
    "UntilDecided",
    "blocks",
    "forecasts",
    "not_begun",
    "on_the_page",
    "outlook",
    "plan_looks",
]
