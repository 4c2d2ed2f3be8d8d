"""A calm market on which single bars make one detector speak, and its mirror image."""

from __future__ import annotations

from typing import NamedTuple

import core.signals.classic  # noqa: F401
from core.market.indicators import COLUMNS
from core.messages import Regime
from core.settings import Detectors
from core.signals.reading import REGISTRY, Memory, Scene, Verdict, judge
from core.signals.smc.engine import SmartMoney, rules_of
from core.signals.smc.event import Swing

INTERVAL_MS = 300_000
CALM: dict[str, float] = dict.fromkeys(COLUMNS, 0.0) | {
    **dict.fromkeys(("ema9", "ema20", "ema21", "ema50", "ema200", "sma20", "vwap30"), 100.0),
    **dict.fromkeys(("rsi14", "stoch_k", "stoch_d", "mfi14"), 50.0),
    **dict.fromkeys(("return_std60", "return_std240"), 0.001),
    "adx14": 10.0, "plus_di14": 20.0, "minus_di14": 20.0, "std20": 1.0, "atr14": 1.0, "willr14": -50.0,
    "kc_upper": 103.0, "kc_lower": 97.0, "max20": 100.5, "min20": 99.5,
}  # fmt: skip
"""A row on which nobody votes; price 100, ATR 1."""

_ABOUT_100 = ("ema9", "ema20", "ema21", "ema50", "ema200", "sma20", "vwap30")
_ABOUT_50 = ("rsi14", "stoch_k", "stoch_d", "mfi14")
_SIGNED = ("macd_hist", "supertrend", "cci20", "cmf20", *(name for name in COLUMNS if name.startswith("cdl_")))
PAIRS = {
    "plus_di14": "minus_di14",
    "cdl_morning_star": "cdl_evening_star",
    "cdl_piercing": "cdl_dark_cloud",
    "cdl_hammer": "cdl_hanging_man",
    "cdl_inverted_hammer": "cdl_shooting_star",
}


def mirrored(row: dict[str, float]) -> dict[str, float]:
    """The row of the market turned upside down about 100."""
    found = dict(row)
    for name in _ABOUT_100:
        found[name] = 200.0 - row[name]
    for name in _ABOUT_50:
        found[name] = 100.0 - row[name]
    for name in _SIGNED:
        found[name] = -row[name]
    found["willr14"] = -100.0 - row["willr14"]
    for upper, lower in (("kc_upper", "kc_lower"), ("max20", "min20")):
        found[upper], found[lower] = 200.0 - row[lower], 200.0 - row[upper]
    for one, other in PAIRS.items():
        sign = -1.0 if one.startswith("cdl_") else 1.0
        found[one], found[other] = sign * row[other], sign * row[one]
    return found


class Market:
    """`calm` quiet bars behind it; every bar given is judged by the detector. `mirror` turns all of it upside down."""

    def __init__(
        self,
        name: str,
        *,
        calm: int = 1600,
        mirror: bool = False,
        tick: float = 0.0,
        settings: Detectors | None = None,
        asleep: bool = False,
    ) -> None:
        rules = settings or Detectors()
        self.entry = REGISTRY[name]
        self.memory: Memory = {}
        self.mirror = mirror
        self.scene = Scene(rules, SmartMoney(rules_of(rules, INTERVAL_MS), INTERVAL_MS), tick)
        for _ in range(calm):
            self.bar(_asleep=asleep)

    def swing(self, price: float) -> None:
        """A confirmed swing of the structure engine."""
        level = 200.0 - price if self.mirror else price
        self.scene.smc.swings.append(Swing("low" if level < 100.0 else "high", level, 0, 0, 0))

    def bar(
        self,
        close: float = 100.0,
        *,
        open_: float | None = None,
        high: float | None = None,
        low: float | None = None,
        volume: float = 1.0,
        synthetic: bool = False,
        regime: Regime = "range",
        _asleep: bool = False,
        **row: float,
    ) -> Verdict:
        """The next bar with these values; the ones left out are calm."""
        first = close if open_ is None else open_
        top = max(first, close) + 0.5 if high is None else high
        bottom = min(first, close) - 0.5 if low is None else low
        values, prices = CALM | row, (first, top, bottom, close)
        if self.mirror:
            values = mirrored(values)
            prices = (200.0 - first, 200.0 - bottom, 200.0 - top, 200.0 - close)
            other: dict[Regime, Regime] = {"trend_up": "trend_down", "trend_down": "trend_up"}
            regime = other.get(regime, regime)
        scene = self.scene
        scene.push(scene.bars * INTERVAL_MS, (*prices, volume), synthetic, [values[name] for name in COLUMNS], regime)
        if _asleep:
            return Verdict("HOLD", 0.0, "", False)
        return judge(self.entry, self.memory, scene)


class Case(NamedTuple):
    """Bars of which the last one is judged; `score` 0: silent. `words` are the reasons on the BUY and the SELL side."""

    name: str
    bars: list[dict]
    score: float = 0.0
    words: tuple[str, str] = ("", "")


def said(case: Case, *, mirror: bool, **kinds: object) -> Verdict:
    """The verdict on a case's last bar."""
    market = Market(case.name, mirror=mirror, **kinds)  # type: ignore[arg-type]
    return [market.bar(**bar) for bar in case.bars][-1]
