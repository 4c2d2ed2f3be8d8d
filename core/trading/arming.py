"""What must hold before real orders: machine, clock, keys, private stream, journal, account, and where the program runs.

Each condition is asked when it is wanted, and each answer gives the figure and the remedy. A condition that cannot be found
out does not hold.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from core import doctor
from core.clock import Clock
from core.messages import HostKind, SessionCheck
from core.settings import Settings
from core.settings_risk import RiskSettings, unsound
from core.settings_trading import Trading
from core.trading.broker import AccountSnapshot, Features
from core.trading.journal_errors import JournalError
from core.trading.journal_records import Note
from core.trading.risk_state import DRAWDOWN
from core.venue import VenueError

if TYPE_CHECKING:
    from core.trading.desk import TradingDesk

KEYS_S = 10.0
"""The venue may take so long to tell what the keys may do."""
BUSY = 1.5
"""Load of the last minute, in cores, above which the machine is called busy."""
NAMED_MOST = 3
"""So many orders or symbols are named; the rest is counted."""
WHERE_ORDERS_GO: dict[HostKind, str] = {
    "SANDBOX": "a simulated exchange on this machine, no real money",
    "TESTNET": "the venue's test network, no real money",
    "LIVE DATA": "the venue itself, real money",
}
"""By kind of host. A recording takes no orders."""
TERMINALS = (("TMUX", "tmux"), ("STY", "screen"), ("INVOCATION_ID", "systemd"))
"""Variables that tell what keeps the program alive when the connection to it drops."""

log = logging.getLogger("tradetui.trading")


class Surroundings(Struct, frozen=True, kw_only=True):
    """What the program runs in: environment variables (only names of terminals and services are looked at), data folder."""

    environ: Mapping[str, str] = {}
    folder: Path = Path()


NOWHERE = Surroundings()
Finding = tuple[bool, str]
"""Whether it holds, and what was found."""


async def check_all(
    desk: TradingDesk, clock: Clock, settings: Settings, surroundings: Surroundings
) -> tuple[SessionCheck, ...]:
    """Every condition, asked now. Never raises: what cannot be found out does not hold, and says so."""
    risk = settings.risk
    asked: tuple[tuple[str, str, Callable[[], Awaitable[Finding]]], ...] = (
        ("HOST", "host", _now(lambda: host(desk.broker.host, desk.broker.host_kind))),
        ("KEYS", "keys", lambda: _keys(desk, clock)),
        ("CLOCK", "clock", _now(lambda: clock_words(*desk.risk.market.clock_offset(), risk))),
        ("STREAM", "stream", _now(lambda: stream(desk.status.status().stream))),
        ("JOURNAL", "journal", lambda: _journal(desk, clock)),
        ("ACCOUNT", "account", _now(lambda: _account(desk))),
        ("NAKED", "stops", _now(lambda: _naked(desk))),
        ("STATE", "state", _now(lambda: _state(desk))),
        ("LIMITS", "limits", _now(lambda: limits(risk))),
        ("TERMINAL", "terminal", _now(lambda: terminal(surroundings.environ, settings.trading))),
        ("MACHINE", "machine", lambda: asyncio.to_thread(machine, surroundings.folder)),
        ("CPU", "processor", _now(lambda: processor(os.getloadavg()[0], cores()))),
    )
    return tuple(await asyncio.gather(*(_answer(*one) for one in asked)))


async def _answer(code: str, label: str, ask: Callable[[], Awaitable[Finding]]) -> SessionCheck:
    try:
        holds, words = await ask()
    except Exception as error:
        # Fallback: a condition nobody could look at does not hold; it is shown with the error, and counted by being shown.
        log.exception("arming: %s could not be checked", code)
        holds, words = False, f"could not be looked at ({error or type(error).__name__}): r looks again"
    return SessionCheck(code=code, label=label, holds=holds, words=words)


def _now(find: Callable[[], Finding]) -> Callable[[], Awaitable[Finding]]:
    async def ask() -> Finding:
        return find()

    return ask


# --- the venue -------------------------------------------------------------------------------------------------------


def host(name: str, kind: HostKind) -> Finding:
    """Where orders go."""
    where = WHERE_ORDERS_GO.get(kind)
    if where is None or not name:
        return False, f"{name or 'no host'} ({kind}) takes no orders: set market.venue to binance_us or bybit"
    return True, f"{name}: {where}"


async def _keys(desk: TradingDesk, clock: Clock) -> Finding:
    try:
        snapshot = await _within(desk.broker.snapshot(), clock, KEYS_S)
    except VenueError as error:
        return False, f"{desk.broker.host} does not answer for this key ({error}): check key, rights and addresses"
    if snapshot is None:
        return False, f"{desk.broker.host} did not answer within {KEYS_S:.0f} s: check the network, then r"
    return keys(snapshot)


def keys(snapshot: AccountSnapshot) -> Finding:
    """What the key may do: trade it must, withdraw it must not."""
    if snapshot.may_withdraw:
        return False, "this key can withdraw: make one that cannot"
    if not snapshot.may_trade:
        return False, "this key may not trade: allow it to trade at the venue, or use another"
    if snapshot.may_withdraw is None:
        return True, "may trade; the venue does not tell whether it may withdraw: see to it that it may not"
    return True, "may trade, may not withdraw"


async def _within(request: Awaitable[AccountSnapshot], clock: Clock, seconds: float) -> AccountSnapshot | None:
    """The answer, or None when the time is up by this clock."""
    asking = asyncio.ensure_future(request)
    waiting = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((asking, waiting), return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else None
    finally:
        for one in (asking, waiting):
            one.cancel()
        await asyncio.gather(asking, waiting, return_exceptions=True)


def clock_words(offset_ms: float | None, age_s: float | None, risk: RiskSettings) -> Finding:
    """Our clock against the venue's, by the limits that entries have."""
    if offset_ms is None or age_s is None:
        return False, "not measured against the venue's yet: wait some seconds, then r"
    found = f"{offset_ms:+.0f} ms, measured {age_s:.0f} s ago"
    if age_s > risk.clock_age_s:
        return False, f"{found}, limit {risk.clock_age_s:.0f} s: wait for the next measurement, then r"
    if abs(offset_ms) > risk.clock_skew_ms:
        return False, f"{found}, limit {risk.clock_skew_ms:.0f} ms: turn on time synchronisation (chrony)"
    return True, found


