"""The selected symbol's argument: what it says since when, how the groups lean, and what speaks for and against."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from core.messages import Confluence
from tui import format as fmt
from tui.desk import Desk
from tui.glyphs import Glyphs, plain_text
from tui.screening_store import ScreenedRow
from tui.store import MarketRow, ViewStore
from tui.widgets.market_advice import ACTION_STYLE, ACTION_WORDS, age_s, is_alerted, is_expired
from tui.widgets.market_columns import STATE_STYLE
from tui.widgets.market_facts import calm_age, decimals, fault_words, halt_words, loading_words, quiet_words
from tui.widgets.market_vote import Reason, contrary, families, leanings, reasons

Run = tuple[str, str]


def argument(
    row: MarketRow | None, store: ViewStore, now_ms: int, glyphs: Glyphs, width: int = 120, lines: int = 2
) -> list[list[Run]]:
    """Two or three lines of (text, style name), no longer than `width` where leaving reasons out helps."""
    if row is None:
        return [[("no symbol here: change the group or the filter", "dim")]]
    name: Run = (row.symbol, "bright")
    halted = halt_words(row)
    fault = halted or fault_words(row, store, now_ms)
    confluence = row.confluence
    if confluence is None:
        text = fault or loading_words(row, store)
        return [[name, (f"  {text}", "warn" if fault else "dim")]]
    screened = store.screening.rows.get(row.symbol)
    told = _advised(screened, now_ms, glyphs) if screened is not None and not fault else []
    first = [name, ("  ", "text"), *_claim(confluence, row, now_ms, glyphs, told)]
    if fault:
        mark = glyphs.no if halted else glyphs.stale
        return [first, [(f"{mark} {fault}{'' if halted else '; numbers are as old as that'}", "warn")]]
    quiet = quiet_words(row, now_ms)
    warned: list[Run] = (
        [(f"{glyphs.alert} {quiet}, quotes are fresh{f' {glyphs.separator} '}", "warn")] if quiet else []
    )
    if confluence.hold_reason:
        return [first, [*warned, ("held: ", "dim"), (confluence.hold_reason, "warn")]]
    if not confluence.contributions:
        return [first, [*warned, ("no detector has an opinion on the last closed bar", "dim")]]
    if lines > 2:
        lean = [*_lean(confluence, glyphs, full=True), *_against(confluence, glyphs, gains=True)]
        return [first, _fitted(confluence, glyphs, warned, width, against=False), lean]
    return [first, _fitted(confluence, glyphs, warned, width, against=True)]


def _claim(confluence: Confluence, row: MarketRow, now_ms: int, glyphs: Glyphs, advised: list[Run]) -> list[Run]:
    glyph = {"BUY": glyphs.up, "SELL": glyphs.down, "HOLD": glyphs.hold}[confluence.state]
    dot = f" {glyphs.separator} "
    runs: list[Run] = [(f"{glyph} {confluence.state}", STATE_STYLE[confluence.state])]
    if confluence.since_ms:
        since = fmt.clock_text(confluence.since_ms)[:5]
        runs += [(" since ", "dim"), (since, "text"), (" at ", "dim")]
        runs.append((fmt.price(confluence.since_price, decimals(row), glyphs=glyphs), "text"))
    runs += advised
    chance = "" if confluence.calibrated else " uncalibrated"
    runs += [(f"{dot}P ", "dim"), (fmt.probability(confluence.probability), "text"), (chance, "dim")]
    if confluence.gate < 1.0:
        why = confluence.gate_reason or "volatility"
        runs += [(dot, "dim"), (f"gate {fmt.probability(confluence.gate)} {why}", "warn")]
    missing = confluence.missing.partition("; no change")[0]
    if now_ms < confluence.cooldown_until_ms:
        missing += f", not before {fmt.clock_text(confluence.cooldown_until_ms)}"
    if missing:
        runs.append((f"{dot}{missing}", "dim"))
    limits = f"{dot}enter {fmt.probability(confluence.enter)} exit {fmt.probability(confluence.exit)}"
    runs.append((limits, "dim"))
    return runs


def _advised(screened: ScreenedRow, now_ms: int, glyphs: Glyphs) -> list[Run]:
    """` · advice BUY .78 RR 2.3`, or that it expired; then what set off an ALERT that stands."""
    dot = f" {glyphs.separator} "
    runs: list[Run] = []
    told = screened.analysis
    if told is not None and told.recommendation is not None:
        word = ACTION_WORDS[told.recommendation]
        if is_expired(told, now_ms):
            runs += [
                (dot, "dim"),
                (f"{glyphs.stale} advice {word} expired, {calm_age(age_s(told, now_ms))} old", "stale"),
            ]
        else:
            sure = told.confidence_metrics
            p = f" {fmt.probability(sure.probability, glyphs=glyphs)}" if sure is not None else ""
            runs += [(f"{dot}advice ", "dim"), (f"{word}{p}", ACTION_STYLE[told.recommendation])]
            if told.risk_parameters is not None and told.recommendation in ("BUY", "SELL"):
                runs.append((f" RR {told.risk_parameters.risk_reward_ratio:.1f}", "text"))
    if screened.screening is not None and is_alerted(screened.screening, now_ms):
        words = ", ".join(reason.words for reason in screened.screening.trigger_reasons[:2])
        runs += [(dot, "dim"), (f"{glyphs.alert} ALERT{f': {words}' if words else ''}", "warn")]
    return runs


def _lean(confluence: Confluence, glyphs: Glyphs, *, full: bool) -> list[Run]:
    """`SMC ↑ CLASSIC ↓`; in full with each group's log-odds, and how many families agree."""
    runs: list[Run] = []
    for group, value in leanings(confluence).items():
        glyph, style = (glyphs.up, "price_up") if value > 0.0 else (glyphs.down, "price_down")
        size = fmt.signed(value, 2, glyphs=glyphs)
        runs += [(f"{group} ", "dim"), (f"{glyph} {size}  " if full else f"{glyph} ", style)]
    if full:
        agreeing, speaking = families(confluence)
        runs += [(f"{agreeing} of {speaking}", "text"), (" families agree", "dim")]
    return runs


