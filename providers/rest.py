"""REST reads of one venue: paced by its rate budget, silent during bans, retried a little, failing with typed errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import httpx
import msgspec

from core.bus import Bus
from core.clock import Clock
from core.settings import Network
from core.venue import Fatal, Rejected, Retryable
from providers.backoff import Backoff
from providers.ban import Ban, is_ban_status, retry_after_s
from providers.budget import Budget, Priority

ATTEMPTS = 3
RETRY_FIRST_S = 0.5
RETRY_CAP_S = 8.0
IN_FLIGHT = 8
"""Requests under way at once. httpx looks at every connection for every request, so more of them make each one dearer."""

Params = Mapping[str, str | int | float]
Check = Callable[[bytes, Mapping[str, str]], None]

log = logging.getLogger("tradetui.rest")


class _Refusal(msgspec.Struct):
    """Binance's error body; other shapes leave the defaults."""

    code: int | str = ""
    msg: str = ""


class Rest:
    """One HTTP client for one venue. `get` may be called from many tasks; each priority is served in order of asking.

    Answers are handed over one a loop turn: reading a page takes milliseconds, and several in one turn would hold up
    the streams. `check(body, headers)` looks at every 200 answer and may raise a typed error (Bybit tells errors in the body).
    Retries: `Retryable` from `check`, 5xx, timeouts and network trouble, at most `ATTEMPTS` in all.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        bus: Bus,
        venue: str,
        category: str,
        network: Network,
        budget: Budget,
        ban: Ban | None = None,
        check: Check | None = None,
        ipv4_only: bool = False,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.budget = budget
        self.ban = ban or Ban(clock, bus, venue, category)
        self.requests = 0
        self.errors = 0
        self.retries = 0
        self._clock = clock
        self._venue = venue
        self._check = check
        self._queues: dict[Priority, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._hand_over = asyncio.Lock()
        self._client = httpx.AsyncClient(
            base_url=self.base_url,
            timeout=network.rest_timeout_s,
            headers={"User-Agent": "tradetui"},
            trust_env=False,
            transport=httpx.AsyncHTTPTransport(
                verify=not self.base_url.startswith("http://"),  # without encryption there are no certificates to load
                proxy=network.proxy or None,
                local_address="0.0.0.0" if ipv4_only and not network.proxy else None,
                limits=httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT),
            ),
        )

    async def get(
        self, path: str, params: Params | None = None, *, weight: int = 1, priority: Priority = "normal"
    ) -> bytes:
        """Body of a 200 answer. Raises `Banned` (at once, nothing sent), `Retryable`, `Rejected` or `Fatal`."""
        backoff = Backoff(RETRY_FIRST_S, RETRY_CAP_S)
        while True:
            try:
                await self._turn(weight, priority)
                async with self._slots:
                    body = await self._once(path, params)
                async with self._hand_over:
                    await asyncio.sleep(0)
                return body
            except Retryable as error:
                if self.ban.remaining_s() > 0 or backoff.attempt + 1 >= ATTEMPTS:
                    raise
                self.retries += 1
                await self._clock.sleep(max(error.retry_in_s, backoff.next_s()))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _turn(self, weight: int, priority: Priority) -> None:
        """Wait until the budget allows this request; refuse while banned."""
        async with self._queues.setdefault(priority, asyncio.Lock()):
            while True:
                self.ban.check()
                wait_s = self.budget.take(weight, priority)
                if wait_s <= 0:
                    return
                await self._clock.sleep(wait_s)

    async def _once(self, path: str, params: Params | None) -> bytes:
        self.requests += 1
        try:
            # Read here instead of in the response: that is part of a reference cycle and would keep the body, which can
            # be large, until the garbage collector runs.
            async with self._client.stream("GET", path, params=params) as answer:
                body = b"".join([part async for part in answer.aiter_bytes()])
        except httpx.HTTPError as error:
            self.errors += 1
            raise Retryable(f"{self._venue} {path}: {type(error).__name__} {error}".rstrip()) from error
        self.budget.observe(answer.headers)
        status = answer.status_code
        if status == 200:
            if self._check is not None:
                try:
                    self._check(body, answer.headers)
                except Exception:
                    self.errors += 1
                    raise
            self.ban.served()
            return body
        self.errors += 1
        raise self._failure(path, status, answer.headers, body)

    def _failure(self, path: str, status: int, headers: httpx.Headers, body: bytes) -> Exception:
        """The typed error of an answer that is not 200."""
        if is_ban_status(status):
            least_s = self.budget.reset_in_s() if status == 429 else 0.0
            return self.ban.impose(status, headers, body, least_s)
        if status >= 500:
            return Retryable(f"{self._venue} {path}: HTTP {status}", retry_after_s(headers) or 0.0)
        if status in (301, 302, 307, 308, 404, 410, 451):
            return Fatal(f"{self._venue} {path}: HTTP {status}; is {self.base_url} the right base URL?")
        try:
            refusal = msgspec.json.decode(body, type=_Refusal)
        except msgspec.MsgspecError:
            refusal = _Refusal()
        return Rejected(f"{self._venue} {path}: HTTP {status} {refusal.code} {refusal.msg}".rstrip(), refusal.code)
