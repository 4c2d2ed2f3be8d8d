"""Who is watched: the most traded and most moving, pinned always, without flapping."""

from __future__ import annotations

import asyncio
import contextlib
import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bus import Bus
from core.clock import SimClock
from core.market.universe import UniverseKeeper, prefilter, reference_symbol
from core.messages import Fault, Listing, Message, PinSymbol, Replay, Ticker, Universe
from core.settings import Market, Settings
from core.venue import Instrument, Retryable
from tests.core.market.fake_venue import FakeVenue


def instrument(base, quote="USDT", trading=True):
    return Instrument(
        venue="fake", category="spot", symbol=base + quote, base=base, quote=quote, trading=trading,
        status="TRADING" if trading else "BREAK", tick_size=Decimal("0.010"), lot_size=Decimal("1e-5"),
    )  # fmt: skip


def ticker(symbol, volume, spread=0.02, last=100.0):
    return Ticker(
        venue="fake", category="spot", symbol=symbol, last=last, change=0.0, quote_volume=volume,
        high=last * (1 + spread / 2), low=last * (1 - spread / 2), event_ms=0,
    )  # fmt: skip


def listing(*instruments):
    return {one.symbol: one for one in instruments}


BASES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
SIX = listing(*(instrument(base) for base in BASES))
VOLUMES = {base + "USDT": 1e6 * (6 - place) for place, base in enumerate(BASES)}


def choose(market, *, pinned=(), current=(), instruments=SIX, tickers=None, **changes):
    stats = tickers or [ticker(symbol, changes.get(symbol, volume)) for symbol, volume in VOLUMES.items()]
    return prefilter(stats, instruments, market, pinned=pinned, current=current).symbols


def test_volume_alone_ranks_by_volume():
    assert choose(Market(watch=3, volatility_weight=0.0)) == ("AAAUSDT", "BBBUSDT", "CCCUSDT")


def test_range_alone_ranks_by_range():
    stats = [ticker(symbol, 1e6, spread=0.01 * place) for place, symbol in enumerate(SIX)]
    assert choose(Market(watch=2, volatility_weight=1.0), tickers=stats) == ("FFFUSDT", "EEEUSDT")


def test_pinned_symbols_are_always_in_and_take_a_place():
    chosen = choose(Market(watch=3, volatility_weight=0.0), pinned=("FFFUSDT", "NOPE"))
    assert set(chosen) == {"AAAUSDT", "BBBUSDT", "FFFUSDT"}
    many = choose(Market(watch=1), pinned=("FFFUSDT", "EEEUSDT"))
    assert set(many) == {"FFFUSDT", "EEEUSDT"}
    assert prefilter([], SIX, Market(), pinned=("NOPE", "AAAUSDT")) == (("AAAUSDT",), ("NOPE",))


def test_only_trading_instruments_in_the_quote_assets_with_enough_volume():
    rules = listing(instrument("AAA"), instrument("BBB", "EUR"), instrument("CCC", trading=False), instrument("DDD"))
    stats = [ticker("AAAUSDT", 1e6), ticker("BBBEUR", 1e9), ticker("CCCUSDT", 1e9), ticker("DDDUSDT", 9_999.0)]
    assert choose(Market(watch=9), instruments=rules, tickers=stats) == ("AAAUSDT",)
    assert choose(Market(watch=9), instruments=rules, tickers=stats, current=("CCCUSDT", "DDDUSDT")) == (
        "CCCUSDT",
        "AAAUSDT",
        "DDDUSDT",
    )


@pytest.mark.parametrize("absurd", [math.nan, math.inf, -1.0])
def test_absurd_statistics_are_no_candidates(absurd):
    assert choose(Market(watch=9), tickers=[ticker("AAAUSDT", absurd), ticker("BBBUSDT", 1e6)]) == ("BBBUSDT",)
    assert len(choose(Market(watch=9), tickers=[ticker("AAAUSDT", 1e6, spread=absurd)])) == 1


def test_a_watched_symbol_just_behind_the_border_stays():
    market = Market(watch=3, volatility_weight=0.0)
    watched = choose(market)
    swapped = choose(market, current=watched, CCCUSDT=2.9e6)  # now behind DDD with 3.0e6
    assert set(swapped) == set(watched)
    far = choose(market, current=watched, CCCUSDT=0.5e6)
    assert set(far) == {"AAAUSDT", "BBBUSDT", "DDDUSDT"}


@settings(max_examples=100, deadline=None)
@given(
    volumes=st.lists(st.floats(0, 1e9), min_size=1, max_size=40),
    watch=st.integers(1, 20),
    weight=st.floats(0, 1),
    data=st.data(),
)
def test_the_list_is_full_unique_and_the_same_for_the_same_input(volumes, watch, weight, data):
    symbols = [f"S{i}USDT" for i in range(len(volumes))]
    rules = listing(*(instrument(f"S{i}") for i in range(len(volumes))))
    stats = [ticker(symbol, volume) for symbol, volume in zip(symbols, volumes, strict=True)]
    current = data.draw(st.lists(st.sampled_from(symbols), unique=True))
    pinned = data.draw(st.lists(st.sampled_from(symbols), unique=True, max_size=3))
    market = Market(watch=watch, volatility_weight=weight)
    chosen = prefilter(stats, rules, market, pinned=pinned, current=current).symbols
    assert chosen == prefilter(reversed(stats), rules, market, pinned=pinned, current=current[::-1]).symbols
    assert len(set(chosen)) == len(chosen) <= max(watch, len(pinned))
    assert set(pinned) <= set(chosen)
    surely = [s for s, volume in zip(symbols, volumes, strict=True) if volume >= 10_000 or s in pinned]
    assert len(chosen) >= min(watch, len(surely))
    again = prefilter(stats, rules, market, pinned=pinned, current=chosen).symbols
    assert set(again) == set(chosen)  # settled: choosing again changes nothing


