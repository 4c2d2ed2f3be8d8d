"""What an order was reviewed against, and what has changed since: any of it makes the review void.

Some facts only count once they held: a session that is armed, a quote that is fresh, a limit near the market. Before that a
gate says no; after that their loss is a change.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict, replace

from core.messages import Side, ThresholdsInForce, TradingState
from core.risk.gates_market import quote_age
from core.risk.limits import exact
from core.risk.verdict import Missing, written
from core.risk.view import RiskView
from core.settings import Settings
from core.settings_check import flat
from core.settings_risk import RiskSettings
from core.trading.order import ZERO, OrderSpec
from core.venue import Instrument

if TYPE_CHECKING:
    from core.trading.desk import TradingDesk

SECTIONS = ("risk", "trading", "confluence", "screening")
"""Of the settings: whatever of them changes, the review was made under others."""
FREE_FALL = Decimal("0.01")
"""Perpetuals: free margin moves with every open position; this share less than reviewed counts."""
TOLD = 5
"""Sentences of one kind; the rest is counted."""


class Facts(Struct, frozen=True, kw_only=True):
    """One look at them. `free` is of `asset`, which the order spends. None: not known. `stale`: words, empty: fresh.

    `armed`, `near` and `stale` count as lost only once they held.
    """

    mid: Decimal | None
    rules: dict[str, str]
    asset: str
    free: Decimal | None
    held: Decimal
    thresholds: ThresholdsInForce | None
    settings: Settings
    limits: RiskSettings
    state: TradingState
    causes: tuple[str, ...]
    armed: bool
    near: bool
    stale: str


def facts_of(
    spec: OrderSpec, desk: TradingDesk, settings: Settings, thresholds: ThresholdsInForce | None, now_ms: int
) -> Facts:
    """As they are now, for this order."""
    symbol, rule, risk = spec.symbol, desk.rules.get(spec.symbol), desk.risk
    best = risk.market.best(symbol)
    mid = (best[0] + best[1]) / 2 if best is not None and best[0] > ZERO and best[1] > ZERO else None
    position = desk.book.positions.get(symbol)
    return Facts(
        mid=mid,
        rules=_rules(rule),
        asset=(rule.settle or rule.quote) if rule is not None else "",
        free=risk.account.free(rule),
        held=position.quantity if position is not None else ZERO,
        thresholds=thresholds,
        settings=settings,
        limits=risk.book.limits,
        state=risk.standing.state,
        causes=risk.standing.causes,
        armed=risk.armed_s > 0 or desk.broker.mode == "PAPER",
        near=_near(spec, mid, risk.book.limits),
        stale=_stale(symbol, rule, desk, now_ms),
    )


def _rules(rule: Instrument | None) -> dict[str, str]:
    if rule is None:
        return {"status": "not listed"}
    return {
        "tick": written(rule.tick_size),
        "lot": written(rule.lot_size),
        "least quantity": written(rule.min_qty),
        "least notional": written(rule.min_notional),
        "status": rule.status if rule.trading else f"{rule.status}, not trading",
    }


def _near(spec: OrderSpec, mid: Decimal | None, limits: RiskSettings) -> bool:
    if spec.price == ZERO:
        return True
    return mid is not None and abs(spec.price - mid) <= exact(limits.collar) * mid


def _stale(symbol: str, rule: Instrument | None, desk: TradingDesk, now_ms: int) -> str:
    """What the gate of the quote's age says of it."""
    limits, quote = desk.risk.book.limits, desk.risk.market.quote(symbol, rule)
    try:
        return quote_age(RiskView(now_ms=now_ms, act="ENTRY", symbol=symbol, limits=limits, quote=quote)).words
    except Missing as missing:
        return f"{symbol} {missing}: wait"


def carried(reviewed: Facts, now: Facts) -> Facts:
    """The review, with what has come to hold since: from now on its loss counts."""
    if (now.armed and not reviewed.armed) or (now.near and not reviewed.near) or (reviewed.stale and not now.stale):
        return replace(
            reviewed,
            armed=reviewed.armed or now.armed,
            near=reviewed.near or now.near,
            stale=reviewed.stale if now.stale else "",
        )
    return reviewed


def changes(reviewed: Facts, now: Facts, spec: OrderSpec, *, perpetual: bool) -> tuple[str, ...]:
    """Everything that is not as it was reviewed, one sentence each; empty: nothing."""
    found = [
        *_price(reviewed, now, spec),
        *_rules_changed(spec.symbol, reviewed.rules, now.rules),
        *_money(reviewed, now, spec.side, perpetual),
        *_thresholds(spec.symbol, reviewed.thresholds, now.thresholds),
        *_settings(reviewed, now),
        *_trading(reviewed, now),
    ]
    return tuple(f"{sentence}: review it again" for sentence in found)


