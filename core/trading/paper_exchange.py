"""The simulated exchange of the paper account: the matching engine, fed by the market that is on the bus.

A symbol's market reaches the engine only while something depends on it: an order that works, an order on its way, a perpetual
position. Its book is the provider's own at each quote, or the quote alone where there is no live book. Without either for
longer than `MARKET_AGE_S` nothing trades: no fill is made up.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from core.bus import Bus
from core.clock import Clock
from core.messages import MarkPrice, Quote, Trade, TradeBatch
from core.settings_trading import Paper
from core.trading.broker import VenuePosition
from core.trading.conventions import BINANCE_US_SPOT, BYBIT_LINEAR, VENUES, Conventions, RefusalKey
from core.trading.fees import Fees
from core.trading.market_events import FundingPayment
from core.trading.market_side import Level
from core.trading.matching import MatchingEngine
from core.trading.matching_state import State
from core.trading.order import ZERO, OrderReport
from core.venue import Instrument, MarketProvider, Rejected

LEVELS = 50
"""Of each side of the provider's book: what an order within all exposure limits can reach."""
MARKET_AGE_S = 10.0
KEEP_ORDERS = 200
"""Closed orders remembered: the state file stays small, and nobody asks for older ones."""


ONE = Decimal(1)
Call = Callable[[MatchingEngine, int], list[OrderReport]]
"""A request, carried out at a time."""


class _Funding(Struct, frozen=True):
    """The funding that is ahead: when, and at what rate."""

    at_ms: int
    rate: float


