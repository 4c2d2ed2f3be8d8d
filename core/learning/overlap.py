"""How many independent outcomes overlapping ones amount to (López de Prado, 2018, chapter 4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.intp]


def uniqueness(starts: Places, ends: Places) -> NDArray[np.float64]:
    """Mean over each span [start, end] (bars, both ends included) of 1 / number of spans that cover the bar, (n,).

    1.0: alone. The sum is n_eff, the number of outcomes that count. Raises ValueError on a span that ends before it starts.
    """
    if not len(starts):
        return np.zeros(0)
    if bool((ends < starts).any()):
        raise ValueError("uniqueness: a span cannot end before it starts")
    first = int(starts.min())
    begin, stop = starts - first, ends - first + 1
    changes = np.zeros(int(stop.max()) + 1)
    np.add.at(changes, begin, 1.0)
    np.add.at(changes, stop, -1.0)
    covered = np.cumsum(changes[:-1])
    shares = np.divide(1.0, covered, out=np.zeros_like(covered), where=covered > 0.0)
    total = np.concatenate([[0.0], np.cumsum(shares)])
    mean: NDArray[np.float64] = (total[stop] - total[begin]) / (stop - begin)
    return mean
