"""Sizes, costs and liquidation prices from what the desk knows; and the figures read off bars."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from core.market.candles import CandleWindow
from core.messages import Confluence, Ladder
from core.risk.sizing import Size
from core.settings_risk import RiskSettings
from core.trading.broker import AccountSnapshot, VenueBalance, VenuePosition
from core.trading.risk_sizing import lower_bound
from tests.core.trading.risk_rig import SYMBOL, D, RiskRig

LOOSE = RiskSettings(
    order_exposure=10.0, symbol_exposure=10.0, total_exposure=10.0, volatility_target=5.0, risk_per_trade=0.005,
    depth_share=1.0, volume_share=1.0,
)  # fmt: skip


def sized(rig: RiskRig, **more: Any) -> Size:
    values: dict[str, Any] = {"market": False, "probability": 0.6, "payoff": 2.5}
    return rig.desk.size(SYMBOL, "BUY", D(100), D(99), **(values | more))


def caps(size: Size) -> dict[str, Any]:
    return {cap.code: cap.quantity for cap in size.caps}


def test_a_size_by_the_stop_counts_fees_spread_and_slip_both_ways(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot", risk=LOOSE).tell()
    cost, out = rig.desk.costs(SYMBOL)
    assert cost == out == D("0.001") + D("0.001") + D("0.00005")
    found = sized(rig)
    assert found.loss_per_unit == 1 + cost * 100 + cost * 99
    assert found.bound == "VOLUME" or found.bound == "RISK"
    assert caps(found)["RISK"] == D(50) / found.loss_per_unit
    assert found.quantity <= min(caps(found).values())


def test_the_accounts_own_fee_counts_where_it_is_told(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.desk.on_snapshot(AccountSnapshot(at_ms=0, balances={"USDT": VenueBalance(D(10_000))}, taker_fee=D("0.004")))
    assert rig.desk.costs(SYMBOL)[0] == D("0.00505")
    other = RiskRig(tmp_path / "b", "linear").tell()
    assert other.desk.costs(SYMBOL)[0] == D("0.0016"), "0.055 % for perpetuals, half a spread of 20 bp, half a point"


def test_depth_and_volume_bound_a_size(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    assert caps(sized(rig))["DEPTH"] == D("0.02") * 50, "of the quote alone while there is no book"
    levels = tuple((round(100.0 + 0.01 * n, 2), 10.0) for n in range(1, 30))
    book = Ladder(venue=rig.venue, category="spot", symbol=SYMBOL, bids=((99.9, 7.0),), asks=levels, at_ms=0)
    rig.desk.use(
        lambda: rig.orders, lambda: rig.held, lambda: rig.spent, lambda symbol: rig.rule, ladder=lambda symbol, n: book
    )
    assert caps(sized(rig))["DEPTH"] == D("0.02") * 110, "eleven levels lie within 10 bp of the best"
    sold = rig.desk.size(SYMBOL, "SELL", D(100), D(101), market=False, probability=0.6, payoff=2.5)
    assert caps(sold)["DEPTH"] == D("0.02") * 7
    assert caps(sized(rig))["VOLUME"] == D("0.01") * 5000


def test_what_is_held_and_pending_takes_room(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.position(0.0, quantity="10", symbol="ETHUSDT")
    rig.desk.account.loss_per_unit["o-1"] = D(1)
    rig.record("SENT", "o-1", quantity=D(5))
    found = caps(sized(rig))
    equity = D(10_000) + 1000
    assert found["SYMBOL_EXPOSURE"] == (equity / 2 - 500) / 100
    assert found["TOTAL_EXPOSURE"] == (equity - 1500) / 100
    cost = rig.desk.costs(SYMBOL)[0]
    assert found["BALANCE"] == D(9500) / (100 * (1 + cost))


@pytest.mark.parametrize(
    ("omit", "words"),
    [
        ("rules", "rules of BTCUSDT are not known"),
        ("use", "rules of BTCUSDT are not known"),
        ("orders", "orders and positions of BTCUSDT are not known"),
        ("held", "orders and positions of BTCUSDT are not known"),
        ("snapshot", "equity is NaN"),
        ("look", "throttle is NaN"),
        ("quotes", "depth is NaN"),
        ("bars_1m", "minute_volume is NaN"),
    ],
)
def test_no_size_without_what_it_is_made_of(tmp_path: Path, omit: str, words: str) -> None:
    found = sized(RiskRig(tmp_path, "spot", omit=[omit]).tell())
    assert (found.quantity, words in found.refused) == (D(0), True), found.refused


def test_no_size_without_a_probability_or_volatility(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    assert "no size without an edge" in sized(rig, probability=math.nan).refused
    rig = RiskRig(tmp_path / "b", "spot", omit=["bars_1m", "bars_5m"]).tell()
    assert "volatility is NaN" in sized(rig).refused


def test_the_drawdown_shrinks_sizes(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    whole = sized(rig).quantity
    rig.money("9000")
    assert sized(rig).quantity < whole * D("0.55")


def test_perpetuals_use_the_leverage_that_is_set(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "linear", risk=replace(LOOSE, max_leverage=3.0)).tell()
    cost = rig.desk.costs(SYMBOL)[0]
    assert caps(sized(rig))["BALANCE"] == D(20_000) / (100 * (1 + cost))
    assert rig.desk.liquidation(SYMBOL, "BUY", D(1), D(100)) == pytest.approx(D(50) / D("0.995"))
    rig.desk.on_account({}, (VenuePosition(symbol=SYMBOL, size=D(0), leverage=D(0)),))
    assert rig.desk.liquidation(SYMBOL, "BUY", D(1), D(100)) is None
    assert "volatility" not in sized(rig).refused
    assert "leverage is NaN" in sized(rig).refused
    assert RiskRig(tmp_path / "b", "spot").tell().desk.liquidation(SYMBOL, "BUY", D(1), D(100)) is None


def test_markets_with_less_leverage_ask_for_more_maintenance(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "linear").tell()
    assert rig.rule is not None
    rig.rule = replace(rig.rule, max_leverage=D(25))
    assert rig.desk.liquidation(SYMBOL, "BUY", D(1), D(100)) == pytest.approx(D(50) / D("0.98"))
    rig.rule = replace(rig.rule, max_leverage=D(200))
    assert rig.desk.liquidation(SYMBOL, "BUY", D(1), D(100)) == pytest.approx(D(50) / D("0.995"))


def test_the_same_bet_takes_room_of_the_symbol(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.bars("5m", 300, "ETHUSDT", wave=2.0)
    rig.position(0.0, quantity="10", symbol="ETHUSDT")
    assert caps(sized(rig))["SYMBOL_EXPOSURE"] == (D(11_000) / 2 - 1000) / 100


def test_a_probability_counts_with_its_lower_bound() -> None:
    assert lower_bound(0.6, 0) == lower_bound(0.6, 30) == pytest.approx(0.6 - 0.8416 * math.sqrt(0.24 / 30), abs=1e-4)
    assert lower_bound(0.6, 3000) > lower_bound(0.6, 300) > lower_bound(0.6, 30)
    assert lower_bound(0.01, 5) == 0.0
    assert math.isnan(lower_bound(math.nan, 5))
    assert math.isnan(lower_bound(1.1, 5))


def test_outcomes_behind_a_probability_let_kelly_allow_more(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    before = caps(sized(rig))["KELLY"]
    rig.bus.publish(
        Confluence(
            venue=rig.venue, category="spot", symbol=SYMBOL, timeframe="5m", outcomes=1000, state="HOLD", probability=0.5,
            logit=0.0, base_logit=0.0, calibrated=True, contributions=(), reasons=(), contrary="", missing="",
            hold_reason="", enter=0.6, exit=0.45, cooldown_until_ms=0, since_ms=0, since_price=0.0, price=100.0, readings=1,
            warming=0, occurred_at=0, known_at=0,
        )
    )  # fmt: skip
    assert caps(sized(rig))["KELLY"] > before


# --- figures of bars -------------------------------------------------------------------------------------------------


def test_bars_that_were_heard_and_windows_that_were_lent_say_the_same(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    bars = rig.desk.market.bars
    heard = bars._heard
    told = (bars.minute(SYMBOL), bars.atr_15m(SYMBOL), bars.annual_volatility(SYMBOL))
    windows: dict[tuple[str, str], CandleWindow] = {}
    for key, rows in heard.items():
        window = windows[key] = CandleWindow(500)
        for opened, high, low, close, volume in rows:
            window.append([opened, close, high, low, close, volume, 0.0, 0.0, 0.0], synthetic=False)
    lent = RiskRig(
        tmp_path / "b", "spot", omit=["bars_1m", "bars_5m", "bars_15m"], start_ms=rig.clock.now_ms() - 30_000
    )
    lent.desk.market.bars.lent = lambda symbol, timeframe: windows.get((symbol, timeframe))
    lent.tell()
    bars = lent.desk.market.bars
    assert (bars.minute(SYMBOL), bars.atr_15m(SYMBOL), bars.annual_volatility(SYMBOL)) == told
    assert None not in told


def test_the_figures_are_those_of_a_plain_reckoning(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    bars = rig.desk.market.bars
    closes = np.array([row[3] for row in bars._heard[SYMBOL, "1m"]])
    returns = np.diff(np.log(closes))
    minute = bars.minute(SYMBOL)
    assert minute is not None
    assert minute.sigma == pytest.approx(float(np.std(returns[:-1])))
    assert minute.volume == 5000.0
    fives = np.diff(np.log([row[3] for row in bars._heard[SYMBOL, "5m"]]))[-288:]
    assert bars.annual_volatility(SYMBOL) == pytest.approx(float(np.std(fives)) * math.sqrt(365 * 288))
    assert bars.atr_15m(SYMBOL) == pytest.approx(0.2, abs=0.1)
    assert bars.move_in_sigmas(SYMBOL, 100.0 * math.exp(5 * minute.sigma)) == pytest.approx(5.0, rel=0.2)


def test_a_revised_bar_counts_in_place_of_the_first(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.bars("1m", 1)
    rows = rig.desk.market.bars._heard[SYMBOL, "1m"]
    count = len(rows)
    before = rig.desk.market.bars.minute(SYMBOL)
    rig.bar("1m", int(rows[-1][0]), 101.0)
    after = rig.desk.market.bars.minute(SYMBOL)
    assert before is not None
    assert after is not None
    assert (before.close, after.close, len(rows)) == (100.0, 101.0, count)
    rig.bar("1m", int(rows[0][0]), 55.0)
    assert (rows[0][3] != 55.0, len(rows)) == (True, count), "one of long ago changes nothing"


def test_a_purchase_does_not_change_the_dollar_that_money_is_counted_in(tmp_path: Path) -> None:
    account = RiskRig(tmp_path).desk.account

    def holds(**free: int) -> str:
        account.on_change({asset: VenueBalance(D(amount)) for asset, amount in free.items()}, ())
        return account.asset

    account.on_snapshot(AccountSnapshot(at_ms=1, balances={}))
    assert holds(USDT=1000, USD=1000) == "USDT"
    assert holds(USDT=500) == "USDT"
    assert holds(USDT=0) == "USD"
