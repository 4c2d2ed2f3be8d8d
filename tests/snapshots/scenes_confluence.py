"""One market in full, from literals and a seed: candles with structure, every reading, book and tape."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any

from core.messages import (
    BookStatus,
    Chart,
    ChartBar,
    ChartLevel,
    ChartMark,
    ChartZone,
    Confluence,
    Contribution,
    DetectorCatalogue,
    DetectorInfo,
    Ladder,
    Message,
    Reading,
    RecentTrades,
    Side,
    State,
    Trade,
)
from tests import builders as make

SYMBOL, PRICE, TICK = "SOLUSDT", 152.34, 0.01
DEFINED: tuple[tuple[str, str, str, str], ...] = (
    ("ema_cross", "TREND", "CLASSIC", "EMA9 away from EMA21 by more than a part of ATR; stronger after they crossed."),
    ("ema_stack", "TREND", "CLASSIC", "EMA9, 21, 50 and 100 in order."),
    ("adx_di", "TREND", "CLASSIC", "The leading directional index while ADX14 says there is a trend."),
    ("macd", "MOMENTUM", "CLASSIC", "MACD histogram on one side of zero and moving further away from it."),
    ("rsi_static", "MEANREV", "CLASSIC", "RSI14 beyond fixed bounds."),
    ("boll", "MEANREV", "CLASSIC", "Close far from its 20-bar mean, in a range only."),
    ("stoch", "MOMENTUM", "CLASSIC", "Stochastic crossing back from an extreme."),
    ("donchian", "LEVEL", "CLASSIC", "Close beyond the extreme of the bars before this one."),
    ("vwap_dev", "MEANREV", "CLASSIC", "Close far from the 30-bar VWAP."),
    ("vol_spike", "VOLUME", "CLASSIC", "Volume far above its usual, in the direction of the bar."),
    ("cmf", "VOLUME", "CLASSIC", "Chaikin money flow."),
    ("candle", "PATTERN", "CLASSIC", "Engulfing, hammer and star at a level."),
    ("smc_break", "STRUCTURE", "SMC", "A close beyond the last swing: structure goes on or turns."),
    ("smc_fvg", "STRUCTURE", "SMC", "Price back in an open gap."),
    ("smc_premium", "LEVEL", "SMC", "Cheap or dear half of the dealing range."),
    ("smc_displacement", "STRUCTURE", "SMC", "Three bars that move far in one direction."),
)
"""(name, family, group, about)."""
SPEAKING: tuple[tuple[str, Side, float, float, str], ...] = (
    ("smc_break", "BUY", 1.0, 0.20, "BOS up at 152.02"),
    ("ema_stack", "BUY", 0.71, 0.164, "EMA 9 > 21 > 50 > 100"),
    ("smc_premium", "BUY", 0.62, 0.124, "discount, 31 % of the range"),
    ("adx_di", "BUY", 0.44, 0.088, "ADX 31, +DI leads"),
    ("macd", "BUY", 0.30, 0.062, "MACD rising"),
    ("vol_spike", "BUY", 0.12, 0.028, "volume z 3.2 on an up bar"),
    ("rsi_static", "SELL", 0.35, -0.084, "RSI 77 overbought"),
    ("candle", "SELL", 0.20, -0.040, "shooting star at 153.10"),
)
"""(detector, side, score, share of log-odds, reason)."""


def _made(kind: Any, timeframe: str = "1m", **fields: object) -> Any:
    return kind(venue=make.VENUE, category=make.CATEGORY, symbol=SYMBOL, timeframe=timeframe, **fields)


def _of(name: str) -> tuple[str, str]:
    return next((family, group) for known, family, group, _ in DEFINED if known == name)


def contributions(speaking=SPEAKING) -> tuple[Contribution, ...]:
    """The voices of `speaking` with gains a little below a quarter of their log-odds."""
    parts = [
        Contribution(
            detector=name, family=_of(name)[0], group=_of(name)[1], side=side, score=score, logit=share,
            gain=share * 0.24, reason=reason,
        )
        for name, side, score, share, reason in speaking
    ]  # fmt: skip
    return tuple(sorted(parts, key=lambda part: -abs(part.logit)))


def view(timeframe: str = "1m", state: State = "BUY", speaking=SPEAKING, **changes: object) -> Confluence:
    """A pooled view whose parts add up."""
    parts = contributions(speaking)
    logit = math.fsum(part.logit for part in parts)
    up = [make.told(part) for part in parts if part.side == "BUY"]
    down = [make.told(part) for part in parts if part.side == "SELL"]
    fields: dict[str, object] = {
        "contributions": parts, "logit": logit, "base_logit": 0.0, "reasons": tuple(up[:3]),
        "contrary": down[0] if down else "", "readings": len(DEFINED), "warming": 1, "outcomes": 41, "timeframe": timeframe,
        "missing": "needs P ≤ .45 for HOLD (−18 pp), P ≤ .40 for SELL (−23 pp)",
        "cooldown_until_ms": make.NOW_MS + 190_000, "since_price": 152.19,
    }  # fmt: skip
    probability = 1.0 / (1.0 + math.exp(-logit))
    return make.confluence(SYMBOL, state, probability, PRICE, **(fields | changes))


def readings(timeframe: str = "1m", speaking=SPEAKING) -> list[Reading]:
    """One of every detector: those that speak, silent ones, and one that still warms up."""
    spoken = {name: (side, score, reason) for name, side, score, _, reason in speaking}
    found = []
    for name, family, group, _ in DEFINED:
        side, score, reason = spoken.get(name, ("HOLD", 0.0, ""))
        warming = name == "cmf"
        reasons = ("warming up (180/280 bars)",) if warming else (reason,) if reason else ()
        found.append(
            _made(
                Reading, timeframe, detector=name, family=family, group=group, side=side, score=score, reasons=reasons,
                warming=warming, occurred_at=make.NOW_MS - make.MINUTE_MS, known_at=make.NOW_MS,
            )
        )  # fmt: skip
    return found


def chart(timeframe: str = "1m", bars: int = 300, step_ms: int = make.MINUTE_MS) -> Chart:
    """A morning of candles that climbs, with what structure would be drawn on it."""
    rng = random.Random(11)
    first = make.NOW_MS // step_ms * step_ms - bars * step_ms
    closes, price = [], 0.0
    for number in range(bars):
        price += rng.gauss(0.0, 0.055) + 0.05 * math.sin((number - bars) / 17 + 2.6)
        closes.append(price)
    shift = PRICE - closes[-1]
    closes = [round(close + shift, 2) for close in closes]
    drawn, before = [], closes[0]
    for number, close in enumerate(closes):
        high = max(before, close) + abs(rng.gauss(0, 0.05))
        low = min(before, close) - abs(rng.gauss(0, 0.05))
        volume = 400 + 900 * abs(close - before) * 10 + rng.uniform(0, 300)
        drawn.append(ChartBar(first + number * step_ms, before, round(high, 2), round(low, 2), close, volume, False))
        before = close

    def at(back: int) -> int:
        return drawn[-back].open_ms

    def swing(back: int, side: str, label: str) -> ChartMark:
        level = drawn[-back].high if side == "high" else drawn[-back].low
        return ChartMark(kind="swing", side=side, t_event=at(back), t_known=at(back - 5), level=level, label=label)

    highs = [max(range(a, a + 12), key=lambda back: drawn[-back].high) for a in (10, 26, 46)]
    lows = [min(range(a, a + 12), key=lambda back: drawn[-back].low) for a in (18, 36, 56)]
    marks = [swing(back, "high", label) for back, label in zip(highs, ("HH", "HH", "LH"), strict=True)]
    marks += [swing(back, "low", label) for back, label in zip(lows, ("HL", "HL", "LL"), strict=True)]
    broken = highs[1]
    marks.append(
        ChartMark(
            kind="bos", side="BUY", t_event=at(broken), t_known=at(12), level=drawn[-broken].high, label="BOS",
            until_ms=at(13),
        )
    )  # fmt: skip
    marks.append(
        ChartMark(kind="state", side="BUY", t_event=at(13), t_known=at(12), level=drawn[-13].close, label="BUY")
    )
    gap, block = lows[1] - 3, lows[0]
    zones = (
        ChartZone(
            kind="fvg", side="BUY", top=drawn[-gap].high, bottom=drawn[-gap].low, t_event=at(gap), t_known=at(gap - 1),
            until_ms=0, state="open",
        ),
        ChartZone(
            kind="order_block", side="BUY", top=drawn[-block].high, bottom=drawn[-block].low, t_event=at(block),
            t_known=at(block - 4), until_ms=0, state="touched",
        ),
    )  # fmt: skip
    top = max(bar.high for bar in drawn[-80:])
    levels = (
        ChartLevel(kind="day", side="high", price=top + 0.06, label="prev day high", t_event=first, t_known=first),
        ChartLevel(
            kind="liquidity", side="low", price=min(bar.low for bar in drawn[-60:]), label="equal lows", t_event=at(60),
            t_known=at(50), members=3,
        ),
    )  # fmt: skip
    drawn_chart: Chart = _made(
        Chart, timeframe, bars=tuple(drawn), marks=tuple(marks), zones=zones, levels=levels, known_at=make.NOW_MS
    )
    return drawn_chart


def ladder(levels: int = 20) -> Ladder:
    rng = random.Random(3)

    def side(start: float, step: float) -> tuple[tuple[float, float], ...]:
        return tuple((round(start + i * step, 2), round(rng.uniform(4, 90), 1)) for i in range(levels))

    return Ladder(
        venue=make.VENUE, category=make.CATEGORY, symbol=SYMBOL, bids=side(152.33, -TICK), asks=side(152.35, TICK),
        at_ms=make.NOW_MS,
    )  # fmt: skip


def tape() -> RecentTrades:
    """Forty takers, the second newest through three levels, the seventh newest a big one."""
    rng = random.Random(5)
    found, price = [], 152.31
    for number in range(40):
        at_ms = make.NOW_MS - (40 - number) * 700
        side: Side = "BUY" if rng.random() < 0.55 else "SELL"
        price = round(price + rng.choice((-TICK, 0.0, TICK)), 2)
        size = 240.0 if number == 33 else round(rng.uniform(0.2, 14), 2)
        for level in range(3 if number == 38 else 1):
            found.append(
                Trade(f"{number}.{level}", round(price + level * TICK, 2), size, "BUY" if number == 38 else side, at_ms)
            )
    found.append(Trade("last", PRICE, 4.2, "BUY", make.NOW_MS - 150))
    return RecentTrades(venue=make.VENUE, category=make.CATEGORY, symbol=SYMBOL, trades=tuple(found), at_ms=make.NOW_MS)


def catalogue() -> DetectorCatalogue:
    infos = [DetectorInfo(name=n, family=f, group=g, warmup=200, about=about) for n, f, g, about in DEFINED]
    return DetectorCatalogue(detectors=tuple(infos))


def book(state: str = "live", reason: str = "") -> BookStatus:
    return BookStatus(
        venue=make.VENUE, category=make.CATEGORY, symbol=SYMBOL, state=state, reason=reason, resyncs=0,  # type: ignore[arg-type]
        at_ms=make.NOW_MS,
    )  # fmt: skip


def market() -> list[Message]:
    """The watchlist's morning, and the deciding view of the symbol."""
    feed = make.SeededFeed(60)
    return [*feed.opening(busy=True), *feed.log(), catalogue(), book(), view()]


