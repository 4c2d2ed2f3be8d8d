"""Calls that are still open, and what stored candles say of them. No I/O: blocks in, outcomes out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from core.screening.calls import MINUTE_MS, Call
from core.screening.outcomes import BARRIER_HISTORY, Outcome, barrier_of, direction_of, trade_of, unbroken
from core.venue import TIMEFRAME_MS, CandleBlock

FIRST_LOOK_MS = 5 * MINUTE_MS
WAIT_MS = 24 * 60 * MINUTE_MS
"""Candles that are still missing so long after a call's time was up are not waited for any more."""
STILL = "the market did not move before it, so there were no barriers"
NO_CANDLES = "its candles never came"


class OpenCall:
    """One call of which something is still to be learnt; `next_ms` is when a look at it is worth it."""

    __slots__ = ("barrier", "call", "next_ms", "outcome")

    def __init__(self, call: Call, outcome: Outcome) -> None:
        self.call = call
        self.outcome = outcome
        self.barrier = math.nan
        self.next_ms = call.starts_ms + FIRST_LOOK_MS

    @property
    def wants_direction(self) -> bool:
        return self.call.directed and self.outcome.direction is None and self.outcome.unknown != STILL

    @property
    def wants_trade(self) -> bool:
        return self.call.trade is not None and self.outcome.trade is None

    @property
    def done(self) -> bool:
        """Nothing more is to be learnt of it."""
        return not (self.wants_direction or self.wants_trade)

    @property
    def history_ms(self) -> int:
        """Decision bars from this moment on say how far its barriers are."""
        return self.call.at_ms - (BARRIER_HISTORY + 2) * TIMEFRAME_MS[self.call.timeframe]

    def wait(self, now_ms: int) -> None:
        """Look again after a quarter of its age, so that a call is looked at some twenty times in all."""
        pause_ms = max(FIRST_LOOK_MS, (now_ms - self.call.starts_ms) // 4)
        last_ms = self.call.last_ms
        moments = (self.call.ends_ms + MINUTE_MS, last_ms + MINUTE_MS, last_ms + WAIT_MS)
        self.next_ms = min(now_ms + pause_ms, *(moment for moment in moments if moment > now_ms), now_ms + WAIT_MS)

    def given_up(self, now_ms: int) -> bool:
        return now_ms >= self.call.last_ms + WAIT_MS


def judge(
    calls: Sequence[OpenCall], minutes: CandleBlock, decision: Mapping[str, CandleBlock], round_trip: float
) -> list[Outcome]:
    """What is known now of calls of one symbol; `decision` holds its bars by decision timeframe.

    Their barriers are noted in the calls on the way.
    """
    return [_judge(one, unbroken(minutes, one.call.starts_ms), decision, round_trip) for one in calls]


def _judge(one: OpenCall, minutes: CandleBlock, decision: Mapping[str, CandleBlock], round_trip: float) -> Outcome:
    call, outcome = one.call, one.outcome
    if one.wants_direction:
        if math.isnan(one.barrier) and call.timeframe in decision:
            one.barrier = barrier_of(decision[call.timeframe], TIMEFRAME_MS[call.timeframe], call.at_ms)
        if one.barrier == 0.0:
            outcome = replace(outcome, unknown=STILL)
        else:
            outcome = replace(outcome, direction=direction_of(call, minutes, one.barrier, round_trip))
    if one.wants_trade and call.trade is not None:
        outcome = replace(outcome, trade=trade_of(call.trade, call.starts_ms, minutes))
    return outcome
