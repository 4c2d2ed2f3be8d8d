"""The smart-money detectors: when they vote, how strongly, for how long, and in which words."""

import pytest

import core.signals.smc.detectors  # noqa: F401
from core.market.indicators import COLUMNS
from core.messages import Side
from core.settings import Detectors
from core.signals.reading import REGISTRY, Scene, Verdict, judge
from core.signals.smc.engine import SmartMoney, rules_of
from core.signals.smc.event import SmcEvent, Swing, SwingSide, Zone

INTERVAL_MS = 300_000
NOW_BAR = 10_000
SETTINGS = Detectors()
NAMES = ("smc_bos", "smc_choch", "smc_displacement", "smc_fvg", "smc_ob", "smc_sweep", "smc_pd")


def at(age: int) -> int:
    """Open time of the bar so many before the newest."""
    return (NOW_BAR - age) * INTERVAL_MS


def known(age: int) -> int:
    return at(age) + INTERVAL_MS


def scene(close: float = 100.0, *, atr: float = 1.0, tick: float = 0.01, length: int = 0, bars: int = 700) -> Scene:
    """A long calm market that closes here; the engine has stepped over it, so its memory is the calm's."""
    rules = rules_of(Detectors(swing_length=length), INTERVAL_MS)
    made = Scene(SETTINGS, SmartMoney(rules, INTERVAL_MS), tick)
    row = [atr] * len(COLUMNS)
    for age in range(bars - 1, -1, -1):
        price = close if age == 0 else 100.0
        bar = (price, price, price, price, 1.0)
        made.push(at(age), bar, False, row, "range")
        made.smc.step(at(age), (100.0, 100.0, 100.0, 100.0, 1.0), atr)
    return made


def vote(name: str, view: Scene) -> Verdict:
    return judge(REGISTRY[name], {}, view)


def zone(kind: str, side: Side, age: int, *, touches: int = 1, depth: float = 0.0, held: bool = True) -> Zone:
    made = Zone(
        "fvg" if kind == "fvg" else "order_block", side, 30355.0, 30310.0, place=0, t_event=at(age + 1),
        t_known=known(age), size=0.8 if kind == "fvg" else 1.5,
    )  # fmt: skip
    made.state = "touched"
    made.touches, made.depth, made.held_ms = touches, depth, known(0) if held else 0
    return made


def test_the_seven_are_registered() -> None:
    assert {name: (REGISTRY[name].family, REGISTRY[name].group, REGISTRY[name].warmup) for name in NAMES} == {
        "smc_bos": ("STRUCTURE", "SMC", 287),
        "smc_choch": ("STRUCTURE", "SMC", 287),
        "smc_displacement": ("STRUCTURE", "SMC", 239),
        "smc_fvg": ("LEVEL", "SMC", 412),
        "smc_ob": ("LEVEL", "SMC", 628),
        "smc_sweep": ("LEVEL", "SMC", 665),
        "smc_pd": ("LEVEL", "SMC", 195),
    }
    assert {REGISTRY[name].lookback for name in NAMES} == {0}, "their memory is the engine's"


@pytest.mark.parametrize(
    ("kind", "side", "size", "push", "age", "score", "reason"),
    [
        ("bos", "BUY", 1.0, 0.5, 0, 1.0, "BOS up through 30,412.00 (swing of 16:25Z)"),
        ("bos", "SELL", 0.2, 0.25, 0, 0.25, "BOS down through 30,412.00 (swing of 16:25Z)"),
        ("bos", "BUY", 1.0, 0.5, 20, 0.5, "BOS up through 30,412.00 (swing of 14:45Z)"),
        ("bos", "BUY", 1.0, 0.5, 86, 0.0508, "BOS up through 30,412.00 (swing of 09:15Z)"),
        ("bos", "BUY", 1.0, 0.5, 87, None, ""),
        ("choch", "SELL", 1.0, 0.5, 0, 0.8, "CHoCH down through 30,412.00 (swing of 16:25Z)"),
        ("choch", "SELL", 1.0, 0.5, 40, 0.2, "CHoCH down through 30,412.00 (swing of 13:05Z)"),
        ("bos", "BUY", float("nan"), 0.5, 0, None, ""),
    ],
)
def test_a_break_speaks_by_how_far_it_closed_beyond_and_fades(
    kind: str, side: str, size: float, push: float, age: int, score: float | None, reason: str
) -> None:
    view = scene(bars=300)
    event = SmcEvent("bos" if kind == "bos" else "choch", side, at(age + 11), known(age), 30412.0, size=size, push=push)
    view.smc.latest[kind] = event
    found = vote(f"smc_{kind}", view)
    if score is None:
        assert found.side == "HOLD"
        return
    assert (found.side, found.reason, found.occurred_at) == (side, reason, event.t_event)
    assert found.score == pytest.approx(score, abs=1e-4)


def test_an_old_swing_is_named_with_its_day_and_a_price_without_tick_with_six_digits() -> None:
    view = scene(tick=0.0, bars=300)
    view.smc.latest["bos"] = SmcEvent("bos", "BUY", at(400), known(3), 1.07312, size=1.0, push=1.0)
    assert vote("smc_bos", view).reason == "BOS up through 1.07312 (swing of 03 Feb 08:00Z)"


