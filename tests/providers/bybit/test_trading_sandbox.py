"""The broker against the sandbox exchange over real sockets: what REST, the stream and the exchange say of an order agrees."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from core.bus import Bus
from core.clock import LiveClock
from core.credentials import Credentials
from core.settings import Feed, Market, Network, Settings
from core.settings_trading import Trading
from core.trading.authority import authorise
from core.trading.broker import NoAnswer, OrderKey, Placed, VenueBalance, VenuePosition
from core.trading.client_ids import ClientIds
from core.trading.executions import VenueOrder, listed, told
from core.trading.order import OrderReport, OrderSpec
from core.venue import Rejected
from providers.bybit.trading import BybitBroker
from tests.patience import HASTY_S, PATIENT_S
from tests.providers.sandbox.bybit_client import KEY, SECRET, SYMBOL, BybitClient, quiet_exchange

CATEGORIES = pytest.mark.parametrize("category", ["spot", "linear"])


class Desk:
    """A broker with all it told, and the exchange behind it."""

    def __init__(self, client: BybitClient, **settings: Any) -> None:
        self.client = client
        self.exchange = client.exchange
        self.accounts = client.accounts
        self.category = client.category
        self.clock = LiveClock(rate=10, start_ms=client.exchange.clock.now_ms() + int(settings.pop("skew_ms", 0)))
        self.reports: list[OrderReport] = []
        self.orders: dict[str, VenueOrder] = {}
        self.balances: dict[str, VenueBalance] = {}
        self.positions: dict[str, VenuePosition] = {}
        self.streams: list[str] = []
        self.ids = ClientIds()
        answer_s = settings.pop("answer_s", PATIENT_S)
        feed = {"backoff_first_s": 0.5, "backoff_cap_s": 5.0, "ping_s": 5.0, "silence_s": 60.0} | settings
        self.broker = BybitBroker(
            Bus(self.clock),
            self.clock,
            Settings(
                market=msgspec.convert({"venue": "bybit", "category": self.category}, Market),
                feed=msgspec.convert(feed, Feed),
                network=Network(
                    bybit_rest=self.exchange.rest_url,
                    bybit_stream=self.exchange.stream_url,
                    rest_timeout_s=max(0.5, answer_s),
                ),
                trading=Trading(answer_s=answer_s),
            ),
            Credentials(KEY, SECRET),
            self.accounts.engine.rules.get,
        )

    def on_report(self, report: OrderReport) -> None:
        self.reports.append(report)
        order = self.orders.get(report.order_id, VenueOrder(order_id=report.order_id))
        self.orders[report.order_id] = told(order, report)

    def on_account(self, balances: dict[str, VenueBalance], positions: tuple[VenuePosition, ...]) -> None:
        self.balances |= balances
        self.positions |= {position.symbol: position for position in positions}

    def on_stream(self, state: str, why: str) -> None:
        self.streams.append(state)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Desk]:
        task = asyncio.create_task(self.broker.run(self))
        try:
            await self.until(lambda: self.streams == ["UP"])
            yield self
            if task.done():
                task.result()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self.broker.close()

    async def until(self, done: Callable[[], Any]) -> None:
        try:
            async with asyncio.timeout(10):
                while not done():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"not within 10 s: {self.streams} {self.reports[-6:]} {self.positions}") from None

    def spec(self, **fields: Any) -> OrderSpec:
        wanted: dict[str, Any] = {
            "client_id": self.ids.next(self.clock.now_ms()),
            "symbol": SYMBOL,
            "side": "BUY",
            "type": "LIMIT",
            "quantity": D("0.1"),
        } | fields
        if wanted["type"] == "LIMIT":
            wanted.setdefault("price", self.near(0.99))
        return OrderSpec(**wanted)

    def near(self, factor: float) -> D:
        return D(self.client.near(factor))

    async def place(self, spec: OrderSpec) -> Placed:
        return await self.broker.place(authorise(spec, self.clock.now_ms()).spend(spec, self.clock.now_ms()), spec)

    async def amend(self, spec: OrderSpec) -> str:
        permit = authorise(spec, self.clock.now_ms()).spend(spec, self.clock.now_ms())
        return (await self.broker.amend(permit, self.key(spec), spec)).outcome

    def key(self, spec: OrderSpec) -> OrderKey:
        return OrderKey(symbol=spec.symbol, client_id=spec.client_id, conditional=bool(spec.stop_price))

    def of(self, spec: OrderSpec) -> list[OrderReport]:
        return [report for report in self.reports if report.spec.client_id == spec.client_id]

    async def ended(self, spec: OrderSpec) -> VenueOrder:
        """The order once the stream has told its end."""
        await self.until(lambda: any(self.orders[r.order_id].ended for r in self.of(spec)))
        return self.orders[self.of(spec)[0].order_id]


@contextlib.asynccontextmanager
async def desk_of(category: str, **settings: Any) -> AsyncIterator[Desk]:
    async with quiet_exchange(category) as client, Desk(client, **settings).running() as desk:
        yield desk


@CATEGORIES
async def test_a_limit_order_rests_is_amended_and_cancelled(category):
    async with desk_of(category) as desk:
        spec = desk.spec()
        placed = await desk.place(spec)
        await desk.until(lambda: desk.of(spec))
        (report,) = await desk.broker.query(desk.key(spec))
        assert (report.order_id, report.status, report.spec.quantity) == (placed.order_id, "NEW", D("0.1"))
        assert (report.spec.price, report.spec.type, report.spec.side) == (spec.price, "LIMIT", "BUY")
        bigger = msgspec.structs.replace(spec, quantity=D("0.2"), price=desk.near(0.98))
        assert await desk.amend(bigger) == "ACCEPTED"
        (open_order,) = await desk.broker.open_orders()
        assert (open_order.spec.quantity, open_order.spec.price) == (D("0.2"), bigger.price)
        assert (await desk.broker.cancel(desk.key(spec))).outcome == "ACCEPTED"
        assert (await desk.ended(spec)).ended == "CANCELED"
        assert await desk.broker.open_orders(SYMBOL) == ()
        assert (await desk.broker.query(desk.key(spec)))[0].status == "CANCELED"
        assert (await desk.broker.cancel(desk.key(spec))).outcome == "GONE"
        assert await desk.amend(bigger) == "GONE"


@CATEGORIES
async def test_a_market_order_is_told_fill_by_fill_and_listed_alike(category):
    async with desk_of(category) as desk:
        spec = desk.spec(type="MARKET", quantity=D("0.3"))
        since = desk.clock.now_ms() - 60_000
        await desk.place(spec)
        order = await desk.ended(spec)
        assert (order.ended, order.filled, order.counted_quantity) == ("FILLED", D("0.3"), D("0.3"))
        trades = await desk.broker.trades(SYMBOL, since)
        assert trades.complete
        again = listed(order, trades.fills)
        assert again.filled == order.filled
        assert {fill.trade_id for fill in trades.fills} == {fill.trade_id for fill in order.fills}
        fees = {fill.fee_asset for fill in trades.fills}
        assert fees == ({"BTC"} if category == "spot" else {"USDT"})
        truth = desk.accounts.fills(next(iter(desk.accounts.orders)))
        assert sum(fill.fee for fill in truth) == sum(fill.fee for fill in trades.fills)
        assert trades.fills == tuple(sorted(trades.fills, key=lambda fill: (fill.at_ms, fill.trade_id)))


async def test_a_spot_buy_by_value_ends_with_what_it_bought():
    async with desk_of("spot") as desk:
        spec = desk.spec(type="MARKET", quantity=D(0), quote_quantity=D("250"))
        await desk.place(spec)
        order = await desk.ended(spec)
        assert D("249") < order.filled_quote <= 250
        assert order.filled == order.counted_quantity > 0
        (report,) = await desk.broker.query(desk.key(spec))
        assert (report.spec.quote_quantity, report.spec.quantity) == (D(250), D(0))


@CATEGORIES
async def test_a_stop_waits_is_moved_and_cancelled(category):
    async with desk_of(category) as desk:
        await desk.place(desk.spec(type="MARKET", quantity=D("0.1")))
        perpetual = desk.broker.features.perpetual
        stop = desk.spec(
            type="STOP_LOSS", side="SELL", quantity=D("0.09"), stop_price=desk.near(0.9), reduce_only=perpetual,
            trigger_by="MARK" if perpetual else "LAST",
        )  # fmt: skip
        await desk.place(stop)
        await desk.until(lambda: desk.of(stop))
        (report,) = await desk.broker.open_orders(SYMBOL)
        assert (report.status, report.spec.type, report.spec.stop_price) == (
            "UNTRIGGERED",
            "STOP_LOSS",
            stop.stop_price,
        )
        assert (report.spec.reduce_only, report.spec.trigger_by) == (stop.reduce_only, stop.trigger_by)
        moved = msgspec.structs.replace(stop, stop_price=desk.near(0.95), quantity=D("0.05"))
        assert await desk.amend(moved) == "ACCEPTED"
        (report,) = await desk.broker.query(desk.key(stop))
        assert (report.spec.stop_price, report.spec.quantity) == (moved.stop_price, D("0.05"))
        if not perpetual:
            wrong = OrderKey(symbol=SYMBOL, client_id=stop.client_id)
            assert (await desk.broker.cancel(wrong)).outcome == "GONE", "a stop is not found among ordinary orders"
        assert (await desk.broker.cancel(desk.key(stop))).outcome == "ACCEPTED"
        assert (await desk.ended(stop)).ended == "CANCELED"


@CATEGORIES
async def test_a_stop_that_triggers_sells_what_is_held(category):
    async with desk_of(category) as desk:
        entry = desk.spec(type="MARKET", quantity=D("0.2"))
        await desk.place(entry)
        await desk.ended(entry)
        stop = desk.spec(
            type="STOP_LOSS", side="SELL", quantity=D("0.1"), stop_price=desk.near(0.97),
            reduce_only=desk.broker.features.perpetual,
        )  # fmt: skip
        await desk.place(stop)
        await desk.until(lambda: desk.of(stop))
        desk.exchange.faults.gap_price(SYMBOL, 0.9, 600)
        order = await desk.ended(stop)
        assert (order.ended, order.filled) == ("FILLED", D("0.1"))
        assert "UNTRIGGERED" in {report.status for report in desk.of(stop)}


@CATEGORIES
async def test_a_post_only_order_that_would_take_ends_with_the_reason(category):
    async with desk_of(category) as desk:
        spec = desk.spec(price=desk.near(1.005), post_only=True)
        await desk.place(spec)
        assert (await desk.ended(spec)).reject.startswith("EC_PostOnlyWillTakeLiquidity")


@CATEGORIES
async def test_refusals_carry_the_venues_code(category):
    async with desk_of(category) as desk:
        with pytest.raises(Rejected) as poor:
            await desk.place(desk.spec(quantity=D("4000")))
        assert poor.value.code == (170131 if category == "spot" else 110007)
        code = 170193 if category == "spot" else 110003
        desk.exchange.faults.refuse_order(str(code), "Buy order price too high", 1)
        with pytest.raises(Rejected) as scripted:
            await desk.place(desk.spec())
        assert scripted.value.code == code
        assert desk.reports == []


@CATEGORIES
async def test_a_lost_answer_is_unknown_and_the_query_finds_the_order(category):
    async with desk_of(category, answer_s=HASTY_S) as desk:
        spec = desk.spec()
        desk.exchange.faults.lose_answer("/v5/order/create")
        with pytest.raises(NoAnswer):
            await desk.place(spec)
        assert [report.status for report in await desk.broker.query(desk.key(spec))] == ["NEW"]
        assert len(await desk.broker.open_orders()) == 1
        with pytest.raises(NoAnswer):
            await desk.place(spec)  # the venue never takes an id twice: it says that the order exists


@CATEGORIES
async def test_a_lost_request_leaves_no_trace(category):
    async with desk_of(category, answer_s=HASTY_S) as desk:
        spec = desk.spec()
        desk.exchange.faults.lose_request("/v5/order/create")
        with pytest.raises(NoAnswer):
            await desk.place(spec)
        assert await desk.broker.query(desk.key(spec)) == ()
        assert await desk.broker.open_orders() == ()
        assert (await desk.broker.trades(SYMBOL, desk.clock.now_ms() - 60_000)).fills == ()


@CATEGORIES
async def test_an_error_page_after_the_order_was_taken_is_unknown(category):
    async with desk_of(category) as desk:
        spec = desk.spec(type="MARKET")
        desk.exchange.faults.fail_after("/v5/order/create", 502)
        with pytest.raises(NoAnswer):
            await desk.place(spec)
        assert (await desk.ended(spec)).filled == D("0.1")


async def test_a_wrong_clock_is_measured_before_the_first_order():
    async with desk_of("spot", skew_ms=30_000) as desk:
        spec = desk.spec()
        await desk.place(spec)
        assert len(await desk.broker.query(desk.key(spec))) == 1


@CATEGORIES
async def test_fills_during_a_gap_are_found_by_asking(category):
    async with desk_of(category) as desk:
        spec = desk.spec()
        await desk.place(spec)
        await desk.until(lambda: desk.of(spec))
        desk.exchange.faults.private_freeze(600)
        desk.exchange.faults.partial_fill(spec.client_id, "0.04")
        desk.exchange.faults.private_freeze(0)
        desk.exchange.faults.private_drop()
        await desk.until(lambda: desk.streams == ["UP", "DOWN", "UP"])
        (report,) = await desk.broker.query(desk.key(spec))
        assert (report.status, report.filled) == ("PARTIALLY_FILLED", D("0.04"))
        (fill,) = (await desk.broker.trades(SYMBOL, desk.clock.now_ms() - 60_000)).fills
        assert (fill.client_id, fill.quantity, fill.maker) == (spec.client_id, D("0.04"), True)
        desk.exchange.faults.fill(spec.client_id)
        await desk.until(lambda: desk.reports[-1].status == "FILLED")


@CATEGORIES
@pytest.mark.parametrize("fault", ["private_duplicate", "private_reorder"])
async def test_doubled_and_swapped_messages_lead_to_the_same(category, fault):
    async with desk_of(category) as desk:
        getattr(desk.exchange.faults, fault)(6)
        spec = desk.spec(type="MARKET", quantity=D("1.1"))
        await desk.place(spec)
        order = await desk.ended(spec)
        await desk.until(lambda: desk.orders[order.order_id].counted_quantity == D("1.1"))
        order = desk.orders[order.order_id]
        assert (order.filled, order.ended, order.contradiction) == (D("1.1"), "FILLED", False)


@CATEGORIES
async def test_orders_from_elsewhere_are_told_and_listed(category):
    async with desk_of(category) as desk:
        order_id = desk.exchange.faults.foreign_order(SYMBOL, "BUY", str(desk.near(0.9)), "0.1")
        await desk.until(lambda: desk.reports)
        (listed_order,) = await desk.broker.open_orders()
        assert desk.reports[0].order_id == listed_order.order_id
        assert listed_order.spec.client_id.startswith("web_")
        spec = desk.spec()
        await desk.place(spec)
        desk.exchange.faults.cancel_elsewhere(spec.client_id)
        assert (await desk.ended(spec)).ended == "CANCELED"
        assert order_id


async def test_the_spot_account():
    async with desk_of("spot") as desk:
        before = await desk.broker.snapshot()
        assert (before.balances["USDT"].free, before.balances["BTC"].free) == (D(100_000), D(1))
        assert (before.may_trade, before.positions) == (True, ())
        assert before.maker_fee is not None
        assert before.taker_fee == desk.accounts.fees.rate(False)
        spec = desk.spec(quantity=D(1))
        await desk.place(spec)
        await desk.until(lambda: desk.balances.get("USDT") and desk.balances["USDT"].locked)
        after = await desk.broker.snapshot()
        held = after.balances["USDT"]
        assert (held.free, held.locked) == (100_000 - spec.price, spec.price)
        assert desk.balances["USDT"] == held


async def test_the_linear_account():
    async with desk_of("linear") as desk:
        await desk.broker.set_leverage(SYMBOL, D("4"))
        await desk.broker.set_leverage(SYMBOL, D("4"))
        flat = {position.symbol: position for position in (await desk.broker.snapshot()).positions}[SYMBOL]
        assert (flat.size, flat.leverage, flat.position_mode) == (D(0), D(4), "one-way")
        assert flat.margin_mode in ("isolated", "cross")
        spec = desk.spec(type="MARKET", side="SELL", quantity=D("0.5"))
        await desk.place(spec)
        await desk.ended(spec)
        await desk.until(lambda: SYMBOL in desk.positions and desk.positions[SYMBOL].size)
        (held,) = (await desk.broker.snapshot()).positions
        assert (held.size, held.leverage) == (D("-0.5"), D(4))
        assert held.entry_price > 0
        assert held.liquidation_price > held.entry_price
        assert desk.positions[SYMBOL].size == held.size
        assert desk.positions[SYMBOL].entry_price == held.entry_price
        with pytest.raises(Rejected):
            await desk.broker.set_leverage(SYMBOL, D("1000"))


async def test_a_stream_frozen_while_its_socket_lives_is_noticed():
    async with desk_of("linear") as desk:
        desk.exchange.faults.private_freeze(600)
        spec = desk.spec()
        await desk.place(spec)
        await desk.until(lambda: desk.streams == ["UP", "DOWN", "UP"])
        assert desk.reports == []
        assert len(await desk.broker.query(desk.key(spec))) == 1


async def test_a_stream_taken_away_comes_back():
    async with desk_of("linear") as desk:
        desk.exchange.faults.steal_stream()
        await desk.until(lambda: desk.streams == ["UP", "DOWN", "UP"])
        spec = desk.spec()
        await desk.place(spec)
        await desk.until(lambda: desk.of(spec))
