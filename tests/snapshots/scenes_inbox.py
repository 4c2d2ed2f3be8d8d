"""The inbox in every state a picture shows, from literals."""

from __future__ import annotations

from decimal import Decimal

from core.messages import InboxItem, Message
from tests import builders as make
from tests import trading_builders as trade
from tests.builders import NOW_MS
from tests.snapshots.scenes import market
from tests.tui import advice_builder as advice

SECOND, MINUTE = 1_000, 60_000


def empty() -> list[Message]:
    """Nothing waits; analyses say why."""
    return [
        *market(), trade.account(), advice.avoided(), advice.avoided("ETHUSDT"), advice.waiting("ADAUSDT"),
        trade.inbox(note="ETHUSDT below trading.proposal_confidence 0.50"),
    ]  # fmt: skip


def proposals() -> tuple[InboxItem, ...]:
    """Three, ranked: in the zone, above it, and one about to expire."""
    return (
        trade.item(text="; ".join(advice.analysis().reasons)),
        trade.item(
            "p:ETHUSDT:1", symbol="ETHUSDT", rank=2, confidence=0.71, ratio=1.8,
            entry=(Decimal("2660.00"), Decimal("2670.00")), stop=Decimal("2641.50"), targets=(Decimal("2724.00"),),
            expires_ms=NOW_MS + 8 * MINUTE,
        ),
        trade.item(
            "p:DOGEUSDT:1", symbol="DOGEUSDT", side="SELL", rank=3, confidence=0.6, ratio=2.4,
            entry=(Decimal("0.10200"), Decimal("0.10260")), stop=Decimal("0.10350"), targets=(Decimal("0.09990"),),
            expires_ms=NOW_MS + 42 * SECOND,
        ),
    )  # fmt: skip


def alarms() -> tuple[InboxItem, ...]:
    return (
        trade.item(
            "a:NAKED:BNBUSDT:tt-2-a", kind="ALARM", symbol="BNBUSDT", severity="error", created_ms=NOW_MS - 9 * SECOND,
            text="BNBUSDT: 1.4 has no stop since 5 s; closed at the market in 3 s (2 times)",
        ),
        trade.item(
            "a:TARGET_REFUSED:SOLUSDT:tt-1-a", kind="ALARM", symbol="SOLUSDT", severity="warning", client_id="tt-1-a",
            text="SOLUSDT: target 155.25 was refused (−1013): the program keeps it", created_ms=NOW_MS - 6 * MINUTE,
        ),
    )  # fmt: skip


def fills() -> tuple[InboxItem, ...]:
    return (
        trade.item(
            "f:tt-1-s", kind="FILL", symbol="SOLUSDT", severity="warning", client_id="tt-1-s",
            text="sold 3.28 SOLUSDT at 150.88, stop; trade over: −1.03 R, −4.92 USDT", created_ms=NOW_MS - 21 * MINUTE,
        ),
        trade.item(
            "f:tt-1-a", kind="FILL", symbol="SOLUSDT", client_id="tt-1-a", created_ms=NOW_MS - 50 * MINUTE,
            text="bought 1.28 SOLUSDT at 152.35, entry, 1.28 of 3.28",
        ),
    )  # fmt: skip


def known() -> list[Message]:
    """A market, an account, the recommendation behind the first proposal, the order behind a fill."""
    return [
        *market(), trade.account(), make.quote("SOLUSDT", 152.10, 152.12), make.quote("ETHUSDT", 2_683.0, 2_683.2),
        make.quote("DOGEUSDT", 0.1023, 0.1024), advice.analysis(),
        trade.order(state="FILLED", filled=Decimal("3.280"), remaining=Decimal(0), average_price=Decimal("152.35")),
        trade.execution(),
    ]  # fmt: skip


def full(*more: InboxItem, **changes: object) -> list[Message]:
    urgent, *rest = alarms()
    note = "XRPUSDT left out: a position or an entry of ours is there"
    items = (urgent, *proposals(), *rest, *fills(), *more)
    return [*known(), trade.inbox(*items, **({"note": note} | changes))]


def opening() -> list[Message]:
    """On paper the best open themselves: one was taken a moment ago, one was refused."""
    best, second, _ = proposals()
    taken = trade.item("p:XRPUSDT:1", symbol="XRPUSDT", state="TAKEN", rank=0, entry=(Decimal("0.5290"), Decimal("0.5312")),
                       stop=Decimal("0.5240"), targets=(Decimal("0.5410"),))  # fmt: skip
    refused = trade.item(
        second.item_id, symbol="ETHUSDT", rank=1, confidence=0.79, entry=second.entry, stop=second.stop, targets=second.targets,
        text="not opened by itself: ETHUSDT: heat would be 2.3 of 2.0 %; close something first; P(BUY) .79 reaches .75",
    )  # fmt: skip
    note = "the best 2 open themselves on paper, from confidence 0.75 (paper.open_top)"
    return [*known(), trade.inbox(refused, trade.item(best.item_id, rank=2), taken, opens_itself=True, note=note)]
