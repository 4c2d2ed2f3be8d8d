"""What Bybit remembers of an account's orders and executions, built from the matching engine's reports.

The engine knows an order's state; the venue also tells when it was made, what its fees sum up to, how it was asked for and
what each execution closed of a position.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from itertools import islice

from msgspec import Struct, field

from core.trading.fees import Fees
from core.trading.order import ZERO, Fill, OrderReport, OrderSpec
from core.trading.positions_linear import Position
from core.trading.working import OPEN
from providers.sandbox.bybit_orders_body import OrderForm, form_of

KEPT_ORDERS = 5_000
KEPT_EXECUTIONS = 5_000
LIQUIDATION = "Liquidation"


class OrderRow(Struct, kw_only=True):
    """One order: its newest report and what the reports before it told. `cleared`: cancelled because its position is gone."""

    report: OrderReport
    form: OrderForm
    created_ms: int
    last_price: Decimal = ZERO
    fees: dict[str, Decimal] = field(default_factory=dict)
    triggered: bool = False
    cleared: bool = False

    @property
    def spec(self) -> OrderSpec:
        return self.report.spec

    @property
    def open(self) -> bool:
        return self.report.status in OPEN


class ExecutionRow(Struct, frozen=True, kw_only=True):
    """One execution, or a funding payment (`kind` Funding, without an order). `number` rises with every row.

    `closed` is what it took off a position, `profit` what that brought before fees.
    """

    number: int
    kind: str
    fill: Fill
    spec: OrderSpec | None
    form: OrderForm
    left: Decimal
    closed: Decimal = ZERO
    profit: Decimal = ZERO
    mark: Decimal = ZERO
    rate: Decimal = ZERO


class Change(Struct, frozen=True):
    """What one report changed: the order's new row as it stood, and the execution behind it if one was."""

    row: OrderRow
    execution: ExecutionRow | None
    just_triggered: bool


class OrderRows:
    """Orders and executions of one category, newest first."""

    def __init__(self, category: str, fees: Fees, last_price: Callable[[str], Decimal]) -> None:
        self.category = category
        self._last_price = last_price
        self.positions: dict[str, Position] = {}
        self.executions: deque[ExecutionRow] = deque(maxlen=KEPT_EXECUTIONS)
        self._fees = fees
        self._rows: dict[str, OrderRow] = {}
        self._ids: dict[str, str] = {}
        self._before: dict[str, Decimal] = {}
        self._expected: tuple[OrderSpec, OrderForm] | None = None
        self._made = ""
        self._numbers = 0

    def expect(self, spec: OrderSpec, form: OrderForm) -> None:
        """The next new order of this kind was asked for like that."""
        self._expected, self._made = (spec, form), ""

    def made(self) -> str:
        """The engine's id of the order that was expected, empty if it did not come. Nothing is expected any more."""
        self._expected = None
        return self._made

    def get(self, order_id: str = "", client_id: str = "") -> OrderRow | None:
        """An order by the engine's id, else the newest with our id."""
        return self._rows.get(order_id or self._ids.get(client_id, ""))

    def newest(self) -> list[OrderRow]:
        """Every order known, newest first."""
        return list(reversed(self._rows.values()))

    def heard(self, report: OrderReport, mark: Decimal) -> Change:
        """Take the report of an accepted order in."""
        row = self._rows.get(report.order_id)
        self._numbers += 1
        just_triggered = row is not None and row.report.status == "UNTRIGGERED" and report.status == "NEW"
        if row is None:
            row = self._new(report)
        row.report = report
        row.triggered |= just_triggered
        execution = self._executed(row, report.fill, mark) if report.fill is not None else None
        return Change(row, execution, just_triggered)

    def _new(self, report: OrderReport) -> OrderRow:
        entry = self.get(client_id=report.spec.list_id)
        form = form_of(report.spec, self.category == "spot", entry.form.tpsl_mode if entry else "")
        if self._expected is not None and _same(self._expected[0], report.spec):
            form, self._expected, self._made = self._expected[1], None, report.order_id
        last_price = self._last_price(report.spec.symbol)
        row = OrderRow(report=report, form=form, created_ms=report.at_ms, last_price=last_price)
        if len(self._rows) >= KEPT_ORDERS:
            self._forget()
        self._rows[report.order_id] = row
        if report.spec.client_id:
            self._ids[report.spec.client_id] = report.order_id
        return row

    def _forget(self) -> None:
        closed = (key for key, row in self._rows.items() if not row.open)
        for key in list(islice(closed, KEPT_ORDERS // 4)):
            self._ids.pop(self._rows.pop(key).spec.client_id, None)

    def _executed(self, row: OrderRow, fill: Fill, mark: Decimal) -> ExecutionRow:
        row.fees[fill.fee_asset] = row.fees.get(fill.fee_asset, ZERO) + fill.fee
        closed = profit = ZERO
        if self.category != "spot":
            closed, profit = self._moved(fill)
        spec = row.report.spec
        left = spec.quantity - fill.cumulative if spec.quantity else ZERO
        execution = ExecutionRow(
            number=self._numbers, kind="BustTrade" if row.report.reject_reason == LIQUIDATION else "Trade",
            fill=fill, spec=spec, form=row.form, left=max(ZERO, left), closed=closed, profit=profit, mark=mark,
            rate=self._fees.rate(fill.maker),
        )  # fmt: skip
        self.executions.appendleft(execution)
        return execution

    def _moved(self, fill: Fill) -> tuple[Decimal, Decimal]:
        """Follow the position: what the fill closed of it, and the profit of that."""
        position = self.positions.setdefault(fill.symbol, Position())
        if not position.size:
            self._before[fill.symbol] = self.realised(fill.symbol)
        closed = min(fill.quantity, position.reducible(fill.side))
        profit = position.reduce(fill.side, closed, fill.price)[0] if closed else ZERO
        if fill.quantity > closed:
            position.open(fill.side, fill.quantity - closed, fill.price, ZERO)
        position.fees += fill.fee
        return closed, profit

    def funded(self, symbol: str, size: Decimal, mark: Decimal, paid: Decimal, asset: str, at_ms: int) -> ExecutionRow:
        """Note a funding payment (negative: received) as an execution of its own kind."""
        self._numbers += 1
        self.positions.setdefault(symbol, Position()).funding += paid
        value = abs(size) * mark
        fill = Fill(
            trade_id=f"f{self._numbers}", order_id=f"f{self._numbers}", client_id="", symbol=symbol, side="BUY" if size > 0 else "SELL",
            price=mark, quantity=abs(size), cumulative=ZERO, fee=paid, fee_asset=asset, maker=False, at_ms=at_ms,
        )  # fmt: skip
        row = ExecutionRow(
            number=self._numbers, kind="Funding", fill=fill, spec=None, form=OrderForm(create_type=""), left=ZERO, mark=mark,
            rate=paid / value if value else ZERO,
        )  # fmt: skip
        self.executions.appendleft(row)
        return row

    def realised(self, symbol: str) -> Decimal:
        """Everything the symbol's positions brought so far, fees and funding deducted."""
        position = self.positions.get(symbol)
        return position.realised - position.fees - position.funding if position else ZERO

    def realised_now(self, symbol: str) -> Decimal:
        """The same of the newest position alone, from its first fill on."""
        return self.realised(symbol) - self._before.get(symbol, ZERO)


def _same(asked: OrderSpec, made: OrderSpec) -> bool:
    return (asked.client_id, asked.symbol, asked.side, asked.type) == (
        made.client_id, made.symbol, made.side, made.type,
    )  # fmt: skip
