"""What is said while going live: what it means, what was checked, what limits and what does not. Pure."""

from __future__ import annotations

import math

from core.clock import iso_utc
from core.messages import HostKind, RecordSummary, SessionStatus
from tui.desk import Desk
from tui.format import money, signed
from tui.widgets.line_panel import Line, fold
from tui.widgets.trading_words import counted

WHAT_IT_IS: dict[HostKind, tuple[str, str]] = {
    "SANDBOX": ("a simulated exchange on this machine: no real money", "accent"),
    "TESTNET": ("the venue's test network: no real money", "accent"),
    "LIVE DATA": ("the venue itself: REAL MONEY", "live"),
    "RECORDED": ("a recording: it takes no orders", "danger"),
}
LABEL, VALUE, COLUMN_GAP = 14, 8, 2
CHECK_INDENT = 13
NEW_ACCOUNT = "not known yet: keys are read and the account is compared; no order is sent"


def order_kind(desk: Desk) -> HostKind:
    """Where orders would go, before the real account is open: as far as settings and market data tell."""
    session, engine = desk.store.trading.session, desk.store.engine
    if session is not None and session.mode == "LIVE":
        return session.host_kind
    data = engine.host_kind if engine is not None else session.host_kind if session is not None else "LIVE DATA"
    tested = desk.settings.market.venue == "bybit" and desk.setting("trading.environment") != "live"
    return "TESTNET" if tested and data == "LIVE DATA" else data


# --- page 1 ----------------------------------------------------------------------------------------------------------


def question_lines(desk: Desk, session: SessionStatus, width: int) -> list[Line]:
    """Real orders? What it means, and what was shown on paper."""
    what, look = WHAT_IT_IS[order_kind(desk)]
    category = "" if session.category == "spot" else f" {session.category}"
    lines: list[Line] = [[("Real orders?", "bright"), ("  1 of 3", "dim")], []]
    known = session.mode == "LIVE"
    rows: list[tuple[str, str, str]] = [
        ("venue", f"{session.venue}{category}", "text"),
        ("orders go to", what, look),
        ("account", f"{session.account} at {session.host}" if known else NEW_ACCOUNT, "text" if known else "dim"),
        ("paper", "stands still already" if known else _paper_meanwhile(desk), "text"),
    ]
    for label, words, shown in rows:
        lines += fold([(f" {label:<{LABEL}}", "dim"), (words, shown)], width, LABEL + 1)
    return [*lines, [], *record_lines(desk, session.paper, width)]


def _paper_meanwhile(desk: Desk) -> str:
    trading = desk.store.trading
    entries = sum(order.purpose == "ENTRY" for order in trading.working())
    held = len(trading.positions)
    cancels = str(desk.setting("trading.on_quit")) == "cancel"
    waits = f"{counted(held, 'position waits', 'positions wait')}" if held else "positions wait"
    named = counted(entries, "entry", "entries") if entries else "its entries"
    fate = ("is cancelled" if entries == 1 else "are cancelled") if cancels else "cannot fill"
    return f"the account stands still meanwhile: {named} {fate}, {waits}"


def record_lines(desk: Desk, record: RecordSummary | None, width: int) -> list[Line]:
    """What closed paper trades come to."""
    if record is None or not record.trades:
        return [
            [("Paper record", "bright")],
            *fold([(" no closed paper trade yet: nothing shows that this makes money", "warn")], width, 1),
        ]
    glyphs, account = desk.glyphs, desk.store.trading.account
    asset = account.asset if account is not None else ""
    bad = record.expectancy <= 0
    factor = f"{record.profit_factor:.2f}" if math.isfinite(record.profit_factor) else glyphs.missing
    values = [
        ("trades", f"{record.trades:,}", "text"),
        ("win rate", f"{record.win_rate:.0%}".replace("%", " %"), "text"),
        ("expectancy", signed(record.expectancy, 2, unit="R", glyphs=glyphs), "warn" if bad else "text"),
        ("profit factor", factor, "text"),
        ("result", money(float(record.result), 2, asset, signed=True, glyphs=glyphs), "warn" if bad else "text"),
        ("drawdown", f"{money(float(record.drawdown), 2, asset, glyphs=glyphs)}  {record.drawdown_r:.1f} R", "text"),
    ]
    since = f"  since {iso_utc(record.since_ms)[:10]}" if record.since_ms else ""
    lines: list[Line] = [[("Paper record", "bright"), (since, "dim")]]
    lines += [[(f" {label:<{LABEL}}", "dim"), (value, look)] for label, value, look in values]
    if bad:
        lines += fold([(f" {glyphs.alert} on paper this loses money", "warn")], width, 3)
    return lines


