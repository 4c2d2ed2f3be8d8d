"""Limits and the account in every state a picture shows, from literals."""

from __future__ import annotations

from decimal import Decimal

from core.messages import Message, SessionCheck, SessionStatus
from tests import builders as make
from tests import trading_builders as trade
from tests.builders import CATEGORY, NOW_MS, VENUE
from tests.snapshots.scenes import market

SECOND, MINUTE = 1_000, 60_000
NAN = float("nan")
BALANCES = (("SOL", Decimal("3.280"), Decimal(0)), ("USDT", Decimal("8720.25"), Decimal("499.71")))


def quiet() -> list[Message]:
    """A usual morning: everything far from its limit."""
    return [*market(), trade.account(balances=BALANCES, positions=2, at_ms=NOW_MS), trade.risk_status()]


def near() -> list[Message]:
    """Several limits nearly used, looser ones asked for, a symbol locked."""
    told = trade.risk_status(
        {
            "daily_loss": {"used": "2.61 %", "share": 0.87, "level": "near"},
            "daily_loss_money": {"used": "240.10 USDT", "share": 0.96, "level": "near"},
            "loss_streak": {"used": "3", "share": 0.75},
            "max_positions": {"used": "4", "share": 0.8, "level": "near", "words": "then no further entry"},
            "total_exposure": {"used": "91.35 %", "share": 0.914, "level": "near", "words": "then no further entry"},
            "locks": {"used": "1", "share": 1.0, "level": "over", "words": "no entries of NEARUSDT"},
        },
        locks=("NEARUSDT: order tt-11-a is unknown, until it is resolved",),
        waiting=(
            "risk.total_exposure 1 → 1.5: from the daily reset at 00:00 UTC",
            "risk.min_net_ratio 2 → 1.5: from the daily reset at 00:00 UTC",
        ),
    )
    account = trade.account(balances=BALANCES, positions=4, day_loss=240.1, day_limit=250.0, drawdown=2.4, at_ms=NOW_MS)
    return [*market(), account, told]


def halted() -> list[Message]:
    """Real money: the day's loss and the drawdown are reached, arming has failed since."""
    causes = ("drawdown", "halted: the operator")
    told = trade.risk_status(
        {
            "daily_loss": {
                "used": "3.12 %", "share": 1.04, "level": "over",
                "words": "the day's limit was hit: no entries before the next reset",
            },
            "daily_loss_money": {
                "used": "316.20 USDT",
                "share": 1.265,
                "level": "over",
                "words": "the day's limit was hit: no entries before the next reset",
            },
            "drawdown_throttle": {
                "used": "15.20 %", "share": 3.04, "level": "over", "words": "sizes are multiplied by 0.00",
            },
            "drawdown_halt": {
                "used": "15.20 %", "share": 1.013, "level": "over",
                "words": "trading is halted: arm (on paper: resume) to measure from here",
            },
            "loss_streak": {
                "used": "4", "share": 1.0, "level": "over", "words": "4 losses in a row, limit 4: wait 38 min",
            },
            "cool_down_min": {
                "used": "38 min left", "share": 0.633, "level": "over", "words": "no entries until it is over",
            },
            "risk_per_trade": {
                "used": "0.00 %", "share": 0.0, "level": "near", "words": "0.50 % × 0.00 for the drawdown",
            },
        },
        state="HALTED",
        causes=causes,
    )  # fmt: skip
    live = {"mode": "LIVE", "account": "binance_us", "host": "api.binance.us", "host_kind": "LIVE DATA"}
    return [
        *market(),
        make.engine_status(mode="LIVE", host_kind="LIVE DATA", host="api.binance.us"),
        trade.account(
            **live, balances=BALANCES, positions=1, day_loss=316.2, day_limit=250.0, drawdown=15.2, state="HALTED", causes=causes,
            at_ms=NOW_MS,
        ),
        told,
        SessionStatus(
            venue=VENUE, category=CATEGORY, phase="DISARMED", mode="LIVE", account="binance_us", host="api.binance.us",
            host_kind="LIVE DATA", at_ms=NOW_MS,
            checks=(
                SessionCheck(code="JOURNAL", label="journal", holds=True, words="can be written"),
                SessionCheck(
                    code="CLOCK", label="clock", holds=False,
                    words="this machine is 640 ms off the venue: synchronise its clock, then check again",
                ),
            ),
        ),
    ]  # fmt: skip


def unknown() -> list[Message]:
    """Just started: hardly anything is known."""
    nothing: dict[str, object] = {"used": "", "share": NAN, "level": "unknown"}
    words = {
        "daily_loss": "the day's account", "daily_loss_money": "the day's account", "drawdown_throttle": "drawdown",
        "drawdown_halt": "drawdown", "risk_per_trade": "drawdown", "max_positions": "positions",
        "max_per_symbol": "positions", "order_exposure": "pending orders", "symbol_exposure": "equity",
        "total_exposure": "equity", "heat": "equity", "clock_skew_ms": "clock offset",
        "clock_age_s": "age of the clock offset", "rules_age_s": "age of the rules", "quote_age_s": "positions",
        "entry_budget": "rate budget", "exit_budget": "rate budget", "locks": "locks",
    }  # fmt: skip
    changed = {code: nothing | {"words": f"not known yet: {what}; entries wait"} for code, what in words.items()}
    changed["private_stream"] = {
        "used": "DOWN", "share": 1.0, "level": "over",
        "words": "no entries until it is back and its snapshot is applied",
    }  # fmt: skip
    account = trade.account(
        equity=NAN, free=NAN, day_loss=NAN, day_limit=NAN, drawdown=NAN, stream="DOWN", state="REDUCING",
        causes=("not compared with the venue yet",), asset="", at_ms=NOW_MS,
    )  # fmt: skip
    told = trade.risk_status(changed, state="REDUCING", causes=("not compared with the venue yet",))
    return [*market(), account, told]
