"""Why: every number behind one symbol's state, as of its last closed decision bar, and its prices as they come."""

from __future__ import annotations

import math
import re

from rich.segment import Segment
from textual import on
from textual.app import ComposeResult
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.messages import Confluence, Focus
from tui import format as fmt
from tui.actions import Action
from tui.desk import Desk
from tui.glyphs import Glyphs, plain_text
from tui.screens.base import DeskModal
from tui.store import MarketRow, ViewStore
from tui.widgets.key_bar import KeyBar
from tui.widgets.market_columns import STATE_STYLE
from tui.widgets.market_facts import CHANNEL_WORDS, TIMEFRAME_MS, calm_age, decimals, derive, halt_words, loading_words
from tui.widgets.status_bar import StatusBar

Run = tuple[str, str]
Line = list[Run]

SCOPE = "detail"
DETAIL_ACTIONS: tuple[Action, ...] = (
    Action("detail.close", "enter,q", "close", "Back to the watchlist.", scope=SCOPE, footer=10, palette=False),
    Action("detail.down", "down,j", "down", "One line down.", scope=SCOPE, palette=False),
    Action("detail.up", "up,k", "up", "One line up.", scope=SCOPE, palette=False),
)
GAIN_CELLS = 8
LIVE_S = 1.0
"""The numbers follow at most this often."""
WIDE = 96
"""From this many cells on families and bars have room beside the reasons."""
INDENT = 12
WORD = re.compile(r"\s*\S+\s*|\s+")
FULL_GAIN = 0.08
"""A gain of this much probability fills the bar."""


def detail_lines(row: MarketRow, store: ViewStore, now_ms: int, glyphs: Glyphs, width: int = 104) -> list[Line]:
    """Everything about one symbol as lines of (text, style name), none longer than `width`."""
    lines: list[Line] = []
    halted = halt_words(row)
    confluence = row.confluence
    if confluence is None:
        lines.append([(row.symbol, "bright"), (f"  {loading_words(row, store)}", "dim")])
    else:
        lines += [
            *_claim(confluence, row, glyphs),
            [],
            *_votes(confluence, glyphs, width < WIDE),
            [],
            *_limits(confluence),
        ]
    if halted:
        lines.insert(1, [(f"{glyphs.no} {halted}", "warn")])
    lines += [[], *_market(row, store, now_ms, glyphs), [], *_channels(row, now_ms, glyphs)]
    return [part for line in lines for part in fold(line, width)]


def fold(line: Line, width: int) -> list[Line]:
    """The line in pieces of at most `width` cells, broken between words; the rest hangs under the values."""
    folded: list[Line] = [[]]
    used = 0
    for text, style in line:
        for word in WORD.findall(text):
            if used and used + len(word.rstrip()) > width:
                folded.append([(" " * INDENT, "text")])
                used, word = INDENT, word.lstrip()
            folded[-1].append((word, style))
            used += len(word)
    return folded


def _claim(confluence: Confluence, row: MarketRow, glyphs: Glyphs) -> list[Line]:
    glyph = {"BUY": glyphs.up, "SELL": glyphs.down, "HOLD": glyphs.hold}[confluence.state]
    style = STATE_STYLE[confluence.state]
    close_ms = confluence.occurred_at + TIMEFRAME_MS.get(confluence.timeframe, 0)
    first: Line = [
        (row.symbol, "bright"),
        (f"  {glyph} {confluence.state} ", style),
        (fmt.probability(confluence.probability), style),
    ]
    if confluence.since_ms:
        since = fmt.clock_text(confluence.since_ms)[:5]
        first.append((f"  since {since} at {fmt.price(confluence.since_price, decimals(row), glyphs=glyphs)}", "text"))
    calibrated = "calibrated" if confluence.calibrated else "uncalibrated: no outcomes counted yet"
    bar = f"as of the {confluence.timeframe} bar closed at {fmt.clock_text(close_ms)}"
    return [first, [(f"{bar}   {calibrated}", "dim")]]


