"""The recorded venue: bars played exactly, gaps kept, history before the play, errors that name file and remedy."""

import asyncio
import gzip
import math
from decimal import Decimal

import pytest

from core.bus import Bus
from core.clock import LiveClock, SimClock
from core.messages import BookStatus, Kline, Ladder, LinkStatus, Quote, TradeBatch
from core.settings import History, Market, Settings
from core.venue import Fatal
from providers import recorded_candles, recorded_listing
from providers.recorded import RecordedMarket

START = 1_700_006_400_000  # a whole hour (and four hours) UTC
MINUTE = 60_000


def bar(index: int) -> tuple[float, float, float, float, float]:
    """Open, high, low, close, volume of the minute `index`: a wandering price on a 0.5 grid."""
    open_ = 100 + 5 * math.floor(4 * math.sin(index / 7)) / 10
    close = 100 + 5 * math.floor(4 * math.sin((index + 1) / 7)) / 10
    return open_, max(open_, close) + 1, min(open_, close) - 1.5, close, 2.0 + index % 3


def write_csv(path, minutes, start=START):
    lines = ["ts_ms,open,high,low,close,volume"]
    lines += [",".join(map(str, (start + i * MINUTE, *bar(i)))) for i in minutes]
    path.write_text("\n".join(lines) + "\n")
    return path


def recorded(path, clock=None, **market):
    clock = clock or SimClock(0)
    bus = Bus(clock)
    options = {"timeframes": ("1m", "5m", "15m", "1h"), **market}
    settings = Settings(market=Market(venue="recorded", recorded_path=str(path), **options), history=History(bars=300))
    return RecordedMarket(bus, clock, settings), bus


def gathered(bus, kind):
    found: list = []
    bus.subscribe(kind, found.append)
    return found


# --- candle files ----------------------------------------------------------------------------------------------------


async def test_history_precedes_the_play_and_the_play_continues_it_without_a_seam(tmp_path):
    market, bus = recorded(write_csv(tmp_path / "ABCUSDT_1m.csv", range(3000)))
    klines = gathered(bus, Kline)
    before = {name: await market.candles("ABCUSDT", name, limit=5000) for name in ("1m", "5m", "1h")}
    assert len(before["1m"]) >= 300
    assert before["1m"][-1, 0] + MINUTE <= market.venue_now_ms()
    market.play()
    for name, block in before.items():
        closed = [k for k in klines if k.timeframe == name and k.closed]
        step = {"1m": 1, "5m": 5, "1h": 60}[name] * MINUTE
        assert closed[0].open_ms == block[-1, 0] + step
        assert [k.open_ms for k in closed] == list(range(closed[0].open_ms, closed[-1].open_ms + 1, step))
    last = next(k for k in reversed(klines) if k.timeframe == "1m")
    assert (last.open, last.high, last.low, last.close, last.volume) == bar(2999)
    after = await market.candles("ABCUSDT", "1m", limit=5000)
    assert len(after) == 3000


def test_each_bar_forms_inside_its_range_and_closes_exactly(tmp_path):
    market, bus = recorded(write_csv(tmp_path / "ABCUSDT_1m.csv", range(700)), timeframes=("1m",))
    klines = gathered(bus, Kline)
    market.play()
    forming = [k for k in klines if not k.closed]
    closed = {k.open_ms: k for k in klines if k.closed}
    assert len(forming) == 3 * len(closed)
    for k in forming:
        whole = closed[k.open_ms]
        assert whole.low <= k.low <= k.close <= k.high <= whole.high
        assert k.volume < whole.volume
        assert k.event_ms < whole.event_ms == whole.open_ms + MINUTE
    assert all((k.trades, k.taker_buy_volume != k.taker_buy_volume) == (-1, True) for k in klines)


