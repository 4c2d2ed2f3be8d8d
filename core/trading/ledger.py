"""What each asset's balance should be: the venue's last word plus what our own fills moved since. Spot only.

A balance that went another way was moved by somebody else: a trade on the website, a deposit, a withdrawal. Fees are taken
from the asset the venue names with each fill.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

from core.risk.verdict import written
from core.trading.broker import VenueBalance
from core.trading.differences import Difference
from core.trading.order import ZERO, Fill
from core.venue import Instrument

DUST_SHARE = Decimal("0.000001")
"""Of the balance: venues round fees and quote amounts in places of their own."""


class Holding(Protocol):
    """A position."""

    @property
    def quantity(self) -> Decimal:
        """Signed, in base."""


class Ledger:
    """Expected totals (free and locked together) by asset."""

    def __init__(self, rules: Callable[[str], Instrument | None]) -> None:
        self._rules = rules
        self._believed: dict[str, Decimal] | None = None
        self._venues: dict[str, Decimal] = {}
        self._lots: dict[str, Decimal] = {}
        self.fills = 0
        """How many were heard: tells whether something traded between two looks."""

    def fill(self, fill: Fill) -> None:
        """An execution of ours."""
        self.fills += 1
        rule = self._rules(fill.symbol)
        if self._believed is None or rule is None:
            return
        sign = 1 if fill.side == "BUY" else -1
        self._move(rule.base, sign * fill.quantity)
        self._move(rule.quote, -sign * fill.quantity * fill.price)
        if fill.fee_asset:
            self._move(fill.fee_asset, -fill.fee)
        self._lots[rule.base] = max(self._lots.get(rule.base, ZERO), rule.lot_size)

    def believe(self, balances: Mapping[str, VenueBalance]) -> None:
        """The venue's word is what is expected from now on."""
        self._believed = _totals(balances)

    def accept(self, asset: str) -> None:
        """The operator takes the venue's balance of this asset as it is."""
        if self._believed is not None:
            self._believed[asset] = self._venues.get(asset, ZERO)

    def differences(self, balances: Mapping[str, VenueBalance]) -> list[Difference]:
        """Assets that went another way than our fills. Nothing is known before the first look."""
        self._venues = _totals(balances)
        if self._believed is None:
            return []
        found = []
        for asset in sorted(self._believed.keys() | self._venues.keys()):
            expected, there = self._believed.get(asset, ZERO), self._venues.get(asset, ZERO)
            if abs(there - expected) > self.dust(asset):
                ours, venues = written(expected), written(there)
                text = (
                    f"{asset}: {ours} expected from our own fills, the venue has {venues}: traded, deposited or withdrawn "
                    "elsewhere; accept it if that was you"
                )
                found.append(Difference(f"BALANCE {asset}", "BALANCE", asset, ours, venues, text))
        return found

    def held(self, positions: Mapping[str, Holding]) -> dict[str, Decimal]:
        """Base coins our positions hold, by asset."""
        found: dict[str, Decimal] = {}
        for symbol, position in positions.items():
            rule = self._rules(symbol)
            if rule is not None and position.quantity > ZERO:
                found[rule.base] = found.get(rule.base, ZERO) + position.quantity
                self._lots[rule.base] = max(self._lots.get(rule.base, ZERO), rule.lot_size)
        return found

    def dust(self, asset: str) -> Decimal:
        """Differences up to this are rounding."""
        size = max(self._venues.get(asset, ZERO), (self._believed or {}).get(asset, ZERO))
        return max(size * DUST_SHARE, self._lots.get(asset, ZERO))

    def _move(self, asset: str, amount: Decimal) -> None:
        assert self._believed is not None
        self._believed[asset] = self._believed.get(asset, ZERO) + amount


def _totals(balances: Mapping[str, VenueBalance]) -> dict[str, Decimal]:
    return {asset: balance.free + balance.locked for asset, balance in balances.items()}
