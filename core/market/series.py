"""One candle series: closed bars in a window, the forming bar beside it, and the rules by which one becomes the other.

A bar closes by the venue's flag, by its successor, or by the venue's clock plus a grace. Whatever was closed without the
flag stays unconfirmed until a late closing frame or a REST answer says what the venue's bar really is; a difference is a
correction with a higher revision. So the final bars do not depend on lost, late, doubled or reordered frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.market.candles import CandleWindow, Flags, Floats
from core.market.quality import sane_block, sane_candle
from core.messages import Kline
from core.venue import TIMEFRAME_MS, CandleBlock

MAX_FILL = 5
"""So many missing bars are filled with flat ones at once; a longer hole waits for REST (the host slept, or worse)."""

MAX_HOLE = 1500
"""History before a hole of more bars than this is not the same market any more and is left out."""

_AHEAD_MS = 60_000
_EARLY_FRAMES = 16


class Closed(NamedTuple):
    """A bar to publish. `row` has nine values (`CANDLE_COLUMNS`); `confirmed`: it is the venue's own final bar."""

    row: Sequence[float]
    synthetic: bool
    revision: int
    confirmed: bool


class Outcome(NamedTuple):
    """What one step did: bars to publish in order, whether bars are missing, whether the forming bar moved."""

    closed: list[Closed]
    gap: bool
    moved: bool


_NOTHING = Outcome([], False, False)