# --- page 2 ----------------------------------------------------------------------------------------------------------


def review_lines(desk: Desk, session: SessionStatus, width: int) -> list[Line]:
    """Reviewed? The checks, the limits in force, and what ends with the program."""
    bad = sum(not check.holds for check in session.checks)
    told = (f"{counted(bad, 'check fails', 'checks fail')}", "danger") if bad else ("everything holds", "price_up")
    lines: list[Line] = [
        [("Reviewed?", "bright"), ("  2 of 3  ", "dim"), told, (f"  account {session.account}", "dim")]
    ]
    if session.words:
        lines += fold([(f"{desk.glyphs.no} {session.words}", "danger")], width, 2)
    glyphs = desk.glyphs
    for check in session.checks:
        mark = (f" {glyphs.yes} ", "price_up") if check.holds else (f" {glyphs.no} ", "danger")
        runs: Line = [mark, (f"{check.label:<10}", "dim"), (check.words, "text" if check.holds else "bright")]
        lines += fold(runs, width, CHECK_INDENT)
    lines += [[("Limits in force", "bright")], *_limit_lines(desk, width)]
    for waiting in desk.store.trading.risk.waiting if desk.store.trading.risk is not None else ():
        lines += fold([(f" {glyphs.alert} not in force yet: {waiting}", "warn")], width, 3)
    if session.program_only:
        lines += [[("These end with this program", "bright")]]
        for sentence in session.program_only:
            lines += fold([(f" {glyphs.hold} {sentence}", "text")], width, 3)
    if session.canary:
        lines += fold([(f" {glyphs.alert} the first order will be a canary of the least size", "warn")], width, 3)
    return lines


def _limit_lines(desk: Desk, width: int) -> list[Line]:
    cells = limit_cells(desk)
    across = max(1, width // (LABEL + VALUE + COLUMN_GAP))
    lines: list[Line] = []
    for start in range(0, len(cells), across):
        line: Line = []
        for label, value in cells[start : start + across]:
            line += [(f" {label:<{LABEL - 1}}", "dim"), (value.rjust(VALUE), "text"), (" " * COLUMN_GAP, "text")]
        lines.append(line)
    return lines


def limit_cells(desk: Desk) -> list[tuple[str, str]]:
    """The limits that matter most, as set now."""

    def share(key: str, decimals: int) -> str:
        return f"{100 * float(desk.setting(f'risk.{key}')):.{decimals}f} %"

    cells = [
        ("risk a trade", share("risk_per_trade", 2)),
        ("loss a day", share("daily_loss", 1)),
        ("halt at fall", share("drawdown_halt", 1)),
        ("positions", str(desk.setting("risk.max_positions"))),
        ("one order", share("order_exposure", 0)),
        ("everything", share("total_exposure", 0)),
        ("armed for", f"{float(desk.setting('trading.armed_min')):g} min"),
    ]
    at_most = float(desk.setting("risk.daily_loss_money"))
    return [*cells, ("or a day", money(at_most, 0, glyphs=desk.glyphs))] if at_most else cells


# --- page 3 ----------------------------------------------------------------------------------------------------------


def word_lines(desk: Desk, session: SessionStatus, width: int) -> list[Line]:
    """Authorised? What the word does."""
    what, look = WHAT_IT_IS[session.host_kind]
    minutes = f"{float(desk.setting('trading.armed_min')):g}"
    lines: list[Line] = [[("Authorised?", "bright"), ("  3 of 3", "dim")], []]
    lines += fold(
        [(f" {'account':<{LABEL}}", "dim"), (f"{session.account} at {session.host}", "text")], width, LABEL + 1
    )
    lines += fold([(f" {'orders go to':<{LABEL}}", "dim"), (what, look)], width, LABEL + 1)
    lines.append([])
    paper, halt = desk.keymap.label("app.live"), desk.keymap.label("app.halt")
    for sentence in (
        f"With the word entries may be sent for {minutes} minutes, each after its own three questions.",
        "Stops, exits and closes are never held up, also when the time is over.",
        f"{paper} goes back to paper at once; {halt} halts.",
    ):
        lines += fold([(f" {sentence}", "text")], width, 1)
    if session.canary:
        lines += fold([(f" {desk.glyphs.alert} the first order will be a canary of the least size", "warn")], width, 3)
    return lines