def answers(timeframe: str = "1m") -> list[Message]:
    """What the engine tells once the symbol is looked at."""
    return [
        chart(timeframe), ladder(), tape(), *readings(timeframe), view(timeframe, decides=timeframe == "1m"),
    ]  # fmt: skip


def calm() -> list[Message]:
    """Two weak voices: nothing to do, the market too quiet for them."""
    speaking = (SPEAKING[3], SPEAKING[6])
    quiet = view(
        "1m", "HOLD", speaking, gate=0.5, gate_reason="too quiet: ATR 0.04 %", cooldown_until_ms=0,
        missing="needs P ≥ .60 for BUY (+10 pp)",
    )  # fmt: skip
    return [chart(), ladder(), tape(), *readings("1m", speaking), quiet]


def stale() -> Iterable[Message]:
    """Quotes stopped a quarter of a minute ago and the book waits for a new start."""
    yield from answers()
    yield make.quote(SYMBOL, 152.33, 152.35, make.NOW_MS - 14_000)
    yield make.channel(SYMBOL, "quote", fresh=False, age_s=14.0)
    yield make.channel(SYMBOL, "trade", fresh=False, age_s=41.0)
    yield book("syncing", "update 4811 missing")
    yield view("1m", "HOLD", hold_reason="no quotes for 14 s", cooldown_until_ms=0, missing="needs fresh quotes")


def failed() -> Iterable[Message]:
    """The engine has given up; what it said last is still there."""
    yield from answers()
    yield make.engine_status("failed", "engine failed: no space left on the data folder")
