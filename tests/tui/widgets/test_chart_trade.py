"""The recommended trade on the chart: named levels that hide no candle, only while it holds."""

from __future__ import annotations

from dataclasses import replace

from tests import builders
from tests.tui import advice_builder as told
from tests.tui.desk_builder import store_with
from tests.tui.widgets import chart_builder as make
from tests.tui.widgets.test_chart_paint import full, styles_at, text
from tui.glyphs import ASCII
from tui.widgets.chart_bars import Window
from tui.widgets.chart_paint import LAYERS
from tui.widgets.chart_trade import SPAN_MOST, TradeLevels, trade_levels, widened

NOW = builders.NOW_MS
TRADE = TradeLevels(103.5, 104.1, (106.2, 108.0), 102.6, make.at(20), True, 2)
ALONE = frozenset({"trade"})
CANDLES = "║┃╽╿╷╵│╻╹▲"


def screened(*messages):
    return store_with(*messages).screening.rows.get(told.SYMBOL)


def test_levels_come_from_the_recommendation_while_it_holds():
    row = screened(told.analysis())
    found = trade_levels(row, 2, NOW)
    assert found == TradeLevels(151.7, 152.34, (155.25, 156.7, 158.15), 151.04, NOW - 120_000, True, 2)
    assert trade_levels(row, 2, NOW + 900_000) is None
    assert trade_levels(None, 2, NOW) is None
    assert trade_levels(screened(told.invalid()), 2, NOW) is None
    assert trade_levels(screened(told.avoided()), 2, NOW) is None


def test_a_trade_that_waits_is_dim():
    found = trade_levels(screened(told.waiting()), 2, NOW)
    assert found is not None
    assert (found.style, TRADE.style) == ("dim", "accent")


def test_entry_targets_and_stop_are_named_right_of_the_plot():
    lines = text(full(trade=TRADE, layers=ALONE), 76, 24)
    named = {line.split()[-1]: line for line in lines if line and line.split()[-1] in ("TP1", "entry", "SL", "↑TP2")}
    assert set(named) == {"TP1", "entry", "SL", "↑TP2"}
    assert "─" in named["TP1"]
    assert "─" in named["SL"]
    wide = "\n".join(text(full(trade=TRADE, layers=ALONE), 120, 24))
    for words in ("TP1 106.20", "entry 104.10", "entry 103.50", "SL 102.60", "↑TP2 108.00"):
        assert words in wide
    assert styles_at(full(trade=TRADE, layers=ALONE), "TP1") == {"accent"}


def test_candles_stay_as_they_are_under_the_lines():
    state = full(layers=ALONE)
    near = TRADE._replace(targets=(105.9,))
    bare, drawn = text(state, 76, 24), text(replace(state, trade=near), 76, 24)
    assert bare != drawn
    candles = [(x, y, c) for y, line in enumerate(bare) for x, c in enumerate(line[7:60]) if c in "║┃╽╿"]
    over = [(x, y, c) for y, line in enumerate(drawn) for x, c in enumerate(line[7:60]) if c in "║┃╽╿"]
    assert len(over) >= len(candles) - 6 > 0


def test_the_layer_can_be_taken_away():
    assert "trade" in LAYERS
    without = full(trade=TRADE, layers=frozenset(LAYERS) - ALONE)
    assert text(without, 76, 18) == text(full(layers=frozenset(LAYERS) - ALONE), 76, 18)


def test_looking_back_shows_no_trade_that_was_not_told_yet():
    back = full(trade=TRADE._replace(at_ms=make.at(23)), layers=ALONE, anchor_ms=make.at(12))
    assert text(back, 30, 18) == text(replace(back, trade=None), 30, 18)


def test_a_far_target_does_not_flatten_the_candles():
    window = Window((), (), make.at(30), True)
    low, high = widened(TRADE, window, 103.0, 105.0)
    assert (low, high) == (102.6, 105.0)
    assert widened(TRADE._replace(targets=(400.0,), stop=1.0), window, 103.0, 105.0) == (103.0, 105.0)
    assert high - low <= (105.0 - 103.0) * SPAN_MOST


def test_ascii_says_the_same():
    wide = "\n".join(text(full(trade=TRADE, layers=ALONE), 120, 24, ASCII))
    assert wide.isascii()
    for words in ("TP1 106.20", "SL 102.60", "^TP2 108.00"):
        assert words in wide
