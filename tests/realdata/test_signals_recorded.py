"""Signals on recorded candles: nothing said is ever rewritten, and every state is reached."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as parquet
import pytest

from core.settings import Settings
from core.signals.series import SymbolSignals
from core.venue import CandleBlock
from tests.core.signals.markets import CATEGORY, VENUE, bar_of, window_of

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "ohlcv" / "binance_usdm_2025"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded market data is not at {DATA.resolve()}"),
]
SETTINGS = Settings()


def candles(symbol: str, bars: int) -> CandleBlock:
    table = parquet.read_table(DATA / f"{symbol}_5m.parquet")
    columns = [
        table[name].to_numpy()[:bars].astype(float) for name in ("ts_ms", "open", "high", "low", "close", "volume")
    ]
    rest = [columns[5] * columns[4], np.full(len(columns[0]), np.nan), np.full(len(columns[0]), np.nan)]
    block = np.column_stack([*columns, *rest])
    block[:, 7] = -1.0
    return block


@pytest.mark.parametrize("symbol", ["ADAUSDT", "BTCUSDT", "XRPUSDT"])
def test_opening_at_any_bar_says_what_was_said_live_at_that_bar(symbol: str) -> None:
    block = candles(symbol, 1500)
    live = SymbolSignals(VENUE, CATEGORY, symbol, "5m")
    list(live.open(window_of(block[:400]), SETTINGS))
    rewritten = compared = 0
    for place in range(400, 1500):
        live.step(bar_of(block[place], symbol), SETTINGS, "")
        if place % 50 == 49:
            again = SymbolSignals(VENUE, CATEGORY, symbol, "5m")
            list(again.open(window_of(block[: place + 1]), SETTINGS))
            for mine, theirs in (
                (live.newest_readings(), again.newest_readings()),
                (live.confluence(SETTINGS, ""), again.confluence(SETTINGS, "")),
            ):
                compared += 1
                rewritten += msgspec.json.encode(mine) != msgspec.json.encode(theirs)
    assert compared == 44
    assert rewritten == 0


def test_every_state_is_reached_and_the_base_is_not_pinned() -> None:
    states: Counter[str] = Counter()
    strong = bars = 0
    for symbol in ("ADAUSDT", "BTCUSDT", "ETHUSDT"):
        block = candles(symbol, 1500)
        signals = SymbolSignals(VENUE, CATEGORY, symbol, "5m")
        list(signals.open(window_of(block[:300]), SETTINGS))
        for row in block[300:]:
            signals.step(bar_of(row, symbol), SETTINGS, "")
            states[signals.hysteresis.state] += 1
            assert signals.judged is not None
            strong += not 0.4 < signals.judged.pooled.probability < 0.6
            bars += 1
    assert min(states[name] for name in ("BUY", "SELL", "HOLD")) > 0.1 * bars, states
    assert 0.05 < strong / bars < 0.4
