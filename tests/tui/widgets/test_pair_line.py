"""The two lines on top: parts drop by importance, never a price or a state."""

from __future__ import annotations

import pytest

from core.messages import Trade
from tests import builders as make
from tests.snapshots import scenes_confluence as scene
from tests.tui.widgets.test_readings import sight
from tui.glyphs import UNICODE
from tui.widgets.line_panel import width_of
from tui.widgets.pair_line import direction, facts_line, pair_line

FRAMES = ("1m", "5m", "15m", "1h")


def market():
    return [
        make.engine_status(), make.listing(scene.SYMBOL), make.metrics(scene.SYMBOL, 152.0), scene.tape(), scene.view(),
        make.quote(scene.SYMBOL, 152.33, 152.35), make.trades(scene.SYMBOL, 152.34), scene.book(),
    ]  # fmt: skip


@pytest.mark.parametrize("width", [55, 60, 80, 100, 120, 200])
def test_price_and_state_are_never_dropped(width):
    told = sight(*market())
    line = pair_line(told, FRAMES, UNICODE, width)
    text = "".join(part for part, _ in line)
    assert width_of(line) <= width
    assert "152.34" in text
    assert "BUY .63" in text
    assert width_of(facts_line(told, UNICODE, width)) <= width


def test_the_arrow_is_the_last_move_whatever_came_between():
    def trades(*prices: float) -> list[Trade]:
        return [Trade("", price, 1.0, "BUY", 0) for price in prices]

    assert direction(trades(1.0, 2.0, 2.0)) == 1
    assert direction(trades(2.0, 1.0)) == -1
    assert direction(trades(1.0, 1.0)) == 0
    assert direction([]) == 0


def test_what_the_market_did_is_signed_and_says_what_is_missing():
    text = "".join(part for part, _ in facts_line(sight(*market()), UNICODE, 160))
    for words in (
        "since state",
        "1h + ",
        "24h + ",
        "ATR 0.12 %",
        "RSI 55",
        "VOLz + 0.4",
        "takers + 12 %",
        "range",
        "book live",
    ):
        assert words in text
    bare = "".join(part for part, _ in facts_line(sight(make.listing(scene.SYMBOL)), UNICODE, 160))
    assert "1h –" in bare
