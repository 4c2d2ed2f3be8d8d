"""The structure engine over a whole recorded file, against the ten calls of smartmoneyconcepts 0.0.27 in the same run."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from core.market.indicators import load_talib
from core.signals.smc.engine import SmartMoney, SmcRules
from tests.bench.timing import Figure, compare

FILE = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "smc" / "EURUSD_15m_2022" / "EURUSD_15M.csv.gz"
INTERVAL_MS = 900_000
LENGTH = 5


def whole_file() -> list[Figure]:
    """24,424 bars stepped one by one in each mode; the reference computes its columns at once."""
    os.environ["SMC_CREDIT"] = "0"
    import pandas
    from smartmoneyconcepts import smc  # type: ignore[import-untyped]

    frame = pandas.read_csv(FILE).rename(columns=str.lower)
    frame.index = pandas.to_datetime(frame["date"], format="%Y.%m.%d %H:%M:%S")
    frame = frame[["open", "high", "low", "close", "volume"]].astype(float)
    atr = load_talib().ATR(*(frame[name].to_numpy() for name in ("high", "low", "close")), 14).tolist()
    bars = frame.to_numpy().tolist()

    def reference() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            swings = smc.swing_highs_lows(frame, swing_length=LENGTH)
            smc.fvg(frame)
            smc.fvg(frame, join_consecutive=True)
            for function in (smc.bos_choch, smc.ob, smc.liquidity, smc.retracements):
                function(frame, swings)
            for period in ("4h", "1D"):
                smc.previous_high_low(frame, time_frame=period)
            smc.sessions(frame, session="London")

    def stepped(rules: SmcRules) -> None:
        engine = SmartMoney(rules, INTERVAL_MS)
        for place, bar in enumerate(bars):
            engine.step(place * INTERVAL_MS, bar, atr[place])

    figures = []
    for rules in (SmcRules("trend", LENGTH, 0.1, 0.15, 1.5), SmcRules("smc", LENGTH, 0.1, 0.15, 1.5)):
        ours, theirs = compare(lambda rules=rules: stepped(rules), reference, 3)  # type: ignore[misc]
        figures.append(
            Figure(
                name=f"structure, mode {rules.mode}, whole file: reference / ours", value=theirs / ours, unit="x",
                target=10.0, better="more", must=True,
                detail=f"{ours * 1e3:.0f} ms against {theirs * 1e3:.0f} ms; {ours / len(bars) * 1e6:.1f} us a bar",
            )
        )  # fmt: skip
    return figures
