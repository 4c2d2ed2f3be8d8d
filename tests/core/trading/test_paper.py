"""The paper broker: orders on the live market, with the venue's rules, its delays and its words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from core.messages import EditSetting
from core.settings_trading import Paper
from core.trading.authority import NotAuthorised
from core.trading.venue_features import FEATURES
from core.venue import Rejected
from tests.core.trading.market import order
from tests.core.trading.paper_rig import SYMBOL, Rig, d, key


async def test_a_market_order_takes_the_providers_book(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 1.0)], [(101.0, 0.3), (102.0, 5.0)])
        placed = await rig.placed(order("c1", "BUY", 1))
        assert [report.status for report in placed.reports] == ["NEW", "PARTIALLY_FILLED", "FILLED"]
        fills = [report.fill for report in rig.listener.reports if report.fill]
        assert [(fill.price, fill.quantity, fill.maker) for fill in fills] == [
            (d(101), d("0.3"), False),
            (d(102), d("0.7"), False),
        ]
        assert rig.listener.balances["USDT"].free == d(10_000) - d("30.3") - d("71.4")
        assert rig.listener.balances["BTC"].free == d("0.999"), "the fee of 0.1 % is taken from what was bought"
        (report,) = await rig.broker.query(key("c1"))
        assert (report.status, report.filled) == ("FILLED", d(1))
        trades = await rig.broker.trades(SYMBOL, 0)
        assert (len(trades.fills), trades.complete) == (2, True)


async def test_an_order_meets_the_market_that_is_there_when_it_arrives(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 1.0)], [(101.0, 5.0)])
        sent = asyncio.ensure_future(rig.place(order("c1", "BUY", 1)))
        await rig.clock.advance(0.049)
        assert rig.listener.reports == []
        rig.book([(104.0, 1.0)], [(105.0, 5.0)])
        await rig.clock.advance(0.001)
        assert (await sent).reports[-1].filled_quote == d(105)


async def test_without_a_live_book_the_quote_is_the_book(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.quote(99.0, 101.0, ask_size=0.4)
        placed = await rig.placed(order("c1", "BUY", 1))
        assert (placed.reports[-1].status, placed.reports[-1].filled) == ("EXPIRED", d("0.4"))


@pytest.mark.parametrize(("quiet_s", "filled"), [(9.9, "1"), (10.2, "0")])
async def test_a_market_that_is_not_seen_fills_nothing(tmp_path: Path, quiet_s: float, filled: str) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 1.0)], [(101.0, 5.0)])
        await rig.clock.advance(quiet_s - 0.05)
        placed = await rig.placed(order("c1", "BUY", 1))
        assert placed.reports[-1].filled == d(filled)


async def test_a_limit_order_rests_and_fills_by_trades(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 1.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1, 100))
        assert rig.listener.balances["USDT"].locked == d(100)
        rig.trade(100.0, 0.4, "SELL")
        rig.trade(99.0, 5.0, "SELL")
        assert rig.listener.brief() == [("c1", "NEW"), ("c1", "PARTIALLY_FILLED"), ("c1", "FILLED")]
        assert {report.fill.price for report in rig.listener.reports if report.fill} == {d(100)}
        rig.trade(98.0, 5.0, "SELL")
        assert len(rig.listener.reports) == 3


async def test_a_stop_placed_after_quiet_knows_the_last_trade(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 1.0)], [(101.0, 5.0)])
        rig.trade(100.0)
        await rig.placed(order("c1", "BUY", 1))
        with pytest.raises(Rejected) as refused:
            await rig.placed(order("c2", "SELL", "0.9", 99, "STOP_LOSS_LIMIT", stop_price=100))
        assert refused.value.code == "-2010"
        await rig.placed(order("c3", "SELL", "0.9", 98, "STOP_LOSS_LIMIT", stop_price=99))
        rig.book([(98.5, 2.0)], [(101.0, 5.0)])
        rig.trade(99.0, 1.0, "SELL")
        assert rig.listener.brief()[-1] == ("c3", "FILLED")


async def test_refusals_are_the_venues_and_leave_no_trace(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 1.0)], [(101.0, 5.0)])
        with pytest.raises(Rejected, match="immediately match") as refused:
            await rig.placed(order("c1", "BUY", 1, 102, post_only=True))
        assert refused.value.code == "-2010"
        with pytest.raises(Rejected, match="insufficient"):
            await rig.placed(order("c2", "BUY", 1000, 90))
        with pytest.raises(Rejected, match="Invalid symbol"):
            await rig.placed(replace(order("c3", "BUY", 1, 90), symbol="NOPE"))
        assert rig.listener.reports == []
        assert await rig.broker.open_orders() == ()
        assert await rig.broker.query(key("c1")) == ()


async def test_a_post_only_order_bybit_ends_is_an_order_that_ended(tmp_path: Path) -> None:
    async with Rig(tmp_path, "bybit") as rig:
        rig.book([(99.0, 1.0)], [(101.0, 5.0)])
        placed = await rig.placed(order("c1", "BUY", 1, 102, post_only=True))
        assert placed.order_id
        assert rig.listener.brief() == [("c1", "CANCELED")]
        assert rig.listener.reports[0].reject_code == "EC_PostOnlyWillTakeLiquidity"


async def test_a_cancel_says_what_became_of_it(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 1.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1, 100))
        answer = await rig.done(rig.broker.cancel(key("c1")))
        assert (answer.outcome, answer.reports[-1].status) == ("ACCEPTED", "CANCELED")
        again = await rig.done(rig.broker.cancel(key("c1")))
        assert (again.outcome, again.code) == ("GONE", "-2011")
        never = await rig.done(rig.broker.cancel(key("c9")))
        assert (never.outcome, never.code) == ("GONE", "-2011")
        assert rig.listener.brief() == [("c1", "NEW"), ("c1", "CANCELED")], "answers are no news"


async def test_a_cancel_can_lose_the_race(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 1.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1, 100))
        cancel = asyncio.ensure_future(rig.broker.cancel(key("c1")))
        await rig.clock.advance(0.02)
        rig.trade(99.5, 9.0, "SELL")
        await rig.clock.advance(0.1)
        assert (await cancel).outcome == "GONE"
        assert rig.listener.brief()[-1] == ("c1", "FILLED")


async def test_requests_arrive_in_the_order_they_were_sent(tmp_path: Path) -> None:
    async with Rig(tmp_path, paper=Paper(latency_ms=0, jitter_ms=500)) as rig:
        rig.book([(99.0, 1.0)], [(101.0, 5.0)])
        sent = [asyncio.ensure_future(rig.place(order(f"c{n}", "BUY", "0.1", 90))) for n in range(12)]
        await rig.clock.advance(0.6)
        assert all(request.done() for request in sent)
        assert [client_id for client_id, _ in rig.listener.brief()] == [f"c{n}" for n in range(12)]


async def test_an_oco_binds_its_legs(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        rig.trade(100.0)
        await rig.placed(order("c1", "BUY", 1))
        target = order("t1", "SELL", "0.999", 110, list_id="L1", post_only=True)
        stop = order("s1", "SELL", "0.999", 90, "STOP_LOSS_LIMIT", stop_price=95, list_id="L1")
        permits = (rig.permit(target), rig.permit(stop))
        both = await rig.done(rig.broker.place_pair(permits, target, stop))
        assert all(leg.order_id for leg in both)
        rig.book([(94.0, 5.0)], [(96.0, 5.0)])
        rig.trade(94.0, 1.0, "SELL")
        assert dict(rig.listener.brief())["s1"] == "FILLED"
        assert dict(rig.listener.brief())["t1"] == "EXPIRED"


async def test_cancel_replace_can_half_succeed(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1, 90))
        new = order("c2", "BUY", 1, 91)
        done = await rig.done(rig.broker.replace(rig.permit(new), key("c1"), new))
        assert done.cancelled.outcome == "ACCEPTED"
        assert done.placed is not None
        assert done.placed.order_id
        dear = order("c3", "BUY", 1000, 91)
        half = await rig.done(rig.broker.replace(rig.permit(dear), key("c2"), dear))
        assert (half.cancelled.outcome, half.placed, half.code) == ("ACCEPTED", None, "-2010")
        late = order("c4", "BUY", 1, 91)
        none = await rig.done(rig.broker.replace(rig.permit(late), key("c2"), late))
        assert (none.cancelled.outcome, none.placed, none.code) == ("GONE", None, "-2022")
        assert await rig.broker.open_orders() == ()


async def test_bybit_amends_in_place(tmp_path: Path) -> None:
    async with Rig(tmp_path, "bybit") as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1, 90))
        closer = order("c1", "BUY", 1, 95)
        assert (await rig.done(rig.broker.amend(rig.permit(closer), key("c1"), closer))).outcome == "ACCEPTED"
        (report,) = await rig.broker.open_orders(SYMBOL)
        assert report.spec.price == d(95)
        dear = order("c1", "BUY", 1000, 95)
        refused = await rig.done(rig.broker.amend(rig.permit(dear), key("c1"), dear))
        assert (refused.outcome, refused.code) == ("REFUSED", "170131")
        rig.trade(94.0, 9.0, "SELL")
        gone = await rig.done(rig.broker.amend(rig.permit(closer), key("c1"), closer))
        assert gone.outcome == "GONE"


async def test_no_order_without_its_own_fresh_permit(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        spec = order("c1", "BUY", 1, 90)
        permit = rig.permit(spec)
        with pytest.raises(NotAuthorised, match="not the one that was authorised"):
            await rig.broker.place(permit, replace(spec, quantity=d(2)))
        await rig.done(rig.broker.place(permit, spec))
        with pytest.raises(NotAuthorised, match="used already"):
            await rig.broker.place(permit, spec)
        old = rig.permit(spec)
        await rig.clock.advance(10.1)
        for request in (rig.broker.place(old, spec), rig.broker.amend(old, key("c1"), spec)):
            with pytest.raises(NotAuthorised, match="authorised 10"):
                await request
        assert rig.listener.brief() == [("c1", "NEW")]


async def test_fees_count_as_they_are_set_now(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        await rig.placed(order("c1", "BUY", 1))
        rig.bus.publish(EditSetting(key="paper.taker_fee_percent", value="0.5"))
        rig.book([(99.0, 5.0)], [(101.0, 5.0)])
        await rig.placed(order("c2", "BUY", 1))
        fees = [report.fill.fee for report in rig.listener.reports if report.fill]
        assert fees == [d("0.001"), d("0.005")]
        snapshot = await rig.broker.snapshot()
        assert (snapshot.maker_fee, snapshot.taker_fee) == (d("0.001"), d("0.005"))


async def script(folder: Path, seed: int) -> bytes:
    """A seeded market with orders of every kind; every report and the file it ends in."""
    import random

    draw = random.Random(seed)
    async with Rig(folder, "bybit" if seed % 2 else "binance_us", paper=Paper(latency_ms=20, jitter_ms=90)) as rig:
        requests: list[asyncio.Future[object]] = []
        price = 100.0
        for step in range(150):
            price = round(max(50.0, price + draw.choice((-0.3, -0.1, 0.0, 0.1, 0.3))), 1)
            bids = [(round(price - 0.1 * n, 1), draw.randint(1, 9) / 2) for n in range(1, 6)]
            asks = [(round(price + 0.1 * n, 1), draw.randint(1, 9) / 2) for n in range(1, 6)]
            rig.book(bids, asks)
            rig.trade(price, draw.randint(1, 20) / 4, draw.choice(("BUY", "SELL")))
            if step % 3 == 0:
                side = draw.choice(("BUY", "SELL"))
                away = draw.choice((-0.4, -0.1, 0.1))
                limit = round(price + (away if side == "BUY" else -away), 1)
                spec = order(f"c{step}", side, draw.randint(1, 5) / 2, draw.choice((0, limit)))
                requests.append(asyncio.ensure_future(rig.place(spec)))
            if step % 7 == 0:
                requests.append(asyncio.ensure_future(rig.broker.cancel(key(f"c{draw.randint(0, step)}"))))
            await rig.clock.advance(draw.randint(10, 400) / 1000)
        await rig.clock.advance(1)
        await asyncio.gather(*requests, return_exceptions=True)
        assert any(report.fill and report.fill.maker for report in rig.listener.reports)
        assert any(report.fill and not report.fill.maker for report in rig.listener.reports)
        return msgspec.json.encode(rig.listener.reports) + rig.path.read_bytes()


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_same_messages_give_the_same_fills_byte_for_byte(tmp_path: Path, seed: int) -> None:
    assert await script(tmp_path / "one", seed) == await script(tmp_path / "two", seed)


def test_paper_behaves_like_the_venue_it_watches(tmp_path: Path) -> None:
    for venue, category in FEATURES:
        broker = Rig(tmp_path, venue, category).broker
        assert broker.features == FEATURES[venue, category]
        assert (broker.mode, broker.account) == ("PAPER", f"paper-{venue}-{category}")
