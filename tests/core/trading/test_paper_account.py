"""The simulated account: it survives a restart, is never replaced unasked, and starts anew on the operator's word."""

from __future__ import annotations

import asyncio
import errno
import os
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from core.messages import Fault, OrderAlarm
from core.settings_trading import Paper
from core.trading.broker import NotSent
from core.trading.order import OrderReport
from core.trading.paper_state import PaperState
from core.venue import Fatal, Rejected, Retryable
from tests.core.trading.market import instrument, order
from tests.core.trading.paper_rig import SYMBOL, T0, Rig, d, key, only


async def test_the_account_survives_a_restart(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1))
        await rig.placed(order("c2", "SELL", "0.5", 110))
        before = await rig.broker.snapshot()
    async with Rig(tmp_path, start_ms=T0 + 3_600_000, paper=Paper(balance=77.0)) as rig:
        assert rig.listener.streams == ["UP"]
        after = await rig.broker.snapshot()
        assert after.balances == before.balances
        (report,) = await rig.broker.open_orders()
        assert (report.spec.client_id, report.spec.price) == ("c2", d(110))
        assert len((await rig.broker.trades(SYMBOL, 0)).fills) == 1
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        rig.trade(111.0, 9.0)
        assert rig.listener.brief() == [("c2", "FILLED")]


async def test_after_a_restart_the_old_book_fills_nothing(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1, 90))
    async with Rig(tmp_path) as rig:
        placed = await rig.placed(order("c2", "BUY", 1))
        assert placed.reports[-1].filled == 0


async def test_what_is_told_is_on_the_disk_already(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:

        def on_disk(report: OrderReport) -> None:
            kept = msgspec.json.decode(rig.path.read_bytes(), type=PaperState)
            assert kept.engine.books == {}, "what the market looked like is nothing to keep"
            assert kept.engine.orders[report.order_id].filled >= report.filled
            seen.append(report.order_id)

        seen: list[str] = []
        rig.listener.before = on_disk
        rig.book([(99.0, 5.0)], [(101.0, 0.5)])
        await rig.placed(order("c1", "BUY", 1, 101))
        rig.trade(100.0, 9.0, "SELL")
        assert len(seen) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged"),
        (b'{"venue": 5}', "is damaged"),
        (None, "has format 2, this version knows 1"),
        ("bybit", "belongs to bybit spot, not to binance_us spot"),
    ],
)
async def test_a_file_that_cannot_be_used_is_set_aside_and_never_replaced(
    tmp_path: Path, content: bytes | str | None, words: str
) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1))
    kept = msgspec.json.decode(rig.path.read_bytes())
    if content is None:
        content = msgspec.json.encode({**kept, "format": 2})
    elif isinstance(content, str):
        content = msgspec.json.encode({**kept, "venue": content})
    rig.path.write_bytes(content)
    rig = Rig(tmp_path, paper=Paper(balance=500.0, latency_ms=0, jitter_ms=0))
    with pytest.raises(Fatal, match=words):
        await rig.broker.run(rig.listener)
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes() == content
    (alarm,) = only(rig.said, OrderAlarm)
    assert (alarm.code, alarm.severity) == ("PAPER_STATE", "error")
    assert words in alarm.text
    assert aside.name in alarm.text
    with pytest.raises(NotSent, match="reset the paper account"):
        await rig.broker.place(rig.permit(order("c2", "BUY", 1)), order("c2", "BUY", 1))
    for request in (rig.broker.snapshot(), rig.broker.open_orders(), rig.broker.query(key("c1"))):
        with pytest.raises(Fatal, match=words):
            await request
    assert not rig.path.exists()
    assert len(only(rig.said, OrderAlarm)) == 1
    assert rig.broker.reset() == ""
    async with rig:
        assert await rig.free("USDT") == d(500)


@pytest.mark.parametrize("listed", [True, False])
async def test_rules_that_changed_or_went_do_not_keep_the_account_from_opening(tmp_path: Path, listed: bool) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1, "90.1"))
    rig = Rig(tmp_path)
    rig.venue.listed = {SYMBOL: instrument(tick_size=d("0.5"), lot_size=d("0.1"))} if listed else {}
    async with rig:
        assert len(await rig.broker.open_orders()) == 1
        rig.book([(89.5, 5.0)], [(92.0, 5.0)])
        rig.trade(89.0, 9.0, "SELL")
        assert rig.listener.brief() == [("c1", "FILLED")]
        assert rig.listener.reports[-1].filled_quote == d("90.1")
    if listed:
        async with rig:
            with pytest.raises(Rejected, match="PRICE_FILTER"):
                await rig.placed(order("c2", "BUY", 1, "90.1"))


