"""The base of screens made of line panels, painted when what they show is not what was painted last."""

from __future__ import annotations

from typing import Any

from textual.geometry import Size

from tui.desk import Desk
from tui.screens.base import DeskScreen
from tui.widgets.line_panel import LinePanel


class PanelScreen(DeskScreen):
    """A screen of this kind names its panels in `_panels`, and keeps in `_painted` what it painted."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._panels: tuple[LinePanel, ...] = ()
        self._painted: tuple[Any, ...] = ()
        """Compared with what is there now; empty: to be painted in any case."""

    def restyle(self) -> None:
        for panel in self._panels:
            panel.forget()
        self._painted = ()

    def _sizes(self) -> tuple[Size, ...]:
        return tuple(panel.size for panel in self._panels)

    def _acted(self) -> None:
        """What the operator did shows at once."""
        self._painted = ()
        self._tick()

    async def _to_watchlist(self, symbol: str) -> None:
        """Show the watchlist, its cursor on this symbol."""
        app: Any = self.app
        await app.jump_to(symbol)
