"""Going live in every state a picture shows, from literals."""

from __future__ import annotations

from core.messages import Message
from tests import builders as make
from tests import trading_builders as trade
from tests.snapshots.scenes import market

FAILING = {
    "KEYS": "this key can withdraw: make one that cannot",
    "STATE": "HALTED (halted: operator): settle that, then u",
    "TERMINAL": "a dropped connection would end the program: start it under tmux, screen or systemd,"
    ' or set trading.outside_tmux = "allow"',
}


def paper(**status: object) -> list[Message]:
    """A venue with real money behind it, still on paper."""
    engine = make.engine_status(host_kind="LIVE DATA", host="api.binance.us")
    return [*market(), engine, trade.account(), trade.session("PAPER", **status)]


def good() -> Message:
    """The real account is open and everything holds."""
    return trade.session("DISARMED")


def bad() -> Message:
    """The real account is open and three things are wrong."""
    return trade.session("DISARMED", checks=trade.checks(**FAILING))


def sandbox() -> Message:
    """The same at a simulated exchange."""
    return trade.session("DISARMED", host="127.0.0.1:8000", host_kind="SANDBOX", account="practice")
