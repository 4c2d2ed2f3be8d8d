"""Pictures of the event log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.messages import Message, State
from tests import builders as make
from tests.snapshots.scenes import app, market, paint, shows

pytestmark = pytest.mark.snapshot

NARROW, NORMAL, WIDE = (80, 24), (120, 40), (200, 50)
LONG = (
    "rest klines LUNAUSDT: the proxy answered with a page of HTML instead of JSON, status 503; kept what was known, "
    * 2
)


def busy(number: int = 400) -> Iterator[Message]:
    """Hours of a lively market: a change of state every half minute, now and then trouble."""
    feed = make.SeededFeed(60)
    for place in range(number):
        at_ms = make.NOW_MS - (number - place) * 31_000
        symbol = feed.rng.choice(feed.symbols)
        if place % 17 == 0:
            yield make.event(
                100 + place,
                "link",
                "market-2 lost: no frame for 30 s, trying again in 2 s",
                severity="warning",
                at_ms=at_ms,
            )
        elif place % 23 == 0:
            yield make.event(100 + place, "fault", LONG.strip(), severity="error", at_ms=at_ms)
        elif place % 11 == 0:
            words = f"{symbol} quote silent for 14 s (limit 10 s)"
            yield make.event(100 + place, "channel", words, symbol=symbol, severity="warning", at_ms=at_ms)
        else:
            states: tuple[State, ...] = ("BUY", "SELL", "HOLD")
            after = states[place % 3]
            reasons = (make.REASONS_DOWN if after == "SELL" else make.REASONS_UP)[: 1 + place % 3]
            told = [f"{reason} (+{3 + place % 4}.{place % 10} pp)" for reason in reasons]
            yield make.state_event(
                100 + place, symbol, states[(place + 2) % 3], after, feed.prices[symbol], *told, at_ms=at_ms
            )


def test_calm(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(market(), "3"))


def test_busy_with_new_ones_below(snap_compare):
    async def prepare(pilot):
        await shows([*market(), *busy()], "3", "pageup", "pageup")(pilot)
        for number in range(12):
            pilot.app.desk.bus.publish(
                make.event(900 + number, "link", f"market-{number} connected again to 127.0.0.1")
            )
        pilot.app.desk.clock.set_ms(make.NOW_MS + 2000)
        await paint(pilot)

    assert snap_compare(app(), terminal_size=NORMAL, run_before=prepare)


def test_filtered(snap_compare):
    keys = ("3", "right", "slash", *"macd", "enter", "up", "up", "s")
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows([*market(), *busy()], *keys))


def test_words_being_typed_narrow(snap_compare):
    keys = ("3", "v", "slash", *"lost 30")
    assert snap_compare(app(), terminal_size=NARROW, run_before=shows([*market(), *busy()], *keys))


def test_a_long_event_narrow(snap_compare):
    long = make.event(950, "fault", LONG.strip(), severity="error")
    assert snap_compare(app(), terminal_size=NARROW, run_before=shows([*market(), *busy(), long], "3"))


def test_nothing_matches(snap_compare):
    keys = ("3", "slash", *"zzz", "enter")
    assert snap_compare(app(), terminal_size=NARROW, run_before=shows(market(), *keys))


def test_wide(snap_compare):
    assert snap_compare(app(), terminal_size=WIDE, run_before=shows([*market(), *busy()], "3", "up", "up"))


def test_monochrome_ascii(snap_compare):
    running = app(theme="mono", glyphs="ascii")
    keys = ("3", "slash", *"macd", "enter", "up", "up")
    assert snap_compare(running, terminal_size=NARROW, run_before=shows([*market(), *busy()], *keys))
