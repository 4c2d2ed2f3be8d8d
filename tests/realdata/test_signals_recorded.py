"""Labels on recorded perpetuals: neither pinned at HOLD nor restless, and reached by evidence."""

from __future__ import annotations

from collections import Counter

import pytest

from core.scan import higher_frames
from core.signals.hysteresis import Hysteresis
from core.venue import TIMEFRAME_MS
from tests.realdata.bars import FOLDER, SETTINGS, at_once, candles

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"recorded market data is not at {FOLDER.resolve()}"),
]
SERIES = [("BTCUSDT", "5m"), ("XRPUSDT", "5m"), ("BTCUSDT", "1m"), ("SUIUSDT", "1m")]


@pytest.mark.parametrize(("symbol", "timeframe"), SERIES)
def test_states_other_than_hold_hold_a_twentieth_to_two_fifths_of_the_bars(symbol: str, timeframe: str) -> None:
    block, memory = candles(symbol, timeframe), Hysteresis()
    states, beyond, changes = Counter[str](), 0, 0
    for open_ms, judged in at_once(block, timeframe, higher_frames(block, timeframe, SETTINGS)):
        if judged.forced:
            continue
        probability, known_at = judged.pooled.probability, open_ms + TIMEFRAME_MS[timeframe]
        changes += memory.step(probability, known_at, 1.0, SETTINGS.confluence) is not None
        beyond += not 1.0 - SETTINGS.confluence.enter < probability < SETTINGS.confluence.enter
        states[memory.state] += 1
    bars = sum(states.values())
    share = 1.0 - states["HOLD"] / bars
    print(
        f"\n{symbol} {timeframe}: {share:.1%} of {bars} bars not HOLD, {beyond / bars:.1%} beyond enter, {changes} changes"
    )
    assert bars > 0.95 * len(block)
    assert 0.05 <= share <= 0.40, states
    assert min(states["BUY"], states["SELL"]) > 0.02 * bars, states
    assert changes > 20
