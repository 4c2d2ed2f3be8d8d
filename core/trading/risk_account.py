"""The account as the gates ask for it: money, what may still fill, what is locked; from the venue's word and our records.

Money is counted in one currency. Dollars and the coins that stand for them count as one, at par; of an order quoted in
anything else the equity is not known, and the gates deny it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from core.risk.gates_order import TRIGGERED
from core.risk.limits import exact
from core.risk.locks import Lock
from core.risk.position_math import Pending
from core.risk.view import AccountView, Held
from core.settings_live import LiveSettings
from core.settings_risk import RiskSettings
from core.trading.broker import AccountSnapshot, VenueBalance, VenuePosition
from core.trading.order import ZERO
from core.trading.order_record import OrderRecord
from core.trading.risk_market import RiskMarket
from core.trading.states import DONE
from core.venue import Instrument

DOLLARS = ("USDT", "USD", "USDC", "FDUSD", "TUSD", "BUSD", "PYUSD", "DAI")
ONE = Decimal(1)


class Waiting(Struct, frozen=True):
    """What the records say may still happen. `pending` None: an entry's price or risk is not known."""

    pending: tuple[Pending, ...] | None
    locks: tuple[Lock, ...]
    unseen: Decimal | None
    orders: dict[str, int]
    stops: dict[str, int]


