"""What can be done on the confluence screen, and its words: known before the screen itself is loaded."""

from __future__ import annotations

from typing import Any

from tui.actions import Action, Danger

SCOPE = "confluence"


def _action(verb: str, keys: str, title: str, sentence: str, **more: Any) -> Action:
    return Action(f"{SCOPE}.{verb}", keys, title, sentence, scope=SCOPE, **more)


ACTIONS: tuple[Action, ...] = (
    _action("timeframe", "t,]", "timeframe", "Show the next timeframe; only the starred one decides.", footer=10),
    _action("timeframe_back", "[", "timeframe back", "Show the timeframe before."),
    _action("next", "n", "next", "The next symbol of the watchlist.", footer=20),
    _action("previous", "N", "previous", "The symbol before in the watchlist."),
    _action("edit", "e", "edit", "To the thresholds; Enter types over the chosen one.", footer=30),
    _action("open", "enter", "change", "Change the chosen reading's thresholds, or type over the chosen threshold."),
    _action("undo", "u", "undo", "Take back the newest change of a setting."),
    _action("panel", "tab", "next panel", "Readings, thresholds, book and tape, recommendation: the next one."),
    _action(
        "panel_back", "shift+tab", "panel back", "Readings, thresholds, book and tape, recommendation: the one before."
    ),
    _action("recommendation", "i", "recommendation", "The recommendation in full, or back to the readings."),
    _action("analyse", "a", "analyse", "Ask for a recommendation on this symbol now."),
    _action(
        "close",
        "X",
        "close",
        "Close our position in this symbol, or a part of it; takes a typed word.",
        danger=Danger.IRREVERSIBLE,
    ),
    _action("expand", "x", "all readings", "Every detector over the whole screen, silent and warming ones too."),
    _action("down", "down,j", "down", "One line down in the panel.", palette=False),
    _action("up", "up,k", "up", "One line up in the panel.", palette=False),
    _action("page_down", "pagedown,ctrl+f", "page down", "One page down in the panel.", palette=False),
    _action("page_up", "pageup,ctrl+b", "page up", "One page up in the panel.", palette=False),
    _action("older", "left,h", "older bars", "Move the chart to older bars.", palette=False),
    _action("newer", "right,l", "newer bars", "Move the chart to newer bars.", palette=False),
    _action("zoom_in", "+,=", "zoom in", "Fewer, wider bars."),
    _action("zoom_out", "-", "zoom out", "More, thinner bars."),
    _action("reset", "0,home", "newest bars", "Back to the newest bars and the usual zoom."),
    _action("layers", "v", "layers", "What is drawn over the candles: everything, one kind at a time, nothing."),
)
GLOSSARY: tuple[tuple[str, str], ...] = (
    ("[15m], 5m*", "The timeframe shown; the one whose closed bars decide the state."),
    ("P", "Probability that the price rises first; `uncalibrated` until outcomes have been counted."),
    ("SELL, BUY under the line", "Where a state begins: P at or beyond this threshold when a bar closes."),
    ("BUY ends, SELL ends", "Where a state ends: its own side's probability falls to the exit threshold."),
    ("SAYS", "Direction and strength of a reading, 0 to 1, as of the last closed bar."),
    ("LOGIT", "The reading's exact share of the log-odds; with the base rate they add up to the sum."),
    ("pp", "Percentage points of P that would be missing without this reading; these do not add up."),
    ("[CLASSIC], [SMC]", "Indicators, and smart-money structure; SMC marks the lines of the second."),
    ("gate, ×0.5", "The market is too quiet or too wild: every reading counts less."),
    ("silent, warming up", "No opinion on the last closed bar; not enough bars behind it yet."),
    ("held", "HOLD is forced: stale data, warm-up or a halt, whatever P says."),
    ("next", "What P must reach for the next state, and how far away that is."),
    ("cooldown", "After a change of state the next one waits this long."),
    ("takers", "Buying minus selling takers of the last five minutes, as a share of both."),
    ("sweep ×3", "One taker ran through so many price levels within a millisecond."),
    ("big", "A taker of ten times the usual size on the tape."),
    ("mid", "Halfway between best bid and best ask."),
    ("sum", "Sizes added up from the mid, on wide screens."),
    (
        "advice",
        "The recommendation: BUY, SELL, WAIT, AVOID, RISK (too volatile), DATA? and FAIL? (nothing can be said).",
    ),
    ("entry, TP1, SL", "On the chart: edges of the entry zone, targets and stop of a recommendation that still holds."),
    ("RR", "Reward to risk: way to the first target over way to the stop, from the worse edge of the entry zone."),
    ("R", "The way to the stop, as the unit of what a trade wins and costs."),
    ("pays", "P(target before stop) against break-even, the share of trades that must succeed after costs."),
    ("penalty", "What a circumstance takes off the log-odds of the recommendation's side."),
    (
        "factors",
        "Evidence for BUY (+) and SELL, and its share in the composite; decisions rest on P, not on the composite.",
    ),
    ("≈", "Stale: the numbers are as old as it says."),
)
