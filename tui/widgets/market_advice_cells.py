"""The watchlist's cells about alerts, recommendations and thresholds: each a function from facts to pieces.

Signals and recommendations are words first, so that they read without colour. A recommendation that expired is dim, marked
and has its age; what hangs on it is dim with it. Nothing blinks: an age moves once a minute.
"""

from __future__ import annotations

from tui import format as fmt
from tui.glyphs import Glyphs
from tui.widgets.market_advice import ACTION_STYLE, ACTION_WORDS, short_age
from tui.widgets.market_facts import Facts

Pieces = tuple[tuple[str, str], ...]

MARKS = {"unicode": ("!", "·"), "ascii": ("!", ":")}
"""Of ALERT and of NORMAL."""
ACTING = ("BUY", "SELL")
WORD_CELLS = 5


def signal_mark(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    """One cell: `!` for an ALERT, `·` for NORMAL, else blank."""
    alert, normal = MARKS[glyphs.name]
    mark = {"ALERT": alert, "NORMAL": normal}.get(facts.advice.signal, " ")
    return ((mark.ljust(width), _signal_style(facts)),)


def signal(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    """`! ALERT 2m`, `· NORMAL`, `  none`; `–` while nothing is known of the newest bar."""
    told, (alert, normal) = facts.advice, MARKS[glyphs.name]
    if not told.signal:
        return ((f"  {glyphs.missing}".ljust(width), "dim"),)
    if told.signal == "ALERT":
        text = f"{alert} ALERT"
        return ((f"{text}{short_age(told.alert_s):>{width - len(text)}}", _signal_style(facts)),)
    text = f"{normal} NORMAL" if told.signal == "NORMAL" else "  none"
    return ((text.ljust(width), _signal_style(facts)),)


def _signal_style(facts: Facts) -> str:
    if facts.stale or facts.halted:
        return "stale"
    return {"ALERT": "warn", "NORMAL": "text"}.get(facts.advice.signal, "dim")


def recommendation(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    """`BUY`, or `≈BUY   12m` when it expired; `asked` while the first one is under way."""
    told = facts.advice
    if told.action is None:
        return ((f" {'asked' if told.asked else glyphs.missing}".ljust(width), "dim"),)
    word = ACTION_WORDS[told.action]
    if told.expired:
        age = short_age(told.advice_s).rjust(width - WORD_CELLS - 1)
        return ((f"{glyphs.stale}{word:<{WORD_CELLS}}{age}", "stale"),)
    return ((f" {word}".ljust(width), ACTION_STYLE[told.action]),)


def confidence(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    """P after penalties."""
    return ((fmt.probability(facts.advice.confidence, width, glyphs), _figure_style(facts)),)


def target(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    """Its first target."""
    return ((fmt.price(facts.advice.target, facts.decimals, width, glyphs), _figure_style(facts)),)


def stop(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    """Its stop."""
    return ((fmt.price(facts.advice.stop, facts.decimals, width, glyphs), _figure_style(facts)),)


def _figure_style(facts: Facts) -> str:
    """Bright only where there is something to act on."""
    if facts.advice.expired:
        return "stale"
    return "text" if facts.advice.action in ACTING else "dim"


def calibration(facts: Facts, glyphs: Glyphs, width: int) -> Pieces:
    """Where the thresholds come from, or what is being done about them."""
    told = facts.advice
    return ((fmt.fit(told.calibration or glyphs.missing, width, glyphs), told.calibration_style),)
