"""F30: whatever ends the private stream, entries wait until the account was read anew, and what happened meanwhile is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from core.messages import AccountStatus, Discrepancy, Execution
from core.trading.order_record import OrderRecord
from providers.link import Link
from tests.faults.order_rig import SYMBOL, D, OrderRig, floor, order_rig

ACCOUNT = {"binance_us": "GET /api/v3/account", "bybit": "GET /v5/account/wallet-balance"}
"""What the snapshot is read from."""
ENDS = (
    ("binance_us-spot", "cut"),
    ("binance_us-spot", "stolen"),
    ("binance_us-spot", "key expires"),
    ("binance_us-spot", "key stolen"),
    ("bybit-spot", "cut"),
    ("bybit-linear", "cut"),
    ("bybit-linear", "stolen"),
)
"""How a private stream ends, by venue: after 24 hours without a word, by another connection, with its listen key."""


async def working(rig: OrderRig) -> OrderRecord:
    """An entry that rests."""
    record = await rig.entered(resting=True)
    await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
    return rig.record(record.client_id)


async def use_listen_key(rig: OrderRig) -> None:
    """Binance's other mechanism, from now on."""
    begun = len(rig.requests)
    rig.path.broker.stream.mechanism = "listen_key"  # type: ignore[attr-defined]
    rig.faults.steal_stream()
    await rig.until(lambda: rig.requested("POST /api/v3/userDataStream", begun), "a listen key")
    await rig.until(lambda: rig.stream() == "SYNCED", "the stream by listen key")
    assert rig.accounts.listeners


def end_stream(rig: OrderRig, how: str) -> None:
    if how == "cut":
        assert rig.faults.private_drop() == 1
    elif how == "key expires":
        assert rig.faults.expire_listen_key() == 1
    else:
        assert rig.faults.steal_stream() == 1


def private_link(rig: OrderRig) -> Link:
    """The link the private stream runs on now."""
    broker: Any = rig.path.broker
    link = broker.stream._links[broker.stream.mechanism] if rig.venue == "binance_us" else broker._stream.link
    assert isinstance(link, Link)
    return link


def stream_denials(rig: OrderRig) -> list[str]:
    return [words for words in rig.denials() if words.startswith("PRIVATE_STREAM")]


def covered(rig: OrderRig) -> bool:
    stops = sum((order.spec.quantity - order.filled for order in rig.stops()), D(0))
    return 0 < stops <= rig.held() < stops + rig.rule.lot_size


@pytest.mark.parametrize(("where", "how"), ENDS)
async def test_f30_entries_wait_for_the_snapshot_and_the_fill_of_the_gap_is_found(
    where: str, how: str, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path) as rig:
        if how.startswith("key"):
            await use_listen_key(rig)
        entry = await working(rig)
        rig.faults.rest_error(503, -1, ACCOUNT[rig.venue])
        end_stream(rig, how)
        rig.faults.private_freeze(0.5)  # nothing of this fill is told to anybody
        rig.faults.fill(entry.client_id)
        await rig.until(lambda: rig.stream() == "DOWN", "the loss")
        assert any("is DOWN" in words for words in stream_denials(rig))
        await rig.until(lambda: rig.stream() == "GAP", "a stream again")
        await rig.until(lambda: rig.record(entry.client_id).state == "FILLED", "the fill found")
        await rig.until(lambda: covered(rig), "its stop, for which no entry's gate counts")
        until = rig.clock.monotonic() + 10.0
        await rig.until(lambda: rig.clock.monotonic() > until, "ten seconds without a snapshot")
        (words,) = stream_denials(rig)
        assert words == "PRIVATE_STREAM is GAP: wait until it is back and its snapshot is applied"
        refused = await rig.enter(resting=True, quantity="0.2")
        assert not refused.sent
        rig.faults.rest.clear()
        await rig.until(lambda: rig.stream() == "SYNCED", "the snapshot")
        assert not stream_denials(rig)
        assert {"DOWN", "GAP", "SYNCED"} <= {status.stream for status in rig.of(AccountStatus)}
        fills = [fill for fill in rig.of(Execution) if fill.client_id == entry.client_id]
        assert sum(fill.quantity for fill in fills) == entry.spec.quantity
        await rig.until_protected()
        await rig.oracle()
        rig.no_secret_anywhere()


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f30_a_snapshot_asked_for_before_the_gap_does_not_end_it(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0, reconcile_account_s=600.0) as rig:
        read = ACCOUNT[rig.venue]
        asked_at_end: list[int] = []
        tell = rig.path.risk.on_stream

        def noted(state: Literal["SYNCED", "GAP", "DOWN"]) -> None:
            if state == "SYNCED":
                asked_at_end.append(rig.requested(read))
            tell(state)

        rig.path.risk.on_stream = noted  # type: ignore[method-assign]
        rig.faults.delay_answer(read, 20.0, 1)
        await rig.path.compare()
        await rig.until(lambda: rig.faults.counts["delay_answer"], "a snapshot on its way")
        rig.faults.private_drop()
        await rig.until(lambda: rig.stream() == "GAP", "a stream again")
        asked = rig.requested(read)
        await rig.until(lambda: rig.stream() == "SYNCED", "everything compared")
        assert asked_at_end[0] > asked, "the snapshot was older than the gap"
        await rig.oracle()


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f30_cancels_orders_and_money_of_the_gap_are_found(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0, reconcile_account_s=600.0) as rig:
        entry = await working(rig)
        rig.faults.private_drop()
        rig.faults.cancel_elsewhere(entry.client_id)
        low = floor(entry.spec.price * D("0.98"), rig.rule.tick_size)
        foreign = rig.faults.foreign_order(SYMBOL, "BUY", str(low), "0.1")
        rig.faults.take_balance(rig.rule.quote, "123")
        await rig.until(lambda: rig.record(entry.client_id).state == "CANCELLED", "the cancel found")
        await rig.until(lambda: rig.stream() == "SYNCED", "everything compared")

        def told(kind: str) -> list[str]:
            return [one.text for one in rig.of(Discrepancy) if one.kind == kind]

        await rig.until(lambda: told("FOREIGN_ORDER"), "the foreign order told")
        assert foreign in told("FOREIGN_ORDER")[-1]
        assert "not touched" in told("FOREIGN_ORDER")[-1]
        if rig.category == "spot":
            await rig.until(lambda: told("BALANCE"), "the money told")
            assert rig.rule.quote in told("BALANCE")[-1]
            assert rig.path.risk.status_fields()["state"] == "REDUCING"
        assert [order.order_id for order in rig.orders(open_only=True)] == [foreign]
        await rig.oracle()


