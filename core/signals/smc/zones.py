"""Zones on the chart and their lives: price comes back, fills, closes through; states only move forward."""

from __future__ import annotations

from bisect import insort

from core.signals.smc.event import Zone

CAP = 200
MERGE_SHARE = 0.7
FAR_ATR = 10.0


class ZoneBook:
    """The gaps and blocks of one series. `zones` is what is open or not long closed, oldest first; `tested` the open ones
    that price came back to at least once.

    A zone that price is not in waits in a list sorted by its near edge, so a bar that reaches none costs two comparisons.
    """

    __slots__ = ("_bears", "_bulls", "_inside", "_memory", "tested", "zones")

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self.zones: list[Zone] = []
        self.tested: list[Zone] = []
        self._bulls: list[Zone] = []  # waiting below price, the highest top last
        self._bears: list[Zone] = []  # waiting above price, the lowest bottom last
        self._inside: list[Zone] = []

    def step(self, place: int, high: float, low: float, close: float, close_ms: int) -> None:
        """What the newest bar did to the zones known before it."""
        zones, bulls, bears = self.zones, self._bulls, self._bears
        while zones and place - zones[0].place > self._memory:
            self._drop(0)
        while bulls and bulls[-1].top >= low:
            self._enter(bulls.pop())
        while bears and bears[-1].bottom <= high:
            self._enter(bears.pop())
        if self._inside:
            self._inside = [zone for zone in self._inside if self._stays(zone, high, low, close, close_ms)]

    def add(self, zone: Zone, close: float, atr: float) -> bool:
        """A new zone. One that lies where an older open one of its kind and side does is that one: False."""
        waiting = self._bulls if zone.side == "BUY" else self._bears
        for older in (*waiting, *self._inside):
            same = older.kind == zone.kind and older.side == zone.side and not older.until_ms
            if same and _overlap(older, zone) > MERGE_SHARE:
                return False
        self.zones.append(zone)
        self._wait(zone)
        if len(self.zones) > CAP:
            self._evict(close, atr)
        return True

    def _enter(self, zone: Zone) -> None:
        zone.touches += 1
        if zone.state == "open":
            zone.state = "touched"
            self.tested.append(zone)
        self._inside.append(zone)

    def _stays(self, zone: Zone, high: float, low: float, close: float, close_ms: int) -> bool:
        """Carry a zone that price is in over one bar; whether price is still in it at the close."""
        top, bottom = zone.top, zone.bottom
        if zone.side == "BUY":
            reach, through, back = top - low, close < bottom, close > top
        else:
            reach, through, back = high - bottom, close > top, close < bottom
        height = top - bottom
        zone.depth = max(zone.depth, min(1.0, reach / height if height > 0.0 else 1.0))
        if through:
            zone.state = "inverted" if zone.kind == "fvg" else "broken"
            self._close(zone, close_ms)
            return False
        if zone.kind == "fvg":
            if zone.depth >= 1.0:
                # Watched on only to see whether the gap is closed through before price ever leaves it again.
                zone.state = "filled"
                self._close(zone, close_ms)
                return not back
            if zone.depth >= 0.5:
                zone.state = "half"
        if back:
            zone.held_ms = zone.held_ms or close_ms
            self._wait(zone)
            return False
        return True

    def _close(self, zone: Zone, close_ms: int) -> None:
        if not zone.until_ms:
            zone.until_ms = close_ms
            self.tested.remove(zone)

    def _wait(self, zone: Zone) -> None:
        if zone.side == "BUY":
            insort(self._bulls, zone, key=_top)
        else:
            insort(self._bears, zone, key=_below)

    def _drop(self, index: int) -> None:
        """Forget a zone, open or not."""
        zone = self.zones.pop(index)
        for column in (self._inside, self.tested, self._bulls if zone.side == "BUY" else self._bears):
            if zone in column:
                column.remove(zone)

    def _evict(self, close: float, atr: float) -> None:
        """One zone must go: the oldest closed one, else the oldest far away, else the oldest."""
        for index, zone in enumerate(self.zones):
            if zone.until_ms:
                return self._drop(index)
        for index, zone in enumerate(self.zones):
            if max(zone.bottom - close, close - zone.top) > FAR_ATR * atr:
                return self._drop(index)
        return self._drop(0)


def _overlap(one: Zone, other: Zone) -> float:
    """Share of the taller zone that both cover."""
    height = max(one.top - one.bottom, other.top - other.bottom)
    common = min(one.top, other.top) - max(one.bottom, other.bottom)
    return common / height if height > 0.0 else float(one.top == other.top)


def _top(zone: Zone) -> float:
    return zone.top


def _below(zone: Zone) -> float:
    return -zone.bottom
