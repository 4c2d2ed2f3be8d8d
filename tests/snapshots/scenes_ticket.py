"""An order ticket in every state a picture shows, from literals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from core.messages import GateAnswer, Message, TicketStatus
from tests import builders as make
from tests import trading_builders as trade
from tests.builders import NOW_MS

SECOND = 1_000
QUOTE = make.quote("SOLUSDT", 152.33, 152.35, NOW_MS - 200)

PASSED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("ARMED", "armed", {"left_s": "2512"}), ("TRADING_STATE", "state", {"state": "ACTIVE"}), ("REDUCES_ONLY", "reduces", {}),
    ("JOURNAL", "journal", {}), ("CLOCK", "clock", {"offset_ms": "12", "limit_ms": "1000"}),
    ("PRIVATE_STREAM", "stream", {"stream": "SYNCED"}), ("SYMBOL_STATUS", "symbol", {"status": "TRADING"}),
    ("RULES_AGE", "rules", {"age_s": "412", "limit_s": "3600"}), ("QUOTE_AGE", "fresh", {"age_s": "0.2", "limit_s": "2"}),
    ("BOOK", "book", {"state": "SYNCED"}), ("ORDER_FORM", "form", {"tick": "0.01", "lot": "0.001"}),
    ("PERCENT_PRICE", "filter", {"price": "152.35", "low": "30.47", "high": "761.75"}),
    ("PRICE_COLLAR", "collar", {"mid": "152.34", "away": "0.0 %", "limit": "1.0 %"}),
    ("CONFIRMED_PRICE", "confirmed", {"mid": "152.34", "confirmed": "152.34", "limit": "0.5 %"}),
    ("NOTIONAL", "notional", {"least": "499.71", "most": "499.71", "min": "10", "max": "0"}),
    ("BALANCE", "balance", {"needed": "500.21", "free": "8720.25"}), ("MARGIN", "margin", {"judge": "spot"}),
    ("LIQUIDATION", "liquidation", {"judge": "spot"}), ("ORDER_EXPOSURE", "order size", {"share": "4.9 %", "limit": "10.0 %"}),
    ("SYMBOL_EXPOSURE", "symbol size", {"share": "4.9 %", "limit": "20.0 %"}),
    ("TOTAL_EXPOSURE", "total size", {"share": "12.2 %", "limit": "100.0 %"}),
    ("OPEN_ORDERS", "open orders", {"open": "2", "limit": "20"}), ("DAILY_LOSS", "daily loss", {"loss": "0.8 %", "limit": "3.0 %"}),
    ("DRAWDOWN", "drawdown", {"drawdown": "1.1 %", "limit": "10.0 %"}), ("LOSS_STREAK", "streak", {"streak": "1", "limit": "4"}),
    ("LOCKS", "locks", {}), ("RATE_BUDGET", "rate", {"used": "7 %"}), ("ORDER_RATE", "pace", {"sent": "1", "limit": "10"}),
    ("DUPLICATE_INTENT", "duplicate", {}), ("PROTECTIVE_STOP", "stop", {"stop": "150.9"}),
    ("AUTHORISATION", "permission", {"judge": "given at the last step"}), ("MAX_POSITIONS", "positions", {"open": "1", "limit": "5"}),
    ("RISK_PER_TRADE", "risk/trade", {"risk": "0.57 %", "limit": "1.0 %"}), ("MIN_RATIO", "reward", {"ratio": "2.3", "least": "1.5"}),
    ("CORRELATION_HEAT", "heat", {"heat": "1.8 %", "limit": "6.0 %"}), ("TRADING_HOURS", "hours", {}),
    ("VOLATILITY", "volatility", {"natr": "0.12 %"}), ("SPREAD", "spread", {"spread_bp": "1.3", "limit_bp": "20"}),
)  # fmt: skip
DENIED = {
    "PRICE_COLLAR": "PRICE_COLLAR 152.35 is 1.4 % from mid 150.20, limit 1.0 %: refresh or change the price",
    "CORRELATION_HEAT": "CORRELATION_HEAT 6.4 % at risk in positions that move together, limit 6.0 %: close one or lower the quantity",
}
WHY = ("BOS up 152.02 (+5.0 pp)", "EMA stack (+4.1 pp)", "discount 31 % (+3.1 pp)", "volume z 2.4 (+0.8 pp)")
STOP_FAILS = (
    "At 150.90 the stop becomes a limit order 50 bp behind: a price that leaps over that does not fill it.",
    "After 5 s it is then cancelled, and the position is closed at the market.",
    "A stop that is refused twice, or not seen at the venue within 2 s: alarm, and after 10 s the position is closed at the market.",
)
PROGRAM_ONLY = (
    "The stop trails 3 ATR behind the best price, from 1.5 R on.",
    "The stop goes to break-even after 1 target.",
    "Targets are sold by the program: the resting stop locks the coins.",
    "A position is closed after 240 minutes.",
    "An entry not filled after 900 s is cancelled.",
    "A position whose stop failed twice is closed at the market.",
    "A stop that was met and has not filled after 5 s is followed by a market order.",
)


def gates(*denied: str) -> tuple[GateAnswer, ...]:
    """Every gate's answer; these say no."""
    return tuple(
        GateAnswer(code, label, code not in denied, DENIED[code] if code in denied else "", facts)
        for code, label, facts in PASSED
    )


