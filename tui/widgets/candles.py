"""The candle chart: candles, volume and what the engine knows about them, drawn line by line.

`flush` paints the picture in memory when something it shows has changed, and sends only the lines that became different,
each from the left edge to its last changed cell. An ordinary tick touches the rows of the forming candle and of the price.
"""

from __future__ import annotations

from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from themes.palette import Palette
from tui.desk import Desk
from tui.format import LOOKS
from tui.widgets.chart_bars import ZOOM_PLAIN, ZOOMS, columns_of, moved_anchor, step_of
from tui.widgets.chart_canvas import Line, last_difference
from tui.widgets.chart_paint import LAYERS, ChartState, Scales, paint
from tui.widgets.chart_trade import TradeLevels, trade_levels
from tui.widgets.market_facts import TIMEFRAME_MS, decimals


class CandleChart(Widget):
    """The chart of the symbol and timeframe the operator looks at, from `desk.store.looked`."""

    def __init__(self, desk: Desk, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._desk = desk
        self._layers = frozenset(LAYERS)
        self._zoom = ZOOM_PLAIN
        self._anchor_ms = 0
        self._empty = ""
        self._scales = Scales()
        self._shown = 1
        self._subject: tuple[str, str] = ("", "")
        self._seen: tuple[Any, ...] = ()
        self._lines: list[Line] = []
        self._styles: dict[str, Style] = {}
        self.repainted = 0
        """Lines sent since the start."""

    # --- what is shown -------------------------------------------------------------------------------------------------

    @property
    def shown_layers(self) -> frozenset[str]:
        """The layers that show, out of `LAYERS`. (`Widget.layers` is Textual's own.)"""
        return self._layers

    @property
    def is_following(self) -> bool:
        """Whether the newest bar stands at the right edge."""
        return not self._anchor_ms

    def toggle(self, layer: str) -> bool:
        """Show or hide one of `LAYERS`; whether it shows now. Raises ValueError for another name."""
        if layer not in LAYERS:
            raise ValueError(f"chart layer {layer!r} is not known; use one of {', '.join(LAYERS)}")
        self._layers = self._layers ^ {layer}
        self._repaint()
        return layer in self._layers

    def pan(self, bars: int) -> None:
        """Move the view by so many columns: negative to older bars, positive back towards the newest."""
        looked = self._desk.store.looked
        if looked.chart is None or not bars:
            return
        step_ms = step_of(looked.chart, TIMEFRAME_MS.get(looked.timeframe, 0))
        columns = columns_of(looked.chart.bars, looked.bar, step_ms, ZOOMS[self._zoom][1])
        self._view(self._zoom, moved_anchor(columns, self._anchor_ms, bars, self._shown) if columns else 0)

    def zoom(self, step: int) -> None:
        """Positive: nearer, fewer and wider candles; negative: farther, several bars in one."""
        self._view(max(0, min(len(ZOOMS) - 1, self._zoom + step)), self._anchor_ms)

    def reset_view(self) -> None:
        """The newest bars, one a column."""
        self._view(ZOOM_PLAIN, 0)

    def say_empty(self, text: str) -> None:
        """What stands in the chart while it has no candles."""
        if text != self._empty:
            self._empty = text
            self._repaint()

    def forget(self) -> None:
        """The theme or the glyphs changed: resolve the styles again and draw everything."""
        self._styles.clear()
        self._lines = []
        self._seen = ()
        self.refresh()

    def flush(self) -> None:
        """Repaint the lines that became different, if anything shown has changed."""
        if self._now() != self._seen:
            self._repaint()

    # --- painting ------------------------------------------------------------------------------------------------------

    def _now(self) -> tuple[Any, ...]:
        """All a picture depends on that others change."""
        looked = self._desk.store.looked
        return (
            looked.symbol, looked.timeframe, looked.chart_version, looked.bar_version, self._decimals(), LOOKS.times,
            self._trade(),
        )  # fmt: skip

    def _trade(self) -> TradeLevels | None:
        """What is recommended now for the symbol looked at."""
        store = self._desk.store
        screened = store.screening.rows.get(store.looked.symbol)
        return trade_levels(screened, self._decimals(), self._desk.clock.now_ms())

    def _decimals(self) -> int:
        store = self._desk.store
        row = store.rows.get(store.looked.symbol)
        return decimals(row) if row is not None else 2

    def _view(self, zoom: int, anchor_ms: int) -> None:
        if (zoom, anchor_ms) != (self._zoom, self._anchor_ms):
            self._zoom, self._anchor_ms = zoom, anchor_ms
            self._scales = Scales()
            self._repaint()

    def _repaint(self) -> None:
        """Paint in memory and ask for the lines that differ from what is on the screen."""
        if not self._lines:  # never drawn: render_line paints it whole when Textual asks
            self.refresh()
            return
        old, new = self._lines, self._paint()
        width, height = self.size
        if len(old) != len(new) or len(new) != height:
            self.refresh()
            return
        regions = []
        for y, (before, after) in enumerate(zip(old, new, strict=True)):
            if before != after:
                regions.append(Region(0, y, min(width, last_difference(before, after)), 1))
        if regions:
            self.repainted += len(regions)
            self.refresh(*regions)

    def _paint(self) -> list[Line]:
        looked = self._desk.store.looked
        subject = (looked.symbol, looked.timeframe)
        if subject != self._subject:
            self._subject, self._scales, self._anchor_ms = subject, Scales(), 0
        self._seen = self._now()
        state = ChartState(
            chart=looked.chart,
            bar=looked.bar,
            decimals=self._decimals(),
            timeframe_ms=TIMEFRAME_MS.get(looked.timeframe, 0),
            zoom=self._zoom,
            anchor_ms=self._anchor_ms,
            layers=self._layers,
            empty=self._empty,
            before=self._scales,
            trade=self._trade(),
        )
        picture = paint(state, self.size.width, self.size.height, self._desk.glyphs)
        self._scales, self._shown, self._lines = picture.scales, picture.shown, picture.lines
        return picture.lines

    def on_resize(self) -> None:
        self._scales = Scales()
        self._lines = []
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if not self._lines:
            self._paint()
        palette = self._desk.palette
        if not self._styles:
            self._styles = unruled_styles(palette)
        if y >= len(self._lines):
            return Strip.blank(self.size.width, palette.text)
        segments = [Segment(text, self._styles[name]) for text, name in self._lines[y]]
        return Strip(segments).adjust_cell_length(self.size.width, palette.text)


UNRULED = Style(underline=False, reverse=False)


def unruled_styles(palette: Palette) -> dict[str, Style]:
    """The palette by name, without underlines and reverse: here a line under a cell would read as a price level."""
    return {name: getattr(palette, name) + UNRULED for name in Palette.__slots__}
