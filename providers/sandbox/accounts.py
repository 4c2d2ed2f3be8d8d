"""The sandbox exchange's accounts: one matching engine per category, fed by exactly the events its streams send.

One api key is one account. A symbol's market reaches the engine only while the account has something in it (open orders, a
perpetual position): its book is brought up to date from the market's own when it is needed first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from core.messages import Side
from core.trading.fees import Fees
from core.trading.market_events import FundingPayment
from core.trading.matching import MatchingEngine
from core.trading.order import Fill, OrderReport
from core.trading.working import OPEN
from core.venue import Instrument
from providers.binance_us.instruments import parse_exchange_info
from providers.bybit.instruments import instrument, rows
from providers.sandbox import binance_us_wire, bybit_wire
from providers.sandbox.feed import Feed
from providers.sandbox.model import SandboxDepth, SandboxEvent, SandboxMark, SandboxTrade

STARTING = {"USDT": Decimal(100_000), "USD": Decimal(100_000), "BTC": Decimal(1)}
STARTING_LINEAR = {"USDT": Decimal(100_000)}
KEEP_ORDERS = 10_000
RECENT_TRADES = 500

FundingListener = Callable[[FundingPayment], None]
Call = Callable[[], list[OrderReport]]


def listing_rules(venue: str, feed: Feed, symbol: str) -> Instrument:
    """A listing's rules as a client reads them from the venue's own words, so that both always mean the same."""
    listing = feed.listings[symbol]
    if venue == "binance_us":
        body = msgspec.json.encode({"symbols": [binance_us_wire.symbol_info(listing)]})
        return parse_exchange_info(body, venue, feed.category).instruments[0]
    make = bybit_wire.spot_instrument if feed.category == "spot" else bybit_wire.linear_instrument
    number = list(feed.listings).index(symbol) + 1
    return instrument(rows.decode(msgspec.json.encode(make(listing, number))), venue, feed.category)


class Accounts:
    """The account of one api key at one category's engine.

    `orders` holds the newest report of every order, `created_ms` when each came, both oldest first. `listeners` hear every
    report that changed something; a refused request about a known order is only returned. Engine times are the venue's own
    (its clock with the scripted skew). `act` is the one way to make the engine do something for the account.
    """

    def __init__(self, venue: str, feed: Feed, api_key: str, api_secret: str) -> None:
        self.account = api_key
        self.secret = api_secret.encode()
        self.feed = feed
        rules = {symbol: listing_rules(venue, feed, symbol) for symbol in feed.listings}
        self.fees = Fees()
        self.engine = MatchingEngine(rules, self.fees, keep_closed=KEEP_ORDERS)
        self.engine.open_account(api_key, STARTING if feed.category == "spot" else STARTING_LINEAR)
        self.listeners: list[Callable[[OrderReport], None]] = []
        self.funding_listeners: list[FundingListener] = []
        self.balance_listeners: list[Callable[[str, Decimal], None]] = []
        self.orders: dict[str, OrderReport] = {}
        self.created_ms: dict[str, int] = {}
        self.halted: set[str] = set()
        self._venue = venue
        self._held_until_ms: dict[str, int] = {}
        self._live: set[str] = set()
        self._traded: dict[str, int] = {}
        self._funding: dict[str, tuple[int, float]] = {}

    # --- requests ----------------------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        """The venue's time."""
        return self.feed.now_ms()

    def act(self, call: Call, *symbols: str) -> list[OrderReport]:
        """Carry out `call` on the engine, tell the listeners, return its reports.

        `symbols`: what the call may trade; their market is brought to the engine first.
        """
        for symbol in symbols:
            self.need(symbol)
        reports = call()
        self.tell(reports)
        self._choose()
        return reports

    def need(self, symbol: str) -> None:
        """Bring a symbol's book, last trades and mark to the engine, unless it follows them already."""
        if symbol in self._live or symbol not in self.engine.rules:
            return
        self._live.add(symbol)
        now_ms, units = self.now_ms(), self.feed.units[symbol]
        if not self.rests(symbol):
            self.tell(self._snapshot(symbol))
        known = self._traded.get(symbol, 0)
        trades = [trade for trade in self.feed.market.recent_trades(symbol, RECENT_TRADES) if trade.trade_id > known]
        shift = self.feed.gaps.ticks(symbol)
        for trade in trades:
            price = (trade.price_ticks + shift) * units.tick_size
            side: Side = "BUY" if trade.buyer_taker else "SELL"
            self.tell(self.engine.on_trade(symbol, price, trade.size_lots * units.lot_size, side, now_ms))
            self._traded[symbol] = trade.trade_id
        mark = self.feed.mark(symbol)
        if mark is not None:
            self._mark(mark, now_ms)

    def remembered(self, order_id: str) -> OrderReport | None:
        """The newest report of an order; None for one that is not known (any more)."""
        return self.orders.get(order_id)

    def fills(self, order_id: str = "") -> list[Fill]:
        """The account's fills, or one order's, oldest first."""
        return [fill for fill in self.engine.fills(self.account) if not order_id or fill.order_id == order_id]

    # --- the market --------------------------------------------------------------------------------------------------

    def on_events(self, events: Iterable[SandboxEvent], now_ms: int) -> None:
        """Feed books, trades, marks and funding of the symbols in which the account has something."""
        if self._held_until_ms:
            self._release()
        live = self._live
        if not live:
            return
        for event in events:
            if event.symbol not in live or event.symbol in self.halted:
                continue
            if isinstance(event, SandboxDepth):
                self._depth(event, now_ms)
            elif isinstance(event, SandboxTrade):
                self._trade(event, now_ms)
            elif isinstance(event, SandboxMark):
                self._mark(event, now_ms)
        self._choose()

    def _depth(self, event: SandboxDepth, now_ms: int) -> None:
        if not self.rests(event.symbol):
            bids, asks = self._levels(event.symbol, event.bids), self._levels(event.symbol, event.asks)
            self.tell(self.engine.on_book(event.symbol, bids, asks, now_ms, snapshot=False))

    def _trade(self, event: SandboxTrade, now_ms: int) -> None:
        """While fills are held a trade still moves the last price, so that stops trigger, but takes nothing."""
        symbol, units = event.symbol, self.feed.units[event.symbol]
        self._traded[symbol] = event.trade_id
        quantity = Decimal(0) if symbol in self._held_until_ms else event.size_lots * units.lot_size
        side: Side = "BUY" if event.buyer_taker else "SELL"
        self.tell(self.engine.on_trade(symbol, event.price_ticks * units.tick_size, quantity, side, now_ms))

    def _mark(self, event: SandboxMark, now_ms: int) -> None:
        """Funding falls due when the next funding time moves on, at the rate announced before."""
        symbol = event.symbol
        due_ms, rate = self._funding.get(symbol, (event.next_funding_ms, 0.0))
        self._funding[symbol] = (event.next_funding_ms, event.funding_rate)
        if due_ms < event.next_funding_ms and due_ms <= now_ms:
            payments, reports = self.engine.on_funding(symbol, Decimal(f"{rate:.8f}"), now_ms)
            for payment in payments:
                for listener in self.funding_listeners:
                    listener(payment)
            self.tell(reports)
        price = Decimal(bybit_wire.mark_price(event.mark_ticks, self.feed.units[symbol]))
        self.tell(self.engine.on_mark(symbol, price, now_ms))

    def _levels(self, symbol: str, levels: tuple[tuple[int, int], ...]) -> list[tuple[Decimal, Decimal]]:
        units = self.feed.units[symbol]
        tick, lot = units.tick_size, units.lot_size
        return [(price * tick, lots * lot) for price, lots in levels]

    def _snapshot(self, symbol: str) -> list[OrderReport]:
        book = self.feed.book(symbol)
        bids, asks = self._levels(symbol, book.bids), self._levels(symbol, book.asks)
        return self.engine.on_book(symbol, bids, asks, self.now_ms())

    def _choose(self) -> None:
        """Follow from now on only the symbols in which the account has something."""
        if self._live:
            held = {position.symbol for position in self.engine.positions(self.account)}
            wanted = held | {report.spec.symbol for report in self.engine.open_orders(self.account)}
            self._live &= wanted

    # --- what the account hears --------------------------------------------------------------------------------------

    def tell(self, reports: Iterable[OrderReport]) -> None:
        """Remember reports and hand them to the listeners, except refusals that changed nothing."""
        for report in reports:
            if report.order_id:
                if _declined(self.orders.get(report.order_id), report):
                    continue
                self.created_ms.setdefault(report.order_id, report.at_ms)
                self.orders[report.order_id] = report
            for listener in self.listeners:
                listener(report)
        if len(self.orders) > 2 * KEEP_ORDERS:
            closed = [order_id for order_id, report in self.orders.items() if report.status not in OPEN]
            for order_id in closed[:KEEP_ORDERS]:
                del self.orders[order_id], self.created_ms[order_id]

    # --- what faults do to the market of the account ------------------------------------------------------------------

    def rests(self, symbol: str) -> bool:
        """Whether nothing of the outside market may fill orders in the symbol now."""
        return symbol in self._held_until_ms or symbol in self.halted

    def hold(self, symbol: str, until_ms: int) -> None:
        """Until then (by the clock, without skew) the engine sees an empty book: limit orders rest, stops still trigger."""
        self._held_until_ms[symbol] = until_ms
        self.tell(self.engine.on_book(symbol, [], [], self.now_ms()))

    def _release(self) -> None:
        now_ms = self.feed.clock.now_ms()
        for symbol in [symbol for symbol, until_ms in self._held_until_ms.items() if now_ms >= until_ms]:
            self.release(symbol)

    def release(self, symbol: str) -> None:
        """End a hold: the engine sees the book again, and what it reaches fills."""
        if self._held_until_ms.pop(symbol, None) is not None:
            self.refresh(symbol)

    @property
    def held(self) -> list[str]:
        """Symbols whose fills are held."""
        return list(self._held_until_ms)

    def halt(self, symbol: str, halted: bool) -> None:
        """Stop or start the symbol at the engine: while halted nothing fills or triggers there."""
        (self.halted.add if halted else self.halted.discard)(symbol)
        self.renew_rules(symbol)
        if not halted:
            self.refresh(symbol)

    def refresh(self, symbol: str) -> None:
        """Show the engine the whole book again, if it follows the symbol and nothing holds it back."""
        if symbol in self._live and not self.rests(symbol):
            self.tell(self._snapshot(symbol))
            self._choose()

    def jump(self, symbol: str) -> None:
        """After a gap: the book at its new place and a trade there, so that stops see it at once."""
        if symbol not in self._live or symbol in self.halted:
            return
        self.refresh(symbol)
        quote, units = self.feed.quote(symbol), self.feed.units[symbol]
        quantity = Decimal(0) if symbol in self._held_until_ms else units.lot_size
        price = quote.bid_ticks * units.tick_size
        self.tell(self.engine.on_trade(symbol, price, quantity, "SELL", self.now_ms()))
        mark = self.feed.mark(symbol)
        if mark is not None:
            self._mark(mark, self.now_ms())
        self._choose()

    def renew_rules(self, symbol: str) -> None:
        """Read the listing's rules again."""
        self.engine.rules[symbol] = listing_rules(self._venue, self.feed, symbol)


def _declined(known: OrderReport | None, report: OrderReport) -> bool:
    """Whether a report only refuses a request about an order that stays as it is."""
    if known is None or not report.reject_code or report.fill is not None:
        return False
    return (known.status, known.filled, known.spec) == (report.status, report.filled, report.spec)
