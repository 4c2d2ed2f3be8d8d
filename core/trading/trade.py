"""One trade while it lives: its plan, the orders of its family, and what follows from them. Changed by the trade desk alone.

Which target or reason an order serves is written in its intent id (`target:0 <trade id> 3`), so that a restart finds it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from core.messages import Side
from core.risk.position_math import sign
from core.risk.trading_state import Act
from core.trading.broker import Features
from core.trading.evidence import CancelSent
from core.trading.naked import Exposure
from core.trading.order import ZERO, OrderSpec
from core.trading.order_record import OrderRecord
from core.trading.plan import TradeEnded, TradePlan
from core.trading.position_book import Position
from core.trading.protection import REST, Leg, Resting, Terms, goals
from core.trading.states import DONE, LIVE
from core.trading.working import floor_step, opposite
from core.venue import Instrument

STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT")
SAME_MOMENT_S = 0.05
"""Fills this close together have had no stop since the first of them."""


class Closing(Struct, kw_only=True):
    """A sale at the market under way. `until`: the size left when it is done. `key`: the target it takes, REST for none.

    `sent`: client id of the newest order of it, until it is known what became of that.
    """

    why: str
    act: Act
    until: Decimal
    key: int = REST
    sent: str = ""
    failures: int = 0
    blocked: int = 0
    wait_until: float = 0.0


def intent_id(tag: str, trade_id: str, number: int) -> str:
    """Names the wish of one order: what for, of which trade, and which in its life."""
    return f"{tag} {trade_id} {number}"


def tag_of(record: OrderRecord) -> tuple[str, str]:
    """What an order is for and of what: ("stop", "0"), ("target", "1"), ("take", "0"), ("close", "NAKED")."""
    tag, _, of = record.intent.intent_id.partition(" ")[0].partition(":")
    return tag, of


class Trade:
    """See the module. Times named `*_at` are monotonic seconds. `began_ms` is the time of day at `began_at`; `taken_off_at` is
    when a stop was asked to go, of whose end is heard later.
    """

    def __init__(self, plan: TradePlan, began_at: float) -> None:
        self.plan = plan
        self.began_at = began_at
        self.began_ms = plan.at_ms
        self.orders: dict[str, OrderRecord] = {}
        self.position: Position | None = None
        self.ended: TradeEnded | None = None
        self.stop = plan.stop
        self.stop_why = "STOP"
        self.reverts_to: tuple[Decimal, str] | None = None
        self.move_after = 0.0
        self.price = self.mark = self.best = self.liquidation = ZERO
        self.liquidation_alert: Literal["none", "near", "urgent"] = "none"
        self.priced_at = began_at
        self.frozen = self.dust = self.blind = False
        self.exposure = Exposure()
        self.closing: Closing | None = None
        self.selling = ZERO
        self.alone = self.no_amend = False
        self.dropped: set[int] = set()
        self.asked: set[str] = set()
        self.counted: set[str] = set()
        self.missing: dict[str, float] = {}
        self.crossed_at: float | None = None
        self.bare_at: float | None = None
        self.taken_off_at: float | None = None
        self.grown: list[tuple[float, Decimal]] = []
        self.changed_at = began_at
        self.quiet_until = self.wait_until = self.cancel_after = 0.0
        self.seen: dict[str, int] = {}
        self.busy = False
        self.dirty = True
        self.shown_at = 0.0
        self.failures = 0
        self.number = 0
        self.note = ""

    # --- what it holds -----------------------------------------------------------------------------------------------

    def time_ms(self, now: float) -> int:
        """The time of day at `now`, counted on from the beginning: somebody may have set this machine's clock since."""
        return self.began_ms + round((now - self.began_at) * 1000)

    @property
    def trade_id(self) -> str:
        return self.plan.trade_id

    @property
    def side(self) -> Side:
        return self.plan.side

    @property
    def closing_side(self) -> Side:
        return opposite(self.plan.side)

    @property
    def size(self) -> Decimal:
        """What is held, unsigned."""
        return self.position.size if self.position is not None else ZERO

    @property
    def entry_price(self) -> Decimal:
        """The average paid; before the first fill what was planned."""
        return self.position.entry_price if self.position is not None else self.plan.entry

    @property
    def worth(self) -> Decimal:
        """The price it can be closed at, as far as it is known."""
        return self.price or self.mark or self.entry_price or self.plan.stop

    @property
    def risked(self) -> Decimal:
        """What the first stop would have cost, round trip included."""
        entered = self.position.entered if self.position is not None else ZERO
        return (abs(self.entry_price - self.plan.stop) + self.plan.round_trip_cost) * entered

    def behind(self, price: Decimal, market: Decimal) -> Decimal:
        """How far `price` lies behind the market, positive while a stop there has not been met."""
        return sign(self.side) * (market - price)

    def renew(self, orders: Mapping[str, OrderRecord]) -> None:
        """Take the orders as they stand now: not every change of one is told (it was seen, an amend was shown)."""
        for client_id in self.orders:
            self.orders[client_id] = orders.get(client_id, self.orders[client_id])

    # --- its orders --------------------------------------------------------------------------------------------------

    @property
    def entry(self) -> OrderRecord | None:
        return self.orders.get(self.trade_id)

    @property
    def entry_open(self) -> bool:
        """Whether the entry may still fill."""
        return self.entry is not None and self.entry.may_fill

    def of(self, *tags: str) -> list[OrderRecord]:
        """The family's orders for these purposes."""
        return [record for record in self.orders.values() if tag_of(record)[0] in tags]

    @property
    def leaving(self) -> Decimal:
        """What sales at the market under way may still take."""
        return sum((record.remaining for record in self.of("close", "take") if record.may_fill), ZERO)

    def taken(self) -> tuple[Decimal, ...]:
        """What each target has sold so far."""
        found = [ZERO] * len(self.plan.targets)
        for record in self.of("target", "take"):
            key = int(tag_of(record)[1])
            if 0 <= key < len(found):
                found[key] += record.filled
        return tuple(found)

    def terms(self, features: Features, rules: Instrument, stop_limit_bp: Decimal) -> Terms:
        """What is to be protected now: the position less what is being sold at the market."""
        entered = self.position.received if self.position is not None else ZERO
        leaving = ZERO if features.perpetual else max(self.selling, self.leaving)
        if self.no_amend:
            features = _without_amend(features)
        return Terms(
            side=self.side, stop=self.stop, targets=self.plan.targets, entered=entered, quantity=self.size - leaving,
            taken=self.taken(), features=features, rules=rules, stop_limit_bp=stop_limit_bp,
            dropped=frozenset(self.dropped), alone=self.alone,
        )  # fmt: skip

    def reached(self, terms: Terms) -> tuple[bool, ...]:
        """Which targets were taken: sold in full, or a farther one was begun."""
        taken, wanted = self.taken(), goals(terms)
        done = [sold > ZERO and sold >= goal for sold, goal in zip(taken, wanted, strict=True)]
        return tuple(done[key] or any(sold > ZERO for sold in taken[key + 1 :]) for key in range(len(done)))

    def resting(self) -> list[Resting]:
        """The protective legs that stand, or may stand, at the venue."""
        legs: dict[str, list[OrderRecord]] = {}
        for record in self.of("stop", "target"):
            if record.may_fill:
                legs.setdefault(record.intent.spec.list_id or record.client_id, []).append(record)
        return [self._leg(group) for group in legs.values()]

    def _leg(self, group: list[OrderRecord]) -> Resting:
        stop = next((record for record in group if record.intent.spec.type in STOPS), None)
        target = next((record for record in group if record is not stop), None)
        first = stop or group[0]
        uncertain = any(
            record.state not in ("WORKING", "PARTIAL") or record.pending_specs or record.quarantine for record in group
        )
        leg = Leg(
            key=int(tag_of(first)[1]),
            quantity=first.remaining,
            stop=stop.spec.stop_price if stop is not None else ZERO,
            stop_limit=stop.spec.price if stop is not None else ZERO,
            target=target.spec.price if target is not None else ZERO,
        )
        waits = self.closing is None and not self.dust  # for a stop that has come to life to fill
        fixed = uncertain or (waits and stop is not None and self.triggered(stop))
        return Resting(
            leg=leg, client_ids=tuple(r.client_id for r in sorted(group, key=lambda r: r is not first)), fixed=fixed
        )

    def triggered(self, stop: OrderRecord) -> bool:
        """Whether a stop has come to life: it filled in part, or the target bound to it was ended by the venue."""
        if stop.filled > ZERO:
            return True
        other = self.sibling(stop)
        return (
            other is not None and not other.may_fill and other.state != "FILLED" and other.client_id not in self.asked
        )

    def sibling(self, record: OrderRecord) -> OrderRecord | None:
        """The other leg of its pair."""
        list_id = record.intent.spec.list_id
        if not list_id:
            return None
        pair = (other for other in self.orders.values() if other.intent.spec.list_id == list_id)
        return next((other for other in pair if other.client_id != record.client_id), None)

    @property
    def stops(self) -> list[OrderRecord]:
        """Protective stops the venue has shown to stand."""
        return [record for record in self.of("stop") if record.state in LIVE]

    @property
    def covered(self) -> Decimal:
        """What standing stops would close, at the least while one of them is being changed."""
        return sum((_least(record) for record in self.stops), ZERO)

    @property
    def reserved(self) -> Decimal:
        """What protective orders may still take: coins they lock on spot."""
        return sum((resting.leg.quantity for resting in self.resting()), ZERO)

    @property
    def on_the_way(self) -> bool:
        """Whether the outcome of a stop is not known yet."""
        return any(record.state in ("INTENT", "SENT", "UNKNOWN") for record in self.of("stop"))

    def uncovered(self, lot: Decimal) -> Decimal:
        """What no stop covers and no sale is taking."""
        return max(ZERO, floor_step(max(ZERO, self.size - self.leaving), lot) - self.covered)

    def grew(self, now: float) -> None:
        """A fill: remembers since when the position has had at least this size."""
        if self.grown and now - self.grown[-1][0] < SAME_MOMENT_S:
            self.grown[-1] = (self.grown[-1][0], max(self.size, self.grown[-1][1]))
        elif not self.grown or self.size > self.grown[-1][1]:
            self.grown.append((now, self.size))

    def bare_since(self, now: float, lot: Decimal) -> float | None:
        """Since when the oldest part without a stop has had none; None: all of it has one."""
        if self.uncovered(lot) == ZERO:
            self.grown.clear()
            return None
        since = now if self.bare_at is None else self.bare_at
        guarded = self.covered + self.leaving
        later = [(at, size) for at, size in self.grown if floor_step(size, lot) > guarded]
        if later and len(later) < len(self.grown):
            since = max(since, later[0][0])
        self.grown = later
        return since

    # --- stops that ended without us ---------------------------------------------------------------------------------

    def unexplained_ends(self) -> Iterable[OrderRecord]:
        """Stops that ended at the venue and not by our hand, not by a fill, and that no later stop has taken the place of."""
        stops = self.of("stop")
        newest_ms = max((record.sent_ms for record in stops), default=0)
        for record in stops:
            if record.state not in DONE or record.state in ("FILLED", "REJECTED", "FAILED_CONFIRMED"):
                continue
            other = self.sibling(record)
            ours = self.asked_for(record) or (other is not None and self.asked_for(other))
            traded = record.filled > ZERO or (other is not None and other.filled > ZERO)
            if not ours and not traded and newest_ms <= max(record.changed_ms, record.sent_ms):
                yield record

    def asked_for(self, record: OrderRecord) -> bool:
        """Whether we sent its cancel, in this life of the program or before."""
        sent = any(isinstance(piece, CancelSent) for piece in record.evidence)
        return sent or record.cancels_open > 0 or record.client_id in self.asked


