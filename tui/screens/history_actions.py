"""What can be done on the history screen, and its words: known before the screen itself is loaded."""

from __future__ import annotations

from typing import Any

from tui.actions import Action

SCOPE = "history"


def _action(verb: str, keys: str, title: str, sentence: str, **more: Any) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, **more)


ACTIONS: tuple[Action, ...] = (
    _action("open", "enter", "details", "Everything known of this trade: as it was meant and as it went.", footer=10),
    _action("unit", "r", "R or money", "Draw the curve in units of what was risked, or in money.", footer=20),
    _action("filter", "/", "find", "Show only trades with all these words: symbol, long, won, lost, stop.", footer=30),
    _action("symbol", "s", "symbol", "Show this trade's symbol in the watchlist."),
    _action("down", "down,j", "down", "One line down.", palette=False),
    _action("up", "up,k", "up", "One line up.", palette=False),
    _action("page_down", "pagedown,ctrl+f", "page down", "One page down.", palette=False),
    _action("page_up", "pageup,ctrl+b", "page up", "One page up.", palette=False),
    _action("top", "home,g", "top", "To the newest trade.", palette=False),
    _action("bottom", "end,G", "bottom", "To the oldest trade.", palette=False),
)  # fmt: skip
GLOSSARY: tuple[tuple[str, str], ...] = (
    ("R", "Result in units of what was risked at entry: at the planned stop a trade loses about 1 R."),
    ("expectancy", "Mean R of a trade. Below zero the way of trading loses, whatever the last trades did."),
    (
        "profit factor",
        "What the winners made over what the losers lost. Above 1 is a profit; few trades prove nothing.",
    ),
    ("net", "Sum of all results after fees and funding."),
    ("deepest fall", "How far the sum of results fell at most below the highest it had reached, in money and in R."),
    ("░", "In the curve: how far the sum is below the highest it had reached before."),
    ("SLIPPAGE", "What prices other than planned brought: a minus is worse. A market entry has no planned price."),
    ("HELD", "From the first fill to the end."),
    ("ENDED BY", "What closed the last of it."),
)
