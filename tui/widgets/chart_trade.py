"""A recommended trade on the chart: where it would be entered, its targets and its stop, drawn from when it was told.

The lines lie under the candles and the words beside them. Stop and first target widen the scale only as long as the candles
keep two thirds of it; beyond that a word at the edge says where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tui import format as fmt
from tui.glyphs import Glyphs
from tui.screening_store import ScreenedRow
from tui.widgets.chart_bars import Window
from tui.widgets.chart_canvas import RULED
from tui.widgets.chart_marks import Plot
from tui.widgets.market_advice import is_expired

DRAWN = ("BUY", "SELL", "WAIT_FOR_CONFIRMATION")
"""Recommendations whose trade is worth a look; of the others the figures stand in the panel alone."""
ENTRY = "entry"
CELLS_LEAST = 12
"""A line is at least this long, so that a young one shows."""
SPAN_MOST = 1.5
"""The scale grows to this many times the span of the candles, no more."""


class TradeLevels(NamedTuple):
    """Prices of one recommendation told at `at_ms`; `acting` when it is a BUY or SELL. `targets` are nearest first."""

    low: float
    high: float
    targets: tuple[float, ...]
    stop: float
    at_ms: int
    acting: bool
    decimals: int

    @property
    def style(self) -> str:
        """A trade that still waits is dim."""
        return "accent" if self.acting else "dim"

    def named(self) -> Iterator[tuple[str, float]]:
        """Every level with its name, what matters most last."""
        for place in range(len(self.targets), 0, -1):
            yield f"TP{place}", self.targets[place - 1]
        yield ENTRY, self.high
        if self.low != self.high:
            yield ENTRY, self.low
        yield "SL", self.stop


def trade_levels(screened: ScreenedRow | None, decimals: int, now_ms: int) -> TradeLevels | None:
    """The trade of the newest recommendation; None without one, and once it has expired."""
    told = screened.analysis if screened is not None else None
    if told is None or told.risk_parameters is None or told.recommendation not in DRAWN or is_expired(told, now_ms):
        return None
    risk = told.risk_parameters
    low, high = risk.optimal_entry
    targets = tuple(float(target) for target in risk.tp_targets)
    acting = told.recommendation != "WAIT_FOR_CONFIRMATION"
    return TradeLevels(float(low), float(high), targets, float(risk.sl_level), told.timestamp, acting, decimals)


def is_told(trade: TradeLevels, window: Window) -> bool:
    """Whether it was told by the time of the newest bar shown. The forming bar is shown as of now."""
    return window.follows or trade.at_ms <= window.known_ms


def widened(trade: TradeLevels, window: Window, low: float, high: float) -> tuple[float, float]:
    """The span of the candles, with stop and first target where they leave the candles enough of it."""
    if not is_told(trade, window):
        return low, high
    most = (high - low) * SPAN_MOST
    for price in (trade.stop, *trade.targets[:1]):
        bottom, top = min(low, price), max(high, price)
        if top - bottom <= most:
            low, high = bottom, top
    return low, high


def trade_label_width(trade: TradeLevels, glyphs: Glyphs, *, short: bool) -> int:
    """Cells the longest name needs."""
    return max(len(_words(name, price, trade, glyphs, short)) for name, price in trade.named()) + 1


def rule_trade(plot: Plot, trade: TradeLevels) -> None:
    """Lines at its prices, from when it was told to the right edge; the edges of the entry zone are dotted."""
    if not is_told(trade, plot.window):
        return
    start = max(plot.left, min(plot.x(trade.at_ms), plot.right - CELLS_LEAST))
    for name, price in trade.named():
        if plot.scale.shows(price):
            line = plot.glyphs.line_level if name == ENTRY else plot.glyphs.line_break
            plot.canvas.fill(start, plot.right, plot.scale.row(price), line, trade.style, RULED)


def write_trade(plot: Plot, trade: TradeLevels) -> None:
    """Names right of the plot, over those of other levels; without room there inside it, where no candle stands."""
    if not is_told(trade, plot.window):
        return
    width = plot.canvas.width - plot.labels_from
    for y, words in _rows(plot, trade).items():
        if plot.labels_from:
            plot.canvas.write(plot.labels_from, y, words.ljust(width)[:width], trade.style)
        else:
            plot.say([(plot.right - len(words) - back, y) for back in range(CELLS_LEAST)], words, trade.style)


def _rows(plot: Plot, trade: TradeLevels) -> dict[int, str]:
    """Which words stand in which row. What lies beyond the scale is named at its edge, the nearest of it."""
    glyphs, scale = plot.glyphs, plot.scale
    words: dict[int, str] = {}
    for name, price in trade.named():
        text = _words(name, price, trade, glyphs, plot.short_labels)
        if scale.shows(price):
            words[scale.row(price)] = text
        elif price >= scale.high:
            words[0] = glyphs.up + text
        else:
            words[scale.rows - 1] = glyphs.down + text
    return words


def _words(name: str, price: float, trade: TradeLevels, glyphs: Glyphs, short: bool) -> str:
    return name if short else f"{name} {fmt.price(price, trade.decimals, glyphs=glyphs)}"
