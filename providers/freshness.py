"""Per-channel freshness: a channel that is silent for longer than its own habit allows, on a socket that is alive.

Each stream has a `Track`. The hot path only writes the present stamp into it; `check`, once a second or so, learns the
usual gap (exponential average, quick to grow and slow to shrink) and finds what went silent. Two rules say stale:

- habit: silent for more than `stale_factor` usual gaps, at least `stale_floor_s`. It applies only while that limit is
  below `stale_ceiling_s`: a thin pair's long silences prove nothing.
- evidence: somebody expected a message (a trade must move the candle; the book's best price must move the quote) and for
  `stale_floor_s` none came. This one holds for thin pairs too.
"""

from __future__ import annotations

from core.bus import Bus
from core.clock import Clock
from core.messages import Channel, ChannelStatus, Replay
from core.settings import Feed

GROW = 0.5
SHRINK = 0.05
"""Weights of a gap longer or shorter than usual. Markets come in bursts: a burst must not make the pause after it suspicious."""

ENOUGH_GAPS = 10

PATIENCE: dict[Channel, float] = {"trade": 3.0, "kline": 3.0}
"""Factor on the floor of the habit rule where silence may simply mean that nobody trades; evidence is not so patient."""


class Track:
    """Freshness of one stream. `at` is the stamp of its last message (0: never spoke)."""

    __slots__ = ("at", "channel", "due", "fresh", "gap", "gaps", "group", "last", "since", "stream", "symbol")

    def __init__(self, symbol: str, channel: Channel, stream: str, group: str, since: float) -> None:
        self.symbol = symbol
        self.channel = channel
        self.stream = stream
        self.group = group
        self.since = since
        self.at = 0.0
        self.last = 0.0
        self.gap = 0.0
        self.gaps = 0
        self.due = 0.0
        self.fresh = True


class Freshness:
    """All tracks of one provider. `stamp` is the time of the last check: coarse on purpose, reading it costs nothing."""

    def __init__(self, clock: Clock, feed: Feed, bus: Bus, venue: str, category: str) -> None:
        self._clock = clock
        self._feed = feed
        self._bus = bus
        self._venue = venue
        self._category = category
        self._tracks: dict[tuple[str, str], Track] = {}
        self._by_channel: dict[tuple[str, Channel], list[Track]] = {}
        self._paused: set[str] = set()
        self.stamp = clock.monotonic()
        bus.subscribe(Replay, self._on_replay, name="freshness.replay")

    def track(self, symbol: str, channel: Channel, stream: str, group: str) -> Track:
        """The track of one stream, made when new. `group` names the socket it lives on."""
        key = (symbol, stream)
        track = self._tracks.get(key)
        if track is None:
            track = Track(symbol, channel, stream, group, self.stamp)
            self._tracks[key] = track
            self._by_channel.setdefault((symbol, channel), []).append(track)
        return track

    def forget(self, symbol: str) -> None:
        """The symbol is no longer subscribed."""
        for key in [key for key in self._tracks if key[0] == symbol]:
            track = self._tracks.pop(key)
            self._by_channel.pop((symbol, track.channel), None)

    def seen(self, symbol: str, channel: Channel) -> None:
        """A message of this channel arrived. (Where speed counts, keep the track and write `track.at = stamp`.)"""
        for track in self._by_channel.get((symbol, channel), ()):
            track.at = self.stamp

    def expect(self, track: Track) -> None:
        """Evidence that this stream owes a message; cleared when one comes."""
        if not track.due:
            track.due = self.stamp

    def pause(self, group: str) -> None:
        """The socket is down: its link says so, its channels are not judged."""
        self._paused.add(group)

    def resume(self, group: str) -> None:
        """The socket is up again: silence counts from now."""
        self._paused.discard(group)
        self.stamp = self._clock.monotonic()
        for track in self._tracks.values():
            if track.group == group:
                track.since, track.due = self.stamp, 0.0

    def is_stale(self, symbol: str, channel: Channel) -> bool:
        """Whether any stream of this channel is stale at present."""
        return any(not track.fresh for track in self._by_channel.get((symbol, channel), ()))

    def stale_tracks(self) -> list[Track]:
        """Every stream that is stale at present on a socket that is up."""
        return [track for track in self._tracks.values() if not track.fresh and track.group not in self._paused]

    def check(self) -> tuple[list[Track], list[Track]]:
        """Move the stamp, learn gaps, publish `ChannelStatus` for changes; returns (newly stale, newly fresh)."""
        now = self.stamp = self._clock.monotonic()
        stale: list[Track] = []
        fresh: list[Track] = []
        for track in self._tracks.values():
            if track.at != track.last:
                self._learn(track)
                if not track.fresh:
                    fresh.append(track)
            elif track.fresh and track.group not in self._paused and self._silent_for_too_long(track, now):
                stale.append(track)
        for track in stale:
            self._turn(track, False)
        for track in fresh:
            self._turn(track, True)
        return stale, fresh

    def limit_s(self, track: Track) -> float:
        """How long this stream may be silent by habit, clamped."""
        feed = self._feed
        if track.gaps < ENOUGH_GAPS:
            return feed.stale_ceiling_s
        return min(feed.stale_ceiling_s, self._habit_s(track))

    def age_s(self, track: Track) -> float:
        """Seconds since its last message, or since its socket came up."""
        return self.stamp - max(track.at, track.since)

    def _learn(self, track: Track) -> None:
        if track.last and track.last >= track.since:
            gap = track.at - track.last
            weight = GROW if gap > track.gap else SHRINK
            track.gap = gap if not track.gaps else track.gap + weight * (gap - track.gap)
            track.gaps += 1
        track.last = track.at
        if track.due and track.at >= track.due:
            track.due = 0.0
        if track.channel == "trade":
            for candle in self._by_channel.get((track.symbol, "kline"), ()):
                if candle.at < track.at:
                    self.expect(candle)

    def _silent_for_too_long(self, track: Track, now: float) -> bool:
        if track.due:
            if track.at >= track.due:  # it spoke in the same beat
                track.due = 0.0
            elif now - track.due > self._feed.stale_floor_s:
                return True
        if track.gaps < ENOUGH_GAPS:
            return False
        limit = self._habit_s(track)
        return limit <= self._feed.stale_ceiling_s and now - max(track.at, track.since) > limit

    def _habit_s(self, track: Track) -> float:
        floor_s = self._feed.stale_floor_s * PATIENCE.get(track.channel, 1.0)
        return max(floor_s, self._feed.stale_factor * track.gap)

    def _turn(self, track: Track, fresh: bool) -> None:
        """Change one track; the channel's status follows when it is the first to go or the last to come back."""
        others_stale = any(
            not other.fresh for other in self._by_channel.get((track.symbol, track.channel), ()) if other is not track
        )
        track.fresh = fresh
        if fresh:
            track.due = 0.0
        if not others_stale:
            self._tell(track)

    def _on_replay(self, _: Replay) -> None:
        for track in self.stale_tracks():
            self._tell(track)

    def _tell(self, track: Track) -> None:
        self._bus.publish(
            ChannelStatus(
                venue=self._venue,
                category=self._category,
                symbol=track.symbol,
                channel=track.channel,
                fresh=track.fresh,
                age_s=round(self.age_s(track), 3),
                limit_s=round(self.limit_s(track), 3),
                at_ms=self._clock.now_ms(),
            )
        )
