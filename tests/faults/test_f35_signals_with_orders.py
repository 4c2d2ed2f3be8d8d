"""F35 and leaving: the real program gets SIGHUP or SIGTERM with an entry, a position and an unknown order."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import core.trading.sending
from core.messages import OpenTrade
from core.risk.gates import Gate, judge
from core.trading.authority import authorise
from core.trading.journal import read_journal
from core.trading.journal_records import Note
from providers.sandbox.limits import BinanceLimits
from tests.faults.live_program import Program, program, write_settings
from tests.faults.order_rig import SYMBOL, VENUES, OrderRig, ceil, floor, order_rig

D = Decimal
LIVE = ("headless", "--live", "--commands", "-")
OPEN = Gate("OPEN", "open", frozenset(), lambda view: pytest.fail("it holds nothing"))
RESTING, LOST = "BTCUSDT", "NOVAUSDT"
SLACK_S = 1.0


async def enter(rig: OrderRig, symbol: str) -> str:
    """An entry well below the market."""
    await rig.until(lambda: symbol in rig.quotes, f"a quote of {symbol}")
    rule = rig.rules.get(symbol)
    assert rule is not None
    entry = floor(D(repr(rig.quotes[symbol].bid)) * D("0.9"), rule.tick_size)
    wanted = OpenTrade(
        symbol=symbol, side="BUY", quantity=ceil(D(200) / entry, rule.lot_size), entry=entry,
        stop=floor(entry * D("0.96"), rule.tick_size), targets=(ceil(entry * D("1.2"), rule.tick_size),),
    )  # fmt: skip
    proposal = rig.path.propose(wanted)
    submission = await rig.path.send_entry(proposal, authorise(proposal.draft.spec, rig.clock.now_ms()))
    assert submission.sent, submission.words
    return proposal.draft.spec.client_id


async def left_open(rig: OrderRig) -> dict[str, str]:
    """A position with its stop, an entry in the book, and one nobody knows the outcome of; then the program is gone."""
    names = {SYMBOL: (await rig.entered()).client_id}
    await rig.until_protected()
    rig.provider.set_symbols([SYMBOL, RESTING, LOST], ("1m",))
    with pytest.MonkeyPatch.context() as monkeypatch:  # the rig tells the conditions of one market alone
        monkeypatch.setattr(core.trading.sending, "judge", lambda view, clock, gates=(): judge(view, clock, (OPEN,)))
        names[RESTING] = await enter(rig, RESTING)
        rig.faults.lose_request(f"POST {rig.place}", 1)
        names[LOST] = await enter(rig, LOST)
    await rig.until(lambda: rig.record(names[RESTING]).state == "WORKING", "the order in the book")
    await rig.until(lambda: rig.record(names[LOST]).state == "UNKNOWN", "the order unknown")
    await rig.stop_desk(close=False)
    rig.faults.clear()
    return names


@contextlib.asynccontextmanager
async def restarted(where: str, home: Path, on_quit: str) -> AsyncIterator[tuple[OrderRig, dict[str, str], Program]]:
    """The real program on what was left open, once it has compared everything with the exchange."""
    trading: dict[str, Any] = {"no_trace_s": 600.0, "answer_s": 1.0}
    async with order_rig(where, home / "tradetui", rate=1.0, start_ms=time.time_ns() // 1_000_000, **trading) as rig:
        names = await left_open(rig)
        write_settings(rig, home, trading=trading | {"on_quit": on_quit})
        async with program(rig, home, *LIVE) as running:
            await running.until(
                lambda: running.said("OrderStatus", client_id=names[LOST], state="UNKNOWN"), "the unknown"
            )
            await running.until(
                lambda: any(
                    one["stop"]["state"] == "VERIFIED" for one in running.said("PositionStatus", symbol=SYMBOL)
                ),
                "the position with its stop",
            )
            await running.until(lambda: running.said("AccountStatus", stream="SYNCED"), "everything compared")
            yield rig, names, running


@pytest.mark.parametrize(
    ("where", "number", "on_quit"), [(VENUES[0], signal.SIGTERM, "cancel"), (VENUES[2], signal.SIGHUP, "leave")]
)
async def test_f35_it_leaves_in_time_and_what_must_stand_stands(
    where: str, number: signal.Signals, on_quit: str, tmp_path: Path
) -> None:
    async with restarted(where, tmp_path, on_quit) as (rig, names, running):
        await second_start_is_refused(rig, tmp_path, running)
        stops, requests = rig.stops(), len(rig.requests)
        began = time.monotonic()
        running.process.send_signal(number)
        code, out, err = await running.end()
        assert code == 128 + number
        assert time.monotonic() - began < 5.0 + SLACK_S
        assert "Traceback" not in err + out
        (entry,) = rig.at_exchange(names[RESTING])
        assert entry.status == ("CANCELED" if on_quit == "cancel" else "NEW")
        assert rig.stops() == stops
        assert len(changes(rig, requests)) == (1 if on_quit == "cancel" else 0), (
            "the unknown one is not cancelled by guess"
        )
        (folder,) = rig.folder.glob("accounts/*/*/journal")
        last = [entry.record for entry in read_journal(folder) if isinstance(entry.record, Note)][-1]
        assert last.code == "STOP"
        assert names[LOST] in last.text.partition("unknown: ")[2]
        begin_minute(rig)
        await rig.start_desk(settled=False)
        desk = rig.path
        await rig.until(lambda: desk.reconciler.settled_ms > 0 and rig.stream() == "SYNCED", "everything compared")
        await rig.until_protected()
        assert desk.journal.repair is None
        assert rig.record(names[RESTING]).state == ("CANCELLED" if on_quit == "cancel" else "WORKING")
        assert rig.record(names[LOST]).state == "UNKNOWN"
        assert len([order for order in rig.orders() if order.spec.side == "BUY"]) == 2
        assert not rig.journal_differences()
        rig.no_secret_anywhere()


def begin_minute(rig: OrderRig) -> None:
    """The program's start has used much of this minute's weight, and reads would wait for the next minute, as they should."""
    if rig.venue == "binance_us":
        venue: Any = rig.exchange.venue
        venue.rest.limits = BinanceLimits()


async def second_start_is_refused(rig: OrderRig, home: Path, running: Program) -> None:
    """F24: a second program on the account names the first, and touches nothing of its orders (exit code 1)."""
    requests, orders = len(rig.requests), rig.orders()
    async with program(rig, home, *LIVE, name="second") as second:
        code, out, err = await second.end()
    assert code == 1
    assert f"account in use by process {running.process.pid}: quit that program first" in err
    assert "Traceback" not in err + out
    assert running.process.returncode is None
    assert changes(rig, requests) == []
    assert rig.orders() == orders


def changes(rig: OrderRig, since: int) -> list[str]:
    """Requests that place or cancel orders, of those from number `since` on."""
    return [what for _, what in rig.requests[since:] if "order" in what and not what.startswith("GET")]