async def test_trades_that_may_have_been_forgotten_are_no_complete_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.trading.paper.KEEP_ORDERS", 3)
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        for n in range(2):
            await rig.placed(order(f"c{n}", "BUY", "0.1"))
        assert (await rig.broker.trades(SYMBOL, 0)).complete
        await rig.placed(order("c2", "BUY", "0.1"))
        first, _, last = (await rig.broker.trades(SYMBOL, 0)).fills
        assert not (await rig.broker.trades(SYMBOL, 0)).complete
        assert not (await rig.broker.trades(SYMBOL, first.at_ms)).complete
        newest = await rig.broker.trades(SYMBOL, last.at_ms)
        assert (newest.complete, newest.fills) == (True, (last,))


async def test_reset_starts_anew_and_is_refused_while_something_is_open(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1))
        await rig.placed(order("c2", "SELL", "0.5", 110))
        assert "close everything first" in rig.broker.reset()
        await rig.done(rig.broker.cancel(key("c2")))
        sent = asyncio.ensure_future(rig.place(order("c3", "BUY", 1, 90)))
        await rig.clock.advance(0.01)
        assert "close everything first" in rig.broker.reset()
        await rig.clock.advance(0.1)
        await sent
        await rig.done(rig.broker.cancel(key("c3")))
        assert rig.broker.reset() == ""
        assert rig.listener.balances == {"USDT": rig.listener.balances["USDT"]}
        assert await rig.free("USDT") == d(10_000)
        assert (await rig.broker.trades(SYMBOL, 0)).fills == ()
    async with Rig(tmp_path) as rig:
        assert await rig.free("USDT") == d(10_000)


@pytest.mark.parametrize(
    ("asset", "quotes", "expected"),
    [
        ("", ("USD", "USDT"), "USDT"),
        ("", ("USD", "USD", "EUR"), "USD"),
        ("", (), "USDT"),
        ("BRL", ("USDT",), "BRL"),
    ],
)
async def test_the_balance_is_in_what_the_venue_quotes(
    tmp_path: Path, asset: str, quotes: tuple[str, ...], expected: str
) -> None:
    rig = Rig(tmp_path, paper=Paper(asset=asset, balance=1234.5))
    rig.venue.listed = {f"X{n}": instrument(symbol=f"X{n}", quote=quote) for n, quote in enumerate(quotes)}
    rig.venue.listed["OLD"] = instrument(symbol="OLD", quote="ZZZ", trading=False)
    async with rig:
        assert await rig.free(expected) == d("1234.5")