def live(step: str = "REVIEW", **changes: object) -> TicketStatus:
    """Real money, every gate open."""
    fields: dict[str, object] = {
        "mode": "LIVE", "account": "binance_us", "host": "api.binance.us", "host_kind": "LIVE DATA", "gates": gates(), "why": WHY,
        "consequences": trade.consequences(stop_fails=STOP_FAILS, program_only=PROGRAM_ONLY),
    }  # fmt: skip
    return trade.ticket(step, **cast("dict[str, Any]", fields | changes))


def paper() -> TicketStatus:
    """One page."""
    return trade.ticket(gates=gates(), why=WHY)


def denied() -> TicketStatus:
    """Two gates say no."""
    return live(gates=gates(*DENIED), allowed=False)


def second() -> TicketStatus:
    return live("CONSEQUENCES", nonce="n2")


def third() -> TicketStatus:
    return live("AUTHORISE", nonce="n3", token="SB328")


def expired() -> TicketStatus:
    changes = (
        "the price went from 152.34 to 153.31, 0.64 %, more than the collar of 0.5 %",
        "the balance went from 8,720.25 to 412.10 USDT",
        "the day's loss limit is nearer: 2.6 of 3.0 %",
    )
    return live("EXPIRED", nonce="n4", changes=changes, proposed_price=152.32, reviewed_price=152.34)


def refused() -> TicketStatus:
    return live("REFUSED", nonce="n5", words="the venue refused it: −2010 account has insufficient balance")


def sent() -> TicketStatus:
    return live("SENT", nonce="n6", client_id="tt-12-a")


def canary() -> TicketStatus:
    costs = trade.consequences(
        notional=Decimal("10.66"), worst=Decimal("0.13"), worst_share=0.00001, stop_fails=STOP_FAILS
    )
    return live(kind="CANARY", by="PROGRAM", quantity=Decimal("0.070"), consequences=costs, targets=())


def amend() -> TicketStatus:
    return live(kind="AMEND", by="OPERATOR", replaces="tt-9-a", entry=Decimal("152.10"))


def scene(ticket: TicketStatus) -> list[Message]:
    """An account, a market of one symbol, its quote and the ticket."""
    real = ticket.mode == "LIVE"
    where: dict[str, Any] = {
        "mode": "LIVE",
        "account": "binance_us",
        "host": "api.binance.us",
        "host_kind": "LIVE DATA",
    }
    return [
        make.engine_status(**{name: value for name, value in where.items() if name != "account" and real}),
        make.listing("SOLUSDT"),
        QUOTE,
        trade.account(**(where if real else {})),
        ticket,
    ]
