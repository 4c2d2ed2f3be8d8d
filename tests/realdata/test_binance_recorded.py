"""Recorded Binance streams through our decoder, routes and book: books and candles equal the derived answers."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from core.bus import Bus
from core.clock import SimClock
from core.messages import Kline, Quote, TradeBatch
from core.settings import Feed
from core.venue import Retryable
from providers.batch import MicroBatcher
from providers.binance_us.book_sync import LocalBook
from providers.binance_us.instruments import parse_exchange_info
from providers.binance_us.routes import SymbolFeed
from providers.binance_us.wire import decode_envelope, decode_snapshot
from providers.freshness import Freshness

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded market data is not at {DATA.resolve()}"),
]

STREAMS = [
    ("binance_spot", "btcusdt_20240808", False),
    ("binance_spot", "ethusdt_20240808", False),
    ("binance_usdm", "btcusdt_20240808", True),
    ("binance_coinm", "btcusd_perp_20240808", True),
]


class Player:
    """One symbol's recorded frames through the production route into a bus."""

    def __init__(self, symbol: str, start_ms: int, *, futures: bool) -> None:
        self.clock = SimClock(start_ms)
        bus = Bus(self.clock)
        self.quotes: list[Quote] = []
        self.batches: list[TradeBatch] = []
        self.klines: list[Kline] = []
        bus.subscribe(Quote, self.quotes.append)
        bus.subscribe(TradeBatch, self.batches.append)
        bus.subscribe(Kline, self.klines.append)
        self.batcher = MicroBatcher(bus, self.clock, "binance_us", "spot", Feed())
        freshness = Freshness(self.clock, Feed(), bus, "binance_us", "spot")
        self.lost: list[str] = []
        self.book = LocalBook(symbol, futures=futures)
        self.feed = SymbolFeed(
            symbol,
            ("1m",),
            "recorded",
            self.batcher,
            freshness,
            lambda _, reason: self.lost.append(reason),
            self.book,
        )

    def play(self, data: bytes) -> str:
        """Route one combined frame; returns its stream."""
        envelope = decode_envelope(data)
        stream = envelope.stream.replace("@0ms", "@100ms")
        route = self.feed.routes.get(stream)
        if route is not None:
            route(data)
        return stream


def recorded(folder: str, name: str) -> Iterator[tuple[int, bytes]]:
    with gzip.open(DATA / "raw" / folder / f"{name}.gz", "rb") as lines:
        for line in lines:
            received_ns, _, frame = line.partition(b" ")
            yield int(received_ns), frame.strip()


def expected_books(folder: str, name: str) -> dict[int, dict[str, str]]:
    with gzip.open(DATA / "expected" / folder / f"{name}.book.csv.gz", "rt") as lines:
        return {int(row["depth_index"]): row for row in csv.DictReader(lines)}


def expected_candles(folder: str, name: str) -> dict[int, dict[str, str]]:
    with open(DATA / "expected" / folder / f"{name}.kline_1m_from_trades.csv") as lines:
        return {int(row["open_ms"]): row for row in csv.DictReader(lines)}


def same_book(book: LocalBook, row: dict[str, str]) -> None:
    bids, asks = book.book.ladder(10)
    assert (bids[0][0], bids[0][1]) == (float(row["bid_px"]), float(row["bid_qty"]))
    assert (asks[0][0], asks[0][1]) == (float(row["ask_px"]), float(row["ask_qty"]))
    assert (bids[9][0], asks[9][0]) == (float(row["bid_px_10"]), float(row["ask_px_10"]))
    assert math.isclose(sum(size for _, size in bids), float(row["bid_qty_top10"]), rel_tol=1e-9)
    assert math.isclose(sum(size for _, size in asks), float(row["ask_qty_top10"]), rel_tol=1e-9)


