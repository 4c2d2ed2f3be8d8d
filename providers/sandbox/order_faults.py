"""Faults of the order path: lost answers, refusals, disturbed private streams, and what happens to an account elsewhere.

For the venues' servers (both go through the same hooks):

- `answer(request, act)`: wrap what carries out a signed request and makes its answer, after the request passed limits, clock
  and signature; the answer may be lost, replaced or late, and the request may never be carried out.
- `take_refusal()`: ask before an order is given to the engine; a `Refused` is answered in place of placing it.
- `private_opened(connection)` / `private_closed(connection)`: a socket follows an account from now on, or no longer.
- `push(connection, payload)`: the only way a private message is sent; `streamed(fill)`: how a private message tells a fill.
- `expire_listeners`, `steal_listeners`: functions without arguments the venue adds to end its listen keys (or the like) and
  to take the private stream away from whoever follows it.

`path` is a prefix of the request's path, or "METHOD prefix" ("POST /api/v3/order"). `count` -1: until cleared.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal, Protocol

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from core.clock import Clock
from core.messages import Side
from core.trading.order import OrderReport
from providers.sandbox import account_faults
from providers.sandbox.accounts import Accounts
from providers.sandbox.feed import Feed
from providers.sandbox.private_faults import PrivateFaults

ORDER_COMMANDS = (
    "lose_answer",
    "lose_request",
    "fail_after",
    "delay_answer",
    "refuse_order",
    "private_drop",
    "private_freeze",
    "private_skip",
    "private_duplicate",
    "private_reorder",
    "private_other_ids",
    "private_delay",
    "expire_listen_key",
    "steal_stream",
    "cancel_elsewhere",
    "foreign_order",
    "take_balance",
    "overfill",
    "change_rules",
    "halt_symbol",
    "gap_price",
    "hold_fills",
    "partial_fill",
    "fill",
)

RequestFaultKind = Literal["lose_answer", "lose_request", "fail_after", "delay_answer"]
Number = str | int | float
Answer = Callable[[], Response]


class RequestFault(msgspec.Struct):
    """What becomes of the next `left` requests under `path`."""

    kind: RequestFaultKind
    path: str
    left: int
    seconds: float = 0.0
    status: int = 0
    body: str = ""


class Refused(msgspec.Struct):
    """The next `left` orders are refused with the venue's `code` and words."""

    code: str
    text: str
    left: int = 1


class Halls(Protocol):
    """What these faults need of the running exchange."""

    feeds: Mapping[str, Feed]
    accounts: Mapping[str, Accounts]


