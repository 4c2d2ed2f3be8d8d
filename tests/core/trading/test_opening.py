"""From a wish to a plan: prices on the tick, sizes from the account, targets, and refusals in words."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.bus import Bus
from core.clock import SimClock
from core.messages import Analysis, Confluence, Metrics, OpenTrade, Quote, Side
from core.risk.sizing import Size
from core.settings import Settings
from core.settings_live import LiveSettings
from core.settings_trading import Trading
from core.trading.opening import Opening, Proposal, Unfit
from core.venue import Instrument

D = Decimal
NOW = 1_795_264_496_000
PLACE: dict[str, Any] = {"venue": "binance_us", "category": "spot", "symbol": "SOLUSDT"}
RULE = Instrument(
    venue="binance_us", category="spot", symbol="SOLUSDT", base="SOL", quote="USDT", status="TRADING", trading=True,
    tick_size=D("0.01"), lot_size=D("0.001"),
)  # fmt: skip
WISH = OpenTrade(
    symbol="SOLUSDT", side="BUY", entry=D("152.357"), stop=D("148.003"), targets=(D("165.009"), D("170"), D("180"))
)


class Account:
    """Sizes one coin, at a tenth of a percent each way."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answer = Size(quantity=D(1), bound="RISK", caps=(), loss_per_unit=D("4.6"), risk=D("4.6"))

    def size(
        self, symbol: str, side: Side, entry: Decimal, stop: Decimal, *, market: bool, probability: float, payoff: float
    ) -> Size:
        self.asked.append((symbol, side, entry, stop, market, probability, payoff))
        return self.answer

    def costs(self, symbol: str) -> tuple[Decimal, Decimal]:
        return D("0.001"), D("0.001")

    def liquidation(self, symbol: str, side: Side, quantity: Decimal, entry: Decimal) -> Decimal | None:
        return None


class Office:
    def __init__(self, folder: Path, **trading: Any) -> None:
        self.clock = SimClock(NOW)
        self.bus = Bus(self.clock)
        settings = replace(Settings(), trading=replace(Trading(), **trading))
        live = LiveSettings(self.bus, self.clock, settings, folder / "overrides.toml")
        self.account = Account()
        self.opening = Opening(self.bus, self.clock, live, self.account, perpetual=False, stop_orders=3)

    def quote(self, bid: float = 152.3, ask: float = 152.34) -> None:
        self.bus.publish(Quote(**PLACE, bid=bid, bid_size=1.0, ask=ask, ask_size=1.0, event_ms=NOW, received_ms=NOW))

    def confluence(self, probability: float, state: Any = "HOLD") -> None:
        self.bus.publish(
            Confluence(
                **PLACE, timeframe="5m", state=state, probability=probability, logit=0.0, base_logit=0.0, calibrated=False,
                contributions=(), reasons=("volume 4 sigma",), contrary="", missing="", hold_reason="", enter=0.6, exit=0.4,
                cooldown_until_ms=0, since_ms=0, since_price=1.0, price=1.0, readings=1, warming=0, occurred_at=NOW,
                known_at=NOW,
            )
        )  # fmt: skip

    def analysis(self, side: Side, p_trade: float, expires_ms: int = 0) -> None:
        self.bus.publish(
            Analysis(
                **PLACE, timestamp=NOW, stage2_status="completed", cause="alert", side=side, recommendation=side, p_trade=p_trade,
                reasons=("breakout",), expires_ms=expires_ms,
            )
        )  # fmt: skip

    def propose(self, **changes: Any) -> Proposal:
        return self.opening.propose(replace(WISH, **changes), RULE, "tt1x")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.quote()
    office.confluence(0.58)
    return office


def test_a_plan_stands_on_the_tick_and_the_size_of_the_account(office: Office) -> None:
    proposal = office.propose()
    spec, plan = proposal.draft.spec, proposal.plan
    assert (spec.type, spec.price, spec.quantity, spec.client_id) == ("LIMIT", D("152.35"), D(1), "tt1x")
    assert (plan.entry, plan.stop, plan.trade_id) == (D("152.35"), D("148.01"), "tt1x")
    assert [(t.price, t.share) for t in plan.targets] == [
        (D("165.00"), D("0.5")),
        (D("170.00"), D("0.3")),
        (D("180.00"), D("0.2")),
    ]
    symbol, side, entry, stop, market, probability, payoff = office.account.asked[0]
    assert (symbol, side, entry, stop, market, probability) == ("SOLUSDT", "BUY", D("152.35"), D("148.01"), False, 0.58)
    risk = 152.35 - 148.01 + 0.15235 + 0.14801
    assert payoff == pytest.approx((165.0 - 152.35 - 0.15235 - 0.165) / risk)
    view = proposal.draft.plan
    assert (view.confirmed_price, view.stop, view.stop_quantity, view.stop_orders) == (D("152.32"), plan.stop, D(1), 3)
    assert (view.net_ratio, view.probability, view.loss_per_unit) == (plan.net_ratio, 0.58, D("4.6"))
    assert plan.reasons == ("volume 4 sigma",)


