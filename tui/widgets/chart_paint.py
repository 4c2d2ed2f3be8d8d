"""A chart as lines of styled text: candles, volume, both axes, and the marks over them. Pure: no app, no clock.

With less room the volume goes first, then the price axis and the level labels, then the time axis; candles stay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.messages import Bar, Chart
from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.chart_bars import ZOOM_PLAIN, ZOOMS, Column, Window, columns_of, step_of, window_of
from tui.widgets.chart_candles import BOX_CELLS, draw_candle
from tui.widgets.chart_canvas import RULED, SOLID, Canvas, Line
from tui.widgets.chart_marks import (
    Plot,
    level_words,
    rule_breaks,
    rule_levels,
    shade_zones,
    write_breaks,
    write_levels,
    write_states,
    write_sweeps,
    write_swings,
    write_zones,
)
from tui.widgets.chart_scale import PriceScale, fit_prices, fit_volume, price_ticks
from tui.widgets.chart_time import time_labels
from tui.widgets.chart_trade import TradeLevels, rule_trade, trade_label_width, widened, write_trade

LAYERS: tuple[str, ...] = ("trade", "swings", "structure", "zones", "levels", "volume")
PLOT_LEAST = 20
"""Cells of candles the price axis must leave."""
PLOT_WIDE = 36
"""Cells of candles the level labels must leave."""
LABELS_MOST = 14
LONG_LABELS_FROM = 100
"""Cells from which levels have their whole names."""
MARGIN = 2
"""Cells right of the newest candle: its price mark, and air."""


@dataclass(frozen=True, slots=True)
class Scales:
    """What is kept from one picture to the next, so that it stands still."""

    price: PriceScale | None = None
    volume: float = 0.0


@dataclass(frozen=True, slots=True)
class ChartState:
    """What a picture is made of. `bar` is the forming one, `zoom` an index of `ZOOMS`, `anchor_ms` the time at the right
    edge (0: the newest), `timeframe_ms` 0 when not known, `empty` what is said without candles. `trade` is what is
    recommended now, if anything.
    """

    chart: Chart | None
    bar: Bar | None = None
    decimals: int = 2
    timeframe_ms: int = 0
    zoom: int = ZOOM_PLAIN
    anchor_ms: int = 0
    layers: frozenset[str] = frozenset(LAYERS)
    empty: str = ""
    before: Scales = Scales()
    trade: TradeLevels | None = None

    @property
    def shown_trade(self) -> TradeLevels | None:
        """The trade, when its layer shows."""
        return self.trade if "trade" in self.layers else None


@dataclass(frozen=True, slots=True)
class Picture:
    """Lines to show, the scales to keep, and how many columns fit."""

    lines: list[Line]
    scales: Scales
    shown: int


@dataclass(frozen=True, slots=True)
class Frame:
    """How the room is shared: cells of the price axis, end of the plot, rows of prices, of volume, of the time axis."""

    axis: int
    right: int
    rows: int
    volume_rows: int
    time_rows: int

    @property
    def air(self) -> int:
        """Empty rows between prices and volume."""
        return 1 if self.volume_rows > 2 else 0

    @property
    def candle_cells(self) -> int:
        """Cells for candles."""
        return max(1, self.right - self.axis - MARGIN)


def frame_of(width: int, height: int, price_width: int, label_width: int, with_volume: bool) -> Frame:
    """Share the room by importance."""
    time_rows = 1 if height >= 6 else 0
    volume_rows = min(6, max(2, height // 6)) if with_volume and height >= 12 else 0
    axis = price_width + 1 if width - price_width - 1 >= PLOT_LEAST else 0
    labels = label_width + 1 if label_width and width - axis - label_width - 1 >= PLOT_WIDE else 0
    return Frame(axis, width - labels, max(1, height - time_rows - volume_rows), volume_rows, time_rows)


def paint(state: ChartState, width: int, height: int, glyphs: Glyphs) -> Picture:
    """The picture of `height` lines of `width` cells."""
    if width < 1 or height < 1:
        return Picture([], state.before, 1)
    canvas = Canvas(width, height)
    chart = state.chart
    levels = chart.levels if chart is not None and "levels" in state.layers else ()
    short = width < LONG_LABELS_FROM
    wanted = max((len(level_words(level, glyphs, short=short)) for level in levels), default=0)
    if state.shown_trade is not None:
        wanted = max(wanted, trade_label_width(state.shown_trade, glyphs, short=short))
    label_width = min(LABELS_MOST, wanted)
    frame = frame_of(width, height, _price_width(state, glyphs), label_width, "volume" in state.layers)
    cell_width, held = ZOOMS[state.zoom]
    shown = max(1, frame.candle_cells // cell_width)
    window = _window(state, shown, held)
    scale = _scale(state, frame, window)
    if chart is None or scale is None:
        text = fmt.fit(state.empty, min(width, len(state.empty)), glyphs)
        canvas.write((width - len(text)) // 2, height // 3, text, "dim")
        return Picture(canvas.lines(), state.before, shown)
    newest_x = max(frame.axis, frame.right - MARGIN - (cell_width >= BOX_CELLS))
    first_x = newest_x - (len(window.columns) - 1) * cell_width
    xs = tuple(first_x + i * cell_width for i in range(len(window.columns)))
    labels_from = frame.right + 1 if frame.right < width else 0
    plot = Plot(canvas, glyphs, scale, window, xs, frame.axis, frame.right, cell_width, labels_from, short)
    _draw(plot, state, chart)
    most = fit_volume(
        max((column.volume for column in window.columns if math.isfinite(column.volume)), default=0.0),
        state.before.volume,
    )
    if frame.volume_rows:
        _draw_volume(plot, frame, most)
    if frame.axis:
        _draw_axis(plot, frame, state)
        if frame.volume_rows:
            _write_volume_axis(plot, frame, most)
    if frame.time_rows:
        for x, words in time_labels(window.firsts, xs, width):
            if x >= frame.axis:
                canvas.write(x, height - 1, words, "dim")
    return Picture(canvas.lines(), Scales(scale, most), shown)


def _window(state: ChartState, shown: int, held: int) -> Window:
    chart = state.chart
    if chart is None:
        return Window((), (), 0, True)
    bars = chart.bars
    if not state.anchor_ms:  # following: older bars cannot show, and need not become columns
        bars = bars[-(shown + 1) * held :]
    step_ms = step_of(chart, state.timeframe_ms)
    return window_of(columns_of(bars, state.bar, step_ms, held), shown, state.anchor_ms, step_ms)


def _scale(state: ChartState, frame: Frame, window: Window) -> PriceScale | None:
    priced = [column for column in window.columns if column.is_priced]
    if not priced:
        return None
    low = min(min(column.low, column.open, column.close) for column in priced)
    high = max(max(column.high, column.open, column.close) for column in priced)
    if state.shown_trade is not None:
        low, high = widened(state.shown_trade, window, low, high)
    return fit_prices(low, high, frame.rows, 1 if frame.rows >= 8 else 0, state.before.price)


def _price_width(state: ChartState, glyphs: Glyphs) -> int:
    """Cells of the widest price of all bars, so that the axis does not change when the view moves."""
    bars = state.chart.bars if state.chart is not None else ()
    values = [bar.high for bar in bars if math.isfinite(bar.high)]
    if not values:
        return 6
    ends = (max(values), min(bar.low for bar in bars if math.isfinite(bar.high)))
    return max(len(fmt.price(value, state.decimals, glyphs=glyphs)) for value in ends)


# --- layers, from the ground up ------------------------------------------------------------------------------------------


def _draw(plot: Plot, state: ChartState, chart: Chart) -> None:
    layers = state.layers
    zones = shade_zones(plot, chart.zones) if "zones" in layers else []
    levels = rule_levels(plot, chart.levels) if "levels" in layers else []
    breaks = rule_breaks(plot, chart.marks) if "structure" in layers else []
    trade = state.shown_trade
    if trade is not None:
        rule_trade(plot, trade)
    for column, x in zip(plot.window.columns, plot.xs, strict=True):
        if column.is_priced:
            draw_candle(plot, column, x)
    write_states(plot, chart.marks)
    if "structure" in layers:
        write_sweeps(plot, chart.marks)
        write_breaks(plot, breaks)
    if "swings" in layers:
        write_swings(plot, chart.marks)
    write_zones(plot, zones)
    write_levels(plot, levels)
    if trade is not None:
        write_trade(plot, trade)


def _draw_volume(plot: Plot, frame: Frame, most: float) -> None:
    """Bars in eighths of a cell, in the shade of their candle."""
    if not most:
        return
    blocks = plot.glyphs.spark
    steps = len(blocks)
    bottom = frame.rows + frame.volume_rows - 1
    rows = frame.volume_rows - frame.air
    for column, x in zip(plot.window.columns, plot.xs, strict=True):
        if not column.volume > 0.0 or not math.isfinite(column.volume):
            continue
        style = "zone_up" if column.close >= column.open else "zone_down"
        height = max(1, min(round(column.volume / most * rows * steps), rows * steps))
        for n in range(rows):
            filled = min(steps, height - n * steps)
            if filled <= 0:
                break
            plot.canvas.put(x, bottom - n, blocks[filled - 1], style, SOLID)


# --- axes ----------------------------------------------------------------------------------------------------------------


def _draw_axis(plot: Plot, frame: Frame, state: ChartState) -> None:
    """Round prices, and the newest price where it is; a round price next to that row gives way on its row only."""
    canvas, glyphs, scale = plot.canvas, plot.glyphs, plot.scale
    edge = frame.axis - 1
    for y in range(frame.rows):
        canvas.put(edge, y, glyphs.axis, "rule", RULED)
    newest = _newest(state)
    here = scale.row(newest.close) if newest is not None and scale.shows(newest.close) else -1
    for y, price in price_ticks(scale, state.decimals):
        if y != here:
            canvas.put(edge, y, glyphs.axis_tick, "rule", RULED)
            canvas.write(0, y, fmt.price(price, state.decimals, edge, glyphs)[-edge:], "dim")
    if newest is not None and here >= 0:
        style = "price_up" if newest.close >= newest.open else "price_down"
        canvas.write(0, here, fmt.price(newest.close, state.decimals, edge, glyphs)[-edge:], style)
        canvas.put(edge, here, glyphs.cursor, style, SOLID)
        if plot.window.follows and frame.right - frame.axis > MARGIN:
            canvas.put(frame.right - 1, here, glyphs.price_here, style, SOLID)


def _write_volume_axis(plot: Plot, frame: Frame, most: float) -> None:
    edge = frame.axis - 1
    words = fmt.compact(most, glyphs=plot.glyphs) if most else plot.glyphs.missing
    for y, text in ((frame.rows + frame.air, words), (frame.rows + frame.volume_rows - 1, "vol")):
        plot.canvas.write(0, y, text.rjust(edge)[-edge:], "dim")


def _newest(state: ChartState) -> Column | None:
    """The newest bar of all, shown or not."""
    if state.chart is None:
        return None
    columns = columns_of(state.chart.bars[-1:], state.bar, 1, 1)
    return columns[-1] if columns and columns[-1].is_priced else None
