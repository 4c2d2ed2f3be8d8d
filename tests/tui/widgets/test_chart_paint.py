"""The chart as text: golden pictures, every size, and nothing drawn before it was known."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.messages import Chart, ChartBar
from tests.tui.widgets import chart_builder as make
from themes.palette import Palette
from tui.glyphs import ASCII, UNICODE, Glyphs
from tui.widgets.chart_bars import ZOOM_PLAIN, ZOOMS
from tui.widgets.chart_paint import LAYERS, ChartState, Scales, paint

STYLES = {field.name for field in fields(Palette)}
MINUTE_MS = make.MINUTE_MS


def full(**changes) -> ChartState:
    state = ChartState(make.full_chart(), make.forming(104.5), 2, MINUTE_MS)
    return replace(state, **changes)


def text(state: ChartState, width: int, height: int, glyphs: Glyphs = UNICODE) -> list[str]:
    return ["".join(part for part, _ in line).rstrip() for line in paint(state, width, height, glyphs).lines]


def styles_at(state: ChartState, words: str, width: int = 76, height: int = 18) -> set[str]:
    """The styles of the runs that hold these words."""
    lines = paint(state, width, height, UNICODE).lines
    return {style for line in lines for part, style in line if words in part}


WIDE = """\
      │                                                      HH
      │                                                      ╷╷OB↓▒▒▒▒
106.00┤                                                      ║┃╷╷╷▒▒▒▒
      │┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈╷╷╽║╿┃║┃↓┈┈┈ PDH
104.50▸                                                   ╽╽║╵ ╿╿┃╽╷╻◂
104.00┤                                          HH      ╷║╿╿   •╵┃║╹
      │                                          ╽╽─BOS↑─║╿░░░░░░░╿╿░░
      │                                         ╷║┃╽    ╷║FVG↑░░░░░░░░
102.00┤                                         ║╿╵┃╽╽  ╽║
      │                                       ╽╽║  ╿╿┃│╽║╵
      │                                      ╽║╵╵    ╿┃║╵↑
100.00┤                                     ╽║╵┈┈┈┈┈┈┈╿╿┈┈┈┈┈┈┈┈┈┈┈┈┈┈ EQL×2
      │                                     ╿╵        ×
      │                                               HL

    40                                        ▂▄▇  ▂▄▇  ▂▄▇  ▂▄▇  ▂▄
   vol                                      ▄▇███▄▇███▄▇███▄▇███▄▇██▂
                                                    11:40     11:50"""

PLAIN = """\
      |                              HH
      |                              o#,OBv:::
105.00+---------------------------,,o0##o#v---
104.50>                  HH       0#0' #o##o0<
      |                  ,,=BOS^=o0''   . #0
      |                 ,0##    ,0'FVG^.......
      |               ,,0o'#0# ,0o
      |              o0#o  ''##0o^
100.00+             o0'-------#o--------------
      |             o'        x
      |                       HL
    40                .=#  .=#  .=#  .=#  .=
   vol              =#@@@=#@@@=#@@@=#@@@=#@@.
                            11:40     11:50"""

SMALL = """\
      │              ╽╽OB↓▒▒▒▒
105.00┤┈┈┈┈┈┈┈┈┈┈┈╷╷╻║┃╽╽╽↓┈┈┈
104.50▸  HH       ║┃║╵ ╹╹┃╽╽║◂
      │  ╻╻─BOS↑─╽║╵╵░░░•░╿╿░░
      │ ╽║┃╽╷╷  ╻║FVG↑░░░░░░░░
      │ ║╵ ╿╿┃╻╽║╵
100.00┤┈╵┈┈┈┈╵┃║╵↑┈┈┈┈┈┈┈┈┈┈┈┈
            11:40     11:50"""

NEAR = """\
      │               HH
      │               ╷▒▒╷OB↓▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
106.00┤              ┌┴┐▐█▌▒╷▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
      │┈┈┈┈┈┈┈┈┈┈┈┈╷┈│ │▐█▌▐█▌┌─┐▗▄▖┈↓┈┈┈┈┈┈┈┈
      │     ┌─┐▗▄▖┌┴┐└─┘ ╵ ▝▀▘└─┘▐█▌ ╷
