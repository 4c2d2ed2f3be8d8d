"""A scripted hour of paper trading: every way a trade can go, its life in the journal, its money, and the same again to the byte."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from core.messages import (
    CancelOrder,
    Discrepancy,
    Fault,
    Flatten,
    Halt,
    HaltReport,
    OpenTrade,
    OrderAlarm,
    PositionStatus,
    Refused,
    Resume,
    TradeClosed,
)
from core.trading.journal import read_journal
from core.trading.journal_replay import replay
from core.trading.plan import StopMoved, TradeEnded, TradePlan
from core.trading.position_book import PositionBook
from core.trading.states import DONE
from core.trading.trade_recovery import recovered
from tests.core.trading.paper_hour import PaperHour, paper_hour

D = Decimal


def wish(hour: PaperHour, symbol: str, stop: str, *targets: str, entry: str = "") -> OpenTrade:
    """Shares of the price: the stop below it, the targets above it, the entry below it or (empty) at the market."""
    mid, tick = D(repr(hour.provider.mids[symbol])), hour.provider.rules[symbol].tick_size

    def at(share: Decimal) -> Decimal:
        return mid * (1 + share) // tick * tick

    return OpenTrade(
        symbol=symbol,
        side="BUY",
        entry=at(-D(entry)) if entry else D(0),
        stop=at(-D(stop)),
        targets=tuple(at(D(target)) for target in targets),
    )


async def flat(hour: PaperHour, symbol: str, why: str) -> None:
    """The newest trade has ended so; its market goes back to where it was."""
    assert hour.of(TradeClosed)[-1].why == why, hour.of(TradeClosed)[-1]
    await hour.pass_time(90, **{symbol: 1.0})


async def trade_an_hour(hour: PaperHour) -> None:
    """Each step ends as it should, or the hour ends here."""
    one, other = hour.provider.symbols
    hour.ask(wish(hour, one, "0.02", "0.04", "0.06"))
    await hour.pass_time(20)
    assert hour.of(PositionStatus)[-1].stop.state == "VERIFIED"
    await hour.pass_time(100, **{one: 0.975})
    await flat(hour, one, "STOP")

    hour.ask(wish(hour, one, "0.02", "0.03", "0.05"))
    await hour.pass_time(150, **{one: 1.06})
    await flat(hour, one, "TARGET")

    hour.ask(wish(hour, other, "0.02", "0.09"))
    await hour.pass_time(120, **{other: 1.05})
    await hour.stop()  # and on the next morning
    await hour.start()
    await hour.pass_time(30)
    assert hour.of(PositionStatus)[-1].stop.state == "VERIFIED"
    await hour.pass_time(100, **{other: 1.03})
    await flat(hour, other, "TRAIL")

    hour.ask(wish(hour, one, "0.02", "0.04", "0.06"))
    await hour.pass_time(500)
    await flat(hour, one, "TIME_STOP")

    closed = len(hour.of(TradeClosed))
    hour.ask(wish(hour, one, "0.02", "0.04", entry="0.005"))
    await hour.pass_time(30)
    hour.ask(CancelOrder(client_id=working(hour)))
    await hour.pass_time(10)
    assert not working(hour)
    assert len(hour.of(TradeClosed)) == closed, "nothing was ever held"

    hour.ask(wish(hour, other, "0.02", "0.04", "0.06"))
    hour.ask(wish(hour, one, "0.02", "0.04", entry="0.005"))
    await hour.pass_time(60)
    name = working(hour)
    assert name, hour.of(Refused)[-1]
    hour.ask(Halt(why="the script"))
    await hour.pass_time(10)
    report = hour.of(HaltReport)[-1]
    assert (report.done, report.cancelled, report.failed, report.stops_kept > 0) == (True, (name,), (), True)
    hour.ask(wish(hour, one, "0.02", "0.04"))
    await hour.pass_time(5)
    assert "HALTED" in hour.of(Refused)[-1].words
    hour.ask(Flatten())
    await hour.pass_time(10)
    await flat(hour, other, "FLATTEN")
    hour.ask(Resume())
    await hour.pass_time(1)
    hour.ask(Resume())
    await hour.pass_time(3_600 - (hour.clock.now_ms() - hour.began_ms) / 1000)


def working(hour: PaperHour) -> str:
    """The entry that works."""
    orders = hour.desk.manager.orders.values()
    return next((one.client_id for one in orders if one.intent.purpose == "ENTRY" and one.may_fill), "")


def journal(hour: PaperHour) -> Path:
    (folder,) = hour.folder.glob("accounts/*/*/journal")
    return folder


async def check_account(hour: PaperHour) -> None:
    """Nothing came from nowhere: balances are what the fills say, and the money is what the trades brought."""
    fills = [fill for record in hour.desk.manager.orders.values() for fill in record.fills]
    expected = {"USDT": D(repr(hour.settings.paper.balance))}
    for fill in fills:
        rule = hour.provider.rules[fill.symbol]
        way = 1 if fill.side == "BUY" else -1
        expected[rule.base] = expected.get(rule.base, D(0)) + way * fill.quantity
        expected["USDT"] -= way * fill.quantity * fill.price
        expected[fill.fee_asset] -= fill.fee
    held = (await hour.broker.snapshot()).balances
    assert {asset: one.free + one.locked for asset, one in held.items()} == expected
    assert all(one.locked == 0 for one in held.values())
    results = sum((closed.result for closed in hour.of(TradeClosed)), D(0))
    assert abs(expected["USDT"] - D(repr(hour.settings.paper.balance)) - results) < D("1e-12")


def check_journal(hour: PaperHour) -> None:
    """Read from the disk, it tells the same orders, positions and trades."""
    entries = read_journal(journal(hour))
    orders = replay(entries).orders
    assert {name: (one.state, one.venue, one.spec) for name, one in orders.items()} == {
        name: (one.state, one.venue, one.spec) for name, one in hour.desk.manager.orders.items()
    }
    assert all(record.state in DONE for record in orders.values())
    book = PositionBook(hour.provider.rules.get)
    trades = recovered(entries, orders, book, 0.0)
    assert not book.positions
    assert not hour.desk.book.positions
    told = {closed.trade_id: closed for closed in hour.of(TradeClosed)}
    for trade_id, trade in trades.items():
        assert trade.ended is not None, trade_id
        position = book.of(trade_id)
        if position is None:
            assert trade_id not in told
            continue
        closed = told.pop(trade_id)
        assert (position.realised, position.entered, position.fees) == (closed.result, closed.quantity, closed.fees)
        assert (trade.ended.result, trade.ended.why) == (closed.result, closed.why)
        assert position == hour.desk.book.of(trade_id)
    assert not told
    kinds = [type(entry.record) for entry in entries]
    assert kinds.count(TradePlan) == kinds.count(TradeEnded) == len(trades) == 8  # the one that the halt refused, too
    assert any(isinstance(entry.record, StopMoved) and entry.record.why == "TRAIL" for entry in entries)


async def one_hour(folder: Path) -> dict[str, bytes]:
    """Trade, check, and hand out every file of the journal."""
    async with paper_hour(folder) as hour:
        await trade_an_hour(hour)
        await check_account(hour)
        assert [message.why for message in hour.of(TradeClosed)] == [
            "STOP", "TARGET", "TRAIL", "TIME_STOP", "FLATTEN",
        ]  # fmt: skip
        assert not hour.of(Fault)
        assert not hour.of(Discrepancy)
        assert not [alarm for alarm in hour.of(OrderAlarm) if alarm.severity == "error"]
        assert hour.bus.handler_errors == 0
    check_journal(hour)
    return {
        file.name: file.read_bytes()
        for file in sorted(journal(hour).iterdir())
        if file.is_file() and file.name != "lock"
    }


async def test_an_hour_of_paper_ends_with_every_trade_told_and_the_same_hour_again_is_the_same_to_the_byte(
    tmp_path: Path,
) -> None:
    first, second = [await one_hour(tmp_path / name) for name in ("first", "second")]
    assert first
    assert first == second