class Series:
    """Bars of one symbol and timeframe. All times are the venue's."""

    def __init__(self, timeframe: str, capacity: int, grace_s: float) -> None:
        self.timeframe = timeframe
        self.interval_ms = TIMEFRAME_MS[timeframe]
        self.grace_ms = int(grace_s * 1000)
        self.window = CandleWindow(capacity)
        self.forming: list[float] | None = None
        """The forming bar (nine values), or None while nothing is known of it."""
        self.loaded = False
        """History is in; before that, frames are only kept for later."""
        self.held = False
        """Too many bars are missing: nothing closes until `merge` or `load` has brought them."""
        self.closed_by_clock = 0
        self.corrections = 0
        self.repaired = 0
        self.ignored = 0
        self.rejected = 0
        self._forming_event_ms = 0
        self._early: list[Kline] = []
        self._unconfirmed: dict[int, bool] = {}  # open time -> whether the bar is a flat filler
        self._revisions: dict[int, int] = {}

    # --- reading -----------------------------------------------------------------------------------------------------

    @property
    def next_open_ms(self) -> int:
        """Open time of the bar after the last closed one; -1 without any."""
        last = self.window.last_open_ms
        return last + self.interval_ms if last >= 0 else -1

    def first_unconfirmed_ms(self) -> int:
        """Open time of the oldest bar that is not known to be the venue's own; -1 when all are."""
        return min(self._unconfirmed, default=-1)

    @property
    def unconfirmed(self) -> int:
        """How many bars wait for the venue's word."""
        return len(self._unconfirmed)

    def totals(self) -> dict[str, int]:
        """Counters since the series exists."""
        return {
            "closed_by_clock": self.closed_by_clock,
            "corrections": self.corrections,
            "repairs": self.repaired,
            "rejected": self.rejected,
        }

    # --- history -----------------------------------------------------------------------------------------------------

    def load(self, block: CandleBlock, now_ms: int, asked_ms: int | None = None) -> Outcome:
        """Begin (or begin again) from the venue's history, then apply the frames that came meanwhile.

        Rows that are not over at `now_ms` become the forming bar. Holes are filled with flat synthetic bars. `asked_ms` is
        when the venue was asked (default `now_ms`): a bar that ended later came half-built and stays unconfirmed.
        """
        block, dropped = sane_block(block, self.interval_ms)
        self.rejected += dropped
        over = block[:, 0] + self.interval_ms <= now_ms
        closed, flat = filled(block[over], self.interval_ms)
        rewritten = self.window.rewritten + self.loaded
        self.window = CandleWindow(self.window.capacity)
        self.window.extend(closed, flat)
        self.window.rewritten = rewritten
        self.loaded, self.held = True, False
        self._unconfirmed.clear()
        self._revisions.clear()
        known_ms = (now_ms if asked_ms is None else asked_ms) - self.interval_ms - self.grace_ms
        for place in np.flatnonzero(closed[:, 0] > known_ms):
            self._unconfirmed[int(closed[place, 0])] = bool(flat[place])  # REST may still be a trade behind
        for row in block[~over][-1:]:
            self.forming, self._forming_event_ms = row.tolist(), 0
        self._drop_stale_forming()
        early, self._early = self._early, []
        steps = [self.on_kline(frame, now_ms) for frame in early]
        return Outcome(
            [bar for step in steps for bar in step.closed], any(step.gap for step in steps), self.forming is not None
        )

    def merge(self, block: CandleBlock, since_ms: int, now_ms: int) -> Outcome:
        """Take the venue's bars from REST for [since_ms, now): correct, insert and append what differs or is missing.

        The newest bar younger than the grace is left out: REST may still be a trade behind. Bars the venue does not
        have in the answered stretch stay flat and count as confirmed.
        """
        block, dropped = sane_block(block, self.interval_ms)
        self.rejected += dropped
        settled = block[block[:, 0] + self.interval_ms + self.grace_ms <= now_ms]
        published: list[Closed] = []
        last = self.window.last_open_ms
        first = self.window.open_ms[0] if len(self.window) else np.inf
        for row in settled[settled[:, 0] <= last]:
            if row[0] >= first:
                published.extend(self._confirm(row))
        newer = settled[settled[:, 0] > last]
        if len(newer):
            published.extend(self._append_history(newer))
        if len(settled):
            answered_until = int(settled[-1, 0])
            for open_ms in [t for t in self._unconfirmed if since_ms <= t <= answered_until]:
                del self._unconfirmed[open_ms]
        self._drop_stale_forming()
        if self.held and len(self.window) and self._missing(now_ms) <= MAX_HOLE:
            # The venue has answered: what is still missing did not trade. Its word may come later, so not confirmed.
            self.held = False
            self._fill_before(self.next_open_ms + max(0, self._missing(now_ms)) * self.interval_ms, published)
        published.sort(key=lambda bar: bar.row[0])
        return Outcome(published, False, False)

    # --- streams -----------------------------------------------------------------------------------------------------

    def on_kline(self, kline: Kline, now_ms: int) -> Outcome:
        """One frame of the venue, in any order."""
        if not sane_candle(kline.open, kline.high, kline.low, kline.close, kline.volume) or (
            kline.open_ms % self.interval_ms or kline.open_ms > now_ms + _AHEAD_MS
        ):
            self.rejected += 1
            return _NOTHING
        if not self.loaded:
            self._keep_early(kline)
            return _NOTHING
        if kline.open_ms <= self.window.last_open_ms:
            return self._late(kline)
        forming = self.forming
        if forming is not None and (
            kline.open_ms < forming[0]
            or (kline.open_ms == forming[0] and not kline.closed and kline.event_ms < self._forming_event_ms)
        ):
            self.ignored += 1
            return _NOTHING
        closed: list[Closed] = []
        gap = False
        if len(self.window):
            gap = self._close_before(kline.open_ms, closed)
        elif forming is not None and kline.open_ms > forming[0]:  # the first bar of a new listing
            self._append(forming, closed, synthetic=False, confirmed=False)
            gap = self._close_before(kline.open_ms, closed)
        row = _row(kline)
        if kline.closed and not self.held:
            self._append(row, closed, synthetic=False, confirmed=True)
            self._drop_stale_forming()
            return Outcome(closed, gap, True)
        moved = row != forming
        self.forming, self._forming_event_ms = row, kline.event_ms
        return Outcome(closed, gap, moved)

    def on_clock(self, now_ms: int) -> Outcome:
        """Close what is over by the clock: the forming bar, or a flat one where nothing traded."""
        if not self.loaded or self.held or not len(self.window):
            return _NOTHING
        due = self._missing(now_ms)
        if due <= 0:
            return _NOTHING
        closed: list[Closed] = []
        gap = self._close_before(self.next_open_ms + due * self.interval_ms, closed)
        self.closed_by_clock += len(closed)
        return Outcome(closed, gap, False)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _missing(self, now_ms: int) -> int:
        """Bars after the last closed one that are over, grace included."""
        return (now_ms - self.grace_ms - self.next_open_ms) // self.interval_ms

    def _close_before(self, until_ms: int, closed: list[Closed]) -> bool:
        """Close every bar that opens before `until_ms`; True when bars were missing (filled flat, or held)."""
        if self.held:
            return True
        absent = (until_ms - self.next_open_ms) // self.interval_ms
        if self.forming is not None and self.next_open_ms <= self.forming[0] < until_ms:
            absent -= 1
        if absent > MAX_FILL:
            self.held = True
            return True
        self._fill_before(until_ms, closed)
        return absent > 0

    def _fill_before(self, until_ms: int, closed: list[Closed]) -> None:
        while self.next_open_ms < until_ms:
            if self.forming is not None and self.forming[0] == self.next_open_ms:
                self._append(self.forming, closed, synthetic=False, confirmed=False)
                self.forming = None
            else:
                self._append(self._flat(self.next_open_ms), closed, synthetic=True, confirmed=False)

    def _append(self, row: list[float], closed: list[Closed], *, synthetic: bool, confirmed: bool) -> None:
        self.window.append(row, synthetic)
        if not confirmed:
            self._unconfirmed[int(row[0])] = synthetic
            if len(self._unconfirmed) > self.window.capacity:
                del self._unconfirmed[next(iter(self._unconfirmed))]
        closed.append(Closed(row, synthetic, 0, confirmed))

    def _late(self, kline: Kline) -> Outcome:
        """A frame of a bar that is closed here: only the venue's closing frame says something new."""
        if not kline.closed:
            self.ignored += 1
            return _NOTHING
        bars = self._confirm(np.array(_row(kline)))
        if not bars:
            self.ignored += 1
        return Outcome(bars, False, False)

    def _confirm(self, venue: Floats) -> list[Closed]:
        """Hold a closed bar against the venue's; a difference becomes a correction."""
        open_ms = int(venue[0])
        place = self.window.index_of(open_ms)
        if place < 0:
            if not len(self.window) or open_ms < self.window.open_ms[0]:
                return []
            self.window.merge(venue.reshape(1, -1))
            self.repaired += 1
            return [Closed(venue.tolist(), False, self._revise(open_ms), True)]
        filler = bool(self.window.synthetic[place])
        mine = self.window.row(place)
        final = np.where(np.isnan(venue), mine, venue)  # a number the venue leaves out is kept
        self._unconfirmed.pop(open_ms, None)
        if np.array_equal(final, mine, equal_nan=True):
            if filler:  # the venue has the same: nothing traded
                self.window.vouch(open_ms)
            return []
        self.window.correct(open_ms, final)
        self.corrections += 1
        return [Closed(final.tolist(), False, self._revise(open_ms), True)]

    def _append_history(self, newer: CandleBlock) -> list[Closed]:
        """Append the venue's bars behind the window, flat ones where it has none."""
        if len(self.window) and (newer[0, 0] - self.next_open_ms) // self.interval_ms <= MAX_HOLE:
            joined, flat = filled(np.vstack([self.window.row(-1), newer]), self.interval_ms)
            rows, flags = joined[1:], flat[1:]
        else:
            rows, flags = filled(newer, self.interval_ms)
        self.window.extend(rows, flags)
        self.repaired += len(rows)
        return [Closed(row, bool(flag), 0, True) for row, flag in zip(rows.tolist(), flags, strict=True)]

    def _revise(self, open_ms: int) -> int:
        self._revisions[open_ms] = revision = self._revisions.get(open_ms, 0) + 1
        if len(self._revisions) > self.window.capacity:
            del self._revisions[next(iter(self._revisions))]
        return revision

    def _flat(self, open_ms: int) -> list[float]:
        close = float(self.window.close[-1])
        return [float(open_ms), close, close, close, close, 0.0, 0.0, 0.0, 0.0]

    def _drop_stale_forming(self) -> None:
        if self.forming is not None and self.forming[0] <= self.window.last_open_ms:
            self.forming, self._forming_event_ms = None, 0

    def _keep_early(self, kline: Kline) -> None:
        """Before history: keep the closing frames and the newest forming one."""
        if self._early and not self._early[-1].closed:
            self._early.pop()
        self._early.append(kline)
        del self._early[:-_EARLY_FRAMES]


