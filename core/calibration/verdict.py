"""Whether calibrated thresholds replace those in force: every condition with its figures, and the answer (methods sheet 5)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Code = Literal["TRADES", "LOWER_BOUND", "BETTER", "DSR", "PBO"]

SHRINK_TRADES = 100.0


class Bounds(Struct, frozen=True, kw_only=True):
    """What a calibration must reach out of sample. From `shrink_trades` on fewer than `trades` are taken, but shrunk."""

    dsr: float = 0.90
    pbo: float = 0.20
    trades: int = 100
    shrink_trades: int = 30


class Evidence(Struct, frozen=True, kw_only=True):
    """What was found out of sample, in R after costs.

    `current_lower_bound_r`: that of the parameters in force on the same test folds; None when they made too few trades
    there to have one. NaN in any field means not known, and that passes no check.
    """

    trades: int
    lower_bound_r: float
    current_lower_bound_r: float | None
    dsr: float
    pbo: float


class Check(Struct, frozen=True):
    """One condition: what was found, what it was held against, and both in words."""

    code: Code
    passed: bool
    found: float
    bound: float
    text: str


class Acceptance(Struct, frozen=True, kw_only=True):
    """The answer. `shrunk_lambda`: weight of the new values, the rest is the class default; 1.0 is not shrunk."""

    accepted: bool
    shrunk_lambda: float
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every condition that failed, in words; none when accepted."""
        return tuple(check.text for check in self.checks if not check.passed)

    @property
    def reason(self) -> str:
        """One line: why the present thresholds are kept, or that the new ones passed."""
        if not self.accepted:
            return "; ".join(self.reasons)
        if self.shrunk_lambda < 1.0:
            return (
                f"all checks passed; few trades, so shrunk toward the class default (weight {self.shrunk_lambda:.2f})"
            )
        return "all checks passed"


def shrunk_lambda(trades: int, bounds: Bounds | None = None) -> float:
    """Weight of fitted values after `trades` out-of-sample trades, n / (n + 100); 1.0 once there are enough to decide."""
    enough = (bounds or Bounds()).trades
    return 1.0 if trades >= enough else trades / (trades + SHRINK_TRADES)


def accept(found: Evidence, bounds: Bounds | None = None) -> Acceptance:
    """All conditions, none left out after the first that fails: the operator sees each."""
    limit = bounds or Bounds()
    checks = (_trades(found, limit), _lower_bound(found), _better(found), _dsr(found, limit), _pbo(found, limit))
    return Acceptance(
        accepted=all(check.passed for check in checks), shrunk_lambda=shrunk_lambda(found.trades, limit), checks=checks
    )


def _trades(found: Evidence, limit: Bounds) -> Check:
    passed = found.trades >= limit.shrink_trades
    text = f"{found.trades} out-of-sample trades, {limit.shrink_trades} needed ({limit.trades} to be taken unshrunk)"
    return Check("TRADES", passed, float(found.trades), float(limit.shrink_trades), text)


def _lower_bound(found: Evidence) -> Check:
    value = found.lower_bound_r
    return Check("LOWER_BOUND", value > 0.0, value, 0.0, f"lower bound of expectancy {value:+.3f} R, must be above 0")


def _better(found: Evidence) -> Check:
    value, current = found.lower_bound_r, found.current_lower_bound_r
    if current is None:
        text = "the thresholds in force made too few trades on these folds to compare with"
        return Check("BETTER", True, value, 0.0, text)
    text = f"lower bound of expectancy {value:+.3f} R, must be above {current:+.3f} R of the thresholds in force"
    return Check("BETTER", value > current, value, current, text)


def _dsr(found: Evidence, limit: Bounds) -> Check:
    text = f"deflated Sharpe probability {found.dsr:.3f}, must be {limit.dsr:.2f} or more"
    return Check("DSR", found.dsr >= limit.dsr, found.dsr, limit.dsr, text)


def _pbo(found: Evidence, limit: Bounds) -> Check:
    text = f"probability of overfitting {found.pbo:.3f}, must be {limit.pbo:.2f} or less"
    return Check("PBO", found.pbo <= limit.pbo, found.pbo, limit.pbo, text)