def _least(record: OrderRecord) -> Decimal:
    least = min((spec.quantity for spec in record.pending_specs), default=record.spec.quantity)
    return max(ZERO, min(least, record.spec.quantity) - record.filled)


def _without_amend(features: Features) -> Features:
    return Features(
        oco=features.oco, replace=features.replace, amend=False, stop_market=features.stop_market,
        mark_trigger=features.mark_trigger, perpetual=features.perpetual, locks_stop=features.locks_stop,
    )  # fmt: skip


def draft_spec(
    trade: Trade, leg: Leg, client_id: str, features: Features, *, stop: bool, list_id: str = ""
) -> OrderSpec:
    """One order of a leg as it will stand on the wire: its stop, or its target."""
    paired = bool(list_id)
    if stop:
        return OrderSpec(
            client_id=client_id, symbol=trade.plan.symbol, side=trade.closing_side,
            type="STOP_LOSS_LIMIT" if leg.stop_limit else "STOP_LOSS", quantity=leg.quantity, price=leg.stop_limit,
            stop_price=leg.stop, reduce_only=features.perpetual, list_id=list_id,
            trigger_by="MARK" if features.perpetual and features.mark_trigger else "LAST",
        )  # fmt: skip
    return OrderSpec(
        client_id=client_id, symbol=trade.plan.symbol, side=trade.closing_side, type="LIMIT", quantity=leg.quantity,
        price=leg.target, post_only=paired, reduce_only=features.perpetual, list_id=list_id,
    )  # fmt: skip
