"""Pictures of recommendations on the confluence screen. Look at the report before accepting a new one."""

from __future__ import annotations

import pytest

from tests.snapshots import scenes_confluence as scene
from tests.snapshots.scenes import app
from tests.snapshots.test_confluence_snapshots import NARROW, NORMAL, WIDE, looks
from tests.tui import advice_builder as told

pytestmark = pytest.mark.snapshot

BUY = (told.screening(ago_s=130), told.analysis())
AVOID = (told.screening(signal="NONE"), told.avoided())
WAIT = (told.screening(signal="NORMAL"), told.waiting())
INVALID = (told.invalid(),)
FAILED = (told.failed(),)
STALE = (told.analysis(ago_s=1600), told.asked())


def shows(messages, *keys: str):
    return looks([*scene.answers(), *messages], *keys)


def test_summary_and_trade_on_the_chart(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(BUY))


def test_summary_and_trade_narrow(snap_compare):
    assert snap_compare(app(), terminal_size=NARROW, run_before=shows(BUY))


def test_summary_and_trade_wide(snap_compare):
    assert snap_compare(app(), terminal_size=WIDE, run_before=shows(BUY))


def test_chart_with_the_trade_alone(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(BUY, "v"))


def test_buy(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(BUY, "i"))


def test_buy_narrow_read_on(snap_compare):
    assert snap_compare(app(), terminal_size=NARROW, run_before=shows(BUY, "i", "pagedown"))


def test_buy_over_the_whole_screen(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(BUY, "x", "i"))


def test_avoid_because_of_fees(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(AVOID, "i"))


def test_avoid_wide(snap_compare):
    assert snap_compare(app(), terminal_size=WIDE, run_before=shows(AVOID, "i"))


def test_wait(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(WAIT, "i"))


def test_wait_ascii_and_monochrome(snap_compare):
    plain = app(theme="mono", glyphs="ascii")
    assert snap_compare(plain, terminal_size=NARROW, run_before=shows(WAIT, "i"))


def test_buy_ascii_and_monochrome(snap_compare):
    plain = app(theme="mono", glyphs="ascii")
    assert snap_compare(plain, terminal_size=NORMAL, run_before=shows(BUY))


def test_invalid_data(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(INVALID, "i"))


def test_system_failure(snap_compare):
    assert snap_compare(app(), terminal_size=NARROW, run_before=shows(FAILED, "i"))


def test_expired_with_another_under_way(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(STALE, "i"))


def test_expired_summary(snap_compare):
    assert snap_compare(app(), terminal_size=NORMAL, run_before=shows(STALE))
