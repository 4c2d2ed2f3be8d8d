"""The recommendation on the confluence screen: its keys, its panel, its summary, the chart, and what is repainted."""

from __future__ import annotations

import pytest

from core.messages import Analyse
from tests.snapshots import scenes_confluence as scene
from tests.tui import advice_builder as advised
from tests.tui.confluence_builder import SYMBOL, desk, flush, told, typed

TOLD = [*scene.answers(), advised.screening(ago_s=130), advised.analysis()]


async def test_i_opens_the_panel_and_i_or_esc_leaves_it():
    async with desk(answers=TOLD) as (running, pilot, screen):
        page = await typed(running, pilot, "i")
        assert screen.panel == "recommendation"
        assert "BUY 151.70 to 152.34" in page
        assert "SAYS" not in page
        assert "SAYS" in await typed(running, pilot, "i")
        await pilot.press("i", "escape")
        assert screen.panel == "readings"


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40), (200, 50), (80, 50)])
async def test_the_panel_is_read_to_its_end_at_every_size(size):
    async with desk(size=size, answers=TOLD) as (running, pilot, _):
        page = await typed(running, pilot, "i")
        assert "BUY P .78 RR 2.1" in page
        seen = page
        for _ in range(12):
            seen += await typed(running, pilot, "pagedown")
        for words in ("volatility is unusual", "factors", "rests on", "thresholds"):
            assert words in seen
        assert "more lines" not in await typed(running, pilot)
        assert "BUY P .78 RR 2.1" in await typed(running, pilot, *["pageup"] * 12)


async def test_a_asks_for_an_analysis_and_the_panel_says_so():
    async with desk(answers=TOLD) as (running, pilot, _):
        asked = told(running, Analyse)
        await pilot.press("a")
        assert asked == [Analyse(symbol=SYMBOL)]
        running.desk.bus.publish(advised.asked())
        assert "under way" in await typed(running, pilot, "i")


async def test_the_summary_stands_on_the_screen_where_there_is_room():
    async with desk(answers=TOLD) as (running, pilot, _):
        page = await typed(running, pilot)
        assert "advice   BUY P .78 RR 2.1, 2 min old" in page
        assert "SOLUSDT broke 152.02" in page
    async with desk(size=(80, 24), answers=TOLD) as (running, pilot, _):
        page = await typed(running, pilot)
        assert "advice   BUY P .78 RR 2.1, 2 min old" in page
        assert "SOLUSDT broke 152.02" not in page


async def test_the_chart_shows_the_trade_until_it_expires():
    async with desk(answers=TOLD) as (running, pilot, _):
        assert " SL" in await typed(running, pilot)
        await flush(running, pilot, 900.0)
        page = await typed(running, pilot)
        assert " SL" not in page
        assert "≈ BUY expired" in page


async def test_another_symbol_has_another_recommendation():
    async with desk(answers=TOLD) as (running, pilot, screen):
        page = await typed(running, pilot, "n")
        assert screen.symbol != SYMBOL
        assert "none yet" in page
        assert " SL" not in page


async def test_a_judgement_that_says_the_same_repaints_no_line():
    async with desk(answers=TOLD) as (running, pilot, screen):
        await typed(running, pilot, "i")
        await flush(running, pilot, 0.3)
        before = screen.recommendation.repainted
        running.desk.bus.publish(advised.screening(ago_s=130))
        await flush(running, pilot, 0.3)
        assert screen.recommendation.repainted == before
