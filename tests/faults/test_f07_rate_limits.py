"""F07: after a refusal for too many requests only what protects is sent; after a ban nothing; a restart forgets neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.bus import Bus
from core.messages import OrderAlarm, PositionStatus, RestBan
from core.trading.order_record import OrderRecord
from core.venue import Banned
from providers.ban import DEFAULT_BAN_S
from tests.faults.order_rig import SYMBOL, D, OrderRig, order_rig
from tui.compose import keep_bans, make_provider

TWO = ("binance_us-spot", "bybit-linear")
OPEN_ORDERS = {"binance_us": "GET /api/v3/openOrders", "bybit": "GET /v5/order/realtime"}
PROTECTS = {
    "binance_us": ("POST /api/v3/order", "POST /api/v3/order/oco", "DELETE /api/v3/order"),
    "bybit": ("POST /v5/order/create", "POST /v5/order/cancel", "POST /v5/order/amend"),
}
"""What may be requested although everything else is to be silent."""
REFUSALS = (
    ("binance_us-spot", None, "429"),
    ("bybit-spot", 10, "10006"),
    ("bybit-linear", None, "429"),
)
"""How each venue refuses: with the time to wait or without, and with which code."""


def bans(rig: OrderRig) -> list[RestBan]:
    return [ban for ban in rig.of(RestBan) if ban.until_ms]


async def working(rig: OrderRig) -> OrderRecord:
    """An entry that rests."""
    record = await rig.entered(resting=True)
    await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
    return rig.record(record.client_id)


async def refuse_a_read(rig: OrderRig, retry_after_s: int | None) -> RestBan:
    """The next comparison is refused for too many requests."""
    rig.faults.too_many_requests(1, retry_after_s, OPEN_ORDERS[rig.venue])
    await rig.path.compare()
    await rig.until(lambda: bans(rig), "the refusal told")
    return bans(rig)[-1]


def covered(rig: OrderRig) -> bool:
    stops = sum((order.spec.quantity - order.filled for order in rig.stops()), D(0))
    return 0 < stops <= rig.held() < stops + rig.rule.lot_size


@pytest.mark.parametrize(
    ("where", "retry_after_s"),
    [("binance_us-spot", 30), ("binance_us-spot", None), ("bybit-spot", None), ("bybit-linear", 30)],
)
async def test_f07_until_the_deadline_only_what_protects_is_sent(
    where: str, retry_after_s: int | None, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path, rate=15.0 if retry_after_s else 6.0) as rig:
        entry = await working(rig)
        ban = await refuse_a_read(rig, retry_after_s)
        lasts_s = (ban.until_ms - ban.at_ms) / 1000
        assert lasts_s == pytest.approx(retry_after_s or 10.0, abs=1.0)
        assert f"{lasts_s:.0f} s" in ban.reason
        assert ban.status == 429
        assert any("RATE_BUDGET" in words and "silence" in words for words in rig.denials())
        rig.faults.partial_fill(entry.client_id, str(entry.spec.quantity / 2))
        await rig.until(lambda: covered(rig), "a stop for what has filled")
        assert await rig.path.cancel_order(entry.client_id) == ""
        await rig.until(lambda: rig.record(entry.client_id).state == "CANCELLED", "the cancel")
        assert rig.clock.now_ms() < ban.until_ms, "the machine is too slow for this test"
        refused = await rig.enter(quantity="0.3")
        assert not refused.sent
        await rig.until(lambda: rig.clock.now_ms() >= ban.until_ms, "the deadline")
        during = rig.requested_between(ban.at_ms, ban.until_ms - 50)
        assert not [asked for asked in during if asked not in PROTECTS[rig.venue]]
        await rig.until_protected()
        await rig.until(lambda: not any("RATE_BUDGET" in words for words in rig.denials()), "entries again")
        await rig.oracle()


@pytest.mark.parametrize("where", TWO)
async def test_f07_entries_leave_a_reserve_that_stops_and_cancels_use(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, reconcile_orders_s=600.0, reconcile_account_s=600.0) as rig:
        entry = await working(rig)
        budget = rig.path.broker._rest.budget  # type: ignore[attr-defined]
        limit = budget.limits["ORDERS 10S"] if rig.venue == "binance_us" else budget._address
        if rig.venue == "binance_us":
            await rig.until(lambda: rig.clock.now_ms() % 10_000 < 2_000, "a fresh window")
        limit.take(round(limit.limit * 0.9) - limit.used)
        assert any("RATE_BUDGET" in words and "limit 50.0 % for entry orders" in words for words in rig.denials())
        began = rig.clock.monotonic()
        rig.faults.partial_fill(entry.client_id, str(entry.spec.quantity / 2))
        await rig.until(lambda: covered(rig), "a stop for what has filled")
        assert await rig.path.cancel_order(entry.client_id) == ""
        await rig.until(lambda: rig.record(entry.client_id).state == "CANCELLED", "the cancel")
        assert not bans(rig)
        assert rig.clock.monotonic() - began < 8.0, "they waited for the next window, or the machine is too slow"
        await rig.until(lambda: not any("RATE_BUDGET" in words for words in rig.denials()), "a fresh window")
        await rig.until_protected()
        await rig.oracle()


@pytest.mark.parametrize(("where", "retry_after_s", "code"), REFUSALS)
async def test_f07_an_entry_refused_for_the_limit_is_rejected_and_not_repeated(
    where: str, retry_after_s: int | None, code: str, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path) as rig:
        begun = len(rig.requests)
        rig.faults.too_many_requests(1, retry_after_s, f"POST {rig.place}")
        submission = await rig.enter()
        assert submission.code == code
        assert submission.record is not None
        assert submission.record.state == "REJECTED"
        ban = bans(rig)[-1]
        assert any("RATE_BUDGET" in words and "silence" in words for words in rig.denials(quantity="0.4"))
        await rig.until(lambda: rig.clock.now_ms() > ban.until_ms + 5_000, "the deadline")
        assert rig.requested(f"POST {rig.place}", begun) == 1
        assert not rig.orders()
        await rig.until(lambda: not rig.denials(quantity="0.2"), "entries again")
        await rig.oracle()


@pytest.mark.parametrize("where", TWO)
async def test_f07_a_stop_refused_for_the_limit_is_tried_again_and_not_given_up(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, naked_alarm_s=60.0, stop_within_s=20.0) as rig:
        entry = await working(rig)
        rig.faults.too_many_requests(3, 20, f"POST {rig.place}")
        rig.faults.fill(entry.client_id)
        await rig.until(lambda: covered(rig), "the stop at the fourth try")
        assert "STOP_REFUSED" not in rig.alarms()
        assert "NAKED" not in rig.alarms()
        told = [alarm for alarm in rig.of(OrderAlarm) if alarm.code == "NOT_SENT"]
        assert SYMBOL in told[0].text
        assert "tried again" in told[0].text
        await rig.until_protected()
        await rig.oracle()


@pytest.mark.parametrize("where", TWO)
async def test_f07_during_a_ban_there_is_the_feed_alone_and_a_restart_keeps_it(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DEFAULT_BAN_S, 403, 60.0)  # ten minutes: Bybit does not say for how long
    async with order_rig(where, tmp_path, rate=20.0, naked_policy="hold") as rig:
        entry = await working(rig)
        rig.faults.ban(58.0)
        await rig.path.compare()
        await rig.until(lambda: bans(rig), "the ban told")
        ban = bans(rig)[-1]
        assert ban.status == {"binance_us": 418, "bybit": 403}[rig.venue]
        words = await rig.path.cancel_order(entry.client_id)
        assert "BANNED" in words
        assert f"HTTP {ban.status}" in words
        rig.faults.fill(entry.client_id)
        await rig.until(lambda: rig.of(PositionStatus) and rig.of(PositionStatus)[-1].stop.state == "NAKED", "naked")
        begun = len(rig.requests)
        await rig.stop_desk(close=False)
        await rig.start_desk(settled=False)
        await rig.until(lambda: rig.path.trades.truth(SYMBOL).state == "NAKED", "naked after the restart")
        assert any("RATE_BUDGET" in words and "silence" in words for words in rig.denials())
        quotes = rig.quotes[SYMBOL]
        await rig.until(lambda: rig.quotes[SYMBOL] is not quotes, "the feed goes on")
        assert rig.clock.now_ms() < ban.until_ms, "the machine is too slow for this test"
        await rig.until(lambda: rig.clock.now_ms() >= ban.until_ms, "the end of the ban")
        assert [asked for at_ms, asked in rig.requests[begun:] if at_ms < ban.until_ms - 500] == []
        await rig.until_protected()
        assert not [alarm.text for alarm in rig.of(OrderAlarm) if alarm.code == "STOP_REFUSED"]
        await rig.oracle()


@pytest.mark.parametrize("where", TWO)
async def test_f07_after_a_restart_the_market_part_asks_a_banned_venue_for_nothing(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, desk=False) as rig:
        await rig.start_desk(settled=False)
        rig.faults.ban(600.0)
        await rig.path.compare()
        await rig.until(lambda: bans(rig), "the ban told")
        await rig.stop()
        begun, bus = len(rig.requests), Bus(rig.clock)
        provider = make_provider(rig.settings, bus, rig.clock)
        keep_bans(rig.folder, rig.clock, bus, provider)
        for request in (provider.instruments, provider.tickers, provider.sync_clock):
            with pytest.raises(Banned):
                await request()
        await provider.close()
        assert len(rig.requests) == begun
