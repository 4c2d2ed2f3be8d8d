"""The pool: golden values, exact parts, monotone, and words that follow the numbers."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.settings import ConfluenceSettings
from core.signals.confluence import Explained, Pooled, Voice, explain, missing, points, shrink, sigmoid
from core.signals.confluence import pool as pool_voices

RULES = ConfluenceSettings(family="shrink")
MEAN = ConfluenceSettings(family="mean")
FAMILIES = ["TREND", "MEANREV", "MOMENTUM", "LEVEL"]


def voice(name: str, family: str, evidence: float, known_at: int = 0) -> Voice:
    return Voice(name, family, "CLASSIC", evidence, f"{name} says so", known_at)


def pool(pairs: list[tuple[str, float]], rules: ConfluenceSettings) -> Pooled:
    """Voices that all could speak."""
    return pool_voices([(family, evidence, False) for family, evidence in pairs], rules)


def explained(voices: list[Voice], state: str = "HOLD", rules: ConfluenceSettings = RULES) -> Explained:
    return explain(voices, pool([(v.family, v.evidence) for v in voices], rules), state, rules)  # type: ignore[arg-type]


def test_golden_pool_of_one_family() -> None:
    """Methods sheet 13: p .60 .62 .58 in one family, rho .6."""
    full = ConfluenceSettings(prior_m=1.0, family="shrink")
    assert shrink(3, 0.6) == pytest.approx(0.4545455, rel=1e-6)
    assert pool([("A", 0.20), ("A", 0.24), ("A", 0.16)], full).probability == pytest.approx(0.6349564, rel=1e-6)
    naive = ConfluenceSettings(prior_m=1.0, within_rho=0.0, family="shrink")
    assert pool([("A", 0.20), ("A", 0.24), ("A", 0.16)], naive).probability == pytest.approx(0.7716738, rel=1e-6)


def test_the_uncalibrated_map_gives_one_full_vote_sixty_percent() -> None:
    assert pool([("A", 1.0)], RULES).probability == pytest.approx(0.6, abs=1e-12)
    assert pool([("A", -0.5)], RULES).probability == pytest.approx(0.45, abs=1e-12)


def test_one_voice_is_not_shrunk_and_silence_is_the_base_rate() -> None:
    assert shrink(1, 0.9) == 1.0
    assert pool([("A", 0.0), ("B", 0.0)], ConfluenceSettings(base_rate=0.7)).probability == 0.7
    assert pool([], RULES).probability == 0.5


def test_families_are_shrunk_again_between_each_other() -> None:
    two = pool([("A", 1.0), ("B", 1.0)], RULES)
    assert two.logit == pytest.approx(2 * math.log(0.6 / 0.4) / 1.2)


def test_silent_voices_do_not_dilute() -> None:
    assert pool([("A", 0.5), ("A", 0.0), ("B", 0.0)], RULES).probability == pool([("A", 0.5)], RULES).probability


def test_before_outcomes_a_family_is_the_mean_of_all_that_could_speak() -> None:
    """Methods sheet 3.1: below 300 labelled outcomes, the mean inside a family, log-odds across families."""
    one = math.log(0.6 / 0.4)
    assert pool([("A", 1.0), ("A", 0.0), ("A", 0.0), ("A", 0.0)], MEAN).logit == pytest.approx(one / 4)
    assert pool([("A", 1.0), ("A", 1.0)], MEAN).logit == pytest.approx(one)
    assert pool([("A", 1.0), ("B", 1.0), ("B", 0.0)], MEAN).logit == pytest.approx((one + one / 2) / 1.2)

    assert pool([("A", 1.0), ("B", 0.0)], MEAN).logit == pytest.approx(one / 1.2)


@settings(max_examples=200, deadline=None)
@given(
    evidence=st.lists(st.tuples(st.sampled_from(FAMILIES), st.floats(-1, 1)), min_size=1, max_size=10),
    place=st.integers(0, 9),
    more=st.floats(0.001, 1),
)
def test_before_outcomes_probability_rises_with_every_evidence_silent_ones_too(
    evidence: list[tuple[str, float]], place: int, more: float
) -> None:
    place %= len(evidence)
    family, before = evidence[place]
    louder = [*evidence[:place], (family, min(1.0, before + more)), *evidence[place + 1 :]]
    assert pool(louder, MEAN).probability >= pool(evidence, MEAN).probability - 1e-12


def test_a_detector_that_is_warming_up_counts_nowhere() -> None:
    alone = pool([("A", 0.8)], MEAN)
    pooled = pool_voices([("A", 0.8, False), ("A", 0.0, True), ("B", 0.9, True)], MEAN)
    assert pooled.logit == alone.logit
    assert pooled.shares == (alone.shares[0], 0.0, 0.0)


votes = st.lists(st.tuples(st.sampled_from(FAMILIES), st.floats(-1, 1)), min_size=1, max_size=10)
rule_sets = st.builds(
    ConfluenceSettings,
    prior_m=st.floats(0.01, 1),
    base_rate=st.floats(0.05, 0.95),
    within_rho=st.floats(0, 0.99),
    between_rho=st.floats(0, 0.99),
    family=st.sampled_from(["mean", "shrink"]),
)


@settings(max_examples=200, deadline=None)
@given(voices=votes, rules=rule_sets)
def test_contributions_sum_exactly_and_carry_the_sign_of_their_evidence(
    voices: list[tuple[str, float]], rules: ConfluenceSettings
) -> None:
    pooled = pool(voices, rules)
    assert math.fsum(pooled.shares) == pytest.approx(pooled.logit - pooled.base_logit, abs=1e-12)
    assert 0.0 <= pooled.probability <= 1.0
    assert pooled.probability == pytest.approx(sigmoid(pooled.logit), abs=1e-12)
    for (_, evidence), share in zip(voices, pooled.shares, strict=True):
        assert share * evidence >= 0.0


@settings(max_examples=200, deadline=None)
@given(voices=votes, rules=rule_sets, place=st.integers(0, 9), more=st.floats(0.001, 1))
def test_probability_rises_with_every_evidence_that_already_speaks(
    voices: list[tuple[str, float]], rules: ConfluenceSettings, place: int, more: float
) -> None:
    place %= len(voices)
    family, evidence = voices[place]
    stronger = min(1.0, evidence + more)
    if evidence == 0.0 or stronger == 0.0:
        return
    louder = [*voices[:place], (family, stronger), *voices[place + 1 :]]
    assert pool(louder, rules).probability >= pool(voices, rules).probability - 1e-12


@settings(max_examples=100, deadline=None)
@given(voices=votes, rules=rule_sets, order=st.randoms(use_true_random=False))
def test_order_does_not_matter(voices: list[tuple[str, float]], rules: ConfluenceSettings, order) -> None:
    shuffled = list(voices)
    order.shuffle(shuffled)
    assert pool(shuffled, rules).logit == pytest.approx(pool(voices, rules).logit, abs=1e-12)


def test_gain_is_the_difference_to_the_pool_without_the_voice() -> None:
    voices = [voice("a", "TREND", 1.0), voice("b", "TREND", 0.5), voice("c", "LEVEL", 0.4)]
    part = next(p for p in explained(voices).contributions if p.detector == "b")
    without = pool([("TREND", 1.0), ("LEVEL", 0.4)], RULES).probability
    full = pool([("TREND", 1.0), ("TREND", 0.5), ("LEVEL", 0.4)], RULES).probability
    assert part.gain == pytest.approx(full - without, abs=1e-15)
    assert [p.detector for p in explained(voices).contributions] == ["a", "c", "b"]


def test_a_weak_voice_that_makes_strong_ones_count_less_is_no_reason() -> None:
    voices = [voice("a", "TREND", 0.9), voice("b", "LEVEL", 0.1)]
    words = explained(voices, "BUY")
    assert words.contributions[1].gain < 0.0 < words.contributions[1].logit
    assert [reason[0] for reason in words.reasons] == ["a"]
    assert words.contrary == ""


def test_reasons_are_the_top_three_of_the_label_and_the_strongest_contrary() -> None:
    voices = [
        voice("a", "TREND", 0.9),
        voice("b", "LEVEL", 0.8),
        voice("c", "MOMENTUM", 0.7),
        voice("d", "VOLUME", 0.6),
        voice("e", "MEANREV", -0.4),
        voice("f", "FLOW", -0.5),
        voice("g", "PATTERN", 0.0),
    ]
    words = explained(voices, "BUY")
    assert [reason.split(" ")[0] for reason in words.reasons] == ["a", "b", "c"]
    assert words.contrary.startswith("f says so (−")
    assert words.reasons[0].endswith(" pp)")
    assert "(+" in words.reasons[0]
    against = explained(voices, "SELL")
    assert [reason.split(" ")[0] for reason in against.reasons] == ["f", "e"]
    assert against.contrary.startswith("a ")
    assert len(words.contributions) == 6


def test_ties_go_to_the_newer_then_by_name() -> None:
    voices = [voice("b", "TREND", 0.5, 1), voice("c", "LEVEL", 0.5, 2), voice("a", "MOMENTUM", 0.5, 1)]
    assert [reason[0] for reason in explained(voices).reasons] == ["c", "a", "b"]


def test_reasons_of_a_highly_correlated_family_are_told_as_one() -> None:
    voices = [voice("a", "TREND", 0.9), voice("b", "TREND", 0.8), voice("c", "LEVEL", 0.6)]
    tight = ConfluenceSettings(within_rho=0.9, family="shrink")
    words = explained(voices, "BUY", tight)
    assert words.reasons[0].startswith("a says so, b says so (+")
    full = pool([(v.family, v.evidence) for v in voices], tight).probability
    assert f"({points(full - pool([('LEVEL', 0.6)], tight).probability)} pp)" in words.reasons[0]
    assert len(explained(voices, "BUY").reasons) == 3


@pytest.mark.parametrize(
    ("state", "probability", "text"),
    [
        ("HOLD", 0.53, "needs P ≥ .60 for BUY (+7 pp)"),
        ("HOLD", 0.47, "needs P ≤ .40 for SELL (−7 pp)"),
        ("BUY", 0.63, "needs P ≤ .45 for HOLD (−18 pp), P ≤ .40 for SELL (−23 pp)"),
        ("SELL", 0.31, "needs P ≥ .55 for HOLD (+24 pp), P ≥ .60 for BUY (+29 pp)"),
        ("HOLD", 0.596, "needs P ≥ .60 for BUY (+0.4 pp)"),
    ],
)
def test_what_is_missing_is_said_in_words(state: str, probability: float, text: str) -> None:
    assert missing(state, probability, RULES, 0, 1) == text  # type: ignore[arg-type]


def test_a_cooldown_is_named_with_its_end() -> None:
    text = missing("HOLD", 0.7, RULES, 45_296_000, 45_000_000)
    assert text == "needs P ≥ .60 for BUY (met); no change before 12:34:56Z"
