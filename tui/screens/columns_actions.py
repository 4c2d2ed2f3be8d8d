"""What can be done in the chooser of columns: known before the chooser itself is loaded."""

from __future__ import annotations

from tui.actions import Action

SCOPE = "columns"


def _action(verb: str, keys: str, title: str, sentence: str, footer: int = 0) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, footer=footer, palette=False)


COLUMNS_ACTIONS: tuple[Action, ...] = (
    _action("toggle", "space,x", "show or hide", "Show this column, or hide it.", 10),
    _action("later", "J", "later", "Move this column one place to the right."),
    _action("earlier", "K", "earlier", "Move this column one place to the left."),
    _action("automatic", "r", "automatic", "Back to as many columns as fit, by importance."),
    _action("keep", "enter", "keep", "Keep these columns.", 40),
    _action("down", "down,j", "down", "One line down."),
    _action("up", "up,k", "up", "One line up."),
    _action("top", "home,g", "top", "To the first line."),
    _action("bottom", "end,G", "bottom", "To the last line."),
)
