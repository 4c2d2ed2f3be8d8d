"""A risk desk that was told everything an entry needs, fact by fact, so that single facts can be left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from core.bus import Bus
from core.clock import SimClock
from core.messages import (
    Bar,
    BookStatus,
    Fault,
    MarkPrice,
    Message,
    OrderAlarm,
    PositionStatus,
    Quote,
    Screening,
    StopTruth,
    ThresholdsInForce,
    Trade,
    TradeBatch,
    TradeClosed,
    TriggerStats,
    VenueClock,
)  # fmt: skip
from core.risk.gates import Verdicts, judge
from core.risk.verdict import Deny
from core.risk.view import AuthorisationView, Held, PlanView, RiskView
from core.settings import Settings
from core.settings_live import LiveSettings
from core.settings_risk import RiskSettings
from core.trading.broker import AccountSnapshot, Mode, Spent, VenueBalance, VenuePosition
from core.trading.draft import OrderDraft
from core.trading.journal_records import Entry
from core.trading.order import OrderSpec
from core.trading.order_record import Intent, OrderRecord, born
from core.trading.risk_desk import RiskDesk
from core.venue import TIMEFRAME_MS, Instrument
from tests.core.risk.views import instrument

D = Decimal
NOW = 1_795_264_496_000
SYMBOL = "BTCUSDT"
NAN = float("nan")


class Journal:
    """What the desk asks of one."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.entries: list[Entry] = []


def natr(value: float = 0.002) -> TriggerStats:
    return TriggerStats(
        price=100.0, change=0.0, atr=0.2, natr=value, rsi=50.0, volume_mean=1.0, volume_std=1.0, volume_z=0.0,
        daily_high=101.0, daily_low=99.0, daily_range=2.0, vwap_deviation=0.0,
    )  # fmt: skip


