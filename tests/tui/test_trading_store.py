"""What the screens keep of orders, positions and the account: the newest of each, and no more than they can show."""

from __future__ import annotations

from core.bus import Bus
from core.clock import SimClock
from core.messages import Refused
from core.settings import Screen
from tests import trading_builders as trade
from tests.builders import CATEGORY, NOW_MS, VENUE
from tui.pump import Pump
from tui.store import ViewStore
from tui.trading_store import ENDED_SHOWN, ORDERS_MOST, TradingStore


def heard(*messages) -> TradingStore:
    """The store of a view that has heard these on its bus."""
    clock = SimClock(NOW_MS)
    bus, store = Bus(clock), ViewStore()
    Pump(bus, store, clock, Screen()).connect()
    for message in messages:
        bus.publish(message)
    assert bus.handler_errors == 0
    return store.trading


def test_orders_are_told_apart_by_what_can_still_happen_to_them():
    store = heard(
        trade.order("a", created_ms=1),
        trade.order("b", state="PARTIAL", created_ms=2),
        trade.order("c", state="UNKNOWN", created_ms=3),
        trade.order("d", state="FILLED", created_ms=4),
        trade.order("e", state="FILLED", quarantine="OVERFILL", created_ms=5),
        trade.order("", order_id="77", foreign=True, created_ms=6),
        trade.order("x", order_id="78", foreign=True, state="CANCELLED", created_ms=7),
    )
    assert [order.client_id for order in store.working()] == ["c", "b", "a"]
    assert [order.client_id for order in store.unknown()] == ["e", "c"]
    assert [order.client_id for order in store.ended()] == ["e", "d"]
    assert [order.order_id for order in store.foreign()] == ["77"]


def test_a_later_word_of_an_order_replaces_the_earlier_one():
    store = heard(trade.order("a"), trade.order("a", state="FILLED"))
    assert [order.state for order in store.orders.values()] == ["FILLED"]
    assert store.working() == []


def test_a_session_of_days_keeps_what_may_still_fill_and_the_newest_that_ended():
    working = [trade.order(f"w{number}") for number in range(30)]
    quarantined = trade.order("q", state="FILLED", quarantine="OVERFILL")
    ended = [trade.order(f"e{number}", state="FILLED") for number in range(1_000)]
    store = heard(*working, quarantined, *ended)
    assert len(store.orders) <= ORDERS_MOST
    assert {order.client_id for order in working} | {"q"} <= set(store.orders)
    assert f"e{1_000 - ENDED_SHOWN}" in store.orders
    assert "e0" not in store.orders


def test_closed_positions_leave_and_their_trades_stay():
    store = heard(
        trade.position(),
        trade.position("ETHUSDT"),
        trade.position("ETHUSDT", closed=True),
        trade.closed(trade_id="trade-SOLUSDT"),
    )
    assert store.positions == {}
    assert [one.trade_id for one in store.closed] == ["trade-SOLUSDT"]


def test_settled_discrepancies_leave():
    store = heard(trade.discrepancy(), trade.discrepancy("other"), trade.discrepancy(settled=True))
    assert list(store.discrepancies) == ["other"]


def test_every_fill_is_kept_in_order():
    store = heard(*(trade.execution(trade_id=str(number)) for number in range(3)), trade.execution("other"))
    assert [fill.trade_id for fill in store.executions_of("tt-1-a")] == ["0", "1", "2"]


def test_alarms_and_refusals_are_said_and_what_happened_meanwhile_is_kept():
    clock = SimClock(NOW_MS)
    bus, view = Bus(clock), ViewStore()
    Pump(bus, view, clock, Screen()).connect()
    bus.publish(trade.alarm())
    assert (view.notice, view.notice_severity) == ("ETHUSDT 0.210 has no stop: the venue refused it (−2010)", "error")
    bus.publish(
        Refused(
            venue=VENUE, category=CATEGORY, command="CancelOrder", symbol="tt-1-a", words="it is FILLED", at_ms=NOW_MS
        )
    )
    assert view.notice == "CancelOrder tt-1-a refused: it is FILLED"
    bus.publish(trade.alarm("WHILE_AWAY", text="stop filled", severity="warning"))
    assert [alarm.text for alarm in view.trading.away] == ["stop filled"]
    assert len(view.trading.alarms) == 2


def test_gate_answers_of_the_newest_orders_are_kept():
    store = heard(*(trade.gates(f"o{number}") for number in range(500)))
    assert len(store.gates) == 200
    assert "o499" in store.gates