def test_a_displacement_speaks_for_ten_bars_or_so() -> None:
    view = scene(bars=300)
    view.smc.latest["displacement"] = SmcEvent("fvg", "BUY", at(1), known(0), 100.0, size=0.5, push=1.9)
    found = vote("smc_displacement", view)
    assert (found.side, found.reason, found.occurred_at) == ("BUY", "displacement up 1.9 ATR, gap left", at(1))
    assert found.score == pytest.approx(1.9 / 3.0)
    view.smc.latest["displacement"] = SmcEvent("fvg", "SELL", at(11), known(10), 100.0, size=0.5, push=9.0)
    assert vote("smc_displacement", view).score == pytest.approx(0.5)


def test_a_gap_speaks_from_when_it_held_until_it_is_touched_again() -> None:
    view = scene(bars=420)
    view.smc.tested.append(zone("fvg", "BUY", 50, depth=0.25))
    found = vote("smc_fvg", view)
    assert (found.side, found.reason, found.occurred_at) == ("BUY", "held bullish gap 30,310.00–30,355.00", at(51))
    assert found.score == pytest.approx(0.8 * 0.75 * 0.5)
    for silent in (zone("fvg", "BUY", 5, held=False), zone("fvg", "BUY", 5, touches=2), zone("fvg", "BUY", 216)):
        view.smc.tested[:] = [silent]
        assert vote("smc_fvg", view).side == "HOLD"


def test_a_block_speaks_at_its_first_retest_only() -> None:
    view = scene(bars=640)
    view.smc.tested.append(zone("order_block", "SELL", 100, held=False))
    found = vote("smc_ob", view)
    assert (found.side, found.reason) == ("SELL", "first retest of bearish block 30,310.00–30,355.00")
    assert found.score == pytest.approx(0.25)
    assert vote("smc_fvg", view).side == "HOLD"
    view.smc.tested[:] = [zone("order_block", "SELL", 1, touches=2)]
    assert vote("smc_ob", view).side == "HOLD"


def test_the_strongest_zone_speaks() -> None:
    view = scene(bars=640)
    view.smc.tested[:] = [zone("order_block", "SELL", 100), zone("order_block", "BUY", 10), zone("fvg", "SELL", 5)]
    assert vote("smc_ob", view).side == "BUY"
    assert vote("smc_fvg", view).side == "SELL"


@pytest.mark.parametrize(
    ("event", "score", "reason"),
    [
        (("BUY", 3, "equal", 0.5), 1.0, "swept equal lows ×3, closed back above"),
        (("SELL", 2, "equal", 0.25), 1.0 / 3.0, "swept equal highs ×2, closed back below"),
        (("SELL", 0, "day", 0.25), 0.5, "swept the previous day's high, closed back below"),
        (("BUY", 0, "week", 0.25), 0.5, "swept the previous week's low, closed back above"),
    ],
)
def test_a_sweep_speaks_against_itself(event: tuple, score: float, reason: str) -> None:
    view = scene(bars=670)
    side, members, source, wick = event
    for age, share in ((0, 1.0), (15, 0.5)):
        view.smc.latest["sweep"] = SmcEvent(
            "sweep", side, at(age), known(age), 100.0, members=members, source=source, size=wick
        )
        found = vote("smc_sweep", view)
        assert (found.side, found.reason, found.occurred_at) == (side, reason, at(age))
        assert found.score == pytest.approx(score * share)


def swings(view: Scene, *turns: tuple[SwingSide, float]) -> None:
    view.smc.swings[:] = [Swing(side, price, 0, 0, 0) for side, price in turns]


@pytest.mark.parametrize(
    ("close", "newest", "side", "score", "reason"),
    [
        (93.1, "low", "BUY", 0.38, "discount: 31 % of range"),
        (93.1, "high", "BUY", 0.58, "discount: 31 % of range"),  # 69 % of the way back down: the optimal entry
        (96.9, "low", "SELL", 0.58, "premium: 69 % of range"),
        (96.9, "high", "SELL", 0.38, "premium: 69 % of range"),
        (91.0, "high", "BUY", 0.8, "discount: 10 % of range"),
        (85.0, "high", "BUY", 1.0, "discount: −50 % of range"),
        (101.0, "high", "SELL", 1.0, "premium: 110 % of range"),
        (95.0, "high", "HOLD", 0.0, ""),
    ],
)
def test_premium_and_discount(close: float, newest: SwingSide, side: str, score: float, reason: str) -> None:
    view = scene(close)
    turns: list[tuple[SwingSide, float]] = [("low", 90.0), ("high", 100.0)]
    swings(view, *(turns if newest == "high" else turns[::-1]))
    found = vote("smc_pd", view)
    assert (found.side, found.reason) == (side, reason)
    assert found.score == pytest.approx(score)


def test_premium_and_discount_need_two_swings_the_right_way_round() -> None:
    view = scene()
    lacking: list[list[tuple[SwingSide, float]]] = [[], [("low", 90.0)], [("low", 101.0), ("high", 100.0)]]
    for turns in lacking:
        swings(view, *turns)
        assert vote("smc_pd", view).side == "HOLD"


def test_long_swings_are_waited_for() -> None:
    view = scene(93.0, length=50, bars=700)
    swings(view, ("low", 90.0), ("high", 100.0))
    view.smc.latest["bos"] = SmcEvent("bos", "BUY", at(5), known(0), 100.0, size=1.0, push=1.0)
    assert vote("smc_pd", view).side == vote("smc_bos", view).side == "HOLD"
    view = scene(93.0, length=20, bars=700)
    swings(view, ("low", 90.0), ("high", 100.0))
    assert vote("smc_pd", view).side == "BUY"
