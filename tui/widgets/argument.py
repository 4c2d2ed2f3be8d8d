"""The selected symbol's argument in two lines: what it says since when, and what speaks for and against."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from core.messages import Confluence
from tui import format as fmt
from tui.desk import Desk
from tui.glyphs import Glyphs, plain_text
from tui.store import MarketRow, ViewStore
from tui.widgets.market_columns import STATE_STYLE
from tui.widgets.market_facts import decimals, fault_words, halt_words, loading_words, quiet_words

Run = tuple[str, str]


def argument(row: MarketRow | None, store: ViewStore, now_ms: int, glyphs: Glyphs) -> tuple[list[Run], list[Run]]:
    """Two lines of (text, style name)."""
    if row is None:
        return [("no symbol here: change the group or the filter", "dim")], []
    name: Run = (row.symbol, "bright")
    halted = halt_words(row)
    fault = halted or fault_words(row, store, now_ms)
    confluence = row.confluence
    if confluence is None:
        text = fault or loading_words(row, store)
        return [name, (f"  {text}", "warn" if fault else "dim")], []
    first = [name, ("  ", "text"), *_claim(confluence, row, glyphs)]
    if fault:
        mark = glyphs.no if halted else glyphs.stale
        return first, [(f"{mark} {fault}{'' if halted else '; numbers are as old as that'}", "warn")]
    quiet = quiet_words(row, now_ms)
    warned: list[Run] = (
        [(f"{glyphs.alert} {quiet}, quotes are fresh{f' {glyphs.separator} '}", "warn")] if quiet else []
    )
    return first, warned + _reasons(confluence, glyphs)


def _claim(confluence: Confluence, row: MarketRow, glyphs: Glyphs) -> list[Run]:
    glyph = {"BUY": glyphs.up, "SELL": glyphs.down, "HOLD": glyphs.hold}[confluence.state]
    dot = f" {glyphs.separator} "
    runs: list[Run] = [(f"{glyph} {confluence.state}", STATE_STYLE[confluence.state])]
    if confluence.since_ms:
        since = fmt.clock_text(confluence.since_ms)[:5]
        runs += [(" since ", "dim"), (since, "text"), (" at ", "dim")]
        runs.append((fmt.price(confluence.since_price, decimals(row), glyphs=glyphs), "text"))
    chance = "" if confluence.calibrated else " uncalibrated"
    runs += [(f"{dot}P ", "dim"), (fmt.probability(confluence.probability), "text"), (chance, "dim")]
    if confluence.missing:
        runs.append((f"{dot}{confluence.missing}", "dim"))
    limits = f"{dot}enter {fmt.probability(confluence.enter)} exit {fmt.probability(confluence.exit)}"
    runs.append((limits, "dim"))
    return runs


def _reasons(confluence: Confluence, glyphs: Glyphs) -> list[Run]:
    if confluence.hold_reason:
        return [("held: ", "dim"), (confluence.hold_reason, "warn")]
    runs: list[Run] = []
    if confluence.reasons:
        runs += [("for ", "dim"), (", ".join(confluence.reasons), "text")]
    if confluence.contrary:
        runs += [(f"{f' {glyphs.separator} ' if runs else ''}against ", "dim"), (confluence.contrary, "text")]
    return runs or [("no detector has an opinion on the last closed bar", "dim")]


class RunLines(Widget):
    """A few lines of styled text, each cut at the right edge; repainted only when the words changed."""

    def __init__(self, desk: Desk, widget_id: str, lines: int) -> None:
        super().__init__(id=widget_id)
        self._desk = desk
        self._lines: list[list[Run]] = [[] for _ in range(lines)]

    def show(self, lines: list[list[Run]]) -> None:
        """Say this."""
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def render_line(self, y: int) -> Strip:
        palette, plain = self._desk.palette, self._desk.glyphs.name == "ascii"
        runs = self._lines[y] if y < len(self._lines) else []
        segments = [Segment(" ", palette.text)]
        for text, style in runs:
            segments.append(Segment(plain_text(text) if plain else text, getattr(palette, style)))
        strip = Strip(segments)
        width = self.size.width
        if strip.cell_length > width:
            strip = strip.crop(0, width - 1)
            return Strip([*strip, Segment(self._desk.glyphs.ellipsis, palette.dim)])
        return strip.adjust_cell_length(width, palette.text)


class ArgumentLine(RunLines):
    """Two lines above the keys."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "argument", 2)

    def show_symbol(self, symbol: str) -> None:
        """Say the argument of a symbol (empty: of none)."""
        store = self._desk.store
        self.show(list(argument(store.rows.get(symbol), store, self._desk.clock.now_ms(), self._desk.glyphs)))
