"""The account as Bybit's signed REST tells it: wallet, positions and their settings, key permissions, fees.

What a list leaves out would be taken for gone. So a list is whole or it is no answer: one row that cannot be read fails it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from core.clock import Clock
from core.trading.broker import AccountSnapshot, VenueBalance, VenuePosition
from core.venue import Rejected, Retryable
from providers.bybit import wire
from providers.bybit.account_wire import (
    MARGIN_MODES,
    WALLET,
    Positions,
    balances_of,
    may_trade,
    may_withdraw,
    usual_fees,
)
from providers.bybit.order_wire import (
    ROW_ERRORS,
    AccountResult,
    KeyResult,
    PositionRow,
    account_results,
    fee_rows,
    key_results,
    position_rows,
    wallet_rows,
)
from providers.signed_rest import SignedRest

T = TypeVar("T")

SETTLE: Final = "USDT"
MAX_PAGES: Final = 200
"""No list we ask for has this many pages; more means the cursor does not end."""

PAGE_POSITIONS: Final = 200
FEES_FOR_S: Final = 3600.0
SETTINGS_FOR_S: Final = 600.0
"""Leverage and modes of a symbol without a position are read anew after this long; changes are pushed as well."""

SETTINGS_AT_ONCE: Final = 20

log = logging.getLogger("tradetui.bybit")


class SignedReads:
    """Signed reads of lists and single results. Raises `VenueError`."""

    def __init__(self, rest: SignedRest, category: str) -> None:
        self._rest = rest
        self.category = category

    async def result(self, path: str, params: Mapping[str, Any], decoder: msgspec.json.Decoder[T]) -> T:
        """One result. Raises `Retryable` for one of another shape."""
        body = await self._rest.request("GET", path, params, changes=False)
        try:
            return decoder.decode(wire.replies.decode(body).result)
        except ROW_ERRORS as error:
            raise Retryable(f"bybit {path}: the result is not of the documented shape ({error})") from error

    async def rows(
        self, path: str, params: Mapping[str, Any], read: Callable[[msgspec.Raw], T], *, paged: bool = True
    ) -> list[T]:
        """All rows of a list of our category, every page, in the venue's order. Raises `Retryable` if one cannot be read."""
        found: list[T] = []
        cursor, seen = "", {""}
        for _ in range(MAX_PAGES):
            page = await self.result(path, {**params, "cursor": cursor} if cursor else params, wire.pages)
            try:
                found += [read(raw) for raw in page.items]
            except ROW_ERRORS as error:
                raise Retryable(f"bybit {path}: a row cannot be read ({error})") from error
            cursor = (page.nextPageCursor or "") if paged else ""
            if cursor in seen or not page.items:
                return found
            seen.add(cursor)
        raise Retryable(f"bybit {path}: the list has not ended after {MAX_PAGES} pages")


class AccountReads:
    """Reads the account. `positions` remembers leverage and modes of symbols without a position, told by the stream too.

    `symbols()` are those whose settings are wanted: perpetuals only. `told`: the environment tells permissions and fees; demo
    trading has neither of the two.
    """

    def __init__(self, reads: SignedReads, clock: Clock, symbols: Callable[[], list[str]], *, told: bool) -> None:
        self.positions = Positions()
        self._reads = reads
        self._clock = clock
        self._symbols = symbols
        self._told = told
        self._fees: tuple[Decimal, Decimal] | None = None
        self._fees_at = float("-inf")
        self._settings_at: dict[str, float] = {}

    async def snapshot(self) -> AccountSnapshot:
        """The whole account as it was at some moment since now."""
        at_ms = self._clock.now_ms()
        linear = self._reads.category != "spot"
        balances, key, fees, positions = await _together(
            self._balances(),
            self._key(),
            self._usual_fees(),
            self._all_positions() if linear else _nothing(),
        )
        return AccountSnapshot(
            at_ms=at_ms,
            balances=balances,
            positions=positions,
            may_trade=key is None or may_trade(key, self._reads.category),
            may_withdraw=None if key is None else may_withdraw(key),
            maker_fee=fees[0] if fees else None,
            taker_fee=fees[1] if fees else None,
        )

    async def read_settings(self, symbol: str) -> None:
        """Leverage and modes of one symbol, whether it has a position or not."""
        rows = await self._position_rows({"symbol": symbol})
        for row in rows:
            self.positions.take(row)
        self._settings_at[symbol] = self._clock.monotonic()

    async def _balances(self) -> dict[str, VenueBalance]:
        rows = await self._reads.rows(
            "/v5/account/wallet-balance",
            {"accountType": WALLET},
            lambda raw: balances_of(wallet_rows.decode(raw)),
            paged=False,
        )
        if not rows:
            raise Retryable("bybit /v5/account/wallet-balance: no unified account in the answer")
        return rows[0]

    async def _key(self) -> KeyResult | None:
        if not self._told:
            return None
        key: KeyResult = await self._reads.result("/v5/user/query-api", {}, key_results)
        return key

    async def _usual_fees(self) -> tuple[Decimal, Decimal] | None:
        now = self._clock.monotonic()
        if self._told and now - self._fees_at > FEES_FOR_S:
            path, params = "/v5/account/fee-rate", {"category": self._reads.category}
            self._fees = usual_fees(await self._reads.rows(path, params, fee_rows.decode, paged=False))
            self._fees_at = now
        return self._fees

    async def _all_positions(self) -> tuple[VenuePosition, ...]:
        info: AccountResult = await self._reads.result("/v5/account/info", {}, account_results)
        mode = MARGIN_MODES.get(info.marginMode)
        self.positions.margin_mode = mode
        listed = Positions(mode)
        for row in await self._position_rows({"settleCoin": SETTLE, "limit": PAGE_POSITIONS}):
            listed.take(row)
            self.positions.take(row)
        await self._read_missing_settings()
        held = listed.all()
        return (*held, *self.positions.settings(but={position.symbol for position in held}))

    async def _position_rows(self, params: Mapping[str, Any]) -> list[PositionRow]:
        return await self._reads.rows(
            "/v5/position/list", {"category": self._reads.category, **params}, position_rows.decode
        )

    async def _read_missing_settings(self) -> None:
        old = self._clock.monotonic() - SETTINGS_FOR_S
        missing = [symbol for symbol in self._symbols() if self._settings_at.get(symbol, float("-inf")) < old]
        await _together(*(self._try_settings(symbol) for symbol in missing[:SETTINGS_AT_ONCE]))

    async def _try_settings(self, symbol: str) -> None:
        """A symbol the venue does not list any more must not fail the account."""
        try:
            await self.read_settings(symbol)
        except Rejected as error:
            self._settings_at[symbol] = self._clock.monotonic()
            log.warning("%s: leverage and modes cannot be read: %s", symbol, error)


async def _together(*reads: Awaitable[Any]) -> list[Any]:
    """All results; the first failure is raised once every read has ended."""
    results = await asyncio.gather(*reads, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


async def _nothing() -> tuple[VenuePosition, ...]:
    return ()
