"""The recommendation in words: every kind, every status, any width."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.messages import Analysis
from tests import builders as make
from tests.snapshots import scenes_confluence as scene
from tests.snapshots.scenes import settings as demo
from tests.tui import advice_builder as told
from tests.tui.desk_builder import desk
from tui.glyphs import ASCII, UNICODE
from tui.widgets.line_panel import width_of
from tui.widgets.reasons import reason_lines
from tui.widgets.recommendation import recommendation_lines, summary_lines, summary_words
from tui.widgets.sight import Sight, look

KINDS: dict[str, Callable[..., Analysis]] = {
    "buy": told.analysis, "avoid": told.avoided, "wait": told.waiting, "invalid": told.invalid, "failed": told.failed,
}  # fmt: skip


def sight(*messages) -> Sight:
    """The scene's symbol at the moment of the builders' messages."""
    built = desk(settings=demo())
    built.clock.set_ms(make.NOW_MS)  # type: ignore[attr-defined]
    built.store.look_at(scene.SYMBOL, "1m")
    for message in (make.universe(scene.SYMBOL), make.listing(scene.SYMBOL), *messages):
        built.store.handlers()[type(message)](message)
    found = look(built, scene.SYMBOL, "1m")
    assert found is not None
    return found


def page(*messages, width: int = 140) -> list[str]:
    lines = recommendation_lines(sight(scene.view(), *messages), UNICODE, width, "a")
    return ["".join(text for text, _ in line) for line in lines]


def styles(*messages) -> set[str]:
    lines = recommendation_lines(sight(scene.view(), *messages), UNICODE, 100, "a")
    return {style for line in lines for text, style in line if text.strip()}


def holds(lines: list[str], *wanted: str) -> None:
    text = "\n".join(lines)
    for words in wanted:
        assert words in text, words


def test_the_most_liquid_hours_are_shown():
    hours = (0, 7, 8, 9, 13, 23)
    lines = page(told.screening(preferred_hours=hours), told.analysis())
    holds(lines, "hours", "most liquid 0-1, 7-10, 13-14, 23-24 h UTC, now outside")
    now_h = make.NOW_MS // 3_600_000 % 24
    inside = page(told.screening(preferred_hours=(now_h,)), told.analysis())
    holds(inside, f"most liquid {now_h}-{now_h + 1} h UTC")
    assert "now outside" not in "\n".join(inside)
    assert "most liquid" not in "\n".join(page(told.screening(), told.analysis()))


def test_a_buy_in_full():
    lines = page(told.screening(ago_s=130), told.analysis())
    assert lines[0].startswith(" ↑ BUY P .78 RR 2.1")
    assert lines[0].endswith("2 min old")
    holds(
        lines, "12:32 on an alert, holds until 12:47", "! ALERT 2 min ago: volume 4.1σ above normal", *told.NARRATIVE,
        ".78 BUY after penalties, .83 before", "− 0.30 volatility is unusual", "uncalibrated (41 outcomes, from 100)",
        "BUY 151.70 to 152.34", "155.25 +1.9 %", "158.15 +3.8 %", "151.04 −0.9 %", "2.10 after costs, 2.24 before",
        "0.06 R for the way in and out", "P(target first) .52 above break-even .33", "a price below 151.04",
        "5 confirm BUY, composite + 0.41", "orderbook, volume profile", "15m up (.64, 12 bars)", "trend up (.70, 9 bars)",
        "high: ATR 0.84 %, above 91 % of its days", "support 151.62, resistance 155.30, next major 158.00",
        "correlation .72 (.66 to .78, 288 returns), trend up", "breakout with volume: 152.02 broken with volume 4.1σ",
        "600 bars of 15m, 25 readings, 2 warming up, 14 days of history, 3 ms", "calibrated, expire in 11 d",
        "the reference, BTC, is nearly the same bet (.72)",
    )  # fmt: skip


def test_factors_are_bars_with_their_sign_the_heaviest_first():
    lines = page(told.analysis())
    start = next(i for i, line in enumerate(lines) if line.startswith(" factors"))
    rows = lines[start + 1 : start + 8]
    assert [row.split()[0] for row in rows] == ["volume", "vwap", "ema", "macd", "rsi", "velocity", "stochastic"]
    up, down = next(row for row in rows if "volume" in row), next(row for row in rows if "rsi" in row)
    assert "+ 0.82 17 % ▇" in up
    assert "− 0.31 13 % ▂" in down
    assert up.count("▇") > down.count("▂") > 0


def test_fees_that_exceed_the_move_are_said_and_no_odds_pay():
    lines = page(told.avoided())
    holds(
        lines,
        "AVOID P .55 RR −0.8",
        "fees exceed the move",
        "at no odds: break-even is 1.47",
        "a larger ATR or lower costs",
    )


def test_odds_below_break_even_do_not_pay():
    holds(page(replace(told.analysis(), p_trade=0.3)), "pays not   P(target first) .30 not above break-even .33")


def test_waiting_says_what_is_lacking():
    holds(
        page(told.waiting()), "WAIT for confirmation P .61", "P(BUY) ≥ .75 (now .61)", "4 confirming factors (1 more)"
    )


def test_what_could_not_be_judged_shows_no_figures_to_act_on():
    for message in (told.invalid(), told.failed()):
        text = "\n".join(page(message))
        assert "entry" not in text
        assert "after penalties" not in text
    holds(
        page(told.invalid()), "DATA? nothing can be said", "close is nan", "a usable close", "volatility not known yet"
    )
    holds(page(told.failed()), "FAIL? the analysis failed", "ZeroDivisionError", "once the cause is gone")


def test_an_expired_recommendation_is_dim_under_its_age():
    lines = page(told.analysis(ago_s=1600))
    assert lines[0].endswith("26 min old")
    holds(lines, "expired at 12:23", "≈ it no longer speaks of the market")
    assert styles(told.analysis(ago_s=1600)) <= {"stale", "dim", "warn"}
    assert "price_up" in styles(told.analysis())


def test_one_under_way_and_one_skipped_are_said_above_the_last():
    lines = page(told.analysis(), told.asked())
    holds(lines, "asked      under way for 2 s, by you", "BUY 151.70 to 152.34")
    skipped = told.asked(status="skipped", ago_s=30, cause="state", hints=("not done after 5 s",))
    holds(page(told.analysis(), skipped), "skipped    30 s ago, on a change of state: not done after 5 s")
    assert not any("under way" in line for line in page(told.asked(), told.analysis()))


def test_without_one_it_says_how_to_get_one():
    holds(page(), "none yet: it comes with an alert or a change of state; a asks now")
    lines = page(told.screening(signal="NORMAL"))
    holds(lines, "NORMAL: volume 4.1σ above normal")


def test_a_made_up_bar_in_the_data_is_a_warning():
    doubtful = replace(told.analysis().quality_metrics, synthetic_bars=4)  # type: ignore[type-var]
    holds(page(replace(told.analysis(), quality_metrics=doubtful)), "600 bars of 15m, 4 filled in")


@settings(max_examples=40)
@given(kind=st.sampled_from(sorted(KINDS)), width=st.integers(40, 200), ago_s=st.floats(0, 5000), plain=st.booleans())
def test_no_line_is_wider_than_the_panel(kind, width, ago_s, plain):
    glyphs = ASCII if plain else UNICODE
    shown = sight(scene.view(), told.screening(), KINDS[kind](ago_s=ago_s))
    for lines in (recommendation_lines(shown, glyphs, width, "a"), summary_lines(shown, glyphs, width, 3, "i")):
        assert all(width_of(line) <= width for line in lines)


# --- the summary -------------------------------------------------------------------------------------------------------


def summary(*messages, width: int = 55, height: int = 3) -> list[str]:
    lines = summary_lines(sight(scene.view(), *messages), UNICODE, width, height, "i")
    return ["".join(text for text, _ in line) for line in lines]


def test_the_summary_has_its_height_and_cuts_between_words():
    first, second, third = summary(told.analysis())
    assert first.startswith(" advice   BUY P .78 RR 2.1, 2 min old")
    assert first.endswith("i all of it")
    assert second.strip().startswith("SOLUSDT broke 152.02")
    assert third.endswith(" …")
    words = set(told.analysis().narrative.split())
    assert set(third.removesuffix(" …").split()) <= words


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ((), "none yet"),
        ((told.asked(),), "being worked on"),
        ((told.analysis(ago_s=1600),), "≈ BUY expired, 26 min old"),
        ((told.failed(),), "FAIL?, 20 s old"),
        ((told.avoided(),), "AVOID P .55 RR −0.8"),
    ],
)
def test_the_summary_of_every_status(messages, said):
    assert said in summary(*messages)[0]


def test_where_there_is_no_room_the_argument_says_it_in_a_line():
    shown = sight(scene.view(), told.analysis())
    lines = reason_lines(shown, UNICODE, 80, 4, summary_words(shown, UNICODE))
    assert any("BUY P .78 RR 2.1, 2 min old" in text for line in lines for text, _ in line)
    assert summary_words(sight(scene.view()), UNICODE) is None