def test_a_market_entry_is_planned_at_the_far_side(office: Office) -> None:
    proposal = office.propose(entry=D(0))
    assert (proposal.draft.spec.type, proposal.draft.spec.price, proposal.plan.entry) == ("MARKET", D(0), D(0))
    assert office.account.asked[0][2:5] == (D("152.34"), D("148.01"), True)


def test_a_short_rounds_the_other_way(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.quote()
    office.confluence(0.3)
    rule = replace(RULE, category="linear")
    wish = OpenTrade(symbol="SOLUSDT", side="SELL", entry=D("152.357"), stop=D("158.009"), targets=(D("140.001"),))
    plan = office.opening.propose(wish, rule, "tt1x").plan
    assert (plan.entry, plan.stop, plan.targets[0].price) == (D("152.36"), D("158.00"), D("140.01"))
    assert plan.probability == pytest.approx(0.7)


def test_an_analysis_of_the_side_speaks_first_and_an_expired_one_not(office: Office) -> None:
    office.analysis("BUY", 0.44, NOW + 1)
    assert office.propose().plan.probability == 0.44
    assert office.propose().plan.reasons == ("breakout",)
    office.analysis("BUY", 0.44, NOW)
    assert office.propose().plan.probability == 0.58
    office.analysis("SELL", 0.44)
    assert office.propose().plan.probability == 0.58


def test_reasons_against_the_trade_are_not_its_reasons(office: Office) -> None:
    office.confluence(0.42)
    assert office.propose().plan.reasons == ()
    office.confluence(0.42, "SELL")
    assert office.propose().plan.reasons == ()


def test_without_any_probability_the_gates_will_ask_for_one(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.quote()
    proposal = office.propose(quantity=D(1))
    assert proposal.draft.plan.probability is None
    assert math.isnan(proposal.plan.probability)


def test_atr_of_the_decision_timeframe_is_kept_for_trailing(office: Office) -> None:
    fields: dict[str, Any] = dict.fromkeys(Metrics.__struct_fields__, 0.0) | PLACE
    fields |= {"timeframe": "5m", "atr": 0.61, "regime": "range", "sparkline": (), "occurred_at": NOW, "known_at": NOW}
    office.bus.publish(Metrics(**fields))
    assert office.propose().plan.atr == D("0.61")


def test_one_target_takes_all_where_nothing_trails(tmp_path: Path) -> None:
    office = Office(tmp_path, trail_after_r=0.0)
    office.quote()
    office.confluence(0.58)
    assert [t.share for t in office.propose(targets=(D(170),)).plan.targets] == [D(1)]
    assert [t.share for t in office.propose(targets=(D(170), D(180))).plan.targets] == [D("0.5"), D("0.5")]


def test_shares_never_take_more_than_there_is(tmp_path: Path) -> None:
    for shares in ((0.5, 0.3), (1.0,), (0.2, 0.2, 0.2)):
        for count in range(1, 5):
            office = Office(tmp_path, target_shares=shares)
            office.quote()
            office.confluence(0.58)
            targets = tuple(D(160 + 5 * n) for n in range(count))
            assert sum(t.share for t in office.propose(targets=targets).plan.targets) <= 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stop": D(153)}, "stop 153 is not behind the entry 152.35"),
        ({"stop": D(0)}, "stop 0 is not behind"),
        ({"side": "SELL", "stop": D(160), "targets": (D(140),)}, "cannot be sold short"),
        ({"targets": ()}, "has no target"),
        ({"targets": (D(150),)}, "must go away from the entry"),
        ({"targets": (D(170), D(165))}, "nearest first"),
        ({"targets": (D(170), D(170))}, "nearest first"),
        ({"quantity": D("1.0005")}, "no multiple of the lot 0.001"),
        ({"quantity": D(-1)}, "round it down"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_words(office: Office, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Unfit, match=words):
        office.propose(**changes)


def test_an_unknown_market_one_without_a_quote_and_no_size(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with pytest.raises(Unfit, match="no quote yet"):
        office.propose()
    with pytest.raises(Unfit, match="not listed"):
        office.opening.propose(WISH, None, "tt1x")
    office.quote()
    office.account.answer = Size(quantity=D(0), bound=None, caps=(), loss_per_unit=D(0), risk=D(0), refused="too small")
    with pytest.raises(Unfit, match="too small"):
        office.propose()