class OrderFaults(PrivateFaults):
    """The order path's faults in force; part of the fault plan."""

    def __init__(self, clock: Clock, halls: Halls) -> None:
        super().__init__(clock, Counter())
        self._halls = halls
        self.requests: list[RequestFault] = []
        self.refusals: list[Refused] = []

    # --- hooks of the venues' servers --------------------------------------------------------------------------------

    async def answer(self, request: Request, act: Answer) -> Response:
        """Carry out a request through `act`, with the fault that strikes it."""
        fault = self._take_request(request.method, request.url.path)
        if fault is None:
            return act()
        self.counts[fault.kind] += 1
        if fault.kind == "lose_request":
            return await _silence(request)
        response = act()
        if fault.kind == "lose_answer":
            return await _silence(request)
        if fault.kind == "fail_after":
            media = "application/json" if fault.body.startswith("{") else "text/html"
            return Response(fault.body or "<html><body>upstream error</body></html>", fault.status, media_type=media)
        await self._wait(request, fault.seconds)
        return response

    def take_refusal(self) -> Refused | None:
        """The refusal the next order meets, if any; counts it down."""
        for refusal in self.refusals:
            if refusal.left != 0:
                refusal.left -= refusal.left > 0
                self.counts["refuse_order"] += 1
                return refusal
        return None

    def expire_orders(self, now_ms: int) -> None:
        """Send what was late and end what is over; the live loop calls this with each batch."""
        self.send_late(now_ms)
        for category, feed in self._halls.feeds.items():
            if feed.gaps:
                for symbol in feed.gaps.expire(now_ms):
                    self._jump(category, symbol)

    # --- requests ----------------------------------------------------------------------------------------------------

    def lose_answer(self, path: str, count: int = 1) -> None:
        """Carry out the next requests, and never answer; their connections stay open."""
        self.requests.append(RequestFault("lose_answer", path, count))

    def lose_request(self, path: str, count: int = 1) -> None:
        """Neither carry out nor answer the next requests; their connections stay open."""
        self.requests.append(RequestFault("lose_request", path, count))

    def fail_after(self, path: str, status: int = 503, body: str = "", count: int = 1) -> None:
        """Carry out the next requests, and answer `status` with `body` (empty: a proxy's error page)."""
        self.requests.append(RequestFault("fail_after", path, count, status=status, body=body))

    def delay_answer(self, path: str, seconds: float, count: int = 1) -> None:
        """Carry out the next requests at once, and answer `seconds` later."""
        self.requests.append(RequestFault("delay_answer", path, count, seconds=seconds))

    def refuse_order(self, code: Number, text: str = "", count: int = 1) -> None:
        """Refuse the next orders with the venue's code and words."""
        self.refusals.append(Refused(str(code), text, count))

    # --- the account elsewhere ---------------------------------------------------------------------------------------

    def cancel_elsewhere(self, client_id: str) -> None:
        """Cancel an open order as its owner could on the website."""
        account_faults.cancel(*self._order(client_id))

    def foreign_order(self, symbol: str, side: Side, price: Number, quantity: Number, category: str = "") -> str:
        """Place a limit order (price 0: market) that this program does not know; returns the venue's id."""
        accounts = self._accounts_of(symbol, category)[0]
        return account_faults.foreign_order(accounts, symbol, side, _exact(price), _exact(quantity))

    def take_balance(self, asset: str, amount: Number, category: str = "") -> None:
        """Withdraw free balance (negative: deposit)."""
        account_faults.take_balance(self._one(category), asset, _exact(amount))

    def overfill(self, client_id: str, quantity: Number) -> None:
        """Fill an order, and `quantity` beyond what it asked for."""
        account_faults.overfill(*self._order(client_id), _exact(quantity))

    def partial_fill(self, client_id: str, quantity: Number) -> None:
        """This much of a resting order trades now, at its price."""
        account_faults.fill(*self._order(client_id), _exact(quantity))

    def fill(self, client_id: str) -> None:
        """The rest of a resting order trades now, at its price."""
        account_faults.fill(*self._order(client_id))

    # --- the market of the account -----------------------------------------------------------------------------------

    def change_rules(
        self,
        symbol: str,
        tick_size: Number = "",
        lot_size: Number = "",
        min_notional: Number = "",
        category: str = "",
    ) -> None:
        """Change what the venue tells and demands of a symbol's orders; its market keeps its own ticks and lots."""
        rules = {"tick_size": tick_size, "lot_size": lot_size, "min_notional": min_notional}
        changes = {name: _exact(value) for name, value in rules.items() if value != ""}
        if any(value <= 0 for value in changes.values()):
            raise ValueError(f"rules {changes} of {symbol} must be above 0")
        for each in self._categories(symbol, category):
            listings = self._halls.feeds[each].listings
            listings[symbol] = replace(listings[symbol], **changes)
            if each in self._halls.accounts:
                self._halls.accounts[each].renew_rules(symbol)

    def halt_symbol(self, symbol: str, halted: bool = True, category: str = "") -> None:
        """Halt a symbol: the venue says so, refuses its orders and fills none. Its public streams go on (see `freeze`)."""
        for each in self._categories(symbol, category):
            listings = self._halls.feeds[each].listings
            listings[symbol] = replace(listings[symbol], status="halted" if halted else "trading")
            if each in self._halls.accounts:
                self._halls.accounts[each].halt(symbol, halted)

    def gap_price(self, symbol: str, factor: float, seconds: float = math.inf, category: str = "") -> None:
        """Move a symbol's whole market at once, so that stops trigger and limits lie behind; closed candles stay."""
        if not (math.isfinite(factor) and factor > 0):
            raise ValueError(f"factor {factor} must be a number above 0")
        for each in self._categories(symbol, category):
            self._halls.feeds[each].gaps.open(symbol, factor, self._until(seconds))
            self._jump(each, symbol)

    def hold_fills(self, symbol: str, seconds: float = math.inf, category: str = "") -> None:
        """Limit orders in the symbol rest unfilled and market orders find nothing for `seconds`; stops still trigger."""
        for accounts in self._accounts_of(symbol, category):
            accounts.hold(symbol, self._until(seconds))

    # --- the plan itself ---------------------------------------------------------------------------------------------

    def clear_orders(self) -> None:
        """Lift every fault of the order path; what happened to the account and the rules stays."""
        self.requests.clear()
        self.refusals.clear()
        self.clear_private()
        for accounts in self._halls.accounts.values():
            for symbol in accounts.held:
                accounts.release(symbol)
        for category, feed in self._halls.feeds.items():
            for symbol in feed.gaps.symbols():
                feed.gaps.end(symbol)
                self._jump(category, symbol)

    def describe_orders(self) -> dict[str, object]:
        """The order path's part of the plan, for the control endpoint."""
        return {
            "requests": [msgspec.to_builtins(fault) for fault in self.requests if fault.left],
            "refusals": [msgspec.to_builtins(refusal) for refusal in self.refusals if refusal.left],
            "private": self.describe_private(),
        }

    # --- finding what is meant ---------------------------------------------------------------------------------------

    def _take_request(self, method: str, path: str) -> RequestFault | None:
        for fault in self.requests:
            if fault.left != 0 and meant(fault.path, method, path):
                fault.left -= fault.left > 0
                return fault
        return None

    async def _wait(self, request: Request, seconds: float) -> None:
        """Wait on the exchange's clock, or until the client has gone."""
        waiting = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(_gone(request))]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    def _categories(self, symbol: str, category: str) -> list[str]:
        found = [c for c, feed in self._halls.feeds.items() if symbol in feed.listings and category in ("", c)]
        if not found:
            raise ValueError(f"symbol {symbol!r} is not listed in {category or 'any category'}; use a listed symbol")
        return found

    def _accounts_of(self, symbol: str, category: str) -> list[Accounts]:
        self._one(category)
        return [self._halls.accounts[each] for each in self._categories(symbol, category)]

    def _one(self, category: str) -> Accounts:
        if not self._halls.accounts:
            raise ValueError("the sandbox has no account; start it with an api key and secret")
        if category and category not in self._halls.accounts:
            raise ValueError(f"category {category!r} is unknown; use one of {', '.join(self._halls.accounts)}")
        return self._halls.accounts[category] if category else next(iter(self._halls.accounts.values()))

    def _order(self, client_id: str) -> tuple[Accounts, OrderReport]:
        found = [
            (accounts, order)
            for accounts in self._halls.accounts.values()
            if (order := accounts.engine.order(accounts.account, client_id=client_id)) is not None
        ]
        if not found:
            raise ValueError(f"no order has the client id {client_id!r}; use the id an order was placed with")
        return max(found, key=lambda pair: pair[1].at_ms)

    def _jump(self, category: str, symbol: str) -> None:
        self._halls.feeds[category].moved(symbol)
        if category in self._halls.accounts:
            self._halls.accounts[category].jump(symbol)

    def _until(self, seconds: float) -> int:
        return 2**62 if math.isinf(seconds) else self._clock.now_ms() + int(seconds * 1000)


def meant(pattern: str, method: str, path: str) -> bool:
    """Whether a fault's path means this request: a prefix of its path, or "METHOD prefix"."""
    wanted, _, prefix = pattern.rpartition(" ")
    return path.startswith(prefix) and wanted in ("", method)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _silence(request: Request) -> Response:
    """Nothing, until the client hangs up; the answer it then gets goes nowhere."""
    await _gone(request)
    return Response(status_code=503)


def _exact(value: Number) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"value {value} is not a finite number")
    return number