@pytest.mark.parametrize(("folder", "name", "futures"), STREAMS)
def test_books_and_candles_from_the_wire_equal_the_derived_answers(folder: str, name: str, futures: bool) -> None:
    symbol = name.rsplit("_", 1)[0].upper()
    books, candles = expected_books(folder, name), expected_candles(folder, name)
    player: Player | None = None
    depth_index, checked = -1, 0
    for received_ns, frame in recorded(folder, name):
        if player is None:
            player = Player(symbol, received_ns // 1_000_000 + 2000, futures=futures)
        player.clock.set_ms(received_ns // 1_000_000 + 2000)  # the recorder's clock ran behind the exchange
        if frame.startswith(b'{"lastUpdateId"'):
            assert player.book.on_snapshot(decode_snapshot(frame)) == ""
            continue
        if "@depth" in player.play(frame):
            depth_index += 1
            row = books.get(depth_index)
            if row is not None and player.book.state == "live":
                assert player.book.last_id == int(row["u"])
                same_book(player.book, row)
                checked += 1
        player.batcher.flush()
    assert player is not None
    assert not player.lost
    assert player.batcher.rejects.total == 0
    assert checked >= len(books) - 1
    built: dict[int, list[float]] = {}
    for batch in player.batches:
        for trade in batch.trades:
            bar = built.setdefault(
                trade.event_ms - trade.event_ms % 60_000,
                [trade.price, trade.price, trade.price, trade.price, 0.0, 0.0, 0.0],
            )
            bar[1], bar[2], bar[3] = max(bar[1], trade.price), min(bar[2], trade.price), trade.price
            bar[4] += trade.size
            bar[5] += 1
            bar[6] += trade.size if trade.side == "BUY" else 0.0
    assert set(built) == set(candles)
    names = ("open", "high", "low", "close", "volume", "trades", "taker_buy_volume")
    for open_ms, bar in built.items():
        for value, field in zip(bar, names, strict=True):
            assert math.isclose(value, float(candles[open_ms][field]), rel_tol=1e-9), (open_ms, field)


def capture() -> Iterator[tuple[float, bytes]]:
    with gzip.open(DATA / "raw" / "cryptofeed_capture" / "BINANCE_US.ws.1.0.gz", "rb") as lines:
        next(lines)
        for line in lines:
            at, _, frame = line.strip().partition(b": ")
            if frame:
                yield float(at), frame


def snapshots() -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with gzip.open(DATA / "raw" / "cryptofeed_capture" / "BINANCE_US.http.0.0.gz", "rb") as lines:
        for line in lines:
            url, _, rest = line.partition(b" -> ")
            symbol = url.partition(b"symbol=")[2].partition(b"&")[0].decode()
            found[symbol] = rest.partition(b": ")[2].strip()
    return found


def test_the_binance_us_capture_gives_books_that_agree_with_its_best_quotes() -> None:
    start_ms = 1_633_998_274_000
    players = {s: Player(s, start_ms, futures=False) for s in ("CRVUSDT", "COMPUSDT", "OMGBUSD", "ZRXUSDT")}
    bodies = snapshots()
    frames = list(capture())
    for at, frame in frames:
        symbol = decode_envelope(frame).stream.partition("@")[0].upper()
        players[symbol].clock.set_ms(int(at * 1000) + 2000)
        players[symbol].play(frame)
    agreed = 0
    for symbol, player in players.items():
        assert player.book.on_snapshot(decode_snapshot(bodies[symbol])) == ""
        quote, book = player.feed.quote, player.book
        if quote is not None and quote.u == book.last_id:
            assert book.book.best_bid() == (quote.b, quote.B)
            assert book.book.best_ask() == (quote.a, quote.A)
            agreed += 1
        player.batcher.flush()
        assert not player.lost
        assert player.batcher.rejects.total == 0
    assert agreed >= 1
    klines = [kline for player in players.values() for kline in player.klines]
    assert sum(kline.closed for kline in klines) == 1
    assert len(frames) == 480


def test_the_books_follow_the_quotes_message_by_message_once_synced() -> None:
    """With the snapshot given first, every bookTicker whose id a diff ended with equals the book's top."""
    bodies = snapshots()
    players: dict[str, Player] = {}
    pending: dict[str, dict[int, tuple[float, float]]] = {}
    tops: dict[str, dict[int, tuple[float, float]]] = {}
    for _, frame in capture():
        envelope = decode_envelope(frame)
        symbol = envelope.stream.partition("@")[0].upper()
        player = players.get(symbol)
        if player is None:
            player = players[symbol] = Player(symbol, 1_633_998_310_000, futures=False)
        player.play(frame)
        if "@depth" in envelope.stream:
            if player.book.state != "live":
                player.book.on_snapshot(decode_snapshot(bodies[symbol]))
            bid, ask = player.book.book.best_bid(), player.book.book.best_ask()
            if player.book.state == "live" and bid and ask:
                tops.setdefault(symbol, {})[player.book.last_id] = (bid[0], ask[0])
        elif player.feed.quote is not None and "@bookTicker" in envelope.stream:
            quote = player.feed.quote
            pending.setdefault(symbol, {})[quote.u] = (quote.b, quote.a)
    compared = [
        (quotes[update], tops[symbol][update])
        for symbol, quotes in pending.items()
        for update in quotes
        if update in tops.get(symbol, {})
    ]
    assert len(compared) >= 40
    assert all(quote == top for quote, top in compared)


def test_the_captured_exchange_info_gives_instruments_with_their_filters() -> None:
    with gzip.open(DATA / "raw" / "cryptofeed_capture" / "BINANCE_US.0.gz", "rb") as lines:
        body = next(lines).partition(b" -> ")[2].partition(b": ")[2].strip()
    listed = parse_exchange_info(body, "binance_us", "spot")
    assert listed.weight_per_minute == 1200
    assert listed.unreadable == 0
    assert len(listed.instruments) == len(json.loads(body)["symbols"])
    btc = next(i for i in listed.instruments if i.symbol == "BTCUSD")
    assert (str(btc.tick_size), str(btc.lot_size), str(btc.min_notional)) == ("0.0100", "0.00000100", "10.0000")
    assert (btc.max_orders, btc.max_algo_orders, btc.iceberg_parts) == (200, 5, 10)
    assert btc.market_lot_size == 0
    assert btc.trading


def test_a_truncated_exchange_info_is_retryable() -> None:
    with gzip.open(DATA / "raw" / "cryptofeed_capture" / "BINANCE_US.0.gz", "rb") as lines:
        body = next(lines).partition(b" -> ")[2].partition(b": ")[2].strip()
    with pytest.raises(Retryable):
        parse_exchange_info(body[: len(body) // 2], "binance_us", "spot")
    assert msgspec.json.decode(body)["symbols"]
