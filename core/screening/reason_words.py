"""What detectors say, in the operator's language.

Detectors give their reasons in English with the numbers in them, because that is what is stored and compared. Here a reason is
recognised by the detector's name and the shape of its words and told again; one that is not recognised is quoted in English
behind the name of its family. English itself is passed on as it is.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from core.messages import Contribution, Side
from core.screening.language import Language

_N = r"[+−-]?\d[\d,]*(?:\.\d+)?"
_EXTREME = rf"(?P<x>{_N}) (?P<k>oversold|overbought)"
_VWAP = rf"(?P<x>{_N}) % (?P<k>over|under) (?P<y>{_N})-bar VWAP"
_SPAN = rf"(?P<low>{_N})–(?P<high>{_N})"
_BREAK = rf"(?P<price>{_N}) \(swing of (?P<moment>[^)]+)\)"

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Shape(NamedTuple):
    """`pattern` must fit whole. Groups k, k2 extend `key`; `n` is a count that chooses the plural; `candle` and `moment` are
    words, `di` and `tf` stay; all others are numbers."""

    key: str
    pattern: re.Pattern[str]


def _shape(key: str, pattern: str) -> Shape:
    return Shape(f"say.{key}", re.compile(pattern))


SHAPES: dict[str, tuple[Shape, ...]] = {
    "rsi_static": (_shape("rsi_static", f"RSI {_EXTREME}"),),
    "rsi_dynamic": (_shape("rsi_dynamic", rf"RSI (?P<k>below|above) its own (?P<x>{_N}) % level"),),
    "rsi_div": (_shape("rsi_div", r"(?P<k>bullish|bearish) RSI divergence"),),
    "stoch": (_shape("stoch", rf"Stochastic turns (?P<k>up|down) from (?P<x>{_N})"),),
    "boll": (_shape("boll", rf"(?P<x>{_N})σ (?P<k>above|below) the mean"),),
    "cci": (_shape("cci", f"CCI {_EXTREME}"),),
    "willr": (_shape("willr", f"%R {_EXTREME}"),),
    "mfi": (_shape("mfi", f"MFI {_EXTREME}"),),
    "vwap_dev": (_shape("vwap", _VWAP),),
    "vwap_trend": (_shape("vwap", _VWAP),),
    "macd": (_shape("macd", r"MACD (?P<k>rising|falling)"),),
    "roc": (_shape("roc", rf"(?P<x>{_N})-bar move in (?P<k>top|bottom) (?P<y>{_N}) %"),),
    "donchian": (_shape("donchian", rf"(?P<x>{_N})-bar (?P<k>high|low) broken"),),
    "ema_cross": (_shape("ema_cross", rf"EMA9 (?P<k>above|below) EMA21 by (?P<x>{_N}) ATR"),),
    "ema_stack": (_shape("ema_stack", r"EMAs stacked (?P<k>up|down)"),),
    "adx_di": (_shape("adx_di", rf"ADX (?P<x>{_N}), (?P<di>[+−]DI) leads"),),
    "supertrend": (
        _shape("supertrend.ago", rf"Supertrend flipped (?P<k>up|down) (?P<n>{_N}) bars? ago"),
        _shape("supertrend.flip", r"Supertrend flipped (?P<k>up|down)"),
        _shape("supertrend.old", rf"Supertrend (?P<k>up|down) for (?P<n>{_N}) bars? or more"),
    ),
    "higher_trend": (_shape("higher_trend", r"(?P<tf>\w+) (?P<k>trend up|trend down|range|unclear)"),),
    "vol_spike": (_shape("volume_z", rf"volume (?P<x>{_N})σ above normal"),),
    "obv_slope": (_shape("obv", r"volume on (?P<k>rising|falling) bars \(OBV\)"),),
    "cmf": (_shape("cmf", rf"money flow (?P<x>{_N})"),),
    "squeeze": (_shape("squeeze", r"volatility squeeze released (?P<k>up|down)"),),
    "candle": (_shape("candle", r"(?P<candle>[a-z0-9 ]+) at (?P<k>support|resistance)"),),
    "smc_bos": (_shape("break", rf"(?P<k>BOS) (?P<k2>up|down) through {_BREAK}"),),
    "smc_choch": (_shape("break", rf"(?P<k>CHoCH) (?P<k2>up|down) through {_BREAK}"),),
    "smc_displacement": (_shape("displacement", rf"displacement (?P<k>up|down) (?P<x>{_N}) ATR, gap left"),),
    "smc_fvg": (_shape("fvg", rf"held (?P<k>bullish|bearish) gap {_SPAN}"),),
    "smc_ob": (_shape("ob", rf"first retest of (?P<k>bullish|bearish) block {_SPAN}"),),
    "smc_sweep": (
        _shape("sweep.equal", rf"swept equal (?P<k>lows|highs) ×(?P<x>{_N}), closed back (?:above|below)"),
        _shape("sweep", r"swept the previous (?P<k>day|week)'s (?P<k2>low|high), closed back (?:above|below)"),
    ),
    "smc_pd": (_shape("pd", rf"(?P<k>discount|premium): (?P<x>{_N}) % of range"),),
}
"""By detector, the shapes of what it says, the first that fits counting. A new detector is told in English until it has one."""

LISTS = ("higher_trend",)
"""Detectors that say several things of one shape, a comma between."""


def reason_words(detector: str, family: str, text: str, language: Language) -> str:
    """A detector's reason in the language, or its English text quoted behind the name of its family."""
    if language.tongue == "en":
        return text
    parts = text.split(", ") if detector in LISTS else [text]
    told = [recognised(detector, part, language) for part in parts]
    if None not in told:
        return ", ".join(part for part in told if part is not None)
    return language.text("told.quoted", family=family_words(family, language), text=text)


