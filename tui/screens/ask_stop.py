"""Moving the protective stop of a position: a price, with what it would mean while it is typed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from core.messages import MoveStop, PositionStatus
from tui.desk import Desk
from tui.format import signed
from tui.widgets.line_panel import Line
from tui.widgets.trading_words import exact, plain_price, position_run, price_of, price_text, stop_runs

NONE = Decimal(0)


def price_typed(typed: str) -> Decimal | None:
    """The price, None while it is none. Only plain numbers: a comma may stand for two things."""
    try:
        price = Decimal(typed)
    except InvalidOperation:
        return None
    return price if price.is_finite() and price > 0 else None


class StopQuestion:
    """Asked about one trade for as long as it is open."""

    def __init__(self, desk: Desk, position: PositionStatus) -> None:
        self._desk = desk
        self._asked = position
        self.title = f"Move the stop of {position.symbol}?"
        stop = position.stop.price or position.planned_stop
        self.prefilled = plain_price(desk, position.symbol, stop) if stop else ""
        self.wanted = "type a price and Enter"
        self.yes = "moves it"

    @property
    def position(self) -> PositionStatus | None:
        """As it stands now; None: it was closed meanwhile."""
        return self._desk.store.trading.positions.get(self._asked.trade_id)

    def lines(self, typed: str) -> Sequence[Line]:
        desk, position = self._desk, self.position
        if position is None:
            return [[(f"{self._asked.symbol}: this position was closed meanwhile; there is no stop to move", "warn")]]
        return [
            position_run(desk, position),
            [("stop ", "dim"), *stop_runs(desk, position, desk.clock.now_ms())],
            [(self._room(position), "text")],
            self._would(position, typed),
        ]

    def _room(self, position: PositionStatus) -> str:
        """Which side is allowed."""
        now = f"{price_text(self._desk, position.symbol, position.price)} (the price)"
        if not position.planned_stop:
            return f"Allowed: {'below' if position.side == 'BUY' else 'above'} {now}; never farther away than planned."
        planned = f"{price_of(self._desk, position.symbol, position.planned_stop)} (as planned)"
        low, high = (planned, now) if position.side == "BUY" else (now, planned)
        return f"Allowed: {low} to {high}."

    def _would(self, position: PositionStatus, typed: str) -> Line:
        """What that price would mean: how far away it is, and what the position would come to there."""
        price = price_typed(typed)
        if price is None:
            return [("no price yet" if not typed else f"{typed!r} is no price", "dim")]
        wrong = self._wrong(position, price)
        if wrong:
            return [(wrong, "warn")]
        glyphs, way = self._desk.glyphs, 1 if position.side == "BUY" else -1
        runs: Line = [(f"At {exact(price, glyphs)}: ", "text")]
        if math.isfinite(position.price) and position.price > 0:
            away = way * (position.price - float(price)) / position.price * 100
            runs.append((f"{away:.2f} % from the price", "bright"))
        risk = abs(position.entry_price - position.planned_stop) if position.planned_stop else NONE
        if risk:
            ratio = float(way * (price - position.entry_price) / risk)
            runs.append(
                (f", {signed(ratio, 2, glyphs=glyphs)} R before costs", "price_up" if ratio >= 0 else "price_down")
            )
        return runs

    def _wrong(self, position: PositionStatus, price: Decimal) -> str:
        """Why the stop cannot be there, as far as it is known here: the engine has the last word."""
        glyphs, long = self._desk.glyphs, position.side == "BUY"
        planned = position.planned_stop
        if planned and (price < planned if long else price > planned):
            allowed = price_of(self._desk, position.symbol, planned)
            return f"{exact(price, glyphs)} is farther than planned: {allowed} or nearer to the price"
        by_last = position.stop.trigger_by == "LAST" and math.isfinite(position.price) and position.price > 0
        if by_last and (float(price) >= position.price if long else float(price) <= position.price):
            key = self._desk.keymap.label("orders.close")
            return f"{exact(price, glyphs)} is past the price: it would close at once; {key} closes the position"
        return ""

    def objection(self, typed: str) -> str:
        position, price = self.position, price_typed(typed)
        if position is None:
            return f"{self._asked.symbol} is closed already: nothing is sent"
        if price is None:
            return f"{typed!r} is no price: type a number such as {self.prefilled or '1.25'}, with a point"
        if price == position.stop.price and position.stop.state in ("VERIFIED", "UNVERIFIED"):
            return f"the stop is at {exact(price, self._desk.glyphs)} already: type another price, or Esc"
        return self._wrong(position, price)

    def send(self, typed: str) -> None:
        price = price_typed(typed)
        if price is None:
            return
        self._desk.bus.publish(MoveStop(symbol=self._asked.symbol, stop=price))
        self._desk.say(f"{self._asked.symbol}: asked to move the stop to {exact(price, self._desk.glyphs)}", "warning")
