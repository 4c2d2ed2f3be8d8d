"""What the engine knows, drawn over the candles: zones, levels, broken structure, swings, sweeps, changes of state.

Causality: a mark stands at `t_event`, but only once the newest bar shown has reached `t_known`. Looking back in time
therefore shows what was known then. Zones and lines lie under the candles; words take free cells only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.messages import ChartLevel, ChartMark, ChartZone
from tui.glyphs import Glyphs, plain_text
from tui.widgets.chart_bars import Window
from tui.widgets.chart_canvas import RULED, SHADE, Canvas
from tui.widgets.chart_scale import PriceScale

STATE_LOOKS = {"BUY": "price_up", "SELL": "price_down", "HOLD": "hold"}
ZONE_WORDS = {"fvg": "FVG", "order_block": "OB"}
NEAREST = 2
"""Open zones of a kind and side that are shaded: those nearest to the price. More would hide what matters."""
ENDED = 4
"""Ended zones that are shaded, the newest."""
REACH = 3
"""Rows from its bar within which a word must find a free place."""
NAME_ROWS = 1
"""Zones of a kind this near each other share one name."""
LETTERS = {"day": "PD", "week": "PW", "liquidity": "EQ"}
"""Short names: previous day and week, equal; followed by H or L."""
LEVEL_ORDER = {"week": 0, "day": 1, "liquidity": 2}
"""Who keeps the line when two levels share it."""


@dataclass(frozen=True, slots=True)
class Plot:
    """Where prices and times are on the canvas: cells `left` to `right` (exclusive), the first `scale.rows` lines.

    `xs[i]` is the cell of the window's column i, `cell_width` the cells a column has. `labels_from` is where level
    labels begin, 0 without room for them; `short_labels` without room for whole names.
    """

    canvas: Canvas
    glyphs: Glyphs
    scale: PriceScale
    window: Window
    xs: tuple[int, ...]
    left: int
    right: int
    cell_width: int
    labels_from: int
    short_labels: bool

    def x(self, at_ms: int) -> int:
        """The cell of a time; the left edge for one before the first column."""
        i = self.window.place(at_ms)
        return self.xs[i] if i >= 0 else self.left

    def is_known(self, t_known: int) -> bool:
        """Whether the newest bar shown is late enough to know it."""
        return t_known <= self.window.known_ms

    def say(self, places: Iterable[tuple[int, int]], text: str, style: str) -> bool:
        """Write at the first of these (x, y) places that is free and inside the plot; False when none is."""
        for x, y in places:
            inside = x >= self.left and x + len(text) <= self.right and y < self.scale.rows
            if inside and self.canvas.is_free(x, x + len(text), y):
                self.canvas.write(x, y, text, style)
                return True
        return False


def _side_style(side: str) -> str:
    return "candle_up" if side in ("BUY", "low") else "candle_down"


def _arrow(side: str, glyphs: Glyphs) -> str:
    return glyphs.up if side == "BUY" else glyphs.down


# --- under the candles -------------------------------------------------------------------------------------------------


def shade_zones(plot: Plot, zones: Iterable[ChartZone]) -> list[tuple[ChartZone, int, int, range]]:
    """Shade the zones that matter, newer over older, and tell where each one shows: zone, first cell, end, rows.

    A gap is filled; of a block higher than two rows only the edges are drawn, so that candles inside stay readable.
    """
    shown = []
    glyphs, scale = plot.glyphs, plot.scale
    for zone in sorted(_chosen(plot, zones), key=lambda zone: (zone.t_known, zone.kind)):
        is_over = 0 < zone.until_ms <= plot.window.known_ms
        start, end = plot.x(zone.t_event), plot.x(zone.until_ms) + 1 if is_over else plot.right
        rows = range(max(0, scale.row(zone.top)), min(scale.rows - 1, scale.row(zone.bottom)) + 1)
        shade = glyphs.zone_gap if zone.kind == "fvg" else glyphs.zone_block
        style = "zone_up" if zone.side == "BUY" else "zone_down"
        edges = zone.kind == "order_block" and len(rows) > 2
        for y in (rows[0], rows[-1]) if edges else rows:
            plot.canvas.fill(start, end, y, shade, style, SHADE)
        shown.append((zone, start, end, rows))
    return shown


def _chosen(plot: Plot, zones: Iterable[ChartZone]) -> list[ChartZone]:
    """Zones that show, known by now: the open ones nearest to the price, and the newest that ended."""
    window, scale = plot.window, plot.scale
    price = window.columns[-1].close
    open_ones: dict[tuple[str, str], list[ChartZone]] = {}
    ended: list[ChartZone] = []
    for zone in zones:
        if not plot.is_known(zone.t_known) or not (zone.bottom < scale.high and zone.top >= scale.low):
            continue
        if not 0 < zone.until_ms <= window.known_ms:
            open_ones.setdefault((zone.kind, zone.side), []).append(zone)
        elif zone.until_ms >= window.firsts[0]:
            ended.append(zone)
    ended.sort(key=lambda zone: zone.until_ms)
    chosen = ended[-ENDED:]
    for found in open_ones.values():
        found.sort(key=lambda zone: (max(zone.bottom - price, price - zone.top, 0.0), -zone.t_known))
        chosen += found[:NEAREST]
    return chosen


def rule_levels(plot: Plot, levels: Iterable[ChartLevel]) -> list[ChartLevel]:
    """Dotted lines from where a level was made to the right edge. Those that show, most important first."""
    shown = [
        level
        for level in sorted(levels, key=lambda level: (LEVEL_ORDER[level.kind], -level.members, -level.t_event))
        if plot.is_known(level.t_known) and plot.scale.shows(level.price)
    ]
    for level in shown:
        y = plot.scale.row(level.price)
        plot.canvas.fill(plot.x(level.t_event), plot.right, y, plot.glyphs.line_level, "dim", RULED)
    return shown


def rule_breaks(plot: Plot, marks: Iterable[ChartMark]) -> list[ChartMark]:
    """Lines from a broken swing to the bar that broke it. Those that show, newest first."""
    shown = [
        mark
        for mark in marks
        if mark.kind in ("bos", "choch")
        and plot.is_known(mark.t_known)
        and mark.until_ms >= plot.window.firsts[0]
        and plot.scale.shows(mark.level)
    ]
    glyphs = plot.glyphs
    for mark in shown:
        line = glyphs.line_break if mark.kind == "bos" else glyphs.line_change
        style, y = _side_style(mark.side), plot.scale.row(mark.level)
        plot.canvas.fill(plot.x(mark.t_event), plot.x(mark.until_ms) + 1, y, line, style, RULED)
    return sorted(shown, key=lambda mark: -mark.t_known)


# --- words, after the candles --------------------------------------------------------------------------------------------


def write_states(plot: Plot, marks: Iterable[ChartMark]) -> None:
    """Changes of state: an arrow under the bar for BUY, over it for SELL, a dot for HOLD."""
    glyphs = plot.glyphs
    signs = {"BUY": glyphs.up, "SELL": glyphs.down, "HOLD": glyphs.hold}
    for mark in marks:
        if mark.kind == "state" and mark.side in signs and plot.is_known(mark.t_known):
            _beside(plot, mark, signs[mark.side], STATE_LOOKS[mark.side], over=mark.side == "SELL")


def write_sweeps(plot: Plot, marks: Iterable[ChartMark]) -> None:
    """A cross at the end of the wick that took the stops and came back; one, however many levels it swept."""
    crossed = set()
    for mark in marks:
        if mark.kind == "sweep" and plot.is_known(mark.t_known) and (mark.t_event, mark.side) not in crossed:
            crossed.add((mark.t_event, mark.side))
            _beside(plot, mark, plot.glyphs.sweep, "warn", over=mark.side in ("SELL", "high"))


def write_swings(plot: Plot, marks: Iterable[ChartMark]) -> None:
    """HH, LH over the highs and HL, LL under the lows; the newest first when there is not room for all."""
    for mark in sorted(marks, key=lambda mark: -mark.t_event):
        if mark.kind == "swing" and plot.is_known(mark.t_known):
            _beside(plot, mark, mark.label, "dim", over=mark.side == "high")


def write_breaks(plot: Plot, marks: Iterable[ChartMark]) -> None:
    """The name of a break on its line, else beside it; the arrow says the side without colour."""
    for mark in marks:
        text = mark.label + _arrow(mark.side, plot.glyphs)
        start, end, y = plot.x(mark.t_event), plot.x(mark.until_ms), plot.scale.row(mark.level)
        middle = (start + end + 1 - len(text)) // 2
        reach = max(0, (end - start - len(text)) // 2)
        along = [middle + sign * step for step in range(reach + 1) for sign in (1, -1)]
        away = -1 if mark.side == "BUY" else 1
        places = [(x, y) for x in along] if end - start >= len(text) + 2 else []
        places += [(x, y + away) for x in (middle, *along)] + [(middle, y - away)]
        plot.say(places, text, _side_style(mark.side))


def write_zones(plot: Plot, shown: Iterable[tuple[ChartZone, int, int, range]]) -> None:
    """The name of an open zone inside it, where no candle stands; the newest first, neighbours of a kind only once."""
    said: list[tuple[str, range]] = []
    for zone, start, end, rows in sorted(shown, key=lambda entry: -entry[0].t_known):
        text = ZONE_WORDS[zone.kind] + _arrow(zone.side, plot.glyphs)
        near = range(rows.start - NAME_ROWS, rows.stop + NAME_ROWS)
        if end < plot.right or any(text == other and y in near for other, ys in said for y in ys):
            continue
        if plot.say(((x, y) for x in range(start + 1, end - len(text)) for y in rows), text, "dim"):
            said.append((text, rows))


def write_levels(plot: Plot, shown: Iterable[ChartLevel]) -> None:
    """Names of the levels right of the plot. Levels on one line share it while there is room."""
    if not plot.labels_from:
        return
    width = plot.canvas.width - plot.labels_from
    words: dict[int, str] = {}
    for level in shown:
        y, name = plot.scale.row(level.price), level_words(level, plot.glyphs, short=plot.short_labels)
        before = words.get(y)
        text = name if before is None else f"{before} {name}"
        if before is None or (name not in before and len(text) <= width):
            words[y] = text[:width]
    for y, text in words.items():
        plot.canvas.write(plot.labels_from, y, text, "dim")


def level_words(level: ChartLevel, glyphs: Glyphs, *, short: bool) -> str:
    """The name of a level in this glyph set: as told, or its usual letters and the number of its members."""
    text = level.label
    if short:
        text = LETTERS[level.kind] + level.side[0].upper() + (f"×{level.members}" if level.members > 1 else "")
    return plain_text(text) if glyphs.name == "ascii" else text


def _beside(plot: Plot, mark: ChartMark, text: str, style: str, *, over: bool) -> None:
    """Words over the high or under the low of the mark's bar, in the nearest free row."""
    i = plot.window.place(mark.t_event)
    if i < 0 or not text or not plot.window.columns[i].is_priced:
        return
    column, x = plot.window.columns[i], plot.xs[i]
    y = plot.scale.row(column.high if over else column.low)
    step = -1 if over else 1
    starts = (x - (len(text) - 1) // 2, x - len(text) // 2)
    plot.say(((start, y + step * n) for n in range(1, REACH + 1) for start in starts), text, style)
