"""The sandbox's accounts: what they start with, which market reaches their engine, and what happens to them on command."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from core.clock import SimClock
from core.trading.market_events import FundingPayment
from core.trading.order import OrderReport, OrderSpec
from providers.bybit.instruments import instrument, rows
from providers.sandbox import bybit_wire
from providers.sandbox.accounts import Accounts
from providers.sandbox.server import SandboxExchange
from tests.providers.sandbox.conftest import START_MS
from tests.providers.sandbox.tiny_market import TinyMarket

FUNDING_MS = 28_800_000
TICK, LOT = Decimal("0.01"), Decimal("0.001")


class Hall:
    """An exchange that runs by hand, without sockets."""

    def __init__(self, venue: Any = "bybit", start_ms: int = START_MS) -> None:
        self.clock = SimClock(start_ms)
        markets = {"spot": TinyMarket(start_ms)}
        if venue == "bybit":
            markets["linear"] = TinyMarket(start_ms, perpetual=True, seed=8)
        self.exchange = SandboxExchange(markets, self.clock, venue=venue, api_key="k", api_secret="s")
        self.faults = self.exchange.faults
        self.spot = self.exchange.accounts["spot"]
        self.linear: Accounts = self.exchange.accounts.get("linear", self.spot)
        self.heard: list[OrderReport] = []
        for accounts in self.exchange.accounts.values():
            accounts.listeners.append(self.heard.append)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.clock.set_ms(self.clock.now_ms() + 100)
            self.exchange.pull()

    def place(self, accounts: Accounts, **more: Any) -> OrderReport:
        """A BTCUSDT limit buy of 0.1 just under the best bid, unless told otherwise."""
        wanted: dict[str, Any] = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "quantity": Decimal("0.1"),
            "client_id": "mine",
        }
        wanted |= more
        if wanted["type"] == "LIMIT":
            wanted.setdefault("price", self.bid(accounts) - 3 * TICK)
        spec = OrderSpec(**wanted)
        reports = accounts.act(lambda: accounts.engine.submit("k", spec, accounts.now_ms()), spec.symbol)
        return [report for report in reports if report.spec.client_id == spec.client_id][-1]

    def bid(self, accounts: Accounts) -> Decimal:
        return accounts.feed.book("BTCUSDT").bids[0][0] * TICK

    def order(self, accounts: Accounts, client_id: str = "mine") -> OrderReport:
        found = accounts.engine.order("k", client_id=client_id)
        assert found is not None
        return found


@pytest.fixture
def hall() -> Hall:
    return Hall()


def engine_book(accounts: Accounts, symbol: str) -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
    book = accounts.engine.snapshot().books[symbol]
    return book.bids, book.asks


def market_book(accounts: Accounts, symbol: str) -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
    book = accounts.feed.book(symbol)
    bids, asks = ({p * TICK: q * LOT for p, q in side} for side in (book.bids, book.asks))
    return bids, asks


def test_each_category_starts_with_its_own_money(hall):
    def free(accounts: Accounts) -> dict[str, Decimal]:
        return {asset: balance.free for asset, balance in accounts.engine.balances("k").items()}

    assert free(hall.spot) == {"USDT": 100_000, "USD": 100_000, "BTC": 1}
    assert free(hall.linear) == {"USDT": 100_000}


def test_the_engines_keep_the_rules_that_bybit_tells(hall):
    for accounts, make in ((hall.spot, bybit_wire.spot_instrument), (hall.linear, bybit_wire.linear_instrument)):
        for number, listing in enumerate(accounts.feed.listings.values(), 1):
            row = rows.decode(msgspec.json.encode(make(listing, number)))
            assert accounts.engine.rules[listing.symbol] == instrument(row, "bybit", accounts.feed.category)


def test_without_a_key_there_are_no_accounts():
    clock = SimClock(START_MS)
    assert SandboxExchange(TinyMarket(START_MS), clock, venue="binance_us").accounts == {}


def test_the_engine_sees_only_symbols_in_which_the_account_has_something(hall):
    hall.run(5)
    assert hall.spot.engine.snapshot().books == {}
    hall.place(hall.spot)
    hall.faults.hold_fills("ETHUSDT", 0)
    hall.run(0.1)
    books = hall.spot.engine.snapshot().books
    assert books["ETHUSDT"].bids == {}
    hall.faults.cancel_elsewhere("mine")
    before = engine_book(hall.spot, "BTCUSDT")
    hall.run(5)
    assert engine_book(hall.spot, "BTCUSDT") == before
    assert market_book(hall.spot, "BTCUSDT") != before


def test_a_followed_book_is_the_one_the_streams_tell(hall):
    hall.run(3)
    hall.place(hall.spot, price=Decimal("900"))
    assert engine_book(hall.spot, "BTCUSDT") == market_book(hall.spot, "BTCUSDT")
    for _ in range(20):
        hall.run(1)
        assert engine_book(hall.spot, "BTCUSDT") == market_book(hall.spot, "BTCUSDT")
    last = hall.spot.feed.recent_trade("BTCUSDT")
    assert last is not None
    assert hall.spot.engine.snapshot().books["BTCUSDT"].last == last.price_ticks * TICK


def test_the_last_price_is_known_before_the_first_order(hall):
    hall.run(3)
    hall.place(hall.spot, type="TAKE_PROFIT_LIMIT", price=Decimal(900), stop_price=Decimal(950))
    assert hall.order(hall.spot).status == "UNTRIGGERED"
    bought = hall.place(hall.spot, type="STOP_LOSS_LIMIT", price=Decimal(990), stop_price=Decimal(950), client_id="b")
    assert (bought.status, bought.reject_code) == ("REJECTED", "170203")


def test_trades_of_the_market_fill_resting_orders(hall):
    hall.run(1)
    hall.place(hall.spot, price=hall.bid(hall.spot))
    hall.run(120)
    order = hall.order(hall.spot)
    assert order.status == "FILLED"
    assert [report.filled for report in hall.heard] == sorted(report.filled for report in hall.heard)
    assert hall.spot.orders[order.order_id].filled == Decimal("0.1")


def test_positions_keep_their_market_until_they_are_closed(hall):
    hall.run(1)
    hall.place(hall.linear, type="MARKET")
    (position,) = hall.linear.engine.positions("k")
    first = position.mark_price
    assert first > 0
    hall.run(60)
    mark = hall.linear.feed.mark("BTCUSDT")
    assert mark is not None
    (position,) = hall.linear.engine.positions("k")
    assert position.mark_price == Decimal(bybit_wire.mark_price(mark.mark_ticks, hall.linear.feed.units["BTCUSDT"]))
    assert position.mark_price != first


@pytest.mark.parametrize("batches", [100, 1])
def test_funding_is_paid_once_when_its_time_comes(batches):
    hall = Hall(start_ms=START_MS // FUNDING_MS * FUNDING_MS + FUNDING_MS - 5_000)
    paid: list[FundingPayment] = []
    hall.linear.funding_listeners.append(paid.append)
    hall.run(1)
    hall.place(hall.linear, type="MARKET")
    hall.run(2)  # one more mark comes before the time does
    assert paid == []
    for _ in range(batches):
        hall.clock.set_ms(hall.clock.now_ms() + 10_000 // batches)
        hall.exchange.pull()
    (payment,) = paid
    assert (payment.rate, payment.size) == (Decimal("0.0001"), Decimal("0.1"))
    assert payment.paid == payment.size * payment.mark * payment.rate > 0


def test_refused_requests_about_an_order_are_returned_but_not_told(hall):
    hall.place(hall.spot)
    hall.faults.fill("mine")
    heard = len(hall.heard)
    engine = hall.spot.engine
    (report,) = hall.spot.act(lambda: engine.cancel("k", hall.spot.now_ms(), client_id="mine"))
    assert report.reject_code == "170213"
    assert len(hall.heard) == heard
    assert hall.spot.orders[report.order_id].reject_code == ""


# --- on command ----------------------------------------------------------------------------------------------------------


def test_fills_on_command_take_exactly_what_they_are_told(hall):
    hall.place(hall.spot)
    hall.faults.partial_fill("mine", "0.04")
    assert (hall.order(hall.spot).status, hall.order(hall.spot).filled) == ("PARTIALLY_FILLED", Decimal("0.04"))
    with pytest.raises(ValueError, match=r"0\.06"):
        hall.faults.partial_fill("mine", "0.07")
    hall.faults.fill("mine")
    assert hall.order(hall.spot).status == "FILLED"
    with pytest.raises(ValueError, match="0 left"):
        hall.faults.fill("mine")
    with pytest.raises(ValueError, match="nobody"):
        hall.faults.fill("nobody")


@pytest.mark.parametrize("first", ["", "partial_fill", "fill"])
def test_an_overfill_is_more_than_was_asked_for_and_is_real(hall, first):
    hall.place(hall.spot)
    if first:
        getattr(hall.faults, first)("mine", *(("0.04",) if first == "partial_fill" else ()))
    hall.faults.overfill("mine", "0.05")
    order = hall.order(hall.spot)
    assert (order.status, order.filled) == ("FILLED", Decimal("0.15"))
    fill = hall.heard[-1].fill
    assert fill is not None
    assert fill.cumulative == Decimal("0.15")
    assert sum(fill.quantity for fill in hall.spot.fills()) == Decimal("0.15")
    balances = hall.spot.engine.balances("k")
    assert balances["BTC"].free == 1 + Decimal("0.15") * Decimal("0.999")
    assert balances["USDT"].locked == 0


def test_an_overfilled_perpetual_has_the_larger_position(hall):
    hall.place(hall.linear, type="MARKET")
    hall.faults.overfill("mine", "0.02")
    (position,) = hall.linear.engine.positions("k")
    assert position.size == Decimal("0.12")
    hall.place(hall.linear, client_id="gone")
    hall.faults.cancel_elsewhere("gone")
    with pytest.raises(ValueError, match="cannot be filled"):
        hall.faults.partial_fill("gone", "0.02")


def test_orders_from_elsewhere_are_the_accounts_own(hall):
    number = hall.faults.foreign_order("BTCUSDT", "BUY", "900", 0.1)
    (open_order,) = hall.spot.engine.open_orders("k")
    assert open_order.order_id == number
    assert hall.heard[-1].order_id == number
    hall.faults.foreign_order("BTCUSDT", "BUY", 0, "0.05", category="linear")
    assert hall.linear.engine.positions("k")[0].size == Decimal("0.05")
    with pytest.raises(ValueError, match="170131"):
        hall.faults.foreign_order("BTCUSDT", "BUY", "900", 1000)


def test_withdrawals_take_only_what_is_free(hall):
    changes: list[tuple[str, Decimal]] = []
    hall.spot.balance_listeners.append(lambda asset, change: changes.append((asset, change)))
    hall.place(hall.spot)
    hall.faults.take_balance("BTC", 0.4)
    assert hall.spot.engine.balances("k")["BTC"].free == Decimal("0.6")
    assert changes == [("BTC", Decimal("-0.4"))]
    with pytest.raises(ValueError, match="100000"):
        hall.faults.take_balance("USDT", 100_000)
    assert hall.order(hall.spot).status == "NEW"


def test_held_fills_keep_limit_orders_resting_until_they_are_released(hall):
    hall.run(1)
    hall.faults.hold_fills("BTCUSDT", 20)
    hall.place(hall.spot, price=hall.bid(hall.spot) + 50 * TICK)
    assert hall.place(hall.spot, type="MARKET", client_id="market").status == "CANCELED"
    hall.run(19)
    assert hall.order(hall.spot).status == "NEW"
    hall.run(2)
    assert hall.order(hall.spot).status == "FILLED"


def test_held_fills_leave_stops_their_trigger(hall):
    hall.run(1)
    bid = hall.bid(hall.spot)
    hall.place(hall.spot, type="STOP_LOSS_LIMIT", side="SELL", stop_price=bid - 30 * TICK, price=bid - 999 * TICK)
    hall.faults.hold_fills("BTCUSDT", 20, category="spot")
    hall.faults.gap_price("BTCUSDT", 0.9995)
    assert hall.order(hall.spot).status == "NEW"
    hall.faults.clear()
    assert hall.order(hall.spot).status == "FILLED"


def test_a_halted_symbol_takes_no_orders_and_fills_none(hall):
    hall.run(1)
    hall.place(hall.spot, price=hall.bid(hall.spot))
    hall.faults.halt_symbol("BTCUSDT")
    assert hall.place(hall.spot, client_id="late").reject_code == "170151"
    hall.run(60)
    assert hall.order(hall.spot).status == "NEW"
    assert bybit_wire.spot_instrument(hall.spot.feed.listings["BTCUSDT"], 1)["status"] == "Closed"
    hall.faults.halt_symbol("BTCUSDT", False)
    hall.run(60)
    assert hall.order(hall.spot).status == "FILLED"


def test_changed_rules_are_told_and_kept(hall):
    hall.faults.change_rules("BTCUSDT", tick_size="0.5", min_notional=50, category="spot")
    assert hall.spot.engine.rules["BTCUSDT"].tick_size == Decimal("0.5")
    assert hall.linear.engine.rules["BTCUSDT"].tick_size == TICK
    assert hall.place(hall.spot, price=Decimal("900.01")).reject_code == "170134"
    assert hall.place(hall.spot, price=Decimal(400)).reject_code == "170140"
    assert hall.place(hall.spot, price=Decimal("900.5")).status == "NEW"
    hall.run(1)
    assert hall.spot.feed.quote("BTCUSDT").bid_ticks > 90_000  # the market keeps its own ticks
    with pytest.raises(ValueError, match="above 0"):
        hall.faults.change_rules("BTCUSDT", lot_size=0)
    with pytest.raises(ValueError, match="NOPE"):
        hall.faults.change_rules("NOPE", lot_size=1)
