"""The account beside its limits: whose money, how fresh, how much, what stands against trading, what is locked or waits."""

from __future__ import annotations

from core.messages import AccountStatus, RiskStatus, SessionStatus
from tui.desk import Desk
from tui.format import clock_text, money
from tui.glyphs import Glyphs
from tui.widgets.account_lines import MEANING, day_result
from tui.widgets.line_panel import Line, fold, width_of
from tui.widgets.trading_words import TRADING_LOOKS, balance, counted, mode_runs

LABEL = 12
"""Cells of a label with its margin."""


def account_panel(desk: Desk, width: int, height: int) -> list[Line]:
    """The whole panel; what does not fit is counted in its last line."""
    account, risk, session = desk.store.trading.account, desk.store.trading.risk, desk.store.trading.session
    lines: list[Line] = [[(" ACCOUNT", "accent")]]
    if account is None:
        lines += fold([(" no account yet: orders begin when the engine has compared everything", "dim")], width, 1)
    else:
        lines += _account(desk, account, width)
    lines += against(desk, account, risk, session, width, full=True)
    return _cut(lines, height)


def brief_panel(desk: Desk, width: int, height: int) -> list[Line]:
    """Under the list, where the account itself stands on top: what keeps entries away, then drawdown and balances."""
    trading, glyphs = desk.store.trading, desk.glyphs
    lines = against(desk, trading.account, trading.risk, trading.session, width, full=False)
    account = trading.account
    if account is not None:
        lines.append([(" drawdown    ", "dim"), (_drawdown(account, glyphs), "text")])
        shown = [f"{asset} {balance(free, glyphs)}" for asset, free, _ in account.balances]
        lines += fold([(" free        ", "dim"), ("   ".join(shown) or glyphs.missing, "text")], width, LABEL + 1)
    return _cut(lines, height)


def _drawdown(account: AccountStatus, glyphs: Glyphs) -> str:
    return f"{account.drawdown:.2f} %" if account.drawdown == account.drawdown else glyphs.missing


def against(
    desk: Desk,
    account: AccountStatus | None,
    risk: RiskStatus | None,
    session: SessionStatus | None,
    width: int,
    *,
    full: bool,
) -> list[Line]:
    """Trading state with its causes, locks, looser limits that wait, arming. `full`: also what is quiet, under headings."""
    lines: list[Line] = []
    state = risk.state if risk is not None else account.state if account is not None else None
    causes = risk.causes if risk is not None else account.causes if account is not None else ()
    if state is not None and (full or state != "ACTIVE"):
        lines += [[], [(" TRADING", "accent")]] if full else []
        lines += fold([(f" {state}", TRADING_LOOKS[state]), (f"  {MEANING[state]}", "dim")], width, 3)
        for cause in causes:
            lines += fold([("  ", "text"), (cause, TRADING_LOOKS[state])], width, 3)
        if full and state != "ACTIVE":
            lines.append([(f"  {desk.keymap.label('risk.resume')} goes one step back towards ACTIVE", "dim")])
    if risk is not None:
        lines += _listed("LOCKS", risk.locks, "warn", width, full)
        lines += _listed("LOOSER LIMITS THAT WAIT", risk.waiting, "accent", width, full)
    return lines + _arming(desk, account, session, width, full)


def _listed(title: str, entries: tuple[str, ...], look: str, width: int, full: bool) -> list[Line]:
    if not entries and not full:
        return []
    lines: list[Line] = [[]] if full else []
    lines.append([(f" {title}", "accent"), ("" if entries else "  none", "dim")])
    for entry in entries:
        lines += fold([("  ", "text"), (entry, look)], width, 3)
    return lines


def _arming(
    desk: Desk, account: AccountStatus | None, session: SessionStatus | None, width: int, full: bool
) -> list[Line]:
    mode = session.mode if session is not None else account.mode if account is not None else "PAPER"
    failed = [check for check in session.checks if not check.holds] if session is not None else []
    if mode == "PAPER" and not failed:
        return []
    until = session.armed_until_ms if session is not None else account.armed_until_ms if account is not None else 0
    armed = until > desk.clock.now_ms()
    words = f"armed until {clock_text(until)}" if armed else "not armed"
    lines: list[Line] = [[]] if full else []
    lines.append([(" ARMING", "accent"), (f"  {words}", "live" if armed else "text")])
    if failed:
        lines.append([(f"  {counted(len(failed), 'check')} did not hold", "danger")])
    for check in failed:
        text = f"{desk.glyphs.no} {check.label}: {check.words}"
        lines += fold([("  ", "text"), (text, "danger")], width, 4)
    if session is not None and session.words:
        lines += fold([("  ", "text"), (session.words, "warn")], width, 3)
    return lines


def _account(desk: Desk, account: AccountStatus, width: int) -> list[Line]:
    glyphs, asset = desk.glyphs, account.asset
    spent = account.day_limit > 0 and account.day_loss >= 0.8 * account.day_limit
    rows: list[tuple[str, Line]] = [
        ("mode", mode_runs(account)),
        ("account", [(account.account, "text")]),
        ("host", [(account.host, "text")]),
        ("stream", [(account.stream, "text" if account.stream == "SYNCED" else "danger")]),
        (
            "journal",
            [(f"{glyphs.no} {account.journal}", "danger")] if account.journal else [(f"{glyphs.yes} written", "text")],
        ),
        ("equity", [(money(account.equity, 2, asset, glyphs=glyphs), "bright")]),
        ("free", [(money(account.free, 2, asset, glyphs=glyphs), "text")]),
        ("day", [(day_result(account, glyphs), "warn" if spent else "text")]),
        ("drawdown", [(_drawdown(account, glyphs), "text")]),
    ]
    lines: list[Line] = []
    for label, runs in rows:
        lines += fold([(f" {label:<{LABEL - 1}}", "dim"), *runs], width, LABEL)
    return lines + _balances(desk, account, width)


def _balances(desk: Desk, account: AccountStatus, width: int) -> list[Line]:
    if not account.balances:
        return []
    shown = [(asset, balance(free, desk.glyphs), balance(held, desk.glyphs)) for asset, free, held in account.balances]
    widths = [max(len(title), *(len(row[at]) for row in shown)) for at, title in enumerate(("ASSET", "FREE", "LOCKED"))]
    lines: list[Line] = [[]]
    for looks, row in ((("dim",) * 3, ("ASSET", "FREE", "LOCKED")), *((("text", "text", "dim"), row) for row in shown)):
        cells = (row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2]))
        line: Line = [(" ", "text")]
        for cell, look in zip(cells, looks, strict=True):
            if width_of(line) + len(cell) <= width:  # a number is left out whole
                line.append((f"{cell}  ", look))
        lines.append(line)
    return lines


def _cut(lines: list[Line], height: int) -> list[Line]:
    if height <= 0 or len(lines) <= height:
        return lines
    left = len(lines) - height + 1
    return [
        *lines[: height - 1],
        [(f" {counted(left, 'more line')}; a taller window shows {'it' if left == 1 else 'them'}", "dim")],
    ]
