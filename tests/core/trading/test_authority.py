"""Nobody sends without an authorisation for exactly this order: not by forging, reuse, edits, waiting, copies or pickles."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.trading import authority
from core.trading.authority import (
    MAX_AGE_MS,
    Authorisation,
    Grant,
    NotAuthorised,
    Permit,
    authorise,
    order_hash,
)
from core.trading.broker import Broker
from core.trading.order import OrderSpec
from tests.core.trading.evidence_builders import T0, spec

ROOT = Path(__file__).parents[3]
MAY_AUTHORISE = {"core/trading/sending.py", "core/trading/ceremony.py", "core/trading/canary.py"}
"""The order manager (bound by what an entry filled), the operator's confirmation, the canary."""
WORDS = ("authorise", "_MINT", "Authorisation", "Permit")
PROTOCOL = {"core/trading/broker.py", "core/trading/authority.py"}

EDITS: dict[str, Any] = {
    "client_id": "tt1other", "symbol": "ETHUSDT", "side": "SELL", "type": "MARKET", "quantity": Decimal("1.001"),
    "price": Decimal("100.01"), "stop_price": Decimal(99), "quote_quantity": Decimal(1), "time_in_force": "IOC",
    "post_only": True, "reduce_only": True, "trigger_by": "MARK", "take_profit": Decimal(110), "stop_loss": Decimal(90),
    "list_id": "l",
}  # fmt: skip


def test_one_authorisation_is_one_permit_is_one_send():
    order = spec()
    permit = authorise(order, T0).spend(order, T0 + 1)
    permit.check(order, T0 + 2)
    with pytest.raises(NotAuthorised, match="used already"):
        permit.check(order, T0 + 3)


def test_an_authorisation_is_spent_once():
    order = spec()
    given_once = authorise(order, T0)
    given_once.spend(order, T0)
    assert given_once.used
    with pytest.raises(NotAuthorised, match="spent already"):
        given_once.spend(order, T0)


def test_a_revoked_authorisation_is_of_no_use_and_a_spent_one_stays_spent():
    order = spec()
    revoked = authorise(order, T0)
    revoked.revoke()
    with pytest.raises(NotAuthorised, match="revoked already"):
        revoked.spend(order, T0)
    spent = authorise(order, T0)
    spent.spend(order, T0)
    spent.revoke()
    with pytest.raises(NotAuthorised, match="spent already"):
        spent.spend(order, T0)


def test_every_field_of_an_order_is_bound():
    assert set(EDITS) == set(OrderSpec.__struct_fields__)
    order = spec()
    for name, value in EDITS.items():
        edited = replace(order, **{name: value})
        assert order_hash(edited) != order_hash(order), name
        with pytest.raises(NotAuthorised, match="is not the one that was authorised"):
            authorise(order, T0).spend(edited, T0)
        permit = authorise(order, T0).spend(order, T0)
        with pytest.raises(NotAuthorised, match="is not the one that was authorised"):
            permit.check(edited, T0)
        permit.check(order, T0)


def test_the_same_order_in_other_digits_is_the_same_order():
    assert order_hash(spec("1")) == order_hash(spec("1.000"))
    assert order_hash(spec(price=Decimal("1E+2"))) == order_hash(spec(price=Decimal(100)))
    assert order_hash(spec("10")) != order_hash(spec("1"))


@given(st.decimals(min_value=0, max_value=10**9, places=8), st.decimals(min_value=0, max_value=10**9, places=8))
def test_quantity_and_price_do_not_run_into_each_other(first, second):
    one = spec(str(first), price=second)
    other = spec(str(second), price=first)
    assert (order_hash(one) == order_hash(other)) == (first == second)


@pytest.mark.parametrize("age_ms", [MAX_AGE_MS + 1, -1, 10**12])
def test_what_is_too_old_or_from_the_future_is_refused(age_ms):
    order = spec()
    with pytest.raises(NotAuthorised, match="expired"):
        authorise(order, T0).spend(order, T0 + age_ms)
    permit = authorise(order, T0).spend(order, T0)
    with pytest.raises(NotAuthorised, match="confirm it anew"):
        permit.check(order, T0 + age_ms)