def contribution_words(part: Contribution, side: Side, language: Language) -> str:
    """A contribution as a reason with what it adds to the probability of `side`: `RSI 24 oversold (+4.1 pp)`.

    The pool counts gains in P(up); for SELL the sign turns, so that a plus is always in favour.
    """
    reason = reason_words(part.detector, part.family, part.reason, language)
    return language.text("told.gain", reason=reason, gain=language.points(part.gain if side == "BUY" else -part.gain))


FAMILIES = (
    "TREND", "MOMENTUM", "MEANREV", "VOLUME", "LEVEL", "PATTERN", "STRUCTURE", "VOLATILITY", "FLOW", "MODEL",
)  # fmt: skip
"""Families with a name in every language."""


def family_words(family: str, language: Language) -> str:
    """A family's name; its code when it has none."""
    return language.text(f"family.{family}") if family in FAMILIES else family


def recognised(detector: str, text: str, language: Language) -> str | None:
    """The reason told again, None when no shape of the detector fits it."""
    for shape in SHAPES.get(detector, ()):
        found = shape.pattern.fullmatch(text)
        if found is None:
            continue
        groups = found.groupdict()
        key = ".".join([shape.key, *(groups[name] for name in ("k", "k2") if name in groups)])
        if "n" in groups:
            return language.plural(key, int(groups["n"].replace(",", "")))
        values = {name: _value(name, said, language) for name, said in groups.items() if name not in ("k", "k2")}
        return (
            None
            if None in values.values()
            else language.text(key, **{k: v for k, v in values.items() if v is not None})
        )
    return None


def _value(name: str, said: str, language: Language) -> str | None:
    if name in ("di", "tf"):
        return said
    if name == "candle":
        return language.text(f"candle.{said}") if said in CANDLES else None
    if name == "moment":
        return _moment(said, language)
    return number_words(said, language)


_TWO_SIDED = ("three inside", "three outside", "engulfing", "harami")
CANDLES = (
    *("morning star", "evening star", "piercing line", "dark cloud cover"),
    *("shooting star", "inverted hammer", "hammer", "hanging man"),
    *(f"{way} {name}" for name in _TWO_SIDED for way in ("bullish", "bearish")),
)
"""Candles with a name in every language."""


def number_words(said: str, language: Language) -> str:
    """An English number (`−1,234.50`) as the language writes it, with the same decimals and a plus where there was one."""
    plain = said.replace(",", "").replace("−", "-")
    decimals = len(plain.partition(".")[2])
    return language.number(Decimal(plain), decimals, signed=plain.startswith("+"))


def _moment(said: str, language: Language) -> str:
    """`10:05Z` stays; in `03 Nov 10:05Z` the month is named in the language."""
    day, _, rest = said.partition(" ")
    month, _, time = rest.partition(" ")
    return f"{day} {language.month(MONTHS.index(month) + 1)} {time}" if month in MONTHS else said
