"""The differences between venue and journal that stand: told once, settled once, and never forgotten in between."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

from msgspec import Struct

from core.bus import Bus
from core.clock import Clock
from core.messages import Discrepancy, TradingState

Kind = Literal["FOREIGN_ORDER", "BALANCE", "POSITION", "UNKNOWN_ORDER"]


class Difference(Struct, frozen=True):
    """One of them. `key` names it for ever; `symbol` is an asset for balances."""

    key: str
    kind: Kind
    symbol: str
    ours: str
    venues: str
    text: str


class Where(Protocol):
    """Which account is spoken of."""

    venue: str
    category: str


class Tightens(Protocol):
    """Who holds the trading state."""

    def tighten(self, to: TradingState, cause: str) -> None:
        """Go there, or stay where it is stricter."""

    def settle(self, cause: str) -> None:
        """A cause no longer stands."""


class Differences:
    """What stands now, by key. A new one drops the trading state to REDUCING; one that is over settles its cause."""

    def __init__(self, bus: Bus, clock: Clock, where: Where, risk: Tightens) -> None:
        self._bus = bus
        self._clock = clock
        self._where = where
        self._risk = risk
        self.standing: dict[str, Difference] = {}
        self._since: dict[str, int] = {}
        self._accepted: dict[str, Difference] = {}

    def of_kinds(self, kinds: Iterable[Kind], found: Iterable[Difference]) -> None:
        """These are all there are of those kinds now."""
        kinds = tuple(kinds)
        now = {difference.key: difference for difference in found}
        for key in [key for key, one in self.standing.items() if one.kind in kinds and key not in now]:
            self._over(key)
        for key in [key for key, one in self._accepted.items() if one.kind in kinds and key not in now]:
            del self._accepted[key]
        for key, difference in now.items():
            if key in self._accepted or self.standing.get(key) == difference:
                continue
            self._since.setdefault(key, self._clock.now_ms())
            self.standing[key] = difference
            self._risk.tighten("REDUCING", _cause(difference))
            self._tell(difference, settled=False)

    def accept(self, key: str) -> None:
        """The operator has seen it and takes it as it is: it no longer stands, and is not told again while it lasts."""
        self._accepted[key] = self.standing[key]
        self._over(key)

    def replay(self) -> None:
        """Tell all that stand again."""
        for difference in self.standing.values():
            self._tell(difference, settled=False)

    def _over(self, key: str) -> None:
        difference = self.standing.pop(key)
        self._risk.settle(_cause(difference))
        self._tell(difference, settled=True)
        del self._since[key]

    def _tell(self, difference: Difference, *, settled: bool) -> None:
        self._bus.publish(
            Discrepancy(
                venue=self._where.venue,
                category=self._where.category,
                symbol=difference.symbol,
                key=difference.key,
                kind=difference.kind,
                ours=difference.ours,
                venues=difference.venues,
                text=difference.text,
                settled=settled,
                first_ms=self._since[difference.key],
                at_ms=self._clock.now_ms(),
            )
        )


def _cause(difference: Difference) -> str:
    return f"discrepancy {difference.key}"
