"""The account on top of the Orders screen: whose money, what may be traded, how fresh, how much; and what a halt did."""

from __future__ import annotations

from core.messages import AccountStatus, HaltReport
from tui.desk import Desk
from tui.format import age, clock_text, money
from tui.glyphs import Glyphs
from tui.widgets.line_panel import Line
from tui.widgets.status_bar import Part, lay_out
from tui.widgets.trading_words import TRADING_LOOKS, counted, mode_runs

STALE_S = 15.0
"""While something is open the account is told every second; older than this it is not shown as if new."""
MEANING = {
    "ACTIVE": "entries are allowed",
    "REDUCING": "only what reduces a position is sent",
    "HALTED": "nothing is opened until it is taken back",
}


def account_lines(desk: Desk, width: int) -> list[Line]:
    """Always three lines, so that nothing below moves: account, money, and what stands against trading."""
    account = desk.store.trading.account
    if account is None:
        words = "no account yet: orders begin when the engine has compared everything with the venue"
        return [[(f" {words}", "dim")], [], []]
    now_ms = desk.clock.now_ms()
    return [
        _fitted(_who(desk, account, now_ms), width, desk),
        _fitted(_money(desk, account, now_ms), width, desk),
        _against(desk, account, now_ms),
    ]


def _fitted(parts: list[Part], width: int, desk: Desk) -> Line:
    """As in the status bar: what matters least goes first."""
    return [(text, "text" if look == "header" else look) for text, look in lay_out(parts, width, desk.glyphs.ellipsis)]


def _who(desk: Desk, account: AccountStatus, now_ms: int) -> list[Part]:
    parts = [Part(text, look, 100) for text, look in mode_runs(account)]
    parts.append(Part(account.account, "text", 60))
    parts.append(Part(account.host, "dim", 30))
    parts.append(Part(account.state, TRADING_LOOKS[account.state], 95))
    armed = account.armed_until_ms > now_ms
    waits = account.mode == "LIVE" and account.state == "ACTIVE" and not armed
    parts.append(Part("entries wait for arming" if waits else MEANING[account.state], "dim", 20))
    if account.mode == "LIVE":
        words = f"armed until {clock_text(account.armed_until_ms)}" if armed else "not armed"
        parts.append(Part(words, "live" if armed else "dim", 70))
    parts.append(Part(f"stream {account.stream}", "dim" if account.stream == "SYNCED" else "danger", 80, right=True))
    journal = account.journal
    parts.append(
        Part(
            "journal broken" if journal else f"journal {desk.glyphs.yes}",
            "danger" if journal else "dim",
            75,
            right=True,
        )
    )
    return parts


def _money(desk: Desk, account: AccountStatus, now_ms: int) -> list[Part]:
    glyphs, asset = desk.glyphs, account.asset
    stale_s = (now_ms - account.at_ms) / 1000
    stale = stale_s > STALE_S and bool(account.positions or account.open_orders)
    look = "stale" if stale else "text"
    mark = f"{glyphs.stale} " if stale else ""
    spent = account.day_limit > 0 and account.day_loss >= 0.8 * account.day_limit
    parts = [
        Part(f"{mark}equity {money(account.equity, 2, asset, glyphs=glyphs)}", look, 90),
        Part(f"free {money(account.free, 2, asset, glyphs=glyphs)}", look, 60),
        Part(
            f"day {day_result(account, glyphs)}",
            "warn" if spent and not stale else look,
            80,
        ),
        Part(
            f"drawdown {account.drawdown:.1f} %"
            if account.drawdown == account.drawdown
            else f"drawdown {glyphs.missing}",
            look,
            50,
        ),
    ]
    if stale:
        parts.append(Part(f"told {age(stale_s)} ago", "stale", 85))
    if account.banned_until_ms > now_ms:
        parts.append(Part(f"banned until {clock_text(account.banned_until_ms)}", "danger", 95, right=True))
    full = account.rate_used >= 0.8
    parts.append(Part(f"rate {account.rate_used * 100:.0f} %", "warn" if full else "dim", 40, right=True))
    return parts


def _against(desk: Desk, account: AccountStatus, now_ms: int) -> Line:
    """A halt's own words first, then the causes."""
    halt = desk.store.trading.halt
    if account.state == "HALTED" and halt is not None:
        return _halted(halt, account, now_ms)
    if account.journal:
        return [(f" {account.journal}", "danger")]
    session = desk.store.trading.session
    if session is not None and session.phase == "LEAVING":
        return _leaving(desk)
    if not account.causes:
        return []
    return [(" because of ", "dim"), ("; ".join(account.causes), TRADING_LOOKS[account.state])]


def _leaving(desk: Desk) -> Line:
    """What keeps the real account in force after the operator has asked for paper."""
    trading = desk.store.trading
    orders = {order.client_id: order for order in (*trading.working(), *trading.unknown())}.values()
    symbols = sorted({*(one.symbol for one in trading.positions.values()), *(one.symbol for one in orders)})
    if not symbols:
        return [(" back on paper in a moment: nothing is open", "dim")]
    waits = [counted(len(trading.positions), "position")] if trading.positions else []
    waits += [counted(len(orders), "order")] if orders else []
    named = ", ".join(symbols)
    return [(f" back on paper once {' and '.join(waits)} ended: {named}", "warn"), ("; no entries meanwhile", "dim")]


def _halted(halt: HaltReport, account: AccountStatus, now_ms: int) -> Line:
    since = age((now_ms - halt.asked_ms) / 1000)
    line: Line = []
    if halt.failed:
        named = ", ".join(f"{client_id} ({words})" for client_id, words in halt.failed)
        line.append((f" NOT cancelled: {named};", "danger"))
    if halt.waiting:
        line.append((f" waiting for {', '.join(halt.waiting)};", "warn"))
    line.append(
        (f" halted {since} ago by {halt.why}: entries blocked in {halt.blocked_ms - halt.asked_ms} ms", "danger")
    )
    line.append((f"; {counted(len(halt.cancelled), 'entry', 'entries')} cancelled", "text"))
    line.append((f"; {counted(halt.stops_kept, 'stop')} kept", "text"))
    other = [cause for cause in account.causes if halt.why.lower() not in cause.lower()]
    return [*line, (f"; {'; '.join(other)}", "warn")] if other else line


def day_result(account: AccountStatus, glyphs: Glyphs) -> str:
    """`loss 12.00 of 300.00 USDT`, or what was won: a loss below zero would read as one."""
    limit = money(account.day_limit, 2, account.asset, glyphs=glyphs)
    if account.day_loss < 0:
        return f"gain {money(-account.day_loss, 2, glyphs=glyphs)}, loss at most {limit}"
    return f"loss {money(account.day_loss, 2, glyphs=glyphs)} of {limit}"