def _price(reviewed: Facts, now: Facts, spec: OrderSpec) -> list[str]:
    symbol, found = spec.symbol, []
    if now.stale and not reviewed.stale:
        found.append(now.stale.rpartition(": ")[0] or now.stale)
    if reviewed.mid is None or now.mid is None:
        return found
    away, limit = abs(now.mid - reviewed.mid) / reviewed.mid, exact(now.limits.confirmed_drift)
    if away > limit:
        found.append(f"{symbol} mid {reviewed.mid:f} -> {now.mid:f}, {percentage(away)} off, limit {percentage(limit)}")
    if reviewed.near and not now.near:
        off, collar = abs(spec.price - now.mid) / now.mid, exact(now.limits.collar)
        found.append(
            f"{symbol} limit {spec.price:f} is {percentage(off)} from mid {now.mid:f}, limit {percentage(collar)}"
        )
    return found


def _rules_changed(symbol: str, before: dict[str, str], after: dict[str, str]) -> list[str]:
    names = dict.fromkeys((*before, *after))
    return [
        f"{symbol} {name} {before.get(name, 'none')} -> {after.get(name, 'none')}"
        for name in names
        if before.get(name) != after.get(name)
    ]


def _money(reviewed: Facts, now: Facts, side: Side, perpetual: bool) -> list[str]:
    found, before, after = [], reviewed.free, now.free
    if before is None or after is None:
        moved = before is not after
    elif perpetual:
        moved = after < before * (1 - FREE_FALL)
    else:
        moved = after != before
    if moved:
        found.append(f"free {now.asset or reviewed.asset} {_known(before)} -> {_known(after)}")
    if now.held != reviewed.held:
        found.append(f"position {written(reviewed.held)} -> {written(now.held)}")
    return found


def _known(value: Decimal | None) -> str:
    return "not known" if value is None else written(value)


def _thresholds(symbol: str, before: ThresholdsInForce | None, after: ThresholdsInForce | None) -> list[str]:
    if before is after:
        return []
    if before is None or after is None:
        return [f"thresholds of {symbol} {before.source if before else 'none'} -> {after.source if after else 'none'}"]
    found = [
        f"{symbol} threshold {name} {before.values.get(name, float('nan')):g} -> {after.values.get(name, float('nan')):g}"
        for name in dict.fromkeys((*before.values, *after.values))
        if before.values.get(name) != after.values.get(name)
    ]
    if before.source != after.source:
        found.append(f"thresholds of {symbol} {before.source} -> {after.source}")
    return _few(found)


def _settings(reviewed: Facts, now: Facts) -> list[str]:
    """Settings, and the limits in force where they follow later: a looser limit waits for the next day."""
    found: dict[str, str] = {}
    if reviewed.settings is not now.settings:
        before, after = flat(reviewed.settings), flat(now.settings)
        for key, value in after.items():
            if key.partition(".")[0] in SECTIONS and before.get(key) != value:
                found[key] = f"{key} {_plain(before.get(key))} -> {_plain(value)}"
    if reviewed.limits is not now.limits:
        old, new = asdict(reviewed.limits), asdict(now.limits)
        for name, value in new.items():
            if old[name] != value:
                found[f"risk.{name}"] = f"risk.{name} in force {_plain(old[name])} -> {_plain(value)}"
    return _few(list(found.values()))


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _trading(reviewed: Facts, now: Facts) -> list[str]:
    found = []
    if now.state != reviewed.state:
        found.append(f"trading {reviewed.state} -> {now.state}")
    gone = [cause for cause in reviewed.causes if cause not in now.causes]
    come = [cause for cause in now.causes if cause not in reviewed.causes]
    found += [f"new cause: {cause}" for cause in come] + [f"settled: {cause}" for cause in gone]
    if reviewed.armed and not now.armed:
        found.append("armed -> disarmed")
    return _few(found)


def _few(sentences: list[str]) -> list[str]:
    if len(sentences) <= TOLD:
        return sentences
    return [*sentences[: TOLD - 1], f"and {len(sentences) - TOLD + 1} more changes"]


def percentage(share: Decimal) -> str:
    """A share of one in percent with two figures that count: `1.3 %`, `0.05 %`."""
    value = float(share) * 100
    return f"{value:.1f} %" if value >= 1 else f"{value:.2g} %"
