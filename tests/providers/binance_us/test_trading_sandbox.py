"""The broker against the sandbox exchange over real sockets: answers, stream, listings and trades tell one story."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from core.bus import Bus
from core.clock import LiveClock
from core.credentials import Credentials
from core.settings import Feed, Network, Settings
from core.settings_trading import Trading
from core.trading.authority import Permit, authorise
from core.trading.broker import NoAnswer, OrderKey, Placed
from core.trading.client_ids import ClientIds
from core.trading.executions import VenueOrder, listed, told
from core.trading.order import OrderReport, OrderSpec
from core.venue import Rejected
from providers.binance_us.trading import BinanceUsBroker
from providers.binance_us.user_stream import Mechanism
from providers.sandbox.server import SandboxExchange
from tests.patience import HASTY_S, PATIENT_S
from tests.providers.binance_us.user_venue import Heard
from tests.providers.sandbox.us_client import KEY, SECRET, TICK, exchange_with_account

SYMBOL = "BTCUSDT"
D = Decimal
MECHANISMS = pytest.mark.parametrize("mechanism", ["ws_api", "listen_key"])


class Desk:
    """A running broker and the exchange behind it."""

    def __init__(self, exchange: SandboxExchange, broker: BinanceUsBroker, heard: Heard, clock: LiveClock) -> None:
        self.exchange = exchange
        self.accounts = exchange.accounts["spot"]
        self.broker = broker
        self.heard = heard
        self.clock = clock
        self.ids = ClientIds()

    def price(self, ticks_from_bid: int = 0) -> Decimal:
        self.exchange.pull()
        return Decimal(self.exchange.feeds["spot"].book(SYMBOL).bids[0][0] + ticks_from_bid) * TICK

    def spec(self, **fields: Any) -> OrderSpec:
        """A limit buy of 0.1 some way below the market, unless told otherwise."""
        wanted: dict[str, Any] = {
            "client_id": self.ids.next(self.clock.now_ms()), "symbol": SYMBOL, "side": "BUY", "type": "LIMIT",
            "quantity": D("0.1"),
        } | fields  # fmt: skip
        if wanted["type"] == "LIMIT":
            wanted.setdefault("price", self.price(-50))
        return OrderSpec(**wanted)

    def permit(self, spec: OrderSpec) -> Permit:
        now_ms = self.clock.now_ms()
        return authorise(spec, now_ms).spend(spec, now_ms)

    async def place(self, spec: OrderSpec) -> Placed:
        return await self.broker.place(self.permit(spec), spec)

    def key(self, spec: OrderSpec, list_id: str = "") -> OrderKey:
        return OrderKey(symbol=spec.symbol, client_id=spec.client_id, list_id=list_id)

    async def until(self, done: Callable[[], Any]) -> None:
        try:
            async with asyncio.timeout(10):
                while not done():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"not within 10 s: {self.heard.words} {self.heard.reports[-5:]}") from None

    def heard_of(self, client_id: str) -> list[OrderReport]:
        return [report for report in self.heard.reports if report.spec.client_id == client_id]

    async def heard_as(self, client_id: str, status: str) -> OrderReport:
        await self.until(lambda: any(report.status == status for report in self.heard_of(client_id)))
        return next(report for report in reversed(self.heard_of(client_id)) if report.status == status)

    async def shown(self, spec: OrderSpec) -> OrderReport:
        [report] = await self.broker.query(self.key(spec))
        return report


@asynccontextmanager
async def trading(
    mechanism: Mechanism = "ws_api", rate: float = 10.0, answer_s: float = PATIENT_S, **market: Any
) -> AsyncIterator[Desk]:
    async with exchange_with_account(rate, **market) as exchange:
        clock = LiveClock(rate=rate, start_ms=exchange.clock.now_ms())
        settings = Settings(
            network=Network(
                binance_us_rest=exchange.rest_url,
                binance_us_stream=exchange.stream_url,
                rest_timeout_s=max(0.5, answer_s),
            ),
            feed=Feed(backoff_first_s=0.5, backoff_cap_s=4, silence_s=600, ping_s=60),
            trading=Trading(answer_s=answer_s),
        )
        rules = exchange.accounts["spot"].engine.rules
        broker = BinanceUsBroker(Bus(clock), clock, settings, Credentials(KEY, SECRET), rules.get)
        broker.stream.mechanism = mechanism
        heard = Heard()
        running = asyncio.create_task(broker.run(heard))
        desk = Desk(exchange, broker, heard, clock)
        try:
            await desk.until(lambda: heard.states == ["UP"])
            assert heard.words == [mechanism]
            yield desk
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await broker.close()


@MECHANISMS
async def test_a_limit_order_from_birth_to_cancel(mechanism: Mechanism) -> None:
    async with trading(mechanism) as on:
        spec = on.spec()
        placed = await on.place(spec)
        assert [report.status for report in placed.reports] == ["NEW"]
        await on.heard_as(spec.client_id, "NEW")
        shown = await on.shown(spec)
        assert (shown.order_id, shown.status, shown.spec) == (placed.order_id, "NEW", spec)
        assert [report.spec.client_id for report in await on.broker.open_orders()] == [spec.client_id]
        cancelled = await on.broker.cancel(on.key(spec))
        assert cancelled.outcome == "ACCEPTED"
        assert (cancelled.reports[0].spec.client_id, cancelled.reports[0].status) == (spec.client_id, "CANCELED")
        assert (await on.heard_as(spec.client_id, "CANCELED")).order_id == placed.order_id
        assert (await on.broker.cancel(on.key(spec))).outcome == "GONE"
        assert await on.broker.open_orders(SYMBOL) == ()


@MECHANISMS
async def test_a_fill_is_one_fill_whoever_tells_it(mechanism: Mechanism) -> None:
    async with trading(mechanism) as on:
        start_ms = on.clock.now_ms() - 60_000
        spec = on.spec(type="MARKET", quantity=D("0.3"))
        placed = await on.place(spec)
        await on.heard_as(spec.client_id, "FILLED")
        views = []
        for reports in (placed.reports, on.heard_of(spec.client_id), await on.broker.query(on.key(spec))):
            order = VenueOrder(order_id=placed.order_id)
            for report in reports:
                order = told(order, report)
            views.append(order)
        answered, streamed, asked = views
        trades = await on.broker.trades(SYMBOL, start_ms)
        assert trades.complete
        assert {fill.client_id for fill in trades.fills} == {spec.client_id}
        everything = listed(streamed, trades.fills)
        for order in (answered, streamed, everything):
            assert (order.filled, order.ended) == (D("0.3"), "FILLED")
            assert order.counted_quantity == D("0.3")
            assert order.filled_quote == asked.filled_quote == answered.filled_quote
        assert {fill.trade_id for fill in answered.fills} == {fill.trade_id for fill in everything.fills}
        assert sum(fill.fee for fill in answered.fills) == sum(fill.fee for fill in trades.fills)


async def test_what_is_left_of_an_immediate_order_expires() -> None:
    async with trading() as on:
        spec = on.spec(time_in_force="IOC", price=on.price(5), quantity=D("60"))
        placed = await on.place(spec)
        assert placed.reports[-1].status == "EXPIRED"
        assert D(0) < placed.reports[-1].filled < spec.quantity
        assert (await on.heard_as(spec.client_id, "EXPIRED")).filled == placed.reports[-1].filled


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"quantity": D(300)}, -2010),
    ({"quantity": D("0.000000001")}, -1111),
    ({"quantity": D("0.00015")}, -1013),
    ({"price": D("0.001")}, -1013),
    ({"post_only": True, "price": D(1200)}, -2010),
    ({"symbol": "NOSUCH"}, -1121),
]


async def test_what_the_venue_refuses_is_refused_in_its_words() -> None:
    async with trading() as on:
        for fields, code in REFUSED:
            with pytest.raises(Rejected) as raised:
                await on.place(on.spec(**fields))
            assert raised.value.code == code
        assert await on.broker.open_orders() == ()


def pair(on: Desk) -> tuple[OrderSpec, OrderSpec]:
    name = on.ids.next(on.clock.now_ms())
    target = on.spec(side="SELL", price=on.price(300), post_only=True, list_id=name)
    stop = on.spec(side="SELL", type="STOP_LOSS_LIMIT", stop_price=on.price(-300), price=on.price(-400), list_id=name)
    return target, stop


async def test_a_pair_binds_its_legs() -> None:
    async with trading() as on:
        target, stop = pair(on)
        first, second = await on.broker.place_pair((on.permit(target), on.permit(stop)), target, stop)
        assert (first.reports[-1].status, second.reports[-1].status) == ("NEW", "UNTRIGGERED")
        resting = {report.spec.client_id: report for report in await on.broker.open_orders(SYMBOL)}
        assert {report.spec.list_id for report in resting.values()} == {target.list_id}
        assert resting[stop.client_id].status == "UNTRIGGERED"
        assert resting[stop.client_id].spec == stop
        assert resting[target.client_id].spec == target
        on.exchange.faults.fill(target.client_id)
        await on.heard_as(target.client_id, "FILLED")
        await on.heard_as(stop.client_id, "EXPIRED")
        assert await on.broker.open_orders() == ()


async def test_a_pair_is_cancelled_as_a_whole() -> None:
    async with trading() as on:
        target, stop = pair(on)
        await on.broker.place_pair((on.permit(target), on.permit(stop)), target, stop)
        told_of = await on.broker.cancel(on.key(stop, list_id=stop.list_id))
        assert told_of.outcome == "ACCEPTED"
        assert {report.spec.client_id: report.status for report in told_of.reports} == {
            target.client_id: "CANCELED",
            stop.client_id: "CANCELED",
        }
        for leg in (target, stop):
            await on.heard_as(leg.client_id, "CANCELED")
        assert (await on.broker.cancel(on.key(stop, list_id=stop.list_id))).outcome == "GONE"


async def test_a_stop_triggers_and_fills() -> None:
    async with trading() as on:
        stop = on.spec(
            side="SELL", type="STOP_LOSS_LIMIT", stop_price=on.price(-200), price=on.price(-4000), quantity=D("0.2")
        )
        placed = await on.place(stop)
        assert placed.reports[-1].status == "UNTRIGGERED"
        on.exchange.faults.gap_price(SYMBOL, 0.99)
        report = await on.heard_as(stop.client_id, "FILLED")
        assert report.filled == D("0.2")


async def test_cancel_and_replace_in_one_request() -> None:
    async with trading() as on:
        old, new = on.spec(), on.spec(price=on.price(-60))
        await on.place(old)
        replaced = await on.broker.replace(on.permit(new), on.key(old), new)
        assert replaced.cancelled.outcome == "ACCEPTED"
        assert replaced.placed is not None
        await on.heard_as(old.client_id, "CANCELED")
        await on.heard_as(new.client_id, "NEW")
        gone = on.spec()
        again = await on.broker.replace(on.permit(gone), on.key(old), gone)
        assert (again.cancelled.outcome, again.placed) == ("GONE", None)
        assert await on.broker.query(on.key(gone)) == ()


async def test_cancel_and_replace_can_half_succeed() -> None:
    async with trading() as on:
        old, new = on.spec(), on.spec()
        await on.place(old)
        on.exchange.faults.refuse_order("-2010", "Account has insufficient balance for requested action.")
        replaced = await on.broker.replace(on.permit(new), on.key(old), new)
        assert (replaced.cancelled.outcome, replaced.placed, replaced.code) == ("ACCEPTED", None, "-2010")
        assert await on.broker.open_orders() == ()


@pytest.mark.parametrize("fault", ["lose_answer", "fail_after"])
async def test_a_lost_answer_is_no_answer_and_the_order_is_found(fault: str) -> None:
    async with trading(answer_s=HASTY_S if fault == "lose_answer" else PATIENT_S) as on:
        getattr(on.exchange.faults, fault)("POST /api/v3/order")
        spec = on.spec(type="MARKET")
        with pytest.raises(NoAnswer):
            await on.place(spec)
        assert (await on.shown(spec)).status == "FILLED"
        await on.heard_as(spec.client_id, "FILLED")
        assert len(on.accounts.orders) == 1


async def test_a_lost_request_is_no_answer_and_leaves_no_trace() -> None:
    async with trading(answer_s=HASTY_S) as on:
        on.exchange.faults.lose_request("POST /api/v3/order")
        spec = on.spec()
        with pytest.raises(NoAnswer):
            await on.place(spec)
        assert await on.broker.query(on.key(spec)) == ()
        assert not on.accounts.orders


async def test_an_open_orders_id_sent_again_is_no_proof_of_a_refusal() -> None:
    async with trading() as on:
        spec = on.spec()
        await on.place(spec)
        with pytest.raises(NoAnswer):
            await on.place(spec)
        assert len(on.accounts.orders) == 1


async def test_a_skewed_clock_is_measured_and_every_order_arrives_once() -> None:
    async with trading() as on:
        specs = []
        for skew_ms in (-3000, -500, 500, 3000, -8000, 20_000):
            on.exchange.faults.skew_clock(skew_ms)
            specs.append(on.spec())
            await on.place(specs[-1])
        assert [order.spec.client_id for order in on.accounts.orders.values()] == [spec.client_id for spec in specs]


async def test_foreign_orders_are_shown() -> None:
    async with trading() as on:
        order_id = on.exchange.faults.foreign_order(SYMBOL, "BUY", str(on.price(-70)), "0.2")
        await on.until(lambda: on.heard.reports)
        [report] = await on.broker.open_orders()
        assert (report.order_id, report.spec.quantity) == (order_id, D("0.2"))
        assert on.heard.reports[0].order_id == order_id


@pytest.mark.parametrize(
    ("mechanism", "fault"),
    [
        ("ws_api", "private_drop"),
        ("ws_api", "steal_stream"),
        ("listen_key", "private_drop"),
        ("listen_key", "steal_stream"),
        ("listen_key", "expire_listen_key"),
    ],
)
async def test_every_gap_of_the_stream_is_told_and_it_comes_back(mechanism: Mechanism, fault: str) -> None:
    async with trading(mechanism) as on:
        getattr(on.exchange.faults, fault)()
        await on.until(lambda: on.heard.states == ["UP", "DOWN", "UP"])
        spec = on.spec()
        await on.place(spec)
        await on.heard_as(spec.client_id, "NEW")


@MECHANISMS
async def test_a_stream_that_keeps_an_acknowledged_order_to_itself_is_replaced(mechanism: Mechanism) -> None:
    async with trading(mechanism) as on:
        on.exchange.faults.private_skip(2)
        await on.place(on.spec())
        await on.until(lambda: on.heard.states == ["UP", "DOWN", "UP"])
        assert "acknowledged" in on.heard.words[1]


async def test_the_account_and_its_changes() -> None:
    async with trading() as on:
        before = await on.broker.snapshot()
        assert (before.balances["USDT"].free, before.may_trade) == (D(100_000), True)
        assert before.maker_fee is not None
        spec = on.spec(price=on.price(-5000), quantity=D(1))
        await on.place(spec)
        await on.until(lambda: on.heard.balances.get("USDT"))
        after = await on.broker.snapshot()
        assert after.balances["USDT"].locked == on.heard.balances["USDT"].locked == spec.price
        on.exchange.faults.take_balance("BTC", "0.25")
        await on.until(lambda: on.heard.balances["BTC"].free == D("0.75"))


async def test_order_counts_of_the_venue_are_believed() -> None:
    async with trading() as on:
        for _ in range(3):
            await on.place(on.spec())
        limits = on.broker._budget.limits
        assert limits["ORDERS 1D"].used == 3
        assert on.broker.spent().banned_until_ms == 0
