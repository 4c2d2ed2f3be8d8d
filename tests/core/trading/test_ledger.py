"""What balances should be by our own fills, and what is somebody else's doing."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from core.trading.broker import VenueBalance
from core.trading.ledger import Ledger
from core.trading.order import Fill
from core.venue import Instrument

D = Decimal
RULE = Instrument(
    venue="binance_us", category="spot", symbol="SOLUSDT", base="SOL", quote="USDT", status="TRADING", trading=True,
    tick_size=D("0.01"), lot_size=D("0.001"),
)  # fmt: skip


class Holding(Struct):
    quantity: Decimal


def rules(symbol: str) -> Instrument | None:
    return RULE if symbol == "SOLUSDT" else None


def fill(side: str, price: str, quantity: str, fee: str = "0", asset: str = "") -> Fill:
    return Fill(
        trade_id=f"{side}{price}{quantity}", order_id="1", client_id="a", symbol="SOLUSDT", side=side, price=D(price),  # type: ignore[arg-type]
        quantity=D(quantity), cumulative=D(quantity), fee=D(fee), fee_asset=asset, maker=False, at_ms=1,
    )  # fmt: skip


def balances(**amounts: str) -> dict[str, VenueBalance]:
    return {asset: VenueBalance(D(amount), D(0)) for asset, amount in amounts.items()}


def test_nothing_is_known_before_the_first_look() -> None:
    ledger = Ledger(rules)
    assert ledger.differences(balances(USDT="1000", SOL="3")) == []


def test_our_fills_explain_what_moved() -> None:
    ledger = Ledger(rules)
    ledger.believe({"USDT": VenueBalance(D(900), D(100)), "SOL": VenueBalance(D(3))})
    ledger.fill(fill("BUY", "150", "2", "0.002", "SOL"))
    assert ledger.differences(balances(USDT="700", SOL="4.998")) == []
    ledger.fill(fill("SELL", "160", "1", "0.16", "USDT"))
    assert ledger.differences(balances(USDT="859.84", SOL="3.998")) == []


def test_what_our_fills_do_not_explain_is_named() -> None:
    ledger = Ledger(rules)
    ledger.believe(balances(USDT="1000", SOL="3", BTC="1"))
    (found,) = ledger.differences(balances(USDT="1000", SOL="3", BTC="0.5"))
    assert (found.kind, found.symbol, found.ours, found.venues) == ("BALANCE", "BTC", "1", "0.5")
    assert "elsewhere" in found.text
    ledger.accept("BTC")
    assert ledger.differences(balances(USDT="1000", SOL="3", BTC="0.5")) == []


def test_an_asset_that_is_gone_or_new_is_a_difference_too() -> None:
    ledger = Ledger(rules)
    ledger.believe(balances(USDT="1000", BTC="1"))
    assert [one.symbol for one in ledger.differences(balances(USDT="1000", DOGE="5"))] == ["BTC", "DOGE"]


def test_rounding_is_no_difference_but_more_than_a_lot_is() -> None:
    ledger = Ledger(rules)
    ledger.believe(balances(USDT="1000", SOL="3"))
    ledger.fill(fill("BUY", "150", "1", "0.001", "SOL"))
    assert ledger.differences(balances(USDT="850", SOL="3.9995")) == []
    assert [one.symbol for one in ledger.differences(balances(USDT="850", SOL="3.9979"))] == ["SOL"]
    assert [one.symbol for one in ledger.differences(balances(USDT="849.99", SOL="3.999"))] == ["USDT"]


def test_positions_by_base_coin() -> None:
    ledger = Ledger(rules)
    assert ledger.held({"SOLUSDT": Holding(D(2)), "XUSDT": Holding(D(1))}) == {"SOL": D(2)}
    assert ledger.held({"SOLUSDT": Holding(D(0))}) == {}


@given(
    st.lists(
        st.tuples(st.sampled_from(("BUY", "SELL")), st.integers(1, 10_000), st.integers(1, 5_000), st.integers(0, 100)),
        max_size=20,
    ),
    st.integers(-50_000, 50_000),
)
def test_any_trading_of_ours_and_one_move_of_another_hand(trades: list[tuple[str, int, int, int]], moved: int) -> None:
    """An account that moves with our fills shows no difference; a further move shows exactly when it is above the dust."""
    ledger = Ledger(rules)
    usdt, sol = D(10_000_000), D(100_000)
    ledger.believe({"USDT": VenueBalance(usdt), "SOL": VenueBalance(sol)})
    for side, price_cents, lots, fee_basis in trades:
        price, quantity = D(price_cents) / 100, D(lots) / 1000
        asset = "SOL" if side == "BUY" else "USDT"
        fee = (quantity if side == "BUY" else price * quantity) * D(fee_basis) / 10_000
        ledger.fill(fill(side, str(price), str(quantity), str(fee), asset))
        sign = 1 if side == "BUY" else -1
        sol += sign * quantity - (fee if asset == "SOL" else 0)
        usdt += -sign * price * quantity - (fee if asset == "USDT" else 0)
    other = D(moved) / 1000
    found = ledger.differences({"USDT": VenueBalance(usdt), "SOL": VenueBalance(sol + other)})
    assert [one.symbol for one in found] == (["SOL"] if abs(other) > ledger.dust("SOL") else [])
