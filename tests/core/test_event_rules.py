"""Event rules: what matches, how often they act, and programs that really run."""

import asyncio
import fnmatch
import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bus import Bus
from core.clock import SimClock
from core.event_rules import RUN_S, TEXT_MOST, EventRules, filled, matches, plain, symbol_pattern
from core.events import EventRecorder
from core.messages import Event, EventKind, Fault, Message, Notify, Replay, Severity, StateChange
from core.settings import EventRule, Events
from core.store import Store

START_MS = 1_795_264_496_000
KINDS: tuple[EventKind, ...] = get_args(EventKind)
LEVELS: tuple[Severity, ...] = ("info", "warning", "error")
WRITE = "import json, os, sys; open(sys.argv[1], 'w').write(json.dumps([sys.argv[2:], dict(os.environ)]))"


def event(
    text: str = "rest answered 503", *, kind: EventKind = "fault", severity: Severity = "error", symbol: str = ""
) -> Event:
    return Event(event_id=1, kind=kind, severity=severity, symbol=symbol, text=text, at_ms=START_MS)


class Desk:
    """Rules on a bus, and what came of them."""

    def __init__(self, *rules: EventRule, **environ: str) -> None:
        self.clock = SimClock(START_MS)
        self.bus = Bus(self.clock)
        self.told: list[Notify] = []
        self.faults: list[Fault] = []
        self.bus.subscribe(Notify, self.told.append)
        self.bus.subscribe(Fault, self.faults.append)
        self.rules = EventRules(self.bus, self.clock, rules, {"PATH": os.environ["PATH"], **environ})

    def say(self, *messages: Message) -> list[tuple[str, str]]:
        before = len(self.told)
        for message in messages:
            self.bus.publish(message)
        return [(notify.how, notify.text) for notify in self.told[before:]]

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"never held; faults: {self.faults}")


@asynccontextmanager
async def desk(*rules: EventRule, **environ: str):
    made = Desk(*rules, **environ)
    yield made
    await made.rules.close()
    assert made.bus.handler_errors == 0


def running(*arguments: str, every_s: float = 1.0) -> EventRule:
    return EventRule(do=("run",), run=(sys.executable, "-c", *arguments), every_s=every_s)


# --- matching --------------------------------------------------------------------------------------------------------

names = st.text(st.sampled_from("ABUSDT[]!-.1ß"), max_size=8)
texts = st.text(max_size=12)


@given(
    kind=st.sampled_from(("any", *KINDS)),
    level=st.sampled_from(LEVELS),
    glob=st.text(st.sampled_from("ABUSDT[]!-.1*?"), max_size=6),
    wanted=texts,
    of=st.tuples(st.sampled_from(KINDS), st.sampled_from(LEVELS), names, texts, texts, st.booleans()),
)
def test_an_event_matches_when_each_part_of_the_rule_does(kind, level, glob, wanted, of):
    of_kind, severity, symbol, before, after, holds = of
    text = before + (wanted.upper() if holds else "") + after
    rule = EventRule(kind=kind, level=level, symbol=glob, text=wanted)
    shell = fnmatch.translate(glob.replace("[", "[[]")) if glob else ".*"
    expected = (
        (kind == "any" or kind == of_kind)
        and {"info": 0, "warning": 1, "error": 2}[severity] >= {"info": 0, "warning": 1, "error": 2}[level]
        and re.match(shell, symbol, re.IGNORECASE | re.DOTALL) is not None
        and wanted.casefold() in text.casefold()
    )
    said = event(text, kind=of_kind, severity=severity, symbol=symbol)
    assert matches(rule, symbol_pattern(glob), said) is expected


@pytest.mark.parametrize(
    ("glob", "symbol", "does"),
    [
        ("", "", True),
        ("", "SOLUSDT", True),
        ("*", "", True),
        ("SOL*", "SOLUSDT", True),
        ("sol*", "SOLUSDT", True),
        ("SOL", "SOLUSDT", False),
        ("*USD", "SOLUSDT", False),
        ("*USDT", "", False),
        ("???USDT", "SOLUSDT", True),
        ("???USDT", "DOGEUSDT", False),
        ("1000PEPE.P", "1000PEPEXP", False),
    ],
)
def test_symbols_take_stars_and_question_marks(glob: str, symbol: str, does: bool) -> None:
    rule = EventRule(symbol=glob)
    assert matches(rule, symbol_pattern(glob), event(symbol=symbol)) is does


@given(st.text())
def test_text_that_goes_outside_is_printable_and_bounded(text: str) -> None:
    kept = plain(text)
    assert kept.isprintable() or not kept
    assert len(kept) == min(len(text), TEXT_MOST)


@given(text=st.text(), symbol=st.text())
def test_what_is_put_in_is_never_looked_at_again(text: str, symbol: str) -> None:
    values = {"text": text, "symbol": symbol, "kind": "k", "severity": "s", "time": "t"}
    assert filled(("{symbol}", "a {text}", "{} {print} {kind}{time}"), values) == [
        symbol,
        f"a {text}",
        "{} {print} kt",
    ]


# --- acting ----------------------------------------------------------------------------------------------------------


async def test_bell_and_notification_are_asked_for_with_the_words_of_the_event() -> None:
    async with desk(EventRule(kind="fault", do=("bell", "notify")), EventRule(symbol="SOL*")) as at:
        assert at.say(event()) == [("bell", "rest answered 503"), ("notify", "rest answered 503")]
        assert at.say(event("SOLUSDT\x1b]9;x\x07", kind="book", symbol="SOLUSDT")) == [("bell", "SOLUSDT ]9;x ")]
        assert at.say(event(kind="link")) == []


