"""Recorded streams played through `RecordedMarket`: candles and books equal the derived answers, twice the same bytes."""

import csv
import gzip
import hashlib
import math
from pathlib import Path

import msgspec
import pytest

from core.bus import Bus
from core.clock import SimClock
from core.messages import Kline, Message, Quote, TradeBatch
from core.settings import History, Market, Settings
from providers.recorded import RecordedMarket

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="the shared folder of recorded market data is not here"),
]

STREAMS = [
    ("binance_spot", "btcusdt_20240808", "BTCUSDT", "spot"),
    ("binance_spot", "ethusdt_20240808", "ETHUSDT", "spot"),
    ("binance_usdm", "btcusdt_20240808", "BTCUSDT", "linear"),
    ("binance_coinm", "btcusd_perp_20240808", "BTCUSD_PERP", "linear"),
]


def recorded(path: Path, category: str = "spot", **market) -> tuple[RecordedMarket, Bus]:
    clock = SimClock(0)
    bus = Bus(clock)
    options = {"venue": "recorded", "category": category, "recorded_path": str(path), **market}
    settings = Settings(market=msgspec.convert(options, Market))
    return RecordedMarket(bus, clock, settings), bus


@pytest.mark.parametrize(("folder", "name", "symbol", "category"), STREAMS)
def test_candles_from_trades_and_rebuilt_books_equal_the_derived_answers(folder, name, symbol, category):
    market, bus = recorded(DATA / "raw" / folder / f"{name}.gz", category)
    candles: dict[int, Kline] = {}
    closed: set[int] = set()

    def keep(kline: Kline) -> None:
        if kline.timeframe == "1m":
            assert kline.open_ms not in closed, "a closed candle came again"
            candles[kline.open_ms] = kline
            if kline.closed:
                closed.add(kline.open_ms)

    bus.subscribe(Kline, keep)
    with gzip.open(DATA / "expected" / folder / f"{name}.book.csv.gz", "rt") as file:
        books = {int(row["depth_index"]): row for row in csv.DictReader(file)}
    with gzip.open(DATA / "raw" / folder / f"{name}.gz", "rb") as file:
        is_depth = [b"@depth@" in line[:60] for line in file]
    depth_index, compared = -1, 0
    for line_is_depth, _ in zip(is_depth, market.steps(), strict=True):
        if not line_is_depth:
            continue
        depth_index += 1
        row = books.get(depth_index)
        if row is None:
            continue
        ladder = market.ladder(symbol, 10)
        assert ladder is not None
        bids, asks = ladder.bids, ladder.asks
        assert bids[0] == (float(row["bid_px"]), float(row["bid_qty"]))
        assert asks[0] == (float(row["ask_px"]), float(row["ask_qty"]))
        assert (bids[9][0], asks[9][0]) == (float(row["bid_px_10"]), float(row["ask_px_10"]))
        assert math.isclose(sum(size for _, size in bids), float(row["bid_qty_top10"]), rel_tol=1e-9)
        assert math.isclose(sum(size for _, size in asks), float(row["ask_qty_top10"]), rel_tol=1e-9)
        compared += 1
    assert compared == len(books)

    with (DATA / "expected" / folder / f"{name}.kline_1m_from_trades.csv").open() as file:
        expected = list(csv.DictReader(file))
    assert sorted(candles) == [int(row["open_ms"]) for row in expected]
    assert closed == set(sorted(candles)[:-1]), "all but the last minute closed"
    for row in expected:
        bar = candles[int(row["open_ms"])]
        prices = [float(row[key]) for key in ("open", "high", "low", "close")]
        assert [bar.open, bar.high, bar.low, bar.close] == prices
        assert bar.trades == int(row["trades"])
        for got, key in (
            (bar.volume, "volume"),
            (bar.quote_volume, "turnover_p_times_q"),
            (bar.taker_buy_volume, "taker_buy_volume"),
        ):
            assert math.isclose(got, float(row[key]), rel_tol=1e-9)


