"""When silence is proof: the rule by which an order of unknown outcome is held never to have reached its venue.

One "no such order" proves nothing: venues answer from replicas and create orders asynchronously. It takes all three
channels (query by client id, open orders, trades), each asked again after `span_ms`, and spaced queries in between. Every
question must have been asked after the outcome became unknown. One positive answer ever, and the rule never holds.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from core.trading.evidence import NotFound, NotListed, TradesListed


class NoTraceRule(Struct, frozen=True, kw_only=True):
    """`queries` not-founds at least `spacing_ms` apart, the evidence of each channel reaching over `span_ms`.

    `span_ms` must be longer than the receive window requests are signed with. `grace_ms`: a not-found so soon after the
    venue showed the order is its replica lagging, not news.
    """

    span_ms: int = 30_000
    queries: int = 3
    spacing_ms: int = 5_000
    grace_ms: int = 5_000
    lost_ms: int = 10_000


class Silence(Struct, frozen=True, kw_only=True):
    """The negative answers so far, by the time they were asked. `queries` holds those that count by their spacing."""

    since_ms: int
    born_ms: int
    queries: tuple[int, ...] = ()
    not_listed_ms: int = 0
    no_trades_ms: int = 0


def heard(silence: Silence, evidence: NotFound | NotListed | TradesListed, rule: NoTraceRule) -> Silence:
    """One negative answer more. What was asked before the outcome was unknown, or reaches back too little, counts nothing."""
    asked_ms = evidence.asked_ms
    if asked_ms < silence.since_ms:
        return silence
    match evidence:
        case NotFound():
            if silence.queries and asked_ms - silence.queries[-1] < rule.spacing_ms:
                return silence
            return replace(silence, queries=(*silence.queries, asked_ms))
        case NotListed():
            return replace(silence, not_listed_ms=max(silence.not_listed_ms, asked_ms))
        case TradesListed():
            if evidence.fills or not evidence.complete or evidence.since_ms > silence.born_ms:
                return silence
            return replace(silence, no_trades_ms=max(silence.no_trades_ms, asked_ms))


def proven(silence: Silence, rule: NoTraceRule) -> bool:
    """Whether the order is proven never to have arrived."""
    if len(silence.queries) < rule.queries:
        return False
    enough_ms = silence.since_ms + rule.span_ms
    over_ms = silence.queries[-1] - silence.queries[0]
    return over_ms >= rule.span_ms and silence.not_listed_ms >= enough_ms and silence.no_trades_ms >= enough_ms
