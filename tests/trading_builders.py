"""Messages of the order path from literals, for screens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from core.messages import (
    AccountStatus,
    Consequences,
    Discrepancy,
    EvidenceLine,
    Execution,
    GateAnswer,
    GateReport,
    HaltReport,
    Inbox,
    InboxItem,
    LimitUse,
    OrderAlarm,
    OrderStatus,
    PositionStatus,
    RecordSummary,
    RiskStatus,
    SessionCheck,
    SessionStatus,
    StopTruth,
    TicketStatus,
    TradeClosed,
    TradeHistory,
)
from core.trading.trade_record import summarise
from tests.builders import CATEGORY, NOW_MS, VENUE

SECOND, MINUTE = 1_000, 60_000


def _of_venue(kind: Any, fields: dict[str, object], changes: dict[str, object]) -> Any:
    return kind(**({"venue": VENUE, "category": CATEGORY} | fields | changes))


def account(**changes: object) -> AccountStatus:
    fields: dict[str, object] = {
        "mode": "PAPER", "account": "paper", "host": "127.0.0.1", "host_kind": "SANDBOX", "armed_until_ms": 0,
        "state": "ACTIVE", "causes": (), "stream": "SYNCED", "journal": "", "asset": "USDT", "equity": 10_124.5,
        "free": 8_720.25, "day_loss": 12.4, "day_limit": 300.0, "drawdown": 0.8, "rate_used": 0.07,
        "banned_until_ms": 0, "positions": 0, "open_orders": 0, "unknown": 0, "naked": 0, "discrepancies": 0,
        "at_ms": NOW_MS,
    }  # fmt: skip
    made: AccountStatus = _of_venue(AccountStatus, fields, changes)
    return made


def order(client_id: str = "tt-1-a", symbol: str = "SOLUSDT", **changes: object) -> OrderStatus:
    fields: dict[str, object] = {
        "symbol": symbol, "client_id": client_id, "order_id": "88123", "purpose": "ENTRY", "parent": "", "side": "BUY",
        "kind": "LIMIT", "quantity": Decimal("3.280"), "price": Decimal("152.35"), "stop_price": Decimal(0),
        "state": "WORKING", "filled": Decimal(0), "remaining": Decimal("3.280"), "average_price": Decimal(0),
        "fees": (), "created_ms": NOW_MS - 3 * MINUTE, "changed_ms": NOW_MS - 12 * SECOND,
    }  # fmt: skip
    made: OrderStatus = _of_venue(OrderStatus, fields, changes)
    return made


def stop(state: str = "VERIFIED", **changes: object) -> StopTruth:
    fields: dict[str, object] = {
        "state": state, "price": Decimal("150.90"), "quantity": Decimal("3.280"), "covered": True, "distance": 1.44,
        "client_id": "tt-1-s", "order_id": "88124", "verified_ms": NOW_MS - 4 * SECOND,
    }  # fmt: skip
    return StopTruth(**(fields | changes))  # type: ignore[arg-type]


def position(symbol: str = "SOLUSDT", **changes: object) -> PositionStatus:
    fields: dict[str, object] = {
        "symbol": symbol, "trade_id": f"trade-{symbol}", "side": "BUY", "quantity": Decimal("3.280"),
        "entry_price": Decimal("152.35"), "price": 153.10, "unrealised": 2.46, "result": 1.96, "r_multiple": 0.52,
        "stop": stop(),
        "targets": (
            (Decimal("155.25"), 0.5, False), (Decimal("156.70"), 0.3, False),
        ),
        "opened_ms": NOW_MS - 9 * MINUTE, "at_ms": NOW_MS,
    }  # fmt: skip
    made: PositionStatus = _of_venue(PositionStatus, fields, changes)
    return made


def execution(client_id: str = "tt-1-a", symbol: str = "SOLUSDT", **changes: object) -> Execution:
    fields: dict[str, object] = {
        "symbol": symbol, "client_id": client_id, "trade_id": "5501", "side": "BUY", "price": Decimal("152.35"),
        "quantity": Decimal("1.280"), "fee": Decimal("0.19"), "fee_asset": "USDT", "maker": True,
        "at_ms": NOW_MS - 2 * MINUTE,
    }  # fmt: skip
    made: Execution = _of_venue(Execution, fields, changes)
    return made


def discrepancy(key: str = "BALANCE SOL", **changes: object) -> Discrepancy:
    fields: dict[str, object] = {
        "symbol": "SOLUSDT", "key": key, "kind": "BALANCE", "ours": "3.280 SOL", "venues": "1.280 SOL",
        "text": "the venue holds 1.280 SOL, our fills say 3.280: somebody sold 2.000 elsewhere",
        "first_ms": NOW_MS - 40 * SECOND, "at_ms": NOW_MS - 5 * SECOND,
    }  # fmt: skip
    made: Discrepancy = _of_venue(Discrepancy, fields, changes)
    return made


def alarm(code: str = "NAKED", **changes: object) -> OrderAlarm:
    fields: dict[str, object] = {
        "symbol": "ETHUSDT", "code": code, "text": "ETHUSDT 0.210 has no stop: the venue refused it (−2010)",
        "severity": "error", "at_ms": NOW_MS - 2 * SECOND,
    }  # fmt: skip
    made: OrderAlarm = _of_venue(OrderAlarm, fields, changes)
    return made


def halt(**changes: object) -> HaltReport:
    fields: dict[str, object] = {
        "why": "operator", "asked_ms": NOW_MS - 6 * SECOND, "blocked_ms": NOW_MS - 6 * SECOND + 1,
        "cancelled": ("tt-3-a",), "waiting": ("tt-4-a",), "failed": (("tt-5-a", "no answer"),), "stops_kept": 2,
        "done": False, "at_ms": NOW_MS - SECOND,
    }  # fmt: skip
    made: HaltReport = _of_venue(HaltReport, fields, changes)
    return made


def gates(client_id: str = "tt-1-a", symbol: str = "SOLUSDT", **changes: object) -> GateReport:
    fields: dict[str, object] = {
        "symbol": symbol, "client_id": client_id, "act": "ENTRY", "allowed": False, "at_ms": NOW_MS - MINUTE,
        "answers": (
            GateAnswer("ARMED", "armed", True, "", {}),
            GateAnswer("JOURNAL", "journal", True, "", {}),
            GateAnswer("CLOCK_SKEW", "clock", True, "", {"offset_ms": "12"}),
            GateAnswer(
                "PRICE_COLLAR", "collar", False,
                "152.35 is 1.4 % from mid 150.20, limit 1.0 %: refresh or change the price", {"mid": "150.20"},
            ),
            GateAnswer("NOTIONAL", "notional", True, "", {}),
        ),
    }  # fmt: skip
    made: GateReport = _of_venue(GateReport, fields, changes)
    return made


def closed(symbol: str = "SOLUSDT", **changes: object) -> TradeClosed:
    fields: dict[str, object] = {
        "symbol": symbol, "trade_id": f"over-{symbol}", "side": "BUY", "quantity": Decimal("3.280"),
        "entry_price": Decimal("152.35"), "exit_price": Decimal("150.88"), "result": Decimal("-4.92"), "fees": Decimal("0.99"),
        "slippage": Decimal("0.02"), "risked": Decimal("4.76"), "r_multiple": -1.03, "why": "STOP",
        "reasons": ("bos ↑ +5.0 pp", "ema_stack +4.1 pp"), "opened_ms": NOW_MS - 50 * MINUTE, "closed_ms": NOW_MS - 21 * MINUTE,
    }  # fmt: skip
    made: TradeClosed = _of_venue(TradeClosed, fields, changes)
    return made


def item(item_id: str = "p:SOLUSDT:1", **changes: object) -> InboxItem:
    """A proposal that waits; another kind with `kind=`."""
    proposal: dict[str, object] = {
        "symbol": "SOLUSDT", "text": "P(BUY) .78 reaches .75; 5 factors confirm it", "side": "BUY", "rank": 1,
        "confidence": 0.78, "ratio": 2.1, "entry": (Decimal("151.70"), Decimal("152.34")), "stop": Decimal("151.04"),
        "targets": (Decimal("155.25"), Decimal("156.70")), "expires_ms": NOW_MS + 13 * MINUTE,
    }  # fmt: skip
    kind = changes.get("kind", "PROPOSAL")
    fields: dict[str, object] = {
        "item_id": item_id, "kind": kind, "state": "WAITING", "symbol": "", "text": "", "created_ms": NOW_MS - 2 * MINUTE,
    }  # fmt: skip
    return InboxItem(**(fields | (proposal if kind == "PROPOSAL" else {}) | changes))  # type: ignore[arg-type]


def inbox(*items: InboxItem, **changes: object) -> Inbox:
    made: Inbox = _of_venue(Inbox, {"items": items, "at_ms": NOW_MS}, changes)
    return made


def evidence(*lines: tuple[int, str, str]) -> tuple[EvidenceLine, ...]:
    """(seconds ago, channel, text)."""
    return tuple(EvidenceLine(NOW_MS - ago * SECOND, channel, text) for ago, channel, text in lines)


def consequences(**changes: object) -> Consequences:
    fields: dict[str, object] = {
        "worst": Decimal("5.81"), "worst_share": 0.0057, "fees": Decimal("0.99"), "notional": Decimal("499.71"),
        "exposure": Decimal("1240.20"), "exposure_share": 0.122, "heat_share": 0.018, "heat_limit": 0.06,
        "liquidation": None, "gap": Decimal("30.57"), "gap_share": 0.05,
        "stop_fails": ("A stop the venue refuses leaves the position bare: it is closed at the market after 10 s.",),
        "program_only": ("Targets end with this program: nothing takes profit while it is away.",),
    }  # fmt: skip
    return Consequences(**(fields | changes))  # type: ignore[arg-type]


def ticket(step: str = "REVIEW", symbol: str = "SOLUSDT", **changes: object) -> TicketStatus:
    """On paper, at its first step, every gate open."""
    fields: dict[str, object] = {
        "symbol": symbol, "ticket_id": "ticket-1", "kind": "TRADE", "step": step, "nonce": "n1", "mode": "PAPER",
        "account": "paper", "host": "127.0.0.1", "host_kind": "SANDBOX", "by": "PROPOSAL", "side": "BUY",
        "order_type": "LIMIT", "quantity": Decimal("3.280"), "entry": Decimal("152.35"), "stop": Decimal("150.90"),
        "targets": ((Decimal("155.25"), 0.5), (Decimal("156.70"), 0.3), (Decimal("158.15"), 0.2)), "ratio": 2.3,
        "probability": 0.63, "proposed_price": 152.32, "reviewed_price": 152.34,
        "why": ("BOS up 152.02 (+5.0 pp)", "EMA stack (+4.1 pp)", "discount 31 % (+3.1 pp)"),
        "contrary": ("RSI 64 high (−2.1 pp)",), "thresholds": "enter .60 exit .45, calibrated 2 d ago",
        "gates": tuple(
            GateAnswer(code, label, True, "", facts)
            for code, label, facts in (
                ("JOURNAL", "journal", {}), ("CLOCK", "clock", {"offset_ms": "12"}),
                ("PRICE_COLLAR", "collar", {"mid": "152.34", "limit": "1.0 %"}), ("BALANCE", "balance", {}),
            )
        ),
        "allowed": True, "consequences": consequences(), "opened_ms": NOW_MS - 12 * SECOND,
        "expires_ms": NOW_MS + 48 * SECOND, "at_ms": NOW_MS,
    }  # fmt: skip
    made: TicketStatus = _of_venue(TicketStatus, fields, changes)
    return made


LIVE_CHECKS = (
    ("HOST", "host", "api.binance.us: the venue itself, real money"),
    ("KEYS", "keys", "may trade, may not withdraw"),
    ("CLOCK", "clock", "+12 ms, measured 4 s ago"),
    ("STREAM", "stream", "private stream connected, everything compared since"),
    ("JOURNAL", "journal", "a record was written and is on disk"),
    ("ACCOUNT", "account", "k-5f3a compared with the venue: nothing differs"),
    ("NAKED", "stops", "no position held"),
    ("STATE", "state", "ACTIVE"),
    ("LIMITS", "limits", "0.50% a trade, 3.0% a day, halt at 15.0%"),
    ("TERMINAL", "terminal", "runs under tmux"),
    ("MACHINE", "machine", "python 3.11.9, 12 libraries, data folder ~/.local/share/tradetui: 41,210 MB free"),
    ("CPU", "processor", "load 0.6 on 2 cores, 70% free"),
)
"""Code, short name and words of what holds before real orders."""


def checks(**failing: str) -> tuple[SessionCheck, ...]:
    """Every condition of arming; those named by their code fail with these words."""
    return tuple(
        SessionCheck(code=code, label=label, holds=code not in failing, words=failing.get(code, words))
        for code, label, words in LIVE_CHECKS
    )


def record(**changes: object) -> RecordSummary:
    fields: dict[str, object] = {
        "trades": 41, "wins": 22, "win_rate": 22 / 41, "expectancy": 0.12, "profit_factor": 1.31, "result": Decimal("318.42"),
        "fees": Decimal("40.11"), "drawdown": Decimal("142.10"), "drawdown_r": 3.1, "since_ms": NOW_MS - 9 * 24 * 60 * MINUTE,
    }  # fmt: skip
    return RecordSummary(**(fields | changes))  # type: ignore[arg-type]


def session(phase: str = "PAPER", **changes: object) -> SessionStatus:
    """On paper, or in another phase on the venue's account."""
    real = phase in ("DISARMED", "ARMED", "LEAVING")
    fields: dict[str, object] = {
        "phase": phase, "mode": "LIVE" if real else "PAPER", "account": "k-5f3a" if real else "paper",
        "host": "api.binance.us", "host_kind": "LIVE DATA", "nonce": "n1" if real else "", "checks": checks() if real else (),
        "paper": record(), "canary": real, "armed_until_ms": NOW_MS + 42 * MINUTE if phase == "ARMED" else 0,
        "program_only": (
            "The stop trails 3 ATR behind the best price, from 1 R on.",
            "The stop goes to break-even after 1 target.",
            "An entry not filled after 900 s is cancelled.",
            "A position whose stop failed twice is closed at the market.",
            "A stop that was met and has not filled after 5 s is followed by a market order.",
        ),
        "at_ms": NOW_MS,
    }  # fmt: skip
    made: SessionStatus = _of_venue(SessionStatus, fields, changes)
    return made


