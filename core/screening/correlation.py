"""How a market moves with the reference: correlation with its interval, and what beta leaves over (methods sheet 4.2).

Five-minute log returns: correlation of one-minute returns is biased towards zero, because trades of two markets do not
come at the same instant (Epps, 1979).
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from core.messages import Correlation
from core.venue import CandleBlock

Floats = NDArray[np.float64]

INTERVAL_MS = 300_000
OBSERVATIONS = 288
"""Returns in the window: one day of five-minute bars."""
ENOUGH = 60
"""Fewer returns than this say nothing: the interval would be wider than half the range."""
STRENGTH_BARS = 12
"""Bars of the relative-strength return: sixty minutes."""
SAME_BET = 0.85
"""From this correlation on a position counts as one in the reference."""
DEPENDENT = 0.70
"""Below this the market is independent of the reference."""
_Z95 = 1.96


class RelativeStrength(Struct, frozen=True, kw_only=True):
    """The last hour's return beyond beta times the reference's. NaN: too few returns.

    `residual` is a log return, `z` that residual in standard deviations of an hour's residual before it.
    """

    beta: float
    residual: float
    z: float
    observations: int


def same_bet(found: Correlation) -> bool:
    """True when both markets are one risk."""
    return found.rho >= SAME_BET


def dependent(found: Correlation) -> bool:
    """True when the reference's trend concerns this market."""
    return found.rho >= DEPENDENT


def aligned_returns(own: CandleBlock, reference: CandleBlock, count: int = OBSERVATIONS) -> tuple[Floats, Floats]:
    """The newest `count` log returns of five-minute bars both markets have, without those over a gap; shape (n,), n <= count.

    Empty when the reference's newest bar is not the market's newest one or the one before: it would tell of another time.
    """
    nothing = np.empty(0)
    own, reference = own[-2 * count - 1 :], reference[-2 * count - 1 :]
    if len(own) < 2 or len(reference) < 2 or abs(own[-1, 0] - reference[-1, 0]) > INTERVAL_MS:
        return nothing, nothing
    times, mine, theirs = np.intersect1d(own[:, 0], reference[:, 0], assume_unique=True, return_indices=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.diff(np.log(own[mine, 4])), np.diff(np.log(reference[theirs, 4]))
    usable = (np.diff(times) == INTERVAL_MS) & np.isfinite(returns[0]) & np.isfinite(returns[1])
    return returns[0][usable][-count:], returns[1][usable][-count:]


def correlation(own: Floats, reference: Floats) -> Correlation:
    """Correlation of aligned returns with Fisher's interval tanh(atanh rho ± 1.96 / sqrt(n - 3)) (Fisher, 1921)."""
    count = len(own)
    x, y = own - own.mean() if count else own, reference - reference.mean() if count else reference
    scale = math.sqrt(float(x @ x) * float(y @ y))
    if count < ENOUGH or not scale > 0.0:
        return Correlation(rho=math.nan, low=math.nan, high=math.nan, observations=count)
    rho = min(1.0, max(-1.0, float(x @ y) / scale))
    if abs(rho) > 1.0 - 1e-12:
        return Correlation(rho=rho, low=rho, high=rho, observations=count)
    middle, reach = math.atanh(rho), _Z95 / math.sqrt(count - 3)
    return Correlation(rho=rho, low=math.tanh(middle - reach), high=math.tanh(middle + reach), observations=count)


def relative_strength(own: Floats, reference: Floats, bars: int = STRENGTH_BARS) -> RelativeStrength:
    """Return of the last `bars` beyond beta times the reference's, against the residuals before them.

    Beta and the residuals' deviation come from the returns before the hour that is judged: an outlier inside its own
    yardstick could hardly stand out.
    """
    past = len(own) - bars
    if past < ENOUGH:
        return RelativeStrength(beta=math.nan, residual=math.nan, z=math.nan, observations=len(own))
    x, y = reference[:past], own[:past]
    dx = x - x.mean()
    spread = float(dx @ dx)
    beta = float(dx @ (y - y.mean())) / spread if spread > 0.0 else math.nan
    residual = float(np.sum(own[past:] - beta * reference[past:]))
    sigma = float(np.std(y - beta * x, ddof=2)) * math.sqrt(bars)
    # a market that is the reference leaves rounding noise, which is no strength
    z = residual / sigma if sigma > 1e-12 else math.nan
    return RelativeStrength(beta=beta, residual=residual, z=z, observations=len(own))