class PaperExchange:
    """One account's exchange. `tell` hears every report, in order; `paid` every funding payment; `listed` is called once
    another market is on the bus.

    Books are fed as the messages come, so the same messages at the same times give the same reports.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        provider: MarketProvider,
        rules: Callable[[str], Instrument | None],
        account: str,
        *,
        tell: Callable[[list[OrderReport]], None],
        paid: Callable[[FundingPayment], None],
        listed: Callable[[], None] = lambda: None,
    ) -> None:
        self.account = account
        self._clock = clock
        self._provider = provider
        self._rules = rules
        self._tell = tell
        self._paid = paid
        self._listed = listed
        known = (provider.venue, provider.category) in VENUES
        usual = BYBIT_LINEAR if provider.category == "linear" else BINANCE_US_SPOT
        self.conventions: Conventions = VENUES.get((provider.venue, provider.category), usual)
        self._lends_rules = not known
        self._fees = Paper()
        self.engine = self._made({}, Paper())
        self.funded: dict[str, int] = {}
        self._leverage: dict[str, Decimal] = {}
        self._live: set[str] = set()
        self._coming: Counter[str] = Counter()
        self._quotes: dict[str, tuple[Quote, float]] = {}
        self._trades: dict[str, Trade] = {}
        self._marks: dict[str, MarkPrice] = {}
        self._funding: dict[str, _Funding] = {}
        bus.subscribe(Quote, self._on_quote, name="paper.quote")
        bus.subscribe(TradeBatch, self._on_trades, name="paper.trades")
        bus.subscribe(MarkPrice, self._on_mark, name="paper.mark")

    # --- account -----------------------------------------------------------------------------------------------------

    def begin(self, balances: dict[str, Decimal], paper: Paper) -> None:
        """A fresh account."""
        self.engine = self._made({}, paper)
        self.engine.open_account(self.account, balances)
        self.funded, self._leverage = {}, {}
        self._choose()

    def restore(self, state: State, rules: dict[str, Instrument], funded: dict[str, int], paper: Paper) -> None:
        """Go on from what was kept. The venue's newer rules, where it lists a symbol still, come with its first order."""
        self.engine = self._made(rules, paper)
        self.engine.restore(state)
        self.funded = dict(funded)
        self._leverage = {symbol: one.leverage for symbol, one in state.positions.get(self.account, {}).items()}
        self._choose()

    def kept(self) -> tuple[State, dict[str, Instrument]]:
        """The engine's memory without its books, and the rules of the symbols it needs."""
        state = self.engine.snapshot()
        state.books = {}
        needed = {order.spec.symbol for order in state.orders.values() if order.open}
        needed |= {symbol for held in state.positions.values() for symbol, one in held.items() if one.size}
        return state, {symbol: rule for symbol, rule in self.engine.rules.items() if symbol in needed}

    def use(self, paper: Paper) -> None:
        """Fees as they are set now, for every fill to come."""
        if _fees(paper) != _fees(self._fees):
            rules, state = self.engine.rules, self.engine.snapshot()
            self.engine = self._made(rules, paper)
            self.engine.restore(state)

    @property
    def busy(self) -> bool:
        """Whether an order works or is on its way, or a perpetual position is held."""
        return bool(self._live or self._coming)

    def positions(self, *, flat: bool = False) -> tuple[VenuePosition, ...]:
        """Perpetual positions; with `flat`, also the settings of every symbol whose market is on the bus."""
        if self._provider.category != "linear":
            return ()
        held = {view.symbol: view for view in self.engine.positions(self.account)}
        found = [
            VenuePosition(
                symbol=symbol, size=view.size, entry_price=view.entry_price, mark_price=view.mark_price,
                liquidation_price=view.liquidation_price, leverage=view.leverage, margin=view.margin,
                margin_mode="isolated", position_mode="one-way",
            )
            for symbol, view in held.items()
        ]  # fmt: skip
        for symbol in sorted(self._quotes.keys() - held.keys()) if flat else ():
            leverage = self._leverage.get(symbol, ONE)
            found.append(
                VenuePosition(
                    symbol=symbol, size=ZERO, leverage=leverage, margin_mode="isolated", position_mode="one-way"
                )
            )
        return tuple(found)

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """Leverage of a symbol from now on. Raises `Rejected`."""
        self._refresh(symbol)
        if symbol not in self.engine.rules:
            raise self._rejected("SYMBOL")
        self._hand(self.engine.set_leverage(self.account, symbol, leverage, self._clock.now_ms()))
        self._leverage[symbol] = leverage

    # --- requests ----------------------------------------------------------------------------------------------------

    def expect(self, symbol: str) -> None:
        """A request about this symbol is on its way: its market is followed from now on."""
        self._coming[symbol] += 1
        self._wake(symbol)

    def arrived(self, symbol: str) -> None:
        """The request was carried out, or never will be."""
        self._coming -= Counter((symbol,))
        self._choose()

    def act(self, symbol: str, call: Call) -> list[OrderReport]:
        """Carry out a request about this symbol on the market as it is now; its reports are told and returned."""
        self._refresh(symbol)
        reports = call(self.engine, self._clock.now_ms())
        self._hand(reports)
        return reports

    # --- the market --------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let time pass: funding that fell due."""
        for symbol in sorted(self._live & self._funding.keys()):
            self._fund(symbol)

    def _on_quote(self, quote: Quote) -> None:
        new = quote.symbol not in self._quotes
        self._quotes[quote.symbol] = (quote, self._clock.monotonic())
        if new:
            self._listed()
        if quote.symbol in self._live:
            self._book(quote.symbol)

    def _on_trades(self, batch: TradeBatch) -> None:
        symbol = batch.symbol
        if batch.trades:
            self._trades[symbol] = batch.trades[-1]
        if symbol in self._live:
            for trade in batch.trades:
                self._trade(symbol, trade)

    def _on_mark(self, mark: MarkPrice) -> None:
        symbol = mark.symbol
        self._marks[symbol] = mark
        if symbol in self._live:
            self._hand(self.engine.on_mark(symbol, _exact(mark.mark), self._clock.now_ms()))
            self._fund(symbol)
        if math.isfinite(mark.funding_rate) and mark.next_funding_ms > 0:
            self._funding[symbol] = _Funding(mark.next_funding_ms, mark.funding_rate)

    def _fund(self, symbol: str) -> None:
        """Settle the funding that was ahead, once, when its time has come by the venue's clock."""
        due = self._funding.get(symbol)
        if due is None or due.at_ms > self._provider.venue_now_ms() or due.at_ms <= self.funded.get(symbol, 0):
            return
        self.funded[symbol] = due.at_ms
        payments, reports = self.engine.on_funding(symbol, _exact(due.rate), self._clock.now_ms())
        self._hand(reports)
        for payment in payments:
            self._paid(payment)

    def _wake(self, symbol: str) -> None:
        """Bring the engine up to date with a symbol it did not follow."""
        if symbol in self._live:
            return
        ahead = self._funding.get(symbol)
        if ahead is not None and ahead.at_ms <= self._provider.venue_now_ms():
            self.funded[symbol] = ahead.at_ms  # nothing was held when it fell due
        self._refresh(symbol)
        self._choose()

    def _refresh(self, symbol: str) -> None:
        """The newest rules, last trade, mark and book of a symbol."""
        rule = self._rules(symbol)
        if rule is not None:
            self.engine.rules[symbol] = replace(rule, oco_allowed=self.conventions.oco) if self._lends_rules else rule
        if symbol not in self.engine.rules:
            return
        if symbol not in self._live:
            if symbol in self._trades:
                self._trade(symbol, self._trades[symbol])
            if symbol in self._marks:
                self._hand(self.engine.on_mark(symbol, _exact(self._marks[symbol].mark), self._clock.now_ms()))
        self._book(symbol)

    def _trade(self, symbol: str, trade: Trade) -> None:
        price, size = _exact(trade.price), _exact(trade.size)
        self._hand(self.engine.on_trade(symbol, price, size, trade.side, self._clock.now_ms()))

    def _book(self, symbol: str) -> None:
        bids, asks = self._levels(symbol)
        self._hand(self.engine.on_book(symbol, bids, asks, self._clock.now_ms()))

    def _levels(self, symbol: str) -> tuple[list[Level], list[Level]]:
        ladder = self._provider.ladder(symbol, LEVELS)
        quote, at = self._quotes.get(symbol, (None, -math.inf))
        if quote is None or self._clock.monotonic() - at > MARKET_AGE_S:
            return [], []
        if ladder is not None:
            return _decimals(ladder.bids), _decimals(ladder.asks)
        return _decimals(((quote.bid, quote.bid_size),)), _decimals(((quote.ask, quote.ask_size),))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _hand(self, reports: list[OrderReport]) -> None:
        if reports:
            self._choose()
            self._tell(reports)

    def _choose(self) -> None:
        """Follow what something depends on, and no more."""
        needed = {report.spec.symbol for report in self.engine.open_orders(self.account)}
        needed |= {position.symbol for position in self.engine.positions(self.account)}
        self._live = (needed | set(self._coming)) & self.engine.rules.keys()

    def _rejected(self, key: RefusalKey) -> Rejected:
        refusal = self.conventions.refusal(key)
        return Rejected(refusal.reason, refusal.code)

    def _made(self, rules: dict[str, Instrument], paper: Paper) -> MatchingEngine:
        self._fees = paper
        maker, taker = _fees(paper)
        placeholder = Instrument(
            venue=self._provider.venue, category=self._provider.category, symbol="", base="", quote="", status="",
            trading=False, tick_size=Decimal(1), lot_size=Decimal(1),
        )  # fmt: skip
        return MatchingEngine(
            {"": placeholder} | rules,
            Fees(maker=maker, taker=taker),
            conventions=self.conventions,
            keep_closed=KEEP_ORDERS,
        )


def _fees(paper: Paper) -> tuple[Decimal, Decimal]:
    """Maker and taker fee as fractions."""
    return _exact(paper.maker_fee_percent) / 100, _exact(paper.taker_fee_percent) / 100


def _exact(value: float) -> Decimal:
    """A number of the feed as the venue wrote it: the shortest text that gives this float is what it was read from."""
    return Decimal(repr(float(value)))


def _decimals(levels: tuple[tuple[float, float], ...]) -> list[Level]:
    return [(_exact(price), _exact(size)) for price, size in levels]
