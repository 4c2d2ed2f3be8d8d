"""How much each parameter mattered: its main effect on what the trials were worth.

Per parameter the trials are put into four groups of rising values; told is the share of the spread of their results, as
ranks, that lies between the groups, above what four groups without meaning would show (the correlation ratio, Fisher,
1925: a first-order Sobol index by bins). Interactions are not seen. Shares add to 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.calibration.search import Tried
from core.calibration.space import PARAMETERS

GROUPS = 4
LEAST_TRIALS = 12


def importance(folds: Sequence[Sequence[Tried]]) -> dict[str, float]:
    """Shares by the name of the threshold, from the trials of every fold; none when there are too few trials to say."""
    effects = np.zeros(len(PARAMETERS))
    for tried in folds:
        if len(tried) < LEAST_TRIALS:
            continue
        ranks = np.argsort(np.argsort([one.outcome.value for one in tried], kind="stable")).astype(np.float64)
        ranks -= ranks.mean()
        total = float(ranks @ ranks)
        for place, parameter in enumerate(PARAMETERS):
            order = np.argsort([one.point[parameter.name] for one in tried], kind="stable")
            between = sum(group.sum() ** 2 / len(group) for group in np.array_split(ranks[order], GROUPS))
            effects[place] += max(0.0, float(between) / total - (GROUPS - 1) / (len(tried) - 1))
    if not effects.sum() > 0.0:
        return {}
    shares = effects / effects.sum()
    return {parameter.threshold: float(share) for parameter, share in zip(PARAMETERS, shares, strict=True)}