@pytest.mark.parametrize("where", ["binance_us-spot", "bybit-linear"])
async def test_f30_a_stream_stolen_again_and_again_is_taken_back_each_time(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, naked_alarm_s=60.0) as rig:
        entry = await working(rig)
        share = floor(entry.spec.quantity / 4, rig.rule.lot_size)
        for number in range(1, 4):
            assert rig.faults.steal_stream() == 1
            rig.faults.partial_fill(entry.client_id, str(share))
            await rig.until(lambda: rig.stream() != "SYNCED", "the loss")
            await rig.until(lambda: rig.stream() == "SYNCED", "the stream back")
            await rig.until(lambda n=number: rig.record(entry.client_id).filled == n * share, "its fill")  # type: ignore[misc]
        await rig.until(lambda: covered(rig), "a stop for all that has filled")
        assert await rig.path.cancel_order(entry.client_id) == ""
        await rig.until_protected()
        await rig.oracle()


@pytest.mark.parametrize("where", ["binance_us-spot by key", "bybit-linear"])
async def test_f30_a_socket_is_replaced_before_its_24_hours_are_over_and_nothing_is_missed(
    where: str, tmp_path: Path
) -> None:
    async with order_rig(where.removesuffix(" by key"), tmp_path, desk=False, naked_alarm_s=60.0) as rig:
        rig.settings = replace(rig.settings, feed=replace(rig.settings.feed, rotate_hours=10.0 / 3600))
        await rig.start_desk()
        if where.endswith("by key"):
            await use_listen_key(rig)
        link = private_link(rig)
        entry = await working(rig)
        share = floor(entry.spec.quantity / 4, rig.rule.lot_size)
        # The account is told once a second: what the last telling says may be of the time before the listen key.
        await rig.until(lambda: rig.of(AccountStatus)[-1].stream == "SYNCED", "the account told as compared")
        states: set[str] = set()
        rig.bus.subscribe(AccountStatus, lambda status: states.add(status.stream))
        for number in range(1, 3):
            rotations = link.rotations
            await rig.until(lambda: link.overlapping, "two sockets")
            rig.faults.partial_fill(entry.client_id, str(share))
            await rig.until(lambda n=number: rig.record(entry.client_id).filled == n * share, "its fill")  # type: ignore[misc]
            await rig.until(lambda n=rotations: link.rotations > n, "one socket again")  # type: ignore[misc]
        assert states == {"SYNCED"}
        fills = [fill.quantity for fill in rig.of(Execution) if fill.client_id == entry.client_id]
        assert fills == [share] * 2
        assert await rig.path.cancel_order(entry.client_id) == ""
        await rig.until_protected()
        await rig.oracle()


async def test_f30_a_key_that_expires_without_a_word_is_noticed_by_the_next_order(tmp_path: Path) -> None:
    async with order_rig("binance_us-spot", tmp_path) as rig:
        await use_listen_key(rig)
        rig.faults.private_freeze(3600.0)
        assert rig.faults.expire_listen_key() == 1
        rig.faults.private_freeze(0.0)
        assert rig.stream() == "SYNCED"
        entry = await working(rig)
        await rig.until(lambda: rig.stream() != "SYNCED", "the silence noticed")
        await rig.until(lambda: rig.stream() == "SYNCED", "a stream that speaks")
        rig.faults.fill(entry.client_id)
        await rig.until(lambda: rig.record(entry.client_id).state == "FILLED", "the fill, told")
        await rig.until_protected()
        await rig.oracle()