def test_the_second_day_of_a_folder_continues_the_first_ones_book():
    market, _ = recorded(DATA / "raw" / "binance_coinm", "linear")
    with gzip.open(DATA / "expected" / "binance_coinm" / "btcusd_perp_20240809.book.csv.gz", "rt") as file:
        last = list(csv.DictReader(file))[-1]
    found = False
    for _ in market.steps():
        local = market._player.books.get("BTCUSD_PERP") if market._player else None
        if local is not None and local.last_id == int(last["u"]):
            best = local.book.best_bid()
            assert best == (float(last["bid_px"]), float(last["bid_qty"]))
            found = True
            break
    assert found


def published(path: Path, category: str = "spot", **market) -> tuple[str, int]:
    played, bus = recorded(path, category, **market)
    digest, count = hashlib.sha256(), 0

    def note(message: Message) -> None:
        nonlocal count
        count += 1
        digest.update(msgspec.json.encode(message))

    bus.subscribe(Message, note)
    played.set_focus("BTCUSDT")
    played.play()
    return digest.hexdigest(), count


def test_the_same_streams_played_twice_publish_the_same_bytes():
    path = DATA / "raw" / "binance_spot" / "btcusdt_20240808.gz"
    first = published(path)
    assert first == published(path)
    assert first[1] > 1000


def test_quotes_and_trades_of_a_stream_reach_the_bus_in_order():
    market, bus = recorded(DATA / "raw" / "binance_spot" / "ethusdt_20240808.gz")
    quotes: list[Quote] = []
    ids: list[int] = []
    bus.subscribe(Quote, quotes.append)
    bus.subscribe(TradeBatch, lambda batch: ids.extend(int(trade.trade_id) for trade in batch.trades))
    market.play()
    assert all(quote.bid < quote.ask for quote in quotes)
    assert ids == list(range(ids[0], ids[0] + len(ids))), "no trade lost, none twice"


@pytest.fixture(scope="module")
def small_candles(tmp_path_factory) -> Path:
    """Three days of two real symbols, cut so that the test stays short."""
    import pyarrow.parquet as parquet

    folder: Path = tmp_path_factory.mktemp("candles")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        table = parquet.read_table(DATA / "ohlcv" / "binance_usdm_2025" / f"{symbol}_1m.parquet")
        parquet.write_table(table.slice(0, 3 * 1440), folder / f"{symbol}_1m.parquet")
    return folder


async def test_half_hours_played_from_minutes_equal_the_venues_own(small_candles):
    import pyarrow.parquet as parquet

    clock = SimClock(0)
    bus = Bus(clock)
    settings = Settings(
        market=Market(venue="recorded", category="linear", recorded_path=str(small_candles), timeframes=("1m", "30m")),
        history=History(bars=300),
    )
    market = RecordedMarket(bus, clock, settings)
    closed: dict[int, Kline] = {}
    bus.subscribe(
        Kline,
        lambda k: (
            closed.update({k.open_ms: k}) if k.closed and k.timeframe == "30m" and k.symbol == "ETHUSDT" else None
        ),
    )
    market.play()
    own = parquet.read_table(DATA / "ohlcv" / "binance_usdm_2025" / "ETHUSDT_30m.parquet").to_pydict()
    venue = {
        ts: row for ts, *row in zip(*(own[k] for k in ("ts_ms", "open", "high", "low", "close", "volume")), strict=True)
    }
    assert len(closed) > 20
    for open_ms, bar in closed.items():
        assert [bar.open, bar.high, bar.low, bar.close] == venue[open_ms][:4]
        assert math.isclose(bar.volume, venue[open_ms][4], rel_tol=1e-9)
    history = await market.candles("ETHUSDT", "30m", limit=5)
    assert history[-1, 0] in closed


def test_the_same_candles_played_twice_publish_the_same_bytes(small_candles):
    first = published(small_candles, "linear")
    assert first == published(small_candles, "linear")
    assert first[1] > 5000
