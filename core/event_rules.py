"""Event rules: `[[events.rules]]` of the settings ring the bell, notify the terminal or run a program when an event matches.

Bell and notification are messages (`Notify`): whoever owns a terminal carries them out. A program is started without a
shell, with an environment of its own, for ten seconds at most; what it prints is thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from core.bus import Bus, worth_reporting
from core.clock import Clock, iso_utc
from core.messages import Event, Fault, Notify
from core.settings import EventRule

log = logging.getLogger("tradetui.events")

RUN_S = 10.0
"""A program still running after this is killed, and what it started with it."""
RUNNING_MOST = 2
TEXT_MOST = 500
KEPT_VARIABLES = ("PATH", "HOME", "LANG")
"""All that a program gets of our environment; keys and tokens live in the rest."""
OWN_FAULTS = "event rule "
"""How our own faults begin: no rule is set off by them, or a rule about faults would feed itself."""
LEVELS = ("info", "warning", "error")
PLACES = re.compile(r"\{(text|symbol|kind|severity|time)\}")


class _Armed:
    """One rule and what it did so far: `due_s` is when it may act again, `swallowed` counts matches since it acted."""

    __slots__ = ("due_s", "failures", "number", "rule", "swallowed", "symbol")

    def __init__(self, rule: EventRule, number: int) -> None:
        self.rule = rule
        self.number = number
        self.symbol = symbol_pattern(rule.symbol)
        self.due_s = float("-inf")
        self.swallowed = 0
        self.failures = 0


class EventRules:
    """Acts on the events of a bus until `close`. Construct it inside the loop, before the recorder starts."""

    def __init__(
        self, bus: Bus, clock: Clock, rules: Sequence[EventRule], environ: Mapping[str, str] = os.environ
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._environment = {name: environ[name] for name in KEPT_VARIABLES if name in environ}
        self._armed: list[_Armed] = []
        self.use(rules)
        self._programs: set[asyncio.Task[None]] = set()
        self._subscription = bus.subscribe(Event, self._on_event, name="event rules")

    def use(self, rules: Sequence[EventRule]) -> None:
        """Rules as they are now; one that stays what it was keeps its rest."""
        known = {armed.number: armed for armed in self._armed}
        self._armed = [
            known[number] if number in known and known[number].rule == rule else _Armed(rule, number)
            for number, rule in enumerate(rules, start=1)
        ]

    async def close(self) -> None:
        """Stop acting; programs that still run are killed."""
        self._bus.unsubscribe(self._subscription)
        for task in self._programs:
            task.cancel()
        if self._programs:
            await asyncio.wait(self._programs)

    def _on_event(self, event: Event) -> None:
        if event.replayed or (event.kind == "fault" and event.text.startswith(OWN_FAULTS)):
            return
        for armed in self._armed:
            if matches(armed.rule, armed.symbol, event):
                self._act(armed, event)

    def _act(self, armed: _Armed, event: Event) -> None:
        now_s = self._clock.monotonic()
        if now_s < armed.due_s:
            armed.swallowed += 1
            return
        text = plain(event.text) + (f" (×{armed.swallowed} more)" if armed.swallowed else "")
        armed.due_s, armed.swallowed = now_s + armed.rule.every_s, 0
        for what in armed.rule.do:
            if what == "run":
                self._start(armed, event, text)
            else:
                self._bus.publish(Notify(how=what, text=text, at_ms=self._clock.now_ms()))

    # --- programs ----------------------------------------------------------------------------------------------------

    def _start(self, armed: _Armed, event: Event, text: str) -> None:
        if len(self._programs) >= RUNNING_MOST:
            self._failed(armed, f"not run: {RUNNING_MOST} programs still run")
            return
        task = asyncio.get_running_loop().create_task(self._run(armed, event, text), name=f"event rule {armed.number}")
        self._programs.add(task)
        task.add_done_callback(self._programs.discard)

    async def _run(self, armed: _Armed, event: Event, text: str) -> None:
        values = {
            "text": text,
            "symbol": plain(event.symbol),
            "kind": event.kind,
            "severity": event.severity,
            "time": iso_utc(event.at_ms),
        }
        try:
            process = await asyncio.create_subprocess_exec(
                *filled(armed.rule.run, values),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environment | {f"TRADETUI_EVENT_{name.upper()}": value for name, value in values.items()},
                start_new_session=True,  # no terminal to write to, and one group to kill
            )
        except (OSError, ValueError) as error:  # ValueError: an argument holds a zero byte
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._failed(armed, f"cannot be started ({why}); mend run in [[events.rules]]")
            return
        ended = await self._ended_in_time(process)
        if not ended:
            self._failed(armed, f"killed: still running after {RUN_S:.0f} s")
        elif process.returncode:
            self._failed(armed, f"ended with {process.returncode}")

    async def _ended_in_time(self, process: asyncio.subprocess.Process) -> bool:
        """Wait for the end, `RUN_S` at most; however this is left, the program has ended."""
        end = asyncio.ensure_future(process.wait())
        limit = asyncio.ensure_future(self._clock.sleep(RUN_S))
        try:
            await asyncio.wait({end, limit}, return_when=asyncio.FIRST_COMPLETED)
            return process.returncode is not None
        finally:
            limit.cancel()
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):  # it ended just now
                    os.killpg(process.pid, signal.SIGKILL)
            await end

    def _failed(self, armed: _Armed, why: str) -> None:
        """Count it, and tell the 1st, 10th, 100th time. Arguments are not told: they may hold what is nobody's business."""
        armed.failures += 1
        program = PurePath(armed.rule.run[0]).name
        message = f"{OWN_FAULTS}{armed.number}: {program} {why}"
        log.warning("%s", message)
        if worth_reporting(armed.failures):
            self._bus.publish(
                Fault(
                    source="event rules",
                    message=message,
                    severity="warning",
                    count=armed.failures,
                    at_ms=self._clock.now_ms(),
                )
            )


def matches(rule: EventRule, symbol: re.Pattern[str], event: Event) -> bool:
    """Whether an event is of the rule's kind, symbol (see `symbol_pattern`), level or above, and holds its text."""
    return (
        rule.kind in ("any", event.kind)
        and LEVELS.index(event.severity) >= LEVELS.index(rule.level)
        and symbol.fullmatch(event.symbol) is not None
        and rule.text.casefold() in event.text.casefold()
    )


def symbol_pattern(glob: str) -> re.Pattern[str]:
    """`SOL*` as a pattern for whole symbols, whatever the case; empty matches all, also events about no symbol."""
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in glob.strip() or "*")
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def filled(arguments: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The arguments with `{text}` and the like replaced, each still one argument; unknown braces stay as they are."""
    return [PLACES.sub(lambda place: values[place[1]], argument) for argument in arguments]


def plain(text: str) -> str:
    """Printable text of bounded length: a venue's words must not carry control characters or line ends any further."""
    return "".join(char if char.isprintable() else " " for char in text[:TEXT_MOST])
