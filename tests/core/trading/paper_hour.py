"""An hour of paper trading under `SimClock`, without sockets: the sandbox's seeded market on the bus, the whole order path on top.

Everything the program is told, it is told by the script at the script's time; nothing depends on the machine. `drift` bends the
market's prices, so that stops, targets and trails are met when the script wants them to be.
"""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

import core.trading.desk
import core.trading.trade_desk
from core.bus import Bus
from core.clock import SimClock
from core.messages import (
    Bar,
    BookStatus,
    Command,
    HostKind,
    Ladder,
    Message,
    Quote,
    Replay,
    Trade,
    TradeBatch,
    Universe,
    VenueClock,
)
from core.settings import Market, Settings
from core.settings_live import LiveSettings
from core.settings_risk import RiskSettings
from core.settings_trading import Paper, Trading
from core.supervise import Supervisor
from core.trading.desk import TradingDesk
from core.trading.journal import Journal, JournalLimits
from core.trading.journal_records import Record, encode
from core.trading.journal_writer import Disk, JournalWriter
from core.trading.paper import PaperBroker
from core.trading.rules_book import RulesBook
from core.venue import TIMEFRAME_MS, Instrument
from providers.sandbox.model import SandboxDepth, SandboxQuote, SandboxTrade
from providers.sandbox.seeded import SeededMarket
from tests.builders import calm_conditions, metrics

M = TypeVar("M", bound=Message)
START_MS = 1_700_000_400_000
STEP_S = 1.0
"""The market reaches the program this often; its clock runs on in between."""
VENUE, CATEGORY = "binance_us", "spot"
PLACE: dict[str, Any] = {"venue": VENUE, "category": CATEGORY}
LEVELS = 12
"""Of the book: more than these trades reach."""
ATR = 0.003
"""Of the price."""


class PromptJournal(Journal):
    """The real file format, written in the calling turn: what stands in the file does not depend on a thread's pace."""

    def __init__(self, writer: JournalWriter, limits: JournalLimits) -> None:
        self.folder, self.entries, self.repair, self.trouble = writer.folder, writer.entries, writer.repair, None
        self.on_trouble = lambda trouble: None
        self._writer = writer

    @classmethod
    async def open(cls, folder: Path, limits: JournalLimits | None = None, disk: Disk | None = None) -> Journal:
        return cls(JournalWriter(folder, 1 << 26, _NoSync()), JournalLimits())

    async def append(self, record: Record, before: Sequence[Record] = ()) -> int:
        return self._writer.commit([encode(one) for one in (*before, record)]) + len(before)

    def keep(self, record: Record) -> None:
        self._writer.commit([encode(record)])

    async def close(self) -> None:
        self._writer.close()


class _NoSync(Disk):
    def sync(self, fd: int) -> None:
        """Not waited for: see `paper_hour`."""


