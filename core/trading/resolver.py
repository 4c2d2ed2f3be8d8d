"""Asks the venue until it is known what became of an order: by client id, among open orders, among the trades.

A question that fails is no answer and is asked again. An order of unknown outcome is asked for on all channels at the spacing
of the no-trace rule, until evidence or a person resolves it; after a while a person is called, and the questions go on.
"""

from __future__ import annotations

import logging

from msgspec.structs import replace

from core.clock import Clock
from core.settings_live import LiveSettings
from core.supervise import Supervisor
from core.trading.broker import Broker, OrderKey
from core.trading.evidence import Channel, NotFound, NotListed, Reported, TradesListed
from core.trading.no_trace import NoTraceRule
from core.trading.order_record import OrderRecord
from core.trading.order_reducer import ALL_CHANNELS
from core.trading.records import OrderRecords
from core.venue import VenueError

FIRST_WAIT_S = 1.0
PATIENT_WAIT_S = 30.0
"""Between questions about an order that a person was called for: it may stay unknown for hours."""
BIRTH_SLACK_MS = 5_000
"""Trades are asked for from so long before the order: the venue's clock is not ours."""

log = logging.getLogger("tradetui.trading")


def key_of(record: OrderRecord) -> OrderKey:
    """How the venue knows the order."""
    spec = record.intent.spec
    return OrderKey(
        symbol=spec.symbol,
        client_id=spec.client_id,
        order_id=record.order_ids[0] if record.order_ids else "",
        list_id=spec.list_id,
        conditional=record.spec.stop_price > 0,
    )