def _fitted(confluence: Confluence, glyphs: Glyphs, warned: list[Run], width: int, *, against: bool) -> list[Run]:
    """As many reasons as fit with the contrary one, then without gains: the last form is cut at the edge."""
    told = reasons(confluence)
    runs: list[Run] = []
    for gains in (True, False):
        for count in range(len(told), 0, -1):
            runs = [*warned, *([] if not against else _lean(confluence, glyphs, full=False))]
            runs.append((f"{glyphs.separator} for " if against and not warned else "for ", "dim"))
            for place, reason in enumerate(told[:count]):
                runs += [(", ", "dim")] if place else []
                runs += _reason_runs(reason, gains=gains)
            runs += _against(confluence, glyphs, gains=gains) if against else []
            if sum(len(text) for text, _ in runs) < width - 1:
                return runs
    return runs or [*warned, *_lean(confluence, glyphs, full=False), *_against(confluence, glyphs, gains=True)]


def _against(confluence: Confluence, glyphs: Glyphs, *, gains: bool) -> list[Run]:
    reason = contrary(confluence)
    return [(f" {glyphs.separator} against ", "dim"), *_reason_runs(reason, gains=gains)] if reason is not None else []


def _reason_runs(reason: Reason, *, gains: bool) -> list[Run]:
    """`MACD rising (+4.1 pp) [CLASSIC]`, the tag dim."""
    tag = f" [{reason.group}]" if reason.group else ""
    return [(f"{reason.text} ({reason.gain})" if gains and reason.gain else reason.text, "text"), (tag, "dim")]


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
    """The lines above the keys: three on a tall terminal, else two (the style sheet decides)."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, "argument", 3)

    def show_symbol(self, symbol: str) -> None:
        """Say the argument of a symbol (empty: of none)."""
        store, (width, height) = self._desk.store, self.size
        row, now_ms = store.rows.get(symbol), self._desk.clock.now_ms()
        self.show(argument(row, store, now_ms, self._desk.glyphs, width - 1, height))