class SeededProvider:
    """As much of a `MarketProvider` as the order path uses, on a seeded market whose prices are bent by `factor`."""

    venue, category, host = VENUE, CATEGORY, "seeded.example"
    host_kind: HostKind = "LIVE DATA"

    def __init__(self, bus: Bus, clock: SimClock, seed: int) -> None:
        self._bus, self._clock = bus, clock
        self._market = SeededMarket(
            seed,
            5,
            clock,
            venue=VENUE,
            category=CATEGORY,
            depth_per_s=1.0,
            quotes_per_s=1.0,
            trades_per_s=1.0,
            even=True,
        )
        listed = [one for one in self._market.listings() if one.status == "trading" and one.quote == "USDT"][:2]
        self.rules = {
            one.symbol: Instrument(
                venue=VENUE, category=CATEGORY, symbol=one.symbol, base=one.base, quote=one.quote, status="TRADING", trading=True,
                tick_size=one.tick_size, lot_size=one.lot_size, min_qty=one.lot_size, max_qty=one.max_qty,
                min_notional=one.min_notional, oco_allowed=True, max_algo_orders=5, quote_precision=Decimal("0.00000001"),
                order_types=("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"),
            )
            for one in listed
        }  # fmt: skip
        self.factor = dict.fromkeys(self.rules, 1.0)
        self.mids: dict[str, float] = {}
        self.minutes: dict[str, list[float]] = {symbol: [] for symbol in self.rules}
        """Prices seen in the minute that runs."""

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.rules)

    def venue_now_ms(self) -> int:
        return self._clock.now_ms()

    async def instruments(self) -> list[Instrument]:
        return list(self.rules.values())

    def ladder(self, symbol: str, levels: int) -> Ladder | None:
        if symbol not in self.mids:
            return None
        book = self._market.book(symbol)
        sides = [
            tuple(self._level(symbol, *level) for level in side[: min(levels, LEVELS)])
            for side in (book.bids, book.asks)
        ]
        return Ladder(**PLACE, symbol=symbol, bids=sides[0], asks=sides[1], at_ms=book.at_ms)

    def step(self) -> None:
        """Publish what happened since the last call."""
        for event in self._market.events(self._clock.now_ms()):
            if event.symbol not in self.rules or isinstance(event, SandboxDepth):
                continue
            if isinstance(event, SandboxQuote):
                bid, bid_size = self._level(event.symbol, event.bid_ticks, event.bid_lots)
                ask, ask_size = self._level(event.symbol, event.ask_ticks, event.ask_lots)
                ask = max(ask, bid + float(self.rules[event.symbol].tick_size))
                self.mids[event.symbol] = 0.5 * (bid + ask)
                self._bus.publish(
                    Quote(
                        **PLACE, symbol=event.symbol, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size, event_ms=event.at_ms,
                        received_ms=event.at_ms,
                    )
                )  # fmt: skip
            elif isinstance(event, SandboxTrade):
                price, size = self._level(event.symbol, event.price_ticks, event.size_lots)
                self.minutes[event.symbol].append(price)
                told = Trade(str(event.trade_id), price, size, "BUY" if event.buyer_taker else "SELL", event.at_ms)
                self._bus.publish(TradeBatch(**PLACE, symbol=event.symbol, trades=(told,), received_ms=event.at_ms))

    def _level(self, symbol: str, ticks: int, lots: int) -> tuple[float, float]:
        rule = self.rules[symbol]
        return float(round(ticks * self.factor[symbol]) * rule.tick_size), float(lots * rule.lot_size)


