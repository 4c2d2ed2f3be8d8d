"""From what was asked for to a trade: pegged prices, stops and targets filled in, and what is refused in words."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.messages import Analysis, InboxItem, OpenTicket, Quote, RiskParameters, Side
from core.settings_risk import RiskSettings
from core.trading.opening import Unfit, _net_ratio
from core.trading.wishes import RATIO_ROOM, Wish, edited, number, pegged, trade_of, wish_of
from tests.core.trading.market import SYMBOL, T0, d, instrument

COST = d("0.0012")


class Fake:
    """As much of a `TradingDesk` as wishes ask: a perpetual at 99.9 to 100.1 with an ATR of 0.5."""

    def __init__(self, **rules: Any) -> None:
        self.rule: Any = instrument("bybit", "linear", **rules)
        self.bid, self.ask, self.atr = 99.9, 100.1, d("0.5")
        self.advice: Analysis | None = None
        self.items: dict[str, InboxItem] = {}
        self.needs_canary = False
        self.plans: dict[str, Any] = {}
        self.rules = SimpleNamespace(get=lambda symbol: self.rule if symbol == SYMBOL else None)
        self.opening = SimpleNamespace(
            quote=self._quote, atr=lambda symbol: self.atr, analysis=lambda symbol: self.advice
        )
        self.inbox = SimpleNamespace(find=self.items.get)
        self.manager = SimpleNamespace(orders={})
        self.limits = RiskSettings()
        self.risk = SimpleNamespace(costs=lambda symbol: (COST, COST), book=SimpleNamespace(limits=self.limits))

    def _quote(self, symbol: str) -> Quote | None:
        return Quote(
            venue="bybit", category="linear", symbol=symbol, bid=self.bid, bid_size=1.0, ask=self.ask, ask_size=1.0, event_ms=T0,
            received_ms=T0,
        )  # fmt: skip


def desk(**rules: Any) -> Any:
    return Fake(**rules)


def analysis(side: Side = "BUY", **fields: Any) -> Analysis:
    terms = RiskParameters(
        side=side, optimal_entry=(d("99.5"), d("100")), tp_targets=(d(104), d(106)), sl_level=d(98), risk_reward_ratio=2.2,
        gross_ratio=2.5, cost_r=0.1, fees_exceed_move=False,
    )  # fmt: skip
    usual: dict[str, Any] = {
        "recommendation": side,
        "side": side,
        "price": 99.8,
        "validation_passed": True,
        "risk_parameters": terms,
    }
    return Analysis(
        venue="bybit", category="linear", symbol=SYMBOL, timestamp=T0, stage2_status="completed", cause="alert",
        **(usual | fields),
    )  # fmt: skip


def proposal(**fields: Any) -> InboxItem:
    usual: dict[str, Any] = {
        "item_id": "p1", "kind": "PROPOSAL", "state": "WAITING", "symbol": SYMBOL, "text": "", "side": "SELL",
        "entry": (d(100), d("100.5")), "stop": d(102), "targets": (d(95),), "created_ms": T0, "expires_ms": T0 + 1000,
    }  # fmt: skip
    return InboxItem(**(usual | fields))


def refused(wanted: OpenTicket, office: Any, now_ms: int = T0) -> str:
    with pytest.raises(Unfit) as error:
        trade_of(wish_of(wanted, office, now_ms), office)
    return str(error.value)


# --- prices ----------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(["BUY", "SELL"]),
    st.integers(1_000, 1_000_000),
    st.integers(1, 3_000),
    st.integers(1, 50),
    st.decimals("0.1", "6", places=2),
)
def test_by_hand_stop_and_target_pay_just_more_than_is_asked_for(
    side: Side, ticks: int, atr: int, spread: int, ratio: Any
) -> None:
    office = desk()
    tick = office.rule.tick_size
    office.bid, office.ask, office.atr = float(ticks * tick), float((ticks + spread) * tick), atr * tick / 7
    office.risk.book.limits = replace(office.limits, min_net_ratio=float(ratio))
    wish = Wish(symbol=SYMBOL, side=side)
    far = (ticks + spread if side == "BUY" else ticks) * tick
    try:
        trade = trade_of(wish, office)
    except Unfit:
        assert side == "SELL"  # below zero nothing can be bought back
        return
    direction = 1 if side == "BUY" else -1
    assert trade.entry == far
    assert 2 * office.atr <= direction * (far - trade.stop) < 2 * office.atr + tick
    (target,) = trade.targets
    paid = _net_ratio(far, trade.stop, target, COST, COST)
    assert paid > float(ratio) or math.isclose(paid, float(ratio), rel_tol=1e-12)
    if trade.stop > 0:
        assert _net_ratio(far, trade.stop, target - 2 * direction * tick, COST, COST) <= float(ratio * RATIO_ROOM)
    assert target % tick == trade.stop % tick == 0


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300))
def test_a_pegged_price_is_never_worse_than_the_zone_nor_than_the_far_touch(low: int, width: int, far: int) -> None:
    zone = (d(low), d(low + width))
    buy, sell = pegged("BUY", zone, d(far)), pegged("SELL", zone, d(far))
    assert buy == min(far, low + width)
    assert sell == max(far, low)
    assert pegged("BUY", None, d(far)) == far


def test_the_newest_recommendation_fills_in_what_was_left_out() -> None:
    office = desk()
    office.advice = analysis()
    wish = wish_of(OpenTicket(symbol=SYMBOL), office)
    assert (wish.by, wish.side, wish.proposed_price) == ("PROPOSAL", "BUY", 99.8)
    trade = trade_of(wish, office)
    assert (trade.entry, trade.stop, trade.targets, trade.quantity) == (d(100), d(98), (d(104), d(106)), d(0))
    own = wish_of(OpenTicket(symbol=SYMBOL, stop=d(97), targets=(d(110),), quantity=d(2), entry=d(99)), office)
    trade = trade_of(own, office)
    assert (trade.entry, trade.stop, trade.targets, trade.quantity) == (d(99), d(97), (d(110),), d(2))


@pytest.mark.parametrize(
    "advice",
    [
        None,
        analysis(validation_passed=False),
        analysis(recommendation="AVOID"),
        analysis(recommendation="WAIT_FOR_CONFIRMATION"),
        analysis(risk_parameters=None),
    ],
)
def test_what_is_no_trade_is_not_one(advice: Analysis | None) -> None:
    office = desk()
    office.advice = advice
    wish = wish_of(OpenTicket(symbol=SYMBOL), office)
    assert (wish.by, wish.side, wish.zone) == ("OPERATOR", "BUY", None)


def test_the_other_side_than_recommended_is_by_hand() -> None:
    office = desk()
    office.advice = analysis("BUY")
    wish = wish_of(OpenTicket(symbol=SYMBOL, side="SELL"), office)
    assert (wish.by, wish.side, wish.stop) == ("OPERATOR", "SELL", d(0))
    assert trade_of(wish, office).entry == d("99.9")


def test_a_proposal_is_taken_as_it_stands_in_the_inbox() -> None:
    office = desk()
    office.items["p1"] = proposal()
    trade = trade_of(wish_of(OpenTicket(symbol=SYMBOL, proposal="p1"), office, T0), office)
    assert (trade.side, trade.entry, trade.stop, trade.targets) == ("SELL", d(100), d(102), (d(95),))
    for wanted, words in (
        (OpenTicket(symbol=SYMBOL, proposal="p2"), "not open any more"),
        (OpenTicket(symbol="ETHUSDT", proposal="p1"), f"is for {SYMBOL}"),
        (OpenTicket(symbol=SYMBOL, proposal="p1", side="BUY"), "is to SELL"),
    ):
        assert words in refused(wanted, office)
    assert "has expired" in refused(OpenTicket(symbol=SYMBOL, proposal="p1"), office, T0 + 1000)
    office.items["p1"] = proposal(kind="ALARM")
    assert "not open any more" in refused(OpenTicket(symbol=SYMBOL, proposal="p1"), office)


def test_without_market_facts_nothing_is_made_up() -> None:
    office = desk()
    assert "not listed" in refused(OpenTicket(symbol="NOPE"), office)
    office.atr = None
    assert "no volatility yet" in refused(OpenTicket(symbol=SYMBOL), office)
    office.bid = 0.0
    assert "no quote yet" in refused(OpenTicket(symbol=SYMBOL, stop=d(99)), office)
    assert "must be above 0" in refused(OpenTicket(symbol=SYMBOL, quantity=d(-1)), office)
    assert "must be above 0" in refused(OpenTicket(symbol=SYMBOL, stop=d("NaN")), office)


def test_the_first_order_with_new_keys_is_the_least_with_room() -> None:
    office = desk(min_notional=d(10), min_qty=d("0.001"))
    office.needs_canary = True
    long = trade_of(Wish(symbol=SYMBOL, side="BUY", quantity=d(5)), office)
    short = trade_of(Wish(symbol=SYMBOL, side="SELL", quantity=d(5)), office)
    assert 13 <= long.quantity * long.stop < 14
    assert 13 <= short.quantity * short.entry < 14
    assert long.quantity % office.rule.lot_size == 0


# --- edits -----------------------------------------------------------------------------------------------------------


@given(st.text(max_size=12))
def test_any_text_is_a_number_above_nothing_or_refused_in_words(text: str) -> None:
    value, words = d(1), ""
    try:
        value = number(text, "a price")
    except Unfit as error:
        words = str(error)
    assert value > 0
    assert value.is_finite()
    assert not words or "type a number above 0" in words


def test_turning_the_side_asks_for_new_prices_and_keeps_the_size() -> None:
    office = desk()
    wish = Wish(
        symbol=SYMBOL,
        side="BUY",
        stop=d(95),
        targets=(d(120),),
        quantity=d(3),
        entry=d(99),
        item_id="p1",
        by="PROPOSAL",
    )
    turned = edited(wish, "side", "sell", office)
    assert (turned.side, turned.stop, turned.targets, turned.entry, turned.item_id, turned.by) == (
        "SELL", d(0), (), d(0), "", "OPERATOR",
    )  # fmt: skip
    assert turned.quantity == d(3)
    assert edited(wish, "side", "BUY", office) is wish
    with pytest.raises(Unfit, match="cancel it and open a new ticket"):
        edited(replace(wish, replaces="tt1"), "side", "SELL", office)


def test_prices_and_types_are_read_as_typed() -> None:
    office = desk()
    wish = Wish(symbol=SYMBOL, side="BUY")
    assert edited(wish, "target", "105/ 106.5 110", office).targets == (d(105), d("106.5"), d(110))
    market = edited(replace(wish, entry=d(99)), "type", " market ", office)
    assert (market.market, market.entry) == (True, d(0))
    assert trade_of(replace(market, stop=d(98), targets=(d(110),)), office).entry == 0
    limit = edited(market, "entry", "99.5", office)
    assert (limit.market, limit.entry) == (False, d("99.5"))
    assert edited(wish, "quantity", "0.500", office).quantity == d("0.5")
    with pytest.raises(Unfit, match=r"off the lot 0.001; type 0.500 or 0.501"):
        edited(wish, "quantity", "0.5005", office)
