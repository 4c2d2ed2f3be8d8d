"""What can be done on the event log, and its words: known before the screen itself is loaded."""

from __future__ import annotations

from typing import Any

from tui.actions import Action
from tui.widgets.event_filter import GROUP_NAMES

SCOPE = "events"


def _action(verb: str, keys: str, title: str, sentence: str, **more: Any) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, **more)


ACTIONS: tuple[Action, ...] = (
    _action("open", "enter", "symbol", "Show the event's symbol in the watchlist.", footer=10),
    _action(
        "filter",
        "/",
        "filter",
        "Show only events with all these words; Esc takes it back and leaves the cursor on its event.",
        footer=20,
    ),
    _action("symbol", "s", "only this", "Only events of the selected one's symbol, or of all again."),
    _action("follow", "f", "newest", "To the newest event, and follow.", footer=35),
    _action("level", "v", "severity", "All events, warnings and errors, errors only."),
    _action("kind_next", "right,l", "next kind", "State, alert, link, data, fault, setting, engine: the next one."),
    _action("kind_previous", "left,h", "previous kind", "State, alert, link, data, …: the one before."),
    _action("down", "down,j", "down", "One line down.", palette=False),
    _action("up", "up,k", "up", "One line up; the log stops following.", palette=False),
    _action("page_down", "pagedown,ctrl+f", "page down", "One page down.", palette=False),
    _action("page_up", "pageup,ctrl+b", "page up", "One page up.", palette=False),
    _action("top", "home,g", "top", "To the oldest event.", palette=False),
    _action("bottom", "end,G", "bottom", "To the newest event, and follow.", palette=False),
    *(_action(f"kind_{name}", "", f"events: {name}", f"Show the log's kind {name}.") for name in GROUP_NAMES),
)
GLOSSARY: tuple[tuple[str, str], ...] = (
    ("!", "A warning: something is worth knowing, and is being dealt with."),
    ("✗", "An error: something failed and was contained."),
    ("↑ BUY, ↓ SELL, • HOLD", "A state began; PRICE is the close that began it, P the probability it had."),
    ("alert", "Alerts and recommendations; what calibration did stands with the settings."),
    ("order", "Orders, fills, trades that ended, protective stops, halts, differences with the venue."),
    ("link, data", "Connections and refusals of the venue; frozen channels and broken order books."),
    ("12 new ↓", "So many events came below while you read older ones."),
    ("hidden", "Events the filters keep back; Esc takes the last filter back, then the one before."),
)