class Resolver:
    """`ask` starts a pursuit of an order, or adds to the one that runs; each is a task of the supervisor's."""

    def __init__(
        self,
        clock: Clock,
        live: LiveSettings,
        broker: Broker,
        records: OrderRecords,
        supervisor: Supervisor,
        rule: NoTraceRule,
    ) -> None:
        self._clock = clock
        self._live = live
        self._broker = broker
        self._records = records
        self._supervisor = supervisor
        self._rule = rule
        self._wanted: dict[str, set[Channel]] = {}
        self._alarmed: set[str] = set()
        self._unknown_at: dict[str, float] = {}
        self._begun: dict[str, tuple[int, float]] = {}
        self.failed_questions = 0

    def ask(self, client_id: str, channels: tuple[Channel, ...]) -> None:
        """These channels must answer about the order."""
        running = client_id in self._wanted
        self._wanted.setdefault(client_id, set()).update(channels)
        if not running:
            self._supervisor.start(f"resolve {client_id}", lambda: self._pursue(client_id), "once")

    def look(self) -> None:
        """Call a person for every order that is unknown for too long; once each time it becomes so."""
        limit_s = self._live.current.trading.unknown_alarm_s
        unknown = {record.client_id: record for record in self._records.orders.values() if record.state == "UNKNOWN"}
        self._alarmed &= unknown.keys()
        now, now_ms = self._clock.monotonic(), self._clock.now_ms()
        ages_s = {name: max(0, now_ms - record.changed_ms) / 1000 for name, record in unknown.items()}
        self._unknown_at = {name: self._unknown_at.get(name, now - age_s) for name, age_s in ages_s.items()}
        for client_id, record in unknown.items():
            age_s = now - self._unknown_at[client_id]
            if age_s >= limit_s and client_id not in self._alarmed:
                self._alarmed.add(client_id)
                spec = record.intent.spec
                text = (
                    f"order {client_id} ({spec.side} {spec.quantity:f} {spec.symbol}) is unknown for {age_s:.0f} s: compare it "
                    f"with the venue's website and resolve it; entries in {spec.symbol} are locked until then"
                )
                self._records.alarm("UNKNOWN_ORDER", text, record)

    def _now_ms(self, client_id: str) -> int:
        """The time of day, counted on from when it became unknown: a leap of the clock must not make silence seem long."""
        begun_ms, begun_at = self._begun[client_id]
        return begun_ms + round((self._clock.monotonic() - begun_at) * 1000)

    async def _pursue(self, client_id: str) -> None:
        rounds, unknown = 0, False
        try:
            while True:
                channels = self._wanted[client_id]
                self._wanted[client_id] = set()
                record = self._records.orders.get(client_id)
                if record is None:
                    return
                if record.state != "UNKNOWN" or not unknown:
                    self._begun[client_id] = self._clock.now_ms(), self._clock.monotonic()
                unknown = record.state == "UNKNOWN"
                if unknown:
                    channels |= set(ALL_CHANNELS)
                elif record.in_doubt:
                    channels.add("QUERY")
                if not channels:
                    return
                self._wanted[client_id] |= await self._round(record, channels)
                await self._clock.sleep(self._wait_s(client_id, rounds))
                rounds += 1
        finally:
            del self._wanted[client_id]
            self._begun.pop(client_id, None)

    def _wait_s(self, client_id: str, rounds: int) -> float:
        record = self._records.orders.get(client_id)
        if record is None or not (record.in_doubt or self._wanted[client_id]):
            return 0.0
        if client_id in self._alarmed:
            return PATIENT_WAIT_S
        return min(FIRST_WAIT_S * 2.0 ** min(rounds, 10), self._rule.spacing_ms / 1000)

    async def _round(self, record: OrderRecord, channels: set[Channel]) -> set[Channel]:
        """Ask each channel; returns those that gave no answer."""
        failed: set[Channel] = set()
        for channel in ALL_CHANNELS:
            if channel not in channels:
                continue
            try:
                await self._question(record, channel)
            except VenueError as error:  # no answer is no evidence: asked again
                self.failed_questions += 1
                failed.add(channel)
                log.warning("no answer from %s about order %s: %s", channel, record.client_id, error)
            except Exception:  # an answer nobody could read is none either: counted, and asked again
                self.failed_questions += 1
                failed.add(channel)
                log.exception("unreadable answer from %s about order %s", channel, record.client_id)
        return failed

    async def _question(self, record: OrderRecord, channel: Channel) -> None:
        if channel == "QUERY":
            await self._query(record)
        elif channel == "OPEN_ORDERS":
            await self._open_orders(record)
        else:
            await self._trades(record)

    async def _query(self, record: OrderRecord) -> None:
        asked_ms = self._now_ms(record.client_id)
        reports = await self._broker.query(key_of(record))
        at_ms, client_id = self._now_ms(record.client_id), record.client_id
        if not reports:
            self._records.hear(NotFound(client_id=client_id, at_ms=at_ms, asked_ms=asked_ms))
        for report in reports:
            self._records.hear(
                Reported(client_id=client_id, at_ms=at_ms, report=report, channel="QUERY", asked_ms=asked_ms)
            )

    async def _open_orders(self, record: OrderRecord) -> None:
        asked_ms = self._now_ms(record.client_id)
        reports = await self._broker.open_orders(record.intent.spec.symbol)
        at_ms = self._now_ms(record.client_id)
        seen = False
        for report in reports:
            ours = self._records.find(report)
            if ours is None or ours.client_id != record.client_id:
                continue
            seen = True
            self._records.hear(
                Reported(client_id=ours.client_id, at_ms=at_ms, report=report, channel="OPEN_ORDERS", asked_ms=asked_ms)
            )
        if not seen:
            self._records.hear(NotListed(client_id=record.client_id, at_ms=at_ms, asked_ms=asked_ms))

    async def _trades(self, record: OrderRecord) -> None:
        born_ms = record.journalled_ms or record.intent.at_ms
        asked_ms = self._now_ms(record.client_id)
        trades = await self._broker.trades(record.intent.spec.symbol, born_ms - BIRTH_SLACK_MS)
        current = self._records.orders.get(record.client_id, record)
        mine = tuple(
            replace(fill, client_id=record.client_id)
            for fill in trades.fills
            if fill.client_id == record.client_id or fill.order_id in current.order_ids
        )
        # A trade of an order nobody knows may be of this one, whose venue id is not known: then silence proves nothing.
        nameless = any(not fill.client_id and self._records.by_order_id(fill.order_id) is None for fill in trades.fills)
        told = TradesListed(
            client_id=record.client_id,
            at_ms=self._now_ms(record.client_id),
            asked_ms=asked_ms,
            since_ms=trades.since_ms,
            fills=mine,
            complete=trades.complete and trades.since_ms <= born_ms and (bool(mine) or not nameless),
        )
        self._records.hear(told)
