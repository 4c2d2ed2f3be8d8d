"""The one registry of actions: it feeds key dispatch, the key bar, the help screen and the command palette.

A screen lists its own actions beside the methods that carry them out: id `watchlist.sort` calls `act_sort` of the screen
whose scope is `watchlist`; ids of scope `app` call the app's method. Adding an action is one entry and one method.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

APP_SCOPE = "app"
FOOTER_MOST = 7
"""Most keys shown at the bottom of one screen."""


class Danger(IntEnum):
    """What an action can do. Level 2 and above always pass the confirmation screens."""

    VIEW = 0
    LOCAL = 1
    REVERSIBLE_ORDER = 2
    IRREVERSIBLE = 3


@dataclass(frozen=True, slots=True)
class Action:
    """One thing the operator can do.

    `keys` is a comma list in Textual's spelling (`ctrl+p`) or the character itself (`?`, `/`). `footer` orders the keys
    at the bottom (0: not shown there). `fixed` keys cannot be taken away or reused by the operator's keymap.
    """

    id: str
    keys: str
    title: str
    help: str
    scope: str = APP_SCOPE
    footer: int = 0
    palette: bool = True
    danger: Danger = Danger.VIEW
    fixed: bool = False

    @property
    def method(self) -> str:
        """Name of the method that carries it out."""
        return "act_" + self.id.partition(".")[2].replace(".", "_").replace("-", "_")


APP_ACTIONS: tuple[Action, ...] = (
    Action("app.help", "?,f1", "help", "Keys of this screen and what its columns mean.", footer=80),
    Action("app.glossary", "f2", "glossary", "Every detector, and every word of every screen."),
    Action("app.palette", ":,ctrl+p", "palette", "Find any action, symbol, theme or threshold by name.", footer=90),
    Action("app.quit", "q", "quit", "End the program; the engine stops first, in order.", footer=99),
    Action(
        "app.quit_now",
        "ctrl+c",
        "quit",
        "The same as quit, from everywhere, also while typing.",
        palette=False,
        fixed=True,
    ),
    Action("app.back", "escape", "back", "One step back, and nothing else.", palette=False, fixed=True),
    Action("app.theme", "T", "theme", "Next colour theme."),
    Action(
        "app.halt",
        "H,f12",
        "halt",
        "No new entries from now on, and working ones cancelled; stops stay. At once, from everywhere; F12 also while typing.",
        danger=Danger.LOCAL,
        fixed=True,
    ),
    Action(
        "app.ticket",
        "o",
        "order",
        "An order ticket for the chosen symbol; nothing is sent before you confirm it.",
        footer=45,
        danger=Danger.IRREVERSIBLE,
    ),
    Action(
        "app.live",
        "L",
        "live or paper",
        "Armed for real orders: back to paper at once. On paper: the questions that lead to real orders.",
        danger=Danger.IRREVERSIBLE,
    ),
    Action("app.private", "$", "private", "Hide your own amounts of money on every screen, or show them again."),
    Action("app.undo", "ctrl+z", "undo edit", "Take back the newest change of a setting.", danger=Danger.LOCAL),
)


def app_actions(trades: bool) -> tuple[Action, ...]:
    """What every screen can do; where nothing trades yet, nothing about orders."""
    return tuple(action for action in APP_ACTIONS if trades or action.danger < Danger.IRREVERSIBLE)


def mode_action_id(scope: str) -> str:
    """Id of the action that shows the screen of this scope."""
    return f"{APP_SCOPE}.mode_{scope}"


class Registry:
    """All actions of the program, by id and by scope. Mistakes in the tables are programming errors and raise."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self._by_id: dict[str, Action] = {}
        for action in actions:
            if action.id in self._by_id:
                raise ValueError(f"action {action.id} is registered twice")
            if "." not in action.id or not action.help.endswith("."):
                raise ValueError(f"action {action.id} needs an id `area.verb` and a help sentence")
            self._by_id[action.id] = action
        for scope in self.scopes():
            shown = len(self.footer(scope))
            if shown > FOOTER_MOST:
                raise ValueError(f"screen {scope} shows {shown} keys at the bottom; {FOOTER_MOST} is the most")

    def __iter__(self) -> Iterator[Action]:
        return iter(self._by_id.values())

    def get(self, action_id: str) -> Action | None:
        """The action of this id, if there is one."""
        return self._by_id.get(action_id)

    def ids(self) -> list[str]:
        """Every id, in order of registration."""
        return list(self._by_id)

    def scopes(self) -> list[str]:
        """Every scope but the app's, which is part of all of them."""
        return sorted({action.scope for action in self._by_id.values()} - {APP_SCOPE})

    def of_scope(self, scope: str) -> list[Action]:
        """What can be done on this screen: its own actions first, then the app's."""
        own = [action for action in self._by_id.values() if action.scope == scope and scope != APP_SCOPE]
        return own + [action for action in self._by_id.values() if action.scope == APP_SCOPE]

    def footer(self, scope: str) -> list[Action]:
        """Actions shown at the bottom of this screen, in order."""
        here = mode_action_id(scope)
        shown = [action for action in self.of_scope(scope) if action.footer and action.id != here]
        return sorted(shown, key=lambda action: action.footer)