def test_a_gap_stays_a_gap_and_longer_candles_close_on_time(tmp_path):
    minutes = [*range(602), *range(670, 700)]  # 602..669 are missing, inside the hour that begins at 600
    market, bus = recorded(write_csv(tmp_path / "ABCUSDT_1m.csv", minutes))
    klines = gathered(bus, Kline)
    market.play()
    ones = [(k.open_ms - START) // MINUTE for k in klines if k.timeframe == "1m" and k.closed]
    assert ones[-31:] == [601, *range(670, 700)]
    fives = {(k.open_ms - START) // MINUTE: k for k in klines if k.timeframe == "5m" and k.closed}
    assert not set(fives) & set(range(605, 670, 5))
    assert fives[600].volume == bar(600)[4] + bar(601)[4]
    assert fives[600].close == bar(601)[3]
    assert fives[600].event_ms == START + 605 * MINUTE
    assert [k.event_ms for k in klines] == sorted(k.event_ms for k in klines)


def test_longer_candles_are_exact_sums_of_the_minutes(tmp_path):
    market, bus = recorded(write_csv(tmp_path / "ABCUSDT_1m.csv", range(700)), timeframes=("1m", "15m"))
    klines = gathered(bus, Kline)
    market.play()
    for k in (k for k in klines if k.timeframe == "15m" and k.closed):
        first = (k.open_ms - START) // MINUTE
        rows = [bar(i) for i in range(first, first + 15)]
        assert k.open == rows[0][0]
        assert k.close == rows[-1][3]
        assert (k.high, k.low) == (max(r[1] for r in rows), min(r[2] for r in rows))
        assert k.volume == sum(r[4] for r in rows)


def test_symbols_can_change_while_playing_without_losing_a_bar(tmp_path):
    for name in ("AAAUSDT", "BBBUSDT"):
        write_csv(tmp_path / f"{name}_1m.csv", range(700))
    market, bus = recorded(tmp_path, timeframes=("1m",))
    klines = gathered(bus, Kline)
    market.set_symbols(["AAAUSDT"], ("1m",))
    for count, _ in enumerate(market.steps()):
        if count == 102:  # inside a bar
            market.set_symbols(["AAAUSDT", "BBBUSDT"], ("1m",))
    opened: dict[str, list[int]] = {}
    for k in klines:
        if k.closed:
            opened.setdefault(k.symbol, []).append(k.open_ms)
    assert len(set(opened["AAAUSDT"])) == len(range(opened["AAAUSDT"][0], START + 700 * MINUTE, MINUTE))
    assert opened["BBBUSDT"][-1] == opened["AAAUSDT"][-1]
    assert len(opened["BBBUSDT"]) < len(opened["AAAUSDT"])


async def test_the_grid_the_names_and_the_day_are_read_from_the_file(tmp_path):
    market, _ = recorded(write_csv(tmp_path / "ABC-USD_1m.csv", range(3000)))
    (rules,) = await market.instruments()
    assert (rules.symbol, rules.base, rules.quote) == ("ABC-USD", "ABC", "USD")
    assert (rules.tick_size, rules.lot_size, rules.trading) == (Decimal("0.1"), Decimal(1), True)
    (ticker,) = await market.tickers()
    known = await market.candles("ABC-USD", "1m", limit=1440)
    assert ticker.last == known[-1, 4]
    assert ticker.high == known[:, 2].max()


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [("BTCUSDT", ("BTC", "USDT")), ("BTCUSD_PERP", ("BTC", "USD")), ("WDOFUT", ("WDOFUT", "")), ("USDT", ("USDT", ""))],
)
def test_base_and_quote_are_split_or_left_alone(symbol, parts):
    assert recorded_listing.split_symbol(symbol) == parts


def test_the_finest_file_of_a_symbol_is_played(tmp_path):
    write_csv(tmp_path / "ABCUSDT_1m.csv", range(400))
    write_csv(tmp_path / "ABCUSDT_5m.csv", range(0, 400, 5))
    series = recorded_candles.load(tmp_path)["ABCUSDT"]
    assert (series.timeframe, len(series.bars)) == ("1m", 400)


def test_a_name_without_timeframe_takes_the_step_of_the_file(tmp_path):
    series = recorded_candles.load(write_csv(tmp_path / "prices.csv", range(0, 500, 5)))["prices"]
    assert (series.timeframe, series.step_ms) == ("5m", 5 * MINUTE)


def test_absurd_rows_are_left_out_and_counted(tmp_path):
    path = write_csv(tmp_path / "ABCUSDT_1m.csv", range(10))
    with path.open("a") as file:
        file.write(f"{START + 10 * MINUTE},1,2,3,4,5\n{START + 11 * MINUTE},nan,2,1,1,5\n{START},-1,2,1,1,5\n")
    series = recorded_candles.load(path)["ABCUSDT"]
    assert (len(series.bars), series.dropped) == (9, 4)  # the repeated first bar lost its sane form to the newer row


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("X_1m.csv", b"ts_ms,open,high\n1,2,3\n", "columns low, close, volume are missing"),
        ("X_1m.csv", b"ts_ms,open,high,low,close,volume\n", "no rows"),
        ("X_1m.csv", b"ts_ms,open,high,low,close,volume\na,1,1,1,1,1\n", "not numeric"),
        ("X_1m.csv", b"ts_ms,open,high,low,close,volume\n1,1,1,1,1,1\n", "not one row is a sane candle"),
        ("X_5m.csv", b"ts_ms,open,high,low,close,volume\n1700006460000,1,1,1,1,1\n", "not on the 5m grid"),
        ("X_1m.parquet", b"no parquet", "cannot be read"),
        ("x.gz", b"not gzip at all", "cannot be read"),
        ("x.gz", gzip.compress(b'1723161253937085768 {"stream":"b@trade"}\n', mtime=0)[:-12], "cannot be read"),
        ("x.gz", gzip.compress(b"just text\n" * 20, mtime=0), "no raw stream file"),
        ("x.gz", gzip.compress(b"", mtime=0), "no stream messages"),
    ],
)
async def test_an_unusable_file_is_named_with_what_is_wrong(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    market, _ = recorded(path)
    with pytest.raises(Fatal, match=words) as raised:
        await market.instruments()
    assert name in str(raised.value)


async def test_a_missing_path_is_named(tmp_path):
    for path, words in (
        (tmp_path / "gone", "no such file"),
        ("", "recorded_path is empty"),
        (tmp_path, "no candle files"),
    ):
        market, _ = recorded(path)
        with pytest.raises(Fatal, match=words):
            await market.instruments()


# --- raw streams -----------------------------------------------------------------------------------------------------


def stream_line(at_ms: int, stream: str, data: str) -> bytes:
    return b'%d {"stream":"%s","data":%s}\n' % (at_ms * 1_000_000, stream.encode(), data.encode())


def trade(at_ms: int, number: int, price: float, size: float, maker: bool) -> bytes:
    data = f'{{"e":"trade","s":"ABCUSDT","t":{number},"p":"{price}","q":"{size}","T":{at_ms},"m":{str(maker).lower()}}}'
    return stream_line(at_ms, "abcusdt@trade", data)


def depth(at_ms: int, first: int, last: int, bids: str, asks: str) -> bytes:
    data = f'{{"e":"depthUpdate","E":{at_ms},"s":"ABCUSDT","U":{first},"u":{last},"b":{bids},"a":{asks}}}'
    return stream_line(at_ms, "abcusdt@depth@100ms", data)


def write_streams(path, extra=()):
    lines = [
        depth(START, 1, 2, '[["99","1"]]', "[]"),
        trade(START + 10, 1, 100.0, 2.0, False),
        b'%d {"lastUpdateId":4,"bids":[["99","5"]],"asks":[["101","5"]]}\n' % ((START + 20) * 1_000_000),
        depth(START + 30, 3, 5, '[["98","3"]]', "[]"),
        stream_line(START + 40, "abcusdt@bookTicker", '{"u":5,"s":"ABCUSDT","b":"99","B":"5","a":"101","A":"5"}'),
        *extra,
        trade(START + 50, 2, 101.0, 1.0, True),
        trade(START + MINUTE + 5, 3, 102.0, 1.0, False),
        trade(START + 3 * MINUTE, 4, 103.0, 1.0, False),
    ]
    path.write_bytes(gzip.compress(b"".join(lines)))
    return path


async def test_streams_give_candles_books_quotes_and_trades(tmp_path):
    market, bus = recorded(write_streams(tmp_path / "abc.gz"), timeframes=("1m", "5m"))
    klines, quotes, batches, ladders = (gathered(bus, kind) for kind in (Kline, Quote, TradeBatch, Ladder))
    statuses = gathered(bus, BookStatus)
    market.set_focus("ABCUSDT")
    assert len(await market.candles("ABCUSDT", "1m")) == 0, "a raw stream has no history before the play"
    market.play()
    first = next(k for k in klines if k.closed)
    assert (first.timeframe, first.open, first.high, first.low, first.close) == ("1m", 100.0, 101.0, 100.0, 101.0)
    assert (first.volume, first.quote_volume, first.trades, first.taker_buy_volume) == (3.0, 301.0, 2, 2.0)
    assert [(k.open_ms - START) // MINUTE for k in klines if k.timeframe == "1m" and k.closed] == [0, 1]
    assert [(t.trade_id, t.side) for b in batches for t in b.trades] == [
        ("1", "BUY"),
        ("2", "SELL"),
        ("3", "BUY"),
        ("4", "BUY"),
    ]
    assert (quotes[0].bid, quotes[0].ask) == (99.0, 101.0)
    assert ladders[-1].bids == ((99.0, 5.0), (98.0, 3.0))
    assert [s.state for s in statuses] == ["syncing", "live"]
    block = await market.candles("ABCUSDT", "1m")
    assert [int(x) for x in (block[:, 0] - START) / MINUTE] == [0, 1, 3], "minute 2 had no trade: a gap"


def test_damaged_lines_are_counted_and_dropped(tmp_path):
    bad = (
        stream_line(START + 41, "abcusdt@trade", '{"t":9,"p":"NaN","q":"1","T":1700006400041,"m":true}'),
        stream_line(START + 42, "abcusdt@bookTicker", '{"u":5,"b":"-1","B":"5","a":"101","A":"5"}'),
        b"%d {broken\n" % ((START + 43) * 1_000_000),
        b"\xff\xfe\n",
    )
    market, bus = recorded(write_streams(tmp_path / "abc.gz", bad))
    batches = gathered(bus, TradeBatch)
    market.play()
    assert [t.trade_id for b in batches for t in b.trades] == ["1", "2", "3", "4"]
    assert market._batcher.rejects.by_reason["frame"] == 3


def test_a_gap_in_the_recorded_book_makes_it_stale(tmp_path):
    market, bus = recorded(write_streams(tmp_path / "abc.gz", (depth(START + 45, 9, 9, "[]", "[]"),)))
    statuses = gathered(bus, BookStatus)
    market.play()
    assert (statuses[-1].state, "gap" in statuses[-1].reason) == ("stale", True)
    assert market.ladder("ABCUSDT", 5) is None


# --- live ------------------------------------------------------------------------------------------------------------


async def test_live_play_follows_the_clock_at_the_chosen_speed(tmp_path):
    clock = LiveClock(rate=50)
    market, bus = recorded(
        write_csv(tmp_path / "ABCUSDT_1m.csv", range(700)), clock=clock, timeframes=("1m",), recorded_speed=60.0
    )
    ends, klines = gathered(bus, LinkStatus), gathered(bus, Kline)
    await market.instruments()
    begin_ms = market.venue_now_ms()
    task = asyncio.create_task(market.run())
    await asyncio.sleep(0.02)
    assert not klines, "nothing is played before symbols are asked for"
    market.set_symbols(["ABCUSDT"], ("1m",))
    while sum(k.closed for k in klines) < 20:
        await asyncio.sleep(0.01)
    assert begin_ms + 20 * MINUTE <= market.venue_now_ms() <= market.end_ms
    assert klines[-1].received_ms <= market.venue_now_ms()
    assert [e.state for e in ends] == ["up"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_play_refuses_a_running_clock(tmp_path):
    market, _ = recorded(write_csv(tmp_path / "ABCUSDT_1m.csv", range(10)), clock=LiveClock())
    with pytest.raises(Fatal, match="SimClock"):
        market.play()
