"""What only the symbol and timeframe the operator looks at have. Part of the view store."""

from __future__ import annotations

from collections import deque

from core.messages import Bar, Chart, Confluence, Ladder, Reading, Trade

TAPE_KEPT = 200


class Looked:
    """What only the symbol and timeframe the operator looks at have: chart, forming bar, ladder, tape, every reading.

    Each part carries its own version, so that a widget repaints only when its part moved. `timeframe` is the one shown.
    """

    __slots__ = (
        "bar",
        "bar_version",
        "chart",
        "chart_version",
        "confluence",
        "ladder",
        "ladder_version",
        "readings",
        "symbol",
        "tape",
        "tape_version",
        "timeframe",
        "version",
    )

    def __init__(self, symbol: str, timeframe: str) -> None:
        self.symbol = symbol
        self.timeframe = timeframe
        self.chart: Chart | None = None
        self.bar: Bar | None = None
        """The forming bar of the timeframe shown."""
        self.ladder: Ladder | None = None
        self.confluence: Confluence | None = None
        """The view of the timeframe shown; the deciding one is in the symbol's row as well."""
        self.readings: dict[str, Reading] = {}
        """By detector, silent and warming ones too."""
        self.tape: deque[Trade] = deque(maxlen=TAPE_KEPT)
        """Newest last."""
        self.chart_version = self.bar_version = self.ladder_version = self.tape_version = self.version = 0