def limit(code: str, label: str, group: str, used: str, limit: str, share: float, **changes: object) -> LimitUse:
    fields: dict[str, object] = {
        "code": code, "label": label, "group": group, "used": used, "limit": limit, "share": share, "level": "ok",
        "words": "then no entries",
    }  # fmt: skip
    return LimitUse(**(fields | changes))  # type: ignore[arg-type]


def limits() -> tuple[LimitUse, ...]:
    """Every limit on a quiet morning, as the engine tells them."""
    return (
        limit("daily_loss", "daily loss", "losses", "0.12 %", "3.00 %", 0.041,
              words="then no entries before the next reset"),
        limit("daily_loss_money", "daily loss in money", "losses", "12.40 USDT", "250.00 USDT", 0.05, money=True,
              words="then no entries before the next reset"),
        limit("drawdown_throttle", "drawdown, throttle", "losses", "0.80 %", "5.00 %", 0.16, words="then sizes shrink"),
        limit("drawdown_halt", "drawdown, halt", "losses", "0.80 %", "15.00 %", 0.053, words="then trading is halted"),
        limit("loss_streak", "losses in a row", "losses", "1", "4", 0.25, words="then a cool-down without entries"),
        limit("cool_down_min", "cool-down", "losses", "none", "60 min", 0.0, words="no entries while it lasts"),
        limit("risk_per_trade", "risk per trade now", "exposure", "0.50 %", "2.00 %", 0.25),
        limit("max_positions", "positions", "exposure", "2", "5", 0.4, words="then no further entry"),
        limit("max_per_symbol", "of one symbol", "exposure", "1", "2", 0.5, words="fullest: SOLUSDT"),
        limit("order_exposure", "order exposure", "exposure", "4.94 %", "50.00 %", 0.099),
        limit("symbol_exposure", "symbol exposure", "exposure", "11.20 %", "50.00 %", 0.224, words="fullest: SOLUSDT"),
        limit("total_exposure", "total exposure", "exposure", "18.35 %", "100.00 %", 0.184),
        limit("heat", "heat", "exposure", "0.61 %", "3.00 %", 0.203, words="then only what hedges"),
        limit("clock_skew_ms", "clock skew", "market and clock", "12 ms", "500 ms", 0.024),
        limit("clock_age_s", "clock measured", "market and clock", "14 s", "120 s", 0.117),
        limit("rules_age_s", "rules read", "market and clock", "22 min", "60 min", 0.371),
        limit("quote_age_s", "oldest quote", "market and clock", "0.4 s", "2.0 s", 0.2, words="oldest: SOLUSDT"),
        limit("entry_budget", "rate, entries", "sending", "7.00 %", "50.00 %", 0.14),
        limit("exit_budget", "rate, exits", "sending", "7.00 %", "80.00 %", 0.088),
        limit("entries_per_minute", "entries a minute", "sending", "0", "6", 0.0),
        limit("private_stream", "private stream", "session", "SYNCED", "", 0.0, words="no entries without it"),
        limit("journal", "journal", "session", "written", "", 0.0),
        limit("locks", "locks", "session", "0", "", 0.0, words="no entries of a locked symbol"),
    )  # fmt: skip


def risk_status(changed: dict[str, dict[str, object]] | None = None, **changes: object) -> RiskStatus:
    """Every limit; `changed` by code."""
    uses = tuple(replace(use, **(changed or {}).get(use.code, {})) for use in limits())
    fields: dict[str, object] = {"state": "ACTIVE", "causes": (), "uses": uses, "at_ms": NOW_MS - SECOND}
    made: RiskStatus = _of_venue(RiskStatus, fields, changes)
    return made


def history(*trades: TradeClosed, **changes: object) -> TradeHistory:
    """These closed trades, oldest first, with what they come to."""
    fields: dict[str, object] = {
        "mode": "PAPER", "account": "paper-binance_us-spot", "asset": "USDT", "trades": trades, "summary": summarise(trades),
        "at_ms": NOW_MS,
    }  # fmt: skip
    made: TradeHistory = _of_venue(TradeHistory, fields, changes)
    return made
