"""The history of closed trades: the journal tells after a start what the bus told before it, and the figures are right."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.messages import Flatten, OrderAlarm, Refused, Replay, ResetPaper, TradeClosed, TradeHistory
from core.trading.journal import read_journal
from core.trading.journal_records import Entry, Record
from core.trading.order import Fill
from core.trading.plan import TradeEnded
from core.trading.trade_history import TOLD
from core.trading.trade_record import RESET, closed_trades, named_rules, summarise
from tests.core.trading.market import SYMBOL
from tests.core.trading.paper_hour import CATEGORY, VENUE, PaperHour, paper_hour
from tests.core.trading.test_paper_hour import journal, wish
from tests.core.trading.test_trade_life_paper import ALL, Life
from tests.trading_builders import closed

D = Decimal


def told(trades: object) -> bytes:
    """By what stands in them: a probability that is not known is equal to itself here."""
    return msgspec.json.encode(trades)


def newest(hour: PaperHour) -> TradeHistory:
    return hour.of(TradeHistory)[-1]


async def trade(hour: PaperHour, symbol: str, **drift: float) -> None:
    """One trade from its entry to its end."""
    before = len(hour.of(TradeClosed))
    hour.ask(wish(hour, symbol, "0.02", "0.03", "0.05"))
    await hour.pass_time(20)
    if drift:
        await hour.pass_time(120, **drift)
        await hour.pass_time(90, **dict.fromkeys(drift, 1.0))
    else:
        hour.ask(Flatten())
        await hour.pass_time(10)
    assert len(hour.of(TradeClosed)) == before + 1, [*hour.of(Refused)[-2:], *hour.of(OrderAlarm)[-3:]]


async def test_after_a_start_the_journal_tells_what_the_bus_told(tmp_path: Path) -> None:
    async with paper_hour(tmp_path) as hour:
        one, other = hour.provider.symbols
        assert newest(hour).trades == ()
        assert newest(hour).summary.trades == 0
        await trade(hour, one, **{one: 0.97})
        await trade(hour, other)
        await trade(hour, one, **{one: 1.06})
        live, heard = newest(hour), hour.of(TradeClosed)
        assert told(live.trades) == told(heard)
        assert [closed.why for closed in heard] == ["STOP", "FLATTEN", "TARGET"]
        assert live.summary == summarise(heard)
        assert (live.mode, live.account, live.asset) == ("PAPER", hour.broker.account, "USDT")

        for trade_closed in heard:  # as it was meant
            assert trade_closed.planned_stop < trade_closed.planned_entry or trade_closed.planned_entry == 0
            assert len(trade_closed.targets) == 2
            assert (trade_closed.by, trade_closed.fills >= 2) == ("operator", True)
            assert trade_closed.probability == pytest.approx(0.6)

        await hour.stop()
        await hour.start()
        again = newest(hour)
        assert again is not live
        assert told(again.trades) == told(live.trades)
        assert again.summary == live.summary == hour.desk.history.summary
        hour.ask(Replay())
        assert newest(hour) is not again
        assert told(newest(hour).trades) == told(live.trades)

        # without the venue's list, and while the program runs and holds the journal
        entries = read_journal(journal(hour))
        assert told(closed_trades(entries, lambda symbol: None, VENUE, CATEGORY)) == told(live.trades)
        older = [Entry(entry.seq, _without_fees(entry.record)) for entry in entries]
        assert told(closed_trades(older, named_rules(CATEGORY), VENUE, CATEGORY)) == told(live.trades)

        # the account begins anew, and so does its history, for good
        hour.ask(ResetPaper())
        await hour.pass_time(65)  # until the clock was measured again
        assert (newest(hour).trades, newest(hour).summary.trades) == ((), 0)
        await trade(hour, other)
        await hour.stop()
        await hour.start()
        assert told(newest(hour).trades) == told(hour.of(TradeClosed)[-1:])
        assert newest(hour).summary.trades == 1
        notes = [entry.record for entry in read_journal(journal(hour)) if getattr(entry.record, "code", "") == RESET]
        assert len(notes) == 1

        # told twice it counts once; only the newest are carried, all are counted
        hour.bus.publish(hour.of(TradeClosed)[-1])
        assert newest(hour).summary.trades == 1
        for number in range(TOLD + 3):
            hour.bus.publish(closed(trade_id=f"more-{number}", venue=VENUE, category=CATEGORY))
        assert len(newest(hour).trades) == TOLD
        assert newest(hour).trades[-1].trade_id == f"more-{TOLD + 2}"
        assert newest(hour).summary.trades == TOLD + 4
        assert hour.bus.handler_errors == 0


def _without_fees(record: Record) -> Record:
    """As an older program wrote the end of a trade."""
    return replace(record, fees=None) if isinstance(record, TradeEnded) else record


@ALL
async def test_fees_in_coins_funding_and_fills_of_others_are_told_again_as_they_were(
    tmp_path: Path, venue: str, category: str
) -> None:
    life = Life(tmp_path, venue, category)
    async with life.rig, life.running():
        await life.market(100, 101)
        await life.enter()
        await life.pass_time(2)
        if category == "linear":
            life.desk.fund(SYMBOL, D("0.07"))
            fill = Fill(
                trade_id="web", order_id="1", client_id="web", symbol=SYMBOL, side="SELL", price=D(100), quantity=D("0.2"),
                cumulative=D("0.2"), fee=D("0.01"), fee_asset="USDT", maker=False, at_ms=life.rig.clock.now_ms(),
            )  # fmt: skip
            assert life.desk.outside(SYMBOL, fill, "website") == ""
            await life.pass_time(2)
        await life.market(106, 106.1)
        await life.pass_time(3)
        assert await life.desk.close_position(SYMBOL, D(0), "OPERATOR") == ""
        await life.pass_time(3)
    assert [one.why for one in life.closed] == ["OPERATOR"]
    assert life.closed[0].fees > 0
    rules = life.rig.venue.listed.get
    for known in (rules, lambda symbol: None):
        again = closed_trades(life.journal.entries, known, life.rig.broker.venue, life.rig.broker.category)
        assert told(again) == told(life.closed)


# --- figures ---------------------------------------------------------------------------------------------------------

MONEY = st.decimals(-1_000, 1_000, places=2)
TRADES = st.lists(
    st.builds(
        lambda result, fees, risked, r: closed(result=result, fees=fees, risked=D(risked), r_multiple=r),
        MONEY,
        st.decimals(0, 10, places=3),
        st.sampled_from([0, 1, 5]),
        st.floats(-5, 20, allow_nan=False),
    ),
    max_size=12,
)


@given(TRADES)
def test_the_summary_says_what_counting_by_hand_says(trades: list[TradeClosed]) -> None:
    summary = summarise(trades)
    results = [trade.result for trade in trades]
    multiples = [trade.r_multiple for trade in trades if trade.risked]
    assert (summary.trades, summary.result) == (len(trades), sum(results, D(0)))
    assert summary.wins == len([result for result in results if result > 0])
    assert summary.fees == sum((trade.fees for trade in trades), D(0))
    _is(summary.win_rate, summary.wins / len(trades) if trades else None)
    _is(summary.expectancy, sum(multiples) / len(multiples) if multiples else None)
    losses = -sum((result for result in results if result < 0), D(0))
    wins = sum((result for result in results if result > 0), D(0))
    _is(summary.profit_factor, float(wins) / float(losses) if losses else None)
    assert summary.drawdown == _fall(results)
    assert summary.drawdown_r == pytest.approx(float(_fall(multiples)), abs=1e-9)
    assert summary.since_ms == (trades[0].opened_ms if trades else 0)


def _is(found: float, expected: float | None) -> None:
    assert math.isnan(found) if expected is None else found == pytest.approx(expected, abs=1e-9)


def _fall(steps: list[Any]) -> Any:
    """The deepest way down between any two moments, by trying all of them."""
    levels = [sum(steps[:count]) for count in range(len(steps) + 1)]
    falls = [levels[i] - levels[j] for i in range(len(levels)) for j in range(i, len(levels))]
    return max(falls)


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [("SOLUSDT", ("SOL", "USDT")), ("BTCUSD", ("BTC", "USD")), ("ETHBTC", ("ETH", "BTC")), ("USDT", None), ("X", None)],
)
def test_a_symbol_is_taken_apart_by_its_name(symbol: str, parts: tuple[str, str] | None) -> None:
    rule = named_rules("spot")(symbol)
    assert (None if rule is None else (rule.base, rule.quote)) == parts
