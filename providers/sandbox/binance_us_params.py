"""Request parameters of Binance.US, checked as they are read, and the venue's error answers."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal

import msgspec

SYMBOL_FORM = re.compile(r"^[A-Z0-9\-_.]{1,20}$")
DECIMAL_FORM = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
PLACES = 8


class ApiError(Exception):
    """An answer with HTTP 4XX and `{"code","msg"}`."""

    def __init__(self, code: int, message: str, status: int = 400, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data

    def content(self) -> dict[str, object]:
        """The answer's body."""
        body: dict[str, object] = {"code": self.code, "msg": self.message}
        return body if self.data is None else body | {"data": self.data}


class Params:
    """Request parameters, checked as they are read; `finish` refuses those nobody read."""

    def __init__(self, pairs: dict[str, str], known: Collection[str]) -> None:
        self._pairs = pairs
        self._known = known
        self._unread = set(pairs)

    def text(self, name: str) -> str | None:
        """A parameter or None. Raises `ApiError` -1105 when it was sent empty."""
        self._unread.discard(name)
        value = self._pairs.get(name)
        if value == "":
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        """A parameter that must be sent."""
        value = self.text(name)
        if value is None:
            raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number of at least 0."""
        value = self.text(name)
        if value is None:
            return None
        if not value.isdecimal() or len(value) > 20:
            message = f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
            raise ApiError(-1100, message)
        return int(value)

    def decimal(self, name: str) -> Decimal | None:
        """A plain number of at least 0, with at most 8 places."""
        value = self.text(name)
        if value is None:
            return None
        if not DECIMAL_FORM.fullmatch(value):
            legal = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
        if len(value.partition(".")[2].rstrip("0")) > PLACES:
            raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
        return Decimal(value)

    def amount(self, name: str) -> Decimal:
        """A number that must be sent and be above 0."""
        value = self.decimal(name)
        if value is None:
            self.required(name)
        if not value:
            raise ApiError(-1013, f"Invalid {name}.")
        return value

    def choice(self, name: str, allowed: Collection[str], code: int, message: str) -> str:
        """A parameter that must be sent, as one of the allowed words."""
        value = self.required(name)
        if value not in allowed:
            raise ApiError(code, message)
        return value

    def unwanted(self, *names: str) -> None:
        """Raises `ApiError` -1106 when one of them was sent."""
        for name in names:
            if self.text(name) is not None:
                raise ApiError(-1106, f"Parameter '{name}' sent when not required.")

    def limit(self, default: int, largest: int) -> int:
        """The row limit; more than `largest` is cut to it, as the venue does."""
        value = self.integer("limit")
        if value == 0:
            raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value or default, largest)

    def checked(self, symbol: str) -> str:
        """A symbol the venue knows."""
        if not SYMBOL_FORM.match(symbol):
            message = "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."
            raise ApiError(-1100, message)
        if symbol not in self._known:
            raise ApiError(-1121, "Invalid symbol.")
        return symbol

    def symbol(self) -> str:
        """The mandatory `symbol`."""
        return self.checked(self.required("symbol"))

    def symbols(self) -> tuple[list[str], bool]:
        """The symbols asked for by `symbol`, `symbols` or neither; True when exactly one was named by `symbol`."""
        one, many = self.text("symbol"), self.text("symbols")
        if one is not None and many is not None:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        if one is not None:
            return [self.checked(one)], True
        if many is None:
            return list(self._known), False
        try:
            if " " in many:
                raise ApiError(-1100, "Illegal characters found in parameter 'symbols'; legal range is compact JSON.")
            names = msgspec.json.decode(many, type=list[str])
        except msgspec.DecodeError as error:
            raise ApiError(-1100, f"Illegal characters found in parameter 'symbols'; {error}") from error
        return [self.checked(name) for name in names], False

    def finish(self) -> None:
        """Raises `ApiError` -1104 when parameters were sent that the endpoint does not read."""
        if self._unread:
            sent = len(self._pairs)
            raise ApiError(
                -1104,
                f"Not all sent parameters were read; read '{sent - len(self._unread)}' parameter(s) but was sent '{sent}'.",
            )
