"""Differences between venue and journal: told once, settled once, and the trading state with them."""

from __future__ import annotations

from core.bus import Bus
from core.clock import SimClock
from core.messages import Discrepancy
from core.trading.differences import Difference, Differences


class Where:
    venue = "bybit"
    category = "linear"


class Risk:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def tighten(self, to: str, cause: str) -> None:
        self.said.append((to, cause))

    def settle(self, cause: str) -> None:
        self.said.append(("settled", cause))


def foreign(key: str = "FOREIGN_ORDER 7", text: str = "order 7 was placed elsewhere") -> Difference:
    return Difference(key, "FOREIGN_ORDER", "SOLUSDT", "none", "BUY 1", text)


BALANCE = Difference("BALANCE BTC", "BALANCE", "BTC", "1", "0.5", "BTC: 1 expected, 0.5 there")


class Book:
    def __init__(self) -> None:
        self.clock = SimClock(1_000)
        bus = Bus(self.clock)
        self.risk = Risk()
        self.told: list[Discrepancy] = []
        bus.subscribe(Discrepancy, self.told.append)
        self.differences = Differences(bus, self.clock, Where(), self.risk)

    def heard(self) -> list[tuple[str, bool]]:
        said = [(one.key, one.settled) for one in self.told]
        self.told.clear()
        return said


def test_a_difference_is_told_once_and_reduces_at_once() -> None:
    book = Book()
    book.differences.of_kinds(("FOREIGN_ORDER",), [foreign()])
    book.clock.set_ms(5_000)
    book.differences.of_kinds(("FOREIGN_ORDER",), [foreign()])
    (told,) = book.told
    assert (told.first_ms, told.settled, told.venue, told.symbol) == (1_000, False, "bybit", "SOLUSDT")
    assert book.risk.said == [("REDUCING", "discrepancy FOREIGN_ORDER 7")]


def test_what_is_over_is_settled_once_and_other_kinds_stay() -> None:
    book = Book()
    book.differences.of_kinds(("FOREIGN_ORDER",), [foreign()])
    book.differences.of_kinds(("BALANCE",), [BALANCE])
    book.heard()
    book.differences.of_kinds(("FOREIGN_ORDER",), [])
    book.differences.of_kinds(("FOREIGN_ORDER",), [])
    assert book.heard() == [("FOREIGN_ORDER 7", True)]
    assert list(book.differences.standing) == ["BALANCE BTC"]
    assert book.risk.said[-1] == ("settled", "discrepancy FOREIGN_ORDER 7")


def test_a_change_of_words_is_told_again_with_its_first_time() -> None:
    book = Book()
    book.differences.of_kinds(("FOREIGN_ORDER",), [foreign()])
    book.clock.set_ms(9_000)
    book.differences.of_kinds(("FOREIGN_ORDER",), [foreign(text="order 7 has filled")])
    assert [(one.text, one.first_ms) for one in book.told][-1] == ("order 7 has filled", 1_000)


def test_what_the_operator_accepts_no_longer_stands_until_it_ends_and_comes_again() -> None:
    book = Book()
    book.differences.of_kinds(("BALANCE",), [BALANCE])
    book.differences.accept("BALANCE BTC")
    assert book.heard() == [("BALANCE BTC", False), ("BALANCE BTC", True)]
    book.differences.of_kinds(("BALANCE",), [BALANCE])
    assert book.heard() == []
    assert book.differences.standing == {}
    book.differences.of_kinds(("BALANCE",), [])
    book.differences.of_kinds(("BALANCE",), [BALANCE])
    assert book.heard() == [("BALANCE BTC", False)]


def test_a_late_screen_hears_what_stands() -> None:
    book = Book()
    book.differences.of_kinds(("FOREIGN_ORDER",), [foreign(), foreign("FOREIGN_ORDER 8", "order 8")])
    book.heard()
    book.differences.replay()
    assert book.heard() == [("FOREIGN_ORDER 7", False), ("FOREIGN_ORDER 8", False)]
