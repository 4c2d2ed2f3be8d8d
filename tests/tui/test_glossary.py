"""The glossary: every detector the engine told of, and every word of every screen."""

from core.messages import DetectorCatalogue, DetectorInfo
from tests.tui.desk_builder import FirstScreen, app, shown
from tests.tui.test_app import until
from tui.screens.help import GlossaryScreen

CATALOGUE = DetectorCatalogue(
    detectors=(
        DetectorInfo(name="ema_cross", family="TREND", group="CLASSIC", warmup=200, about="Two averages apart."),
        DetectorInfo(name="smc_bos", family="STRUCTURE", group="SMC", warmup=210, about="A swing is broken."),
    )
)


async def test_the_glossary_lists_detectors_by_family_and_all_words() -> None:
    running = app()
    async with running.run_test(size=(120, 40)) as pilot:
        running.desk.bus.publish(CATALOGUE)
        await pilot.press("f2")
        await until(pilot, lambda: "Two averages apart." in "".join(shown(running)))
        page = "\n".join(shown(running))
        for words in (
            "TREND CLASSIC",
            "ema_cross",
            "Speaks after 200 bars.",
            "STRUCTURE SMC",
            "smc_bos",
            "Change since",
        ):
            assert words in page, words
        await pilot.press("f2")
        assert sum(isinstance(screen, GlossaryScreen) for screen in running.screen_stack) == 1
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(running.screen, FirstScreen))


async def test_before_the_engine_speaks_the_glossary_says_so() -> None:
    running = app()
    async with running.run_test(size=(100, 30)) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: "once the engine runs" in "".join(shown(running)))