async def test_a_venue_that_cannot_be_reached_delays_the_first_opening(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.venue.down = True
    with pytest.raises(Retryable):
        await rig.broker.snapshot()
    with pytest.raises(NotSent):
        await rig.place(order("c1", "BUY", 1))
    rig.venue.down = False
    async with rig:
        assert await rig.free("USDT") == d(10_000)


async def test_a_full_disk_is_told_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            await rig.placed(order("c1", "BUY", 1, 90))
        fault = only(rig.said, Fault)[0]
        assert "No space left on device" in fault.message
        assert rig.listener.brief() == [("c1", "NEW")]
        assert msgspec.json.decode(rig.path.read_bytes(), type=PaperState).engine.orders == {}
        await rig.done(rig.broker.cancel(key("c1")))
        assert len(only(rig.said, Fault)) == 1


# --- perpetuals ------------------------------------------------------------------------------------------------------


async def opened(rig: Rig, quantity: float = 2) -> None:
    rig.book([(99.0, 50.0)], [(101.0, 50.0)])
    rig.mark(100.0, rate=0.001, next_ms=T0 + 60_000)
    await rig.broker.set_leverage(SYMBOL, d(4))
    await rig.placed(order("c1", "BUY", quantity))


async def test_a_perpetual_position_has_margin_and_a_mark(tmp_path: Path) -> None:
    async with Rig(tmp_path, "bybit", "linear") as rig:
        rig.quote(10.0, 10.1, symbol="ETHUSDT")
        await opened(rig)
        rig.mark(105.0, rate=0.001, next_ms=T0 + 60_000)
        snapshot = await rig.broker.snapshot()
        held, flat = snapshot.positions
        assert (held.symbol, held.size, held.entry_price, held.mark_price) == (SYMBOL, d(2), d(101), d(105))
        assert (held.leverage, held.margin, held.margin_mode) == (d(4), d("50.5"), "isolated")
        assert (flat.symbol, flat.size, flat.leverage, flat.position_mode) == ("ETHUSDT", d(0), d(1), "one-way")
        assert snapshot.balances["USDT"].locked == d("50.5")
        assert [position.symbol for position in rig.listener.positions] == [SYMBOL]
    async with Rig(tmp_path, "bybit", "linear") as rig:
        rig.quote(99.0, 101.0)
        assert [one.leverage for one in (await rig.broker.snapshot()).positions] == [d(4)]


async def test_funding_is_paid_once_when_it_falls_due(tmp_path: Path) -> None:
    paid: list[tuple[str, Decimal]] = []
    async with Rig(tmp_path, "bybit", "linear") as rig:
        rig.broker.on_funding = lambda symbol, amount: paid.append((symbol, amount))
        await opened(rig)
        before = rig.listener.balances["USDT"].free
        await rig.clock.advance(59)
        assert paid == []
        await rig.clock.advance(2)
        assert paid == [(SYMBOL, d("0.2"))]
        assert rig.listener.balances["USDT"].free == before - d("0.2")
        rig.mark(100.0, rate=0.002, next_ms=T0 + 28_860_000)
        await rig.clock.advance(60)
        assert len(paid) == 1
    async with Rig(tmp_path, "bybit", "linear", start_ms=T0 + 62_000) as rig:
        rig.broker.on_funding = lambda symbol, amount: paid.append((symbol, amount))
        rig.mark(100.0, rate=0.001, next_ms=T0 + 60_000)
        rig.mark(100.0, rate=0.001, next_ms=T0 + 60_000)
        assert len(paid) == 1, "what was settled before the restart is not settled again"


async def test_funding_that_fell_due_before_a_position_was_opened_is_not_its(tmp_path: Path) -> None:
    paid: list[tuple[str, Decimal]] = []
    async with Rig(tmp_path, "bybit", "linear") as rig:
        rig.broker.on_funding = lambda symbol, amount: paid.append((symbol, amount))
        rig.mark(100.0, rate=0.001, next_ms=T0 + 60_000)
        await rig.clock.advance(90)
        rig.book([(99.0, 50.0)], [(101.0, 50.0)])
        await rig.placed(order("c1", "BUY", 1))
        await rig.clock.advance(10)
        assert rig.listener.positions
        assert paid == []


async def test_a_mark_price_beyond_the_margin_liquidates(tmp_path: Path) -> None:
    async with Rig(tmp_path, "bybit", "linear") as rig:
        await opened(rig)
        rig.mark(70.0)
        assert rig.listener.reports[-1].reject_reason == "Liquidation"
        assert rig.listener.positions == ()


async def test_leverage_out_of_range_is_refused(tmp_path: Path) -> None:
    async with Rig(tmp_path, "bybit", "linear") as rig:
        with pytest.raises(Rejected, match="Leverage"):
            await rig.broker.set_leverage(SYMBOL, d(101))
        with pytest.raises(Rejected, match="invalid"):
            await rig.broker.set_leverage("NOPE", d(2))


async def test_a_recording_trades_like_the_venue_it_most_resembles(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "recorded")
    rig.venue.listed = {SYMBOL: replace(instrument("recorded"), order_types=(), oco_allowed=False)}
    async with rig:
        assert rig.broker.features.oco
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        rig.trade(100.0)
        await rig.placed(order("c1", "BUY", 1))
        target = order("t1", "SELL", "0.999", 110, list_id="L1", post_only=True)
        stop = order("s1", "SELL", "0.999", 90, "STOP_LOSS_LIMIT", stop_price=95, list_id="L1")
        both = await rig.done(rig.broker.place_pair((rig.permit(target), rig.permit(stop)), target, stop))
        assert all(leg.order_id for leg in both)
