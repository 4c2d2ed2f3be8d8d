"""What happens to an account behind the program's back: orders and cancels from elsewhere, withdrawals, fills on command."""

from __future__ import annotations

from decimal import Decimal

from core.messages import Side
from core.trading.order import ZERO, OrderReport, OrderSpec
from providers.sandbox.accounts import Accounts


def cancel(accounts: Accounts, order: OrderReport) -> None:
    """Cancel an open order."""
    engine, account = accounts.engine, accounts.account
    accounts.act(lambda: engine.cancel(account, accounts.now_ms(), order_id=order.order_id))


def foreign_order(accounts: Accounts, symbol: str, side: Side, price: Decimal, quantity: Decimal) -> str:
    """Place a limit order, or a market order where `price` is 0. Raises `ValueError` with the venue's words of refusal."""
    spec = OrderSpec(
        client_id=f"web_{accounts.now_ms()}_{len(accounts.orders)}",
        symbol=symbol,
        side=side,
        type="LIMIT" if price else "MARKET",
        quantity=quantity,
        price=price,
    )
    reports = accounts.act(lambda: accounts.engine.submit(accounts.account, spec, accounts.now_ms()), symbol)
    answer = next(report for report in reversed(reports) if report.spec.client_id == spec.client_id)
    if not answer.order_id:
        raise ValueError(f"the venue refuses the order: {answer.reject_code} {answer.reject_reason}")
    return answer.order_id


def fill(accounts: Accounts, order: OrderReport, quantity: Decimal = ZERO) -> None:
    """Trade `quantity` of a resting order, or all that is left. Raises `ValueError` where that cannot be."""
    left = order.spec.quantity - order.filled
    wanted = quantity or left
    if not 0 < wanted <= left:
        raise ValueError(f"order {order.order_id} has {left} left; fill more than 0 and at most that")
    accounts.act(lambda: accounts.engine.force_fill(order.order_id, wanted, accounts.now_ms()))


def overfill(accounts: Accounts, order: OrderReport, quantity: Decimal) -> None:
    """Fill what is left of an order and `quantity` more, in one trade, which no rule of the engine allows."""
    wanted = order.spec.quantity - order.filled + quantity
    accounts.act(lambda: accounts.engine.force_fill(order.order_id, wanted, accounts.now_ms()))


def take_balance(accounts: Accounts, asset: str, amount: Decimal) -> None:
    """Move free balance out of the account. Raises `ValueError` when there is not enough."""
    state = accounts.engine.snapshot()
    state.ledger.add_free(accounts.account, asset, -amount)
    state.ledger.export(asset, amount)
    accounts.engine.restore(state)
    for listener in accounts.balance_listeners:
        listener(asset, -amount)
