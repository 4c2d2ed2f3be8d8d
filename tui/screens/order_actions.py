"""What can be done on an order ticket, and its words: known before the screen itself is loaded."""

from __future__ import annotations

from typing import Any

from tui.actions import Action, Danger

SCOPE = "ticket"


def _action(verb: str, keys: str, title: str, sentence: str, **more: Any) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, palette=False, **more)


ACTIONS: tuple[Action, ...] = (
    _action("next", "n", "next", "To the next step: everything on this page has been read.", danger=Danger.REVERSIBLE_ORDER),
    _action("yes", "y,enter", "yes", "On paper: send it. With real money: to the next step.", danger=Danger.REVERSIBLE_ORDER),
    _action("refresh", "r,ctrl+r", "anew", "Plan the order anew with the prices and limits of now, and review it from the beginning."),
    _action("price", "e", "price", "Change the limit price; the order is reviewed from the beginning."),
    _action("stop", "s", "stop", "Change the stop; the order is reviewed from the beginning."),
    _action("targets", "t", "targets", "Change the targets, nearest first; the order is reviewed from the beginning."),
    _action("size", "z", "size", "Change the quantity; the order is reviewed from the beginning."),
    _action("side", "d", "side", "Buy or sell; the order is reviewed from the beginning."),
    _action("type", "m", "type", "At the market, or by limit; the order is reviewed from the beginning."),
)  # fmt: skip
GLOSSARY: tuple[tuple[str, str], ...] = (
    ("PAPER", "A simulated account: one page, and one key sends the order."),
    ("SANDBOX, TESTNET", "The steps of a real order, where no real money is."),
    ("LIVE", "Real money: three steps, and in two of them something must be typed by hand."),
    ("CANARY", "The first order with new keys, of the least size the venue takes."),
    ("AMEND", "In place of an entry that works: that one is cancelled first."),
    ("worst", "What is lost if the stop fills where it stands, with fees and slippage."),
    ("gap", "What is lost if the price leaps through the stop by the share named."),
    ("heat", "What every position and order together can lose at its stop, as a share of the account."),
    ("EXPIRED", "Something it was reviewed with has changed, or the time is up; nothing was sent."),
    ("REFUSED", "Confirmed, and refused by a gate, the journal or the venue."),
)
