"""Pictures of the watchlist. Look at the report before accepting a new one: `pytest tests/snapshots --snapshot-update`."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from core.bus import Bus
from core.clock import SimClock
from tests import builders as make
from tests.snapshots import document, scenes
from tests.snapshots.argued import argued
from tests.snapshots.scenes import shows
from tests.tui import advice_builder as advised
from tui.app import TradeApp

pytestmark = pytest.mark.snapshot

NARROW, NORMAL, WIDE = (80, 24), (120, 40), (200, 50)
DOWN = ("down", "down", "down", "down")
GROUPS = {"majors": "BTC, ETH, SOL, BNB, XRP", "memes": "DOGE, SHIB, PEPE, FLOKI, BONK, WIF"}
CHOSEN = (
    "price", "change_24h", "state", "probability", "smc", "classic", "families", "gate", "why", "against", "age",
)  # fmt: skip


def app(**screen: Any) -> TradeApp:
    """The program with groups of the operator's own and these `[screen]` settings."""
    settings = scenes.settings()
    settings = msgspec.structs.replace(
        settings, screen=msgspec.structs.replace(settings.screen, **screen), groups=GROUPS
    )
    clock = SimClock(make.NOW_MS)
    running = TradeApp(Bus(clock), clock, settings)
    running.animation_level = "none"
    return running


def market(busy: bool = True):
    return [*argued(scenes.market(busy))]


def advised_market():
    """Three alerts, recommendations of every kind, one of them expired, thresholds on their way."""
    return [*market(), *advised.market()]


def frozen_feed():
    """Two symbols whose quotes stopped, one that no longer trades."""
    return [
        *market(),
        make.quote("SOLUSDT", 152.33, 152.35, make.NOW_MS - 14_000),
        make.channel("SOLUSDT", "quote", fresh=False, age_s=14.0),
        make.channel("DOGEUSDT", "kline", fresh=False, age_s=75.0),
        make.listing("LUNAUSDT", "0.0001", trading=False, status="HALT"),
    ]


def unplugged():
    """The exchange is gone and the engine has given up."""
    return [
        *market(),
        make.link("market-1", "down", reason="connection refused", attempt=4, retry_in_s=3.0),
        make.link("market-2", "down", reason="connection refused", attempt=4, retry_in_s=3.0),
        make.engine_status("failed", "engine failed: no space left on the data folder"),
    ]


def loading():
    """The first seconds: symbols are known, history is on its way."""
    symbols = make.SeededFeed(60).symbols
    yield make.engine_status("loading", "loading history, 12 of 60 markets ready")
    yield make.link()
    yield make.universe(*symbols)
    for place, (symbol, (_, price, tick)) in enumerate(zip(symbols, make.MARKETS, strict=True)):
        yield make.listing(symbol, tick)
        yield make.quote(symbol, price - float(tick), price + float(tick))
        for number, timeframe in enumerate(("1m", "5m", "15m", "1h", "1d")):
            yield make.history(symbol, timeframe, ready=number < 5 - place // 4)


def test_calm(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(market(busy=False), *DOWN))


def test_busy_sorted_by_probability(snap_compare):
    assert snap_compare(app(sort="probability"), terminal_size=NORMAL, run_before=shows(market(), *DOWN))


def test_loading(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(loading()))


def test_stale_feed(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(frozen_feed(), "down", "down"))


def test_error(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(unplugged(), "down"))


def test_narrow(snap_compare):
    assert snap_compare(app(), terminal_size=NARROW, run_before=shows(market(), *DOWN))


def test_narrow_while_finding(snap_compare):
    assert snap_compare(app(), terminal_size=NARROW, run_before=shows(market(), "/", *"bos", "space", *"buy"))


def test_wide(snap_compare):
    assert snap_compare(app(), terminal_size=WIDE, run_before=shows(frozen_feed(), *DOWN))


def test_wide_with_chosen_columns(snap_compare):
    chosen = app(columns=CHOSEN, sort="smc", private=True)
    assert snap_compare(chosen, terminal_size=WIDE, run_before=shows(frozen_feed(), *DOWN))


def test_alerts_and_recommendations(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(advised_market()))


def test_alerts_narrow(snap_compare):
    assert snap_compare(app(), terminal_size=NARROW, run_before=shows(advised_market()))


def test_alerts_and_recommendations_wide(snap_compare):
    assert snap_compare(app(), terminal_size=WIDE, run_before=shows(advised_market(), *DOWN))


def test_alerts_ascii_and_monochrome(snap_compare):
    plain = app(theme="mono", glyphs="ascii")
    assert snap_compare(plain, terminal_size=NORMAL, run_before=shows([*advised_market(), *frozen_feed()[-3:]]))


def test_monochrome(snap_compare):
    assert snap_compare(app(theme="mono"), terminal_size=NARROW, run_before=shows(frozen_feed(), *DOWN))


def test_ascii_with_chosen_columns(snap_compare):
    chosen = app(glyphs="ascii", columns=CHOSEN)
    assert snap_compare(chosen, terminal_size=NORMAL, run_before=shows(frozen_feed(), *DOWN))


def test_choosing_columns(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(market(), "C", "j", "j", "space", "j"))


def test_choosing_more_than_fits_narrow_and_monochrome(snap_compare):
    chosen = app(theme="mono", columns=(*CHOSEN, "bid", "ask", "volume"))
    assert snap_compare(chosen, terminal_size=NARROW, run_before=shows(market(), "C", *["j"] * 12))


def test_the_readme_picture_is_what_the_program_shows():
    asyncio.run(document.held("watchlist", app(), NORMAL, shows(market(), *DOWN)))