def stream(state: str) -> Finding:
    """Fills and cancels must be heard."""
    if state == "SYNCED":
        return True, "private stream connected, everything compared since"
    if state == "GAP":
        return False, "private stream connected, but not compared since (GAP): wait some seconds, then r"
    return False, f"private stream is {state}: check the network and the key, then r"


# --- the account -----------------------------------------------------------------------------------------------------


async def _journal(desk: TradingDesk, clock: Clock) -> Finding:
    """By writing: nothing else tells for certain."""
    try:
        await desk.journal.append(Note(at_ms=clock.now_ms(), code="CHECK", text="looked at before arming"))
    except JournalError as error:
        return False, f"cannot be written: {error}"
    return True, "a record was written and is on disk"


def _account(desk: TradingDesk) -> Finding:
    if not desk.reconciler.settled_ms:
        return False, "orders, balances and positions were not compared with the venue yet: wait some seconds, then r"
    differences = list(desk.reconciler.differences.standing)
    unknown = [record.client_id for record in desk.manager.orders.values() if record.state == "UNKNOWN"]
    odd = [record.client_id for record in desk.manager.quarantined if record.client_id not in unknown]
    found = []
    if unknown:
        found.append(f"{_counted(unknown, 'order')} UNKNOWN: {_named(unknown)}")
    if odd:
        found.append(f"{_counted(odd, 'order')} in quarantine: {_named(odd)}")
    if differences:
        found.append(f"{_counted(differences, 'discrepancy', 'discrepancies')}: {_named(differences)}")
    if not found:
        return True, f"{desk.broker.account} compared with the venue: nothing differs"
    remedies = ["R resolves an order"] * bool(unknown or odd) + ["a accepts the venue's side"] * bool(differences)
    return False, f"{'; '.join(found)}: on Orders (5) {', '.join(remedies)}"


def _naked(desk: TradingDesk) -> Finding:
    held = [one.symbol for one in desk.trades.held()]
    naked = [symbol for symbol in held if desk.trades.truth(symbol).state == "NAKED"]
    count = desk.trades.naked_count
    if count:
        what = f"{count} position{'s' * (count > 1)} without a stop: {_named(naked)}".removesuffix(": ")
        return False, f"{what}: on Orders (5) close it (x), or wait for its stop"
    return True, f"{_counted(held, 'position')} held, none without a stop" if held else "no position held"


