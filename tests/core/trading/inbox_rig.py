"""An inbox with a bus, a clock that stands still, a journal in memory, and recommendations from a few numbers."""

from __future__ import annotations

import shutil
import weakref
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from core.bus import Bus
from core.clock import SimClock
from core.messages import Analysis, ConfidenceMetrics, Inbox, InboxItem, OpenTrade, RiskParameters, Side
from core.settings import Settings
from core.settings_live import LiveSettings
from core.trading.broker import Mode
from core.trading.draft import Submission
from core.trading.inbox import InboxKeeper
from core.trading.journal_records import Entry, Record
from tests.builders import CATEGORY, NOW_MS, VENUE

MINUTE = 60_000
D = Decimal


class Kept:
    """A journal that is read again by the next inbox."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def keep(self, record: Record) -> None:
        self.entries.append(Entry(len(self.entries) + 1, record))


def recommended(
    symbol: str = "SOLUSDT", confidence: float = 0.7, *, at_ms: int = NOW_MS, side: Side = "BUY", ratio: float = 2.0,
    lasts_min: float = 15.0, **changes: Any,
) -> Analysis:  # fmt: skip
    """A trade around 100."""
    up = side == "BUY"
    risk = RiskParameters(
        side=side, optimal_entry=(D("99"), D("101")), tp_targets=(D("110") if up else D("90"),),
        sl_level=D("95") if up else D("105"), risk_reward_ratio=ratio, gross_ratio=ratio, cost_r=0.05,
        fees_exceed_move=False,
    )  # fmt: skip
    sure = ConfidenceMetrics(
        side=side, composite_score=0.4, factors_confirmed=4, factors={}, weights={}, missing=(), raw_probability=confidence,
        calibrated_probability=confidence, probability=confidence, calibrated=True, outcomes=300.0, penalties=(),
    )  # fmt: skip
    fields: dict[str, Any] = {
        "venue": VENUE, "category": CATEGORY, "symbol": symbol, "timestamp": at_ms, "stage2_status": "completed",
        "cause": "alert", "recommendation": side, "side": side, "price": 100.0, "confidence_metrics": sure,
        "risk_parameters": risk, "reasons": (f"P({side}) {confidence:.2f} is enough",), "validation_passed": True,
        "expires_ms": at_ms + round(lasts_min * MINUTE),
    }  # fmt: skip
    return Analysis(**(fields | changes))


def calm(symbol: str = "SOLUSDT", *, at_ms: int = NOW_MS) -> Analysis:
    """The market gives no trade any more."""
    return recommended(
        symbol, at_ms=at_ms, recommendation="AVOID", validation_passed=False, reasons=("volatility is low",)
    )


class InboxRig:
    """`send` publishes, `waiting()` and `gone()` read the newest inbox, `pass_time` moves the clock and lets it look."""

    def __init__(self, *, category: str = CATEGORY, mode: Mode = "PAPER", kept: Kept | None = None) -> None:
        self.clock = SimClock(NOW_MS)
        self.bus = Bus(self.clock)
        folder = Path(mkdtemp(prefix="inbox-"))
        weakref.finalize(self, shutil.rmtree, folder, True)
        self.live = LiveSettings(self.bus, self.clock, Settings(), folder / "overrides.toml")
        self.kept = kept or Kept()
        self.told: list[Inbox] = []
        self.opened: list[tuple[OpenTrade, str]] = []
        self.refusal = ""
        self.bus.subscribe(Inbox, self.told.append)
        self.keeper = InboxKeeper(
            self.bus, self.clock, self.live, self.kept, VENUE, category, mode, self._send_now  # type: ignore[arg-type]
        )  # fmt: skip

    async def _send_now(self, wanted: OpenTrade, by: str) -> Submission:
        self.opened.append((wanted, by))
        return Submission(sent=not self.refusal, code="GATE" if self.refusal else "", words=self.refusal)

    def send(self, *messages: Any) -> InboxRig:
        for message in messages:
            self.bus.publish(message)
        return self

    def edit(self, **values: object) -> InboxRig:
        """`trading__proposals=3`."""
        for name, value in values.items():
            assert self.live.edit(name.replace("__", "."), str(value)), name
        return self

    async def pass_time(self, minutes: float = 0.0) -> InboxRig:
        """One look of the inbox, `minutes` from now."""
        self.clock.set_ms(self.clock.now_ms() + round(minutes * MINUTE))
        self.keeper._publish()
        await self.keeper._open_best()
        return self

    @property
    def items(self) -> tuple[InboxItem, ...]:
        return self.told[-1].items if self.told else ()

    def waiting(self, kind: str = "PROPOSAL") -> list[InboxItem]:
        return [item for item in self.items if item.kind == kind and item.state == "WAITING"]

    def gone(self) -> list[InboxItem]:
        return [item for item in self.items if item.state != "WAITING"]

    def symbols(self) -> list[str]:
        return [item.symbol for item in self.waiting()]

    @property
    def note(self) -> str:
        return self.told[-1].note if self.told else ""