class RiskAccount:
    """Balances and positions as the venue told them last."""

    def __init__(self, live: LiveSettings, market: RiskMarket, category: str) -> None:
        self.taker_fee: Decimal | None = None
        self.version = 0
        """Grows with everything the venue tells."""
        self.loss_per_unit: dict[str, Decimal] = {}
        """What a unit of each entry loses at its stop, by client id."""
        self._live = live
        self._market = market
        self.perpetual = category == "linear"
        self._balances: dict[str, VenueBalance] | None = None
        self._positions: dict[str, VenuePosition] = {}
        self._dollar = ""

    # --- the venue's word --------------------------------------------------------------------------------------------

    def on_snapshot(self, snapshot: AccountSnapshot) -> None:
        """Everything, read now."""
        self._balances = dict(snapshot.balances)
        self._positions = {position.symbol: position for position in snapshot.positions}
        self.taker_fee = snapshot.taker_fee
        self.version += 1

    def on_change(self, balances: Mapping[str, VenueBalance], positions: Iterable[VenuePosition]) -> None:
        """Absolute values of what changed."""
        if self._balances is not None:
            self._balances.update(balances)
        self._positions.update({position.symbol: position for position in positions})
        self.version += 1

    # --- money -------------------------------------------------------------------------------------------------------

    @property
    def asset(self) -> str:
        """The currency money is counted in: the dollar there is most of, else the first quote asset of the settings; empty:
        not known.
        """
        held = {asset: balance.free + balance.locked for asset, balance in (self._balances or {}).items()}
        dollars = [asset for asset in DOLLARS if held.get(asset, ZERO) > ZERO]
        if dollars:
            if self._dollar not in dollars:  # kept while there is any: a purchase must not change what is counted in
                self._dollar = max(dollars, key=lambda asset: held[asset])
            return self._dollar
        current = self._live.current
        return next((asset for asset in (current.paper.asset, *current.market.quote_assets) if asset in held), "")

    def counts(self, asset: str) -> bool:
        """Whether amounts of this asset are money as it is counted here."""
        own = self.asset
        return bool(own) and (asset == own or (asset in DOLLARS and own in DOLLARS))

    def equity(self, held: Iterable[Held]) -> Decimal | None:
        """Money, and what positions are worth. On spot: of our own positions; coins held before are none of it."""
        if self._balances is None or not self.asset:
            return None
        money = sum((one.free + one.locked for asset, one in self._balances.items() if self.counts(asset)), ZERO)
        if not self.perpetual:
            return money + sum((one.quantity * one.price for one in held), ZERO)
        for position in self._positions.values():
            if position.size == ZERO:
                continue
            mark = self._market.mark(position.symbol) or position.mark_price
            if not (mark > ZERO and position.entry_price > ZERO):
                return None
            money += position.size * (mark - position.entry_price)
        return money

    def free(self, rule: Instrument | None) -> Decimal | None:
        """What of the asset an order of this symbol is paid in may be used."""
        if rule is None or self._balances is None:
            return None
        return self._balances.get(rule.settle or rule.quote, VenueBalance(ZERO)).free

    @property
    def balances(self) -> tuple[tuple[str, Decimal, Decimal], ...]:
        """(asset, free, locked) of everything there is."""
        known = sorted((self._balances or {}).items())
        return tuple((asset, one.free, one.locked) for asset, one in known if one.free or one.locked)

    def leverage(self, symbol: str) -> Decimal | None:
        """As set at the venue; None: not known."""
        position = self._positions.get(symbol)
        return position.leverage if position is not None and position.leverage > ZERO else None

    def margin(
        self, symbol: str
    ) -> tuple[Decimal | None, Literal["isolated", "cross"] | None, Literal["one-way", "hedge"] | None]:
        """Leverage, margin mode and position mode as set at the venue; None: not known."""
        position = self._positions.get(symbol)
        if position is None:
            return None, None, None
        return self.leverage(symbol), position.margin_mode, position.position_mode

    # --- our records -------------------------------------------------------------------------------------------------

    def waiting(self, records: Iterable[OrderRecord], limits: RiskSettings) -> Waiting:
        """One pass over the records."""
        pending: list[Pending] = []
        known = True
        locks: list[Lock] = []
        unseen: Decimal | None = ZERO
        orders: dict[str, int] = {}
        stops: dict[str, int] = {}
        slip = exact(limits.market_slippage)
        for record in records:
            if record.state in DONE and not record.quarantine:
                continue
            spec = record.intent.spec
            if record.state == "UNKNOWN":
                locks.append(Lock(symbol=spec.symbol, reason=f"order {record.client_id} is unknown"))
            elif record.quarantine:
                reason = f"order {record.client_id} is in quarantine, {record.quarantine}"
                locks.append(Lock(symbol=spec.symbol, reason=reason))
            if not record.may_fill:
                continue
            orders[spec.symbol] = orders.get(spec.symbol, 0) + 1
            stops[spec.symbol] = stops.get(spec.symbol, 0) + (spec.type in TRIGGERED)
            one = self._pending(record, slip)
            known = known and one is not None
            if one is not None:
                pending.append(one)
            if not record.exists and (spec.side == "BUY" or self.perpetual) and record.intent.purpose == "ENTRY":
                cost = self._cost(one) if one is not None else None
                unseen = unseen + cost if unseen is not None and cost is not None else None
        return Waiting(tuple(pending) if known else None, tuple(locks), unseen, orders, stops)

    def view(
        self, symbol: str, rule: Instrument | None, held: tuple[Held, ...] | None, waiting: Waiting | None
    ) -> AccountView:
        """Of an order of this symbol."""
        leverage, margin_mode, position_mode = self.margin(symbol)
        pending = waiting.pending if waiting is not None else None
        symbols = {symbol, *(one.symbol for one in held or ()), *(one.symbol for one in pending or ())}
        counted = rule is not None and self.counts(rule.settle or rule.quote)
        return AccountView(
            equity=self.equity(held) if counted and held is not None else None,
            free_quote=self.free(rule),
            unseen_quote=waiting.unseen if waiting is not None else None,
            positions=held,
            pending=pending,
            open_orders=waiting.orders.get(symbol, 0) if waiting is not None else None,
            open_stops=waiting.stops.get(symbol, 0) if waiting is not None else None,
            leverage=leverage,
            margin_mode=margin_mode,
            position_mode=position_mode,
            correlations=self._market.correlations(symbols),
        )

    def _pending(self, record: OrderRecord, slip: Decimal) -> Pending | None:
        """The order as it may still fill; None: a price or a risk of an entry is not known."""
        spec, entry = record.intent.spec, record.intent.purpose == "ENTRY"
        price = self._worst_price(record, slip)
        risk = self.loss_per_unit.get(record.client_id)
        if entry and (price is None or risk is None):
            return None
        quantity = record.remaining
        if spec.quote_quantity > ZERO:
            if price is None:
                return None
            quantity = spec.quote_quantity / price
        return Pending(
            client_id=record.client_id,
            symbol=spec.symbol,
            side=spec.side,
            quantity=quantity,
            price=price or ZERO,
            entry=entry,
            risk=risk * quantity if entry and risk is not None else ZERO,
            venue_reduces=spec.reduce_only and self.perpetual,
            list_id=spec.list_id,
        )

    def _worst_price(self, record: OrderRecord, slip: Decimal) -> Decimal | None:
        """The dearest it may fill at."""
        spec = record.intent.spec
        if spec.side == "BUY" and spec.price > ZERO:
            return spec.price
        best = self._market.best(spec.symbol)
        near = best[1 if spec.side == "BUY" else 0] if best is not None else ZERO
        if spec.price > ZERO:
            return max(spec.price, spec.stop_price, near)
        known = max(spec.stop_price, near) if spec.side == "SELL" else spec.stop_price or near
        return known * (ONE + slip) if known > ZERO else None

    def _cost(self, one: Pending) -> Decimal | None:
        worth = one.quantity * one.price
        if not self.perpetual:
            return worth
        leverage = self.leverage(one.symbol)
        return worth / leverage if leverage is not None else None
