"""Signed requests of one account: signed when they leave, sent where keys may go, and a change never sent twice.

What changes something at the venue ends in one of four ways: a body (taken), `Rejected` (refused for certain), `NotSent` (no
byte left) or `NoAnswer` (nobody knows). It is signed anew and sent once more in one case alone: the venue proved by refusing
the timestamp that it did nothing. Reads are retried a little and fail like those of `providers/rest.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import httpx
import msgspec

from core.bus import Bus
from core.clock import Clock
from core.settings import Network
from core.trading.broker import NoAnswer, NotSent, Spent
from core.trading.evidence import Unknown
from core.venue import Banned, Fatal, Rejected, Retryable, VenueError
from providers.backoff import Backoff
from providers.ban import Ban, is_ban_status, retry_after_s
from providers.ban_file import BanFile
from providers.order_budget import OrderBudget
from providers.signed_client import signed_client, waits
from providers.trading_hosts import Environment, trading_host
from providers.venue_clock import measure_offset
from providers.venue_time import VenueTime

ATTEMPTS = 3
RETRY_FIRST_S = 0.5
RETRY_CAP_S = 8.0
READS_IN_FLIGHT = 6
"""Reads under way at once. What changes something never waits for a place."""

LONGEST_RESET_S = 60.0
"""A refusal for too many requests that names no time stops everything no longer than this (a count per day may be full)."""

RESIGN_WITHIN_S = 10.0
"""After a refused timestamp a change is sent once more within this time or not at all."""

Params = Mapping[str, Any]


class Signed(NamedTuple):
    """A request as it goes on the wire: the whole query, the body, and the headers of the key."""

    query: str
    body: bytes
    headers: dict[str, str]


Signer = Callable[[str, str, str, bytes, int], Signed]
"""`(method, path, query, body, timestamp_ms)`: adds timestamp, key and signature; paths that take none it leaves alone."""

Judge = Callable[[int, Mapping[str, str], bytes], None]
"""`(status, headers, body)` of a full answer below 500 that is no ban: returns when the venue carried the request out, else
raises `Rejected`, `ClockRefused`, `Limited`, `Unclear` or `Fatal`."""


class Refusal(Rejected):
    """A refusal whose body the caller wants to read: half a cancel-and-replace."""

    def __init__(self, message: str, code: int | str, body: bytes) -> None:
        super().__init__(message, code)
        self.body = body


class ClockRefused(Rejected):
    """The timestamp was refused: the request was certainly not carried out."""


class Limited(Rejected):
    """A limit is used up: not carried out, and a ban like HTTP 429. `retry_in_s` is the venue's wish, or 0."""

    def __init__(self, message: str, code: int | str, retry_in_s: float = 0.0) -> None:
        super().__init__(message, code)
        self.retry_in_s = retry_in_s


class Unclear(VenueError):
    """The answer, or its absence, does not tell whether the request was carried out; `sent` False: it certainly was not."""

    def __init__(self, why: Unknown, message: str, retry_in_s: float = 0.0, *, sent: bool = True) -> None:
        super().__init__(message)
        self.why = why
        self.retry_in_s = retry_in_s
        self.sent = sent


class _Call(NamedTuple):
    """One request and what it costs."""

    method: str
    path: str
    query: str
    body: bytes
    weight: int
    orders: int
    safety: bool
    changes: bool
    at_send: Callable[[], None] | None


