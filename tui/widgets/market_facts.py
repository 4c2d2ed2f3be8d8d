"""What one watchlist line says: numbers derived from a `MarketRow` when it is painted, and the words for what is wrong.

Pure functions of (row, market, now); nothing here knows a width, a colour or Textual. NaN means not known.
"""

from __future__ import annotations

import math

from core.messages import ChannelStatus, Confluence, LinkStatus
from tui.format import clock_text, guess_decimals, tick_decimals
from tui.store import MarketRow, ViewStore
from tui.widgets.market_advice import NO_ADVICE, advice
from tui.widgets.market_vote import Reason, contrary, families, leanings, reasons

NAN = math.nan
CHANNEL_WORDS = {"quote": "quotes", "trade": "trades", "kline": "candles", "depth": "depth", "mark": "mark prices"}
CHANNEL_ORDER = ("quote", "kline", "depth", "mark")
"""Channels whose silence makes a symbol stale. A thin pair may go without a trade for long: that is only said."""
TIMEFRAME_MS = {
    "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000, "2h": 7_200_000,
    "4h": 14_400_000, "6h": 21_600_000, "12h": 43_200_000, "1d": 86_400_000,
}  # fmt: skip


class Facts:
    """One line's numbers. Changes are fractions, `spread_bp` basis points, ages seconds, `natr` a fraction.

    `smc` and `classic` are log-odds, `families` how many agree and how many speak.
    """

    __slots__ = (
        "advice",
        "age_s",
        "ask",
        "bar_age_s",
        "bid",
        "change_1h",
        "change_24h",
        "classic",
        "contrary",
        "decimals",
        "delta",
        "families",
        "gate",
        "halted",
        "natr",
        "pinned",
        "price",
        "probability",
        "quiet",
        "ready",
        "reasons",
        "regime",
        "rsi",
        "smc",
        "spark",
        "spread_bp",
        "stale",
        "state",
        "symbol",
        "volume",
        "volume_z",
        "why",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.advice = NO_ADVICE
        self.price = self.bid = self.ask = self.delta = self.change_1h = self.change_24h = NAN
        self.volume = self.spread_bp = self.natr = self.rsi = self.volume_z = self.probability = NAN
        self.age_s = self.bar_age_s = NAN
        self.smc = self.classic = NAN
        self.gate = 1.0
        self.families = (0, 0)
        self.reasons: tuple[Reason, ...] = ()
        self.contrary: Reason | None = None
        self.decimals = 2
        self.spark: tuple[float, ...] = ()
        self.state = ""
        self.regime = ""
        self.why = ""
        self.halted = ""
        self.quiet = ""
        self.ready = False
        self.stale = False
        self.pinned = False


def derive(row: MarketRow, store: ViewStore, now_ms: int) -> Facts:
    """All numbers and words of one line."""
    facts = Facts(row.symbol)
    facts.pinned = row.symbol in store.pinned
    facts.advice = advice(store.screening.rows.get(row.symbol), now_ms)
    price = row.price
    if price > 0.0:
        facts.price = price
    facts.decimals = decimals(row)
    quote = row.quote
    if quote is not None and quote.bid > 0.0 and quote.ask > 0.0:
        facts.bid, facts.ask = quote.bid, quote.ask
        facts.spread_bp = (quote.ask - quote.bid) / (quote.ask + quote.bid) * 20_000.0
    if row.updated_ms:
        facts.age_s = max(0.0, (now_ms - row.updated_ms) / 1000.0)
    _from_metrics(facts, row)
    confluence = row.confluence
    if confluence is not None:
        facts.ready = True
        _from_vote(facts, confluence)
        facts.state = confluence.state
        facts.probability = confluence.probability
        facts.delta = _change(price, confluence.since_price)
        frame_ms = TIMEFRAME_MS.get(confluence.timeframe, 0)
        facts.bar_age_s = max(0.0, (now_ms - confluence.occurred_at - frame_ms) / 1000.0)
    facts.halted = halt_words(row)
    fault = fault_words(row, store, now_ms)
    facts.stale = bool(fault) and not facts.halted
    facts.quiet = "" if fault or facts.halted else quiet_words(row, now_ms)
    facts.why = facts.halted or fault or ", ".join(reason.text for reason in facts.reasons) or _held(row, store)
    return facts


def decimals(row: MarketRow) -> int:
    """Decimals of this symbol's prices: from its tick, else guessed from the price."""
    return tick_decimals(row.listing.tick_size) if row.listing is not None else guess_decimals(row.price)


def _from_vote(facts: Facts, confluence: Confluence) -> None:
    sums = leanings(confluence)
    facts.smc, facts.classic = sums.get("SMC", NAN), sums.get("CLASSIC", NAN)
    facts.families, facts.gate = families(confluence), confluence.gate
    if not confluence.hold_reason:
        facts.reasons, facts.contrary = reasons(confluence), contrary(confluence)


def _from_metrics(facts: Facts, row: MarketRow) -> None:
    metrics, ticker, price = row.metrics, row.ticker, row.price
    if ticker is not None:
        facts.volume, facts.change_24h = ticker.quote_volume, ticker.change
    if metrics is None:
        return
    facts.change_1h = _change(price, metrics.close_1h_ago)
    day = _change(price, metrics.close_24h_ago)
    if day == day:
        facts.change_24h = day
    if metrics.quote_volume_24h == metrics.quote_volume_24h:
        facts.volume = metrics.quote_volume_24h
    facts.natr, facts.rsi, facts.volume_z = metrics.natr, metrics.rsi, metrics.volume_z
    facts.spark, facts.regime = metrics.sparkline, metrics.regime


def _change(price: float, before: float) -> float:
    return price / before - 1.0 if price > 0.0 and before > 0.0 else NAN


def offline(store: ViewStore) -> LinkStatus | None:
    """The worst link while no connection is up, else None."""
    if not store.links or any(link.state in ("up", "rotating") for link in store.links.values()):
        return None
    troubled = store.troubled_links()
    return troubled[0] if troubled else None


def frozen_channel(row: MarketRow) -> ChannelStatus | None:
    """The most important channel of this symbol that is silent for too long, if any."""
    for name in CHANNEL_ORDER:
        status = row.channels.get(name)
        if status is not None and not status.fresh:
            return status
    return None


def halt_words(row: MarketRow) -> str:
    """`halted by the venue: BREAK`; empty while the symbol trades or nothing is known of its rules."""
    listing = row.listing
    return "" if listing is None or listing.trading else f"halted by the venue: {listing.status}"


def quiet_words(row: MarketRow, now_ms: int) -> str:
    """`no trade for 40 s` while everything else is fresh; empty when trades come as usual."""
    status = row.channels.get("trade")
    if status is None or status.fresh:
        return ""
    return f"no trade for {calm_age(status.age_s + max(0, now_ms - status.at_ms) / 1000.0)}"


def fault_words(row: MarketRow, store: ViewStore, now_ms: int) -> str:
    """What is wrong with this symbol's data, in words; empty when it is fresh."""
    link = offline(store)
    if link is not None:
        return link_words(link)
    status = frozen_channel(row)
    if status is None:
        return ""
    silent_s = status.age_s + max(0, now_ms - status.at_ms) / 1000.0
    down = [link for link in store.troubled_links() if link.state in ("down", "banned")]
    cause = link_words(down[0]) if down else "channel frozen"
    return f"no {CHANNEL_WORDS[status.channel]} for {calm_age(silent_s)}: {cause}"


def link_words(link: LinkStatus) -> str:
    """`link down, retry at 12:34:59Z`: a time of day stays true until the next word comes."""
    if link.state == "banned":
        return "venue refuses us, waiting"
    if link.state == "stopped":
        return "link stopped"
    if link.state == "connecting":
        return "link connecting" + (f", attempt {link.attempt}" if link.attempt > 1 else "")
    if link.retry_in_s < 1.0:
        return "link down, retrying"
    return f"link down, retry at {clock_text(link.at_ms + round(link.retry_in_s * 1000.0))}"


def calm_age(seconds: float) -> str:
    """An age in steps that grow with it, so that a silent row is not repainted every second."""
    whole = max(0, int(seconds))
    if whole < 20:
        return f"{whole} s"
    if whole < 60:
        return f"{whole // 5 * 5} s"
    if whole < 6000:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 172_800 else f"{whole // 86_400} d"


def _held(row: MarketRow, store: ViewStore) -> str:
    """What keeps the symbol from having reasons."""
    return row.confluence.hold_reason if row.confluence is not None else loading_words(row, store)


def loading_words(row: MarketRow, store: ViewStore) -> str:
    """`loading history 3/5`: series ready of series known."""
    known = len(store.timeframes)
    done = sum(status.ready for status in row.history.values())
    if not known:
        return "waiting for history"
    return f"loading history {done}/{known}" if done < known else "warming up"


def is_halted(row: MarketRow) -> bool:
    """Whether the venue does not let this symbol trade now."""
    return row.listing is not None and not row.listing.trading


def has_stale_data(row: MarketRow, store: ViewStore) -> bool:
    """Whether this row counts as stale; the same rule as `fault_words`, without building words."""
    return frozen_channel(row) is not None or offline(store) is not None