class PaperHour:
    """The order path in paper on a market that moves only with `pass_time`."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.clock = SimClock(START_MS)
        self.began_ms, self.folder = START_MS, folder
        self.bus = Bus(self.clock)
        self.seen: list[Message] = []
        self.bus.subscribe(Message, self._note)
        self.settings = Settings(
            market=msgspec.convert({"venue": VENUE, "category": CATEGORY, "watch": 2}, Market),
            trading=msgspec.convert({"target_shares": [0.6, 0.4], "time_stop_min": 8.0, "break_even_after": 0}, Trading),
            risk=msgspec.convert(
                {"min_net_ratio": 0.5, "max_return_sigmas": 50.0, "max_spread_ratio": 50.0, "collar": 0.1, "confirmed_drift": 0.1,
                 "daily_loss": 0.2, "cool_down_min": 1.0, "volume_share": 1.0, "depth_share": 1.0, "heat": 0.2},
                RiskSettings,
            ),
            paper=Paper(),
        )  # fmt: skip
        self.live = LiveSettings(self.bus, self.clock, self.settings, folder / "overrides.toml")
        self.provider = SeededProvider(self.bus, self.clock, seed)
        made: Any = self.provider
        self.rules = RulesBook(self.clock, made)
        self.tasks = Supervisor(self.bus, self.clock)
        self._bars: list[Bar] = []
        self.bus.subscribe(Replay, lambda _: self._tell_again())

    def _note(self, message: Message) -> None:
        if not isinstance(message, Quote | TradeBatch | Bar):
            self.seen.append(message)

    def of(self, kind: type[M]) -> list[M]:
        return [message for message in self.seen if isinstance(message, kind)]

    async def start(self) -> TradingDesk:
        """The order path on whatever account and journal there are."""
        made: Any = self.provider
        self.broker = PaperBroker(self.bus, self.clock, self.live, made, self.folder, self.rules.get)
        self.tasks = Supervisor(self.bus, self.clock)
        self.desk = TradingDesk(
            self.bus, self.clock, self.live, self.broker, self.rules, self.folder, ladder=self.provider.ladder
        )
        await self.desk.open()
        self.desk.start(self.tasks)
        self.bus.publish(
            Universe(
                **PLACE, symbols=self.provider.symbols, added=(), removed=(), reason="start", at_ms=self.clock.now_ms()
            )
        )
        return self.desk

    async def stop(self) -> None:
        await self.desk.close()
        await self.tasks.stop()
        await self.desk.release()

    def ask(self, command: Command) -> None:
        self.bus.publish(command)

    async def pass_time(self, seconds: float, **drift: float) -> None:
        """Let the market go on; `drift` leads the factor of a symbol evenly to another."""
        steps = round(seconds / STEP_S)
        begun = dict(self.provider.factor)
        for n in range(1, steps + 1):
            for symbol, to in drift.items():
                self.provider.factor[symbol] = begun[symbol] + (to - begun[symbol]) * n / steps
            minute = self.clock.now_ms() // 60_000
            await self.clock.advance(STEP_S)
            self.provider.step()
            if self.clock.now_ms() // 60_000 != minute:
                self.tell_minute()

    # --- what the market part would say ------------------------------------------------------------------------------

    def tell_history(self) -> None:
        """Calm days before the hour."""
        for symbol, rhythm in zip(self.provider.symbols, (1.7, 2.3), strict=True):
            for timeframe, count in (("1m", 61), ("5m", 290), ("15m", 40)):
                length = TIMEFRAME_MS[timeframe]
                last = self.clock.now_ms() // length * length - length
                for n in range(count):
                    close = self.provider.mids[symbol] * (1.0 + 0.002 * math.sin(rhythm * (count - 1 - n)))
                    self._bar(
                        symbol, timeframe, last - (count - 1 - n) * length, [close * 0.9995, close * 1.0005, close]
                    )
        self.tell_minute()

    def tell_minute(self) -> None:
        """The candle that closed, and what is said of the market at its close."""
        now = self.clock.now_ms()
        self.bus.publish(VenueClock(**PLACE, offset_ms=0.0, round_trip_ms=20.0, at_ms=now))
        for symbol in self.provider.symbols:
            prices = self.provider.minutes[symbol] or [self.provider.mids[symbol]]
            for timeframe in ("1m", "5m", "15m"):
                if now // 60_000 * 60_000 % TIMEFRAME_MS[timeframe] == 0:
                    self._bar(symbol, timeframe, now // 60_000 * 60_000 - TIMEFRAME_MS[timeframe], prices)
            self.provider.minutes[symbol] = []
            self._conditions(symbol, now)

    def _bar(self, symbol: str, timeframe: str, open_ms: int, prices: list[float]) -> None:
        bar = Bar(
            **PLACE, symbol=symbol, timeframe=timeframe, open_ms=open_ms, open=prices[0], high=max(prices), low=min(prices),
            close=prices[-1], volume=1e6, quote_volume=1e9, trades=10, taker_buy_volume=math.nan, closed=True,
            known_at=self.clock.now_ms(),
        )  # fmt: skip
        self._bars.append(bar)
        self.bus.publish(bar)

    def _tell_again(self) -> None:
        """Who comes later hears what was said before."""
        for bar in self._bars:
            self.bus.publish(bar)
        for symbol in self.provider.symbols:
            self._conditions(symbol, self.clock.now_ms())

    def _conditions(self, symbol: str, now: int) -> None:
        place = PLACE | {"symbol": symbol}
        mid = self.provider.mids[symbol]
        self.bus.publish(BookStatus(**place, state="live", reason="", resyncs=0, at_ms=now))
        self.bus.publish(metrics(symbol, mid, atr=mid * ATR, natr=ATR, known_at=now, occurred_at=now - 60_000, **PLACE))
        for message in calm_conditions(symbol, now, **PLACE):
            self.bus.publish(message)


@asynccontextmanager
async def paper_hour(folder: Path, seed: int = 11) -> AsyncIterator[PaperHour]:
    """Two minutes of market, then the order path on it. Everything random comes from the seed."""
    patch = pytest.MonkeyPatch()
    dice = random.Random(seed)
    patch.setattr("core.trading.client_ids.secrets.choice", dice.choice)
    patch.setattr("core.trading.authority.secrets.token_hex", lambda size: dice.randbytes(size).hex())
    patch.setattr("core.atomic_file.os.fsync", lambda handle: None)  # the disk is not what is tested here
    patch.setattr(core.trading.desk, "Journal", PromptJournal)
    patch.setattr(core.trading.trade_desk, "TICK_S", STEP_S)  # the market moves no oftener
    try:
        hour = PaperHour(folder, seed)
        hour.provider.step()
        await hour.rules.refresh()
        await hour.pass_time(30)
        hour.tell_history()
        await hour.start()
        await hour.pass_time(90)
        try:
            yield hour
        finally:
            await hour.stop()
    finally:
        patch.undo()