def test_the_last_moment_still_counts_and_an_expired_one_stays_expired():
    order = spec()
    authorise(order, T0).spend(order, T0 + MAX_AGE_MS).check(order, T0 + MAX_AGE_MS)
    old = authorise(order, T0)
    for now_ms in (T0 + MAX_AGE_MS + 1, T0):
        with pytest.raises(NotAuthorised):
            old.spend(order, now_ms)
    assert old.used


def test_neither_can_be_forged():
    order = spec()
    grant = Grant(authorisation_id="a", client_id=order.client_id, spec_hash=order_hash(order), minted_ms=T0)
    for mint in (None, object(), True, "mint"):
        with pytest.raises(NotAuthorised):
            Authorisation(mint, grant)
        with pytest.raises(NotAuthorised):
            Permit(mint, "a", order.client_id, order_hash(order), T0)
    empty = Permit.__new__(Permit)
    with pytest.raises(AttributeError):
        empty.check(order, T0)
    with pytest.raises(AttributeError):
        Authorisation.__new__(Authorisation).spend(order, T0)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_neither_can_be_copied_or_stored(way):
    order = spec()
    for one in (authorise(order, T0), authorise(order, T0).spend(order, T0)):
        with pytest.raises(TypeError, match="cannot be copied or stored"):
            way(one)


def test_neither_holds_anything_but_its_fields():
    order = spec()
    for one in (authorise(order, T0), authorise(order, T0).spend(order, T0)):
        with pytest.raises(AttributeError):
            one.another = 1  # type: ignore[union-attr]


def test_no_two_authorisations_have_one_id():
    order = spec()
    assert len({authorise(order, T0).grant.authorisation_id for _ in range(100)}) == 100


# --- the source ----------------------------------------------------------------------------------------------------------


@cache
def sources() -> tuple[tuple[str, ast.Module], ...]:
    """The files that speak of authority at all, parsed."""
    files = [path for top in ("core", "providers", "tui", "themes") for path in (ROOT / top).rglob("*.py")]
    assert len(files) > 100
    texts = [(str(path.relative_to(ROOT)), path.read_text()) for path in sorted(files)]
    return tuple((name, ast.parse(text)) for name, text in texts if any(word in text for word in WORDS))


def test_only_three_places_authorise():
    for name, tree in sources():
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        if name not in MAY_AUTHORISE | {"core/trading/authority.py"}:
            assert "authorise" not in names, name
            assert "_MINT" not in names, name


def test_only_the_order_manager_spends_and_only_brokers_check():
    for name, tree in sources():
        calls = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        if "spend" in calls and "Authorisation" in imported:
            assert name == "core/trading/sending.py"


@pytest.mark.parametrize("method", ["place", "place_pair", "replace", "amend"])
def test_a_broker_sends_nothing_without_a_permit(method):
    permit = "permits" if method == "place_pair" else "permit"
    parameters = inspect.signature(getattr(Broker, method)).parameters
    assert list(parameters)[1] == permit
    assert parameters[permit].default is inspect.Parameter.empty
    hint = get_type_hints(getattr(Broker, method), vars(authority) | vars(inspect.getmodule(Broker)))[permit]
    assert hint in (Permit, tuple[Permit, Permit])


def brokers() -> list[tuple[str, ast.ClassDef]]:
    """Every class that places orders for an account."""
    return [
        (name, node)
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and {"place", "open_orders", "snapshot"} <= _methods(node)
        if name not in PROTOCOL
    ]


def test_every_broker_checks_the_permit_itself():
    for name, node in brokers():
        placing = [one for one in node.body if isinstance(one, ast.AsyncFunctionDef) and one.name == "place"]
        assert [argument.arg for argument in placing[0].args.args][:3] == ["self", "permit", "spec"], name
        called = {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
        assert any(re.fullmatch(r"permits?(\[\d\])?\.check", one) for one in called), f"{name}: no permit is checked"


def _methods(node: ast.ClassDef) -> set[str]:
    return {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
