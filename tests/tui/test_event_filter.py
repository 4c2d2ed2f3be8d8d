"""What the filters of the log let through."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from core.messages import EventKind
from tests import builders as make
from tui.widgets.event_filter import EVERYTHING, GROUP_NAMES, GROUPS, LEVELS, EventFilter, chosen, told

KINDS: tuple[EventKind, ...] = get_args(EventKind)
symbols = st.sampled_from(("", "SOLUSDT", "ETHUSDT"))
texts = st.text(st.sampled_from("aB4 "), max_size=6)
events = st.lists(
    st.builds(
        lambda kind, severity, symbol, text: make.event(1, kind, text, severity=severity, symbol=symbol),
        st.sampled_from(KINDS), st.sampled_from(LEVELS), symbols, texts,
    ),
    max_size=12,
)  # fmt: skip
views = st.builds(EventFilter, st.sampled_from(GROUP_NAMES), st.sampled_from(LEVELS), symbols, texts)


@given(events, views)
def test_an_event_is_shown_when_every_filter_lets_it_through(log, view):
    def passes(event) -> bool:
        return (
            (not dict(GROUPS)[view.group] or event.kind in dict(GROUPS)[view.group])
            and LEVELS.index(event.severity) >= LEVELS.index(view.level)
            and view.symbol in ("", event.symbol)
            and all(word in f"{event.symbol} {event.kind} {event.text}".lower() for word in view.text.lower().split())
        )

    shown, counts = chosen(log, view)
    assert shown == [event for event in log if passes(event)]
    assert counts[view.group] == len(shown)
    assert counts["all"] == sum(count for name, count in counts.items() if name != "all")


def test_every_event_kind_is_in_one_group():
    assert sorted(kind for _, kinds in GROUPS for kind in kinds) == sorted(KINDS)
    log = [make.event(number, kind, kind) for number, kind in enumerate(KINDS)]
    assert chosen(log, EVERYTHING)[0] == log


def test_filters_are_told_in_words():
    assert told(EVERYTHING) == []
    view = EventFilter(group="fault", level="warning", symbol="SOLUSDT", text="429")
    assert told(view) == ["kind fault", "warnings up", "only SOLUSDT", '"429"']
