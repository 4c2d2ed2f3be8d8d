"""What can be done on the Orders screen, and its words: known before the screen itself is loaded."""

from __future__ import annotations

from typing import Any

from tui.actions import Action, Danger

SCOPE = "orders"


def _action(verb: str, keys: str, title: str, sentence: str, **more: Any) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, **more)


ORDER, FINAL = Danger.REVERSIBLE_ORDER, Danger.IRREVERSIBLE
ACTIONS: tuple[Action, ...] = (
    _action("open", "enter", "details", "Everything known of this line: evidence, gates, fills, targets.", footer=10),
    _action("cancel", "c", "cancel", "Cancel this order; a protective stop goes with its position.", footer=20, danger=ORDER),
    _action("close", "x,X", "close", "Close this position at the market, or a part of it; takes a typed word.", footer=30, danger=FINAL),
    _action("move", "m", "stop", "Move the stop of this position; takes a price.", danger=ORDER),
    _action("amend", "e", "change", "Change this working entry: opens its order ticket.", danger=ORDER),
    _action("resolve", "R", "resolve", "Say what became of an order nobody knows it of; takes a typed word.", danger=FINAL),
    _action("adopt", "a", "accept", "Accept the venue's side of this discrepancy; asks once.", danger=FINAL),
    _action("reconcile", "r", "compare", "Compare orders, balances and positions with the venue now."),
    _action("resume", "u", "resume", "One step back towards ACTIVE: HALTED to REDUCING, REDUCING to ACTIVE; asks once.", danger=ORDER),
    _action("flatten", "f", "flatten", "Cancel every entry, close every position at the market; takes the word FLATTEN.", danger=FINAL),
    _action("reset", "", "reset the paper account", "Start the simulated account anew; asks once.", danger=FINAL),
    _action("symbol", "s", "symbol", "Show this line's symbol in the watchlist."),
    _action("down", "down,j", "down", "One line down.", palette=False),
    _action("up", "up,k", "up", "One line up.", palette=False),
    _action("page_down", "pagedown,ctrl+f", "page down", "One page down.", palette=False),
    _action("page_up", "pageup,ctrl+b", "page up", "One page up.", palette=False),
    _action("top", "home,g", "top", "To the first line.", palette=False),
    _action("bottom", "end,G", "bottom", "To the last line.", palette=False),
)  # fmt: skip
GLOSSARY: tuple[tuple[str, str], ...] = (
    ("PAPER, LIVE", "A simulated account, or orders that reach the venue named beside it."),
    ("ACTIVE", "Entries are allowed, if every gate lets them pass."),
    ("REDUCING", "Only what makes a position smaller is sent; it may not turn it round."),
    ("HALTED", "No entry is sent, working ones were cancelled, stops stay; u goes back one step at a time."),
    ("UNKNOWN", "An order whose outcome nobody knows. It is never sent again: evidence or you say what became of it."),
    ("QUARANTINE", "The venue said something of this order that cannot be; nothing is done with it until it is resolved."),
    ("NAKED", "A position without a stop at the venue, and what follows when the time is up."),
    ("≈", "The stop was not seen at the venue for too long: it may be there, nobody has looked."),
    ("VERIFIED", "How long ago the venue itself showed the stop."),
    ("qty ✓", "Stops cover the whole position."),
    ("R", "Result in units of what was risked at entry."),
    ("LIQ", "Price at which the venue closes the position by force."),
    ("FROZEN", "The symbol does not trade: nothing of it can be closed."),
    ("NOT OURS", "Orders of this account that somebody else sent; shown, never touched."),
    ("DISCREPANCIES", "Where the venue and our journal disagree. Nothing is opened until each is settled."),
)  # fmt: skip
