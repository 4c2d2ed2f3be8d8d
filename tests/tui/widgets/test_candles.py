"""The chart widget: what it repaints, panning and zooming, layers, and words without candles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region

from tests.builders import listing
from tests.tui.desk_builder import desk
from tests.tui.widgets import chart_builder as make
from themes.loader import load_themes
from tui.glyphs import ASCII
from tui.widgets.candles import CandleChart
from tui.widgets.chart_paint import LAYERS


class Watched(CandleChart):
    """Notes every region it asks to be repainted; an empty tuple is the whole widget."""

    asked: list[tuple[Region, ...]]

    def refresh(self, *regions: Region, **more: Any) -> Any:
        if hasattr(self, "asked"):
            self.asked.append(regions)
        return super().refresh(*regions, **more)


class ChartApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.desk = desk()
        self.desk.store.look_at("SOLUSDT", "1m")
        self.chart = Watched(self.desk)

    def compose(self) -> ComposeResult:
        yield self.chart


@asynccontextmanager
async def a_chart(
    *messages: Any, size: tuple[int, int] = (76, 18)
) -> AsyncIterator[tuple[Watched, ChartApp, list[tuple[Region, ...]]]]:
    app = ChartApp()
    hear(app, *messages)
    async with app.run_test(size=size) as pilot:
        app.chart.styles.height = "100%"
        await pilot.pause()
        app.chart.flush()
        await pilot.pause()
        app.chart.asked = []
        yield app.chart, app, app.chart.asked


def hear(app: ChartApp, *messages: Any) -> None:
    handlers = app.desk.store.handlers()
    for message in messages:
        handlers[type(message)](message)


def picture(chart: CandleChart) -> list[str]:
    return [chart.render_line(y).text.rstrip() for y in range(chart.size.height)]


def long_chart() -> Any:
    return make.chart((*make.history(), *make.bars()))


async def test_a_tick_repaints_only_the_lines_it_touches() -> None:
    async with a_chart(make.full_chart(), make.forming(104.0)) as (chart, app, asked):
        hear(app, make.forming(104.3))
        chart.flush()
        assert len(asked) == 1
        assert 1 <= len(asked[0]) <= 3
        assert all(region.height == 1 for region in asked[0])


async def test_a_new_price_in_the_same_row_sends_the_axis_only() -> None:
    async with a_chart(make.full_chart(), make.forming(104.50)) as (chart, app, asked):
        hear(app, make.forming(104.51))
        chart.flush()
        assert [region.width for region in asked[0]] == [6]


async def test_a_tick_size_that_arrives_late_changes_the_axis() -> None:
    async with a_chart(make.full_chart(), make.forming(104.5)) as (chart, app, _):
        hear(app, listing("SOLUSDT", "0.001"))
        chart.flush()
        assert "104.500▸" in "\n".join(picture(chart))


async def test_nothing_new_repaints_nothing() -> None:
    async with a_chart(make.full_chart(), make.forming(104.0)) as (chart, app, asked):
        chart.flush()
        hear(app, make.forming(104.0))
        chart.flush()
        assert asked == []


async def test_what_was_repainted_is_what_a_fresh_chart_shows() -> None:
    ticks = [make.forming(104.0 + 0.1 * n, volume=5.0 + n) for n in range(8)]
    async with a_chart(make.full_chart(), make.forming(104.0)) as (chart, app, asked):
        screen = picture(chart)
        for tick in ticks:
            asked.clear()
            hear(app, tick)
            chart.flush()
            now = picture(chart)
            for region in (region for regions in asked for region in regions):
                old = screen[region.y].ljust(76)
                screen[region.y] = (now[region.y].ljust(76)[: region.right] + old[region.right :]).rstrip()
            assert screen == now


async def test_looking_back_stands_still_while_new_bars_arrive() -> None:
    async with a_chart(long_chart()) as (chart, app, _):
        chart.pan(-10)
        assert not chart.is_following
        before = picture(chart)[:13]
        hear(app, make.chart((*make.history(), *make.bars(), *later())))
        chart.flush()
        assert [line[7:] for line in picture(chart)[:13]] == [line[7:] for line in before]
        chart.reset_view()
        assert chart.is_following
        assert picture(chart)[:13] != before


def later() -> tuple[Any, ...]:
    return make.bars((*make.CLOSES, 104.4, 104.2))[len(make.CLOSES) :]


async def test_panning_back_to_the_newest_bar_follows_again() -> None:
    async with a_chart(long_chart()) as (chart, _, _):
        newest = picture(chart)
        chart.pan(-10)
        assert picture(chart) != newest
        chart.pan(10)
        assert chart.is_following
        assert picture(chart) == newest


async def test_zooming_out_shows_older_bars_and_in_fewer() -> None:
    async with a_chart(long_chart()) as (chart, _, _):
        plain = picture(chart)
        chart.zoom(-1)
        out = picture(chart)
        chart.zoom(2)
        near = picture(chart)
        assert len({tuple(lines) for lines in (plain, out, near)}) == 3
        for _ in range(20):
            chart.zoom(1)
            chart.zoom(-3)
        chart.reset_view()
        assert picture(chart) == plain


async def test_layers_are_toggled_by_name() -> None:
    async with a_chart(make.full_chart(), make.forming(104.5)) as (chart, _, _):
        assert chart.shown_layers == set(LAYERS)
        assert chart.toggle("zones") is False
        assert "FVG" not in "\n".join(picture(chart))
        assert chart.toggle("zones") is True
        assert "FVG" in "\n".join(picture(chart))
        with pytest.raises(ValueError, match=r"layer 'zone' is not known; use one of trade, swings, "):
            chart.toggle("zone")


async def test_another_symbol_starts_at_its_newest_bars() -> None:
    async with a_chart(long_chart()) as (chart, app, _):
        chart.pan(-10)
        app.desk.store.look_at("BTCUSDT", "1m")
        chart.say_empty("loading")
        chart.flush()
        assert [line.strip() for line in picture(chart) if line] == ["loading"]
        assert chart.is_following


async def test_ascii_and_other_themes_after_forget() -> None:
    async with a_chart(make.full_chart(), make.forming(104.5)) as (chart, app, asked):
        app.desk.glyphs = ASCII
        app.desk.palette = load_themes()[0]["mono"].palette
        chart.forget()
        assert asked == [()]
        assert all(line.isascii() for line in picture(chart))
        segments = [segment for y in range(18) for segment in chart.render_line(y)]
        assert not any(segment.style and (segment.style.underline or segment.style.reverse) for segment in segments)


@pytest.mark.parametrize("size", [(1, 1), (30, 8), (46, 14), (120, 32), (160, 45)])
async def test_every_size_is_filled(size: tuple[int, int]) -> None:
    async with a_chart(make.full_chart(), make.forming(104.5), size=size) as (chart, _, _):
        assert chart.size == size
        assert [chart.render_line(y).cell_length for y in range(size[1])] == [size[0]] * size[1]


async def test_a_resize_paints_anew() -> None:
    app = ChartApp()
    hear(app, make.full_chart())
    async with app.run_test(size=(46, 14)) as pilot:
        app.chart.styles.height = "100%"
        await pilot.pause()
        await pilot.resize_terminal(90, 24)
        await pilot.pause()
        assert len(picture(app.chart)[-1]) > 46
