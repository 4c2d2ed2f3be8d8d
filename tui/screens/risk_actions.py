"""What can be done on the Risk screen, and its words: known before the screen itself is loaded."""

from __future__ import annotations

from typing import Any

from tui.actions import Action, Danger

SCOPE = "risk"


def _action(verb: str, keys: str, title: str, sentence: str, **more: Any) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, **more)


ACTIONS: tuple[Action, ...] = (
    _action("open", "enter", "explain", "What this limit counts, what follows when it is reached, and how to change it.", footer=10),
    _action("edit", "e", "edit", "Change the setting of this limit: tighter counts at once, looser waits.", footer=20),
    _action("resume", "u", "resume", "One step back towards ACTIVE: HALTED to REDUCING, REDUCING to ACTIVE; asks once.",
            footer=30, danger=Danger.REVERSIBLE_ORDER),
    _action("trouble", "n", "next trouble", "To the next limit that is reached, near or not known."),
    _action("down", "down,j", "down", "One line down.", palette=False),
    _action("up", "up,k", "up", "One line up.", palette=False),
    _action("page_down", "pagedown,ctrl+f", "page down", "One page down.", palette=False),
    _action("page_up", "pageup,ctrl+b", "page up", "One page up.", palette=False),
    _action("top", "home,g", "top", "To the first line.", palette=False),
    _action("bottom", "end,G", "bottom", "To the last line.", palette=False),
)  # fmt: skip
GLOSSARY: tuple[tuple[str, str], ...] = (
    ("✓ ! ✗ ?", "Within the limit; four fifths of it used; reached, entries are refused for it; not known, they wait."),
    ("SHARE", "How much of the limit is used."),
    ("heat", "What everything held would lose at its stops together, correlations counted, as a share of equity."),
    ("same bet", "Symbols that move as one: they share the limits of one symbol."),
    ("cool-down", "Time without entries after losses in a row."),
    ("waits", "A looser limit: not in force before the next daily reset, and with real money not before arming again."),
)
