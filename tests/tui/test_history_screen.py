"""The history screen: what closed trades come to, where the cursor stays, and what private mode hides."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.messages import AccountOpened
from tests import trading_builders as trade
from tests.builders import CATEGORY, NOW_MS, VENUE
from tests.snapshots import scenes_history as scene
from tests.snapshots.scenes import market
from tests.tui.calibration_builder import page, typed
from tests.tui.desk_builder import desk as bare_desk
from tests.tui.desk_builder import shown
from tests.tui.mode_builder import mode_desk, publish
from tui.app import TradeApp
from tui.format import LOOKS
from tui.glyphs import ASCII, UNICODE
from tui.screens.history import HistoryScreen
from tui.screens.watchlist import WatchlistScreen
from tui.widgets.history_curve import curve_lines, path_of
from tui.widgets.history_detail import detail_lines
from tui.widgets.history_table import COLUMNS, HistoryTable
from tui.widgets.history_words import duration, slippage_words
from tui.widgets.line_panel import width_of

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=["narrow", "normal", "wide"])
TRADES = scene.closed_trades()
desk = partial(mode_desk, HistoryScreen, "8")
"""The app with the history screen, once everything is told."""


def line_of(running: TradeApp, words: str) -> str:
    return next(line for line in shown(running)[3:] if words in line)


# --- what is shown -----------------------------------------------------------------------------------------------------


@SIZES
async def test_record_curve_and_trades_newest_first(size):
    async with desk(scene.full(), size) as (running, _, screen):
        told = page(running)
        for words in ("PAPER 41 trades since 11-01", "won 54 % (22)", "expectancy + 0.42 R", "net + 425.07 USDT"):
            assert words in told
        assert "deepest fall 173.85, 7.01 R" in told
        assert "profit factor 2.09" in told
        assert "+ 439.95┤" in told
        assert "░" in told
        rows = [line[1:] for line in shown(running) if line[1:6] in ("11-21", "11-20", "11-19")]
        assert [row[13:21].strip() for row in rows] == ["ETHUSDT", "LINKUSDT", "ADAUSDT", "ADAUSDT", "ETHUSDT"]
        assert rows[0].startswith("11-21 05:01  ETHUSDT   long")
        assert "− 0.60   − 14.88" in rows[0]
        assert screen.trade_id == TRADES[-1].trade_id
        assert "▸11-21" in told
        assert ("planned 2,682.56: 0.54 worse" in told) == (size[0] > 80)


async def test_the_curve_is_drawn_in_r_or_in_money_and_says_when_older_trades_are_left_out():
    async with desk(scene.full()) as (running, pilot, _):
        assert "+ 439.95┤" in page(running)
        told = await typed(running, pilot, "r")
        assert "+ 17.7 R┤" in told
        assert "439.95" not in told
        await typed(running, pilot, "r")
        before = trade.record(trades=541, result=Decimal("1425.07"))
        told = await publish(running, pilot, trade.history(*TRADES, summary=before))
        assert "newest 41: 11-01" in told
        assert "+ 1,440┤" in told  # the height of all trades: those before stand below the first


async def test_before_anything_has_ended_it_says_what_comes_here():
    async with desk(market()) as (running, pilot, screen):
        assert "no closed trade" not in page(running)
        told = await publish(running, pilot, trade.history())
        assert "PAPER no closed trade" in told
        assert "No trade of this account has ended yet." in told
        for key in ("enter", "s", "r", "j", "G"):
            await typed(running, pilot, key)
        assert running.screen is screen
        assert "No trade of this account has ended yet." in page(running)
        assert " nan" not in page(running).lower()
        assert "41 trades" in await publish(running, pilot, trade.history(*TRADES))
        other = AccountOpened(
            venue=VENUE, category=CATEGORY, mode="LIVE", account="binance_us-1", host="h", host_kind="LIVE DATA", at_ms=NOW_MS
        )  # fmt: skip
        assert "41 trades" not in await publish(running, pilot, other)
        live = trade.history(TRADES[0], mode="LIVE")
        assert "LIVE 1 trade since" in await publish(running, pilot, live)


async def test_private_mode_hides_money_everywhere_and_r_nowhere():
    async with desk(scene.full(), (200, 50)) as (running, pilot, screen):
        LOOKS.private = True
        for told in (
            await publish(running, pilot),
            await typed(running, pilot, "r"),
            await typed(running, pilot, "enter"),
        ):
            for money in ("425.07", "439.95", "173.85", "62.32", "14.88", "24.80", "0.745", "1.52", "0.53"):
                assert money not in told, money
            assert "− 0.60 R" in told
        await typed(running, pilot, "escape")
        assert running.screen is screen
        for words in ("expectancy + 0.42 R", "7.01 R", "+ 17.7 R┤", "2,683.10"):
            assert words in page(running)


async def test_ascii_says_the_same():
    async with desk(scene.full(), glyphs="ascii") as (running, pilot, _):
        told = page(running) + await typed(running, pilot, "enter")
        assert told.isascii()
        assert "net + 425.07 USDT" in told
        assert "***" in told
        assert "?" not in told.replace("? help", "")


# --- cursor, filter, details -------------------------------------------------------------------------------------------


async def test_the_cursor_stays_on_its_trade_when_others_end():
    async with desk(scene.full(), (80, 24)) as (running, pilot, screen):
        more = trade.closed("BTCUSDT", trade_id="new-1", closed_ms=NOW_MS)
        await publish(running, pilot, trade.history(*TRADES, more))
        assert screen.trade_id == "new-1"  # untouched: on the newest
        await typed(running, pilot, "j", "j")
        chosen = screen.trade_id
        assert chosen == TRADES[-2].trade_id
        again = [replace(one) for one in (*TRADES, more)]
        last = trade.closed("XRPUSDT", trade_id="new-2", closed_ms=NOW_MS + 1)
        await publish(running, pilot, trade.history(*again, last))
        assert screen.trade_id == chosen
        assert "LINKUSDT" in line_of(running, "▸")
        await typed(running, pilot, "G")
        assert screen.trade_id == TRADES[0].trade_id
        assert "▸11-01" in page(running)
        await typed(running, pilot, "g")
        assert screen.trade_id == "new-2"
        await publish(running, pilot, trade.history(TRADES[0]))  # begun anew: what was chosen has gone
        assert screen.trade_id == TRADES[0].trade_id


async def test_a_filter_narrows_the_list_and_says_what_is_left_of_it():
    async with desk(scene.full()) as (running, pilot, screen):
        told = await typed(running, pilot, "/", *"sol lost", "enter")
        assert {(one.symbol, one.result < 0) for one in screen.trades} == {("SOLUSDT", True)}
        mine = [one for one in TRADES if one.symbol == "SOLUSDT" and one.result < 0]
        total = f"{abs(sum(one.result for one in mine)):.2f}"
        assert f"{len(mine)} of 41 match 'sol lost': − {total}, − " in told
        assert "41 trades" in told
        told = await typed(running, pilot, "/", *"xyz")
        assert "no trade matches 'sol lostxyz'; Esc clears the filter" in told
        assert "1.52 in 3 fills" not in told
        told = await typed(running, pilot, "escape")
        assert f"{len(mine)} of 41" in told
        await typed(running, pilot, "escape")
        assert len(screen.trades) == 41
        assert screen.text == ""


async def test_a_trade_in_full_says_what_was_meant_and_what_came_of_it():
    async with desk(scene.full(), (80, 24)) as (running, pilot, screen):
        told = await typed(running, pilot, "enter")
        for words in (
            "ETHUSDT long 0.745, held for 2 h 27 min", "− 14.88 USDT, − 0.60 R of 24.80 risked", "planned 2,682.56: 0.54 worse",
            "at the market, its time was up", "0.53 worse than planned", "2,715.30 (60 %), 2,736.76 (40 %)",
            "by you, P .63 at entry", "bos ↑ +5.0 pp", "ema_stack +4.1 pp",
        ):  # fmt: skip
            assert words in told
        await typed(running, pilot, "escape")
        assert running.screen is screen
        rest = trade.closed(trade_id="rest", dust=Decimal("0.00970000"), closed_ms=NOW_MS - 1)
        await publish(running, pilot, trade.history(*TRADES, rest))
        told = await typed(running, pilot, "g", "enter")
        assert "0.0097 was too little to sell: it counts as 1.48" in told
        await typed(running, pilot, "escape")
        bare = trade.closed(
            "BTCUSDT", trade_id="bare", risked=Decimal(0), r_multiple=0.0, why="OUTSIDE", by="no plan", reasons=()
        )
        await publish(running, pilot, trade.history(*TRADES, replace(bare, closed_ms=NOW_MS)))
        assert "–" in line_of(running, "BTCUSDT")
        told = await typed(running, pilot, "enter")
        assert "(no stop was planned)" in told
        assert "outside this program" in told
        assert "an order filled that had none" in told


async def test_a_trades_symbol_is_shown_in_the_watchlist():
    async with desk(scene.full()) as (running, pilot, _):
        await typed(running, pilot, "j", "s")
        assert isinstance(running.screen, WatchlistScreen)
        assert running.desk.listed()[1] == "LINKUSDT"


# --- pure parts --------------------------------------------------------------------------------------------------------


def plain(value: float) -> str:
    return f"{value:.1f}"


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=600), st.integers(0, 210), st.integers(0, 30), st.booleans())
def test_a_curve_fills_its_panel_exactly_or_is_not_drawn(steps, width, height, wide):
    glyphs = UNICODE if wide else ASCII
    trades = [trade.closed(result=Decimal(repr(step))) for step in steps]
    lines = curve_lines(path_of(trades, in_r=False), ("11-01 05:51", "11-21 05:01"), plain, glyphs, width, height)
    assert len(lines) in (0, height)
    assert all(width_of(line) <= width for line in lines)
    if lines and not wide:
        assert all(text.isascii() for line in lines for text, _ in line)


def test_a_curve_is_shaded_where_it_is_below_its_height_and_only_there():
    def drawn(*path: float) -> list[str]:
        lines = curve_lines(path, ("a", "b"), plain, ASCII, 44, 12)
        return ["".join(text for text, _ in line).strip() for line in lines]

    rising = drawn(*(float(step) for step in range(20)))
    assert not any(":" in line for line in rising)
    assert rising[0].startswith("19.0+")
    assert rising[0].endswith("*")
    assert rising[9].startswith("0.0+*")
    falling = drawn(10.0, 10.0, 0.0, -10.0, -10.0)
    assert falling[0].count(":") > 10  # from the height at its left down to the line
    assert falling[0].startswith("10.0+*")
    assert falling[9].endswith("*")
    assert any(line.startswith("0.0+") for line in falling[1:9])
    assert "*" in drawn(0.0, 0.0)[5]  # nothing won, nothing lost: a line all the same


@given(
    st.sampled_from(["SOLUSDT", "1000000MOGUSDT"]), st.sampled_from(["STOP", "TRAIL", "NEW_WORD"]),
    st.decimals(-10**7, 10**7, places=4), st.lists(st.text(st.characters(categories=["L", "Zs", "P"]), max_size=60), max_size=3),
    st.integers(24, 120),
)  # fmt: skip
def test_details_and_table_stay_within_their_width(symbol, why, money, reasons, width):
    one = trade.closed(symbol, why=why, result=money, slippage=money, fees=abs(money), reasons=tuple(reasons), by="x")
    quiet = bare_desk()
    longest = max((len(word) for reason in reasons for word in reason.split()), default=0)
    if longest < width - 12:
        assert all(width_of(line) <= width for line in detail_lines(quiet, one, width))
    header, line = HistoryTable(quiet).lines([one], width)
    titles = [column for column in COLUMNS if column.title in "".join(text for text, _ in header)]
    assert titles
    if len(titles) > 1:
        assert width_of(header) <= width
        assert width_of(line) == width_of(header)
    assert "…" not in "".join(text for text, _ in line).replace("new word", "")


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        ("0.02", "0.02 worse than planned"),
        ("-1.5", "1.50 better than planned"),
        ("0", "as planned"),
        ("0.004", "as planned"),
    ],
)
def test_slippage_in_words(cost, words):
    assert slippage_words(Decimal(cost), UNICODE) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (99, "99 s"), (100, "1 min"), (5_999, "99 min"), (6_000, "1 h 40 min"), (200_000, "2 d 7 h")],
)
def test_how_long_a_trade_was_held(seconds, words):
    assert duration(seconds * 1000) == words