def _votes(confluence: Confluence, glyphs: Glyphs, narrow: bool) -> list[Line]:
    """One line per contribution, strongest first, and the sum they make."""
    family, bars = ("", "") if narrow else (f"{'FAMILY':<13}", f"{'':<{GAIN_CELLS}}  ")
    head = f"{'DETECTOR':<14}{family}{'SAYS':<8}{'SCORE':>5}{'LOGIT':>9}{'GAIN pp':>9}   {bars}REASON"
    label = 27 if narrow else 40
    lines: list[Line] = [[(head, "dim")]]
    for part in sorted(confluence.contributions, key=lambda part: -abs(part.logit)):
        style = STATE_STYLE[part.side]
        glyph = glyphs.up if part.side == "BUY" else glyphs.down
        bar = glyphs.bar(abs(part.gain) / FULL_GAIN, GAIN_CELLS).replace(glyphs.bar_empty, " ")
        lines.append(
            [
                (f"{fmt.fit(part.detector, 13, glyphs)} ", "bright"),
                ("" if narrow else f"{fmt.fit(part.family.lower(), 12, glyphs)} ", "dim"),
                (f"{glyph} {part.side:<6}", style),
                (f"{fmt.probability(part.score):>5}", "text"),
                (fmt.signed(part.logit, 2, 9, glyphs=glyphs), "text"),
                (fmt.signed(part.gain * 100, 1, 9, glyphs=glyphs), style),
                ("   " if narrow else f"   {bar}  ", style),
                (part.reason, "text"),
            ]
        )
    if not confluence.contributions:
        lines.append([("no detector has an opinion", "dim")])
    lines.append([(f"{'base rate':<{label}}", "dim"), (fmt.signed(confluence.base_logit, 2, 9, glyphs=glyphs), "text")])
    total = f"= P {fmt.probability(confluence.probability)}"
    lines.append(
        [
            (f"{'sum':<{label}}", "dim"),
            (fmt.signed(confluence.logit, 2, 9, glyphs=glyphs), "bright"),
            (f"{total:>9}", "bright"),
            (f"   {confluence.readings} detectors, {confluence.warming} warming up", "dim"),
        ]
    )
    return lines


def _limits(confluence: Confluence) -> list[Line]:
    enter, leave = fmt.probability(confluence.enter), fmt.probability(confluence.exit)
    pause = f", next change from {fmt.clock_text(confluence.cooldown_until_ms)}" if confluence.cooldown_until_ms else ""
    lines: list[Line] = [[("thresholds  ", "dim"), (f"enter {enter}, exit {leave}{pause}", "text")]]
    for label, text in (
        ("held        ", confluence.hold_reason),
        ("next state  ", confluence.missing),
        ("against     ", confluence.contrary),
    ):
        if text:
            lines.append([(label, "dim"), (text, "warn" if label.startswith("held") else "text")])
    return lines


def _market(row: MarketRow, store: ViewStore, now_ms: int, glyphs: Glyphs) -> list[Line]:
    facts = derive(row, store, now_ms)
    places = facts.decimals

    def price(value: float) -> str:
        return fmt.price(value, places, glyphs=glyphs)

    moves = [
        ("since the state ", fmt.percent(facts.delta, unit=True, glyphs=glyphs)),
        ("1 h ", fmt.percent(facts.change_1h, unit=True, glyphs=glyphs)),
        ("24 h ", fmt.percent(facts.change_24h, unit=True, glyphs=glyphs)),
    ]
    measures = [
        ("ATR ", f"{fmt.fixed(facts.natr * 100, 2, glyphs=glyphs)} %"),
        ("RSI ", fmt.fixed(facts.rsi, 0, glyphs=glyphs)),
        ("volume z ", fmt.signed(facts.volume_z, 1, glyphs=glyphs)),
        ("volume 24 h ", fmt.compact(facts.volume, glyphs=glyphs)),
        ("regime ", facts.regime.replace("_", " ") or glyphs.missing),
    ]
    takers = row.metrics.taker_imbalance if row.metrics is not None else math.nan
    quote = [
        ("last ", price(facts.price)),
        ("bid ", price(facts.bid)),
        ("ask ", price(facts.ask)),
        ("spread ", f"{fmt.fixed(facts.spread_bp, 1, glyphs=glyphs)} bp"),
        ("takers 5 min ", fmt.percent(takers, 0, unit=True, glyphs=glyphs)),
    ]
    return [_pairs("price       ", quote), _pairs("change      ", moves), _pairs("market      ", measures)]


def _pairs(label: str, pairs: list[tuple[str, str]]) -> Line:
    line: Line = [(label, "dim")]
    for name, value in pairs:
        line += [(name, "dim"), (f"{value}   ", "text")]
    return line


