"""One limit in sentences: what is used, what it counts, what follows, its setting and how to change it."""

from __future__ import annotations

from core.messages import LimitUse
from tui.desk import Desk
from tui.palette import Threshold, thresholds
from tui.widgets.line_panel import Line, fold
from tui.widgets.risk_words import (
    EXPLAINED,
    KNOBS,
    LEVEL_WORDS,
    LOOK,
    UNEXPLAINED,
    limit_text,
    mark,
    setting_of,
    share_text,
    used_text,
    waits_for,
)


def knob_of(desk: Desk, use: LimitUse) -> Threshold | None:
    """The setting of a limit with its value and range; None: it has none."""
    key = setting_of(use)
    return next((one for one in thresholds(desk) if one.key == key), None) if key else None


def how_it_changes(desk: Desk, use: LimitUse) -> str:
    """When a change of this limit's setting counts."""
    if use.code not in KNOBS:
        return "A change counts from the next arming on."
    time, zone = desk.setting("risk.reset_time"), desk.setting("risk.reset_zone")
    account = desk.store.trading.account
    paper = account is None or account.mode == "PAPER"
    then = "" if paper else ", and then until trading is armed again"
    return f"Tighter counts at once; looser waits for the daily reset at {time} {zone}{then}."


def detail_lines(desk: Desk, use: LimitUse, width: int) -> list[Line]:
    """The limit in full."""
    glyphs, status = desk.glyphs, desk.store.trading.risk
    counts, follows = EXPLAINED.get(use.code, UNEXPLAINED)
    most = limit_text(use, glyphs)
    used = f"{used_text(use, glyphs)} of {most}" if most else used_text(use, glyphs)
    lines: list[Line] = [
        [(use.label.upper(), "accent"), (f"  {mark(use.level, glyphs)} {LEVEL_WORDS[use.level]}", LOOK[use.level])],
        [("Now        ", "dim"), (used, "bright"), (f"  {share_text(use, glyphs)}" if most else "", "dim")],
    ]
    lines += fold([("           ", "text"), (use.words, LOOK[use.level])], width, 11) if use.words else []
    lines += [[], *fold([("Counts     ", "dim"), (counts, "text")], width, 11)]
    lines += fold([("Reached    ", "dim"), (follows, "text")], width, 11)
    knob = knob_of(desk, use)
    lines.append([])
    if knob is None:
        lines.append([("Setting    ", "dim"), ("none: it is as it is found", "text")])
    else:
        lines.append([("Setting    ", "dim"), (f"{knob.key} = {knob.value}", "bright")])
        lines += fold([("           ", "text"), (knob.about, "text")], width, 11)
        change = f"{desk.keymap.label('risk.edit')}, after Esc, edits it. {how_it_changes(desk, use)}"
        lines += fold([("Change     ", "dim"), (change, "text")], width, 11)
    waits = waits_for(status, use) if status is not None else ""
    if waits:
        lines += fold([("Waits      ", "dim"), (waits, "accent")], width, 11)
    if use.code == "locks" and status is not None:
        for lock in status.locks:
            lines += fold([("           ", "text"), (lock, "warn")], width, 11)
    return lines
