"""Who owns what: free and locked amounts per account and asset, the fees collected, and the outside world's side.

Every amount that enters or leaves an account leaves or enters another purse of the same ledger, so each asset's sum over all purses
equals what was deposited, exactly, whatever happened in between. `Ledger.total` is that sum.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from core.trading.order import ZERO


class Balance(Struct, kw_only=True):
    """One asset of one account. Neither part is ever negative."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


class Ledger(Struct, kw_only=True):
    """All purses. `outside` is what the rest of the market won or paid; `fees` what the venue kept, rebates deducted."""

    accounts: dict[str, dict[str, Balance]] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    outside: dict[str, Decimal] = field(default_factory=dict)

    def balance(self, account: str, asset: str) -> Balance:
        """The balance, created empty at first sight. Raises `KeyError` for an account that was never opened."""
        try:
            return self.accounts[account].setdefault(asset, Balance())
        except KeyError:
            raise KeyError(f"account {account!r} is not open; open it with its starting balances first") from None

    def add_free(self, account: str, asset: str, amount: Decimal) -> None:
        """Put `amount` in (negative: take out). Raises `ValueError` when there is not enough free."""
        balance = self.balance(account, asset)
        if balance.free + amount < 0:
            raise ValueError(f"{account} has {balance.free} {asset} free, {-amount} is needed")
        balance.free += amount

    def lock(self, account: str, asset: str, amount: Decimal) -> bool:
        """Move `amount` from free to locked; False, and nothing moved, where there is not enough."""
        balance = self.balance(account, asset)
        if balance.free < amount:
            return False
        balance.free -= amount
        balance.locked += amount
        return True

    def unlock(self, account: str, asset: str, amount: Decimal) -> None:
        """Move `amount` back to free. Raises `ValueError` when less is locked."""
        balance = self.balance(account, asset)
        if balance.locked < amount:
            raise ValueError(f"{account} has {balance.locked} {asset} locked, {amount} should be released")
        balance.locked -= amount
        balance.free += amount

    def collect(self, asset: str, fee: Decimal) -> None:
        """The venue receives a fee (negative: pays a rebate)."""
        self.fees[asset] = self.fees.get(asset, ZERO) + fee

    def export(self, asset: str, amount: Decimal) -> None:
        """The outside world receives `amount` (negative: pays)."""
        self.outside[asset] = self.outside.get(asset, ZERO) + amount

    def total(self, asset: str) -> Decimal:
        """Sum of all purses; with open perpetual positions their cost counts against it (see `Position.cost`)."""
        held = sum(
            (b.free + b.locked for purse in self.accounts.values() for a, b in purse.items() if a == asset), ZERO
        )
        return held + self.fees.get(asset, ZERO) + self.outside.get(asset, ZERO)
