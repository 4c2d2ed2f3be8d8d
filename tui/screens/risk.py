"""Mode 7, risk: every limit with what is used of it, and the account it protects."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.widget import Widget

from core.messages import LimitUse
from tui.desk import Desk
from tui.screens import orders_commands as commands
from tui.screens.listing import ListingScreen
from tui.screens.risk_actions import ACTIONS, GLOSSARY, SCOPE
from tui.widgets.account_lines import account_lines
from tui.widgets.line_panel import Line, LinePanel
from tui.widgets.listing import Listing
from tui.widgets.risk_account import account_panel, brief_panel
from tui.widgets.risk_detail import how_it_changes, knob_of
from tui.widgets.risk_list import listed
from tui.widgets.risk_words import LOOK, setting_of, waits_for
from tui.widgets.rule import Rule

BRIEF_MOST = 6
"""Lines of the account under the list, where the screen is narrow."""


class RiskScreen(ListingScreen[LimitUse]):
    """A limit is known by its code."""

    SCOPE = SCOPE
    CSS_PATH = Path(__file__).parents[1] / "css" / "risk.tcss"
    ACTIONS: ClassVar = ACTIONS
    GLOSSARY: ClassVar = GLOSSARY
    HEAD = 1

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.head = LinePanel(desk, "risk-head")
        self.account = LinePanel(desk, "risk-account")
        self._panels = (self.head, self.list, self.account, self.answer)
        self._brief = 0

    def compose_body(self) -> Iterable[Widget]:
        yield self.head
        rule = Rule(self.desk)
        rule.add_class("risk-rule")
        yield rule
        yield from self._compose_list(self.account)

    # --- painting ------------------------------------------------------------------------------------------------------

    def _seen(self) -> tuple[Any, ...]:
        return (self.desk.store.trading.version, len(self.desk.edited))

    def _listed(self, width: int) -> Listing[LimitUse]:
        return listed(self.desk, width)

    def _identity(self, item: LimitUse) -> Hashable:
        return item.code

    def _paint_rest(self) -> None:
        side = self.account.size
        if self.head.size.height:
            self.head.put(account_lines(self.desk, self.head.size.width)[:2])
            lines = brief_panel(self.desk, side.width - 1, BRIEF_MOST)
            if self._brief != len(lines):
                self._brief = len(lines)
                self.account.styles.height = max(1, len(lines))
            self.account.put(lines)
        else:
            if self._brief:
                self._brief = 0
                self.account.styles.height = "1fr"
            self.account.put(account_panel(self.desk, side.width - 1, side.height))

    def _hint(self) -> Line:
        use, status = self.item, self.desk.store.trading.risk
        if use is None or status is None:
            return []
        waits = waits_for(status, use)
        if waits:
            return [(f" {setting_of(use)} {waits}", "accent")]
        return [(f" {use.label}: ", "dim"), (use.words, "dim" if use.level == "ok" else LOOK[use.level])]

    # --- acting --------------------------------------------------------------------------------------------------------

    def act_trouble(self) -> None:
        lines = sorted(self._shown.items)
        place = lines.index(self._line) + 1 if lines else 0
        uses = [self._shown.items[line] for line in (*lines[place:], *lines[:place])]
        found = next((use for use in uses if use.level != "ok"), None)
        if found is not None:
            self.choose(found)
            return
        self.desk.say("every limit is kept" if uses else "no limits yet")
        self._acted()

    async def act_open(self) -> None:
        from tui.screens.risk_detail import RiskDetailScreen

        if self.item is None:
            self.desk.say("no limits yet: the engine tells them once an account is open")
            self._acted()
        else:
            await self.app.push_screen(RiskDetailScreen(self.desk, self.item.code))

    async def act_edit(self) -> None:
        from tui.screens.edit_setting import EditSettingScreen

        use = self.item
        knob = knob_of(self.desk, use) if use is not None else None
        if use is None or knob is None:
            what = use.label if use is not None else "this line"
            self.desk.say(f"{what} has no setting: it is as it is found", "warning")
            self._acted()
            return
        about = f"{knob.about}\n{how_it_changes(self.desk, use)}"
        await self.app.push_screen(EditSettingScreen(self.desk, knob.key, knob.value, about))

    async def act_resume(self) -> None:
        question = commands.resuming(self.desk)
        if question is None:
            self._acted()
            return
        await self.app.push_screen(question, lambda yes: commands.resume(self.desk) if yes else None)
