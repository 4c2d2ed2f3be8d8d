"""Proposals: recommendations that passed, one a symbol, ranked; what the operator said of each, and why others are left out.

Plain state without bus and clock: whoever keeps the inbox tells it what was heard and asks what is to be shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from core.messages import Analysis, InboxItem, ItemState
from core.settings import Settings

LEAVES_MS = 10_000
"""What was answered, taken or has run out stays in sight for so long."""
NAMED = 3
"""Symbols named in a note; of the others the number is told."""


def proposal_id(analysis: Analysis) -> str:
    """Stable for one analysis, also after a restart."""
    return f"p:{analysis.symbol}:{analysis.timestamp}"


@dataclass(slots=True)
class Candidate:
    """One recommendation. `news`: heard as it was made, not told again. `tried`: the program has tried to open it.

    `ended_ms`: when it was answered, taken or withdrawn, 0 while it stands. `until_ms`: snoozed so long. `shown`: it was
    among those that wait.
    """

    item: InboxItem
    news: bool
    tried: bool = False
    state: ItemState = "WAITING"
    ended_ms: int = 0
    until_ms: int = 0
    shown: bool = False

    def stands(self, now_ms: int) -> bool:
        """Whether it may wait: it is neither answered nor over."""
        return self.state == "WAITING" and not self.over(now_ms)

    def over(self, now_ms: int) -> bool:
        """Whether the analysis no longer speaks of the market."""
        return 0 < self.item.expires_ms <= now_ms

    def answered(self, answer: ItemState, now_ms: int, until_ms: int) -> None:
        """The operator's word."""
        self.state, self.ended_ms, self.until_ms = answer, now_ms, until_ms

    def refused(self, words: str) -> None:
        """It was to open itself and was not let."""
        self.item = replace(self.item, text=f"not opened by itself: {words}; {self.item.text}")

    def told(self) -> InboxItem:
        """As an item, without a rank."""
        return replace(self.item, state=self.state, until_ms=self.until_ms)