def test_the_reference_is_the_venues_bitcoin_pair():
    both = listing(instrument("BTC", "USD"), instrument("BTC"), instrument("ETH"))
    assert reference_symbol(both, Market()) == "BTCUSDT"
    assert reference_symbol(listing(instrument("BTC", "USD")), Market()) == "BTCUSD"
    assert reference_symbol(both, Market(reference_symbol="ETHUSDT")) == "ETHUSDT"
    assert reference_symbol({}, Market()) == ""


class Stage:
    def __init__(self, **market):
        self.clock = SimClock(1_760_000_000_000)
        self.bus = Bus(self.clock)
        self.venue = FakeVenue(self.clock)
        self.venue.listed = list(SIX.values())
        self.venue.statistics = [ticker(symbol, volume) for symbol, volume in VOLUMES.items()]
        self.heard: list[Message] = []
        self.bus.subscribe(Message, self.heard.append)
        wished = {"watch": 3, "volatility_weight": 0.0} | market
        self.keeper = UniverseKeeper(self.bus, self.clock, Settings(market=Market(**wished)), self.venue)

    def of(self, kind):
        return [message for message in self.heard if type(message) is kind]


async def test_the_first_refresh_publishes_rules_numbers_and_the_list():
    stage = Stage()
    assert await stage.keeper.refresh() == ("AAAUSDT", "BBBUSDT", "CCCUSDT")
    (universe,) = stage.of(Universe)
    assert universe.added == universe.symbols
    assert [m.symbol for m in stage.of(Ticker)] == list(universe.symbols)
    rules = stage.of(Listing)[0]
    assert (rules.tick_size, rules.lot_size) == ("0.010", "0.00001")


async def test_later_refreshes_publish_only_changes():
    stage = Stage()
    await stage.keeper.refresh()
    await stage.keeper.refresh()
    assert len(stage.of(Universe)) == 1
    assert len(stage.of(Listing)) == 3
    stage.venue.statistics[0] = ticker("AAAUSDT", 20_000.0)
    stage.venue.listed[1] = instrument("BBB", trading=False)
    await stage.keeper.refresh()
    assert stage.of(Universe)[-1].removed == ("AAAUSDT",)
    assert stage.of(Universe)[-1].added == ("DDDUSDT",)
    halted = [m for m in stage.of(Listing) if m.symbol == "BBBUSDT"]
    assert [m.trading for m in halted] == [True, False]


async def test_pinning_and_unpinning_counts_at_once():
    stage = Stage()
    await stage.keeper.refresh()
    stage.bus.publish(PinSymbol(symbol="FFFUSDT", pinned=True))
    assert "FFFUSDT" in stage.keeper.symbols
    stage.bus.publish(PinSymbol(symbol="FFFUSDT", pinned=False))
    assert set(stage.keeper.symbols) == {"AAAUSDT", "BBBUSDT", "CCCUSDT"}
    stage.bus.publish(PinSymbol(symbol="NOPE", pinned=True))
    assert "NOPE is not listed" in stage.of(Fault)[0].message


async def test_while_the_venue_is_silent_the_old_list_stays():
    stage = Stage(refresh_minutes=10.0)
    await stage.keeper.refresh()
    stage.venue.failures["tickers"] = [Retryable("503"), Retryable("503", 90.0)]
    stage.venue.statistics[0] = ticker("AAAUSDT", 20_000.0)
    task = asyncio.create_task(stage.keeper.run())
    await asyncio.sleep(0)
    await stage.clock.advance(601)
    assert "trying again in 4 s" in stage.of(Fault)[0].message
    await stage.clock.advance(5)
    assert "trying again in 90 s" in stage.of(Fault)[1].message
    assert stage.keeper.symbols[0] == "AAAUSDT"
    await stage.clock.advance(90)
    assert "AAAUSDT" not in stage.keeper.symbols
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_late_screen_hears_the_list_again():
    stage = Stage()
    await stage.keeper.refresh()
    stage.heard.clear()
    stage.bus.publish(Replay())
    assert stage.of(Universe)[0].symbols == stage.keeper.symbols
    assert len(stage.of(Listing)) == len(stage.of(Ticker)) == 3


async def test_what_is_held_is_watched_whatever_it_trades():
    stage = Stage()
    held = {"FFFUSDT", "GONEUSDT"}
    stage.keeper.held = lambda: held
    await stage.keeper.refresh()
    assert "FFFUSDT" in stage.keeper.symbols
    stage.venue.statistics[5] = ticker("FFFUSDT", 0.0)
    stage.bus.publish(PinSymbol(symbol="FFFUSDT", pinned=False))
    await stage.keeper.refresh()
    assert "FFFUSDT" in stage.keeper.symbols
    assert stage.of(Fault) == []
    held.clear()
    stage.keeper.choose_again("flat")
    assert "FFFUSDT" not in stage.keeper.symbols
