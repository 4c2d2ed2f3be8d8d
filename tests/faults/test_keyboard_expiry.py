"""Whatever changes between the review and the last key, at whichever step: the ticket expires, says what, and `r` reviews it anew.

Nothing is sent by it; what stands on the exchange's books is the judge.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.messages import Discrepancy, EditSetting, ThresholdsInForce, TicketStep
from tests.faults.keyboard_rig import STEPS, Keyboard, keyboard, plain
from tests.faults.order_rig import SYMBOL

SPOT, LINEAR = "binance_us-spot", "bybit-linear"
Change = Callable[[Keyboard], Awaitable[None]]


# --- what changes ----------------------------------------------------------------------------------------------------


async def price_drifts(hand: Keyboard) -> None:
    hand.rig.faults.spike(SYMBOL, 1.007, 3600.0)


async def price_leaps(hand: Keyboard) -> None:
    hand.rig.faults.spike(SYMBOL, 1.03, 3600.0)


async def quotes_stop(hand: Keyboard) -> None:
    hand.rig.faults.freeze(SYMBOL)


async def filters(hand: Keyboard) -> None:
    hand.rig.faults.change_rules(SYMBOL, tick_size=f"{hand.rig.rule.tick_size * 10:f}")
    await hand.rig.rules.refresh()


async def balance(hand: Keyboard) -> None:
    hand.rig.faults.take_balance("USDT", "1500")
    hand.rig.path.reconciler.ask()


async def risk_setting(hand: Keyboard) -> None:
    share = hand.rig.live.current.risk.risk_per_trade - 0.0005
    hand.running.ask(EditSetting(key="risk.risk_per_trade", value=f"{share:.4f}"))


async def thresholds(hand: Keyboard) -> None:
    known = hand.running.newest(ThresholdsInForce)
    values = known.values | {"high_gate": known.values["high_gate"] / 2}
    now = {name: getattr(known, name) for name in known.__struct_fields__}
    hand.rig.bus.publish(ThresholdsInForce(**(now | {"values": values})))


async def halted(hand: Keyboard) -> None:
    """One key, while a line is typed in, too."""
    await hand.press("H" if hand.ticket.step == "REVIEW" else "f12")


async def symbol_halted(hand: Keyboard) -> None:
    hand.rig.faults.halt_symbol(SYMBOL, True)
    await hand.rig.rules.refresh()


async def arming_runs_out(hand: Keyboard) -> None:
    hand.rig.path.risk.arm(0.005)


# --- what makes it as it was -----------------------------------------------------------------------------------------


def mid(hand: Keyboard) -> float:
    quote = hand.rig.quotes[SYMBOL]
    return 0.5 * (quote.bid + quote.ask)


async def mended(hand: Keyboard, price: float) -> None:
    """Everything above as it was, as far as an operator or a venue can."""
    rig = hand.rig
    rig.faults.clear()
    rig.faults.halt_symbol(SYMBOL, False)
    await rig.rules.refresh()
    await hand.until(lambda: abs(mid(hand) - price) < 0.003 * price, "the price as it was")
    rig.tell_conditions()
    for _ in range(20):
        if rig.path.risk.standing.state == "ACTIVE":
            break
        last = {row.key: row for row in rig.of(Discrepancy)}
        for key in [key for key, row in last.items() if not row.settled]:
            await rig.path.adopt(key)
        await rig.path.resume()
        await rig.clock.sleep(0.5)
    rig.path.risk.arm(60.0)
    await hand.until(lambda: not rig.denials(), "an entry that every gate lets pass")


async def expires(hand: Keyboard, step: TicketStep, change: Change, *words: str) -> None:
    """At this step: it expires, says so, and what was right before is no answer any more."""
    page = await hand.at(step)
    await change(hand)
    await hand.until(lambda: hand.ticket.step == "EXPIRED", f"expired at {step} by {change.__name__}")
    told = await hand.read("EXPIRED", "Nothing was sent", *words)
    assert "review it again" in told
    await hand.rig.clock.sleep(0.5)
    hand.answer(page)
    hand.answer(page, nonce=hand.ticket.nonce)
    await hand.press("enter", "n")
    assert hand.ticket.step == "EXPIRED"
    assert not hand.rig.requested(f"POST {hand.rig.place}"), "something was sent"


async def anew(hand: Keyboard) -> None:
    """`r` plans it anew, and it may be sent."""
    await hand.press("r")
    await hand.until(lambda: hand.ticket.step == "REVIEW" and hand.ticket.allowed, "reviewed anew")
    await hand.read("REVIEW")


CHANGES: dict[str, tuple[tuple[Change, tuple[str, ...]], ...]] = {
    "market": (
        (price_drifts, (f"{SYMBOL} mid ", "limit 0.5 %")),
        (price_leaps, (f"{SYMBOL} mid ", f"{SYMBOL} limit ", "limit 1.0 %")),
        (thresholds, (f"{SYMBOL} threshold high_gate 1 -> 0.5",)),
        (quotes_stop, (f"{SYMBOL} quote is ", "limit 8.0 s")),
    ),
    "venue": (
        (filters, (f"{SYMBOL} tick ",)),
        (symbol_halted, (f"{SYMBOL} status ", "not trading")),
        (balance, ("free USDT ",)),
    ),
    "operator": (
        (risk_setting, ("risk.risk_per_trade",)),
        (halted, ("trading ACTIVE -> HALTED",)),
        (arming_runs_out, ("armed -> disarmed",)),
    ),
}


@pytest.mark.parametrize("where", [SPOT, LINEAR])
@pytest.mark.parametrize("whose", ["market", "venue", pytest.param("operator", marks=pytest.mark.slow)])
async def test_what_changes_at_any_step_expires_it_and_it_can_be_reviewed_anew(where: str, whose: str, tmp_path: Path):
    async with keyboard(where, tmp_path, risk={"quote_age_s": 8.0, "daily_loss": 0.2}) as hand:
        await hand.arm()
        price = mid(hand)
        for number, (change, words) in enumerate(CHANGES[whose]):
            for step in STEPS:
                await expires(hand, step, change, *words)
                await mended(hand, price)
                if STEPS.index(step) == number % 3:  # each step once, each change once
                    await anew(hand)
        await hand.at("REVIEW")
        await hand.confirm()
        await hand.filled()
        assert len(hand.entries) == 1
        await hand.rig.oracle()


async def test_a_minute_is_up_at_any_step_and_a_half_typed_answer_is_gone(tmp_path: Path):
    async with keyboard(SPOT, tmp_path, ticket_s=10.0) as hand:
        await hand.arm()
        for step in STEPS:
            await hand.at(step)
            if step != "REVIEW":
                await hand.press("1")
            await hand.until(lambda: hand.ticket.step == "EXPIRED", "the time is up")
            await hand.read("EXPIRED", "reviewed more than 10 s ago")
            await hand.type(plain(hand.ticket.quantity))
            assert hand.ticket.step == "EXPIRED"
            await anew(hand)
        assert hand.rig.orders() == []
