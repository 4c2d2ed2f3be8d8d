"""What one watchlist line says: numbers measured against the live price, and words for what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders as make
from tests.tui.desk_builder import store_with
from tui.glyphs import UNICODE
from tui.widgets.market_columns import shorten
from tui.widgets.market_facts import calm_age, derive, fault_words
from tui.widgets.market_layout import arrange, paint_cell

NOW = make.NOW_MS


def test_changes_are_measured_against_the_live_price():
    store = store_with(
        make.listing("A", "0.010"),
        make.quote("A", 109.0, 111.0),
        make.metrics("A", 100.0, close_1h_ago=100.0, close_24h_ago=88.0),
        make.confluence("A", "BUY", 0.63, 100.0, since_price=105.0),
    )
    facts = derive(store.rows["A"], store, NOW)
    assert (facts.price, facts.decimals) == (110.0, 2)
    assert facts.change_1h == pytest.approx(0.10)
    assert facts.change_24h == pytest.approx(0.25)
    assert facts.delta == pytest.approx(110 / 105 - 1)
    assert facts.spread_bp == pytest.approx(2 / 110 * 10_000)


def test_what_is_not_known_is_missing_and_never_zero():
    store = store_with(make.universe("A"))
    facts = derive(store.rows["A"], store, NOW)
    layout = arrange(120, 8, 9)
    for i, column in enumerate(layout.columns):
        text = "".join(text for text, _ in paint_cell(layout, i, facts, UNICODE))
        assert not any(character.isdigit() for character in text), column.key


def test_reasons_come_without_their_gains():
    store = store_with(
        make.confluence("A", "BUY", 0.7, 1.0, reasons=("RSI 24 oversold (+4.1 pp)", "MACD (x) up (+1.0 pp)"))
    )
    assert derive(store.rows["A"], store, NOW).why == "RSI 24 oversold, MACD (x) up"


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ((make.channel("A", "quote", fresh=False, age_s=14.0),), "no quotes for 14 s: channel frozen"),
        (
            (
                make.channel("A", "kline", fresh=False, age_s=30.0),
                make.link("m", "up"),
                make.link("n", "down", retry_in_s=3.2),
            ),
            "no candles for 30 s: link down, retry at 12:34:59Z",
        ),
        ((make.link("m", "down", retry_in_s=3.0),), "link down, retry at 12:34:59Z"),
        ((make.link("m", "banned"),), "venue refuses us, waiting"),
        ((make.link("m", "connecting", attempt=3),), "link connecting, attempt 3"),
        ((make.link("m", "down"), make.link("n", "rotating")), ""),
        ((make.channel("A", "quote", fresh=False), make.channel("A", "quote", fresh=True)), ""),
    ],
)
def test_faults_are_said_in_words(messages, words):
    store = store_with(make.universe("A"), *messages)
    assert fault_words(store.rows["A"], store, NOW) == words


def test_a_silent_channel_ages_while_nothing_more_is_heard():
    store = store_with(make.channel("A", "quote", fresh=False, age_s=14.0))
    assert fault_words(store.rows["A"], store, NOW + 60_000).startswith("no quotes for 1 min")


def test_loading_and_halted_symbols_say_so():
    store = store_with(
        make.universe("A", "B"),
        make.history("A", "1m", ready=True),
        make.history("A", "5m", ready=False),
        make.listing("B", trading=False, status="HALT"),
    )
    assert derive(store.rows["A"], store, NOW).why == "loading history 1/2"
    assert derive(store.rows["B"], store, NOW).why == "halted by the venue: HALT"
    store.on_confluence(make.confluence("A", "HOLD", 0.5, 1.0, hold_reason="warming up 40/200"))
    assert derive(store.rows["A"], store, NOW).why == "warming up 40/200"


@given(st.floats(0, 1e7), st.floats(0, 1e7))
def test_ages_change_in_growing_steps(one, two):
    order = {"s": 1, "min": 60, "h": 3600, "d": 86_400}

    def seconds(age: float) -> int:
        number, unit = calm_age(age).split()
        return int(number) * order[unit]

    low, high = sorted((one, two))
    assert seconds(low) <= seconds(high) <= high


def test_a_thin_pair_without_trades_keeps_its_state_and_says_so():
    store = store_with(
        make.universe("A"),
        make.confluence("A", "BUY", 0.7, 1.0, reasons=("MACD rising (+4.1 pp)",)),
        make.channel("A", "trade", fresh=False, age_s=40.0),
    )
    facts = derive(store.rows["A"], store, NOW)
    assert not facts.stale
    assert facts.quiet == "no trade for 40 s"
    layout = arrange(120, 8, 9)
    said = ["".join(text for text, _ in paint_cell(layout, i, facts, UNICODE)) for i in range(len(layout.columns))]
    assert any("BUY" in text for text in said)
    assert any("no trade for 40 s" in text for text in said)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("EMA9 above EMA21 by 0.6 ATR, ADX 31, +DI leads", 30, "EMA9 above EMA21 by 0.6 ATR"),
        ("EMA9 above EMA21 by 0.6 ATR", 20, "EMA9 above EMA21"),
        ("order book stale: market 2: closed by the venue", 30, "order book stale: market 2"),
        ("order book stale: market 2: closed by the venue", 20, "order book stale"),
        ("2.1σ above the mean", 12, "2.1σ above the mean"),
    ],
)
def test_a_reason_too_long_for_its_column_loses_detail_before_letters(text, width, shown):
    assert shorten(text, width) == shown


def test_the_first_reason_fits_at_120_columns_with_the_longest_symbols_of_the_demo():
    layout = arrange(120, 8, 12)
    room = layout.widths[[column.key for column in layout.columns].index("why")]
    for reason in (
        "EMA9 above EMA21 by 0.2 ATR",
        "MACD falling",
        "20-bar high broken",
        "2.1σ above the mean",
        "RSI 28 oversold",
    ):
        assert len(shorten(reason, room)) <= room
