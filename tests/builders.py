"""Bus messages from literals, and a seeded market for screens: the same seed gives the same pictures."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from core.messages import (
    Channel,
    ChannelStatus,
    Confluence,
    Contribution,
    EngineStatus,
    Event,
    EventChange,
    EventKind,
    HistoryStatus,
    LinkStatus,
    Listing,
    LoopLag,
    Message,
    Metrics,
    ProviderStats,
    Quote,
    Screening,
    Severity,
    Side,
    State,
    StateChange,
    ThresholdsInForce,
    Trade,
    TradeBatch,
    TriggerStats,
    Universe,
    VenueClock,
)

NOW_MS = 1_795_264_496_000
"""2026-11-21 12:34:56 UTC, where every picture stands still."""
VENUE = "binance_us"
CATEGORY = "spot"
MINUTE_MS = 60_000

MARKETS: tuple[tuple[str, float, str], ...] = (
    ("BTC", 61_602.01, "0.01"), ("ETH", 2_683.10, "0.01"), ("SOL", 152.34, "0.01"), ("BNB", 592.4, "0.1"),
    ("XRP", 0.5312, "0.0001"), ("DOGE", 0.10231, "0.00001"), ("ADA", 0.3551, "0.0001"), ("AVAX", 27.18, "0.01"),
    ("TRX", 0.15212, "0.00001"), ("LINK", 11.924, "0.001"), ("DOT", 4.482, "0.001"), ("MATIC", 0.4021, "0.0001"),
    ("LTC", 65.31, "0.01"), ("BCH", 331.2, "0.1"), ("NEAR", 4.711, "0.001"), ("UNI", 7.142, "0.001"),
    ("ICP", 8.21, "0.01"), ("APT", 8.944, "0.001"), ("FIL", 3.771, "0.001"), ("ATOM", 4.618, "0.001"),
    ("ETC", 18.93, "0.01"), ("XLM", 0.0951, "0.0001"), ("HBAR", 0.05412, "0.00001"), ("ARB", 0.5733, "0.0001"),
    ("OP", 1.688, "0.001"), ("INJ", 20.41, "0.01"), ("SUI", 1.7921, "0.0001"), ("SEI", 0.4032, "0.0001"),
    ("AAVE", 153.9, "0.1"), ("MKR", 1_402.0, "1"), ("GRT", 0.1634, "0.0001"), ("ALGO", 0.1241, "0.0001"),
    ("VET", 0.02311, "0.00001"), ("EGLD", 27.3, "0.01"), ("SAND", 0.2601, "0.0001"), ("MANA", 0.2911, "0.0001"),
    ("AXS", 4.901, "0.001"), ("THETA", 1.311, "0.001"), ("FTM", 0.6822, "0.0001"), ("RUNE", 5.122, "0.001"),
    ("CRV", 0.2711, "0.0001"), ("SNX", 1.544, "0.001"), ("COMP", 43.12, "0.01"), ("LDO", 1.102, "0.001"),
    ("PEPE", 0.00000982, "0.00000001"), ("SHIB", 0.00001742, "0.00000001"), ("FLOKI", 0.00013021, "0.00000001"),
    ("BONK", 0.00002131, "0.00000001"), ("WIF", 2.281, "0.001"), ("JUP", 0.7811, "0.0001"), ("TIA", 5.611, "0.001"),
    ("PYTH", 0.3381, "0.0001"), ("ENA", 0.3744, "0.0001"), ("ONDO", 0.7012, "0.0001"), ("RNDR", 5.234, "0.001"),
    ("FET", 1.421, "0.001"), ("IMX", 1.462, "0.001"), ("STX", 1.771, "0.001"), ("USDC", 1.0, "0.0001"),
    ("LUNA", 0.4012, "0.0001"),
)  # fmt: skip

REASONS_UP = ("EMA 9 above 21", "MACD rising", "ADX 31 up", "Donchian high broken")
REASONS_DOWN = ("EMA 9 below 21", "MACD falling", "ADX 29 down", "Donchian low broken")


def quote(symbol: str, bid: float, ask: float, at_ms: int = NOW_MS) -> Quote:
    return Quote(
        venue=VENUE, category=CATEGORY, symbol=symbol, bid=bid, bid_size=1.0, ask=ask, ask_size=1.0,
        event_ms=at_ms, received_ms=at_ms,
    )  # fmt: skip


def trades(symbol: str, *prices: float, at_ms: int = NOW_MS) -> TradeBatch:
    batch = tuple(Trade(str(i), price, 1.0, "BUY", at_ms) for i, price in enumerate(prices))
    return TradeBatch(venue=VENUE, category=CATEGORY, symbol=symbol, trades=batch, received_ms=at_ms)


def listing(symbol: str, tick: str = "0.01", *, trading: bool = True, status: str = "TRADING") -> Listing:
    return Listing(
        venue=VENUE, category=CATEGORY, symbol=symbol, base=symbol.removesuffix("USDT"), quote="USDT", tick_size=tick,
        lot_size="0.001", status=status, trading=trading, at_ms=NOW_MS,
    )  # fmt: skip


def universe(*symbols: str) -> Universe:
    return Universe(
        venue=VENUE, category=CATEGORY, symbols=symbols, added=symbols, removed=(), reason="start", at_ms=NOW_MS
    )


def metrics(symbol: str, close: float, **changes: object) -> Metrics:
    fields: dict[str, object] = {
        "venue": VENUE, "category": CATEGORY, "symbol": symbol, "timeframe": "1m", "close": close,
        "close_1h_ago": close * 0.99, "close_24h_ago": close * 0.97, "quote_volume_24h": 1.24e9, "atr": close * 0.0012,
        "natr": 0.0012, "natr_percentile": 0.4, "rsi": 55.0, "volume_z": 0.4,
        "taker_imbalance": 0.12, "regime": "range",
        "regime_confidence": 0.6, "regime_age_bars": 12, "depth_days": 7.0, "sparkline": (1.0, 2.0, 3.0, 2.0),
        "occurred_at": NOW_MS - MINUTE_MS, "known_at": NOW_MS,
    }  # fmt: skip
    return Metrics(**(fields | changes))  # type: ignore[arg-type]


def calm_conditions(symbol: str, at_ms: int, venue: str = VENUE, category: str = CATEGORY) -> tuple[Message, ...]:
    """What the signal part says of a calm market that would be bought: every gate that looks at it lets an entry pass."""
    place: dict[str, Any] = {"venue": venue, "category": category, "symbol": symbol}
    stats = TriggerStats(**dict.fromkeys(TriggerStats.__struct_fields__, 0.0) | {"natr": 0.002})
    screening = Screening(
        **place, signal="NONE", trigger_reasons=(), stats=stats, hints=(), strength=0.0, asset_class="spot",
        occurred_at=at_ms - MINUTE_MS, known_at=at_ms,
    )  # fmt: skip
    thresholds = ThresholdsInForce(
        **place, asset_class="spot", class_hint="", values={"low_gate": 0.0, "high_gate": 1.0}, sources={},
        source="class", is_default=True, since_ms=0, expires_ms=0, blended=False, previous=0, at_ms=at_ms,
    )  # fmt: skip
    advice = Confluence(
        **place, timeframe="1m", state="BUY", probability=0.6, logit=0.4, base_logit=0.0, calibrated=False,
        contributions=(), reasons=("told by the test",), contrary="", missing="", hold_reason="", enter=0.5, exit=0.4,
        cooldown_until_ms=0, since_ms=at_ms, since_price=1.0, price=1.0, readings=1, warming=0,
        occurred_at=at_ms - MINUTE_MS, known_at=at_ms,
    )  # fmt: skip
    return screening, thresholds, advice


def contribution(detector: str, family: str, side: Side, gain: float, reason: str) -> Contribution:
    return Contribution(
        detector=detector, family=family, group="CLASSIC", side=side, score=min(1.0, abs(gain) * 12),
        logit=gain * 4.1, gain=gain, reason=reason,
    )  # fmt: skip


def told(part: Contribution) -> str:
    return f"{part.reason} ({part.gain * 100:+.1f} pp)".replace("-", "−")


def confluence(symbol: str, state: State, probability: float, price: float, **changes: object) -> Confluence:
    up = probability >= 0.5
    texts = REASONS_UP if up else REASONS_DOWN
    lead = abs(probability - 0.5)
    side: Side = "BUY" if up else "SELL"
    against: Side = "SELL" if up else "BUY"
    sign = 1.0 if up else -1.0
    parts = (
        contribution("ema_cross", "TREND", side, sign * lead * 0.5, texts[0]),
        contribution("macd", "MOMENTUM", side, sign * lead * 0.4, texts[1]),
        contribution("adx_di", "TREND", side, sign * lead * 0.3, texts[2]),
        contribution(
            "rsi_static", "MEANREV", against, -sign * lead * 0.2, "RSI 71 overbought" if up else "RSI 28 oversold"
        ),
    )
    logit = math.log(probability / (1 - probability))
    fields: dict[str, object] = {
        "venue": VENUE, "category": CATEGORY, "symbol": symbol, "timeframe": "1m", "state": state,
        "probability": probability, "logit": logit, "base_logit": 0.0, "calibrated": False, "contributions": parts,
        "reasons": tuple(told(p) for p in parts[:3]) if lead else (),
        "contrary": told(parts[3]) if lead else "",
        "missing": {"BUY": "needs P ≤ .40 for SELL", "SELL": "needs P ≥ .60 for BUY"}.get(state, "needs P ≥ .60 for BUY"),
        "hold_reason": "", "enter": 0.6, "exit": 0.45, "cooldown_until_ms": 0, "since_ms": NOW_MS - 13 * MINUTE_MS,
        "since_price": price, "price": price, "readings": 6, "warming": 0, "occurred_at": NOW_MS - MINUTE_MS,
        "known_at": NOW_MS,
    }  # fmt: skip
    return Confluence(**(fields | changes))  # type: ignore[arg-type]


def state_change(symbol: str, before: State, after: State, price: float, at_ms: int = NOW_MS) -> StateChange:
    return StateChange(
        venue=VENUE, category=CATEGORY, symbol=symbol, timeframe="1m", before=before, after=after, price=price,
        probability=0.63, reasons=("EMA 9 above 21",), replayed=False, occurred_at=at_ms - MINUTE_MS, known_at=at_ms,
    )  # fmt: skip


def channel(symbol: str, name: Channel, *, fresh: bool, age_s: float = 14.0) -> ChannelStatus:
    return ChannelStatus(
        venue=VENUE,
        category=CATEGORY,
        symbol=symbol,
        channel=name,
        fresh=fresh,
        age_s=age_s,
        limit_s=10.0,
        at_ms=NOW_MS,
    )


def history(symbol: str, timeframe: str, *, ready: bool) -> HistoryStatus:
    return HistoryStatus(
        venue=VENUE, category=CATEGORY, symbol=symbol, timeframe=timeframe, bars=1500 if ready else 0, wanted=1500,
        gaps=0, stored=0, ready=ready, at_ms=NOW_MS,
    )  # fmt: skip


def engine_status(phase: str = "running", text: str = "60 of 60 markets ready", **changes: object) -> EngineStatus:
    fields: dict[str, object] = {
        "phase": phase, "text": text, "venue": VENUE, "category": CATEGORY, "host": "127.0.0.1",
        "host_kind": "SANDBOX", "mode": "PAPER", "at_ms": NOW_MS,
    }  # fmt: skip
    return EngineStatus(**(fields | changes))  # type: ignore[arg-type]


def link(name: str = "market-1", state: str = "up", **changes: object) -> LinkStatus:
    fields: dict[str, object] = {
        "venue": VENUE, "category": CATEGORY, "link": name, "state": state, "host": "127.0.0.1", "at_ms": NOW_MS,
    }  # fmt: skip
    return LinkStatus(**(fields | changes))  # type: ignore[arg-type]


def provider_stats(messages: int, at_ms: int, **changes: object) -> ProviderStats:
    fields: dict[str, object] = {
        "venue": VENUE, "category": CATEGORY, "frames": messages, "messages": messages, "coalesced": 0, "rejected": 0,
        "dropped": 0, "bytes": 0, "reconnects": 0, "resyncs": 0, "sequence_gaps": 0, "rest_requests": 0,
        "rest_errors": 0, "rest_used": 0, "rest_limit": 1200, "latency_ms": 42.0, "at_ms": at_ms,
    }  # fmt: skip
    return ProviderStats(**(fields | changes))  # type: ignore[arg-type]


def event(
    event_id: int, kind: EventKind, text: str, *, symbol: str = "", severity: Severity = "info", at_ms: int = NOW_MS
) -> Event:
    return Event(event_id=event_id, kind=kind, severity=severity, symbol=symbol, text=text, at_ms=at_ms)


def state_event(
    event_id: int, symbol: str, before: State, after: State, price: float, *reasons: str, at_ms: int = NOW_MS
) -> Event:
    """A change of state as the recorder tells it."""
    change = EventChange(
        before=before, after=after, price=price, probability=0.61 if after == "BUY" else 0.39, timeframe="1m",
        reasons=reasons,
    )  # fmt: skip
    text = f"{symbol} {before} → {after} at {price:,}" + (f": {', '.join(reasons)}" if reasons else "")
    return Event(event_id=event_id, kind="state", severity="info", symbol=symbol, text=text, at_ms=at_ms, change=change)


class SeededFeed:
    """A market of up to 150 symbols: `opening()` is everything a screen needs, `tick()` a round of quotes and trades."""

    def __init__(self, symbols: int = 60, seed: int = 7) -> None:
        self.rng = random.Random(seed)
        base = [(f"{name}USDT", price, tick) for name, price, tick in MARKETS]
        extra = [(f"ALT{i:02d}USDT", self.rng.uniform(0.5, 90), "0.001") for i in range(max(0, symbols - len(base)))]
        self.markets = (base + extra)[:symbols]
        self.prices = {symbol: price for symbol, price, _ in self.markets}
        self.ticks = {symbol: float(tick) for symbol, _, tick in self.markets}

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(symbol for symbol, _, _ in self.markets)

    def opening(self, busy: bool = False) -> Iterator[Message]:
        """Listings, history, metrics, quotes, confluence and header figures. `busy`: most symbols have an opinion."""
        yield engine_status(text=f"{len(self.markets)} of {len(self.markets)} markets ready")
        yield link("market-1")
        yield link("market-2")
        yield VenueClock(venue=VENUE, category=CATEGORY, offset_ms=2.0, round_trip_ms=1.0, at_ms=NOW_MS)
        yield provider_stats(100_000, NOW_MS - 1000)
        yield provider_stats(101_204, NOW_MS)
        yield LoopLag(last_ms=1.0, p99_ms=3.0, max_ms=6.0, at_ms=NOW_MS)
        yield universe(*self.symbols)
        for rank, (symbol, price, tick) in enumerate(self.markets):
            yield listing(symbol, tick)
            for timeframe in ("1m", "5m", "15m", "1h"):
                yield history(symbol, timeframe, ready=True)
            yield from self._one(rank, symbol, price, busy)

    def _one(self, rank: int, symbol: str, price: float, busy: bool) -> Iterator[Message]:
        rng = self.rng
        day, hour = rng.gauss(0.6, 2.4) / 100, rng.gauss(0.1, 0.7) / 100
        walk, level = [], 0.0
        for _ in range(60):
            level += rng.gauss(hour * 4, 1.0)
            walk.append(price * (1 + level / 1000))
        yield metrics(
            symbol, price, close_1h_ago=price / (1 + hour), close_24h_ago=price / (1 + day),
            quote_volume_24h=8.9e9 / (rank + 1) ** 1.3, natr=rng.uniform(0.0006, 0.004), rsi=min(88.0, max(14.0, rng.gauss(51, 12))),
            volume_z=rng.gauss(0.4, 1.3), regime=rng.choice(("trend_up", "trend_down", "range")), sparkline=tuple(walk),
        )  # fmt: skip
        tick = self.ticks[symbol]
        yield quote(symbol, price - tick, price + tick, NOW_MS - rng.randrange(0, 900))
        yield trades(symbol, price, at_ms=NOW_MS - rng.randrange(0, 900))
        probability = min(0.86, max(0.16, rng.gauss(0.5, 0.14 if busy else 0.06)))
        state: State = "BUY" if probability >= 0.6 else "SELL" if probability <= 0.4 else "HOLD"
        drift = rng.gauss(0.3 if state == "BUY" else -0.3 if state == "SELL" else 0.0, 0.35) / 100
        since = NOW_MS - rng.randrange(1, 90) * MINUTE_MS
        yield confluence(symbol, state, round(probability, 3), price, since_price=price / (1 + drift), since_ms=since)
        if state != "HOLD":
            yield state_change(symbol, "HOLD", state, price / (1 + drift), since)

    def tick(self, at_ms: int, share: float = 1.0) -> Iterator[Message]:
        """One quote and one trade for a share of the symbols: every one of these moves by a few ticks."""
        for symbol in self.symbols:
            if self.rng.random() > share:
                continue
            step = self.ticks[symbol]
            price = max(step * 5, self.prices[symbol] + self.rng.randint(-3, 3) * step)
            self.prices[symbol] = price
            yield quote(symbol, price - step, price + step * self.rng.randint(1, 3), at_ms)
            yield trades(symbol, price, at_ms=at_ms)

    def log(self) -> Iterator[Message]:
        """A morning of events, oldest first."""
        lines: tuple[tuple[int, EventKind, Severity, str, str], ...] = (
            (3400, "engine", "info", "", "engine started: binance_us spot at 127.0.0.1, PAPER"),
            (3398, "link", "info", "", "market-1 up after 0.1 s"),
            (3390, "universe", "info", "", "60 symbols watched: top 60 by volume and range"),
            (2200, "link", "warning", "", "market-2 down: connection reset by peer; retry 1 in 1.2 s"),
            (2199, "link", "info", "", "market-2 up after 1.3 s; 30 symbols repaired, 0 bars changed"),
            (1800, "book", "warning", "XRPUSDT", "book resynced: update 4811 missing"),
            (1320, "setting", "info", "", "confluence.enter 0.60 → 0.62 by operator"),
            (1210, "setting", "info", "", "confluence.enter 0.62 → 0.60 undone by operator"),
            (900, "ban", "error", "", "REST paused until 12:21:00: status 429, Retry-After 60 s"),
            (420, "fault", "error", "", "rest klines LUNAUSDT: status 500 three times; tried again in 8 s"),
            (62, "channel", "warning", "LUNAUSDT", "no quotes for 14 s (limit 10 s): channel frozen"),
        )
        changes: tuple[tuple[int, str, State, State, float, tuple[str, ...]], ...] = (
            (3100, "ETHUSDT", "HOLD", "BUY", 2671.40, ("EMA 9 above 21 (+5.1 pp)", "ADX 31 up (+3.0 pp)")),
            (2710, "DOGEUSDT", "HOLD", "SELL", 0.10284, ("Donchian low broken (−4.4 pp)", "MACD falling (−2.1 pp)")),
            (780, "SOLUSDT", "HOLD", "BUY", 152.19, ("MACD rising (+4.0 pp)", "volume z 2.4 with the move (+2.2 pp)")),
            (31, "AVAXUSDT", "BUY", "HOLD", 27.22, ("MACD falling (−3.2 pp)",)),
        )
        told = [(ago_s, event(0, kind, text, symbol=name, severity=how)) for ago_s, kind, how, name, text in lines]
        for ago_s, symbol, before, after, price, reasons in changes:
            told.append((ago_s, state_event(0, symbol, before, after, price, *reasons)))
        told.sort(key=lambda line: -line[0])
        for number, (ago_s, message) in enumerate(told, start=1):
            yield msgspec.structs.replace(message, event_id=number, at_ms=NOW_MS - ago_s * 1000)
