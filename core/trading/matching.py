"""The one matching engine: our orders against an outside book, used by the paper broker, the sandbox exchange and the backtest.

Promises (kept by `tests/core/trading/test_matching_properties.py`). Time is handed in and nothing is random but the seeded
latency, so the same calls give the same reports, byte for byte. An order fills at its limit or better and never beyond its
quantity; among our orders price goes first, then time. Every asset's sum over accounts, fees and the outside world stays
what was deposited, exactly.

Every call first carries out what fell due, then does its work, and returns all reports since the call before, in order,
with `seq` rising by one. One engine serves one venue and category. Each report's account is `owner(order_id)`; a
refused order has no id and belongs to the account that sent its client id.

Not simulated: our own orders moving the outside market (it trades on as if we were not there), delays of reports, several
maintenance brackets, auto-deleveraging, borrowing, hedge mode, iceberg and trailing orders. Where a venue lets an account trade
with itself we do not: the resting order expires. Order-rate limits belong to whoever serves the engine.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, localcontext

import msgspec
from msgspec import Struct

from core.messages import Side
from core.trading.amending import amend
from core.trading.balances import Balance
from core.trading.blotter import Blotter
from core.trading.conventions import Conventions, RefusalKey, conventions_of
from core.trading.execution import Execution
from core.trading.fees import Fees
from core.trading.market_events import FundingPayment, MarketEvents
from core.trading.market_side import Level
from core.trading.matching_state import Amend, Cancel, CancelAll, Pending, Replace, Request, State, Submit, SubmitPair
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec
from core.trading.positions_linear import Position
from core.trading.working import Working
from core.venue import Instrument, Rejected

_EXACT = Context(prec=60)
"""Enough digits that no product or sum of prices, quantities and rates is ever rounded."""


class Latency(Struct, frozen=True, kw_only=True):
    """How long a request takes to reach the venue: `fixed_ms` plus up to `jitter_ms`, drawn from the engine's seed.

    One account's requests arrive in the order they were sent, as on one connection.
    """

    fixed_ms: int = 0
    jitter_ms: int = 0


class PositionView(Struct, frozen=True, kw_only=True):
    """One open perpetual position. `size` is signed base, money is in the settlement asset."""

    symbol: str
    size: Decimal
    entry_price: Decimal
    leverage: Decimal
    margin: Decimal
    mark_price: Decimal
    unrealised: Decimal
    realised: Decimal
    fees: Decimal
    funding: Decimal
    liquidation_price: Decimal


class MatchingEngine:
    """Accounts, orders and positions of one venue's category against an outside book that is fed in."""

    def __init__(
        self,
        rules: Mapping[str, Instrument],
        fees: Fees | None = None,
        latency: Latency | None = None,
        seed: int = 0,
        *,
        conventions: Conventions | None = None,
        maintenance_rate: Decimal = Decimal("0.005"),
        keep_closed: int = 10_000,
    ) -> None:
        """`rules` by symbol, all of one venue and category; the venue's conventions follow from them unless given.

        `maintenance_rate` is the maintenance margin over the position's value (one bracket). `keep_closed` bounds how many
        closed orders and fills are remembered. Raises `ValueError` for no or mixed rules.
        """
        kinds = {(rule.venue, rule.category) for rule in rules.values()}
        if len(kinds) != 1:
            raise ValueError(
                f"a matching engine serves one venue and category, the rules name {sorted(kinds) or 'none'}"
            )
        self.rules = dict(rules)
        self.conventions = conventions or conventions_of(next(iter(rules.values())))
        self._fees = fees or Fees()
        self._latency = latency or Latency()
        self._seed = seed
        self._maintenance = maintenance_rate
        self._keep_closed = keep_closed
        self.restore(State())

    def open_account(self, account: str, balances: Mapping[str, Decimal]) -> None:
        """Start an account with free balances. Raises `ValueError` if it is open already."""
        if account in self._state.ledger.accounts:
            raise ValueError(f"account {account!r} is open already; reset it by restoring a state without it")
        self._state.ledger.accounts[account] = {a: Balance(free=amount) for a, amount in balances.items()}

    def submit(self, account: str, spec: OrderSpec, now_ms: int) -> list[OrderReport]:
        """Send an order. A refusal is a report with status REJECTED and the venue's code. Raises `KeyError`: no such account."""
        return self._send(Submit(account=account, spec=spec), now_ms)

    def submit_oco(self, account: str, first: OrderSpec, second: OrderSpec, now_ms: int) -> list[OrderReport]:
        """Send an OCO: a post-only limit leg and a stop leg with one `list_id`. A refusal rejects both."""
        return self._send(SubmitPair(account=account, first=first, second=second), now_ms)

    def cancel(self, account: str, now_ms: int, *, order_id: str = "", client_id: str = "") -> list[OrderReport]:
        """Ask to cancel an order. One that is closed by then is reported as it is, with the venue's code.

        Raises `Rejected` with the venue's code for an order the account never had.
        """
        self._known(account, order_id, client_id)
        return self._send(Cancel(account=account, order_id=order_id, client_id=client_id), now_ms)

    def cancel_all(self, account: str, now_ms: int, symbol: str = "") -> list[OrderReport]:
        """Ask to cancel every open order of the account, or of one symbol. Nothing open is no error."""
        return self._send(CancelAll(account=account, symbol=symbol), now_ms)

    def amend(
        self,
        account: str,
        now_ms: int,
        *,
        order_id: str = "",
        client_id: str = "",
        price: Decimal | None = None,
        quantity: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> list[OrderReport]:
        """Ask to change an order in place; a refused change is reported with the venue's code, the order as it was.

        Raises `Rejected` where the venue has no amend, and for an order the account never had.
        """
        if not self.conventions.amend:
            raise self._rejected("AMEND")
        self._known(account, order_id, client_id)
        return self._send(
            Amend(
                account=account, order_id=order_id, client_id=client_id, price=price, quantity=quantity,
                stop_price=stop_price,
            ),
            now_ms,
        )  # fmt: skip

    def cancel_replace(
        self,
        account: str,
        spec: OrderSpec,
        now_ms: int,
        *,
        order_id: str = "",
        client_id: str = "",
        stop_on_failure: bool = True,
    ) -> list[OrderReport]:
        """Cancel one order and send another with nothing in between. As on the venue it can half succeed:

        the old order is gone and the new one refused. With `stop_on_failure` a failed cancel also rejects the new order.
        Raises `Rejected` where the venue has none, and for an order the account never had.
        """
        if not self.conventions.replace:
            raise self._rejected("REPLACE")
        self._known(account, order_id, client_id)
        return self._send(
            Replace(
                account=account, spec=spec, order_id=order_id, client_id=client_id, stop_on_failure=stop_on_failure
            ),
            now_ms,
        )

    def on_book(
        self, symbol: str, bids: Iterable[Level], asks: Iterable[Level], now_ms: int, *, snapshot: bool = True
    ) -> list[OrderReport]:
        """The outside book: a snapshot, or a diff of absolute quantities (0 removes)."""
        with localcontext(_EXACT):
            self._advance(now_ms)
            self._market.book(symbol, bids, asks, snapshot)
        return self._blotter.take()

    def on_trade(self, symbol: str, price: Decimal, quantity: Decimal, taker: Side, now_ms: int) -> list[OrderReport]:
        """A public trade; `taker` is the side of the one who took."""
        with localcontext(_EXACT):
            self._advance(now_ms)
            self._market.trade(symbol, price, quantity, taker, self._state.now_ms)
        return self._blotter.take()

    def force_fill(self, order_id: str, quantity: Decimal, now_ms: int) -> list[OrderReport]:
        """Somebody outside trades with an order at its price, out of turn and, if told so, beyond what it asked for, or after
        its cancel.

        No market does this: the sandbox exchange does, on command, to show what a venue's fault looks like. Raises
        `ValueError` for an order that neither rests nor is filled nor cancelled, for a cancelled one that it would not fill
        whole, and for a quantity of 0 or less.
        """
        with localcontext(_EXACT):
            self._advance(now_ms)
            order = self._state.orders.get(order_id)
            if order is None or order.waiting or quantity <= 0 or not _forced(order, quantity):
                words = f"order {order_id!r} cannot be filled by {quantity}: it must rest, be filled, or be cancelled and filled whole"
                raise ValueError(words)
            price = order.spec.price or order.filled_quote / order.filled
            self._execution.fill(order, price, quantity, maker=True, outside=True)
        return self._blotter.take()

    def on_mark(self, symbol: str, price: Decimal, now_ms: int) -> list[OrderReport]:
        """A mark price of a perpetual."""
        with localcontext(_EXACT):
            self._advance(now_ms)
            self._market.mark(symbol, price)
        return self._blotter.take()

    def on_funding(self, symbol: str, rate: Decimal, now_ms: int) -> tuple[list[FundingPayment], list[OrderReport]]:
        """Funding falls due at `rate` of the value at the mark price: what each position paid, and the reports."""
        with localcontext(_EXACT):
            self._advance(now_ms)
            payments = self._market.fund(symbol, rate, self._state.now_ms)
        return payments, self._blotter.take()

    def advance(self, now_ms: int) -> list[OrderReport]:
        """Let time pass: requests that reached the venue by now are carried out, each at its own time."""
        with localcontext(_EXACT):
            self._advance(now_ms)
        return self._blotter.take()

    def next_due_ms(self) -> int | None:
        """When the next request arrives; None when none is on its way."""
        return self._state.pending[0].due_ms if self._state.pending else None

    def set_leverage(self, account: str, symbol: str, leverage: Decimal, now_ms: int) -> list[OrderReport]:
        """Use another leverage from now on, moving margin of an open position. Raises `Rejected` if it may not be."""
        rule = self.rules[symbol]
        step = rule.leverage_step
        allowed = max(rule.min_leverage, Decimal(1)) <= leverage <= rule.max_leverage and not (step and leverage % step)
        with localcontext(_EXACT):
            self._advance(now_ms)
            if rule.category == "spot" or not allowed:
                raise self._rejected("LEVERAGE")
            if not self._execution.settlement.set_leverage(account, symbol, leverage):
                raise self._rejected("BALANCE")
            self._execution.rebalance(account, symbol)
        return self._blotter.take()

    def open_orders(self, account: str, symbol: str = "") -> list[OrderReport]:
        """Open orders of the account by arrival, as reports without `seq`."""
        return [order.report(0, order.updated_ms) for order in self._blotter.open_orders(symbol, account)]

    def order(self, account: str, *, order_id: str = "", client_id: str = "") -> OrderReport | None:
        """An order by the venue's id, else the newest with our id; None if there is none."""
        order = self._blotter.find(account, order_id, client_id)
        return None if order is None else order.report(0, order.updated_ms)

    def last_price(self, symbol: str) -> Decimal:
        """The newest public trade it has been told of a symbol, 0 before the first."""
        book = self._state.books.get(symbol)
        return book.last if book else ZERO

    def owner(self, order_id: str) -> str:
        """The account of an order. Raises `KeyError` if there is no such order."""
        return self._state.orders[order_id].account

    def fills(self, account: str) -> tuple[Fill, ...]:
        """The account's fills, oldest first."""
        return tuple(self._state.fills.get(account, ()))

    def balances(self, account: str) -> dict[str, Balance]:
        """Free and locked per asset. Raises `KeyError` for an account that was never opened."""
        return {
            a: Balance(free=b.free, locked=b.locked) for a, b in sorted(self._state.ledger.accounts[account].items())
        }

    def positions(self, account: str) -> list[PositionView]:
        """The account's open positions by symbol."""
        held = sorted(self._state.positions.get(account, {}).items())
        return [self._view(symbol, position) for symbol, position in held if position.size]

    def total(self, asset: str) -> Decimal:
        """What exists of an asset over accounts, fees and the outside world: always what was deposited."""
        with localcontext(_EXACT):
            cost = sum(
                (
                    p.cost
                    for held in self._state.positions.values()
                    for s, p in held.items()
                    if self._settles(s) == asset
                ),
                ZERO,
            )
            return self._state.ledger.total(asset) - cost

    def snapshot(self) -> State:
        """A copy of everything the engine knows, as plain values that msgspec encodes."""
        return msgspec.msgpack.decode(msgspec.msgpack.encode(self._state), type=State)

    def restore(self, state: State) -> None:
        """Go on from a snapshot, as if nothing had happened. The engine keeps a copy."""
        self._state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State)
        self._blotter = Blotter(self._state, self._keep_closed, self.conventions.ids_forever)
        self._execution = Execution(self.rules, self.conventions, self._fees, self._blotter)
        self._market = MarketEvents(self._execution, self._maintenance)

    def _settles(self, symbol: str) -> str:
        return self._execution.settlement.asset(symbol)

    def _view(self, symbol: str, position: Position) -> PositionView:
        mark = self._state.book(symbol).mark
        return PositionView(
            symbol=symbol, size=position.size, entry_price=position.entry, leverage=position.leverage,
            margin=position.margin, mark_price=mark, unrealised=position.unrealised(mark) if mark else ZERO,
            realised=position.realised, fees=position.fees, funding=position.funding,
            liquidation_price=position.liquidation_price(self._maintenance),
        )  # fmt: skip

    def _known(self, account: str, order_id: str, client_id: str) -> None:
        """Raise unless the order exists or is on its way."""
        if self._blotter.find(account, order_id, client_id):
            return
        for pending in self._state.pending:
            if pending.request.account == account and client_id and client_id in _client_ids(pending.request):
                return
        raise self._rejected("UNKNOWN_ORDER")

    def _rejected(self, key: RefusalKey) -> Rejected:
        refusal = self.conventions.refusal(key)
        return Rejected(refusal.reason, refusal.code)

    def _send(self, request: Request, now_ms: int) -> list[OrderReport]:
        state = self._state
        if request.account not in state.ledger.accounts:
            raise KeyError(f"account {request.account!r} is not open; open it with its starting balances first")
        state.now_ms = max(state.now_ms, now_ms)
        number, state.next_request = state.next_request, state.next_request + 1
        jitter = random.Random(f"{self._seed}:{number}").randint(0, self._latency.jitter_ms)
        due = max(state.now_ms + self._latency.fixed_ms + jitter, state.last_due_ms.get(request.account, 0))
        state.last_due_ms[request.account] = due
        state.pending.append(Pending(due_ms=due, number=number, request=request))
        state.pending.sort(key=lambda pending: (pending.due_ms, pending.number))
        return self.advance(now_ms)

    def _advance(self, now_ms: int) -> None:
        """Carry out what is due. Time never goes back: an earlier `now_ms` counts as the latest seen."""
        state = self._state
        now_ms = max(now_ms, state.now_ms)
        while state.pending and state.pending[0].due_ms <= now_ms:
            pending = state.pending.pop(0)
            state.now_ms = max(state.now_ms, pending.due_ms)
            self._carry_out(pending.request)
        state.now_ms = now_ms

    def _carry_out(self, request: Request) -> None:
        match request:
            case Submit(account=account, spec=spec):
                self._execution.place(account, spec)
            case SubmitPair(account=account, first=first, second=second):
                self._execution.place_pair(account, first, second)
            case CancelAll(account=account, symbol=symbol):
                for each in self._blotter.open_orders(symbol, account):
                    if each.open:
                        self._execution.close(each, "CANCELED")
            case Cancel():
                self._cancel(request.account, request.order_id, request.client_id)
            case Replace():
                gone = self._cancel(request.account, request.order_id, request.client_id)
                if gone or not request.stop_on_failure:
                    self._execution.place(request.account, request.spec)
                else:
                    self._blotter.reject(request.spec, self.conventions.refusal("REPLACE"))
            case Amend():
                order = self._blotter.find(request.account, request.order_id, request.client_id)
                if order and order.open:
                    amend(self._execution, order, request)
                elif order:
                    self._blotter.decline(order, self.conventions.refusal("UNKNOWN_ORDER"))

    def _cancel(self, account: str, order_id: str, client_id: str) -> bool:
        order = self._blotter.find(account, order_id, client_id)
        if order and order.open:
            self._execution.close(order, "CANCELED")
            return True
        if order:
            self._blotter.decline(order, self.conventions.refusal("UNKNOWN_ORDER"))
        return False


def _forced(order: Working, quantity: Decimal) -> bool:
    """Whether a fill out of turn leaves the order in a state it can be in."""
    whole = order.status == "CANCELED" and order.filled + quantity >= order.spec.quantity
    return order.open or order.status == "FILLED" or whole


def _client_ids(request: Request) -> set[str]:
    match request:
        case Submit(spec=spec) | Replace(spec=spec):
            return {spec.client_id}
        case SubmitPair(first=first, second=second):
            return {first.client_id, second.client_id}
        case _:
            return set()
