"""How much of each limit is used: what the gates say of the same account, said before an order is made."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.messages import LimitUse, Replay, RiskStatus
from core.risk.drawdown import HighWater
from core.risk.limits import LimitBook
from core.risk.locks import Lock, Streak
from core.risk.trading_day import TradingDay
from core.risk.view import Held
from core.settings_risk import RiskSettings
from core.trading.broker import Spent, VenuePosition
from core.trading.limit_use import LimitUses
from core.trading.risk_state import Sent
from tests.core.trading.risk_rig import NOW, SYMBOL, D, RiskRig

OTHER = "ETHUSDT"


def uses_of(rig: RiskRig) -> LimitUses:
    return LimitUses(rig.bus, rig.clock, rig.live, rig.desk, rig.venue, rig.category)


def by_code(status: RiskStatus) -> dict[str, LimitUse]:
    return {one.code: one for one in status.uses}


# --- the gates say the same ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> RiskRig:
    """An account of which everything is known, two symbols quoted."""
    rig = RiskRig(tmp_path_factory.mktemp("risk"), "linear").tell()
    rig.bars("5m", 300, OTHER, wave=-1.0)
    for _ in range(6):
        rig.clock.set_ms(rig.clock.now_ms() + 1000)
        rig.quote()
        rig.quote(symbol=OTHER)
    return rig


POSITIONS = st.lists(
    st.tuples(st.sampled_from([SYMBOL, OTHER]), st.integers(-60, 60).filter(bool), st.integers(0, 200)),
    max_size=3,
    unique_by=lambda one: one[0],
)
LIMITS = st.builds(
    RiskSettings,
    daily_loss=st.sampled_from([0.01, 0.03]), daily_loss_money=st.sampled_from([0.0, 150.0]),
    max_positions=st.integers(1, 3), max_per_symbol=st.integers(1, 2), order_exposure=st.sampled_from([0.1, 0.5]),
    symbol_exposure=st.sampled_from([0.2, 0.5]), total_exposure=st.sampled_from([0.4, 1.0]),
    heat=st.sampled_from([0.005, 0.03]), max_leverage=st.sampled_from([1.0, 3.0]), same_bet=st.sampled_from([0.3, 0.85]),
    clock_skew_ms=st.sampled_from([10.0, 500.0]), rules_age_s=st.sampled_from([60.0, 3600.0]),
    quote_age_s=st.sampled_from([0.1, 2.0]), entries_per_minute=st.integers(1, 3), loss_streak=st.integers(1, 3),
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    limits=LIMITS, positions=POSITIONS, waiting=st.integers(0, 40), lost=st.integers(-400, 400), latched=st.booleans(),
    mark=st.integers(9_000, 13_000), losses=st.integers(0, 4), cool_s=st.integers(-60, 60), spent=st.floats(0, 1),
    sent=st.integers(0, 4), armed=st.booleans(), stream=st.sampled_from(["SYNCED", "GAP"]), locked=st.booleans(),
    broken=st.booleans(), leverage=st.integers(1, 4), margin=st.sampled_from(["isolated", "cross"]),
    rules_s=st.sampled_from([0, 300]), silence_s=st.sampled_from([0, 20]),
)  # fmt: skip
def test_a_limit_is_over_exactly_when_its_gate_denies_an_entry(
    known: RiskRig, limits: RiskSettings, positions: list[tuple[str, int, int]], waiting: int, lost: int, latched: bool,
    mark: int, losses: int, cool_s: int, spent: float, sent: int, armed: bool, stream: str, locked: bool, broken: bool,
    leverage: int, margin: str, rules_s: int, silence_s: int,
) -> None:  # fmt: skip
    rig = known
    now = rig.clock.now_ms()
    rig.clock.set_ms(now + silence_s * 1000)
    rig.held = tuple(
        Held(symbol=name, quantity=D(quantity), price=D(100), risk=D(risk)) for name, quantity, risk in positions
    )
    rig.orders.clear()
    if waiting:
        rig.record("WORKING", "o-1", symbol=OTHER, quantity=D(waiting))
        rig.desk.account.loss_per_unit["o-1"] = D("1.1")
    rig.spent = Spent(used=spent)
    rig.journal.trouble = OSError("disk full") if broken else None
    rig.desk.on_stream(stream)  # type: ignore[arg-type]
    rig.desk.rules_read(rig.clock.now_ms() - rules_s * 1000)
    rig.desk.arm(60) if armed else rig.desk.disarm()
    rig.desk.on_account(
        rig.balances,
        tuple(
            VenuePosition(symbol=name, size=D(0), leverage=D(leverage), margin_mode=margin, position_mode="one-way")  # type: ignore[arg-type]
            for name in (SYMBOL, OTHER)
        ),
    )
    rig.desk._picture.results = lambda: {}  # type: ignore[method-assign]
    rig.desk.book.state = replace(
        rig.desk.book.state,
        limits=LimitBook(effective=limits, wanted=limits),
        day=TradingDay(equity=D(10_000), ends_ms=now + 3_600_000, realised=D(-lost), latched=latched),
        high=HighWater(D(mark)),
        streak=Streak(losses, rig.clock.now_ms() + cool_s * 1000),
        locks=(Lock(symbol=SYMBOL, reason="the operator"),) if locked else (),
        recent=tuple(Sent(f"k{n}", rig.clock.now_ms() - 1000, True) for n in range(sent)),
    )
    status = uses_of(rig).status()
    levels = {one.code: one.level for one in status.uses}
    assert "unknown" not in levels.values()

    def over(*codes: str) -> bool:
        return any(levels.get(code) == "over" for code in codes)

    tiny = D("0.000000001")
    denied = rig.denied(quantity=tiny)
    held = {name: "BUY" if quantity > 0 else "SELL" for name, quantity, _ in positions}
    sides = ({OTHER: "BUY"} if waiting else {}) | held
    of = [rig.denied(quantity=tiny, symbol=name, side=side) for name, side in sides.items()]
    assert over("daily_loss", "daily_loss_money") == ("DAILY_LOSS" in denied)
    assert over("drawdown_halt") == ("DRAWDOWN" in denied)
    assert over("loss_streak") == over("cool_down_min") == ("LOSS_STREAK" in denied)
    assert over("max_positions", "max_per_symbol") == any("MAX_POSITIONS" in one for one in (denied, *of))
    assert over("order_exposure") == ("ORDER_EXPOSURE" in rig.denied(quantity=D(waiting) + tiny * (not waiting)))
    assert over("symbol_exposure") == any("SYMBOL_EXPOSURE" in one for one in of)
    assert over("total_exposure") == ("TOTAL_EXPOSURE" in denied)
    assert over("heat") == any("CORRELATION_HEAT" in one for one in (denied, *of))
    assert over("max_leverage") == any("MARGIN" in one for one in of)
    assert over("clock_skew_ms", "clock_age_s") == ("CLOCK" in denied)
    assert over("rules_age_s") == ("RULES_AGE" in denied)
    assert over("quote_age_s") == (bool(of) and "QUOTE_AGE" in denied)
    assert over("entry_budget") == ("RATE_BUDGET" in denied)
    assert over("exit_budget") == ("RATE_BUDGET" in rig.denied(act="EXIT"))
    assert over("entries_per_minute") == ("ORDER_RATE" in denied)
    assert over("armed") == ("ARMED" in denied)
    assert over("private_stream") == ("PRIVATE_STREAM" in denied)
    assert over("journal") == ("JOURNAL" in denied)
    assert over("locks") == ("LOCKS" in denied)
    rig.clock.set_ms(now)


def test_figures_are_those_of_the_gates(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "linear").tell()
    rig.position(-50.0)
    rig.record("WORKING")
    rig.desk.account.loss_per_unit["o-1"] = D("1.1")
    found = by_code(uses_of(rig).status())
    facts = {answer.code: answer.facts for answer in rig.ask(quantity=D(5)).answers}
    with_order = D(5) * D(100) / 10_000
    total = Decimal(found["total_exposure"].used.removesuffix(" %")) / 100
    assert total + with_order == Decimal(facts["TOTAL_EXPOSURE"]["value"]) / 10_000
    worst = Decimal(found["daily_loss"].used.removesuffix(" %")) / 100 * 10_000
    assert worst == round((Decimal(facts["DAILY_LOSS"]["lost"]) + Decimal(facts["DAILY_LOSS"]["open_risk"])), 0)
    assert (found["max_positions"].used, facts["MAX_POSITIONS"]["positions"]) == ("2", "3")
    assert found["clock_skew_ms"].used == f"{Decimal(facts['CLOCK']['offset_ms']):.0f} ms"
    assert found["quote_age_s"].limit == f"{float(facts['QUOTE_AGE']['limit_s']):.1f} s"
    assert found["entry_budget"].used == "10.00 %"
    assert (found["max_leverage"].used, found["max_leverage"].limit) == ("2 ×", "3 ×")


# --- unknown, near, money --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["spot", "linear"])
def test_before_anything_is_told_every_limit_says_so_and_nothing_raises(tmp_path: Path, category: str) -> None:
    everything = [
        "bars_1m", "bars_5m", "bars_15m", "screening", "thresholds", "book", "quotes", "clock", "trades", "mark",
        "rules_read", "use", "snapshot", "stream", "look", "arm",
    ]  # fmt: skip
    rig = RiskRig(tmp_path, category, omit=everything).tell()
    status = uses_of(rig).status()
    unknown = {one.code for one in status.uses if one.level == "unknown"}
    assert unknown >= {"daily_loss", "drawdown_halt", "total_exposure", "heat", "clock_skew_ms", "rules_age_s", "locks"}
    for one in status.uses:
        if one.level == "unknown":
            assert (one.used, math.isnan(one.share)) == ("", True)
            assert "not known" in one.words
    assert by_code(status)["daily_loss"].limit == "3.00 %", "what is allowed is known all the same"


def test_the_throttle_shows_in_the_risk_of_the_next_trade(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.money("9000")
    found = by_code(uses_of(rig).status())
    assert found["drawdown_throttle"].level == "over"
    assert found["drawdown_throttle"].words == "sizes are multiplied by 0.50"
    assert found["risk_per_trade"].used == "0.25 %"
    assert rig.desk.status_fields()["drawdown"] == 10.0, "the account's line tells it in percent"


def test_only_what_there_is_has_a_line(tmp_path: Path) -> None:
    paper = by_code(uses_of(RiskRig(tmp_path / "a", "spot", mode="PAPER").tell()).status())
    assert not {"armed", "max_leverage", "daily_loss_money"} & paper.keys()
    risk = RiskSettings(daily_loss_money=100.0)
    rig = RiskRig(tmp_path / "b", "linear", risk=risk).tell()
    rig.money("9915")
    live = by_code(uses_of(rig).status())
    assert {"armed", "max_leverage"} <= live.keys()
    money = live["daily_loss_money"]
    assert (money.used, money.limit, money.level, money.money) == ("0.00 USDT", "100.00 USDT", "ok", True)
    rig.position(-85.0)
    money = by_code(uses_of(rig).status())["daily_loss_money"]
    assert (money.used, money.level) == ("95.00 USDT", "near"), "with the ten its stop would lose"
    assert not any(one.money for one in live.values() if one.code != "daily_loss_money")


# --- locks, waiting limits -------------------------------------------------------------------------------------------


def test_locks_say_which_symbol_why_and_until_when(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.desk.lock(Lock(symbol="*", reason="a break", until_ms=NOW + 60_000))
    rig.record("UNKNOWN")
    status = uses_of(rig).status()
    assert status.locks == (
        "every symbol: a break, until 12:35:56Z",
        f"{SYMBOL}: order o-1 is unknown, until it is resolved",
    )
    assert by_code(status)["locks"].words == f"no entries of {SYMBOL}, every symbol"
    rig.clock.set_ms(NOW + 61_000)
    assert [text.partition(":")[0] for text in uses_of(rig).status().locks] == [SYMBOL]


@pytest.mark.parametrize(
    ("mode", "when"),
    [
        ("LIVE", "once trading is armed after the daily reset at 00:00 UTC"),
        ("PAPER", "from the daily reset at 00:00 UTC"),
    ],
)
def test_a_looser_limit_waits_and_says_until_when(tmp_path: Path, mode: str, when: str) -> None:
    rig = RiskRig(tmp_path, "spot", mode=mode).tell()  # type: ignore[arg-type]
    uses = uses_of(rig)
    rig.live.edit("risk.heat", "0.02")
    assert uses.status().waiting == ()
    assert by_code(uses.status())["heat"].limit == "2.00 %", "tighter counts at once"
    rig.live.edit("risk.heat", "0.05")
    assert uses.status().waiting == (f"risk.heat 0.02 → 0.05: {when}",)
    assert by_code(uses.status())["heat"].limit == "2.00 %"
    rig.clock.set_ms(rig.clock.now_ms() + 86_400_000)
    rig.look()
    if mode == "LIVE":
        assert uses.status().waiting == ("risk.heat 0.02 → 0.05: once trading is armed again",)
        rig.desk.arm(60)
    assert uses.status().waiting == ()
    assert by_code(uses.status())["heat"].limit == "5.00 %"


# --- publishing ------------------------------------------------------------------------------------------------------


def test_it_is_told_when_it_changed_and_when_it_is_asked_for(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    told: list[RiskStatus] = []
    rig.bus.subscribe(RiskStatus, told.append)
    uses = uses_of(rig)
    uses.publish()
    uses.publish()
    assert len(told) == 1
    rig.bus.publish(Replay())
    assert len(told) == 2
    rig.desk.halt("the operator")
    uses.publish()
    assert (len(told), told[-1].state, told[-1].causes) == (3, "HALTED", ("halted: the operator",))


def test_a_limit_that_cannot_be_worked_out_is_told_once_and_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    monkeypatch.setattr("core.trading.limit_readings.correlated_risk", lambda risks, known: 1 / 0)
    uses = uses_of(rig)
    for _ in range(2):
        heat = by_code(uses.status())["heat"]
        assert heat.level == "unknown"
        assert "ZeroDivisionError" in heat.words
    assert len([one for one in rig.said if getattr(one, "source", "") == "limits"]) == 1
    assert by_code(uses.status())["total_exposure"].level == "ok"
