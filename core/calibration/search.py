"""The search for one stretch of bars: Optuna proposes points, trials say what they are worth, a plateau is chosen.

Seeded multivariate TPE, at random first, in memory. A trial that after half of its blocks stands below the median of
those before it is given up. Optuna is imported here only: it takes a second and belongs into a worker process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from core.calibration.objective import Outcome, balance
from core.calibration.space import PARAMETERS, Point, scaled

Floats = NDArray[np.float64]
Trial = Callable[[Point], Iterator[Outcome]]
"""Runs a point: what it comes to after each block, the last one being the whole."""

NEIGHBOURS = 5
"""A point is worth the mean of so many feasible trials nearest to it, itself among them."""
PRUNE_STARTUP = 10
PRUNE_AFTER = 2
"""Blocks before a trial may be given up."""


class Tried(Struct, frozen=True, kw_only=True):
    """One trial. A pruned one carries what it had come to when it was given up."""

    point: Point
    outcome: Outcome
    pruned: bool

    @property
    def feasible(self) -> bool:
        return not self.pruned and self.outcome.violation <= 0.0


class Searched(Struct, frozen=True, kw_only=True):
    """All trials in their order, and the place of the one chosen; None: none was feasible. `partial`: time ran out."""

    tried: tuple[Tried, ...]
    chosen: int | None
    partial: bool = False

    @property
    def best(self) -> Tried | None:
        return None if self.chosen is None else self.tried[self.chosen]


def search(
    trial: Trial,
    starts: Sequence[Point],
    *,
    trials: int,
    random_trials: int,
    seed: int,
    multi: bool = False,
    out_of_time: Callable[[], bool] = lambda: False,
    told: Callable[[int], None] = lambda _count: None,
) -> Searched:
    """Try `starts` first, then `random_trials` at random, then where the search leads; `trials` in all.

    `multi`: the value is raised and the drawdown lowered, nothing is pruned, and the choice is made among those trials
    that no other one beats in both. `out_of_time` is asked before every trial but the first.
    """
    import optuna

    study = _study(optuna, seed, len(starts) + random_trials, multi)
    for start in starts:
        study.enqueue_trial(dict(start))
    tried: list[Tried] = []
    partial = False

    def objective(asked: Any) -> float | tuple[float, float]:
        nonlocal partial
        found = _run(trial, asked, prune=not multi)
        tried.append(found)
        told(len(tried))
        if len(tried) < trials and out_of_time():
            partial = True
            study.stop()
        if found.pruned:
            raise optuna.TrialPruned
        return (found.outcome.value, found.outcome.drawdown) if multi else found.outcome.value

    study.optimize(objective, n_trials=trials)
    chosen = _balanced(tried) if multi else _plateau(tried)
    return Searched(tried=tuple(tried), chosen=chosen, partial=partial)


def _study(optuna: Any, seed: int, startup: int, multi: bool) -> Any:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(n_startup_trials=startup, seed=seed)
    if multi:
        return optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=PRUNE_STARTUP, n_warmup_steps=PRUNE_AFTER - 1)
    return optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)


def _run(trial: Trial, asked: Any, *, prune: bool) -> Tried:
    point: Point = {
        parameter.name: asked.suggest_float(parameter.name, parameter.least, parameter.most) for parameter in PARAMETERS
    }
    standing = None
    for block, standing in enumerate(trial(point), start=1):
        if prune and block == PRUNE_AFTER:
            asked.report(standing.value, block)
            if asked.should_prune():
                asked.set_constraint("trades", standing.violation)
                return Tried(point=point, outcome=standing, pruned=True)
    if standing is None:
        raise ValueError("a trial must say what it comes to at least once")
    asked.set_constraint("trades", standing.violation)
    return Tried(point=point, outcome=standing, pruned=False)


def _plateau(tried: Sequence[Tried]) -> int | None:
    """The feasible trial with the best mean value over its neighbourhood: a lonely peak is luck."""
    places = [place for place, one in enumerate(tried) if one.feasible]
    if not places:
        return None
    at = scaled([tried[place].point for place in places])
    values = np.array([tried[place].outcome.value for place in places])
    apart = ((at[:, None, :] - at[None, :, :]) ** 2).sum(axis=2)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, :NEIGHBOURS]
    return places[int(values[nearest].mean(axis=1).argmax())]


def _balanced(tried: Sequence[Tried]) -> int | None:
    """Of the feasible trials that none beats in both, the one with the most value for its drawdown."""
    feasible = [(place, one.outcome) for place, one in enumerate(tried) if one.feasible]
    front = [
        (place, found)
        for place, found in feasible
        if not any(
            other.value >= found.value
            and other.drawdown <= found.drawdown
            and (other.value, other.drawdown) != (found.value, found.drawdown)
            for _, other in feasible
        )
    ]
    if not front:
        return None
    return max(front, key=lambda entry: balance(entry[1].value, entry[1].drawdown))[0]
