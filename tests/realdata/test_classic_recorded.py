"""The classic detectors on recorded candles: no reading rewritten, none that depends on where the history began."""

from __future__ import annotations

import pytest

from tests.core.signals.classic.causality import prefix_test, start_test
from tests.core.signals.classic.stepping import classic, opened
from tests.realdata.bars import FOLDER, candles

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"recorded market data is not at {FOLDER.resolve()}"),
]
SYMBOLS = ("ADAUSDT", "BTCUSDT", "ETHUSDT", "XRPUSDT")


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_no_reading_is_ever_rewritten(symbol: str) -> None:
    entries = classic()
    found = prefix_test(candles(symbol, "5m")[:3600], 1450, range(1450, 3590, 40), entries)
    assert not found.differing
    assert found.compared == 54 * len(entries)
    assert sum(found.votes.values()) > 0.2 * (3600 - 1450) * len(entries)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_start_is_forgotten_after_warm_up(symbol: str) -> None:
    found = start_test(candles(symbol, "5m")[:3000], range(100, 1600, 370), classic(), bars=80)
    assert not found.differing
    assert found.compared > 5000


def test_every_detector_speaks_on_both_sides_of_some_market() -> None:
    sides: dict[str, set[str]] = {entry.name: set() for entry in classic()}
    for symbol in SYMBOLS:
        for bar in opened(candles(symbol, "5m")[:9000], 1400, classic()):
            for name, verdict in bar.items():
                sides[name].add(verdict.side)
    assert {name: found for name, found in sides.items() if not found >= {"BUY", "SELL"}} == {}
