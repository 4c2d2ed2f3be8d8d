"""Closing a position, or a part of it: the base asset's name, and how much where it is not everything."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from core.messages import ClosePosition, PositionStatus
from tui.desk import Desk
from tui.widgets.line_panel import Line
from tui.widgets.trading_words import amount, base_of, lot_of, position_run, stop_runs

ALL, HALF = Decimal(0), Decimal("0.5")


def part_of(typed: str, word: str, held: Decimal) -> Decimal | str:
    """How much of `held` is meant (0: all), or why that is no answer, with the remedy.

    >>> part_of("sol half", "SOL", Decimal(3)), part_of("SOL 25 %", "SOL", Decimal(3))
    (Decimal('1.5'), Decimal('0.75'))
    """
    name, _, part = " ".join(typed.split()).partition(" ")
    if name.upper() != word.upper():
        return f"{name!r} is not {word}: type {word}, then how much where it is not all"
    part = part.replace(" ", "")
    if part.upper() in ("", "ALL", "100%"):
        return ALL
    if part.upper() == "HALF":
        return held * HALF
    share = part.endswith("%")
    try:
        value = Decimal(part.removesuffix("%"))
    except InvalidOperation:
        return f"{part!r} is no amount: type {word} 50%, {word} half, or a quantity such as {word} 1.5"
    if not value.is_finite() or value <= 0:
        return f"{part} is no amount: it must be above 0"
    if share and value > 100:
        return f"{part} is more than there is: {word} alone closes all of it"
    quantity = held * value / 100 if share else value
    if quantity > held:
        return f"{value:f} is more than the {held.normalize():f} held: {word} alone closes all of it"
    return ALL if quantity == held else quantity


class CloseQuestion:
    """Asked about one trade for as long as it is open, whatever the cursor does meanwhile."""

    prefilled = ""

    def __init__(self, desk: Desk, position: PositionStatus) -> None:
        self._desk = desk
        self._asked = position
        self.title = f"Close {position.symbol}?"
        base = base_of(desk, position.symbol)
        others = [one for one in desk.store.trading.positions.values() if one.trade_id != position.trade_id]
        same = any(base_of(desk, one.symbol) == base for one in others)
        self.word = position.symbol if same or not base else base
        """The symbol where the asset's name could mean another position, too."""
        self.wanted = f"type {self.word} and Enter"
        self.yes = "closes all of it"

    @property
    def position(self) -> PositionStatus | None:
        """As it stands now; None: it was closed meanwhile."""
        return self._desk.store.trading.positions.get(self._asked.trade_id)

    def lines(self, typed: str) -> Sequence[Line]:
        desk, position = self._desk, self.position
        if position is None:
            gone = f"{self._asked.symbol}: this position was closed meanwhile; nothing is left to close"
            return [[(gone, "warn")], [], [], []]
        lines: list[Line] = [
            position_run(desk, position),
            [("stop ", "dim"), *stop_runs(desk, position, desk.clock.now_ms())],
        ]
        how = "Sold" if position.side == "BUY" else "Bought back"
        changed = position.quantity != self._asked.quantity
        was = f"It was {amount(self._asked.quantity, desk.glyphs)} when asked." if changed else ""
        lines.append([(f"{how} at the market, whatever it pays. ", "text"), (was, "warn")])
        lines.append(self._would(position, typed))
        return lines

    def _would(self, position: PositionStatus, typed: str) -> Line:
        """What Enter would do now."""
        glyphs = self._desk.glyphs
        if not typed:
            word = self.word
            return [(f"For a part of it: {word} 50%, {word} half, or a quantity such as {word} 1.5", "dim")]
        part = part_of(typed, self.word, position.quantity)
        if isinstance(part, str):
            return [(part, "dim")]
        quantity = self._cut(part) if part else position.quantity
        left = position.quantity - quantity
        worth = (
            f", about {amount(round(quantity * Decimal(str(position.price)), 2), glyphs)}" if position.price > 0 else ""
        )
        if not left:
            return [(f"All of it: {amount(quantity, glyphs)}{worth}; its stop goes with it.", "bright")]
        stays = f"; {amount(left, glyphs)} stays behind its stop."
        return [(f"A part: {amount(quantity, glyphs)} of {amount(position.quantity, glyphs)}{worth}{stays}", "bright")]

    def _cut(self, quantity: Decimal) -> Decimal:
        """Down to the venue's lot, as the engine does it."""
        lot = lot_of(self._desk, self._asked.symbol)
        return quantity // lot * lot if lot else quantity

    def objection(self, typed: str) -> str:
        position = self.position
        if position is None:
            return f"{self._asked.symbol} is closed already: nothing is sent"
        part = part_of(typed, self.word, position.quantity)
        if isinstance(part, str):
            return part
        if part and not self._cut(part):
            lot = lot_of(self._desk, position.symbol)
            return f"{part.normalize():f} is less than the venue's lot of {lot.normalize():f}: close more of it"
        return ""

    def send(self, typed: str) -> None:
        position = self.position
        part = part_of(typed, self.word, position.quantity) if position is not None else ""
        if isinstance(part, str):  # it changed between Enter and now
            self._desk.say(self.objection(typed), "warning")
            return
        symbol = self._asked.symbol
        self._desk.bus.publish(ClosePosition(symbol=symbol, quantity=part))
        how_much = f"{amount(self._cut(part), self._desk.glyphs)} of it " if part else ""
        self._desk.say(f"{symbol}: asked to close {how_much}at the market", "warning")