class Proposals:
    """`spot`: nothing can be sold short there. `earlier`: answers by item id, of sessions before: state and until when."""

    def __init__(self, *, spot: bool, earlier: Mapping[str, tuple[ItemState, int]]) -> None:
        self._spot = spot
        self._earlier = earlier
        self._known: dict[str, Candidate] = {}
        self._leaving: dict[str, Candidate] = {}
        self._newest: dict[str, int] = {}
        self._unsold: dict[str, int] = {}
        """SELL on spot, by symbol until when."""
        self._opened: dict[str, int] = {}
        """Those that opened themselves, until when their analysis speaks of the market."""
        self._held: dict[str, str] = {}
        self._working: dict[str, str] = {}

    # --- what is heard -----------------------------------------------------------------------------------------------

    def hear(self, analysis: Analysis, now_ms: int) -> None:
        """A finished analysis: it takes the place of the symbol's older one, or withdraws it."""
        symbol = analysis.symbol
        if analysis.stage2_status != "completed" or analysis.timestamp <= self._newest.get(symbol, 0):
            return
        self._newest[symbol] = analysis.timestamp
        self._unsold.pop(symbol, None)
        before = self._known.pop(symbol, None)
        made = _candidate(analysis)
        if made is None or made.over(now_ms):
            if before is not None and before.state in ("WAITING", "SNOOZED") and not before.over(now_ms):
                self._withdraw(before, analysis, now_ms)
            return
        if self._spot and made.item.side == "SELL":
            self._unsold[symbol] = analysis.expires_ms
            if before is not None and before.state in ("WAITING", "SNOOZED"):
                self._withdraw(before, analysis, now_ms)
            return
        state, until_ms = self._earlier.get(made.item.item_id, ("WAITING", 0))
        if before is not None and before.state == "SNOOZED" and before.item.side == made.item.side:
            state, until_ms = "SNOOZED", before.until_ms  # the operator asked not to be reminded of it before
        made.state, made.until_ms = state, until_ms
        self._known[symbol] = made

    def holds(self, trade_id: str, symbol: str, *, held: bool) -> bool:
        """A position of ours; whether that is new."""
        if held == (trade_id in self._held):
            return False
        if held:
            self._held[trade_id] = symbol
        else:
            del self._held[trade_id]
        return True

    def works(self, client_id: str, symbol: str, *, working: bool) -> bool:
        """An entry of ours that may fill; whether that is new."""
        if working == (client_id in self._working):
            return False
        if working:
            self._working[client_id] = symbol
        else:
            del self._working[client_id]
        return True

    def turn(self, now_ms: int) -> None:
        """Let snoozed ones come back, and old ones run out."""
        for symbol, candidate in tuple(self._known.items()):
            if candidate.state == "SNOOZED" and candidate.until_ms <= now_ms:
                candidate.state, candidate.ended_ms, candidate.until_ms = "WAITING", 0, 0
            if candidate.over(now_ms):
                del self._known[symbol]
                if candidate.shown and candidate.state == "WAITING":
                    candidate.state, candidate.ended_ms = "EXPIRED", now_ms
                self._leave(candidate)
        for item_id, candidate in tuple(self._leaving.items()):
            if now_ms >= candidate.ended_ms + LEAVES_MS:
                del self._leaving[item_id]
        for ends in (self._unsold, self._opened):
            for name, until_ms in tuple(ends.items()):
                if 0 < until_ms <= now_ms:
                    del ends[name]

    def opened(self, candidate: Candidate, now_ms: int) -> None:
        """The program has opened it."""
        self._opened[candidate.item.item_id] = candidate.item.expires_ms
        candidate.state, candidate.ended_ms = "TAKEN", now_ms

    # --- what is asked -----------------------------------------------------------------------------------------------

    def find(self, item_id: str) -> Candidate | None:
        """Of the newest analysis of a symbol, answered or not, or one that is about to leave."""
        known = next((one for one in self._known.values() if one.item.item_id == item_id), None)
        return known or self._leaving.get(item_id)

    def ranked(self, settings: Settings, now_ms: int) -> list[Candidate]:
        """Those that wait, best first."""
        trading = settings.trading
        busy = self._busy
        standing = [
            candidate
            for symbol, candidate in self._known.items()
            if candidate.stands(now_ms)
            and symbol not in busy
            and candidate.item.confidence >= trading.proposal_confidence
        ]
        return sorted(standing, key=_rank)[: trading.proposals]

    def to_open(self, settings: Settings, now_ms: int) -> Candidate | None:
        """The next that opens itself: one of the best that was not tried yet. Those opened keep their place among the best
        until their analysis has run out, so that not one after the other is opened.
        """
        places = max(0, settings.paper.open_top - len(self._opened))
        for candidate in self.ranked(settings, now_ms)[:places]:
            sure = candidate.item.confidence >= settings.paper.min_confidence_trade
            if sure and candidate.news and not candidate.tried:
                return candidate
        return None

    def shown(self, settings: Settings, now_ms: int) -> tuple[list[InboxItem], list[InboxItem]]:
        """Those that wait, with their ranks; and those that leave, newest first."""
        waiting = self.ranked(settings, now_ms)
        for candidate in self._known.values():
            candidate.shown = False
        for candidate in waiting:
            candidate.shown = True
        over = [
            candidate
            for candidate in (*self._known.values(), *self._leaving.values())
            if candidate.ended_ms and candidate.state != "WAITING" and now_ms < candidate.ended_ms + LEAVES_MS
        ]
        over.sort(key=lambda candidate: (-candidate.ended_ms, candidate.item.symbol))
        ranks = [replace(candidate.told(), rank=place) for place, candidate in enumerate(waiting, start=1)]
        return ranks, [candidate.told() for candidate in over]

    def notes(self, settings: Settings, now_ms: int) -> list[str]:
        """Why recommendations that passed are not among those that wait."""
        bound, most = settings.trading.proposal_confidence, settings.trading.proposals
        standing = {symbol: one for symbol, one in self._known.items() if one.stands(now_ms)}
        busy = sorted(self._busy & standing.keys())
        free = [one for symbol, one in standing.items() if symbol not in busy]
        unsure = sorted(one.item.symbol for one in free if one.item.confidence < bound)
        worse = len(free) - len(unsure) - most
        said = []
        if worse > 0:
            said.append(f"{worse} more rank lower: trading.proposals is {most}")
        if unsure:
            said.append(f"{_names(unsure)} below trading.proposal_confidence {bound:.2f}")
        if busy:
            said.append(f"{_names(busy)} left out: a position or an entry of ours is there")
        if self._unsold:
            said.append(f"SELL of {_names(sorted(self._unsold))} left out: spot cannot be sold short")
        return said

    # --- parts -------------------------------------------------------------------------------------------------------

    @property
    def _busy(self) -> set[str]:
        return {*self._held.values(), *self._working.values()}

    def _withdraw(self, candidate: Candidate, by: Analysis, now_ms: int) -> None:
        word = (by.recommendation or "nothing").replace("_", " ")
        why = f": {by.reasons[0]}" if by.reasons else ""
        shown = candidate.shown or candidate.state == "SNOOZED"
        candidate.item = replace(candidate.item, text=f"withdrawn: the newest analysis says {word}{why}")
        candidate.state, candidate.until_ms, candidate.ended_ms = "EXPIRED", 0, now_ms if shown else 0
        self._leave(candidate)

    def _leave(self, candidate: Candidate) -> None:
        """Kept for a moment only if the operator has seen it."""
        if candidate.ended_ms:
            self._leaving[candidate.item.item_id] = candidate


def _candidate(analysis: Analysis) -> Candidate | None:
    """The proposal an analysis makes; None: it recommends no trade, or lacks a part."""
    side, risk, sure = analysis.recommendation, analysis.risk_parameters, analysis.confidence_metrics
    if side not in ("BUY", "SELL") or not analysis.validation_passed or risk is None or sure is None:
        return None
    if risk.side != side or sure.side != side or not math.isfinite(sure.probability) or not risk.tp_targets:
        return None
    if analysis.replayed and not analysis.expires_ms:
        return None  # nobody can say how old it is
    item = InboxItem(
        item_id=proposal_id(analysis), kind="PROPOSAL", state="WAITING", symbol=analysis.symbol,
        text="; ".join(analysis.reasons) or analysis.narrative, side=side, confidence=sure.probability,
        ratio=risk.risk_reward_ratio, entry=risk.optimal_entry, stop=risk.sl_level, targets=risk.tp_targets,
        created_ms=analysis.timestamp, expires_ms=analysis.expires_ms,
    )  # fmt: skip
    return Candidate(item, news=not analysis.replayed)


def _rank(candidate: Candidate) -> tuple[float, float, str]:
    item = candidate.item
    ratio = item.ratio if math.isfinite(item.ratio) else -math.inf
    return (-item.confidence, -ratio, item.symbol)


def _names(symbols: Iterable[str]) -> str:
    """`ADAUSDT, ETHUSDT, SOLUSDT and 4 more`."""
    names = list(symbols)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
