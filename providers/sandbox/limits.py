"""Request limits as the two venues apply them: fixed windows on the exchange's clock, then refusals, then bans."""

from __future__ import annotations

import msgspec

BINANCE_WEIGHT_LIMIT = 6_000
BINANCE_RAW_LIMIT = 61_000
BINANCE_CONNECT_LIMIT = 300
BINANCE_REFUSALS_BEFORE_BAN = 20
BINANCE_ORDERS_10S = 100
BINANCE_ORDERS_1D = 200_000
FIRST_BAN_MS = 120_000
LONGEST_BAN_MS = 3 * 86_400_000
BYBIT_IP_LIMIT = 600
BYBIT_IP_WINDOW_MS = 5_000
BYBIT_IP_BAN_MS = 600_000
BYBIT_CONNECT_LIMIT = 500


class Window:
    """A counter that starts again at every multiple of `length_ms`."""

    def __init__(self, length_ms: int, limit: int) -> None:
        self.length_ms = length_ms
        self.limit = limit
        self.used = 0
        self._index = -1

    def add(self, amount: int, now_ms: int) -> bool:
        """Count `amount`; False when the window's limit is now exceeded."""
        index = now_ms // self.length_ms
        if index != self._index:
            self._index = index
            self.used = 0
        self.used += amount
        return self.used <= self.limit

    def resets_ms(self, now_ms: int) -> int:
        """When the present window ends."""
        return (now_ms // self.length_ms + 1) * self.length_ms


class Verdict(msgspec.Struct, frozen=True):
    """What a limiter says of one request: status 200, 403, 418 or 429, and seconds to wait."""

    status: int
    used: int
    retry_after_s: int = 0
    until_ms: int = 0


class BinanceLimits:
    """Weight per address and minute; requests after a 429 lead to 418, first for 2 minutes, doubling to 3 days."""

    def __init__(self) -> None:
        self.weight = Window(60_000, BINANCE_WEIGHT_LIMIT)
        self.raw = Window(300_000, BINANCE_RAW_LIMIT)
        self.connects = Window(300_000, BINANCE_CONNECT_LIMIT)
        self.banned_until_ms = 0
        self._refusals = 0
        self._next_ban_ms = FIRST_BAN_MS

    def charge(self, weight: int, now_ms: int) -> Verdict:
        """Count one request of `weight`."""
        if now_ms < self.banned_until_ms:
            return self._banned(now_ms)
        within = self.weight.add(weight, now_ms)
        if self.raw.add(1, now_ms) and within:
            self._refusals = 0
            return Verdict(200, self.weight.used)
        self._refusals += 1
        if self._refusals > BINANCE_REFUSALS_BEFORE_BAN:
            self.ban(self._next_ban_ms, now_ms)
            self._next_ban_ms = min(self._next_ban_ms * 2, LONGEST_BAN_MS)
            return self._banned(now_ms)
        wait_ms = self.weight.resets_ms(now_ms) - now_ms
        return Verdict(429, self.weight.used, -(-wait_ms // 1000), now_ms + wait_ms)

    def ban(self, length_ms: int, now_ms: int) -> None:
        """Answer 418 to everything for `length_ms`."""
        self.banned_until_ms = now_ms + length_ms
        self._refusals = 0

    def _banned(self, now_ms: int) -> Verdict:
        wait_ms = self.banned_until_ms - now_ms
        return Verdict(418, self.weight.used, -(-wait_ms // 1000), self.banned_until_ms)


class BybitLimits:
    """600 requests in 5 s per address, then HTTP 403 for 10 minutes."""

    def __init__(self) -> None:
        self.requests = Window(BYBIT_IP_WINDOW_MS, BYBIT_IP_LIMIT)
        self.connects = Window(300_000, BYBIT_CONNECT_LIMIT)
        self.banned_until_ms = 0

    def charge(self, now_ms: int) -> Verdict:
        """Count one request."""
        if now_ms >= self.banned_until_ms and not self.requests.add(1, now_ms):
            self.banned_until_ms = now_ms + BYBIT_IP_BAN_MS
        if now_ms < self.banned_until_ms:
            return Verdict(403, self.requests.used, 0, self.banned_until_ms)
        return Verdict(200, self.requests.used, 0, self.requests.resets_ms(now_ms))


class OrderWindow(Window):
    """One of the account's order counters; `name` is the venue's word for its length."""

    def __init__(self, name: str, length_ms: int, limit: int) -> None:
        super().__init__(length_ms, limit)
        self.name = name


class OrderCount:
    """New orders of a Binance.US account per 10 seconds and per day."""

    def __init__(self) -> None:
        self.short = OrderWindow("10 SECOND", 10_000, BINANCE_ORDERS_10S)
        self.day = OrderWindow("1 DAY", 86_400_000, BINANCE_ORDERS_1D)

    def add(self, orders: int, now_ms: int) -> OrderWindow | None:
        """Count new orders; the window they do not fit into, which then counts none of them."""
        for window in (self.short, self.day):
            if not window.add(orders, now_ms):
                window.used -= orders
                if window is self.day:
                    self.short.used -= orders
                return window
        return None

    def look(self, now_ms: int) -> tuple[int, int]:
        """What is counted now, per 10 seconds and per day."""
        self.add(0, now_ms)
        return self.short.used, self.day.used
