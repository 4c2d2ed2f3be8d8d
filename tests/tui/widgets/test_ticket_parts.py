"""What may be typed into a ticket, and what of a page is kept where there is little room."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.ticket_edit import PARTS, change_of, number
from tui.widgets.ticket_page import MUST, arranged, block
from tui.widgets.trading_words import stepped


@given(st.decimals(min_value="0.00000001", max_value="1e12", places=8))
def test_every_number_of_a_market_can_be_typed(value: Decimal) -> None:
    assert number(f"{value:f}") == value
    assert number(f"{value:,f}") == value


@given(
    st.decimals(min_value="0.00000001", max_value="1e9", places=8),
    st.sampled_from(["0.01000000", "1e-8", "5", "", "x", "0"]),
)
def test_the_decimals_of_a_step_never_change_a_number(value: Decimal, step: str) -> None:
    assert stepped(value, step) == value
    assert f"{stepped(Decimal('0.50000000'), '0.00010000'):f}" == "0.5000"
    assert f"{stepped(Decimal('5.54445000'), '0.01'):f}" == "5.54445"
    assert f"{stepped(Decimal('5.5'), '0.01'):f}" == "5.50"


@given(st.text(), st.sampled_from(sorted(PARTS)))
def test_whatever_is_typed_is_sent_plainly_or_explained(text: str, verb: str) -> None:
    change = change_of(PARTS[verb], text)
    assert bool(change.value) != bool(change.trouble)
    if verb in ("side", "type"):
        assert change.value in ("", "BUY", "SELL", "LIMIT", "MARKET")
    else:
        assert all(Decimal(piece) > 0 and "E" not in piece for piece in change.value.split())


@given(
    st.lists(st.tuples(st.sampled_from([MUST, MUST, 80, 50, 1]), st.integers(0, 6)), max_size=12), st.integers(1, 40)
)
def test_a_page_fits_and_keeps_what_must_be_read_or_says_that_it_does_not(parts, height) -> None:
    blocks = [
        block([[(f"{place}.{row}", "text")] for row in range(rows)], weight)
        for place, (weight, rows) in enumerate(parts)
    ]
    lines, complete = arranged(blocks, height)
    shown = {line[0][0] for line in lines}
    must = {f"{place}.{row}" for place, (weight, rows) in enumerate(parts) if weight == MUST for row in range(rows)}
    assert len(lines) <= height
    assert complete == (len(must) <= height)
    assert must <= shown or not complete
