"""From a wish to a plan and a draft: prices on the tick, a size from the risk settings, targets, stop, and what the gates ask.

Nothing is sent here and nothing is authorised. What cannot be planned is refused in words.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Protocol

from msgspec import Struct

from core.bus import Bus
from core.clock import Clock
from core.messages import Analysis, Confluence, Metrics, OpenTrade, Quote, Side
from core.risk.position_math import sign
from core.risk.sizing import Size
from core.risk.view import PlanView
from core.settings_live import LiveSettings
from core.trading.draft import OrderDraft
from core.trading.order import ZERO, OrderSpec
from core.trading.plan import Target, TradePlan
from core.venue import Instrument

ONE = Decimal(1)


class Unfit(Exception):
    """The wish cannot be planned; the words name the thing, the value and the remedy."""


class NoEdge(Unfit):
    """Everything fits, but what is known of the chances gives no size. Who gives one of their own may have the plan."""


class Proposal(Struct, frozen=True):
    """A plan and the entry that begins it."""

    plan: TradePlan
    draft: OrderDraft


class Accountant(Protocol):
    """Who knows what the account may do."""

    def size(
        self, symbol: str, side: Side, entry: Decimal, stop: Decimal, *, market: bool, probability: float, payoff: float
    ) -> Size:
        """The size the risk settings allow."""

    def costs(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Fee and slippage of the way in and of the way out, as shares of the notional."""

    def liquidation(self, symbol: str, side: Side, quantity: Decimal, entry: Decimal) -> Decimal | None:
        """Where a position of this size would be liquidated; None: not known, or spot."""