104.50▸ BOS↑│ │▐█▌└┬┘          • ▝▀▘▐█▌┌─┐╶─╴◂
      │──┌─┐└┬┘ ╵  ╵                ▐█▌└┬┘
      │  │ │░╵░░░░░░░░░░░░░░░░░░░░░░░╵░░╵░░░░░
      │  │ │FVG↑░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░
102.00┤  └─┘
      │   ↑
    40    ▄  ▇        ▂  ▄  ▇        ▂  ▄
   vol    █  █  ▄  ▇  █  █  █  ▄  ▇  █  █  ▂
              11:45          11:50"""


def test_near_candles_are_boxes_hollow_and_filled() -> None:
    assert text(full(zoom=len(ZOOMS) - 1), 46, 14) == NEAR.splitlines()


@pytest.mark.parametrize(
    ("picture", "width", "height", "glyphs"),
    [(WIDE, 76, 18, UNICODE), (PLAIN, 46, 14, ASCII), (SMALL, 30, 8, UNICODE)],
    ids=["wide", "ascii", "small"],
)
def test_everything_the_engine_knows_stands_where_it_happened(
    picture: str, width: int, height: int, glyphs: Glyphs
) -> None:
    assert text(full(), width, height, glyphs) == picture.splitlines()


def test_direction_is_said_by_glyph_as_well_as_by_colour() -> None:
    rising = replace(full(), chart=make.chart(make.bars((100.0, 104.0))), bar=None)
    falling = replace(full(), chart=make.chart(make.bars((104.0, 100.0))), bar=None)
    assert "║" in "".join(text(rising, 40, 12))
    assert "┃" not in "".join(text(rising, 40, 12))
    assert "┃" in "".join(text(falling, 40, 12))
    assert styles_at(rising, "║") == {"candle_up"}
    assert styles_at(falling, "┃") >= {"candle_down"}


def test_the_forming_bar_and_bars_nobody_traded_in_are_dim() -> None:
    closed = make.bars()
    quiet = ChartBar(make.at(24), 104.1, 104.1, 104.1, 104.1, 0.0, True)
    state = full(chart=make.chart((*closed, quiet)), bar=make.forming(108.0, 25))
    lines = paint(state, 76, 18, UNICODE).lines
    assert {style for line in lines for part, style in line if "╌" in part} == {"dim"}
    here = next(line for line in lines if "◂" in "".join(part for part, _ in line))
    assert [style for part, style in here if part.strip() in ("╽", "╻", "║", "╹")] == ["dim"]


@pytest.mark.parametrize(
    ("layer", "words"),
    [("swings", "HH"), ("structure", "BOS"), ("zones", "░"), ("levels", "PDH"), ("volume", "vol")],
)
def test_each_layer_can_be_hidden(layer: str, words: str) -> None:
    assert words in "\n".join(text(full(), 76, 18))
    assert words not in "\n".join(text(full(layers=frozenset(LAYERS) - {layer}), 76, 18))


@pytest.mark.parametrize(
    ("size", "kept", "gone"),
    [
        ((30, 8), ("104.50", "11:40", "HH"), ("vol", "PDH")),
        ((24, 8), ("11:40", "HH"), ("104.50",)),
        ((24, 5), ("║",), ("11:40", "104.50")),
        ((120, 20), ("prev day high", "equal lows ×2", "vol"), ("PDH",)),
    ],
)
def test_less_room_leaves_out_the_less_important(
    size: tuple[int, int], kept: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    picture = "\n".join(text(full(), *size))
    assert [words for words in kept if words not in picture] == []
    assert [words for words in gone if words in picture] == []


def known_by(chart: Chart, at_ms: int) -> Chart:
    """The same bars with only what was known then."""
    return make.chart(
        chart.bars,
        marks=tuple(mark for mark in chart.marks if mark.t_known <= at_ms),
        zones=tuple(zone for zone in chart.zones if zone.t_known <= at_ms),
        levels=tuple(level for level in chart.levels if level.t_known <= at_ms),
    )


@pytest.mark.parametrize("newest", range(len(make.CLOSES)))
def test_nothing_is_drawn_before_it_was_known(newest: int) -> None:
    parts = make.full_chart()
    chart = make.chart(
        (*make.history(), *make.bars()), marks=parts.marks, zones=parts.zones, levels=(make.OLD_LOWS, *parts.levels)
    )
    for zoom in (ZOOM_PLAIN, ZOOM_PLAIN + 2):
        now = full(chart=chart, anchor_ms=make.at(newest), zoom=zoom)
        then = replace(now, chart=known_by(chart, make.at(newest + 1)))
        assert text(now, 76, 18) == text(then, 76, 18)


def test_a_mark_appears_with_the_bar_that_confirms_it() -> None:
    chart = make.chart((*make.history(), *make.bars()), marks=(make.swing(10, "low", "HL"),))
    before = full(chart=chart, bar=None, anchor_ms=make.at(12))
    after = replace(before, anchor_ms=make.at(13))
    assert "HL" not in "\n".join(text(before, 76, 18))
    assert "HL" in "\n".join(text(after, 76, 18))


def test_while_a_bar_forms_its_close_confirms_nothing() -> None:
    mark = msgspec.structs.replace(make.swing(10, "low", "HL"), t_known=make.at(25))
    state = full(chart=make.chart(marks=(mark,)), bar=make.forming(104.5))
    assert "HL" not in "\n".join(text(state, 76, 18))


def test_without_candles_it_says_so() -> None:
    for state in (ChartState(None, empty="loading"), ChartState(make.chart(()), empty="loading")):
        picture = paint(state, 40, 9, UNICODE)
        assert [line.strip() for line in text(state, 40, 9) if line] == ["loading"]
        assert picture.scales == Scales()


prices = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(0.01, 1e6),
    st.sampled_from([0.0, 1.0, 1e-8, 1e12, 5e-324, 1.7e308, -1.7e308, math.nan]),
)
any_bars = st.lists(st.tuples(prices, prices, prices, prices, prices, st.booleans()), max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    any_bars,
    st.integers(1, 80),
    st.integers(1, 30),
    st.integers(0, len(ZOOMS) - 1),
    st.integers(0, 10),
    st.integers(0, 30),
    st.sampled_from([UNICODE, ASCII]),
)
def test_any_bars_fit_any_size(rows, width, height, zoom, decimals, anchor, glyphs) -> None:
    shown = tuple(ChartBar(make.at(i), *row) for i, row in enumerate(rows))
    full_chart = make.full_chart()
    chart = make.chart(shown, marks=full_chart.marks, zones=full_chart.zones, levels=full_chart.levels)
    anchor_ms = make.at(anchor - 3) if anchor > 3 else 0
    state = ChartState(chart, make.forming(104.5), decimals, MINUTE_MS, zoom, anchor_ms, empty="none")
    picture = paint(state, width, height, glyphs)
    assert [sum(len(part) for part, _ in line) for line in picture.lines] == [width] * height
    assert {style for line in picture.lines for _, style in line} <= STYLES
    if glyphs is ASCII:
        assert all(part.isascii() for line in picture.lines for part, _ in line)


def test_a_tick_inside_the_scale_changes_only_the_rows_it_touches() -> None:
    first = paint(full(bar=make.forming(104.0)), 100, 30, UNICODE)
    after = paint(full(bar=make.forming(104.3), before=first.scales), 100, 30, UNICODE)
    changed = [y for y, (old, new) in enumerate(zip(first.lines, after.lines, strict=True)) if old != new]
    assert 1 <= len(changed) <= 3


def test_words_never_touch_each_other() -> None:
    swings = tuple(make.swing(place, side, "HH") for place in range(20) for side in ("high", "low"))
    for width in (30, 46, 76):
        for line in text(full(chart=make.chart(marks=swings)), width, 18):
            assert "HHHH" not in line
