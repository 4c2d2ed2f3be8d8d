"""Linear positions at the Bybit sandbox: what is held, its leverage, and its own take-profit and stop-loss.

A position's TP/SL are reduce-only stop orders here. Those of mode Full follow the position's size; all of them end with it.
Positions are one-way with isolated margin, as the engine keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from core.messages import Side
from core.trading.matching import PositionView
from core.trading.order import ZERO, OrderSpec
from core.trading.working import opposite
from core.venue import Rejected
from providers.sandbox.bybit_orders_body import TRIGGER_WORDS, TRIGGERS, OrderForm, Reader, direction
from providers.sandbox.bybit_orders_desk import OrderDesk
from providers.sandbox.bybit_orders_rows import OrderRow
from providers.sandbox.bybit_orders_wire import number
from providers.sandbox.bybit_rest import RetError

MAINTENANCE = Decimal("0.005")
"""Maintenance margin over value, the matching engine's own default."""
PLACES = Decimal("0.00000001")
NOT_MODIFIED = 34040
LEGS = {"takeProfit": ("TakeProfit", "tp"), "stopLoss": ("StopLoss", "sl")}


class Positions:
    """The positions of one linear desk."""

    def __init__(self, desk: OrderDesk) -> None:
        self.desk = desk
        self._leverage: dict[str, Decimal] = {}
        self._full: dict[tuple[str, str], str] = {}
        self._partial: list[str] = []

    # --- what is held -------------------------------------------------------------------------------------------------

    def view(self, symbol: str) -> PositionView | None:
        """The open position of a symbol."""
        engine = self.desk.accounts.engine
        return next((p for p in engine.positions(self.desk.accounts.account) if p.symbol == symbol), None)

    def listed(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """`position/list`: by symbol whatever it is, by settle coin those that are open."""
        read = Reader(query)
        named = {name: read.text(name, "") for name in ("symbol", "baseCoin", "settleCoin")}
        if not (named["symbol"] or named["settleCoin"]):
            raise RetError(10001, "params error: symbol or settleCoin is required")
        if named["symbol"] and named["symbol"] not in self.desk.accounts.engine.rules:
            raise RetError(10001, "params error: symbol invalid")
        held = {view.symbol for view in self.desk.accounts.engine.positions(self.desk.accounts.account)}
        symbols = [named["symbol"]] if named["symbol"] else sorted(held)
        rows = [self.row(symbol) for symbol in symbols if self.desk.within(symbol, named)]
        limit = min(read.whole("limit", 20) or 20, 200)
        at = int(cursor) if (cursor := read.text("cursor", "0")).isdecimal() else 0
        more = str(at + limit) if at + limit < len(rows) else ""
        return {"category": self.desk.category, "nextPageCursor": more, "list": rows[at : at + limit]}

    def row(self, symbol: str) -> dict[str, Any]:
        """A position as REST lists it, flat ones too."""
        view = self.view(symbol)
        size = view.size if view else ZERO
        legs = {name: self._leg_price(symbol, name) for name in LEGS}
        value = abs(size) * view.entry_price if view else ZERO
        liquidation = view.liquidation_price if view else ZERO
        tick = self.desk.accounts.engine.rules[symbol].tick_size
        margin = number(_rounded(view.margin)) if view else "0"
        maintenance = number(_rounded(value * MAINTENANCE))
        return {
            "positionIdx": 0,
            "tradeMode": 0,
            "riskId": 1,
            "riskLimitValue": "2000000",
            "symbol": symbol,
            "side": "" if not size else "Buy" if size > 0 else "Sell",
            "size": number(abs(size)),
            "avgPrice": number(_rounded(view.entry_price)) if view else "0",
            "leverage": number(self.leverage(symbol)),
            "positionValue": number(_rounded(value)),
            "positionBalance": margin,
            "markPrice": number(view.mark_price if view and view.mark_price else self.desk.mark(symbol)),
            "positionIM": margin,
            "positionIMByMp": margin,
            "positionMM": maintenance,
            "positionMMByMp": maintenance,
            "takeProfit": number(legs["takeProfit"]),
            "stopLoss": number(legs["stopLoss"]),
            "trailingStop": "0",
            "unrealisedPnl": number(_rounded(view.unrealised)) if view else "0",
            "curRealisedPnl": number(_rounded(self.desk.rows.realised_now(symbol))),
            "cumRealisedPnl": number(_rounded(self.desk.rows.realised(symbol))),
            "sessionAvgPrice": "",
            "createdTime": str(self.desk.accounts.feed.listings[symbol].listed_ms),
            "updatedTime": str(self.desk.accounts.now_ms()),
            "tpslMode": "Full",
            "liqPrice": number((liquidation / tick).to_integral_value() * tick) if liquidation else "",
            "bustPrice": "",
            "positionStatus": "Normal",
            "adlRankIndicator": 0,
            "autoAddMargin": 0,
            "leverageSysUpdatedTime": "",
            "mmrSysUpdatedTime": "",
            "seq": max((row.number for row in self.desk.rows.executions), default=0),
            "isReduceOnly": False,
        }

    def frame_row(self, symbol: str) -> dict[str, Any]:
        """The same as the private stream tells it: with its category, the entry price by another name."""
        row = self.row(symbol)
        return row | {"entryPrice": row.pop("avgPrice"), "category": self.desk.category}

    # --- settings -----------------------------------------------------------------------------------------------------

    def leverage(self, symbol: str) -> Decimal:
        """The leverage of a symbol, 1 until it is set."""
        return self._leverage.get(symbol, Decimal(1))

    def set_leverage(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`position/set-leverage`: one-way mode wants the same for both sides."""
        read = Reader(body)
        symbol, buy, sell = read.text("symbol"), read.number("buyLeverage"), read.number("sellLeverage")
        if symbol not in self.desk.accounts.engine.rules or not buy or buy != sell:
            raise RetError(10001, "params error: symbol, buyLeverage or sellLeverage invalid")
        if buy == self.leverage(symbol):
            raise RetError(110043, "Set leverage has not been modified.")
        accounts = self.desk.accounts
        try:
            accounts.act(lambda: accounts.engine.set_leverage(accounts.account, symbol, buy, accounts.now_ms()), symbol)
        except Rejected as error:
            raise RetError(int(error.code), str(error)) from None
        self._leverage[symbol] = buy
        return {}

    def switch_mode(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`position/switch-mode`: one-way (0) is what there is; hedge mode is refused."""
        if Reader(body).whole("mode", -1) != 0:
            raise RetError(10001, "params error: mode (the sandbox keeps one-way positions)")
        raise RetError(110025, "Position mode has not been modified.")

    # --- take-profit and stop-loss of a position ----------------------------------------------------------------------

    def trading_stop(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`position/trading-stop`: set, move or ("0") remove TP/SL; mode Partial adds one for a part of the position."""
        read = Reader(body)
        symbol, mode = read.text("symbol"), read.choice("tpslMode", ("Full", "Partial"), "Full")
        view = self.view(symbol)
        if view is None:
            raise RetError(10001, "can not set tp/sl/ts for zero position")
        if read.whole("positionIdx"):
            raise RetError(10001, "position idx not match position mode")
        if (
            read.number("trailingStop")
            or read.text("tpOrderType", "") == "Limit"
            or read.text("slOrderType", "") == "Limit"
        ):
            raise RetError(10001, "params error: the sandbox has no trailing stops and no limit legs")
        asked = {name: price for name in LEGS if (price := read.number(name)) is not None}
        if not asked:
            raise RetError(10001, "params error: takeProfit or stopLoss is required")
        for name, price in asked.items():
            if mode == "Full":
                self._set_full(read, view, name, price)
            else:
                size = read.number(f"{LEGS[name][1]}Size")
                if not size or not price:
                    raise RetError(10001, f"params error: {LEGS[name][1]}Size is required")
                self._partial.append(self._place(read, view, name, price, size, mode).report.order_id)
        return {}

    def _set_full(self, read: Reader, view: PositionView, name: str, price: Decimal) -> None:
        known = self._leg(view.symbol, name)
        if (known.spec.stop_price if known else ZERO) == price:
            raise RetError(NOT_MODIFIED, "not modified")
        if known is not None and price:
            self.desk.change(known, stop_price=price)
            return
        if known is not None:
            known.cleared = True
            self.desk.withdraw(known)
            return
        self._full[view.symbol, name] = self._place(read, view, name, price, abs(view.size), "Full").report.order_id

    def _place(self, read: Reader, view: PositionView, name: str, price: Decimal, size: Decimal, mode: str) -> OrderRow:
        word, short = LEGS[name]
        trigger_by = TRIGGERS[read.choice(f"{short}TriggerBy", TRIGGERS, "")]
        held: Side = "BUY" if view.size > 0 else "SELL"
        spec = OrderSpec(
            client_id="", symbol=view.symbol, side=opposite(held), quantity=size, stop_price=price, reduce_only=True,
            type="TAKE_PROFIT" if name == "takeProfit" else "STOP_LOSS", time_in_force="IOC", trigger_by=trigger_by,
        )  # fmt: skip
        partial = "Partial" if mode == "Partial" else ""
        form = OrderForm(
            time_in_force="IOC",
            stop_order_type=f"{partial}{word}",
            trigger_by=TRIGGER_WORDS[trigger_by],
            trigger_direction=direction(spec),
            tpsl_mode=mode,
            close_on_trigger=True,
            create_type=f"CreateBy{partial}{word}",
        )
        return self.desk.submit(spec, form)

    def settle(self) -> None:
        """Let the TP/SL of positions follow them: the size of Full ones, and the end of all when a position is gone."""
        for key, order_id in list(self._full.items()):
            row = self.desk.rows.get(order_id)
            size = self._size(row)
            if row is None or not row.open or not size:
                self._end(row)
                del self._full[key]
            elif row.report.status == "UNTRIGGERED" and row.spec.quantity != size:
                with suppress(RetError):  # a halted symbol takes no amend; the next call asks again
                    self.desk.change(row, quantity=size)
        for order_id in list(self._partial):
            row = self.desk.rows.get(order_id)
            if row is None or not row.open or not self._size(row):
                self._end(row)
                self._partial.remove(order_id)

    def _size(self, row: OrderRow | None) -> Decimal:
        """What the order could still close: 0 when its position is flat or has turned."""
        view = self.view(row.spec.symbol) if row else None
        if row is None or view is None:
            return ZERO
        return max(ZERO, -view.size if row.spec.side == "BUY" else view.size)

    def _end(self, row: OrderRow | None) -> None:
        if row is not None and row.open:
            row.cleared = True
            self.desk.withdraw(row)

    def _leg(self, symbol: str, name: str) -> OrderRow | None:
        row = self.desk.rows.get(self._full.get((symbol, name), "none"))
        return row if row is not None and row.report.status == "UNTRIGGERED" else None

    def _leg_price(self, symbol: str, name: str) -> Decimal:
        leg = self._leg(symbol, name)
        return leg.spec.stop_price if leg else ZERO


def _rounded(value: Decimal) -> Decimal:
    """To eight places: the engine keeps money exactly, the venue tells less."""
    return value.quantize(PLACES).normalize()
