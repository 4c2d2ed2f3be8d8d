"""Labels change only when thresholds and cooldown allow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.label import wanted
from core.messages import State
from core.settings import ConfluenceSettings
from core.signals.hysteresis import Hysteresis

BAR_MS = 60_000
NO_COOLDOWN = ConfluenceSettings(cooldown_s=0.0)


def states(probabilities: list[float], rules: ConfluenceSettings) -> list[State]:
    memory = Hysteresis()
    found: list[State] = []
    for place, probability in enumerate(probabilities):
        memory.step(probability, (place + 1) * BAR_MS, 100.0, rules)
        found.append(memory.state)
    return found


def test_enter_hold_on_and_exit() -> None:
    assert states([0.59, 0.6, 0.5, 0.46, 0.45, 0.5], NO_COOLDOWN) == ["HOLD", "BUY", "BUY", "BUY", "HOLD", "HOLD"]
    assert states([0.41, 0.4, 0.5, 0.54, 0.55, 0.5], NO_COOLDOWN) == ["HOLD", "SELL", "SELL", "SELL", "HOLD", "HOLD"]


def test_a_strong_opposite_view_flips_directly() -> None:
    assert states([0.7, 0.3, 0.7], NO_COOLDOWN) == ["BUY", "SELL", "BUY"]


def test_no_change_during_the_cooldown() -> None:
    rules = ConfluenceSettings(cooldown_s=300.0)
    assert states([0.7, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3], rules) == ["BUY"] * 5 + ["SELL"] * 2


def test_forced_hold_ignores_the_cooldown_and_starts_one() -> None:
    memory = Hysteresis()
    rules = ConfluenceSettings(cooldown_s=300.0)
    memory.step(0.7, BAR_MS, 10.0, rules)
    assert memory.step(0.7, 2 * BAR_MS, 11.0, rules, forced=True) == "BUY"
    assert (memory.state, memory.since_ms, memory.since_price) == ("HOLD", 2 * BAR_MS, 11.0)
    assert memory.step(0.9, 3 * BAR_MS, 12.0, rules) is None
    assert memory.step(0.9, 7 * BAR_MS, 12.0, rules) == "HOLD"
    assert memory.state == "BUY"


def test_one_single_vote_of_full_strength_reaches_the_threshold_despite_rounding() -> None:
    assert wanted("HOLD", 0.6 - 1e-16, ConfluenceSettings()) == "BUY"
    assert wanted("HOLD", 1 - (0.6 - 1e-16), ConfluenceSettings()) == "SELL"


def test_even_odds_enter_nothing_even_with_low_thresholds() -> None:
    low = ConfluenceSettings(enter=0.3, exit=0.2)
    assert wanted("HOLD", 0.5, low) == "HOLD"
    assert wanted("BUY", 0.5, low) == "BUY"


@settings(max_examples=200, deadline=None)
@given(
    probabilities=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=60),
    forced_at=st.sets(st.integers(0, 59), max_size=5),
    thresholds=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).filter(lambda pair: abs(pair[0] - pair[1]) > 1e-6),
    cooldown_bars=st.integers(0, 10),
)
def test_every_change_is_allowed_and_every_allowed_change_happens(
    probabilities: list[float], forced_at: set[int], thresholds: tuple[float, float], cooldown_bars: int
) -> None:
    rules = ConfluenceSettings(enter=max(thresholds), exit=min(thresholds), cooldown_s=cooldown_bars * 60.0)
    memory = Hysteresis()
    changed_ms: int | None = None
    for place, probability in enumerate(probabilities):
        at_ms, before, forced = (place + 1) * BAR_MS, memory.state, place in forced_at
        assert memory.step(probability, at_ms, 1.0, rules, forced=forced) in (None, before)
        after = memory.state
        cooling = changed_ms is not None and at_ms < changed_ms + cooldown_bars * BAR_MS
        if after != before:
            assert forced or not cooling
            assert not forced or after == "HOLD"
            if not forced:
                side = {"BUY": probability, "SELL": 1 - probability}
                if after == "HOLD":
                    assert side[before] <= rules.exit + 1e-9
                else:
                    assert side[after] >= rules.enter - 1e-9
            changed_ms = at_ms
            assert (memory.since_ms, memory.cooldown_until_ms) == (at_ms, at_ms + cooldown_bars * BAR_MS)
        elif not forced and not cooling:
            assert wanted(before, probability, rules) == before


@pytest.mark.parametrize("state", ["BUY", "SELL", "HOLD"])
def test_what_is_wanted_is_stable(state: State) -> None:
    for step in range(101):
        target = wanted(state, step / 100, ConfluenceSettings())
        assert wanted(target, step / 100, ConfluenceSettings()) == target


def test_a_veto_lets_no_state_begin_but_lets_one_end() -> None:
    memory = Hysteresis()
    found: list[State] = []
    bars = [(0.7, True), (0.7, False), (0.5, True), (0.2, True), (0.2, False)]
    for place, (probability, vetoed) in enumerate(bars):
        memory.step(probability, (place + 1) * BAR_MS, 100.0, NO_COOLDOWN, vetoed=vetoed)
        found.append(memory.state)
    assert found == ["HOLD", "BUY", "BUY", "HOLD", "SELL"]
