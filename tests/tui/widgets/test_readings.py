"""The readings table: by family, adding up, calm."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders as make
from tests.snapshots import scenes_confluence as scene
from tests.snapshots.scenes import settings
from tests.tui.desk_builder import desk
from tui.glyphs import ASCII, UNICODE
from tui.widgets.line_panel import width_of
from tui.widgets.readings import FAMILIES, reading_table, reading_words, signed_bar
from tui.widgets.sight import Sight, look


def sight(*messages) -> Sight:
    built = desk(settings=settings())
    built.store.look_at(scene.SYMBOL, "1m")
    for message in (make.universe(scene.SYMBOL), scene.catalogue(), *messages):
        built.store.handlers()[type(message)](message)
    found = look(built, scene.SYMBOL, "1m")
    assert found is not None
    return found


def texts(width=55, height=30, everything=False, messages=None, glyphs=UNICODE):
    told = sight(*(messages if messages is not None else (*scene.readings(), scene.view())))
    table = reading_table(told, glyphs, width, height, everything)
    return ["".join(text for text, _ in entry.line) for entry in table.entries], table


def test_families_in_order_the_strongest_of_each_first_and_named_once():
    _, table = texts()
    families = {name: family for name, family, _, _ in scene.DEFINED}
    speaking = [entry.detector for entry in table.entries if entry.detector][: len(scene.SPEAKING)]
    order = [FAMILIES.index(families[name]) for name in speaking]
    assert order == sorted(order)
    assert speaking[:2] == ["ema_stack", "adx_di"]


def test_group_subtotals_base_and_sum():
    lines, _ = texts()
    by_group = {
        group: math.fsum(p.logit for p in scene.contributions() if p.group == group) for group in ("CLASSIC", "SMC")
    }
    assert any(line.startswith(" [CLASSIC] 6 voices") and f"+ {by_group['CLASSIC']:.2f}" in line for line in lines)
    assert any(line.startswith(" [SMC] 2 voices") and f"+ {by_group['SMC']:.2f}" in line for line in lines)
    assert any(line.startswith(" base rate .50") for line in lines)
    assert any(line.startswith(" sum: P .63") and "+ 0.54" in line and "+ 13.2" in line for line in lines)


def test_silent_ones_are_listed_with_room_named_with_less_and_counted_with_least():
    assert any("cmf" in line and "warming up (180/280 bars)" in line for line in texts(height=40)[0])
    assert any("7 silent, 1 warming up: ema_cross, smc_displacement" in line for line in texts(height=17)[0])
    assert texts(height=13)[0][-1] == " 7 silent, 1 warming up: x lists them"
    assert texts(height=5)[1].foot == 1
    everything = "\n".join(texts(height=13, everything=True)[0])
    assert all(name in everything for name, *_ in scene.DEFINED)


def test_without_readings_the_view_knows_how_many_are_silent():
    lines, _ = texts(messages=[scene.view()])
    assert lines[-1] == " 7 silent, 1 warming up"


@pytest.mark.parametrize("width", [52, 55, 60, 80, 84, 120, 200])
@pytest.mark.parametrize("everything", [True, False])
def test_no_line_is_wider_than_the_table(width, everything):
    for glyphs in (UNICODE, ASCII):
        for line in texts(width, 40, everything, glyphs=glyphs)[1].entries:
            assert width_of(line.line) <= width


def test_a_reason_shows_where_there_is_room():
    assert not any("shooting star" in line for line in texts(55)[0])
    assert any("shooting star at 153.10" in line for line in texts(84)[0])


def test_a_gain_against_the_vote_carries_its_own_colour():
    part = scene.contributions()[0]
    view = scene.view(contributions=(msgspec.structs.replace(part, gain=-0.02),))
    _, table = texts(messages=[view])
    line = next(entry.line for entry in table.entries if entry.detector == part.detector)
    assert [style for text, style in line if "2.0" in text] == ["price_down"]


def test_a_view_without_voices_says_so():
    assert any("no detector has an opinion" in line for line in texts(messages=[scene.view(speaking=())])[0])


@given(st.floats(-2.0, 2.0), st.integers(1, 12))
def test_a_bar_has_its_cells_and_tells_the_sides_apart(logit, cells):
    bar = signed_bar(logit, cells, UNICODE)
    assert len(bar) == cells
    assert ("▇" in bar) == (logit > 0)
    assert ("▂" in bar) == (logit < 0)


def test_words_about_a_detector():
    first, second = reading_words(sight(*scene.readings(), scene.view()), "adx_di", UNICODE, 80)
    assert "".join(text for text, _ in first).split() == ["adx_di", "ADX", "31,", "+DI", "leads", "bar", "12:33"]
    assert second[0][0] == " The leading directional index while ADX14 says there is a trend."
    quiet, _ = reading_words(sight(*scene.readings(), scene.view()), "boll", UNICODE, 80)
    assert "silent on the last closed bar" in "".join(text for text, _ in quiet)
