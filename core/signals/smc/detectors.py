"""The smart-money detectors: what the structure engine found, turned into votes (methods sheet 2.3).

All memory is the engine's, so none of them needs to have looked at earlier bars. An event's score halves with time and is
dropped below `LEAST`. Simple sweep entries were no edge by themselves where tested: these are inputs to the pool.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from core.messages import Side
from core.signals.reading import Memory, Scene, Vote, clip, detector
from core.signals.smc.event import SmcEvent, Zone

LEAST = 0.05
DAY_MS = 86_400_000
CHOCH_FACTOR = 0.8
OPTIMAL_ENTRY = (0.62, 0.79)
OPTIMAL_ENTRY_BONUS = 0.2

ATR_WARMUP = 195
BREAK_FADES, MOVE_FADES, SWEEP_FADES, GAP_FADES, BLOCK_FADES = 87, 44, 65, 217, 433
"""Bars after which a full score has halved itself below `LEAST`."""
SETTLES = 200
"""Bars after which the engine's swings, breaks and trend were the same wherever the history began, in every series tried."""
SETTLE_LENGTHS = 24
"""The same in swing lengths, for those longer than the usual ones: silent until then."""
POOLS_SETTLE = 600
"""Twice the bars a pool lives: an older anchor may have held the swings of a newer one."""


@detector("smc_bos", family="STRUCTURE", group="SMC", warmup=SETTLES + BREAK_FADES, needs=("atr14",), lookback=0)
def smc_bos(_memory: Memory, scene: Scene) -> Vote | None:
    """Break of structure: a close beyond the last swing in the direction of the trend. Trends tend to go on after it."""
    return _break(scene, scene.smc.latest.get("bos"), "BOS", 1.0)


@detector("smc_choch", family="STRUCTURE", group="SMC", warmup=SETTLES + BREAK_FADES, needs=("atr14",), lookback=0)
def smc_choch(_memory: Memory, scene: Scene) -> Vote | None:
    """Change of character: a close beyond the last swing against the trend, the first sign that it may be turning."""
    return _break(scene, scene.smc.latest.get("choch"), "CHoCH", CHOCH_FACTOR)


def _break(scene: Scene, event: SmcEvent | None, word: str, factor: float) -> Vote | None:
    if event is None or not _settled(scene, BREAK_FADES):
        return None
    score = factor * clip(event.push / 0.5) * clip(event.size + 0.3) * _fade(scene, event.t_known, 20.0)
    if not score >= LEAST:
        return None
    way = "up" if event.side == "BUY" else "down"
    level, moment = _price(event.level, scene.tick_size), _moment(event.t_event, scene.times[-1])
    return Vote(_side(event), score, f"{word} {way} through {level} (swing of {moment})", event.t_event)


@detector(
    "smc_displacement",
    family="STRUCTURE",
    group="SMC",
    warmup=ATR_WARMUP + MOVE_FADES,
    needs=("atr14",),
    lookback=0,
)
def smc_displacement(_memory: Memory, scene: Scene) -> Vote | None:
    """Three bars that moved so far so fast that they left a gap behind: somebody was in a hurry."""
    event = scene.smc.latest.get("displacement")
    if event is None:
        return None
    score = clip(event.push / 3.0) * _fade(scene, event.t_known, 10.0)
    if not score >= LEAST:
        return None
    way = "up" if event.side == "BUY" else "down"
    return Vote(_side(event), score, f"displacement {way} {event.push:.1f} ATR, gap left", event.t_event)


@detector("smc_fvg", family="LEVEL", group="SMC", warmup=ATR_WARMUP + GAP_FADES, needs=("atr14",), lookback=0)
def smc_fvg(_memory: Memory, scene: Scene) -> Vote | None:
    """Price came back into a fair value gap for the first time and closed out of it again on its side: the gap held."""
    best: Zone | None = None
    most = LEAST
    for zone in scene.smc.tested:
        if zone.kind != "fvg" or not zone.held_ms or zone.touches > 1:
            continue
        score = clip(zone.size) * (1.0 - zone.depth) * _fade(scene, zone.t_known, 50.0)
        if score >= most:
            best, most = zone, score
    if best is None:
        return None
    return Vote(best.side, most, f"held {_bull(best)} gap {_span(best, scene.tick_size)}", best.t_event)


