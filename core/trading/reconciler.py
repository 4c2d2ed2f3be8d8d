"""Compares what the venue says is with what the journal says was meant: at start, after every gap, and on a timer.

The venue decides what is, the journal what was meant, the operator when they differ. Nothing is repaired silently and
nothing foreign is touched: a difference becomes a `Discrepancy` on the screen, and the trading state drops to REDUCING.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Protocol

from core.bus import Bus
from core.clock import Clock
from core.market.repairs import wait_after
from core.messages import OrderAlarm, Replay
from core.risk.verdict import written
from core.settings_live import LiveSettings
from core.trading.broker import AccountSnapshot, Broker, StreamState, VenueBalance, VenuePosition
from core.trading.client_ids import recognise
from core.trading.differences import Difference, Differences
from core.trading.evidence import NotListed, Reported
from core.trading.ledger import Ledger
from core.trading.manager import OrderManager
from core.trading.order import ZERO, Fill, OrderReport
from core.trading.order_record import OrderRecord
from core.trading.position_book import PositionBook
from core.trading.risk_desk import RiskDesk
from core.trading.states import MAYBE_LIVE
from core.venue import Banned, Fatal, Instrument, Rejected, VenueError

SECOND_LOOK_S = 1.0
"""Balances are read from another machine than the stream: what differs is looked at once more before it is believed."""
ASKED_AGAIN = 5
"""Newest orders whose trades are asked for when the venue holds something else: a fill may never have been told."""
GRACE_MS = 3_000
"""An order this young may be missing from a listing: venues create orders asynchronously."""

log = logging.getLogger("tradetui.trading")


class Watcher(Protocol):
    """Who keeps the proof of protective stops."""

    def verified(self, client_ids: list[str], at_ms: int) -> None:
        """These orders were open at the venue at that time."""

    def on_positions(self, positions: tuple[VenuePosition, ...]) -> None:
        """Perpetual positions as the venue tells them."""

    def outside(self, symbol: str, fill: Fill, why: str) -> str:
        """Our position was reduced by an order that is none of ours. Words of refusal, or empty."""


class Reconciler:
    """One account. `run` compares until cancelled; `ask` lets it compare everything now."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        broker: Broker,
        manager: OrderManager,
        book: PositionBook,
        risk: RiskDesk,
        watcher: Watcher,
        rules: Callable[[str], Instrument | None],
    ) -> None:
        self._clock = clock
        self._live = live
        self._broker = broker
        self._manager = manager
        self._book = book
        self._risk = risk
        self._watcher = watcher
        self._rules = rules
        self._ledger = Ledger(rules)
        self.differences = Differences(bus, clock, broker, risk)
        self.foreign: Mapping[str, OrderReport] = {}
        self.settled_ms = 0
        """When everything was last compared, without a failure; 0: never."""
        self._stream: StreamState = "DOWN"
        self._gaps = 0
        self._hint_again_at = 0.0
        self._wanted = asyncio.Event()
        self._failures = 0
        self._unlisted: frozenset[str] = frozenset()
        """Orders of ours that may fill and that the venue did not list the last time."""
        self._refused = False
        self._bus = bus
        bus.subscribe(Replay, lambda _: self.differences.replay(), name="reconciler.replay")

    # --- what is told ------------------------------------------------------------------------------------------------

    def on_stream(self, state: StreamState, why: str) -> None:
        """A gap: entries wait until everything was compared."""
        self._stream = state
        self._gaps += 1
        self._risk.on_stream("GAP" if state == "UP" else "DOWN")
        if state == "UP":
            self.ask()
        else:
            log.warning("private stream down: %s", why)

    def on_fill(self, record: OrderRecord, fill: Fill) -> None:
        """An execution of ours: what it moved is expected from now on."""
        self._ledger.fill(fill)

    def on_account(self, balances: dict[str, VenueBalance], positions: tuple[VenuePosition, ...]) -> None:
        """Absolute values from the stream. They are compared with the next snapshot, not here: fills may still be on their way."""
        self._risk.on_account(balances, positions)

    def begin_anew(self) -> None:
        """The simulated account was reset: nothing is believed of its balances."""
        self._ledger = Ledger(self._rules)
        self.ask()

    def ask(self) -> None:
        """Compare everything as soon as possible."""
        self._wanted.set()

    def hint(self) -> None:
        """Somebody else's order changed. A busy stranger must not use up our requests: asked for as often as orders are at most."""
        now = self._clock.monotonic()
        if now >= self._hint_again_at:
            self._hint_again_at = now + self._live.current.trading.reconcile_orders_s
            self.ask()

    def adopt(self, key: str) -> str:
        """The operator accepts the venue's side of a difference. Words of refusal, or empty."""
        difference = self.differences.standing.get(key)
        if difference is None:
            return f"there is no discrepancy {key!r} any more"
        if difference.kind in ("POSITION", "BALANCE"):
            words = self._let_go(difference)
            if words:
                return words
        if difference.kind == "BALANCE":
            self._ledger.accept(difference.symbol)
        if difference.kind == "POSITION":  # both sides agree now: the next comparison settles it
            self.ask()
        else:
            self.differences.accept(key)
        return ""

    def _let_go(self, difference: Difference) -> str:
        """What the venue holds less of our position than our fills say leaves it, at the price of now. Words, or empty."""
        there = Decimal(difference.venues)
        positions = self._book.positions
        if self._broker.features.perpetual:
            held = {difference.symbol: positions[difference.symbol].quantity} if difference.symbol in positions else {}
        else:
            held = {name: one.quantity for name, one in positions.items() if self._base(name) == difference.symbol}
        here = sum(held.values(), ZERO)
        if difference.kind == "BALANCE" and here <= there:
            return ""
        if not here or here * there < ZERO or abs(there) >= abs(here):
            return f"{difference.text}; what is more at the venue than here is not ours and cannot be adopted: close that on its website"
        if open_end := self._open_end(held):
            return f"{difference.text}; order {open_end} may have filled what differs, and the venue is being asked: wait for its answer"
        if len(held) > 1:
            return f"{difference.text}; {' and '.join(sorted(held))} hold it: close one of them first"
        symbol, best = next(iter(held)), self._risk.market.best(next(iter(held)))
        price = best[0 if here > ZERO else 1] if best is not None else positions[symbol].entry_price
        fill = Fill(
            trade_id=f"adopted {self._clock.now_ms()}", order_id="", client_id="", symbol=symbol,
            side="SELL" if here > ZERO else "BUY", price=price, quantity=abs(here) - abs(there), cumulative=ZERO,
            fee=ZERO, fee_asset="", maker=False, at_ms=self._clock.now_ms(),
        )  # fmt: skip
        return self._watcher.outside(symbol, fill, "adopted by the operator")

    def _open_end(self, symbols: Collection[str]) -> str:
        """An order of ours in these symbols whose fills are not known for certain; empty: none. What it filled would count twice."""
        for record in self._manager.orders.values():
            sought = record.state in ("SENT", "UNKNOWN", "CANCEL_PENDING") or record.client_id in self._unlisted
            if record.intent.spec.symbol in symbols and record.state in MAYBE_LIVE and sought:
                return record.client_id
        return ""

    def _base(self, symbol: str) -> str:
        rule = self._rules(symbol)
        return rule.base if rule is not None else ""

    # --- comparing ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Orders every `reconcile_orders_s`, the account every `reconcile_account_s`, all of it when asked."""
        account_due = 0.0
        while True:
            trading = self._live.current.trading
            everything = self._wanted.is_set() or self._clock.monotonic() >= account_due
            self._wanted.clear()
            wait_s, gaps = trading.reconcile_orders_s, self._gaps
            try:
                await self.compare_orders()
                if everything:
                    await self.compare_account()
                    account_due = self._clock.monotonic() + trading.reconcile_account_s
                    self._settled(gaps)
                self._failures = 0
                self._tell_refused(None)
            except VenueError as error:
                self._failures += 1
                self._tell_refused(error)
                wait_s = max(error.retry_in_s, 1.0) if isinstance(error, Banned) else wait_after(error, self._failures)
                wait_s = min(wait_s, trading.reconcile_orders_s) if not isinstance(error, Banned) else wait_s
                if everything:
                    self._wanted.set()
                log.warning("reconciliation: %s; again in %.0f s", error, wait_s)
            await self._rest(wait_s)

    def _tell_refused(self, error: VenueError | None) -> None:
        """Keys the venue does not take mend themselves never: the operator is told once, and once when they are taken."""
        refused = isinstance(error, Rejected | Fatal) or (error is not None and self._refused)
        if refused == self._refused:
            return
        self._refused = refused
        broker = self._broker
        account = f"account {broker.account} at {broker.host}"
        text = (
            f"{account} cannot be read ({error}): no entries are taken; check the keys, their rights and their addresses"
            if refused
            else f"{account} can be read again"
        )
        self._bus.publish(
            OrderAlarm(
                venue=broker.venue,
                category=broker.category,
                symbol="",
                code="ACCOUNT_REFUSED" if refused else "ACCOUNT_READ",
                text=text,
                severity="error" if refused else "info",
                at_ms=self._clock.now_ms(),
            )
        )

    async def _rest(self, wait_s: float) -> None:
        """Until the time is up, or somebody asks after a success."""
        if self._failures:
            await self._clock.sleep(wait_s)
            return
        sleeping = asyncio.ensure_future(self._clock.sleep(wait_s))
        asked = asyncio.ensure_future(self._wanted.wait())
        try:
            await asyncio.wait((sleeping, asked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (sleeping, asked):
                waiting.cancel()
            await asyncio.gather(sleeping, asked, return_exceptions=True)

    def _settled(self, gaps: int) -> None:
        """`gaps` before anything was asked for: what was asked for before a gap does not end it."""
        self.settled_ms = self._clock.now_ms()
        if self._stream == "UP" and gaps == self._gaps:
            self._risk.on_stream("SYNCED")

    async def compare_orders(self) -> None:
        """Open orders of the venue against the records. Raises `VenueError`."""
        asked_ms = self._clock.now_ms()
        listed = await self._broker.open_orders()
        now_ms = self._clock.now_ms()
        foreign: dict[str, OrderReport] = {}
        ours: set[str] = set()
        for report in listed:
            record = self._manager.find(report)
            if record is None:
                foreign[report.order_id] = report
                continue
            ours.add(record.client_id)
            self._manager.hear(
                Reported(
                    client_id=record.client_id, at_ms=now_ms, report=report, channel="OPEN_ORDERS", asked_ms=asked_ms
                )
            )
        self._unlisted = (
            frozenset(record.client_id for record in self._manager.orders.values() if record.state in MAYBE_LIVE) - ours
        )
        for record in list(self._manager.orders.values()):
            young = asked_ms - record.sent_ms < GRACE_MS
            if record.state in MAYBE_LIVE and record.client_id not in ours and not young:
                self._manager.hear(NotListed(client_id=record.client_id, at_ms=now_ms, asked_ms=asked_ms))
        self._watcher.verified(sorted(ours), asked_ms)
        self.foreign = foreign
        self._tell_foreign(foreign)

    def _tell_foreign(self, foreign: Mapping[str, OrderReport]) -> None:
        found = [_foreign(report) for report in foreign.values()]
        self.differences.of_kinds(("FOREIGN_ORDER", "UNKNOWN_ORDER"), found)

    async def compare_account(self) -> None:
        """Balances and positions against our own fills. Raises `VenueError`."""
        snapshot = await self._snapshot()
        found = self._differences(snapshot)
        fresh = frozenset(one.symbol for one in found if one.key not in self.differences.standing)
        if fresh:
            # The reading may be older than the fills we know, or newer than those we do not: ask for them, look once more.
            self._manager.ask_trades(fresh, ASKED_AGAIN)
            await self._clock.sleep(SECOND_LOOK_S)
            snapshot = await self._snapshot()
            again = {difference.key for difference in self._differences(snapshot)}
            found = [difference for difference in self._differences(snapshot) if difference.key in again]
        self.differences.of_kinds(("BALANCE", "POSITION"), found)
        if not any(difference.kind == "BALANCE" for difference in found):
            self._ledger.believe(snapshot.balances)

    async def _snapshot(self) -> AccountSnapshot:
        fills = self._ledger.fills
        snapshot = await self._broker.snapshot()
        while self._ledger.fills != fills:  # something traded while the answer was on its way: it tells of neither side
            fills = self._ledger.fills
            snapshot = await self._broker.snapshot()
        self._risk.on_snapshot(snapshot)
        self._watcher.on_positions(snapshot.positions)
        return snapshot

    def _differences(self, snapshot: AccountSnapshot) -> list[Difference]:
        found = (
            self._position_differences(snapshot) if self._broker.features.perpetual else self._coins_missing(snapshot)
        )
        if not self._broker.features.perpetual:
            named = {difference.symbol for difference in found}
            found += [one for one in self._ledger.differences(snapshot.balances) if one.symbol not in named]
        return found

    def _coins_missing(self, snapshot: AccountSnapshot) -> list[Difference]:
        """Positions of ours that the venue's coins do not cover: somebody sold them elsewhere."""
        found = []
        for base, ours in sorted(self._ledger.held(self._book.positions).items()):
            balance = snapshot.balances.get(base, VenueBalance(ZERO))
            total = balance.free + balance.locked
            if ours > total + self._ledger.dust(base):
                text = (
                    f"{base}: our positions hold {written(ours)}, the venue has {written(total)}: coins were sold or moved elsewhere; "
                    "bring them back, or adopt it: the position is smaller then"
                )
                found.append(Difference(f"BALANCE {base}", "BALANCE", base, written(ours), written(total), text))
        return found

    def _position_differences(self, snapshot: AccountSnapshot) -> list[Difference]:
        ours = {symbol: position.quantity for symbol, position in self._book.positions.items() if position.quantity}
        venues = {position.symbol: position.size for position in snapshot.positions if position.size}
        found = []
        for symbol in sorted(ours.keys() | venues.keys()):
            here, there = ours.get(symbol, ZERO), venues.get(symbol, ZERO)
            if here != there:
                found.append(_position(symbol, here, there))
        return found


def _position(symbol: str, here: Decimal, there: Decimal) -> Difference:
    text = (
        f"{symbol}: we hold {written(here)} by our fills, the venue says {written(there)}: somebody traded it elsewhere, or it was "
        "liquidated; adopt it where the venue holds less, else close the rest on its website; entries stay blocked until then"
    )
    return Difference(f"POSITION {symbol}", "POSITION", symbol, written(here), written(there), text)


def _foreign(report: OrderReport) -> Difference:
    spec = report.spec
    left = (spec.quantity - report.filled).normalize()
    order = f"{spec.side} {left:f} {spec.symbol}" + (f" at {spec.price.normalize():f}" if spec.price else "")
    if recognise(spec.client_id) is not None:
        text = (
            f"order {report.order_id} ({order}) was sent by this program elsewhere: a second host with the same keys, or a lost "
            "journal; stop the other one, it is not touched here"
        )
        return Difference(f"UNKNOWN_ORDER {report.order_id}", "UNKNOWN_ORDER", spec.symbol, "none", order, text)
    text = f"order {report.order_id} ({order}) was placed elsewhere; it is shown and not touched"
    return Difference(f"FOREIGN_ORDER {report.order_id}", "FOREIGN_ORDER", spec.symbol, "none", order, text)