def filled(block: CandleBlock, interval_ms: int) -> tuple[CandleBlock, Flags]:
    """The block without holes: missing bars become flat ones at the close before, flagged in the second array.

    Everything before a hole of more than `MAX_HOLE` bars is left out.
    """
    steps = np.diff(block[:, 0]) // interval_ms
    wide = np.flatnonzero(steps > MAX_HOLE + 1)
    if len(wide):
        block, steps = block[wide[-1] + 1 :], steps[wide[-1] + 1 :]
    if not len(block) or np.all(steps == 1):
        return block, np.zeros(len(block), dtype=np.bool_)
    places = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    source = np.repeat(np.arange(len(block)), np.append(steps, 1).astype(np.int64))
    whole = block[source]
    flat = np.ones(len(whole), dtype=np.bool_)
    flat[places] = False
    whole[:, 0] = block[0, 0] + np.arange(len(whole)) * interval_ms
    whole[flat, 1:4] = whole[flat, 4:5]
    whole[flat, 5:] = 0.0
    return whole, flat


def _row(kline: Kline) -> list[float]:
    return [
        float(kline.open_ms),
        kline.open,
        kline.high,
        kline.low,
        kline.close,
        kline.volume,
        kline.quote_volume,
        float(kline.trades) if kline.trades >= 0 else float("nan"),
        kline.taker_buy_volume,
    ]