class RiskRig:
    """`tell()` tells every fact but those in `omit`; `ask()` takes the picture and asks every gate."""

    def __init__(
        self, folder: Path, category: str = "linear", mode: Mode = "LIVE", *, omit: Iterable[str] = (),
        risk: RiskSettings | None = None, start_ms: int = NOW - 60_000, equity: str = "10000",
    ) -> None:  # fmt: skip
        self.clock = SimClock(start_ms)
        self.bus = Bus(self.clock)
        self.folder = folder
        settings = replace(Settings(), risk=risk or RiskSettings())
        self.live = LiveSettings(self.bus, self.clock, settings, folder / "overrides.toml")
        self.venue, self.category = ("bybit", category) if category == "linear" else ("binance_us", category)
        self.said: list[Message] = []
        for kind in (Fault, OrderAlarm):
            self.bus.subscribe(kind, self.said.append)
        self.journal = Journal()
        self.desk = RiskDesk(self.bus, self.clock, self.live, self.journal, folder, self.venue, category, mode=mode)
        self.omit = set(omit)
        self.orders: dict[str, OrderRecord] = {}
        self.held: tuple[Held, ...] = ()
        self.spent = Spent(used=0.1)
        self.balances = {"USDT": VenueBalance(D(equity))}
        self.rule: Instrument | None = instrument(
            category, venue=self.venue, price_up_ratio=D("1.1"), price_down_ratio=D("0.9"), average_price_minutes=5,
            funding_interval_min=480,
            order_types=("LIMIT", "MARKET", "STOP_LOSS_LIMIT") if category == "spot" else ("Limit", "Market"),
        )  # fmt: skip

    # --- facts -------------------------------------------------------------------------------------------------------

    def tell(self) -> RiskRig:
        """Half a minute of market, then the account, now at `NOW`."""
        facts: dict[str, Callable[[], object]] = {
            "bars_1m": lambda: self.bars("1m", 61),
            "bars_5m": lambda: self.bars("5m", 300),
            "bars_15m": lambda: self.bars("15m", 40),
            "screening": self.screening,
            "thresholds": self.thresholds,
            "book": self.book,
            "quotes": self.quotes,
            "clock": self.venue_clock,
            "trades": self.trades,
            "mark": self.mark,
            "rules_read": lambda: self.desk.rules_read(self.clock.now_ms()),
            "use": self.use,
            "snapshot": self.snapshot,
            "stream": lambda: self.desk.on_stream("SYNCED"),
            "look": self.look,
            "arm": lambda: self.desk.arm(60),
        }
        assert self.omit <= facts.keys() | {"orders", "held", "spent", "rules", "funding"}
        if "rules" in self.omit:
            self.rule = None
        for name, fact in facts.items():
            if name not in self.omit:
                fact()
        return self

    def use(self) -> None:
        self.desk.use(lambda: self.orders, lambda: self.held, lambda: self.spent, lambda symbol: self.rule)
        unknown: Any = None
        picture = self.desk._picture
        for name in ("orders", "held", "spent"):
            if name in self.omit:
                setattr(picture, name, unknown)

    def quotes(self, count: int = 30) -> None:
        for _ in range(count):
            self.clock.set_ms(self.clock.now_ms() + 1000)
            self.quote()

    def quote(self, bid: float = 99.9, ask: float = 100.1, symbol: str = SYMBOL, *, late_ms: int = 0) -> None:
        now = self.clock.now_ms()
        self.bus.publish(
            Quote(
                venue=self.venue, category=self.category, symbol=symbol, bid=bid, bid_size=50.0, ask=ask, ask_size=50.0,
                event_ms=now - late_ms, received_ms=now,
            )
        )  # fmt: skip

    def book(self, state: Any = "live") -> None:
        now = self.clock.now_ms()
        self.bus.publish(
            BookStatus(
                venue=self.venue, category=self.category, symbol=SYMBOL, state=state, reason="", resyncs=0, at_ms=now
            )
        )

    def trades(self, price: float = 100.0) -> None:
        now = self.clock.now_ms()
        batch = (Trade("1", price, 2.0, "BUY", now),)
        self.bus.publish(
            TradeBatch(venue=self.venue, category=self.category, symbol=SYMBOL, trades=batch, received_ms=now)
        )

    def mark(self, price: float = 100.0) -> None:
        now = self.clock.now_ms()
        funding = 0 if "funding" in self.omit else now + 3_600_000
        self.bus.publish(
            MarkPrice(
                venue=self.venue, category=self.category, symbol=SYMBOL, mark=price, index=price, funding_rate=0.0001,
                next_funding_ms=funding, open_interest=0.0, event_ms=now,
            )
        )  # fmt: skip

    def venue_clock(self, offset_ms: float = 12.0) -> None:
        now = self.clock.now_ms()
        self.bus.publish(
            VenueClock(venue=self.venue, category=self.category, offset_ms=offset_ms, round_trip_ms=20.0, at_ms=now)
        )

    def bars(self, timeframe: str, count: int, symbol: str = SYMBOL, wave: float = 1.0) -> None:
        """Closed bars up to now: a small wave around 100, the last bar at 100."""
        length = TIMEFRAME_MS[timeframe]
        last = self.clock.now_ms() // length * length - length
        for n in range(count):
            close = 100.0 + 0.1 * wave * math.sin(1.7 * (count - 1 - n))
            self.bar(timeframe, last - (count - 1 - n) * length, close, symbol)

    def bar(self, timeframe: str, open_ms: int, close: float, symbol: str = SYMBOL) -> None:
        """One closed bar."""
        self.bus.publish(
            Bar(
                venue=self.venue, category=self.category, symbol=symbol, timeframe=timeframe, open_ms=open_ms, open=close,
                high=close + 0.1, low=close - 0.1, close=close, volume=5000.0, quote_volume=500_000.0, trades=10,
                taker_buy_volume=NAN, closed=True, known_at=self.clock.now_ms(),
            )
        )  # fmt: skip

    def screening(self, value: float = 0.002, *, replayed: bool = False) -> None:
        now = self.clock.now_ms()
        self.bus.publish(
            Screening(
                venue=self.venue, category=self.category, symbol=SYMBOL, signal="NONE", trigger_reasons=(), stats=natr(value),
                hints=(), strength=0.0, asset_class="spot", replayed=replayed, occurred_at=now - 60_000, known_at=now,
            )
        )  # fmt: skip

    def thresholds(self) -> None:
        self.bus.publish(
            ThresholdsInForce(
                venue=self.venue, category=self.category, symbol=SYMBOL, asset_class="spot", class_hint="",
                values={"low_gate": 0.001, "high_gate": 0.01}, sources={}, source="class", is_default=True, since_ms=0,
                expires_ms=0, blended=False, previous=0, at_ms=self.clock.now_ms(),
            )
        )  # fmt: skip

    def snapshot(self) -> None:
        positions: tuple[VenuePosition, ...] = ()
        if self.category == "linear":
            positions = (
                VenuePosition(symbol=SYMBOL, size=D(0), leverage=D(2), margin_mode="isolated", position_mode="one-way"),
            )
        self.desk.on_snapshot(
            AccountSnapshot(at_ms=self.clock.now_ms(), balances=dict(self.balances), positions=positions)
        )

    def look(self) -> None:
        """Twice: the first time everything has just moved."""
        self.desk.look()
        self.desk.look()

    def money(self, amount: str) -> None:
        """The quote balance is this now, and has been for a tick."""
        self.balances = {"USDT": VenueBalance(D(amount))}
        self.desk.on_account(self.balances, ())
        self.look()

    def position(self, result: float, quantity: str = "10", trade_id: str = "t-0", symbol: str = SYMBOL) -> None:
        """A position of ours, at 100, that has brought `result` so far."""
        self.held = (Held(symbol=symbol, quantity=D(quantity), price=D(100), risk=D(10)),) if D(quantity) else ()
        now = self.clock.now_ms()
        self.bus.publish(
            PositionStatus(
                venue=self.venue, category=self.category, symbol=symbol, trade_id=trade_id, side="BUY", quantity=D(quantity),
                entry_price=D(100), price=100.0, unrealised=result, result=result, r_multiple=0.0,
                stop=StopTruth(state="VERIFIED"), opened_ms=now, at_ms=now,
            )
        )  # fmt: skip

    def closed(self, result: str, trade_id: str = "t-0") -> None:
        """The trade is over."""
        self.held = ()
        now = self.clock.now_ms()
        self.bus.publish(
            TradeClosed(
                venue=self.venue, category=self.category, symbol=SYMBOL, trade_id=trade_id, side="BUY", quantity=D(1),
                entry_price=D(100), exit_price=D(100), result=D(result), fees=D(0), slippage=D(0), risked=D(10),
                r_multiple=0.0, why="STOP", reasons=(), opened_ms=now, closed_ms=now,
            )
        )  # fmt: skip

    # --- asking ------------------------------------------------------------------------------------------------------

    def view(self, **draft: Any) -> RiskView:
        return self.desk.view(self.draft(**draft), GIVEN)

    def ask(self, **draft: Any) -> Verdicts:
        return judge(self.view(**draft), lambda: 0.0)

    def denied(self, **draft: Any) -> dict[str, str]:
        return {answer.code: answer.words for answer in self.ask(**draft).answers if isinstance(answer, Deny)}

    @staticmethod
    def draft(act: Any = "ENTRY", **spec: Any) -> OrderDraft:
        base: dict[str, Any] = {
            "client_id": "t-1", "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": D(10), "price": D(100),
        }  # fmt: skip
        plan = PlanView(
            confirmed_price=D(100), stop=D(99), stop_quantity=D(10), stop_at_venue=True, stop_orders=1,
            loss_per_unit=D("1.1"), net_ratio=2.5, probability=0.5, liquidation=D(40),
        )  # fmt: skip
        return OrderDraft(
            intent_id="open t-1", act=act, purpose="ENTRY" if act == "ENTRY" else "EXIT", spec=OrderSpec(**(base | spec)),
            plan=plan,
        )  # fmt: skip

    def record(self, state: Any, client_id: str = "o-1", purpose: Any = "ENTRY", at_ms: int = 0, **spec: Any) -> None:
        """An order of ours in this state."""
        base: dict[str, Any] = {
            "client_id": client_id, "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "quantity": D(1), "price": D(100),
        }  # fmt: skip
        intent = Intent(at_ms=at_ms, intent_id=f"i {client_id}", purpose=purpose, spec=OrderSpec(**(base | spec)))
        changes = {"acknowledged": True} if state in ("WORKING", "PARTIAL") else {}
        self.orders[client_id] = replace(born(intent), state=state, **changes)


GIVEN = AuthorisationView(order_hash="h", authorised_hash="h", age_s=1.0, used=False)
