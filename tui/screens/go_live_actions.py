"""What can be done while going live: known before the screen itself is loaded."""

from __future__ import annotations

from tui.actions import Action, Danger

SCOPE = "go_live"
YES, CHECK, RESUME = (f"{SCOPE}.{verb}" for verb in ("yes", "check", "resume"))


def _action(verb: str, keys: str, title: str, sentence: str, danger: Danger = Danger.VIEW) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, palette=False, danger=danger)


GO_LIVE_ACTIONS: tuple[Action, ...] = (
    _action("yes", "y", "yes", "Yes to the question shown; a key held down is no answer.", Danger.IRREVERSIBLE),
    _action("check", "r", "check again", "Look anew at everything that must hold before real orders."),
    _action(
        "resume",
        "u",
        "resume",
        "One step back towards ACTIVE on the real account: HALTED to REDUCING, REDUCING to ACTIVE.",
        Danger.REVERSIBLE_ORDER,
    ),
    _action("down", "down,j", "down", "One line down."),
    _action("up", "up,k", "up", "One line up."),
    _action("page_down", "pagedown,space", "page down", "One page down."),
    _action("page_up", "pageup", "page up", "One page up."),
)
