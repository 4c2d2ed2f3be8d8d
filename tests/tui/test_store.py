"""The view store keeps the newest value per key and says what changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import SettingChanged, SettingRejected
from tests import builders as make
from tui.store import MarketRow, ViewStore


def test_price_is_mid_until_something_trades():
    store = ViewStore()
    store.on_quote(make.quote("A", 99.0, 101.0))
    assert store.rows["A"].price == 100.0
    store.on_trades(make.trades("A", 100.2, 100.5))
    assert store.rows["A"].price == 100.5


def test_an_old_trade_never_hides_that_the_market_moved_on():
    store = ViewStore()
    store.on_trades(make.trades("A", 100.0))
    store.on_quote(make.quote("A", 104.0, 105.0))
    assert store.rows["A"].price == 104.0
    store.on_quote(make.quote("A", 90.0, 91.0))
    assert store.rows["A"].price == 91.0


@given(
    trade=st.floats(0.0, 1e6), bid=st.floats(0.0, 1e6), ask=st.floats(0.0, 1e6)
)  # zero stands for "none yet", crossed quotes happen
def test_price_lies_between_the_numbers_it_is_made_of(trade, bid, ask):
    row = MarketRow("A")
    row.last_trade = trade
    row.quote = make.quote("A", bid, ask)
    known = [value for value in (trade, bid, ask) if value > 0]
    assert row.price == 0.0 or min(known) <= row.price <= max(known)


def test_no_quote_and_no_trade_is_no_price():
    assert MarketRow("A").price == 0.0


def test_ordinary_prices_are_not_urgent_but_states_and_freshness_are():
    store = ViewStore()
    store.on_quote(make.quote("A", 1.0, 2.0))
    store.on_trades(make.trades("A", 1.5))
    row = store.rows["A"]
    assert (row.version, row.urgent) == (2, 0)
    store.on_confluence(make.confluence("A", "HOLD", 0.5, 1.5))
    first = row.urgent
    store.on_confluence(make.confluence("A", "HOLD", 0.52, 1.5))
    assert row.urgent == first == 1
    store.on_confluence(make.confluence("A", "BUY", 0.61, 1.5))
    store.on_state_change(make.state_change("A", "HOLD", "BUY", 1.5))
    store.on_channel(make.channel("A", "quote", fresh=False))
    assert row.urgent == 4


def test_universe_gives_the_order_and_forgets_who_left():
    store = ViewStore()
    store.on_universe(make.universe("B", "A", "C"))
    store.on_quote(make.quote("C", 1.0, 2.0))
    store.on_universe(make.universe("A", "B"))
    assert store.universe == ("A", "B")
    assert set(store.rows) == {"A", "B"}
    assert store.universe_version == 2


def test_events_are_bounded_and_a_replay_repeats_nothing():
    store = ViewStore(events_shown=3)
    for number in (4, 5, 6, 7):
        store.on_event(make.event(number, "link", str(number)))
    before = store.events_version
    for number in (5, 6, 7):
        store.on_event(make.event(number, "link", "again"))
    assert [e.text for e in store.events] == ["5", "6", "7"]
    assert store.events_version == before


def test_events_told_late_by_a_replay_take_their_place():
    store = ViewStore()
    for number in (9, 3, 4):
        store.on_event(make.event(number, "link", str(number)))
    assert [e.event_id for e in store.events] == [3, 4, 9]


def test_messages_per_second_needs_two_totals():
    store = ViewStore()
    store.on_stats(make.provider_stats(1000, 1000))
    assert store.messages_per_s() == 0.0
    store.on_stats(make.provider_stats(3400, 3000))
    assert store.messages_per_s() == pytest.approx(1200.0)
    store.on_stats(make.provider_stats(10, 4000))  # totals restarted
    assert store.messages_per_s() == 0.0


def test_troubled_links_come_worst_first_and_rotation_is_no_trouble():
    store = ViewStore()
    for name, state in (("a", "up"), ("b", "connecting"), ("c", "down"), ("d", "rotating")):
        store.on_link(make.link(name, state))
    assert [link.link for link in store.troubled_links()] == ["c", "b"]


def test_a_link_the_program_ended_is_no_trouble_one_that_ended_for_a_reason_is():
    store = ViewStore()
    store.on_link(make.link("account", "stopped", reason=""))
    store.on_link(make.link("recording", "stopped", reason="the recording has ended"))
    assert [link.link for link in store.troubled_links()] == ["recording"]


def test_a_refused_edit_is_said_in_one_line():
    store = ViewStore()
    store.on_setting_rejected(
        SettingRejected(key="confluence.enter", value="7", reason="must be 0 to 1", at_ms=make.NOW_MS)
    )
    assert store.notice == "confluence.enter = 7 refused: must be 0 to 1"
    assert store.notice_severity == "error"


def test_pins_follow_the_engine():
    store = ViewStore()
    store.on_setting_changed(
        SettingChanged(key="market.pinned", old="[]", new='["A", "B"]', by="operator", undo=False, at_ms=make.NOW_MS)
    )
    assert store.pinned == {"A", "B"}


def test_every_handler_takes_what_the_opening_of_a_market_sends():
    store = ViewStore()
    feed = make.SeededFeed(20)
    handlers = store.handlers()
    for message in (*feed.opening(), *feed.log(), *feed.tick(make.NOW_MS)):
        handlers[type(message)](message)
    assert len(store.rows) == 20
    assert all(row.price > 0 and row.confluence and row.metrics for row in store.rows.values())
    assert store.messages_per_s() == pytest.approx(1204.0)
