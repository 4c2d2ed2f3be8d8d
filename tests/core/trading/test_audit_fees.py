"""What an audit asked of figures: a fee taken in another asset is not in the result, so it has to be named."""

from __future__ import annotations

from core.trading.plan import TradeEnded, TradePlan
from core.trading.trade import Trade
from core.trading.trade_report import trade_closed
from tests.core.trading.evidence_builders import T0
from tests.core.trading.market import SYMBOL, d
from tests.core.trading.test_position_book import book, filled, order
from tests.snapshots.scenes import app
from tests.trading_builders import history
from tui.widgets.history_detail import detail_lines


async def test_fees_in_another_asset_are_told_beside_the_result_they_are_not_in() -> None:
    positions = book()
    trade = Trade(
        TradePlan(at_ms=T0, trade_id="o1", symbol=SYMBOL, side="BUY", quantity=d(1), entry=d(100), stop=d(90)), 0.0
    )
    for record in (
        filled(order("o1", "BUY", 1), (1, 100, "0.0002", "BNB")),
        filled(order("x1", "SELL", 1, parent="o1"), (1, 110, "0.0003", "BNB")),
    ):
        trade.orders[record.client_id] = record
        trade.position = positions.apply(record)
    trade.ended = TradeEnded(at_ms=T0 + 1, trade_id="o1", result=d(10), r_multiple=1.0, why="OPERATOR", fees=d(0))
    told = trade_closed(trade, "binance_us", "spot")
    assert told is not None
    assert (told.fees, told.other_fees) == (d(0), (("BNB", d("0.0005")),))
    running = app()
    async with running.run_test(size=(80, 24)) as pilot:
        running.desk.bus.publish(history(told))
        await pilot.pause()
        page = "\n".join("".join(words for words, _ in line) for line in detail_lines(running.desk, told, 78))
        assert "fees of 0.0005 BNB are not in it" in page
