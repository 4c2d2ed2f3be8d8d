"""The order ticket over every screen: what will be sent, what it can cost, and the steps until it is.

It holds no order: it shows what the engine tells of the ticket, and sends the operator's answer with the nonce of the page
that was painted. A key that goes on counts only when the page has stood for a moment and no key came before it; where
something must be typed, only a hand can do it. One answer is on its way at a time.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.geometry import Size
from textual.widgets import Input, Static

from core.messages import CloseTicket, Command, ConfirmTicket, EditTicket, OpenTicket, RefreshTicket, TicketStatus
from tui.desk import Desk
from tui.screens.ask import BACK, HALT
from tui.screens.base import TOO_SMALL, DeskModal
from tui.screens.order_actions import ACTIONS, GLOSSARY, SCOPE
from tui.widgets.line_panel import Line, LinePanel, fold
from tui.widgets.rule import ColumnRule
from tui.widgets.ticket_edit import PARTS, Part, change_of, number, present
from tui.widgets.ticket_foot import EDITABLE, OVER, WAITING, key_line
from tui.widgets.ticket_frame import TicketFrame
from tui.widgets.ticket_gates import denied, gate_table, reason_of
from tui.widgets.ticket_page import Page, page_of
from tui.widgets.ticket_words import neat, plain, seconds_left
from tui.widgets.typed_line import ARM_S, TypedLine

TYPED_STEPS = ("CONSEQUENCES", "AUTHORISE")
CLOSED_BY_ESC = ("REVIEW", *TYPED_STEPS, "EXPIRED", "REFUSED")
ANSWERED = ("OpenTicket", "EditTicket", "RefreshTicket", "ConfirmTicket")
REFRESH = f"{SCOPE}.refresh"
ELSEWHERE = ("app.help", "app.quit", "app.quit_now", "app.theme", "app.private")
"""Keys of the whole program that also work here."""
TOO_LITTLE_ROOM = "make the window larger: not everything that must be read fits"
HELD = "once more: a key held down is no answer"
NO_ANSWER_S = 5.0
SAME_WORDS_MS = 3_000
"""Words that stood there before are the answer to the newest one, too, when the engine still says them so much later."""


class OrderScreen(DeskModal[None]):
    """Publishes `wanted` when it is shown; without, it shows the ticket that is open."""

    SCOPE = SCOPE
    CSS_PATH = Path(__file__).parents[1] / "css" / "order.tcss"
    ACTIONS: ClassVar = ACTIONS
    GLOSSARY: ClassVar = GLOSSARY

    def __init__(self, desk: Desk, wanted: OpenTicket | None) -> None:
        super().__init__(desk)
        self._wanted = wanted
        self.shown: TicketStatus | None = None
        """The ticket as painted last: what an answer is about."""
        self.body = LinePanel(desk, "ticket-body")
        self.prompt = LinePanel(desk, "ticket-prompt")
        self.gates = LinePanel(desk, "ticket-gates")
        self.foot = LinePanel(desk, "ticket-foot")
        self.typed = TypedLine(desk)
        self.edit = Input(id="ticket-edit", compact=True)
        self.edit.cursor_blink = False
        self._box = TicketFrame(desk)
        self._left = Vertical(id="ticket-left")
        self._part: Part | None = None
        """What is being changed."""
        self._met = False
        """A ticket was shown."""
        self._before = desk.store.trading.ticket
        self._refused = desk.store.trading.refused
        self._asked: tuple[str, ...] = ()
        """The page an answer was given to, until the engine has told what became of it."""
        self._asked_s = 0.0
        self._asked_ms = 0
        self._asked_words = ""
        self._page = Page([], False, [])
        self._hint: Line = []
        self._touched_s = self._turned_s = desk.clock.monotonic()
        self._settled = False

    def compose(self) -> ComposeResult:
        with self._box:
            with Container(id="ticket-columns"):
                with self._left:
                    yield self.body
                    yield self.prompt
                    yield self.typed
                    yield self.edit
                yield ColumnRule(self.desk)
                yield self.gates
            yield self.foot
        yield Static(TOO_SMALL, classes="too-small", markup=False)

    def on_mount(self) -> None:
        self.set_interval(self.desk.pump.flush_s, self.desk.guard.wrap("ticket", self._tick))
        if self._wanted is not None:
            self.desk.bus.publish(self._wanted)
        self._tick()

    def on_screen_resume(self) -> None:
        """Back on top: what stands here has to be read anew."""
        self._touched_s = self._turned_s = self.desk.clock.monotonic()
        for panel in (self.body, self.prompt, self.gates, self.foot, self._box):
            panel.forget()
        self._tick()

    def on_resize(self) -> None:
        self.call_after_refresh(self._tick)

    # --- painting ------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self.is_current and self._left.size.height:
            self.desk.pump.flush(SCOPE, self._paint)

    def _ticket(self) -> TicketStatus | None:
        """The ticket this screen is about; one that was over before it was asked for is not."""
        ticket, before = self.desk.store.trading.ticket, self._before
        if ticket is None or self._wanted is None or before is None or ticket.ticket_id != before.ticket_id:
            return ticket
        return None if ticket is before or (ticket.step in OVER and self.shown is None) else ticket

    def _paint(self) -> None:
        found = self._ticket()
        ticket = neat(self.desk, found) if found is not None else None
        if _page_key(ticket) != _page_key(self.shown):
            self._turn(ticket)
        self.shown = ticket
        self._met = self._met or ticket is not None
        self._hear()
        size = self._left.size
        table = self.gates.display and self.gates.size.height > 0
        self._page = self._written(ticket, size, table=table)
        typing = self._part is not None or bool(self._page.prompt)
        prompt = self._page.prompt if self._part is None else self._edit_prompt()
        self._box.show(ticket)
        self._stand(len(self._page.lines), len(prompt), size, typing)
        self.body.put(self._page.lines)
        self.prompt.put(prompt)
        if table:
            self.gates.put(gate_table(self.desk, ticket.gates if ticket else (), self.gates.size.width, size.height))
        keys = key_line(self.desk, ticket, self._part is not None, self.foot.size.width)
        said = fold(self._said(), self.foot.size.width, 1)
        self.foot.styles.height = len(said) + 1  # a long sentence takes the room it needs
        self.foot.put([*said, keys])

    def _written(self, ticket: TicketStatus | None, size: Size, *, table: bool) -> Page:
        if ticket is not None:
            edited = 3 if self._part is not None else 0
            return page_of(self.desk, ticket, size.width, size.height - edited, table=table)
        refused, wanted = self.desk.store.trading.refused, self._wanted
        if wanted is None or self._met:
            what = "This ticket is gone: another account is in force." if self._met else "No order ticket is open."
            return Page([[(f" {what} Esc goes back.", "text")]], False, [])
        lines: list[Line] = [[(f" {wanted.symbol}  planning...", "text")]]
        if refused is not None and refused is not self._refused and refused.command == "OpenTicket":
            lines = fold([(" No ticket: ", "danger"), (refused.words, "bright")], size.width, 1)
        return Page(lines, False, [])

    def _stand(self, lines: int, prompt: int, size: Size, typing: bool) -> None:
        """The line to type stands under what it is about; while an answer is awaited there is none."""
        show = self._part is None and typing and not self._asked
        if typing:
            lines = max(1, min(lines, size.height - prompt - 1))
            self.body.styles.height = lines
            self.prompt.styles.height = prompt
        else:
            self.body.styles.height = "1fr"
        self.prompt.display = typing
        self.typed.display, self.edit.display = show, self._part is not None
        wanted = self.edit if self._part is not None else self.typed if show else None
        if self.focused is not wanted:
            self.set_focus(wanted)

    def _said(self) -> Line:
        """What was wrong with the newest key, or that an answer is awaited."""
        if self._hint:
            return self._hint
        if not self._asked:
            small = not self._page.is_complete and self.shown is not None and self.shown.step in TYPED_STEPS
            return [(f" {TOO_LITTLE_ROOM}", "warn")] if small else []
        if self.desk.clock.monotonic() - self._asked_s > NO_ANSWER_S:
            return [(" ... no answer yet: Esc goes back, H halts", "warn")]
        return [(f" {WAITING}", "accent")]

    def hint(self, words: str, look: str = "warn") -> None:
        """One line about the newest key."""
        self._hint = [(f" {words}", look)] if words else []
        self._tick()

    # --- what the engine says --------------------------------------------------------------------------------------------

    def _turn(self, ticket: TicketStatus | None) -> None:
        """Another page: it must be read before a key counts, and what was typed was meant for the one before."""
        self._turned_s = self.desk.clock.monotonic()
        typed, before = self.typed.value, self.shown
        self.typed.clear_all()
        expected = bool(self._asked)
        self._asked = ()
        self._hint = []
        if self._part is not None and (ticket is None or ticket.step not in EDITABLE):
            self._part = None
        if typed and not expected and before is not None:
            what = (
                f"it is {ticket.step} now" if ticket is not None and ticket.step != before.step else "the order changed"
            )
            self._hint = [(f" {what} while you typed: the line is empty again, read the page anew", "warn")]

    def _hear(self) -> None:
        """A refusal, or words about the newest answer, end the waiting for it."""
        refused, ticket = self.desk.store.trading.refused, self.shown
        if refused is not None and refused is not self._refused and refused.command in ANSWERED and ticket is not None:
            self._refused = refused
            self._release()
            self._hint = [(f" {refused.words}", "warn")]
        elif self._asked and ticket is not None and ticket.words:
            late = ticket.at_ms - self._asked_ms >= SAME_WORDS_MS
            if late or ticket.words != self._asked_words:
                self._release()

    def _release(self) -> None:
        self._asked = ()
        self.typed.clear_all()
        self._turned_s = self.desk.clock.monotonic()

    # --- keys ------------------------------------------------------------------------------------------------------------

    async def on_key(self, event: events.Key) -> None:
        """Only what is meant for a ticket is a key here. What edits a line is left to the line."""
        self.desk.touched = True
        now_s = self.desk.clock.monotonic()
        self._settled = now_s - self._touched_s >= ARM_S and now_s - self._turned_s >= ARM_S
        self._touched_s = now_s
        action = self.desk.keymap.action_for(SCOPE, event.key)
        line = self.focused
        of_line = isinstance(line, Input) and not event.is_printable
        if of_line and (action is None or action.id not in (BACK, HALT, REFRESH)):
            return
        event.stop()
        event.prevent_default()
        if action is not None and action.id == BACK:
            self.act_back()
        elif isinstance(line, Input) and event.is_printable:
            line.insert_text_at_cursor(event.character or "")
        elif action is not None and action.id == HALT:
            await self.perform(action)
            self.hint("halted: no new entries")
        elif self.shown is not None and self.shown.step in OVER:
            if self._settled:
                self.dismiss()
                if action is not None and action.id.startswith("app.mode_"):
                    await self.perform(action)  # the page names one of these keys
        elif action is not None and (action.scope == SCOPE or action.id in ELSEWHERE):
            self._hint = []  # nothing is painted before the key is carried out: it was meant for what stands there
            await self.perform(action)
            self._tick()

    def act_back(self) -> None:
        """Esc: out of the change first; else the ticket is given up, unless it has been sent."""
        if self._part is not None:
            self._part = None
            self.hint("")
            return
        if self.shown is not None and self.shown.step in CLOSED_BY_ESC:
            self.desk.bus.publish(CloseTicket(ticket_id=self.shown.ticket_id))
        self.dismiss()

    def act_next(self) -> None:
        if self.shown is not None and self.shown.mode == "PAPER" and self.shown.step == "REVIEW":
            self.hint(f"{self.desk.keymap.labels(f'{SCOPE}.yes').replace(', ', ' or ')} sends it")
        else:
            self.act_yes()

    def act_yes(self) -> None:
        ticket = self.shown
        if ticket is None or ticket.step != "REVIEW":
            if ticket is not None and ticket.step in EDITABLE:
                self.hint(f"nothing goes on from here: {self.desk.keymap.label(REFRESH)} reviews it anew")
        elif self._may_go_on(ticket):
            self._confirm(ticket)

    def act_refresh(self) -> None:
        ticket = self.shown
        if ticket is None or ticket.step not in CLOSED_BY_ESC:
            self.hint("it is on its way: nothing of it can be changed" if ticket is not None else "")
        elif self._is_free():
            self._ask(RefreshTicket(ticket_id=ticket.ticket_id))

    def act_price(self) -> None:
        if self.shown is not None and self.shown.order_type == "MARKET":
            self.hint(
                f"an order at the market has no price: {self.desk.keymap.label(f'{SCOPE}.type')} makes it a limit order"
            )
        else:
            self._change("price")

    def act_stop(self) -> None:
        self._change("stop")

    def act_targets(self) -> None:
        self._change("targets")

    def act_size(self) -> None:
        self._change("size")

    def act_side(self) -> None:
        self._change("side")

    def act_type(self) -> None:
        self._change("type")

    # --- answering -------------------------------------------------------------------------------------------------------

    def _is_free(self) -> bool:
        """Whether nothing is on its way; else that is said."""
        if self._asked:
            self.hint("one thing at a time: the answer to the last one is on its way")
        return not self._asked

    def _may_go_on(self, ticket: TicketStatus) -> bool:
        """What keeps a page from being confirmed is said."""
        barred = denied(ticket)
        if not self._is_free():
            return False
        if not self._settled:
            self.hint(HELD)
        elif not self._page.is_complete or not self.body.size.height:
            self.hint(TOO_LITTLE_ROOM)
        elif not seconds_left(ticket, self.desk.clock.now_ms()):
            self.hint(f"the time is up: {self.desk.keymap.label(REFRESH)} reviews it anew")
        elif barred:
            self.hint(f"{barred[0].code} denies it: {reason_of(barred[0])}")
        elif not ticket.allowed:
            self.hint(f"it is not allowed: {self.desk.keymap.label(REFRESH)} looks at the gates again")
        else:
            return True
        return False

    def _confirm(self, ticket: TicketStatus, typed: str = "") -> None:
        self._ask(ConfirmTicket(ticket_id=ticket.ticket_id, step=ticket.step, nonce=ticket.nonce, typed=typed))

    def _ask(self, command: Command) -> None:
        """From here until the engine has answered nothing else goes out."""
        self._asked, self._asked_s = _page_key(self.shown), self.desk.clock.monotonic()
        self._asked_ms = self.desk.clock.now_ms()
        self._asked_words = self.shown.words if self.shown is not None else ""
        self._refused = self.desk.store.trading.refused
        self.typed.clear_all()
        self.desk.bus.publish(command)
        self.hint("")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        ticket = self.shown
        if ticket is None:
            return
        if self._part is not None and event.input is self.edit:
            self._changed(self._part, ticket)
        elif ticket.step in TYPED_STEPS and event.input is self.typed:
            self._typed(ticket, self.typed.value.strip())

    def _typed(self, ticket: TicketStatus, typed: str) -> None:
        """What stands in the line now, whatever was meant when Enter was pressed."""
        if not typed or not self._is_free():
            return
        if ticket.step == "CONSEQUENCES":
            wanted, right = plain(ticket.quantity), number(typed) == ticket.quantity
        else:
            wanted, right = ticket.token, bool(ticket.token) and typed.upper() == ticket.token.upper()
        if not right:
            self.hint(f"{typed!r} is not {wanted}")
        elif trouble := self.typed.trouble():
            self.hint(trouble)
        else:
            self._settled = True  # what was typed took its time
            if self._may_go_on(ticket):
                self._confirm(ticket, typed.replace(",", ""))

    # --- changing a part -------------------------------------------------------------------------------------------------

    def _change(self, verb: str) -> None:
        ticket = self.shown
        if ticket is None or ticket.step not in EDITABLE:
            self.hint("nothing of it can be changed now" if ticket is not None else "")
        elif self._is_free():
            self._part = PARTS[verb]
            self.edit.value = present(self._part, ticket)
            self.hint("")
            self.edit.action_select_all()

    def _edit_prompt(self) -> list[Line]:
        part = self._part
        return [[], [(f" {part.name}  ", "bright"), (part.how, "dim")]] if part is not None else []

    def _changed(self, part: Part, ticket: TicketStatus) -> None:
        change = change_of(part, self.edit.value)
        if change.trouble:
            self.hint(change.trouble)
            return
        self._part = None
        if self.edit.value.strip() == present(part, ticket):
            self.hint(f"{part.name} stays as it is", "dim")
        else:
            self._ask(EditTicket(ticket_id=ticket.ticket_id, part=part.field, value=change.value))


def _page_key(ticket: TicketStatus | None) -> tuple[str, ...]:
    """What makes a page another one."""
    return (ticket.ticket_id, ticket.step, ticket.nonce) if ticket is not None else ()