async def test_a_rule_acts_once_in_its_time_and_then_says_how_many_there_were() -> None:
    async with desk(EventRule(every_s=60), EventRule(every_s=10)) as at:
        assert len(at.say(event("a"))) == 2
        assert at.say(event("b"), event("c"), event("d")) == []
        await at.clock.advance(10)
        assert at.say(event("e")) == [("bell", "e (×3 more)")]
        await at.clock.advance(49)
        assert at.say(event("f")) == [("bell", "f")]
        await at.clock.advance(1)
        assert at.say(event("g"), event("h")) == [("bell", "g (×5 more)")]


async def test_rules_that_were_saved_act_at_once_and_an_unchanged_one_keeps_its_rest() -> None:
    async with desk(EventRule(kind="fault", every_s=60.0)) as made:
        assert len(made.say(event())) == 1
        made.rules.use((EventRule(kind="fault", every_s=60.0), EventRule(kind="state", do=("notify",))))
        assert made.say(event()) == []
        assert [how for how, _ in made.say(event(kind="state"))] == ["notify"]
        made.rules.use(())
        assert made.say(event(kind="state")) == []


async def test_what_is_no_news_sets_nothing_off(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "s.sqlite")
    async with desk(EventRule(every_s=1)) as at:
        recorder = EventRecorder(at.bus, at.clock, Events(), store, tmp_path / "events.jsonl")
        old = StateChange(
            venue="v", category="spot", symbol="A", timeframe="5m", before="HOLD", after="BUY", price=1.0,
            probability=0.6, reasons=(), replayed=True, occurred_at=START_MS, known_at=START_MS,
        )  # fmt: skip
        at.bus.publish(old)
        await recorder.start()
        assert at.told == []
        new = msgspec.structs.replace(old, replayed=False, occurred_at=START_MS + 1)
        assert at.say(new) == [("bell", "A HOLD → BUY at 1")]
        await at.clock.advance(5)
        assert at.say(Replay()) == []
        await recorder.close()
    await store.close()


async def test_after_close_nothing_acts() -> None:
    async with desk(EventRule()) as at:
        await at.rules.close()
        assert at.say(event()) == []


# --- programs --------------------------------------------------------------------------------------------------------


async def test_a_program_gets_the_event_as_arguments_and_variables_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    rule = running(WRITE, str(out), "{text}", "", "{kind}/{severity}", "{symbol}", "{time}", "$HOME; {x}")
    async with desk(rule, HOME="/home/me", LANG="C.UTF-8", API_SECRET="hunter2") as at:
        at.say(event("a; `rm` {symbol} 'ü", symbol="SOLUSDT"))
        await at.until(lambda: out.exists() and not at.rules._programs)
        arguments, environment = json.loads(out.read_text())
        time = "2026-11-21T12:34:56.000Z"
        text = "a; `rm` {symbol} 'ü"
        assert arguments == [text, "", "fault/error", "SOLUSDT", time, "$HOME; {x}"]
        environment.pop("LC_CTYPE", None)  # Python's own
        assert environment == {
            "PATH": os.environ["PATH"], "HOME": "/home/me", "LANG": "C.UTF-8", "TRADETUI_EVENT_TEXT": text,
            "TRADETUI_EVENT_SYMBOL": "SOLUSDT", "TRADETUI_EVENT_KIND": "fault", "TRADETUI_EVENT_SEVERITY": "error",
            "TRADETUI_EVENT_TIME": time,
        }  # fmt: skip
        assert at.faults == []


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (running("raise SystemExit(3)"), "ended with 3"),
        (EventRule(do=("run",), run=("/no/such/program",)), "program cannot be started (No such file or directory)"),
        (EventRule(do=("run",), run=("pro\0gram",)), "cannot be started (embedded null byte)"),
    ],
)
async def test_a_program_that_fails_is_a_fault_that_sets_off_no_rule(rule: EventRule, said: str) -> None:
    async with desk(rule) as at:
        at.say(event())
        await at.until(lambda: bool(at.faults) and not at.rules._programs)
        (fault,) = at.faults
        assert fault.message.startswith("event rule 1: ")
        assert said in fault.message
        assert (fault.severity, fault.count) == ("warning", 1)
        await at.clock.advance(60)
        at.say(event(fault.message))
        assert not at.rules._programs


async def test_failures_are_counted_and_told_now_and_then() -> None:
    async with desk(EventRule(do=("run",), run=("/no/such/program",), every_s=1)) as at:
        for _ in range(10):
            at.say(event())
            await at.until(lambda: not at.rules._programs)
            await at.clock.advance(1)
        assert [fault.count for fault in at.faults] == [1, 10]


PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1] + ".new", "w").write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def started(at: Desk, out: Path) -> list[int]:
    await at.until(out.exists)
    return [int(pid) for pid in out.read_text().split()]


async def test_a_program_that_does_not_end_is_killed_with_what_it_started(tmp_path: Path) -> None:
    out = tmp_path / "pids"
    async with desk(running(PARENT, str(out))) as at:
        at.say(event())
        pids = await started(at, out)
        assert all(alive(pid) for pid in pids)
        await at.clock.advance(RUN_S)
        await at.until(lambda: not at.rules._programs)
        await at.until(lambda: not any(alive(pid) for pid in pids))
        assert "killed: still running after 10 s" in at.faults[0].message


async def test_two_programs_run_at_once_and_no_third(tmp_path: Path) -> None:
    outs = [tmp_path / name for name in "abc"]
    async with desk(*(running(PARENT, str(out)) for out in outs)) as at:
        at.say(event())
        pids = [*await started(at, outs[0]), *await started(at, outs[1])]
        assert not outs[2].exists()
        assert [fault.message for fault in at.faults] == [
            f"event rule 3: {Path(sys.executable).name} not run: 2 programs still run"
        ]
    await at.until(lambda: not any(alive(pid) for pid in pids))
