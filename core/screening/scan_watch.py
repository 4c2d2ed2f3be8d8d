"""Stage 1 and Stage 2 over the candle files of one scan, which share the budget of alerts and the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.messages import Analysis
from core.screening.file_market import class_of, reference_of
from core.screening.scan_advice import FIVE, FileAdvice, Reference, Seen, frame_of
from core.screening.scan_alerts import MINUTE, FileAlerts, FileDays
from core.screening.scan_history import FileHistory
from core.screening.stage1 import Judgement, Rules, ration
from core.settings import Settings
from core.venue import CandleBlock


class FileWatch:
    """All files, each known by its place in the order given. Alerts need one-minute files; without them there are none."""

    def __init__(self, series: Sequence[tuple[str, CandleBlock]], timeframe: str, settings: Settings) -> None:
        self._rules = Rules.of(settings.screening)
        self._spent_ms: tuple[int, ...] = ()
        frame = frame_of(settings.screening, timeframe)
        histories = [FileHistory(rows, timeframe, (FIVE, frame)) for _, rows in series]
        symbols = [symbol for symbol, _ in series]
        main = reference_of(symbols, settings.market)
        reference = Reference(symbols[main], histories[main], frame) if main is not None else None
        self._alerts: list[FileAlerts | None] = []
        self._advice: list[FileAdvice] = []
        for symbol, history in zip(symbols, histories, strict=True):
            days = FileDays(history, class_of(symbol, settings), settings.screening)
            alerts = FileAlerts(symbol, days, self._rules) if timeframe == MINUTE else None
            self._alerts.append(alerts)
            self._advice.append(FileAdvice(symbol, days, alerts, settings, reference))

    def alerts(self, known_ms: int, bars: Mapping[int, int]) -> dict[int, Judgement]:
        """The alerts granted at this moment, by file; `bars` has the newest bar's place of each file that closed one.

        To be asked at every moment, in rising order.
        """
        found: dict[int, Judgement] = {}
        for place, bar in bars.items():
            alerts = self._alerts[place]
            judgement = alerts.judge(bar, known_ms) if alerts else None
            if judgement is not None and judgement.signal == "ALERT":
                found[place] = judgement
        if not found:
            return found
        rationed = ration(list(found.values()), self._spent_ms, known_ms, self._rules)
        self._spent_ms = rationed.spent_ms
        granted = {
            place: judgement
            for place, judgement in zip(found, rationed.judgements, strict=True)
            if judgement.signal == "ALERT"
        }
        for place, judgement in granted.items():
            alerts = self._alerts[place]
            assert alerts is not None
            alerts.told(judgement)
        return granted

    def advise(self, place: int, seen: Seen, alert: Judgement | None) -> Analysis:
        """The recommendation for one file at this moment: for its alert, or else because its state changed."""
        return self._advice[place].advise(seen, alert)