def _channels(row: MarketRow, now_ms: int, glyphs: Glyphs) -> list[Line]:
    line: Line = [("data        ", "dim")]
    if row.updated_ms:
        line.append((f"last quote or trade {calm_age((now_ms - row.updated_ms) / 1000)} ago   ", "text"))
    for name, word in CHANNEL_WORDS.items():
        status = row.channels.get(name)
        if status is not None and not status.fresh:
            silent = calm_age(status.age_s + max(0, now_ms - status.at_ms) / 1000)
            line.append((f"{glyphs.stale} no {word} for {silent}, limit {calm_age(status.limit_s)}   ", "warn"))
    if row.book is not None:
        line.append((f"book {row.book.state}" + (f": {row.book.reason}" if row.book.reason else ""), "text"))
    return [line]


FRAME = 2
"""Lines of the frame."""
WIDEST, WIDTH_SHARE, SIDES = 112, 0.96, 6
"""The panel in cells, as the stylesheet has it: at most this wide, this share of the terminal, frame and padding."""


class DetailBody(ScrollView, can_focus=True, inherit_bindings=False):
    """The lines, scrolled when the terminal is lower than they are many."""

    class Resized(Message):
        """There is another width to write for."""

    def __init__(self, desk: Desk, lines: list[Line]) -> None:
        super().__init__(id="detail-body")
        self._desk = desk
        self.lines = lines

    def put(self, lines: list[Line]) -> None:
        """Show these; only lines that changed are sent."""
        old, self.lines = self.lines, lines
        if len(old) != len(lines):
            self.styles.height = len(lines) + FRAME
            self.virtual_size = Size(self.size.width, len(lines))
            self.refresh(layout=True)
            return
        for number, (before, now) in enumerate(zip(old, lines, strict=True)):
            if before != now:
                self.refresh_line(number)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.lines))
        self.post_message(self.Resized())

    def render_line(self, y: int) -> Strip:
        line = y + int(self.scroll_offset.y)
        palette, plain = self._desk.palette, self._desk.glyphs.name == "ascii"
        runs = self.lines[line] if line < len(self.lines) else []
        segments = [Segment(plain_text(text) if plain else text, getattr(palette, style)) for text, style in runs]
        return Strip(segments).adjust_cell_length(self.size.width, palette.text)


class DetailScreen(DeskModal[None]):
    """One symbol's numbers over the watchlist. Esc or Enter goes back."""

    SCOPE = SCOPE

    def __init__(self, desk: Desk, symbol: str) -> None:
        super().__init__(desk)
        self.symbol = symbol
        self.status_bar = StatusBar(desk)
        self.key_bar = KeyBar(desk, SCOPE)
        self.body = DetailBody(desk, [])

    def compose(self) -> ComposeResult:
        self.body.lines = self._lines()
        self.body.styles.height = len(self.body.lines) + FRAME
        self.body.border_title = "why"
        self.body.border_subtitle = f"{self.desk.keymap.label('app.back')} back"
        yield self.status_bar
        yield self.body
        yield self.key_bar

    def on_mount(self) -> None:
        self.body.focus()
        self.set_interval(LIVE_S, self.follow)

    @on(DetailBody.Resized)
    def follow(self) -> None:
        """Bring header and numbers up to date while this screen is on top."""
        if self.is_active:
            self.desk.pump.flush(SCOPE, self._paint)

    def _paint(self) -> None:
        self.status_bar.flush()
        self.key_bar.flush()
        if self.symbol in self.desk.store.rows:  # it may have left the watched set meanwhile
            self.body.put(self._lines())

    def _lines(self) -> list[Line]:
        desk = self.desk
        width = min(WIDEST, int(self.app.size.width * WIDTH_SHARE)) - SIDES
        return detail_lines(desk.store.row(self.symbol), desk.store, desk.clock.now_ms(), desk.glyphs, width)

    def on_unmount(self) -> None:
        self.desk.bus.publish(Focus(symbol=""))

    def act_close(self) -> None:
        self.act_back()

    def act_down(self) -> None:
        self.body.scroll_to(y=self.body.scroll_offset.y + 1, animate=False, immediate=True, force=True)

    def act_up(self) -> None:
        self.body.scroll_to(y=self.body.scroll_offset.y - 1, animate=False, immediate=True, force=True)
