"""The picture the gates get: told everything they let an entry pass, and of each fact left out the gate that needs it denies."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.messages import RestBan
from core.risk.locks import Lock
from core.trading.broker import Spent, VenuePosition
from tests.core.trading.risk_rig import NOW, SYMBOL, D, RiskRig


@pytest.mark.parametrize("category", ["spot", "linear"])
def test_an_entry_about_which_everything_is_known_passes_every_gate(tmp_path: Path, category: str) -> None:
    rig = RiskRig(tmp_path, category).tell()
    assert rig.denied() == {}
    view = rig.view()
    assert view.quote.usual_gap_s == 1.0
    assert view.quote.age_s == 0.012, "a quote is as old as the venue's clock says"
    assert view.quote.reference == D(100)
    assert view.conditions.spread_bp == pytest.approx(20.0)
    assert view.account.equity == D(10_000)


@pytest.mark.parametrize(
    ("fact", "category", "gates"),
    [
        ("clock", "spot", {"CLOCK"}),
        ("rules_read", "spot", {"RULES_AGE"}),
        ("rules", "spot", {"SYMBOL_STATUS", "ORDER_FORM", "BALANCE", "ORDER_EXPOSURE"}),
        ("stream", "spot", {"PRIVATE_STREAM"}),
        ("quotes", "spot", {"QUOTE_AGE", "BOOK", "PRICE_COLLAR", "CONFIRMED_PRICE", "SPREAD"}),
        ("book", "spot", {"BOOK"}),
        ("trades", "spot", set()),
        ("mark", "linear", {"PRICE_COLLAR", "PERCENT_PRICE", "TRADING_HOURS"}),
        ("funding", "linear", {"TRADING_HOURS"}),
        ("screening", "spot", {"VOLATILITY"}),
        ("thresholds", "spot", {"VOLATILITY"}),
        ("bars_1m", "spot", {"VOLATILITY"}),
        ("bars_15m", "linear", {"LIQUIDATION"}),
        ("snapshot", "linear", {"BALANCE", "MARGIN", "ORDER_EXPOSURE", "SYMBOL_EXPOSURE", "TOTAL_EXPOSURE"}),
        ("snapshot", "spot", {"BALANCE", "RISK_PER_TRADE", "CORRELATION_HEAT", "DAILY_LOSS", "DRAWDOWN"}),
        ("use", "spot", {"SYMBOL_STATUS", "OPEN_ORDERS", "RATE_BUDGET", "MAX_POSITIONS"}),
        ("orders", "spot", {"OPEN_ORDERS", "BALANCE", "TOTAL_EXPOSURE", "LOCKS", "MAX_POSITIONS", "DAILY_LOSS"}),
        ("held", "spot", {"TOTAL_EXPOSURE", "MAX_POSITIONS", "DAILY_LOSS", "DRAWDOWN"}),
        ("spent", "spot", {"RATE_BUDGET"}),
        ("look", "spot", {"DAILY_LOSS", "DRAWDOWN"}),
        ("arm", "spot", {"ARMED"}),
    ],
)
def test_a_fact_nobody_told_shuts_the_gate_that_needs_it(
    tmp_path: Path, fact: str, category: str, gates: set[str]
) -> None:
    found = RiskRig(tmp_path, category, omit=[fact]).tell().denied()
    if fact == "trades":
        assert found == {}, "without trades the last closed minute is the price the filter is held against"
        found = RiskRig(tmp_path / "b", category, omit=[fact, "bars_1m"]).tell().denied()
        gates = {"PERCENT_PRICE", "VOLATILITY"}
    assert found.keys() >= gates
    if fact in ("clock", "rules_read", "stream", "book", "funding", "spent", "arm", "thresholds"):
        assert found.keys() == gates, "and no other"


def test_few_quotes_tell_no_habit(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot", omit=["quotes"]).tell()
    rig.quotes(3)
    assert {"QUOTE_AGE", "SPREAD"} <= rig.denied().keys()
    rig.quotes(1)
    assert "QUOTE_AGE" not in rig.denied()
    assert "SPREAD" in rig.denied()
    rig.quotes(6)
    assert "SPREAD" not in rig.denied()


@pytest.mark.parametrize(("silence_s", "late"), [(4.9, False), (5.2, True)])
def test_a_quote_ages_by_its_own_habit(tmp_path: Path, silence_s: float, late: bool) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.clock.set_ms(rig.clock.now_ms() + round(silence_s * 1000))
    assert ("QUOTE_AGE" in rig.denied()) == late


def test_a_quote_that_was_delayed_on_the_way_is_as_old_as_its_event(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path).tell()
    rig.quote(late_ms=4_000)
    assert "QUOTE_AGE" not in rig.denied()
    rig.quote(late_ms=5_100)
    assert "5.1 s old" in rig.denied()["QUOTE_AGE"]


def test_the_filter_is_held_against_the_average_of_its_minutes_or_the_last_price(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot", omit=["trades"]).tell()
    start = rig.clock.now_ms() // 60_000 * 60_000 + 60_000
    for minute, price in ((0, 50.0), (1, 100.0), (5, 130.0)):
        rig.clock.set_ms(start + minute * 60_000)
        rig.trades(price)
    assert rig.view().quote.reference == D(115), "the first is six minutes ago"
    rig.clock.set_ms(start + 10 * 60_000)
    assert rig.view().quote.reference == D(130)
    assert rig.rule is not None
    rig.rule = replace(rig.rule, average_price_minutes=0)
    rig.trades(131.0)
    assert rig.view().quote.reference == D(131)


def test_a_mark_that_is_no_longer_told_is_none(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path).tell()
    rig.clock.set_ms(rig.clock.now_ms() + 14_900)
    rig.quote()
    assert "PRICE_COLLAR" not in rig.denied()
    rig.clock.set_ms(rig.clock.now_ms() + 200)
    rig.quote()
    assert "mark price is not known" in rig.denied()["PRICE_COLLAR"]


def test_conditions_that_are_not_of_now_are_none(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.clock.set_ms(rig.clock.now_ms() + 240_000)
    rig.screening(replayed=True)
    assert "not known" in rig.denied()["VOLATILITY"]
    assert rig.view().conditions.natr is None
    assert rig.view().conditions.return_sigmas is None
    rig.screening()
    assert rig.view().conditions.natr == 0.002


def test_the_minute_that_is_not_over_counts_as_a_move(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.quote(98.0, 98.2)
    assert "deviations" in rig.denied()["VOLATILITY"]


def test_hours_that_are_excluded_are_closed(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    assert rig.live.edit("screening.exclude_hours", "[12]")
    assert "screening.exclude_hours" in rig.denied()["TRADING_HOURS"]


@pytest.mark.parametrize("before", [True, False])
def test_funding_ahead_and_just_past_is_on_the_calendar(tmp_path: Path, before: bool) -> None:
    rig = RiskRig(tmp_path).tell()
    away = 3_600_000 - 60_000 if before else 3_600_000 - 480 * 60_000 + 60_000
    rig.clock.set_ms(rig.clock.now_ms() + max(0, away))
    events = rig.view().conditions.events or ()
    assert [event.at_ms - (NOW - 30_000) for event in events] == [3_600_000 - 480 * 60_000, 3_600_000]
    if before:
        assert "funding in 60 s" in rig.denied()["TRADING_HOURS"]


def test_a_journal_in_trouble_is_told(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path).tell()
    rig.journal.trouble = OSError("disk full")
    assert "disk full" in rig.denied()["JOURNAL"]


def test_orders_that_wait_count_as_exposure(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.record("WORKING", "o-1", quantity=D(5))
    assert rig.view().account.pending is None, "what its stop would cost is not known"
    assert {"MAX_POSITIONS", "DAILY_LOSS", "SYMBOL_EXPOSURE"} <= rig.denied().keys()
    rig.desk.account.loss_per_unit["o-1"] = D(2)
    (waiting,) = rig.view().account.pending or ()
    assert (waiting.quantity, waiting.price, waiting.entry, waiting.risk) == (D(5), D(100), True, D(10))
    assert "MAX_POSITIONS" in rig.denied()
    rig.record("WORKING", "s-1", "PROTECTION", side="SELL", type="STOP_LOSS_LIMIT", stop_price=D(95), price=D(94))
    view = rig.view()
    assert (view.account.open_orders, view.account.open_stops) == (2, 1)
    assert [one.entry for one in view.account.pending or ()] == [True, False]
    rig.record("FILLED", "o-1")
    rig.record("CANCELLED", "s-1")
    assert rig.view().account.pending == ()
    assert rig.denied() == {}


@pytest.mark.parametrize(("category", "cost"), [("spot", D(500)), ("linear", D(250))])
def test_what_the_venue_has_not_seen_is_not_free(tmp_path: Path, category: str, cost: Decimal) -> None:
    rig = RiskRig(tmp_path, category).tell()
    rig.desk.account.loss_per_unit["o-1"] = D(2)
    for state in ("INTENT", "SENT", "UNKNOWN"):
        rig.record(state, "o-1", quantity=D(5))
        assert rig.view().account.unseen_quote == cost
    rig.record("WORKING", "o-1", quantity=D(5))
    assert rig.view().account.unseen_quote == D(0)


def test_an_order_nobody_knows_the_end_of_locks_its_symbol(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.desk.account.loss_per_unit["o-1"] = D(2)
    rig.record("UNKNOWN", "o-1", symbol="ETHUSDT")
    assert "LOCKS" not in rig.denied()
    rig.record("UNKNOWN", "o-1")
    assert "order o-1 is unknown" in rig.denied()["LOCKS"]
    rig.record("FILLED", "o-1")
    rig.orders["o-1"] = replace(rig.orders["o-1"], quarantine="OVERFILL")
    assert "quarantine, OVERFILL" in rig.denied()["LOCKS"]
    rig.orders.clear()
    rig.desk.lock(Lock(symbol="*", reason="the operator sleeps"))
    assert "the operator sleeps" in rig.denied()["LOCKS"]
    rig.desk.unlock("*")
    assert rig.denied() == {}


def test_the_rate_budget_and_bans_are_told(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path).tell()
    rig.spent = Spent(used=0.6)
    assert "60.0 % is used" in rig.denied()["RATE_BUDGET"]
    rig.spent = Spent(used=0.0, banned_until_ms=rig.clock.now_ms() + 5000)
    assert "5 s of silence" in rig.denied()["RATE_BUDGET"]
    rig.spent = Spent(used=0.0)
    ban = RestBan(
        venue="bybit", category="linear", status=403, until_ms=rig.clock.now_ms() + 9000, reason="too fast", at_ms=0
    )
    rig.bus.publish(ban)
    assert "9 s of silence" in rig.denied()["RATE_BUDGET"]
    rig.bus.publish(replace(ban, until_ms=0))
    assert "RATE_BUDGET" not in rig.denied()


def test_what_was_just_sent_counts_for_pace_and_is_not_sent_twice(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    for n in range(6):
        rig.desk.noted(rig.draft(client_id=f"t-{n}", quantity=D(n + 1)), rig.clock.now_ms())
    rig.desk.noted(rig.draft(act="PROTECT", side="SELL"), rig.clock.now_ms())
    rig.desk.noted(rig.draft(act="EXIT", side="SELL", quantity=D(7)), rig.clock.now_ms())
    assert rig.view().budget.entries_last_minute == 6
    kept = [one.key.split()[1:4:2] for one in rig.view().budget.recent or ()]
    assert kept == [["BUY", str(n + 1)] for n in range(6)] + [["SELL", "7"]], "a stop may be sent again at once"
    assert "6 entries in the last minute" in rig.denied()["ORDER_RATE"]
    assert "DUPLICATE_INTENT" not in rig.denied()
    assert "DUPLICATE_INTENT" in rig.denied(quantity=D(3))
    rig.clock.set_ms(rig.clock.now_ms() + 30_000)
    assert "DUPLICATE_INTENT" not in rig.denied(quantity=D(3))
    rig.clock.set_ms(rig.clock.now_ms() + 30_000)
    assert "ORDER_RATE" not in rig.denied()


def test_positions_without_a_result_make_the_day_unknown(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.position(-20.0)
    assert rig.view().loss.unrealised == D(-20)
    rig.position(float("nan"))
    assert "unrealised result is not known" in rig.denied()["DAILY_LOSS"]
    rig.desk._picture.open.clear()
    assert rig.view().loss.unrealised is None


def test_leverage_and_modes_are_those_of_the_venue(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path).tell()
    position = VenuePosition(symbol=SYMBOL, size=D(0), leverage=D(5), margin_mode="cross", position_mode="hedge")
    rig.desk.on_account({}, (position,))
    assert "mode at the venue is cross" in rig.denied()["MARGIN"]
    rig.desk.on_account({}, (replace(position, margin_mode="isolated"),))
    assert "position mode at the venue is hedge" in rig.denied()["MARGIN"]
    rig.desk.on_account({}, (replace(position, margin_mode="isolated", position_mode="one-way"),))
    assert "leverage at the venue is 5, limit 3" in rig.denied()["MARGIN"]


def test_an_order_paid_in_another_currency_has_no_equity_to_be_held_against(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    assert rig.rule is not None
    rig.rule = replace(rig.rule, quote="USD")
    assert rig.view().account.equity == D(10_000), "dollars count at par"
    assert "is free" in rig.denied()["BALANCE"]
    rig.rule = replace(rig.rule, quote="EUR")
    assert rig.view().account.equity is None
    assert "equity is not known" in rig.denied()["ORDER_EXPOSURE"]


def test_two_symbols_that_move_together_are_one_bet(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.bars("5m", 300, "ETHUSDT", wave=2.0)
    rig.position(0.0, symbol="ETHUSDT")
    found = rig.view().account.correlations
    assert found is not None
    assert found.rho(SYMBOL, "ETHUSDT") == pytest.approx(1.0, abs=0.15)
    assert "BTCUSDT = ETHUSDT" in rig.denied()["MAX_POSITIONS"]
    rig.bars("5m", 301, "SOLUSDT")
    rig.position(0.0, symbol="DOGEUSDT")
    found = rig.view().account.correlations
    assert found is not None
    assert found.rho(SYMBOL, "DOGEUSDT") == 0.4, "nothing is known of this pair"


def test_a_cancel_and_a_stop_pass_whatever_is_not_known(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot", omit=["quotes", "clock", "stream", "screening", "look", "arm", "rules_read"]).tell()
    rig.held = ()
    rig.position(0.0)
    stop = {"client_id": "s-1", "side": "SELL", "type": "STOP_LOSS_LIMIT", "stop_price": D(95), "price": D(94)}
    assert rig.denied(act="PROTECT", **stop) == {}
