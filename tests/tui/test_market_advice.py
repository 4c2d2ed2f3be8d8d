"""What a line says of alerts, recommendations and thresholds, and when that is out of date."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests import builders as make
from tests.tui import advice_builder as told
from tests.tui.desk_builder import store_with
from tui.glyphs import ASCII, UNICODE, Glyphs
from tui.widgets.market_advice import (
    ACTION_WORDS,
    Advice,
    advice,
    calibration_words,
    is_alerted,
    short_age,
    signal_now,
)
from tui.widgets.market_facts import derive
from tui.widgets.market_layout import arrange, paint_cell

NOW, SYMBOL = make.NOW_MS, told.SYMBOL


def cell(key: str, *messages, width: int = 200, glyphs: Glyphs = UNICODE, now_ms: int = NOW) -> tuple[str, str]:
    """Text and style of one cell of a symbol with a view, told these messages."""
    store = store_with(make.universe(SYMBOL), make.confluence(SYMBOL, "BUY", 0.7, 152.34), *messages)
    layout = arrange(width, 8, 9)
    place = [column.key for column in layout.columns].index(key)
    pieces = paint_cell(layout, place, derive(store.rows[SYMBOL], store, now_ms), glyphs)
    return "".join(text for text, _ in pieces), pieces[0][1]


def test_an_alert_stands_for_its_cooldown_whatever_is_told_after_it():
    later = told.screening(
        signal="NONE", alerted_ms=NOW - 200_000, cooldown_until_ms=NOW + 100_000, known_at=NOW, occurred_at=NOW - 60_000
    )
    assert signal_now(later, NOW) == ("ALERT", 200.0)
    assert signal_now(later, NOW + 100_000)[0] == "NONE"


def test_a_judgement_of_minutes_ago_says_nothing_of_now():
    old = told.screening(signal="NORMAL", ago_s=400)
    assert signal_now(old, NOW)[0] == ""
    assert cell("signal", old)[0].strip() == "–"


def test_without_a_cooldown_an_alert_stands_for_its_bar():
    alone = told.screening(signal="ALERT", cooldown_s=0.0, ago_s=30)
    assert is_alerted(alone, NOW)
    assert not is_alerted(alone, NOW + 600_000)


@given(ago_s=st.floats(0, 1e6), cooldown_s=st.floats(1, 1e5), signal=st.sampled_from(["NONE", "NORMAL", "ALERT"]))
def test_only_an_alert_in_its_cooldown_is_shown_as_one(ago_s, cooldown_s, signal):
    at_ms = NOW - int(ago_s * 1000)
    newest = told.screening(signal=signal, alerted_ms=at_ms, cooldown_until_ms=at_ms + int(cooldown_s * 1000))
    stands = newest.cooldown_until_ms > NOW
    assert is_alerted(newest, NOW) == stands
    assert (signal_now(newest, NOW)[0] == "ALERT") == stands


def test_signals_are_told_by_word_mark_and_colour():
    assert cell("signal", told.screening(ago_s=130)) == ("! ALERT 2m", "warn")
    assert cell("signal", told.screening(signal="NORMAL")) == ("· NORMAL  ", "text")
    assert cell("signal", told.screening(signal="NONE")) == ("  none    ", "dim")
    assert cell("signal", told.screening(), width=80) == ("!", "warn")
    assert cell("signal", told.screening(signal="NORMAL"), width=80, glyphs=ASCII)[0] == ":"


def test_an_alert_of_a_stale_market_is_not_loud():
    assert cell("signal", told.screening(), make.channel(SYMBOL, "quote", fresh=False))[1] == "stale"


def test_recommendations_are_short_words():
    for action, word in ACTION_WORDS.items():
        text, _ = cell("recommendation", told.analysis(action=action))
        assert text.strip() == word
        assert len(word) <= 5
    assert len(set(ACTION_WORDS.values())) == len(ACTION_WORDS)


def test_an_expired_recommendation_is_dim_with_its_age_and_so_is_what_hangs_on_it():
    old = told.analysis(ago_s=1600)
    assert cell("recommendation", old) == ("≈BUY  26m", "stale")
    assert cell("confidence", old) == (" .78", "stale")
    assert cell("target", old)[1] == cell("stop", old)[1] == "stale"
    fresh = told.analysis(ago_s=890)
    assert cell("recommendation", fresh) == (" BUY     ", "price_up")
    assert cell("recommendation", fresh, now_ms=NOW + 20_000)[1] == "stale"


def test_figures_of_what_could_not_be_judged_are_missing():
    broken = told.analysis(action="INVALID_DATA")
    assert cell("confidence", broken)[0].strip() == "–"
    assert cell("target", broken)[0].strip() == "–"


def test_figures_are_bright_only_where_there_is_something_to_act_on():
    assert cell("target", told.analysis()) == ("   155.25", "text")
    assert cell("stop", told.waiting()) == ("   151.04", "dim")


def test_the_first_recommendation_under_way_is_said():
    assert cell("recommendation", told.asked())[0].strip() == "asked"
    assert cell("recommendation", told.analysis(), told.asked())[0].strip() == "BUY"


def test_thresholds_say_where_they_come_from_or_what_is_done_about_them():
    def words(*messages) -> str:
        return calibration_words(store_with(*messages).screening.row(SYMBOL), NOW)

    assert words() == ""
    for source in ("class", "adaptive", "calibrated", "operator"):
        assert words(told.thresholds(source=source)) == source
    assert words(told.thresholds(source="calibrated", expires_ms=NOW - 1)) == "expired"
    assert words(told.thresholds(source="calibrated", blended=True)) == "expired"
    known = told.thresholds(source="calibrated")
    assert words(known, told.queue(told.task(SYMBOL, "queued_high", 3))) == "queued 3"
    running = told.queue(told.task(SYMBOL, "in_progress"))
    assert words(known, running) == "running"
    assert words(known, running, told.progress(SYMBOL, 0.43)) == "running 43 %"
    assert words(known, running, told.progress(SYMBOL, 0.43), told.queue(told.task(SYMBOL, "rejected"))) == "calibrated"


@given(st.floats(0, 1e9))
def test_short_ages_fit_three_cells(seconds):
    assert 2 <= len(short_age(seconds)) <= 3


def test_sorting_puts_what_can_be_acted_on_first_and_what_expired_last():
    def rank(action, **more) -> float:
        return advice(store_with(told.analysis(action=action, **more)).screening.rows[SYMBOL], NOW).sort_action

    order = [rank(action) for action in ACTION_WORDS]
    assert rank("BUY") == max(order)
    assert rank("BUY", ago_s=2000) < min(order)
    assert Advice().sort_action != Advice().sort_action