class SignedRest:
    """One small HTTP client for one account. Raises `Fatal` at once for a host that keys may not go to.

    `server_time` reads the venue's time (Unix ms) from the answer of `time_path`. `answer_s`: how long a change may wait for
    the budget; the HTTP timeout is longer, so that late answers are still told. A read without an answer is given up after
    twice that and asked again: while one waits, what it would tell is not known. `folder` keeps a ban across a restart.
    """

    def __init__(
        self,
        base_url: str,
        *,
        venue: str,
        category: str,
        environment: Environment,
        clock: Clock,
        bus: Bus,
        network: Network,
        budget: OrderBudget,
        sign: Signer,
        judge: Judge,
        time_path: str,
        server_time: Callable[[bytes], float],
        answer_s: float,
        time: VenueTime | None = None,
        json_bodies: bool = False,
        ipv4_only: bool = False,
        folder: Path | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.host_kind = trading_host(venue, environment, self.base_url)
        self.budget = budget
        self.ban = Ban(clock, bus, venue, category)
        self.time = time or VenueTime(clock, bus, venue)
        self.requests = 0
        self.errors = 0
        self.resigned = 0
        self._clock = clock
        self._bus = bus
        self._venue = venue
        self._category = category
        self._sign = sign
        self._judge = judge
        self._time_path = time_path
        self._server_time = server_time
        self._patience_s = answer_s
        self._timeout_s = max(network.rest_timeout_s, 3 * answer_s)
        self._read_timeout_s = min(network.rest_timeout_s, 2 * answer_s)
        self._json_bodies = json_bodies
        self._queues = {kind: asyncio.Lock() for kind in ("safety", "change", "read")}
        self._reads = asyncio.Semaphore(READS_IN_FLIGHT)
        self._measuring = asyncio.Lock()
        self._safety_at = 0.0
        self._safety_backoff = Backoff(1.0, 60.0)
        self._client = signed_client(self.base_url, proxy=network.proxy, ipv4_only=ipv4_only)
        self._ban_file = BanFile(folder, clock, bus, venue, category) if folder is not None else None
        if self._ban_file is not None:
            self._ban_file.announce()

    async def request(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        weight: int = 1,
        orders: int = 0,
        safety: bool = False,
        changes: bool,
        at_send: Callable[[], None] | None = None,
    ) -> bytes:
        """Body of an answer the venue's judge let pass.

        `changes`: raises `Rejected`, `NotSent` or `NoAnswer`. Otherwise, whatever the method, it is a read that may be asked
        again: raises `Retryable`, `Banned`, `Rejected` or `Fatal`. `orders`: how many orders it places. `safety`: it protects,
        and may use the reserve of the budget. `at_send` is called once, right before the first byte may leave; what it raises
        is raised, and nothing is sent.
        """
        query, body = self._encode(method, params or {})
        call = _Call(method, path, query, body, weight, orders, safety, changes, at_send)
        return await (self._change(call) if changes else self._read(call))

    async def sync_clock(self) -> float:
        """Measure the venue's clock now; the offset in ms. Raises `VenueError`."""
        async with self._measuring:
            return await self._measure(False)

    def spent(self) -> Spent:
        """The rate budget now."""
        now_ms = self._clock.now_ms()
        banned_s, silent_s = self._refused_for_s(safety=False), self._refused_for_s(safety=True)
        return Spent(
            used=self.budget.used,
            banned_until_ms=now_ms + int(banned_s * 1000) if banned_s > 0 else 0,
            silent_until_ms=now_ms + int(silent_s * 1000) if silent_s > 0 else 0,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    # --- changes -----------------------------------------------------------------------------------------------------

    async def _change(self, call: _Call) -> bytes:
        """Send once; once more only after a proven refusal of the timestamp."""
        begun = self._clock.monotonic()
        patient_until = begun + self._patience_s
        refused: ClockRefused | None = None
        version = 0
        while True:
            await self._change_turn(call, patient_until)
            if refused is not None or not self.time.version:
                await self._measure_for(call, version, refused)
            version = self.time.version
            if refused is not None and self._clock.monotonic() - begun > RESIGN_WITHIN_S:
                raise refused  # it is no longer what was wanted a moment ago
            try:
                return await self._once(call)
            except ClockRefused as error:
                if refused is not None:
                    raise
                refused = error
                self.resigned += 1
                call = call._replace(at_send=None)
                patient_until = self._clock.monotonic() + self._patience_s
            except Unclear as lost:
                if lost.sent:
                    raise NoAnswer(lost.why, f"{lost}; whether it was carried out is not known") from lost
                raise NotSent(str(lost), "NO_CONNECTION", lost.retry_in_s) from lost
            except Banned as banned:
                raise Rejected(str(banned), self.ban.status) from banned
            except Fatal as fatal:
                raise Rejected(str(fatal), "FATAL") from fatal

    async def _change_turn(self, call: _Call, patient_until: float) -> None:
        """Wait for the budget, not longer than the caller waits for the answer. Raises `NotSent`."""
        async with self._queues["safety" if call.safety else "change"]:
            while True:
                if not self.ban.remaining_s():
                    self.ban.check()  # announces the end of a ban
                if left_s := self._refused_for_s(call.safety):
                    text = f"{self._venue} refuses requests for {left_s:.0f} s more (HTTP {self.ban.status})"
                    raise NotSent(f"{text}: {call.path} was not sent", "BANNED", left_s)
                left_s = patient_until - self._clock.monotonic()
                wait_s = (
                    self.budget.room_in_s(call.path, call.weight, call.orders, safety=call.safety)
                    if left_s >= 0
                    else 0.1
                )
                if wait_s <= 0:
                    return
                if wait_s > left_s:
                    text = f"{self._venue} rate limit: the next request may go in {wait_s:.1f} s"
                    raise NotSent(f"{text}; {call.path} was not sent", "RATE_BUDGET", wait_s)
                await self._clock.sleep(wait_s)

    def _refused_for_s(self, safety: bool) -> float:
        """Seconds for which such a request may not be sent; 0: it may."""
        left_s = self.ban.remaining_s()
        if left_s <= 0:
            return 0.0
        if safety and self.ban.status == 429:
            return max(0.0, self._safety_at - self._clock.monotonic())
        return left_s

    async def _measure_for(self, call: _Call, version: int, refused: ClockRefused | None) -> None:
        """Measure the clock. Raises the refusal, or `NotSent` where nothing was sent yet."""
        try:
            await self._measure_since(version, safety=call.safety)
        except VenueError as error:
            if refused is not None:
                raise refused from error
            text = f"{self._venue}: the venue's clock cannot be measured ({error})"
            raise NotSent(f"{text}; {call.path} was not sent", "CLOCK", 1.0) from error

    # --- reads -------------------------------------------------------------------------------------------------------

    async def _read(self, call: _Call) -> bytes:
        backoff = Backoff(RETRY_FIRST_S, RETRY_CAP_S)
        while True:
            try:
                return await self._try_read(call)
            except Retryable as error:
                if self.ban.remaining_s() > 0 or backoff.attempt + 1 >= ATTEMPTS:
                    raise
                await self._clock.sleep(max(error.retry_in_s, backoff.next_s()))

    async def _try_read(self, call: _Call) -> bytes:
        """One attempt, its failure told as that of a read."""
        async with self._queues["read"]:
            while True:
                self.ban.check()
                wait_s = self.budget.room_in_s(call.path, call.weight, call.orders, safety=False)
                if wait_s <= 0:
                    break
                await self._clock.sleep(wait_s)
        async with self._reads:
            try:
                await self._measure_since(0, safety=False)
                version = self.time.version
                return await self._once(call)
            except ClockRefused as refused:
                await self._measure_again(version, refused)
                raise Retryable(str(refused)) from refused
            except Limited as limited:
                raise Retryable(str(limited), limited.retry_in_s) from limited
            except Unclear as lost:
                raise Retryable(str(lost), lost.retry_in_s) from lost

    async def _measure_again(self, version: int, refused: ClockRefused) -> None:
        try:
            await self._measure_since(version, safety=False)
        except VenueError as error:
            raise Retryable(f"{refused}; the venue's clock cannot be measured: {error}") from error

    async def _measure_since(self, version: int, *, safety: bool) -> None:
        """Measure the clock unless somebody did since `version`: many requests are refused together. Raises `VenueError`."""
        async with self._measuring:
            if version == self.time.version:
                await self._measure(safety)

    async def _measure(self, safety: bool) -> float:
        if left_s := self._refused_for_s(safety):
            text = f"{self._venue} refuses requests for {left_s:.0f} s more (HTTP {self.ban.status})"
            raise Banned(f"{text}: its clock is not asked for", left_s)
        return await measure_offset(self._ask_ms, self._clock, self._bus, self._venue, self._category)

    async def _ask_ms(self) -> float:
        body = await self._once(_Call("GET", self._time_path, "", b"", 1, 0, True, False, None))
        try:
            return self._server_time(body)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Retryable(f"{self._venue} {self._time_path} cannot be read: {error}") from error

    # --- the wire ----------------------------------------------------------------------------------------------------

    def _encode(self, method: str, params: Params) -> tuple[str, bytes]:
        if self._json_bodies and method == "POST":
            return "", msgspec.json.encode(params)
        return urlencode(params, quote_via=quote, safe=""), b""

    async def _once(self, call: _Call) -> bytes:
        """Sign and send. Raises what the judge raises, `Unclear`, or `Banned`."""
        where = f"{self._venue} {call.method} {call.path}"
        signed = self._sign(call.method, call.path, call.query, call.body, self.time.now_ms())
        target = f"{self.base_url}{call.path}?{signed.query}" if signed.query else f"{self.base_url}{call.path}"
        timeout_s = self._timeout_s if call.changes else self._read_timeout_s
        request = self._client.build_request(
            call.method,
            target,
            headers=signed.headers,
            content=signed.body if signed.body else None,
            timeout=waits(timeout_s),
        )
        if str(request.url) != target:
            raise Unclear("UNREADABLE", f"{where}: the address would be changed on its way; not sent", sent=False)
        if call.at_send is not None:
            call.at_send()
        self.requests += 1
        try:
            async with asyncio.timeout(2 * timeout_s):
                answer = await self._client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            self.errors += 1
            raise Unclear("DISCONNECT", f"{where}: no connection ({_words(error)})", sent=False) from error
        except (httpx.TimeoutException, TimeoutError) as error:
            self.errors += 1
            raise Unclear("TIMEOUT", f"{where}: no answer within {timeout_s:g} s") from error
        except (httpx.HTTPError, OSError) as error:
            self.errors += 1
            why: Unknown = "UNREADABLE" if isinstance(error, httpx.DecodingError) else "DISCONNECT"
            raise Unclear(why, f"{where}: {_words(error)}") from error
        try:
            self._check(call, answer, where)
        except VenueError:
            self.errors += 1
            raise
        self.ban.served()
        if call.safety and call.changes:
            self._safety_backoff.reset()
        return answer.content

    def _check(self, call: _Call, answer: httpx.Response, where: str) -> None:
        """Returns for an answer that says the request was carried out."""
        self.budget.observe(call.path, answer.headers)
        status, body = answer.status_code, answer.content
        if is_ban_status(status):
            raise self._banned(call, status, answer.headers, body)
        if status >= 500:
            raise Unclear("SERVER_ERROR", f"{where}: HTTP {status}", retry_after_s(answer.headers) or 0.0)
        try:
            self._judge(status, answer.headers, body)
        except Limited as limited:
            self._banned(call, 429, {"Retry-After": f"{limited.retry_in_s:.3f}"}, body)
            raise
        if status == 200:
            return
        text = f"{where}: HTTP {status} without a readable reason"
        if call.changes:
            raise Unclear("UNREADABLE", text)
        raise Fatal(f"{text}; is {self.base_url} the right base URL?")

    def _banned(self, call: _Call, status: int, headers: Mapping[str, str], body: bytes) -> Banned:
        """Everything stops until the venue's deadline; what protects and was refused itself waits a little as well."""
        least_s = min(LONGEST_RESET_S, self.budget.reset_in_s()) if status == 429 else 0.0
        if call.safety:
            self._safety_at = self._clock.monotonic() + self._safety_backoff.next_s()
        return self.ban.impose(status, headers, body, least_s)


def _words(error: Exception) -> str:
    return f"{type(error).__name__} {error}".rstrip()
