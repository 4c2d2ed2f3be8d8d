"""Mode 7, risk: every limit with what is used of it, and the account it protects."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.containers import Container
from textual.widget import Widget

from core.messages import LimitUse
from tui.desk import Desk
from tui.screens import orders_commands as commands
from tui.screens.base import DeskScreen
from tui.screens.risk_actions import ACTIONS, GLOSSARY, SCOPE
from tui.widgets.account_lines import account_lines
from tui.widgets.line_panel import Line, LinePanel
from tui.widgets.risk_account import account_panel, brief_panel
from tui.widgets.risk_detail import how_it_changes, knob_of
from tui.widgets.risk_list import Limits, listed
from tui.widgets.risk_words import LOOK, setting_of, waits_for
from tui.widgets.rule import ColumnRule, Rule

BRIEF_MOST = 6
"""Lines of the account under the list, where the screen is narrow."""
REPAINT_S = 1.0
"""Ages and countdowns go on without news."""


class RiskScreen(DeskScreen):
    """The cursor stays on its limit."""

    SCOPE = SCOPE
    CSS_PATH = Path(__file__).parents[1] / "css" / "risk.tcss"
    ACTIONS: ClassVar = ACTIONS
    GLOSSARY: ClassVar = GLOSSARY

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.code = ""
        """The limit under the cursor."""
        self.head = LinePanel(desk, "risk-head")
        self.list = LinePanel(desk, "risk-list", head=1)
        self.account = LinePanel(desk, "risk-account")
        self.answer = LinePanel(desk, "risk-answer")
        self._panels = (self.head, self.list, self.account, self.answer)
        self._shown = Limits([], {})
        self._brief = 0
        self._painted: tuple[Any, ...] = ()
        self._painted_s = float("-inf")

    def compose_body(self) -> Iterable[Widget]:
        yield self.head
        rule = Rule(self.desk)
        rule.add_class("risk-rule")
        yield rule
        with Container(id="risk-body"):
            yield self.list
            yield Rule(self.desk)
            yield ColumnRule(self.desk)
            yield self.account
        yield self.answer

    @property
    def use(self) -> LimitUse | None:
        """The limit under the cursor, as it stands."""
        return next((use for use in self._shown.uses.values() if use.code == self.code), None)

    # --- painting ------------------------------------------------------------------------------------------------------

    def restyle(self) -> None:
        for panel in self._panels:
            panel.forget()
        self._painted = ()

    def flush(self) -> None:
        now_s, trading = self.desk.clock.monotonic(), self.desk.store.trading
        seen = (trading.version, len(self.desk.edited), self.code, tuple(panel.size for panel in self._panels))
        if seen == self._painted and now_s - self._painted_s < REPAINT_S:
            return
        self._painted, self._painted_s = seen, now_s
        self._shown = listed(self.desk, self.list.size.width - 1)
        if self.use is None:
            self.code = next((use.code for use in self._shown.uses.values()), "")
        home = min(self._shown.uses, default=0)
        self.list.put(self._shown.lines, self._line if self._shown.uses else -1, home=home)
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
        self.answer.put([self._hint()])

    @property
    def _line(self) -> int:
        return next((line for line, use in self._shown.uses.items() if use.code == self.code), 0)

    def _hint(self) -> Line:
        use, status = self.use, self.desk.store.trading.risk
        if use is None or status is None:
            return []
        waits = waits_for(status, use)
        if waits:
            return [(f" {setting_of(use)} {waits}", "accent")]
        return [(f" {use.label}: ", "dim"), (use.words, "dim" if use.level == "ok" else LOOK[use.level])]

    # --- moving --------------------------------------------------------------------------------------------------------

    def _acted(self) -> None:
        self._painted = ()
        self._tick()

    def _move(self, step: int) -> None:
        lines = sorted(self._shown.uses)
        if lines:
            place = lines.index(self._line)
            self.code = self._shown.uses[lines[max(0, min(place + step, len(lines) - 1))]].code
        self._acted()

    def act_down(self) -> None:
        self._move(1)

    def act_up(self) -> None:
        self._move(-1)

    def act_page_down(self) -> None:
        self._move(max(1, self.list.size.height - 3))

    def act_page_up(self) -> None:
        self._move(-max(1, self.list.size.height - 3))

    def act_top(self) -> None:
        self._move(-len(self._shown.lines))

    def act_bottom(self) -> None:
        self._move(len(self._shown.lines))

    def act_trouble(self) -> None:
        uses = [use for _, use in sorted(self._shown.uses.items())]
        place = next((place for place, use in enumerate(uses) if use.code == self.code), 0)
        found = next((use for use in (*uses[place + 1 :], *uses[: place + 1]) if use.level != "ok"), None)
        if found is None:
            self.desk.say("every limit is kept" if uses else "no limits yet")
        else:
            self.code = found.code
        self._acted()

    # --- acting --------------------------------------------------------------------------------------------------------

    async def act_open(self) -> None:
        from tui.screens.risk_detail import RiskDetailScreen

        if self.use is None:
            self.desk.say("no limits yet: the engine tells them once an account is open")
            self._acted()
        else:
            await self.app.push_screen(RiskDetailScreen(self.desk, self.code))

    async def act_edit(self) -> None:
        from tui.screens.edit_setting import EditSettingScreen

        use = self.use
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
