"""What triggers need of numpy, for arrays of bars and for the plain numbers of a single bar alike.

Live, a trigger reads one bar, and numpy takes ten times as long for one number as Python does. A trigger written with
these (and with operators and `abs`, which suit both) is read on plain numbers there and on whole columns elsewhere: one
definition, one result. One written with numpy itself works as well, only slower.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from core.screening.columns import COLUMNS, TriggerColumns


def newest(columns: TriggerColumns) -> TriggerColumns:
    """The newest bar alone, its values plain numbers where a type checker sees arrays."""
    return TriggerColumns(tick=columns.tick, **{name: getattr(columns, name).item(-1) for name in COLUMNS})


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`np.where`."""
    if isinstance(condition, bool):
        return yes if condition else no
    return np.where(condition, yes, no)


def larger(one: float, other: Any) -> Any:
    """`np.maximum`: not a number where `other` is none."""
    if isinstance(other, float):
        return one if one > other else other
    return np.maximum(one, other)


def sign(values: Any) -> Any:
    """`np.sign`."""
    if isinstance(values, float):
        return math.copysign(1.0, values) if values and values == values else values
    return np.sign(values)


def even(columns: TriggerColumns, value: float) -> Any:
    """One value for every bar."""
    if isinstance(columns.close, float):
        return value
    return np.full(len(columns), value)


def number(value: Any) -> float:
    """A plain number, also out of an array of one."""
    return float(value.item(-1)) if isinstance(value, np.ndarray) else float(value)
