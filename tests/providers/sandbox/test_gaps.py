"""A price gap moves a symbol's whole market, and whoever follows the stream ends with the book a snapshot shows."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.sandbox.gaps import PriceGaps
from providers.sandbox.model import BookSnapshot, SandboxDepth, SandboxListing, SandboxMark, SandboxQuote, SandboxTrade
from tests.providers.sandbox.conftest import START_MS
from tests.providers.sandbox.tiny_market import STEP_MS, TinyMarket, TinySymbol

SYMBOL = "BTCUSDT"


class OneSymbol(TinyMarket):
    """A market of one symbol without history, which is quick to make."""

    def __init__(self) -> None:
        super().__init__(START_MS, symbols=())
        listing = SandboxListing(
            symbol=SYMBOL, base="BTC", quote="USDT", tick_size=Decimal("0.01"), lot_size=Decimal("0.001"),
            min_notional=Decimal(5), max_qty=Decimal(9000), listed_ms=START_MS,
        )  # fmt: skip
        self._all[SYMBOL] = TinySymbol(listing, 7, START_MS + STEP_MS, 500)


class Follower:
    """A book kept from depth events, from a snapshot on."""

    def __init__(self, book: BookSnapshot) -> None:
        self.bids, self.asks, self.last_id = dict(book.bids), dict(book.asks), book.last_id

    def take(self, event: SandboxDepth) -> None:
        assert event.first_id == self.last_id + 1
        self.last_id = event.last_id
        for side, changes in ((self.bids, event.bids), (self.asks, event.asks)):
            for price, lots in changes:
                if lots:
                    side[price] = lots
                else:
                    side.pop(price, None)

    def shows(self, book: BookSnapshot) -> bool:
        return (self.bids, self.asks, self.last_id) == (dict(book.bids), dict(book.asks), book.last_id)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(1, 5)),
        st.tuples(st.just("gap"), st.sampled_from([0.01, 0.5, 0.9, 0.9999, 1.0001, 1.1, 3.0])),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("join"), st.just(0)),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_followers_and_snapshots_always_agree_after_the_next_event(steps):
    market = OneSymbol()
    gaps = PriceGaps(market)
    followers = [Follower(gaps.book(SYMBOL))]
    now_ms = START_MS
    for kind, value in [*steps, ("run", 1)]:
        if kind == "gap":
            gaps.open(SYMBOL, value, 2**62)
        elif kind == "end":
            gaps.end(SYMBOL)
        elif kind == "join":
            followers.append(Follower(gaps.book(SYMBOL)))
        else:
            now_ms += value * 100
            for event in list(gaps.alter(list(market.events(now_ms)))):
                if isinstance(event, SandboxDepth) and event.symbol == SYMBOL:
                    for follower in followers:
                        follower.take(event)
            assert all(follower.shows(gaps.book(SYMBOL)) for follower in followers)
    book = gaps.book(SYMBOL)
    assert min(price for price, _ in (*book.bids, *book.asks)) > 0
    assert book.bids[0][0] < book.asks[0][0]


def test_every_price_moves_by_the_same_ticks_and_comes_back():
    market = TinyMarket(START_MS, perpetual=True)
    gaps = PriceGaps(market)
    before = market.book(SYMBOL).bids[0][0]
    gaps.open(SYMBOL, 0.9, START_MS + 500)
    moved = gaps.ticks(SYMBOL)
    assert moved == round(before * -0.1)
    trade = SandboxTrade(SYMBOL, 1, 100, 1, True, 0)
    quote = SandboxQuote(SYMBOL, 1, 99, 1, 101, 1, 0)
    mark = SandboxMark(SYMBOL, 100.5, 99.5, 0.0001, 0, 1, 0)
    other = SandboxTrade("ETHUSDT", 1, 100, 1, True, 0)
    told = list(gaps.alter([trade, quote, mark, other]))
    assert [getattr(each, "price_ticks", 0) - 100 for each in (told[0], told[3])] == [moved, 0]
    assert (told[1].bid_ticks, told[1].ask_ticks) == (99 + moved, 101 + moved)  # type: ignore[union-attr]
    assert (told[2].mark_ticks, told[2].index_ticks) == (100.5 + moved, 99.5 + moved)  # type: ignore[union-attr]
    assert gaps.expire(START_MS + 499) == []
    assert gaps.expire(START_MS + 500) == [SYMBOL]
    assert gaps.ticks(SYMBOL) == 0
    assert gaps  # the way back still has to be told
    list(gaps.alter(market.events(START_MS + 100)))
    assert not gaps
