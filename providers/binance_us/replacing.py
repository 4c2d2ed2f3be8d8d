"""The answer to cancel-and-replace, which can half succeed (exchanges.md A3, A8)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from core.trading.broker import Cancelled, NoAnswer, Placed, Replaced
from core.trading.order import OrderReport
from providers.binance_us.order_wire import OrderRow, ReplaceResults, Unreadable, decode_order, read
from providers.binance_us.signing import UNKNOWN_ORDER, error_in, verdict
from providers.signed_rest import Unclear


def replaced(
    results: ReplaceResults,
    placed: Callable[[OrderRow], Placed],
    reports: Callable[[OrderRow], tuple[OrderReport, ...]],
) -> Replaced:
    """Both halves of the answer. Raises `NoAnswer` when either cannot be told for certain."""
    try:
        cancelled = _cancelled(results, reports)
        if results.newOrderResult == "SUCCESS":
            return Replaced(
                cancelled=cancelled, placed=placed(read(results.newOrderResponse, decode_order, "newOrder"))
            )
    except Unreadable as error:
        raise NoAnswer("UNREADABLE", f"cancelReplace: the answer cannot be read: {error}") from error
    if results.newOrderResult == "NOT_ATTEMPTED":
        return Replaced(cancelled=cancelled, placed=None, code=cancelled.code, text=cancelled.text)
    code, text = _refusal(results.newOrderResponse, "the new order")
    return Replaced(cancelled=cancelled, placed=None, code=code, text=text)


def _cancelled(results: ReplaceResults, reports: Callable[[OrderRow], tuple[OrderReport, ...]]) -> Cancelled:
    if results.cancelResult == "SUCCESS":
        row = read(results.cancelResponse, decode_order, "cancel")
        return Cancelled(outcome="ACCEPTED", reports=reports(row))
    code, text = _refusal(results.cancelResponse, "the cancel")
    return Cancelled(outcome="GONE" if code == str(UNKNOWN_ORDER) else "REFUSED", code=code, text=text)


def _refusal(body: msgspec.Raw, what: str) -> tuple[str, str]:
    """Code and words of a refused half. Raises `NoAnswer` when it is no certain refusal."""
    error = error_in(bytes(body))
    if error is None:
        raise NoAnswer("UNREADABLE", f"cancelReplace: what became of {what} cannot be read")
    judged = verdict(error)
    if isinstance(judged, Unclear):
        raise NoAnswer("SERVER_ERROR", f"cancelReplace, {what}: {judged}")
    return str(error.code), str(judged)
