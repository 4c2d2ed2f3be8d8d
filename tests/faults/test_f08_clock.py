"""F08: clocks that disagree, step and leap: signatures follow the venue, entries wait, and no timer of ours is moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.messages import OrderAlarm, OrderStatus
from tests.faults.order_rig import SYMBOL, USUAL, D, OrderRig, order_rig

TOO_EARLY = {
    "binance_us": (
        400,
        '{"code":-1021,"msg":"Timestamp for this request was 1000ms ahead of the server\'s time."}',
        "-1021",
    ),
    "bybit": (200, '{"retCode":10002,"retMsg":"invalid request, timestamp","result":{},"time":1}', "10002"),
}
"""How each venue refuses a timestamp: status, body, code."""
SKEWS = (
    ("binance_us-spot", 400),
    ("bybit-linear", -400),
    ("binance_us-spot", -700),
    ("bybit-linear", 700),
    ("binance_us-spot", -3000),
    ("bybit-linear", 3000),
    ("bybit-linear", -3000),
)
"""Half a second either way, a little less and a little more, and three."""
HOUR_MS = 3_600_000


def clock_denials(rig: OrderRig) -> list[str]:
    return [words for words in rig.denials() if words.startswith("CLOCK")]


def covered(rig: OrderRig) -> bool:
    stops = sum((order.spec.quantity - order.filled for order in rig.stops()), D(0))
    return 0 < stops <= rig.held() < stops + rig.rule.lot_size


@pytest.mark.parametrize("where", USUAL)
async def test_f08_a_refused_timestamp_is_measured_signed_anew_and_sent_once_more(where: str, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path) as rig:
        status, body, code = TOO_EARLY[rig.venue]
        begun = len(rig.requests)
        rig.faults.rest_error(status, 1, f"POST {rig.place}", body)
        record = await rig.entered(resting=True)
        assert rig.requested(f"POST {rig.place}", begun) == 2
        await rig.until(lambda: rig.record(record.client_id).state == "WORKING", "the order in the book")
        assert len(rig.orders()) == 1
        assert await rig.path.cancel_order(record.client_id) == ""
        await rig.until(lambda: rig.record(record.client_id).state == "CANCELLED", "the cancel")
        await rig.until(lambda: not rig.denials(quantity="0.3"), "the end of the trade")

        begun = len(rig.requests)
        rig.faults.rest_error(status, 5, f"POST {rig.place}", body)
        submission = await rig.enter(resting=True, quantity="0.3")
        assert submission.code == code
        assert submission.record is not None
        assert submission.record.state == "REJECTED"
        assert rig.requested(f"POST {rig.place}", begun) == 2, "sent a third time"
        assert len(rig.orders()) == 1
        rig.faults.clear()
        await rig.oracle()


@pytest.mark.parametrize(("where", "skew_ms"), SKEWS)
async def test_f08_a_venue_whose_clock_is_another_is_served_by_its_own_time(
    where: str, skew_ms: int, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path) as rig:
        entry = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(entry.client_id).state == "WORKING", "the order in the book")
        begun = len(rig.requests)
        rig.faults.skew_clock(skew_ms)
        rig.faults.partial_fill(entry.client_id, str(entry.spec.quantity / 2))
        await rig.until(lambda: covered(rig), "a stop for what has filled")
        assert await rig.path.cancel_order(entry.client_id) == ""
        await rig.until(lambda: rig.record(entry.client_id).state == "CANCELLED", "the cancel")
        places = [asked for _, asked in rig.requests[begun:] if asked.startswith("POST") and rig.place in asked]
        assert len(places) <= 2, "more than one new signature"
        assert len([order for order in rig.orders() if order.spec.type.startswith("STOP")]) == 1
        await rig.provider.sync_clock()
        if abs(skew_ms) < 500:
            assert not clock_denials(rig)
        else:
            (words,) = clock_denials(rig)
            assert "ms off the venue's, limit 500 ms: synchronise this machine's clock" in words
            refused = await rig.enter(resting=True)
            assert not refused.sent
        rig.faults.skew_clock(0)
        await rig.provider.sync_clock()
        await rig.until(lambda: not clock_denials(rig), "the clocks agree again")
        await rig.until_protected()
        await rig.oracle()


@pytest.mark.parametrize(("where", "skew_ms"), [("binance_us-spot", -15_000), ("bybit-linear", 15_000)])
async def test_f08_a_venue_that_leaps_is_followed_by_reads_orders_and_the_private_stream(
    where: str, skew_ms: int, tmp_path: Path
) -> None:
    async with order_rig(where, tmp_path) as rig:
        entry = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(entry.client_id).state == "WORKING", "the order in the book")
        rig.faults.skew_clock(skew_ms)
        rig.faults.private_drop()
        await rig.until(lambda: rig.stream() != "SYNCED", "the loss")
        await rig.until(lambda: rig.stream() == "SYNCED", "the stream, signed in by the venue's time")
        assert clock_denials(rig)
        rig.faults.fill(entry.client_id)
        await rig.until_protected()
        rig.faults.skew_clock(0)
        await rig.path.compare()
        await rig.until(lambda: not clock_denials(rig), "the clocks agree again")
        await rig.until(lambda: rig.stream() == "SYNCED", "the account, read by the venue's time")
        assert not [alarm.text for alarm in rig.of(OrderAlarm) if alarm.severity == "error"]
        await rig.oracle()


@pytest.mark.parametrize(("where", "step_ms"), [("binance_us-spot", -HOUR_MS), ("bybit-linear", HOUR_MS)])
async def test_f08_a_leap_of_this_machines_clock_moves_no_timer(where: str, step_ms: int, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, time_stop_min=30.0, entry_expires_s=1200.0) as rig:
        entry = await rig.entered(resting=True)
        await rig.until(lambda: rig.record(entry.client_id).state == "WORKING", "the order in the book")
        rig.faults.partial_fill(entry.client_id, str(entry.spec.quantity / 2))
        await rig.until(lambda: covered(rig), "a stop for what has filled")
        placed = rig.clock.monotonic() + 3.0
        await rig.until(lambda: rig.clock.monotonic() > placed, "whatever else follows the fill")
        await rig.until_settled()
        held = rig.held()
        assert not clock_denials(rig)
        rig.clock.step_ms = step_ms
        (words,) = clock_denials(rig)  # at once: nothing was measured since
        assert int(words.split()[2]) == pytest.approx(-step_ms, abs=5_000)
        begun = len(rig.requests)
        until = rig.clock.monotonic() + 12.0  # longer than it takes to notice, measure and compare
        await rig.until(lambda: rig.clock.monotonic() > until, "twelve seconds")
        assert clock_denials(rig), "measured anew, and as far away"
        assert rig.record(entry.client_id).state == "PARTIAL"
        assert rig.held() == held
        assert covered(rig)
        assert rig.path.trades.truth(SYMBOL).state == "VERIFIED"
        assert not [asked for _, asked in rig.requests[begun:] if "cancel" in asked or asked.startswith("DELETE")]
        assert not [order for order in rig.orders() if order.spec.type == "MARKET"]
        assert not [alarm.text for alarm in rig.of(OrderAlarm)]
        assert await rig.path.cancel_order(entry.client_id) == ""
        await rig.until(lambda: rig.record(entry.client_id).state == "CANCELLED", "the cancel")
        changes = [asked for _, asked in rig.requests[begun:] if "cancel" in asked or asked.startswith("DELETE")]
        assert len(changes) == 1, "the signature was stamped with our clock"
        rig.clock.step_ms = 0
        await rig.until(lambda: not clock_denials(rig), "the clocks agree again")
        await rig.until_protected()
        await rig.oracle()


@pytest.mark.parametrize(("where", "step_ms"), [("binance_us-spot", HOUR_MS), ("bybit-linear", -HOUR_MS)])
async def test_f08_a_leap_makes_no_silence_longer_than_it_was(where: str, step_ms: int, tmp_path: Path) -> None:
    async with order_rig(where, tmp_path, rate=30.0, answer_s=6.0, reconcile_orders_s=600.0) as rig:
        rig.faults.lose_request(f"POST {rig.place}", 1)
        record = await rig.entered(resting=True)
        states = lambda: [m.state for m in rig.of(OrderStatus) if m.client_id == record.client_id]  # noqa: E731
        await rig.until(lambda: "UNKNOWN" in states(), "the order unknown")
        began = rig.clock.monotonic()
        rig.clock.step_ms = step_ms
        await rig.until(lambda: "FAILED_CONFIRMED" in states(), "the proof")
        assert rig.clock.monotonic() - began >= 29.0
        assert not rig.orders()
        rig.clock.step_ms = 0
        await rig.oracle()


@pytest.mark.parametrize("step_ms", [HOUR_MS, -HOUR_MS])
async def test_f08_a_leap_neither_ends_the_arming_nor_prolongs_it(step_ms: int, tmp_path: Path) -> None:
    async with order_rig("binance_us-spot", tmp_path, rate=60.0, answer_s=10.0) as rig:
        risk = rig.path.risk
        assert risk.arm(2.0) == ""
        ends = rig.clock.monotonic() + 120.0
        rig.clock.step_ms = step_ms
        assert risk.status_fields()["armed_until_ms"] == pytest.approx(rig.clock.now_ms() + 120_000, abs=10_000)
        await rig.until(lambda: rig.clock.monotonic() >= ends, "two minutes")
        assert risk.status_fields()["armed_until_ms"] == 0
        rig.clock.step_ms = 0
        await rig.oracle()
