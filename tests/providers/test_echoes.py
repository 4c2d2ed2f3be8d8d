"""Acknowledged orders must be spoken of by the stream within five seconds, in whichever order both come."""

from __future__ import annotations

from core.clock import SimClock
from providers.echoes import ECHO_S, Echoes


def echoes_at() -> tuple[Echoes, SimClock]:
    clock = SimClock(1_700_000_000_000)
    return Echoes(clock), clock


def later(clock: SimClock, seconds: float) -> None:
    clock.set_ms(clock.now_ms() + int(seconds * 1000))


def test_an_acknowledged_order_nobody_speaks_of_is_told_once():
    echoes, clock = echoes_at()
    for client_id in ("c1", "c2"):
        echoes.sent(client_id)
        echoes.acknowledged(client_id)
    later(clock, ECHO_S)
    assert echoes.overdue() == ""
    later(clock, 0.001)
    assert echoes.overdue() == "c1"
    assert echoes.overdue() == ""


def test_the_stream_may_be_quicker_than_the_answer():
    echoes, clock = echoes_at()
    echoes.sent("c1")
    echoes.settled("c1")
    echoes.acknowledged("c1")
    later(clock, 60)
    assert (echoes.overdue(), echoes.waiting) == ("", 0)


def test_without_an_answer_nothing_is_due():
    echoes, clock = echoes_at()
    echoes.sent("c1")
    later(clock, 60)
    assert echoes.overdue() == ""
    echoes.acknowledged("c1")
    assert echoes.overdue() == "", "the time runs from the answer on"
    echoes.clear()
    later(clock, 60)
    assert echoes.overdue() == ""


def test_foreign_orders_have_no_id_to_be_known_by():
    echoes, _ = echoes_at()
    echoes.sent("")
    assert echoes.waiting == 0