@detector("smc_ob", family="LEVEL", group="SMC", warmup=ATR_WARMUP + BLOCK_FADES, needs=("atr14",), lookback=0)
def smc_ob(_memory: Memory, scene: Scene) -> Vote | None:
    """Price came back for the first time to an order block, the last bar against a strong move. Later returns do not count."""
    best: Zone | None = None
    most = LEAST
    for zone in scene.smc.tested:
        if zone.kind == "order_block" and zone.touches == 1:
            score = clip(zone.size / 3.0) * _fade(scene, zone.t_known, 100.0)
            if score >= most:
                best, most = zone, score
    if best is None or not _settled(scene, BLOCK_FADES):
        return None
    words = f"first retest of {_bull(best)} block {_span(best, scene.tick_size)}"
    return Vote(best.side, most, words, best.t_event)


@detector("smc_sweep", family="LEVEL", group="SMC", warmup=POOLS_SETTLE + SWEEP_FADES, needs=("atr14",), lookback=0)
def smc_sweep(_memory: Memory, scene: Scene) -> Vote | None:
    """Price went beyond equal highs or lows (or the previous day's or week's), where stop orders rest, and closed back."""
    event = scene.smc.latest.get("sweep")
    if event is None or not _settled(scene, SWEEP_FADES):
        return None
    weight = min(1.0, event.members / 3.0) if event.members else 1.0
    score = clip(event.size / 0.5) * weight * _fade(scene, event.t_known, 15.0)
    if not score >= LEAST:
        return None
    lows = event.side == "BUY"
    if event.members:
        swept = f"equal {'lows' if lows else 'highs'} ×{event.members}"
    else:
        swept = f"the previous {event.source}'s {'low' if lows else 'high'}"
    return Vote(_side(event), score, f"swept {swept}, closed back {'above' if lows else 'below'}", event.t_event)


@detector("smc_pd", family="LEVEL", group="SMC", warmup=ATR_WARMUP, needs=("atr14",), lookback=0)
def smc_pd(_memory: Memory, scene: Scene) -> Vote | None:
    """Where price stands between the last swing low and high: the lower half is cheap (discount), the upper dear."""
    swings = scene.smc.swings
    if len(swings) < 2 or not _settled(scene):
        return None
    newest, before = swings[-1], swings[-2]
    low, high = (before.price, newest.price) if newest.side == "high" else (newest.price, before.price)
    if not high > low:
        return None
    place = (scene.close - low) / (high - low)
    if place == 0.5:
        return None
    cheap = place < 0.5
    score = clip(abs(place - 0.5) / 0.5)
    # The share of the newest leg that price has come back; only with the leg, never against it.
    back = 1.0 - place if newest.side == "high" else place
    if cheap == (newest.side == "high") and OPTIMAL_ENTRY[0] <= back <= OPTIMAL_ENTRY[1]:
        score = min(1.0, score + OPTIMAL_ENTRY_BONUS)
    word = "discount" if cheap else "premium"
    return Vote("BUY" if cheap else "SELL", score, f"{word}: {place * 100.0:.0f} % of range".replace("-", "−"))


def _settled(scene: Scene, fades: int = 0) -> bool:
    """Whether the start of the history no longer shows in the swings, nor in what they made `fades` bars ago."""
    return scene.smc.bars >= SETTLE_LENGTHS * scene.smc.rules.swing_length + fades


def _side(event: SmcEvent) -> Side:
    return "BUY" if event.side == "BUY" else "SELL"


def _fade(scene: Scene, known_ms: int, half_life: float) -> float:
    """What is left of a score after the bars since `known_ms`."""
    interval_ms = scene.smc.interval_ms
    return math.exp2(-(scene.times[-1] + interval_ms - known_ms) / (interval_ms * half_life))


def _bull(zone: Zone) -> str:
    return "bullish" if zone.side == "BUY" else "bearish"


def _span(zone: Zone, tick_size: float) -> str:
    return f"{_price(zone.bottom, tick_size)}–{_price(zone.top, tick_size)}"


def _price(price: float, tick_size: float) -> str:
    """A price to the tick, or to six digits where the tick is not known; thousands apart."""
    if tick_size > 0.0:
        decimals = max(0, math.ceil(-math.log10(tick_size) - 1e-9))
    else:
        decimals = max(0, 5 - math.floor(math.log10(price))) if price > 0.0 else 2
    return f"{price:,.{decimals}f}"


def _moment(at_ms: int, now_ms: int) -> str:
    """Time of day (UTC, so marked: reasons are facts and know no time zone), with the date when it is a day ago or more."""
    moment = datetime.fromtimestamp(at_ms / 1000.0, UTC)
    return f"{moment:%H:%M}Z" if now_ms - at_ms < DAY_MS else f"{moment:%d %b %H:%M}Z"
