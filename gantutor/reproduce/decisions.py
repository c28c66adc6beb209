"""What a lesson's seeds decide about a claim, what they could see, and what would decide it."""

from collections.abc import Sequence

import pandas as pd

from gantutor.reproduce.claims import Direction
from gantutor.statistics import detectable


def decisions(frame: pd.DataFrame, claims: Sequence[Direction], minutes: float) -> pd.DataFrame:
    """Return a row for each claim, judged on the rows of a record.

    minutes: what one more seed costs

    `here` is the variant's value over the control's with its 95 % interval, or their difference
    where the measure is a share or a score. `paper` is the printed one, `seen` the weakest that as
    many seeds show with a power of 80 %, given how these scatter. `seeds` and `minutes` would
    decide an undecided claim, with the same power.

    >>> rows = [("a", 0, 1.0), ("a", 1, 2.0), ("a", 2, 1.0), ("b", 0, 2.0), ("b", 1, 2.0)]
    >>> rows.append(("b", 2, 1.0))
    >>> frame = pd.DataFrame(rows, columns=["variant", "seed", "value"]).assign(metric="kd_small")
    >>> claim = Direction("kd_small", "a", "closer", "b", "lower", printed=(8.0, 10.0))
    >>> found = decisions(frame, [claim], minutes=2.0)
    >>> found[["paper", "seen", "verdict", "seeds", "minutes"]].iloc[0].tolist()
    ['0.80', '0.27', 'undecided', '28', '56']
    """
    rows = {}
    for claim in claims:
        v = claim.judge(frame)
        row = {"here": v.ours, "paper": "-", "seen": "-", "verdict": v.status}
        if (judged := v.judged) is not None:
            row["here"] = str(v.spread)
            if judged.paper is not None:
                row["paper"] = f"{judged.shown(judged.paper):.2f}"
            if judged.sd > 0:
                weakest = claim.sign * detectable(judged.spread.n) * judged.sd
                row["seen"] = f"{judged.shown(weakest):.2f}"
        row["seeds"] = "-" if v.needed is None else f"{v.needed:,}"
        row["minutes"] = "-" if v.needed is None else f"{v.needed * minutes:,.0f}"
        words = claim.paper or f"{claim.variant} {claim.better} than {claim.against}?"
        rows[words, claim.metric] = row
    return pd.DataFrame.from_dict(rows, "index").rename_axis(["question", "measure"])
