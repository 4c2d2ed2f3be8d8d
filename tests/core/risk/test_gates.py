"""The gates together: their order, every one asked, and every kind of ignorance denied."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict, replace

from core.risk.gates import ENTRY, GATES, Gate, Verdicts, judge
from core.risk.verdict import Allow, Deny, Finding, Verdict, passes
from core.risk.view import RiskView
from tests.core.risk.views import ask, changed, denied, entry, held, instrument, order

ORDER_OF_FAULTS = (
    "ARMED", "TRADING_STATE", "REDUCES_ONLY", "JOURNAL", "CLOCK", "PRIVATE_STREAM", "SYMBOL_STATUS", "RULES_AGE",
    "QUOTE_AGE", "BOOK", "ORDER_FORM", "PERCENT_PRICE", "PRICE_COLLAR", "CONFIRMED_PRICE", "NOTIONAL", "BALANCE",
    "MARGIN", "LIQUIDATION", "ORDER_EXPOSURE", "SYMBOL_EXPOSURE", "TOTAL_EXPOSURE", "OPEN_ORDERS", "DAILY_LOSS",
    "DRAWDOWN", "LOSS_STREAK", "LOCKS", "RATE_BUDGET", "ORDER_RATE", "DUPLICATE_INTENT", "PROTECTIVE_STOP",
    "AUTHORISATION", "MAX_POSITIONS", "RISK_PER_TRADE", "MIN_RATIO", "CORRELATION_HEAT", "TRADING_HOURS",
    "VOLATILITY", "SPREAD",
)  # fmt: skip
PERPETUAL_ONLY = {
    "quote.mark", "conditions.atr_15m", "account.leverage", "account.margin_mode", "account.position_mode",
    "plan.liquidation",
}  # fmt: skip
PARTS = ("session", "quote", "conditions", "account", "loss", "budget", "plan", "authorisation")


def ratio_filter(category: str) -> RiskView:
    """The sound entry where the venue has a percent-price filter too, so that its reference is needed."""
    return entry(category, instrument=instrument(category, price_up_ratio=Decimal(5), price_down_ratio=Decimal("0.2")))


def fields(view: RiskView) -> Iterator[str]:
    yield from ("order", "instrument", "rules_age_s")
    for part in PARTS:
        yield from (f"{part}.{name}" for name in asdict(getattr(view, part)))


def put(view: RiskView, field: str, value: object) -> RiskView:
    return changed(view, **{field.replace(".", "__"): value})


def test_the_gates_stand_in_the_agreed_order_once_each() -> None:
    assert tuple(gate.code for gate in GATES) == ORDER_OF_FAULTS
    assert len({gate.label for gate in GATES}) == len(GATES)


@pytest.mark.parametrize("category", ["linear", "spot"])
def test_a_sound_entry_passes_every_gate(category: str) -> None:
    found = ask(ratio_filter(category))
    assert [answer.code for answer in found.answers] == list(ORDER_OF_FAULTS)
    assert found.allowed
    assert found.raised == 0


@pytest.mark.parametrize("category", ["linear", "spot"])
def test_an_entry_is_denied_by_any_fact_that_is_missing(category: str) -> None:
    view = ratio_filter(category)
    for field in fields(view):
        found = ask(put(view, field, None))
        needed = category == "linear" or field not in PERPETUAL_ONLY
        assert found.allowed != needed, field
        assert found.raised == 0, field


@pytest.mark.parametrize("category", ["linear", "spot"])
def test_an_entry_is_denied_by_any_number_that_is_none(category: str) -> None:
    view = ratio_filter(category)
    numbers = 0
    for field in fields(view):
        part, _, name = field.partition(".")
        value = getattr(getattr(view, part), name) if name else getattr(view, part)
        wrong: tuple[Any, ...] = ()
        if isinstance(value, float):
            wrong = (math.nan, math.inf, -math.inf)
        elif isinstance(value, Decimal):
            wrong = (Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity"))
        needed = category == "linear" or field not in PERPETUAL_ONLY
        for one in wrong if needed else ():
            numbers += 1
            assert not ask(put(view, field, one)).allowed, (field, one)
    assert numbers > 80


def test_nothing_known_denies_every_gate_that_needs_to_know() -> None:
    found = ask(RiskView(now_ms=0, act="ENTRY", symbol="BTCUSDT", limits=entry().limits))
    assert len(found.denials) == len(GATES)
    assert found.raised == 0


@pytest.mark.parametrize("act", ["EXIT", "PROTECT", "FLATTEN"])
@pytest.mark.parametrize("category", ["linear", "spot"])
def test_an_exit_waits_for_no_gate_on_exposure_loss_locks_or_freshness(act: str, category: str) -> None:
    """A market exit needs the position, the rules, the journal, its permission, and for a planned one the stream."""
    sell = order(side="SELL", type="MARKET", price=Decimal(0))
    view = replace(ratio_filter(category), act=act, order=sell)
    view = changed(view, account__positions=(held(),))
    assert ask(view).allowed
    needed = {
        "order", "instrument", "session.mode", "session.state", "session.journal_trouble", "account.positions",
        "account.pending", "authorisation.order_hash", "authorisation.authorised_hash", "authorisation.age_s",
        "authorisation.used",
    }  # fmt: skip
    planned = {"session.private_stream", "budget.used", "budget.banned_until_ms", "budget.recent"}
    needed |= planned if act == "EXIT" else set()
    assert {field for field in fields(view) if not ask(put(view, field, None)).allowed} == needed


def test_all_gates_are_asked_though_one_denies() -> None:
    found = ask(entry(session__armed=False, plan__net_ratio=0.5))
    assert [answer.code for answer in found.denials] == ["ARMED", "MIN_RATIO"]
    assert len(found.answers) == len(GATES)
    assert not found.allowed


def test_every_denial_begins_with_its_code() -> None:
    nothing = RiskView(now_ms=0, act="ENTRY", symbol="BTCUSDT", limits=entry().limits)
    for answer in ask(nothing).denials + ask(entry(session__armed=False)).denials:
        assert answer.words.startswith(f"{answer.code} ")


def test_a_gate_that_raises_denies_and_is_counted() -> None:
    def broken(view: RiskView) -> Finding:
        raise ZeroDivisionError("by nothing")

    found = ask(entry(), (Gate("BROKEN", "broken", ENTRY, broken), GATES[0]))
    assert found.raised == 1
    assert found.answers[0] == Deny(
        "BROKEN", {"failed": "ZeroDivisionError"}, "BROKEN failed (ZeroDivisionError: by nothing): report this"
    )
    assert found.answers[1] == Allow("ARMED", {"mode": "live", "armed": "True"})


def test_a_late_answer_denies_an_entry_and_not_a_cancel() -> None:
    def at(*times: float) -> Any:
        clock = iter(times)
        return lambda: next(clock)

    gates = (
        Gate("ONE", "one", ENTRY | {"CANCEL"}, lambda view: passes()),
        Gate("TWO", "two", ENTRY, lambda view: passes()),
    )
    found = judge(entry(), at(5.0, 5.5, 5.5001), gates, budget_s=0.5)
    assert found.answers[0] == Allow("ONE", {})
    assert found.answers[1] == Deny("TWO", {"late_s": "0.500"}, "TWO answered after 0.500 s, limit 0.500 s: try again")
    assert not judge(entry(), at(0.0, math.nan, 0.0), gates).allowed
    assert judge(entry(act="CANCEL"), at(0.0, 9.0), gates).allowed


def test_a_gate_that_does_not_hold_the_act_says_so() -> None:
    found = ask(entry(act="CANCEL"))
    assert found.answers[0] == Allow("ARMED", {"skipped": "does not hold CANCEL"})


def test_no_gates_is_no_permission() -> None:
    assert not Verdicts(()).allowed


def test_answers_survive_the_journal() -> None:
    found = ask(entry(session__armed=False))
    read = msgspec.json.decode(msgspec.json.encode(found.answers), type=tuple[Verdict, ...])
    assert read == found.answers


def test_a_price_outside_the_collar_is_one_denial_among_open_gates() -> None:
    assert set(denied(entry(order=order(price=Decimal("101.5"))))) == {"PRICE_COLLAR"}