def _state(desk: TradingDesk) -> Finding:
    """A reached drawdown limit is measured anew by arming itself: then REDUCING may stand, which lets no entry through."""
    standing = desk.risk.standing
    if standing.state == "ACTIVE":
        return True, "ACTIVE"
    if standing.state == "REDUCING" and standing.causes == (DRAWDOWN,):
        return True, "REDUCING by drawdown: arming measures it anew, then u allows entries"
    if not standing.causes:
        return False, f"{standing.state}: u leads back to ACTIVE, a step at a time"
    return False, f"{standing.state} ({'; '.join(standing.causes)}): settle that, then u"


def limits(risk: RiskSettings) -> Finding:
    """Limits that contradict each other guard nothing."""
    wrong = unsound(risk)
    if wrong:
        return False, "; ".join(wrong)
    return True, f"{risk.risk_per_trade:.2%} a trade, {risk.daily_loss:.1%} a day, halt at {risk.drawdown_halt:.1%}"


# --- the machine -----------------------------------------------------------------------------------------------------


def terminal(environ: Mapping[str, str], trading: Trading) -> Finding:
    """Whether the program outlives the connection to it."""
    found = [name for variable, name in TERMINALS if environ.get(variable)]
    if found:
        return True, f"runs under {' and '.join(found)}"
    if trading.outside_tmux == "allow":
        return True, "not under tmux, screen or systemd, which trading.outside_tmux allows: a dropped line ends it"
    return False, (
        "a dropped connection would end the program: start it under tmux, screen or systemd,"
        ' or set trading.outside_tmux = "allow"'
    )


def machine(folder: Path) -> Finding:
    """Python, libraries, room on the disk. Nothing is imported by it: that would hold up the loop. Blocks."""
    missing = [
        name for name, _ in doctor.LIBRARIES if name not in sys.modules and importlib.util.find_spec(name) is None
    ]
    python, disk = doctor.check_python(), doctor.check_folder("data folder", folder.absolute())
    bad = [f"{one.name} {one.detail}: {one.remedy}" for one in (python, disk) if one.verdict != "ok"]
    if missing:
        bad.append(f"missing {_named(missing)}: run make")
    if bad:
        return False, "; ".join(bad)
    return True, f"python {python.detail}, {len(doctor.LIBRARIES)} libraries, {disk.detail}"


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor(load: float, available: int) -> Finding:
    """What is free of it, by the load of the last minute. A busy machine is told of and refuses nothing: learning is work, too."""
    free = max(0.0, 1.0 - load / available)
    found = f"load {load:.1f} on {_counted(range(available), 'core')}, {free:.0%} free"
    if load > BUSY * available:
        return True, f"{found}: busy; end other programs, or pause calibration (P on screen 4)"
    return True, found


def _counted(many: Sequence[object], one: str, more: str = "") -> str:
    return f"{len(many)} {one if len(many) == 1 else more or one + 's'}"


def _named(names: Sequence[str]) -> str:
    rest = len(names) - NAMED_MOST
    return ", ".join(names[:NAMED_MOST]) + (f" and {rest} more" if rest > 0 else "")


# --- what no venue keeps ---------------------------------------------------------------------------------------------


def program_only(features: Features, trading: Trading) -> tuple[str, ...]:
    """The protections that end with this program, one sentence each."""
    found = []
    if trading.trail_after_r > 0:
        found.append(
            f"The stop trails {trading.trail_atr:g} ATR behind the best price, from {trading.trail_after_r:g} R on."
        )
    if trading.break_even_after > 0 and trading.target_shares:
        after = _counted(range(trading.break_even_after), "target")
        found.append(f"The stop goes to break-even after {after}.")
    if trading.target_shares and not features.perpetual and not features.oco:
        found.append("Targets are sold by the program: the resting stop locks the coins.")
    if trading.time_stop_min > 0:
        found.append(f"A position is closed after {trading.time_stop_min:g} minutes.")
    if trading.entry_expires_s > 0:
        found.append(f"An entry not filled after {trading.entry_expires_s:g} s is cancelled.")
    if trading.naked_policy == "close":
        found.append("A position whose stop failed twice is closed at the market.")
    else:
        found.append("A position whose stop failed twice is held, and closed when the price meets its stop.")
    found.append(
        f"A stop that was met and has not filled after {trading.escalate_s:g} s is followed by a market order."
    )
    return tuple(found)
