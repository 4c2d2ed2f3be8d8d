"""What must hold whatever happens: random lives of a market with three accounts, on each venue's rules."""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.trading.fees import Fees
from core.trading.matching import Latency
from core.trading.order import ZERO
from core.trading.working import rises_to_trigger
from core.venue import Rejected
from tests.core.trading.market import SYMBOL, T0, d, engine, order

VENUES = (("binance_us", "spot"), ("bybit", "spot"), ("bybit", "linear"))
ACCOUNTS = ("A", "B", "C")
SIDES = ("BUY", "SELL")
KINDS = (*("LIMIT",) * 6, "MARKET", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
FEES = (
    Fees(maker=d("0.001"), taker=d("0.0017")),
    Fees(maker=d("0.001"), taker=d("0.0017"), charged_in="quote"),
    Fees(maker=d("-0.0001"), taker=d("0.0003333")),
)


def events_of(seed: int, length: int) -> list[tuple[Any, ...]]:
    """A life of a market around 100: hypothesis draws seed and length, so that lives are long and shrink by length."""
    rng = random.Random(seed)
    makers = {
        "submit": (40, submit_event),
        "oco": (6, lambda r: (r.choice(ACCOUNTS), r.choice(SIDES), size(r), r.randint(94, 99), r.randint(101, 106), r.random() < 0.5)),
        "cancel": (6, lambda r: (r.choice(ACCOUNTS), r.randint(1, 1 + length // 2))),
        "cancel_all": (1, lambda r: (r.choice(ACCOUNTS),)),
        "amend": (8, lambda r: (r.choice(ACCOUNTS), r.randint(1, 1 + length // 2), r.choice((None, price(r))), r.choice((None, size(r))))),
        "replace": (4, lambda r: (r.choice(ACCOUNTS), r.randint(1, 1 + length // 2), r.choice(SIDES), size(r), price(r), r.random() < 0.5)),
        "book": (16, lambda r: (levels(r, 94, 100), levels(r, 100, 106), r.random() < 0.3)),
        "trade": (24, lambda r: (price(r), size(r), r.choice(SIDES))),
        "mark": (8, lambda r: (Decimal(r.choice((70, 85, 95, 98, 100, 102, 105, 115, 140))),)),
        "funding": (2, lambda r: (Decimal(r.randint(-300, 300)) / 10_000,)),
        "leverage": (2, lambda r: (r.choice(ACCOUNTS), Decimal(r.randint(1, 40)))),
    }  # fmt: skip
    names = rng.choices(list(makers), [weight for weight, _ in makers.values()], k=length)
    start = ("book", [(Decimal(99), Decimal(3))], [(Decimal(101), Decimal(3))], True)
    return [start, ("mark", Decimal(100)), *((name, *makers[name][1](rng)) for name in names)]


def price(rng: random.Random) -> Decimal:
    return Decimal(rng.randint(95, 105))


def size(rng: random.Random) -> Decimal:
    return Decimal(rng.choice((1, 7, 300, 500, 1000, 1000, 2500, 4000))) / 1000


def levels(rng: random.Random, low: int, high: int) -> list[tuple[Decimal, Decimal]]:
    return [
        (Decimal(rng.randint(low, high)), rng.choice((ZERO, size(rng), size(rng)))) for _ in range(rng.randint(0, 3))
    ]


def submit_event(rng: random.Random) -> tuple[Any, ...]:
    kind, side = rng.choice(KINDS), rng.choice(SIDES)
    more: dict[str, Any] = {"reduce_only": rng.random() < 0.2}
    if kind == "LIMIT":
        more["post_only"] = rng.random() < 0.2
        more["time_in_force"] = "GTC" if more["post_only"] else rng.choice(("GTC", "GTC", "GTC", "IOC", "FOK"))
    elif kind != "MARKET":
        rises = (side == "BUY") == kind.startswith("STOP_LOSS")
        more["stop_price"] = rng.randint(101, 105) if rises else rng.randint(95, 99)
        more["trigger_by"] = rng.choice(("LAST", "MARK"))
    if rng.random() < 0.25 and kind in ("LIMIT", "MARKET"):
        above, below = rng.choice((0, 106, 108)), rng.choice((0, 92, 94))
        more["take_profit"], more["stop_loss"] = (above, below) if side == "BUY" else (below, above)
    quantity = size(rng)
    if kind == "MARKET" and rng.random() < 0.3:
        more["quote_quantity"] = rng.randint(1, 400)
    return (rng.choice(ACCOUNTS), side, quantity, price(rng) if kind.endswith("LIMIT") else ZERO, kind, more)


LIVES = st.builds(events_of, st.integers(0, 2**32), st.integers(5, 80))


class Life:
    """Drives one engine through events and keeps every report with the account state around it."""

    def __init__(self, venue: str, category: str, fees: Fees, latency: Latency) -> None:
        self.linear = category != "spot"
        self.engine = engine(venue, category, fees=fees, latency=latency, seed=3, accounts=())
        start = {"USDT": d(1000)} if self.linear else {"USDT": d(1000), "BTC": d(8)}
        for account in ACCOUNTS:
            self.engine.open_account(account, start)
        self.start = {asset: amount * len(ACCOUNTS) for asset, amount in start.items()}
        self.count = 0
        self.now = T0
        self.reports: list[Any] = []

    def __call__(self, event: tuple[Any, ...]) -> list[Any]:
        """Carry one event out; returns its reports."""
        self.count += 1
        self.now += 7
        try:
            reports: list[Any] = getattr(self, event[0])(*event[1:])
        except Rejected:
            reports = []
        self.reports += reports
        return reports

    def submit(
        self, account: str, side: str, quantity: Decimal, price: Decimal, kind: str, more: dict[str, Any]
    ) -> Any:
        if not self.linear:
            more = {k: v for k, v in more.items() if k not in ("reduce_only", "trigger_by")}
            quantity = ZERO if "quote_quantity" in more else quantity
            more |= {"take_profit": 0, "stop_loss": 0} if kind != "LIMIT" else {}
        else:
            more = {k: v for k, v in more.items() if k != "quote_quantity"}
            more |= {"take_profit": 0, "stop_loss": 0} if more["reduce_only"] else {}
        if self.engine.conventions.oco:
            more = {k: v for k, v in more.items() if k not in ("take_profit", "stop_loss")}
        return self.engine.submit(account, order(self.client_id(), side, quantity, price, kind, **more), self.now)

    def oco(self, account: str, side: str, quantity: Decimal, low: Decimal, high: Decimal, limit: bool) -> Any:
        name = self.client_id()
        # The upper price is the limit when selling, the trigger when buying.
        above, below = (high, low) if side == "SELL" else (low, high)
        kind = "STOP_LOSS_LIMIT" if limit else "STOP_LOSS"
        return self.engine.submit_oco(
            account,
            order(name, side, quantity, above, post_only=True, list_id=name),
            order(name + "s", side, quantity, below if limit else 0, kind, stop_price=below, list_id=name),
            self.now,
        )

    def client_id(self) -> str:
        return f"o{self.count}"

    def cancel(self, account: str, number: int) -> Any:
        return self.engine.cancel(account, self.now, order_id=str(number))

    def cancel_all(self, account: str) -> Any:
        return self.engine.cancel_all(account, self.now)

    def amend(self, account: str, number: int, price: Decimal | None, quantity: Decimal | None) -> Any:
        return self.engine.amend(account, self.now, order_id=str(number), price=price, quantity=quantity)

    def replace(self, account: str, number: int, side: str, quantity: Decimal, price: Decimal, stop: bool) -> Any:
        spec = order(self.client_id(), side, quantity, price)
        return self.engine.cancel_replace(account, spec, self.now, order_id=str(number), stop_on_failure=stop)

    def book(self, bids: Any, asks: Any, snapshot: bool) -> Any:
        return self.engine.on_book(SYMBOL, bids, asks, self.now, snapshot=snapshot)

    def trade(self, price: Decimal, size: Decimal, taker: str) -> Any:
        return self.engine.on_trade(SYMBOL, price, size, taker, self.now)

    def mark(self, price: Decimal) -> Any:
        return self.engine.on_mark(SYMBOL, price, self.now) if self.linear else []

    def funding(self, rate: Decimal) -> Any:
        return self.engine.on_funding(SYMBOL, rate, self.now)[1] if self.linear else []

    def leverage(self, account: str, leverage: Decimal) -> Any:
        return self.engine.set_leverage(account, SYMBOL, leverage, self.now)


def lives(examples: int) -> Any:
    def wrap(test: Any) -> Any:
        test = given(LIVES, st.sampled_from(FEES), st.sampled_from((Latency(), Latency(fixed_ms=10, jitter_ms=20))))(
            test
        )
        test = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))(test)
        return pytest.mark.parametrize(("venue", "category"), VENUES)(test)

    return wrap


@lives(120)
def test_money_is_conserved_and_never_negative_after_every_event(venue, category, events, fees, latency):
    life = Life(venue, category, fees, latency)
    for event in events:
        life(event)
        for asset, deposited in life.start.items():
            assert life.engine.total(asset) == deposited
        for account in ACCOUNTS:
            for balance in life.engine.balances(account).values():
                assert balance.free >= 0
                assert balance.locked >= 0
        assert locks_are_explained(life)


def locks_are_explained(life: Life) -> bool:
    """What is locked is exactly what open orders and positions hold."""
    state = life.engine.snapshot()
    for account in ACCOUNTS:
        held: dict[str, Decimal] = defaultdict(Decimal)
        for each in state.orders.values():
            if each.account == account:
                assert each.open or not each.locked
                held[each.lock_asset] += each.locked
        for position in state.positions.get(account, {}).values():
            held["USDT"] += position.margin
        for asset, balance in state.ledger.accounts[account].items():
            assert balance.locked == held[asset], (account, asset)
    return True


@lives(120)
def test_fills_keep_to_limit_quantity_and_kind(venue, category, events, fees, latency):
    life = Life(venue, category, fees, latency)
    for event in events:
        life(event)
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for report in life.reports:
        spec, fill = report.spec, report.fill
        if fill is None:
            continue
        filled[report.order_id] += fill.quantity
        assert fill.quantity > 0
        assert fill.cumulative == report.filled == filled[report.order_id]
        if spec.quantity:
            assert report.filled <= spec.quantity
        else:
            assert report.filled_quote <= spec.quote_quantity
        if spec.price:
            assert fill.price <= spec.price if spec.side == "BUY" else fill.price >= spec.price
        assert not (spec.post_only and not fill.maker)
        assert fill.maker <= bool(spec.price)
    for report in life.reports:
        if report.spec.time_in_force == "FOK" and report.order_id:
            assert filled[report.order_id] in (0, report.spec.quantity)
    assert [r.seq for r in life.reports] == list(range(1, len(life.reports) + 1))
    assert [r.at_ms for r in life.reports] == sorted(r.at_ms for r in life.reports)


@lives(80)
def test_every_order_has_one_end_and_nothing_happens_to_it_afterwards(venue, category, events, fees, latency):
    life = Life(venue, category, fees, latency)
    ended: dict[str, str] = {}
    for event in events:
        for report in life(event):
            if report.order_id in ended:
                assert report.reject_code, "only the refusal of a request speaks of an ended order"
                assert report.status == ended[report.order_id]
            elif report.order_id and report.status not in ("NEW", "PARTIALLY_FILLED", "UNTRIGGERED"):
                ended[report.order_id] = report.status
        for account in ACCOUNTS:
            for open_order in life.engine.open_orders(account):
                assert open_order.order_id not in ended
                assert open_order.spec.type in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT") or (
                    open_order.status == "UNTRIGGERED"
                )


@lives(80)
def test_reduce_only_never_opens_or_flips(venue, category, events, fees, latency):
    life = Life(venue, category, fees, latency)
    size: dict[str, Decimal] = defaultdict(Decimal)
    for event in events:
        for report in life(event):
            if report.fill is None or not life.linear:
                continue
            account = life.engine.owner(report.order_id)
            before = size[account]
            size[account] += report.fill.quantity if report.fill.side == "BUY" else -report.fill.quantity
            if report.spec.reduce_only:
                assert abs(size[account]) == abs(before) - report.fill.quantity
        held = {a: sum((p.size for p in life.engine.positions(a)), ZERO) for a in ACCOUNTS} if life.linear else {}
        assert held == {a: size[a] for a in held}


@lives(80)
def test_of_a_pair_only_one_leg_trades(venue, category, events, fees, latency):
    life = Life(venue, category, fees, latency)
    for event in events:
        life(event)
    traded: dict[str, set[str]] = defaultdict(set)
    for report in life.reports:
        if report.fill and report.spec.list_id and not life.linear and life.engine.conventions.oco:
            traded[report.spec.list_id].add(report.order_id)
    assert all(len(legs) == 1 for legs in traded.values())


@lives(80)
def test_at_one_moment_the_better_price_and_then_the_older_order_fills_first(venue, category, events, fees, latency):
    life = Life(venue, category, fees, latency)
    for event in events:
        before = {i: w.priority for i, w in life.engine.snapshot().orders.items() if not w.waiting}
        kind = event[0]
        reports = life(event)
        if kind not in ("trade", "submit") or latency.fixed_ms:
            continue
        last: dict[str, Any] = {}
        for report in reports:
            if report.fill is None:
                last = {}
            if report.fill is None or not report.fill.maker or report.order_id not in before:
                continue
            sign = -1 if report.fill.side == "BUY" else 1
            rank = (sign * report.fill.price, before[report.order_id])
            assert last.get(report.fill.side, rank) <= rank
            last[report.fill.side] = rank


@lives(60)
def test_the_same_events_give_the_same_bytes_and_a_restart_in_mid_way_changes_nothing(
    venue, category, events, fees, latency
):
    first, second, third = (Life(venue, category, fees, latency) for _ in range(3))
    for number, event in enumerate(events):
        expected = msgspec.json.encode(first(event))
        assert msgspec.json.encode(second(event)) == expected
        if number % 3 == 1:
            saved = msgspec.json.encode(third.engine.snapshot())
            third.engine = Life(venue, category, fees, latency).engine
            third.engine.restore(msgspec.json.decode(saved, type=type(first.engine.snapshot())))
        assert msgspec.json.encode(third(event)) == expected
    assert msgspec.json.encode(first.engine.snapshot()) == msgspec.json.encode(third.engine.snapshot())


@lives(60)
def test_cancelling_twice_is_cancelling_once(venue, category, events, fees, latency):
    life = Life(venue, category, fees, Latency())
    for event in events:
        life(event)
    for account in ACCOUNTS:
        for open_order in life.engine.open_orders(account):
            life.engine.cancel(account, life.now, order_id=open_order.order_id)
            once = life.engine.snapshot()
            life.engine.cancel(account, life.now, order_id=open_order.order_id)
            twice = life.engine.snapshot()
            assert (once.ledger, once.orders) == (twice.ledger, twice.orders)
        assert life.engine.open_orders(account) == []
        positions = {p.symbol: p.margin for p in life.engine.positions(account)}
        assert life.engine.balances(account)["USDT"].locked == sum(positions.values(), ZERO)


@lives(60)
def test_a_stop_never_goes_live_before_its_price_was_seen(venue, category, events, fees, latency):
    life = Life(venue, category, fees, latency)
    seen: dict[str, Decimal] = {}
    live: set[str] = set()
    for event in events:
        if event[0] == "trade":
            seen["LAST"] = event[1]
        if event[0] == "mark" and life.linear:
            seen["MARK"] = event[1]
        for report in life(event):
            if report.status == "NEW" and report.spec.stop_price and report.order_id not in live:
                live.add(report.order_id)
                price = seen[report.spec.trigger_by]
                met = (
                    price >= report.spec.stop_price
                    if rises_to_trigger(report.spec)
                    else price <= report.spec.stop_price
                )
                assert met
