"""From paper to real orders: three questions, each answered by hand, and back to paper by Esc at any of them.

The engine owns what was checked and what may be armed; the pages show its newest word, and send commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static

from core.messages import ArmLive, CheckLive, ConnectLive, GoPaper, Resume, SessionStatus
from tui.actions import APP_SCOPE, Action
from tui.desk import Desk
from tui.glyphs import plain_text
from tui.screens.base import DeskModal
from tui.screens.go_live_actions import CHECK, GO_LIVE_ACTIONS, RESUME, SCOPE, YES
from tui.widgets.go_live_lines import order_kind, question_lines, review_lines, word_lines
from tui.widgets.line_panel import Line, fold
from tui.widgets.typed_line import ARM_S, TypedLine

Page = Literal["question", "connecting", "failed", "review", "word"]
WORD = "LIVE"
BACK, HALT, HELP, QUIT, LIVE = (f"{APP_SCOPE}.{verb}" for verb in ("back", "halt", "help", "quit_now", "live"))
LATER = (CheckLive.__name__, ArmLive.__name__)
FRAME, MOST_COLUMNS = 5, 108
"""Cells of border, padding and scroll bar; and the width of the whole."""
CONNECTING = "connecting: keys are read, the account is compared, everything is checked"
BACK_SOON = "back to paper as soon as that has ended"
HELD_DOWN = "once more: a key held down is no answer"
ASKED: tuple[Page, ...] = ("connecting", "review", "word")


class GoLiveScreen(DeskModal[None]):
    """Pages follow from what the operator has answered and from the newest `SessionStatus`."""

    SCOPE = SCOPE
    ACTIONS: ClassVar[tuple[Action, ...]] = GO_LIVE_ACTIONS
    CSS_PATH = Path(__file__).parents[1] / "css" / "go_live.tcss"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._asked: SessionStatus | None = None
        """The status that stood when the account was asked for."""
        self._reviewed = ""
        """Nonce of the checks that were said to be reviewed."""
        self._armed_from: SessionStatus | None = None
        """The status that stood when the word was sent."""
        self._leaving = False
        self._page: Page = "question"
        self._nonce = ""
        self._refused = desk.store.trading.refused
        """The newest refusal when it was asked for."""
        self._was_connecting = False
        self._quiet_from = desk.clock.monotonic()
        """When the last key was pressed, or the page painted."""
        self._seen: tuple[object, ...] = ()
        self._read = False
        """The end of the page was on the screen."""
        self._laid_out = False
        """The newest text has its place on the screen."""
        self._told = Static(classes="go-live-told", markup=False)
        self._hint = Static(classes="go-live-hint", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="go-live-box"):
            with VerticalScroll(classes="go-live-scroll") as scroll:
                scroll.can_focus = False
                yield self._told
            yield TypedLine(self.desk, WORD)
            yield self._hint

    def on_mount(self) -> None:
        self.hint("")
        self.flush()
        self.set_interval(self.desk.pump.flush_s, self.desk.guard.wrap(SCOPE, self.flush))

    def on_resize(self) -> None:
        self.flush()

    @property
    def session(self) -> SessionStatus | None:
        """The engine's newest word."""
        return self.desk.store.trading.session

    # --- painting ------------------------------------------------------------------------------------------------------

    def _next_page(self, session: SessionStatus) -> Page:
        if self._asked is None:
            return "question"
        if session.mode == "LIVE" and session.phase in ("DISARMED", "ARMED") and session.checks and session.nonce:
            return "word" if self._reviewed else "review"
        self._was_connecting = self._was_connecting or session.phase == "CONNECTING"
        ended = session is not self._asked and (self._was_connecting or bool(session.words))
        return "failed" if session.phase == "PAPER" and ended else "connecting"

    def flush(self) -> None:
        """Follow the engine's word, and paint what is new."""
        session = self.session
        if session is None:
            self._show([[("Real orders?", "bright")], [("the order path is not up yet: wait, then once more", "warn")]])
            return
        if self._follow(session):
            return
        page = self._next_page(session)
        if page != self._page or (page == "review" and session.nonce != self._nonce):
            self._turn_to(page, session)
        trading, private = self.desk.store.trading, self.desk.edited.get("screen.private")
        seen = (
            page,
            trading.version,
            trading.refused,
            len(self.desk.edited),
            private,
            self.app.size,
            self.desk.palette,
        )
        if seen != self._seen:
            self._seen = seen
            self.set_class(order_kind(self.desk) == "LIVE DATA", "-real-money")
            self._show(self._lines(session))
        elif self._is_settled():
            self._was_read()

    def _follow(self, session: SessionStatus) -> bool:
        """What the engine's word ends: the screen when it is armed, or has gone back; the third page when it is refused."""
        if self._leaving and session.mode == "LIVE" and session.phase != "LEAVING":
            self._go_back()  # asked for while it was connecting, when there was nothing to go back from
            return True
        if self._leaving and session is not self._asked and session.phase in ("PAPER", "LEAVING"):
            self._close()
            return True
        self._hear_refusal()
        if self._armed_from is None or session is self._armed_from:
            return False
        if session.phase == "ARMED":
            minutes = f"{float(self.desk.setting('trading.armed_min')):g}"
            back = f"{self.desk.keymap.label(LIVE)} goes back to paper"
            self.desk.say(f"real entries for {minutes} minutes at {session.host}; {back}", "warning")
            self.dismiss()
            return True
        if session.words:
            self._reviewed, self._armed_from = "", None
        return False

    def _hear_refusal(self) -> None:
        """A command that was not begun: it may be given once more."""
        refused = self.desk.store.trading.refused
        if refused is not None and refused is not self._refused and refused.command in LATER:
            self._refused, self._armed_from = refused, None
            self.hint(refused.words)

    def _turn_to(self, page: Page, session: SessionStatus) -> None:
        if page != self._page:
            self._read = False
            self.query_one(VerticalScroll).scroll_home(animate=False)
        self._page, self._nonce = page, session.nonce
        self._quiet_from = self.desk.clock.monotonic()
        self.set_class(page == "word", "-page-word")
        line = self.query_one(TypedLine)
        line.clear_all()
        if page == "word":
            line.focus()
        else:
            self.set_focus(None)
        self.hint("")

    def _lines(self, session: SessionStatus) -> list[Line]:
        width = max(20, min(self.app.size.width * 98 // 100, MOST_COLUMNS) - FRAME)
        if self._page == "review":
            return review_lines(self.desk, session, width)
        if self._page == "word":
            return word_lines(self.desk, session, width)
        lines = question_lines(self.desk, session, width)
        if self._page == "connecting":
            refused = self.desk.store.trading.refused
            lines += [[], *fold([(BACK_SOON if self._leaving else CONNECTING, "accent")], width, 0)]
            if refused is not None and refused is not self._refused and refused.command == ConnectLive.__name__:
                lines += fold([(f"{self.desk.glyphs.no} {refused.words}", "danger")], width, 2)
        elif self._page == "failed":
            words = session.words or "the real account was left"
            lines += [[], *fold([(f"{self.desk.glyphs.no} not connected: {words}", "danger")], width, 2)]
        return lines

    def _show(self, lines: list[Line]) -> None:
        text = Text()
        for number, line in enumerate(lines):
            text.append("\n" if number else "")
            for words, look in line:
                text.append(self._spelt(words), getattr(self.desk.palette, look))
        self._laid_out = False
        self._told.update(text)
        self.call_after_refresh(self._placed)

    def _placed(self) -> None:
        self._laid_out = True

    def hint(self, more: str) -> None:
        """What answers here, or what was wrong with the last key."""
        palette = self.desk.palette
        text = Text()
        for keys, meaning in self._keys_here() if not more else [("Esc", self._esc_means())]:
            text.append(self._spelt(keys), palette.key)
            text.append(f" {self._spelt(meaning)}   ", palette.dim)
        if more:
            text = Text.assemble((f"{self._spelt(more)}   ", palette.warn), text)
        self._hint.update(text)

    def _keys_here(self) -> list[tuple[str, str]]:
        label = self.desk.keymap.label
        back = ("Esc", self._esc_means())
        if self._page == "question":
            return [(label(YES), "connect the real account"), back]
        if self._page == "failed":
            return [(label(YES), "try again"), back]
        if self._page == "review":
            lifts = [(label(RESUME), "one step towards ACTIVE")] if self._is_shut else []
            return [(label(YES), "reviewed"), (label(CHECK), "check again"), *lifts, ("↓↑", "scroll"), back]
        if self._page == "word":
            return [(f"type {WORD} and Enter", "allows real entries"), back]
        return [back]

    def _esc_means(self) -> str:
        return "back to paper" if self._has_left_paper else "back"

    @property
    def _has_left_paper(self) -> bool:
        """The real account was asked for here, or was open before."""
        session = self.session
        return self._page in ASKED or (session is not None and session.phase == "DISARMED")

    def _spelt(self, words: str) -> str:
        return plain_text(words) if self.desk.glyphs.name == "ascii" else words

    # --- answering -----------------------------------------------------------------------------------------------------

    async def on_key(self, event: events.Key) -> None:
        """Only what is listed answers here; the screen below hears nothing. What edits the line is left to the line."""
        settled = self._is_settled()
        action = self.desk.keymap.action_for(SCOPE, event.key)
        self._quiet_from = self.desk.clock.monotonic()
        typing = isinstance(self.focused, TypedLine)
        known = action is not None and (action.scope == SCOPE or action.id in (BACK, HALT, HELP, QUIT))
        if typing and not event.is_printable and (action is None or action.id not in (BACK, HALT, QUIT)):
            return
        event.stop()
        event.prevent_default()
        if typing and event.is_printable and event.character is not None:
            self.query_one(TypedLine).put(event.character)
        elif action is not None and action.id == YES:
            self._answer(settled)
        elif action is not None and action.id == RESUME:
            self._resume(settled)
        elif action is not None and known:
            await self.perform(action)
            if action.id == HALT:
                self.hint("halted: no new entries")

    def _is_settled(self) -> bool:
        return self.desk.clock.monotonic() - self._quiet_from >= ARM_S

    def act_yes(self) -> None:
        """From the palette or a help screen no question is answered."""
        self.hint(HELD_DOWN)

    def _answer(self, settled: bool) -> None:
        """Yes to the page that is shown, when a hand gave it."""
        session = self.session
        if session is None or self._page in ("connecting", "word"):
            return
        if not settled:
            self.hint(HELD_DOWN)
        elif self._page in ("question", "failed"):
            self._asked, self._refused = session, self.desk.store.trading.refused
            self._was_connecting = False
            self.desk.bus.publish(ConnectLive())
            self.flush()
        elif bad := [check for check in session.checks if not check.holds]:
            self.hint(f"{bad[0].label} does not hold: mend it, then {self.desk.keymap.label(CHECK)}")
        elif not self._was_read():
            self.hint(
                f"the page goes on below: read it to its end first ({self.desk.keymap.label(f'{SCOPE}.page_down')})"
            )
        else:
            self._reviewed = session.nonce
            self.flush()

    def _was_read(self) -> bool:
        scroll = self.query_one(VerticalScroll)
        self._read = self._read or (self._laid_out and scroll.scroll_offset.y >= scroll.max_scroll_y)
        return self._read

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        typed, line = event.value.strip(), self.query_one(TypedLine)
        if self._page != "word" or self._armed_from is not None:
            return
        if typed.upper() != WORD:
            self.hint(f"{typed!r} is not {WORD}" if typed else "")
        elif trouble := line.trouble():
            self.hint(trouble)
        elif (session := self.session) is not None:
            self._armed_from = session
            self.hint("everything is looked at once more")
            self.desk.bus.publish(ArmLive(nonce=self._reviewed, typed=typed))

    def act_check(self) -> None:
        """Look at everything anew."""
        if self._page == "review":
            self.hint("looking at everything anew")
            self.desk.bus.publish(CheckLive())

    def act_resume(self) -> None:
        """From the palette or a help screen nothing is lifted."""
        self.hint(HELD_DOWN)

    def _resume(self, settled: bool) -> None:
        """The trading state of the real account is latched, and no other screen shows it before it is armed."""
        if self._page != "review" or not self._is_shut:
            return
        if not settled:
            self.hint(HELD_DOWN)
            return
        self.hint("one step towards ACTIVE, then everything is looked at anew")
        self.desk.bus.publish(Resume())
        self.desk.bus.publish(CheckLive())

    @property
    def _is_shut(self) -> bool:
        account = self.desk.store.trading.account
        return account is not None and account.mode == "LIVE" and account.state != "ACTIVE"

    def act_back(self) -> None:
        """Esc. Once the real account was asked for, that is back to paper; while it connects, as soon as it has."""
        if self._page == "connecting" and not self._leaving:
            self._leaving = True
            self.desk.bus.publish(GoPaper())
            self.hint(BACK_SOON)
        elif self._has_left_paper:
            self._go_back()
        else:
            self.dismiss()

    def _go_back(self) -> None:
        self.desk.bus.publish(GoPaper())
        self._close()

    def _close(self) -> None:
        self.desk.say("no real entries: paper goes on as soon as nothing of ours is open at the venue")
        self.dismiss()

    def act_down(self) -> None:
        self._scroll(1)

    def act_up(self) -> None:
        self._scroll(-1)

    def act_page_down(self) -> None:
        self._scroll(self.query_one(VerticalScroll).size.height - 2)

    def act_page_up(self) -> None:
        self._scroll(2 - self.query_one(VerticalScroll).size.height)

    def _scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
