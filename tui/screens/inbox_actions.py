"""What can be done on the Inbox screen, and its words: known before the screen itself is loaded."""

from __future__ import annotations

from typing import Any

from tui.actions import Action, Danger

SCOPE = "inbox"


def _action(verb: str, keys: str, title: str, sentence: str, **more: Any) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, **more)


ACTIONS: tuple[Action, ...] = (
    _action("open", "enter", "open", "The order ticket of this proposal, or everything known of this fill or alarm.", footer=10),
    _action("acknowledge", "a", "seen", "Acknowledge this item: it leaves the list and is written down.", footer=20, danger=Danger.LOCAL),
    _action("dismiss", "d", "dismiss", "Dismiss this item: not wanted; it is written down.", footer=30, danger=Danger.LOCAL),
    _action("snooze", "z", "snooze", "Put this item away for trading.snooze_min minutes.", danger=Danger.LOCAL),
    _action("acknowledge_fills", "A", "all fills seen", "Acknowledge every fill that waits.", danger=Danger.LOCAL),
    _action("symbol", "s", "symbol", "Show this item's symbol in the watchlist."),
    _action("down", "down,j", "down", "One line down.", palette=False),
    _action("up", "up,k", "up", "One line up.", palette=False),
    _action("page_down", "pagedown,ctrl+f", "page down", "One page down.", palette=False),
    _action("page_up", "pageup,ctrl+b", "page up", "One page up.", palette=False),
    _action("top", "home,g", "top", "To the first item.", palette=False),
    _action("bottom", "end,G", "bottom", "To the last item.", palette=False),
)  # fmt: skip
GLOSSARY: tuple[tuple[str, str], ...] = (
    ("PROPOSALS", "Recommendations that passed, one a symbol, the surest first; never more than trading.proposals."),
    ("ALARMS", "What needs you: errors and warnings of the order path, differences with the venue, halts."),
    ("FILLS", "Orders of ours that filled, also while you were away; one line an order."),
    ("RR", "Reward to risk at the first target from the worst edge of the zone, after costs."),
    ("ENTRY ZONE", "Between these prices the trade was recommended."),
    ("STANDS", "Where the price is now: in the zone, above or below it, past the stop or the first target."),
    ("LEFT", "How long the analysis still speaks of the market; then the proposal expires."),
    ("OPENS ITSELF", "On paper only: the best proposals become orders without being asked for (paper.open_top)."),
)  # fmt: skip
