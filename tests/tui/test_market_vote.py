"""What a line says of a confluence: reasons with their group, leanings that add up, families that agree."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Contribution
from tests import builders as make
from tests.snapshots.argued import argued
from tests.tui.desk_builder import store_with
from tui.glyphs import ASCII, UNICODE
from tui.widgets.argument import argument
from tui.widgets.market_columns import paint_why, reason_pieces
from tui.widgets.market_facts import derive
from tui.widgets.market_order import View, arrange_symbols
from tui.widgets.market_vote import Reason, contrary, families, leanings, reasons, words_of


def part(detector: str, family: str, group: str, logit: float, reason: str) -> Contribution:
    return Contribution(
        detector=detector, family=family, group=group, side="BUY" if logit > 0 else "SELL", score=0.5, logit=logit,
        gain=logit / 4, reason=reason,
    )  # fmt: skip


PARTS = (
    part("smc_bos", "STRUCTURE", "SMC", 0.40, "BOS up over 152.02"),
    part("ema_cross", "TREND", "CLASSIC", 0.30, "EMA9 above EMA21 by 0.6 ATR"),
    part("smc_premium", "LEVEL", "SMC", -0.15, "premium 91 %"),
    part("rsi_div", "MEANREV", "CLASSIC", -0.45, "bearish RSI divergence"),
)


def view(state="BUY", **changes):
    fields = {
        "contributions": PARTS,
        "reasons": ("BOS up over 152.02 (+9.0 pp)", "EMA9 above EMA21 by 0.6 ATR (+7.1 pp)"),
        "contrary": "bearish RSI divergence (−10.2 pp)",
    }
    return make.confluence("SOLUSDT", state, 0.61, 152.34, **(fields | changes))


def line(runs) -> str:
    return "".join(text for text, _ in runs)


def test_reasons_know_their_group_and_gain():
    assert reasons(view()) == (
        Reason("BOS up over 152.02", "+9.0 pp", "SMC"),
        Reason("EMA9 above EMA21 by 0.6 ATR", "+7.1 pp", "CLASSIC"),
    )
    assert contrary(view()) == Reason("bearish RSI divergence", "−10.2 pp", "CLASSIC")
    assert contrary(view(contrary="")) is None


def test_reasons_told_as_one_take_the_group_of_the_first():
    told = view(reasons=("BOS up over 152.02, something else (+9.0 pp)", "of nobody"))
    assert [reason.group for reason in reasons(told)] == ["SMC", ""]


def test_groups_lean_by_the_sum_of_their_contributions():
    assert leanings(view()) == pytest.approx({"SMC": 0.25, "CLASSIC": -0.15})
    assert list(leanings(view())) == ["SMC", "CLASSIC"]


@given(st.lists(st.tuples(st.sampled_from(["SMC", "CLASSIC", "FLOW", "OTHER"]), st.floats(-3, 3)), max_size=25))
def test_leanings_add_up_to_the_score(votes):
    told = view(contributions=tuple(part("d", "F", group, logit, "r") for group, logit in votes))
    assert math.fsum(leanings(told).values()) == pytest.approx(math.fsum(logit for _, logit in votes), abs=1e-9)


@pytest.mark.parametrize(("state", "agree"), [("BUY", 2), ("SELL", 2), ("HOLD", 2)])
def test_families_that_lean_the_way_of_the_state_agree(state, agree):
    assert families(view(state=state)) == (agree, 4)


def test_of_hold_the_score_says_which_way():
    parts = PARTS[:3]
    assert families(view(state="HOLD", contributions=parts, logit=0.55)) == (2, 3)
    assert families(view(state="HOLD", contributions=parts, logit=-0.55)) == (1, 3)
    assert families(view(contributions=())) == (0, 0)


# --- on the line -------------------------------------------------------------------------------------------------------


def why(width: int, **changes) -> str:
    store = store_with(make.universe("SOLUSDT"), view(**changes))
    pieces = paint_why(derive(store.rows["SOLUSDT"], store, make.NOW_MS), UNICODE, width)
    assert len(line(pieces)) == width
    return line(pieces).rstrip()


def test_why_says_as_many_whole_reasons_as_fit_and_marks_smc():
    assert why(22) == "BOS up over 152.02 SMC"
    assert why(40) == "BOS up over 152.02 SMC, EMA9 above EMA21"
    assert why(90) == ("BOS up over 152.02 SMC, EMA9 above EMA21 by 0.6 ATR  against bearish RSI divergence")


def test_why_tells_the_gate_before_a_second_reason():
    gated = {"gate": 0.5, "gate_reason": "too quiet: ATR 0.04 %"}
    assert why(34, **gated) == "BOS up over 152.02 SMC  gate .50"
    assert "gate" not in why(34)


def test_a_tag_gives_way_before_the_reason():
    assert line(reason_pieces(Reason("BOS up over 152.02", "", "SMC"), UNICODE, 20, "text")) == "BOS up over 152.02"
    assert reason_pieces(Reason("displacement", "", "SMC"), UNICODE, 5, "text") == []


@given(st.integers(12, 120), st.integers(0, 29))
def test_why_and_the_argument_keep_their_width_whatever_is_said(width, place):
    market = [*argued(make.SeededFeed(30).opening(busy=True))]
    store = store_with(*market)
    row = store.rows[store.universe[place]]
    facts = derive(row, store, make.NOW_MS)
    for glyphs in (UNICODE, ASCII):
        assert len(line(paint_why(facts, glyphs, width))) == width
    for lines in (2, 3):
        assert len(argument(row, store, make.NOW_MS, UNICODE, 200, lines)) == lines
        assert all(len(line(runs)) <= 200 for runs in argument(row, store, make.NOW_MS, UNICODE, 200, lines))


def told(width: int, lines: int, **changes) -> list[str]:
    store = store_with(make.universe("SOLUSDT"), make.listing("SOLUSDT"), view(**changes))
    return [line(runs) for runs in argument(store.rows["SOLUSDT"], store, make.NOW_MS, UNICODE, width, lines)]


def test_two_lines_lean_then_argue_for_and_against():
    assert told(200, 2)[1] == (
        "SMC ↑ CLASSIC ↓ · for BOS up over 152.02 (+9.0 pp) [SMC], EMA9 above EMA21 by 0.6 ATR (+7.1 pp) [CLASSIC]"
        " · against bearish RSI divergence (−10.2 pp) [CLASSIC]"
    )
    assert told(120, 2)[1] == (
        "SMC ↑ CLASSIC ↓ · for BOS up over 152.02 (+9.0 pp) [SMC] · against bearish RSI divergence (−10.2 pp) [CLASSIC]"
    )


def test_three_lines_say_how_much_the_groups_lean():
    assert told(120, 3)[1:] == [
        "for BOS up over 152.02 (+9.0 pp) [SMC], EMA9 above EMA21 by 0.6 ATR (+7.1 pp) [CLASSIC]",
        "SMC ↑ + 0.25  CLASSIC ↓ − 0.15  2 of 4 families agree · against bearish RSI divergence (−10.2 pp) [CLASSIC]",
    ]


def test_the_first_line_names_a_gate_and_a_cooldown_in_the_operators_time():
    first = told(
        200, 2, gate=0.5, gate_reason="too quiet: ATR 0.04 %", cooldown_until_ms=make.NOW_MS + 60_000,
        missing="needs P ≤ .40 for SELL (−21 pp); no change before 12:35:56Z",
    )[0]  # fmt: skip
    assert (
        "P .61 uncalibrated · gate .50 too quiet: ATR 0.04 % · needs P ≤ .40 for SELL (−21 pp), not before 12:35:56Z"
        in first
    )
    assert first.count("12:35:56Z") == 1


def test_held_silent_and_halted_symbols_are_not_argued():
    assert told(120, 3, hold_reason="order book stale")[1] == "held: order book stale"
    assert told(120, 2, contributions=(), reasons=(), contrary="")[1].startswith("no detector has an opinion")


# --- search ------------------------------------------------------------------------------------------------------------


def found(text: str) -> list[str]:
    store = store_with(
        make.universe("SOLUSDT", "ETHUSDC", "BTCUSDT"),
        make.listing("SOLUSDT"),
        make.listing("BTCUSDT"),
        msgspec.structs.replace(make.listing("ETHUSDC"), base="ETH", quote="USDC"),
        view(),
        make.confluence("BTCUSDT", "SELL", 0.3, 1.0),
    )
    return arrange_symbols(store, View(sort="symbol", reverse=False, text=text), make.NOW_MS)


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("bos", ["SOLUSDT"]),
        ("diverg", ["SOLUSDT"]),
        ("divergence sell", []),
        ("divergence buy", ["SOLUSDT"]),
        ("smc_prem", ["SOLUSDT"]),
        ("premium structure", ["SOLUSDT"]),
        ("ema", ["BTCUSDT", "SOLUSDT"]),
        ("usdt", ["BTCUSDT", "SOLUSDT"]),
        ("sol", ["SOLUSDT"]),
        ("macd sell", ["BTCUSDT"]),
        ("vergence", []),
        ("", ["BTCUSDT", "ETHUSDC", "SOLUSDT"]),
    ],
)
def test_words_find_symbols_states_detectors_and_reasons(text, symbols):
    assert found(text) == symbols


def test_every_word_stands_after_a_blank():
    words = words_of(view(gate_reason="too quiet: ATR 0.04 %"))
    assert all(f" {word}" in words for word in ("smc_bos", "bos", "structure", "smc", "up", "too", "quiet:"))
