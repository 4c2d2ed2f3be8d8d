"""Bus to view store to screen: subscribes the store's handlers and runs each flush inside a time budget.

The bus only stores values; nothing is painted per message. The current screen asks for a flush at most `flush_hz` times a
second. An error while painting never reaches Textual (it would end the program): it is counted and becomes a `Fault`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from core.bus import Bus, Subscription
from core.clock import Clock
from core.messages import Fault, SettingChanged
from core.settings import Screen
from tui.store import ViewStore

FLUSH_BUDGET_S = 0.010
"""A flush holds the engine's event loop; longer than this is reported."""
REPORT_EVERY_S = 60.0
SLOW_MOST = 8
"""So many slow flushes within `REPORT_EVERY_S` are worth a word; one alone is the machine's doing."""
"""At most one `Fault` per cause in this time."""


class Pump:
    """Feeds one `ViewStore` from one bus and times the flushes of the screens."""

    def __init__(self, bus: Bus, store: ViewStore, clock: Clock, screen: Screen) -> None:
        self._bus = bus
        self._store = store
        self._clock = clock
        self._subscriptions: list[Subscription] = []
        self._reported_at: dict[str, float] = {}
        self._slow_at: deque[float] = deque(maxlen=SLOW_MOST)
        self.flush_s = 1.0 / screen.flush_hz
        self.row_repaint_s = screen.row_repaint_s
        self.flushes = 0
        self.slow = 0
        self.failures = 0
        self.last_s = 0.0
        self.worst_s = 0.0

    def connect(self) -> None:
        """Subscribe the store to the bus. Once; a second call changes nothing."""
        if self._subscriptions:
            return
        for message_type, handler in self._store.handlers().items():
            self._subscriptions.append(self._bus.subscribe(message_type, handler, name=f"view {message_type.__name__}"))
        self._subscriptions.append(self._bus.subscribe(SettingChanged, self._on_setting, name="view pace"))

    def disconnect(self) -> None:
        """Stop feeding the store."""
        for subscription in self._subscriptions:
            self._bus.unsubscribe(subscription)
        self._subscriptions.clear()

    def flush(self, name: str, paint: Callable[[], None]) -> None:
        """Run one screen's paint; count it, time it, contain its errors."""
        started = self._clock.monotonic()
        try:
            paint()
        except Exception as error:
            # Fallback: the screen keeps its last picture and tries again at the next flush.
            self.failures += 1
            self._report(f"paint {name}", f"{type(error).__name__}: {error}", "error", self.failures)
        took = self._clock.monotonic() - started
        self.flushes += 1
        self.last_s = took
        self.worst_s = max(self.worst_s, took)
        if took > FLUSH_BUDGET_S:
            self.slow += 1
            self._slow_at.append(started + took)
            if len(self._slow_at) == SLOW_MOST and self._slow_at[-1] - self._slow_at[0] < REPORT_EVERY_S:
                text = f"painting took {took * 1000:.0f} ms, budget {FLUSH_BUDGET_S * 1000:.0f} ms"
                self._report(f"flush {name}", text, "warning", self.slow)

    def _on_setting(self, message: SettingChanged) -> None:
        if message.key == "screen.flush_hz":
            self.flush_s = 1.0 / float(message.new)
        elif message.key == "screen.row_repaint_s":
            self.row_repaint_s = float(message.new)

    def _report(self, source: str, text: str, severity: str, count: int) -> None:
        now = self._clock.monotonic()
        if now - self._reported_at.get(source, -REPORT_EVERY_S) < REPORT_EVERY_S:
            return
        self._reported_at[source] = now
        self._bus.publish(
            Fault(
                source=f"screen: {source}",
                message=text,
                severity="warning" if severity == "warning" else "error",
                count=count,
                at_ms=self._clock.now_ms(),
            )
        )
