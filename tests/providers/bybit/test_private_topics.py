"""Private frames become reports and account changes; what cannot be read is counted, told as a gap, and stops nothing."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market.quality import RejectCounter
from core.trading.broker import VenueBalance, VenuePosition
from core.trading.executions import VenueOrder, told
from core.trading.order import OrderReport
from providers.bybit.account_wire import Positions
from providers.bybit.order_wire import private_envelopes
from providers.bybit.private_topics import ORDERS_KEPT, PrivateTopics, topics_of
from tests.providers.bybit import private_frames as frames


class Ear:
    """Hears everything."""

    def __init__(self) -> None:
        self.reports: list[OrderReport] = []
        self.balances: list[dict[str, VenueBalance]] = []
        self.positions: list[VenuePosition] = []
        self.streams: list[tuple[str, str]] = []

    def on_report(self, report: OrderReport) -> None:
        self.reports.append(report)

    def on_account(self, balances: dict[str, VenueBalance], positions: tuple[VenuePosition, ...]) -> None:
        self.balances += [balances] if balances else []
        self.positions += positions

    def on_stream(self, state: str, why: str) -> None:
        self.streams.append((state, why))


class Rig:
    """The topics of a category with an ear."""

    def __init__(self, category: str = "linear") -> None:
        self.ear = Ear()
        self.rejects = RejectCounter()
        self.gaps: list[str] = []
        self.heard: list[str] = []
        self.topics = PrivateTopics(
            category,
            lambda symbol: None,
            self.rejects,
            positions=Positions("isolated"),
            gap=self.gaps.append,
            heard=self.heard.append,
        )
        self.topics.listener = self.ear

    def take(self, *sent: bytes) -> Ear:
        for frame in sent:
            self.topics.take(private_envelopes.decode(frame))
        return self.ear


def order(**changed: Any) -> dict[str, Any]:
    return frames.ORDER | changed


def execution(**changed: Any) -> dict[str, Any]:
    return frames.EXECUTION | changed


def test_subscriptions_are_those_of_one_category():
    assert topics_of("spot") == ("order.spot", "execution.spot", "wallet")
    assert topics_of("linear") == ("order.linear", "execution.linear", "position.linear", "wallet")


def test_captured_spot_frames_in_either_order_lead_to_the_same_order():
    whole = []
    for sent in ((frames.SPOT_EXECUTION, frames.SPOT_ORDER), (frames.SPOT_ORDER, frames.SPOT_EXECUTION)):
        state = VenueOrder(order_id="1552132392821724672")
        for report in Rig("spot").take(*sent, *sent).reports:
            state = told(state, report)
        assert (state.filled, state.ended, len(state.fills)) == (D("0.000306"), "CANCELED", 1)
        assert state.filled_quote == D("9.98631")
        whole.append(state)
    assert whole[0] == whole[1]


def test_every_row_of_a_frame_is_told():
    rig = Rig()
    ear = rig.take(
        frames.frame("order.linear", order(), order(orderId="v2", orderLinkId="c2")),
        frames.frame("execution.linear", execution(), execution(execId="t2", execQty="0.7")),
    )
    assert [report.order_id for report in ear.reports] == ["v1", "v2", "v1", "v1"]
    assert [report.fill.quantity for report in ear.reports[2:] if report.fill] == [D("0.5"), D("0.7")]
    assert rig.heard == ["c1", "c2", "c1", "c1"]


def test_a_fill_carries_the_newest_state_of_its_order_and_never_an_older_one():
    rig = Rig()
    ear = rig.take(
        frames.frame("order.linear", order(orderStatus="Filled", cumExecQty="2")),
        frames.frame("order.linear", order(orderStatus="New")),
        frames.frame("execution.linear", execution()),
    )
    assert (ear.reports[-1].status, ear.reports[-1].filled) == ("FILLED", D(2))
    rig.take(frames.frame("order.linear", order(orderStatus="Cancelled", cumExecQty="1")))
    known = rig.topics.known("v1")
    assert known is not None
    assert known.filled == 2


def test_the_newest_word_on_an_order_is_remembered():
    rig = Rig()
    steps = [
        (order(), "NEW", "2"),
        (order(qty="3"), "NEW", "3"),
        (order(qty="3", orderStatus="PartiallyFilled", cumExecQty="1"), "PARTIALLY_FILLED", "3"),
        (order(qty="3", orderStatus="Cancelled", cumExecQty="1"), "CANCELED", "3"),
        (order(qty="4", orderStatus="PartiallyFilled", cumExecQty="1"), "CANCELED", "3"),
        (order(qty="3", orderStatus="Filled", cumExecQty="3"), "FILLED", "3"),
    ]
    for row, status, quantity in steps:
        rig.take(frames.frame("order.linear", row))
        known = rig.topics.known("v1")
        assert known is not None
        assert (known.status, known.spec.quantity) == (status, D(quantity))


def test_as_many_orders_are_remembered_as_there_is_room_for():
    rig = Rig()
    for number in range(ORDERS_KEPT + 1):
        rig.take(frames.frame("order.linear", order(orderId=f"v{number}")))
    assert [rig.topics.known(name) is None for name in ("v0", "v1", f"v{ORDERS_KEPT}")] == [True, False, False]


@pytest.mark.parametrize("kind", ["BustTrade", "AdlTrade"])
def test_what_the_venue_closes_itself_is_told_as_a_foreign_order(kind, caplog):
    (report,) = (
        Rig().take(frames.frame("execution.linear", execution(execType=kind, orderLinkId="", orderId="liq"))).reports
    )
    assert report.fill is not None
    assert (report.order_id, report.spec.client_id, report.fill.quantity) == ("liq", "", D("0.5"))
    assert kind in caplog.text


@pytest.mark.parametrize("kind", ["Funding", "Settle", "SessionSettlePnL", "Delivery", "NewWord"])
def test_payments_are_no_fills_and_no_gap(kind):
    rig = Rig()
    ear = rig.take(frames.frame("execution.linear", execution(execType=kind, orderId="", orderLinkId="")))
    assert (ear.reports, rig.gaps) == ([], [])


@pytest.mark.parametrize("fee", ["0.25", "-0.125"])
def test_funding_is_told_once_with_its_sign(fee):
    rig = Rig()
    paid: list[tuple[str, D]] = []
    rig.topics.paid = lambda symbol, amount: paid.append((symbol, amount))
    one = frames.frame("execution.linear", execution(execType="Funding", orderLinkId="", execFee=fee))
    rig.take(one, one)
    assert paid == [("BTCUSDT", D(fee))]
    rig.take(frames.frame("execution.linear", execution(execType="Funding", execId="next", execFee="much")))
    assert (len(paid), len(rig.gaps)) == (1, 1)


def test_rows_of_other_categories_are_not_ours():
    rig = Rig("spot")
    ear = rig.take(frames.frame("order", order()), frames.frame("execution", execution()))
    assert (ear.reports, rig.gaps) == ([], [])


def test_positions_and_balances_are_absolute():
    rig = Rig()
    ear = rig.take(frames.frame("position.linear", frames.POSITION), frames.WALLET)
    assert [(p.size, p.leverage, p.margin_mode) for p in ear.positions] == [(D("0.5"), D(3), "isolated")]
    assert ear.balances == [{"BTC": VenueBalance(free=D("0.0003058"))}]


def test_a_bad_row_costs_itself_alone_and_is_told_as_a_gap():
    rig = Rig()
    ear = rig.take(frames.frame("order.linear", order(qty="NaN"), order(orderStatus="Surprise"), order(orderId="v2")))
    assert [report.order_id for report in ear.reports] == ["v2"]
    assert rig.rejects.by_reason["private order"] == 2
    assert len(rig.gaps) == 2


def test_unknown_topics_are_counted():
    rig = Rig()
    rig.take(frames.frame("greeks", {}))
    assert (rig.rejects.total, rig.gaps) == (1, [])


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.sampled_from(
    [frames.ORDER, frames.EXECUTION, frames.POSITION, {"coin": [{"coin": "BTC", "walletBalance": "1"}]}]
)
TOPICS = st.sampled_from(["order.linear", "execution.linear", "position.linear", "wallet", "", "x"])


@st.composite
def hostile_frames(draw: st.DrawFn) -> bytes:
    row = dict(draw(ROWS))
    for key in draw(st.sets(st.sampled_from(sorted(row)), max_size=3)):
        row[key] = draw(JUNK)
    data = draw(st.one_of(st.just([row]), st.just([row, row]), JUNK))
    frame = msgspec.json.encode({"topic": draw(TOPICS), "data": data})
    return frame[: draw(st.integers(0, len(frame)))] if draw(st.booleans()) else frame


@given(st.lists(hostile_frames() | st.binary(max_size=40), max_size=5))
def test_nothing_on_the_wire_raises_and_what_is_told_is_finite(sent):
    rig = Rig()
    for frame in sent:
        try:
            envelope = private_envelopes.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        rig.topics.take(envelope)
    for report in rig.ear.reports:
        assert report.filled.is_finite()
        assert report.filled >= 0
        assert report.fill is None or (report.fill.price > 0 and report.fill.quantity > 0)
    assert all(position.size.is_finite() for position in rig.ear.positions)
