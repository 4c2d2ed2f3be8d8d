"""What can be done on the calibration screen, and its words: known before the screen itself is loaded."""

from __future__ import annotations

from typing import Any

from tui.actions import Action

SCOPE = "calibration"


def _action(verb: str, keys: str, title: str, sentence: str, **more: Any) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, **more)


ACTIONS: tuple[Action, ...] = (
    _action("open", "enter", "detail", "The asset over the whole screen, or type over the chosen threshold.", footer=10),
    _action("calibrate", "n", "calibrate", "Calibrate this asset now, ahead of all that are not urgent.", footer=20),
    _action("edit", "e", "edit", "To the asset's thresholds; once more, or Enter, types over the chosen one.", footer=30),
    _action("accept", "a", "accept", "Take what was found although the guards said no: asks once, a or y confirms."),
    _action("yes", "y", "yes", "Confirm what is being asked.", palette=False),
    _action("revert", "r,u", "revert", "Back to the thresholds this asset had before the newest change."),
    _action("pause", "p", "pause or resume", "Hold back this asset's waiting calibration, or let it go on."),
    _action("pause_all", "P", "pause the queue", "Hold back everything that waits, or let it go on."),
    _action("cancel", "x", "cancel", "Take this asset's calibration out of the queue; its thresholds stay."),
    _action("raise", "+,=", "sooner", "A higher priority for this asset's waiting calibration: high, then urgent."),
    _action("lower", "-", "later", "A lower priority for this asset's waiting calibration."),
    _action("filter", "/", "find", "Show only assets with all these words in symbol, class, source or verdict."),
    _action("part", "tab", "next part", "Assets, thresholds, verdict, trades, reliability: the next one."),
    _action("part_back", "shift+tab", "part back", "Assets, thresholds, verdict, trades, reliability: the one before."),
    _action("down", "down,j", "down", "One line down in the part in hand.", palette=False),
    _action("up", "up,k", "up", "One line up in the part in hand.", palette=False),
    _action("page_down", "pagedown,ctrl+f", "page down", "One page down.", palette=False),
    _action("page_up", "pageup,ctrl+b", "page up", "One page up.", palette=False),
    _action("top", "home,g", "top", "To the first asset.", palette=False),
    _action("bottom", "end,G", "bottom", "To the last asset.", palette=False),
)  # fmt: skip
GLOSSARY: tuple[tuple[str, str], ...] = (
    ("OOS, out of sample", "On bars the search never saw: the only figures that count."),
    ("IS, in sample", "On the bars the search chose by; they always look good, because it chose them so."),
    ("n", "Closed trades behind the figures. Below 100 they are too few to be taken as they are."),
    ("PF", "Profit factor: what the winners made over what the losers lost. Above 1 is a profit; few trades prove nothing."),
    ("WIN % [low–high]", "Share of trades that won, with its 90 % interval."),
    ("Wilson interval", "The interval of a share that is honest also for few trades (Wilson, 1927)."),
    ("E(R)", "Expectancy: mean result of a trade after costs, in units of what it risked."),
    ("BOUND", "Expectancy minus one standard error: what is left of it with a little bad luck."),
    ("DD %", "Drawdown: the deepest fall from a peak."),
    ("DSR", "Deflated Sharpe probability: that the result is more than the luck of the best of so many trials. 0.90 or more passes."),
    ("PBO", "Probability of overfitting: how often the best of one half of history is below the middle in the other. 0.20 or less passes."),
    ("IMPORTANCE", "How much of the differences between trials one threshold explains; all of them add up to 1."),
    ("class, adaptive, calibrated, operator", "Where a threshold comes from: the class default, its own volatility, a calibration, you."),
    ("kept", "The guards found no edge that survives: what is in force stays. The usual answer."),
    ("shrunk", "Few trades: the found values were moved toward the class default, by the weight told."),
    ("partial", "The time limit came first; the best so far was judged."),
    ("waiting for history, history in", "The store holds fewer bars than a calibration needs; time mends it."),
    ("expired", "Fitted and typed values stand half way back to the class default until they are renewed."),
    ("breaker", "After three failures nothing is tried for a while; then one try decides."),
    ("Brier", "Mean squared distance of P from what happened: 0 is perfect, 0.25 is what a coin gets. Skill: against the base rate."),
    ("ECE", "Expected calibration error: how far P is from what came true, on average over the bins."),
    ("noise", "What ECE a perfect forecaster stays below in 95 % of samples of this size."),
    ("■ ✗ ░", "A bin of the diagram inside its band of luck, one outside, and the band. On the diagonal P is honest."),
)  # fmt: skip
