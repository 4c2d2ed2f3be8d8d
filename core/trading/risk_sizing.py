"""What a size is made of, gathered from market, account and limits; the arithmetic is `core.risk.sizing`."""

from __future__ import annotations

import math
from decimal import Decimal

from core.messages import Side
from core.risk import drawdown
from core.risk.heat import same_bets
from core.risk.limits import exact
from core.risk.liquidation import Bracket, liquidation_price
from core.risk.position_math import Pending, sign
from core.risk.sizing import Size, SizingInputs, size
from core.risk.view import Held
from core.screening.costs import SLIPPAGE_FLOOR, fee_of
from core.settings_live import LiveSettings
from core.settings_risk import RiskSettings
from core.trading.order import ZERO
from core.trading.risk_account import RiskAccount, Waiting
from core.trading.risk_market import RiskMarket
from core.venue import Instrument

NAN = Decimal("NaN")
ONE = Decimal(1)
DEPTH_REACH = 0.001
"""The depth counted: within 10 basis points of the best price."""
LOWER_80 = 0.8416212335729143
"""One-sided 80 % quantile of the normal distribution."""
FEWEST_OUTCOMES = 30
"""A probability nothing was learnt about counts as if so many outcomes stood behind it."""
LEAST_MAINTENANCE = Decimal("0.005")


class RiskSizing:
    """Sizes, costs and liquidation prices for one account."""

    def __init__(self, live: LiveSettings, market: RiskMarket, account: RiskAccount, category: str) -> None:
        self._live = live
        self._market = market
        self._account = account
        self._category = category

    def costs(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Way in and way out, as shares of the notional: taker fee (the account's own where it is told), half the spread, slip."""
        fee = self._account.taker_fee
        if fee is None:
            fee = exact(fee_of(self._category, self._live.current.screening))
        best = self._market.best(symbol)
        half = (best[1] - best[0]) / (best[1] + best[0]) if best is not None and best[0] > ZERO else ZERO
        cost = fee + max(ZERO, half) + exact(SLIPPAGE_FLOOR)
        return cost, cost

    def liquidation(
        self, symbol: str, side: Side, quantity: Decimal, entry: Decimal, rule: Instrument | None
    ) -> Decimal | None:
        """Of a new isolated position. The maintenance rate is half of what the highest leverage asks for, 0.5 % at least."""
        leverage = self._account.leverage(symbol)
        if self._category != "linear" or leverage is None or rule is None or not quantity > ZERO:
            return None
        rate = ONE / (2 * rule.max_leverage) if rule.max_leverage > ZERO else LEAST_MAINTENANCE
        bracket = Bracket(up_to=ZERO, rate=max(rate, LEAST_MAINTENANCE))
        return liquidation_price(side, quantity, entry, quantity * entry / leverage, (bracket,))

    def size(
        self,
        symbol: str,
        side: Side,
        entry: Decimal,
        stop: Decimal,
        *,
        market: bool,
        probability: float,
        payoff: float,
        outcomes: float,
        rule: Instrument,
        limits: RiskSettings,
        held: tuple[Held, ...],
        waiting: Waiting,
        share_lost: Decimal | None,
    ) -> Size:
        """What the limits allow; what is not known is not a number, and the size is refused in words."""
        equity = self._account.equity(held) if self._account.counts(rule.settle or rule.quote) else None
        worth = equity if equity is not None else NAN
        alike, total = self._exposed(symbol, side, limits, held, waiting.pending)
        lever = self._lever(symbol, limits)
        free = self._account.free(rule)
        unseen = waiting.unseen
        room = (free - unseen) * lever if free is not None and unseen is not None else NAN
        minute, annual = self._market.bars.minute(symbol), self._market.bars.annual_volatility(symbol)
        depth = self._market.depth(symbol, side == "BUY", DEPTH_REACH)
        cost_in, cost_out = self.costs(symbol)
        throttle = NAN
        if share_lost is not None:
            throttle = drawdown.throttle(share_lost, exact(limits.drawdown_throttle), exact(limits.drawdown_halt))
        return size(
            SizingInputs(
                side=side,
                instrument=rule,
                market=market,
                entry=entry,
                stop=stop,
                equity=worth,
                risk_share=exact(limits.risk_per_trade),
                entry_cost=cost_in,
                exit_cost=cost_out,
                probability=lower_bound(probability, outcomes),
                payoff=payoff,
                volatility=exact(annual) if annual is not None else NAN,
                volatility_target=exact(limits.volatility_target),
                leverage=lever,
                depth=depth if depth is not None else NAN,
                depth_share=exact(limits.depth_share),
                minute_volume=exact(minute.volume) if minute is not None else NAN,
                volume_share=exact(limits.volume_share),
                order_room=exact(limits.order_exposure) * worth,
                symbol_room=exact(limits.symbol_exposure) * worth - alike,
                total_room=exact(limits.total_exposure) * worth - total,
                balance=room,
                throttle=throttle,
            )
        )

    def _lever(self, symbol: str, limits: RiskSettings) -> Decimal:
        """1 on spot; on perpetuals what is set at the venue, at most the limit; not a number while that is not known."""
        if self._category != "linear":
            return ONE
        leverage = self._account.leverage(symbol)
        return min(leverage, exact(limits.max_leverage)) if leverage is not None else NAN

    def _exposed(
        self,
        symbol: str,
        side: Side,
        limits: RiskSettings,
        held: tuple[Held, ...],
        pending: tuple[Pending, ...] | None,
    ) -> tuple[Decimal, Decimal]:
        """Notional of this symbol and its same bets, and of everything, held and about to be entered."""
        if pending is None:
            return NAN, NAN
        entries = [one for one in pending if one.entry]
        directions = [(one.symbol, 1 if one.quantity > ZERO else -1) for one in held]
        directions += [(one.symbol, sign(one.side)) for one in entries]
        known = self._market.correlations({symbol, *(name for name, _ in directions)})
        alike = {symbol, *same_bets(symbol, sign(side), directions, known, limits.same_bet)}
        worths = [(one.symbol, abs(one.quantity) * one.price) for one in held]
        worths += [(one.symbol, one.quantity * one.price) for one in entries]
        same = sum((worth for name, worth in worths if name in alike), ZERO)
        return same, sum((worth for _, worth in worths), ZERO)


def lower_bound(probability: float, outcomes: float) -> float:
    """Lower 80 % bound of a share seen in so many outcomes (normal approximation); NaN stays NaN."""
    if not 0.0 <= probability <= 1.0:
        return math.nan
    count = max(outcomes, FEWEST_OUTCOMES) if math.isfinite(outcomes) else FEWEST_OUTCOMES
    return max(0.0, probability - LOWER_80 * math.sqrt(probability * (1.0 - probability) / count))