class Opening:
    """Keeps the newest quote, analysis and probability of each symbol, and plans trades with them."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        live: LiveSettings,
        accountant: Accountant,
        *,
        perpetual: bool,
        stop_orders: int = 1,
    ) -> None:
        self._clock = clock
        self._live = live
        self._accountant = accountant
        self._perpetual = perpetual
        self._stop_orders = stop_orders
        self._quotes: dict[str, Quote] = {}
        self._analyses: dict[str, Analysis] = {}
        self._confluences: dict[str, Confluence] = {}
        self._metrics: dict[str, Metrics] = {}
        bus.subscribe(Quote, self._on_quote, name="opening.quote")
        bus.subscribe(Analysis, self._on_analysis, name="opening.analysis")
        bus.subscribe(Confluence, self._on_confluence, name="opening.confluence")
        bus.subscribe(Metrics, self._on_metrics, name="opening.metrics")

    def propose(self, wanted: OpenTrade, rule: Instrument | None, client_id: str, by: str = "operator") -> Proposal:
        """The plan and the entry, ready to be gated. Raises `Unfit`."""
        if rule is None:
            raise Unfit(f"{wanted.symbol} is not listed here; choose a watched market")
        quote = self._quotes.get(wanted.symbol)
        if quote is None or not (quote.bid > 0 and quote.ask > 0):
            raise Unfit(f"{wanted.symbol} has no quote yet; wait for one")
        mid = (_exact(quote.bid) + _exact(quote.ask)) / 2
        market = wanted.entry == ZERO
        entry = self._entry(wanted, rule, quote)
        stop = _on_tick(wanted.stop, rule.tick_size, up=wanted.side == "BUY")
        _check_stop(wanted, rule, entry, stop)
        targets = self._targets(wanted, rule, entry)
        cost_in, cost_out = self._accountant.costs(wanted.symbol)
        ratio = _net_ratio(entry, stop, targets[0].price, cost_in, cost_out)
        probability = self._probability(wanted.symbol, wanted.side)
        quantity, loss = self._quantity(wanted, rule, entry, stop, ratio, probability)
        spec = OrderSpec(
            client_id=client_id,
            symbol=wanted.symbol,
            side=wanted.side,
            type="MARKET" if market else "LIMIT",
            quantity=quantity,
            price=ZERO if market else entry,
            post_only=wanted.post_only and not market,
        )
        trading, metrics = self._live.current.trading, self._metrics.get(wanted.symbol)
        atr = _exact(metrics.atr) if metrics is not None and math.isfinite(metrics.atr) else ZERO
        plan = TradePlan(
            at_ms=self._clock.now_ms(),
            trade_id=client_id,
            symbol=wanted.symbol,
            side=wanted.side,
            quantity=quantity,
            entry=spec.price,
            stop=stop,
            targets=targets,
            atr=atr,
            time_stop_ms=round(trading.time_stop_min * 60_000),
            round_trip_cost=(cost_in + cost_out) * entry,
            probability=probability if probability is not None else math.nan,
            net_ratio=ratio,
            reasons=self._reasons(wanted.symbol, wanted.side),
            by=by,
        )
        view = PlanView(
            confirmed_price=mid,
            stop=stop,
            stop_quantity=quantity,
            stop_at_venue=True,
            stop_orders=self._stop_orders,
            loss_per_unit=loss,
            net_ratio=ratio,
            probability=probability,
            liquidation=self._accountant.liquidation(wanted.symbol, wanted.side, quantity, entry),
        )
        draft = OrderDraft(intent_id=f"open {client_id}", act="ENTRY", purpose="ENTRY", spec=spec, plan=view)
        return Proposal(plan, draft)

    # --- what is known of a symbol -----------------------------------------------------------------------------------

    def quote(self, symbol: str) -> Quote | None:
        """The newest quote; None: there is none yet."""
        return self._quotes.get(symbol)

    def confluence(self, symbol: str) -> Confluence | None:
        """The newest view of the decision timeframe."""
        return self._confluences.get(symbol)

    def analysis(self, symbol: str) -> Analysis | None:
        """The newest analysis that was completed, unless it has expired."""
        analysis = self._analyses.get(symbol)
        if analysis is None or 0 < analysis.expires_ms <= self._clock.now_ms():
            return None
        return analysis

    def atr(self, symbol: str) -> Decimal | None:
        """ATR of the decision timeframe, in price; None: not known yet."""
        metrics = self._metrics.get(symbol)
        return _exact(metrics.atr) if metrics is not None and math.isfinite(metrics.atr) and metrics.atr > 0 else None

    # --- parts of a plan ---------------------------------------------------------------------------------------------

    @staticmethod
    def _entry(wanted: OpenTrade, rule: Instrument, quote: Quote) -> Decimal:
        """The price it is planned at: the limit on the tick, never better than asked for, or the far side of the quote."""
        if wanted.entry == ZERO:
            return _exact(quote.ask if wanted.side == "BUY" else quote.bid)
        return _on_tick(wanted.entry, rule.tick_size, up=wanted.side == "SELL")

    def _targets(self, wanted: OpenTrade, rule: Instrument, entry: Decimal) -> tuple[Target, ...]:
        if not wanted.targets:
            raise Unfit(f"{wanted.symbol} has no target; give at least one price to take profit at")
        direction = sign(wanted.side)
        prices = [_on_tick(price, rule.tick_size, up=wanted.side == "SELL") for price in wanted.targets]
        away = [direction * (price - entry) for price in prices]
        if away[0] <= ZERO or away != sorted(set(away)):
            told = ", ".join(f"{price:f}" for price in prices)
            raise Unfit(f"{wanted.symbol} targets {told} must go away from the entry {entry:f}, nearest first")
        shares = self._live.current.trading.target_shares
        if len(prices) == 1 and not self._trails():
            return (Target(prices[0], ONE),)
        given = [_exact(share) for share in shares[: len(prices)]]
        rest = ONE - sum(given, ZERO)
        targets = [Target(price, share) for price, share in zip(prices, given, strict=False)]
        if len(prices) > len(given):  # the last target takes what the shares leave
            targets.append(Target(prices[len(given)], rest))
        elif not self._trails():
            targets[-1] = Target(targets[-1].price, targets[-1].share + rest)
        return tuple(targets)

    def _trails(self) -> bool:
        return self._live.current.trading.trail_after_r > 0

    def _quantity(
        self,
        wanted: OpenTrade,
        rule: Instrument,
        entry: Decimal,
        stop: Decimal,
        ratio: float,
        probability: float | None,
    ) -> tuple[Decimal, Decimal]:
        """The quantity on the lot and what a unit of it loses at the stop."""
        size = self._accountant.size(
            wanted.symbol,
            wanted.side,
            entry,
            stop,
            market=wanted.entry == ZERO,
            probability=probability if probability is not None else math.nan,
            payoff=ratio,
        )
        if wanted.quantity == ZERO:
            if size.quantity == ZERO:
                unfit = NoEdge if size.bound == "KELLY" else Unfit
                raise unfit(f"{wanted.symbol}: no size is allowed: {size.refused}")
            return size.quantity, size.loss_per_unit
        cost_in, cost_out = self._accountant.costs(wanted.symbol)
        lot = rule.lot_size
        if wanted.quantity < ZERO or (lot and wanted.quantity % lot):
            raise Unfit(
                f"{wanted.symbol} quantity {wanted.quantity:f} is no multiple of the lot {lot:f}; round it down"
            )
        return wanted.quantity, abs(entry - stop) + cost_in * entry + cost_out * stop

    def _probability(self, symbol: str, side: Side) -> float | None:
        """P(target before stop) of the newest analysis of this side, else P of the confluence; None: nothing is known."""
        analysis = self._analyses.get(symbol)
        if (
            analysis is not None
            and analysis.side == side
            and math.isfinite(analysis.p_trade)
            and not 0 < analysis.expires_ms <= self._clock.now_ms()
        ):
            return analysis.p_trade
        view = self._confluences.get(symbol)
        if view is None or not math.isfinite(view.probability):
            return None
        return view.probability if side == "BUY" else 1.0 - view.probability

    def _reasons(self, symbol: str, side: Side) -> tuple[str, ...]:
        analysis = self._analyses.get(symbol)
        if analysis is not None and analysis.recommendation == side and analysis.reasons:
            return analysis.reasons
        view = self._confluences.get(symbol)
        speaks_for_it = (
            view is not None and view.state in ("HOLD", side) and (view.probability >= 0.5) == (side == "BUY")
        )
        return view.reasons if view is not None and speaks_for_it else ()

    # --- what is heard -----------------------------------------------------------------------------------------------

    def _on_quote(self, quote: Quote) -> None:
        self._quotes[quote.symbol] = quote

    def _on_analysis(self, analysis: Analysis) -> None:
        if analysis.stage2_status == "completed":
            self._analyses[analysis.symbol] = analysis

    def _on_confluence(self, confluence: Confluence) -> None:
        if confluence.decides:
            self._confluences[confluence.symbol] = confluence

    def _on_metrics(self, metrics: Metrics) -> None:
        self._metrics[metrics.symbol] = metrics


def _exact(value: float) -> Decimal:
    return Decimal(repr(float(value)))


def _on_tick(price: Decimal, tick: Decimal, *, up: bool) -> Decimal:
    if not tick:
        return price
    return (price / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * tick


def _check_stop(wanted: OpenTrade, rule: Instrument, entry: Decimal, stop: Decimal) -> None:
    if stop <= ZERO or sign(wanted.side) * (entry - stop) <= ZERO:
        raise Unfit(
            f"{wanted.symbol} stop {wanted.stop:f} is not behind the entry {entry:f} of a {wanted.side}; move it"
        )
    if wanted.side == "SELL" and rule.category == "spot":
        raise Unfit(f"{wanted.symbol} is spot: it cannot be sold short; only positions of ours can be closed")


def _net_ratio(entry: Decimal, stop: Decimal, target: Decimal, cost_in: Decimal, cost_out: Decimal) -> float:
    """Reward over risk at the first target, net of costs both ways."""
    risk = abs(entry - stop) + cost_in * entry + cost_out * stop
    reward = abs(target - entry) - cost_in * entry - cost_out * target
    return float(reward / risk)
