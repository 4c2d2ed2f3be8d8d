"""What a narrative is told from: the figures of one recommendation, without a word of any language."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from core.messages import Action, Anomaly, Change, Contribution, Regime, Side

NAN = float("nan")

Price = Decimal | float
"""NaN where it is not known."""


class Hint(Struct, frozen=True):
    """Something the operator should know besides: a code of `code_words.HINTS`, its number and its text if it has them."""

    code: str
    value: float = NAN
    text: str = ""


class Facts(Struct, frozen=True, kw_only=True):
    """One recommendation in figures; NaN is not known.

    `side` is where the analysis leans, whatever the label. `anomalies`: the most important first; `level` is the price
    the first broke or turned at. `reason` is the contribution with the largest gain for the side, `contrary` the
    strongest against it. `probability` is that of the side's direction after penalties, in [0, 1]. `rr` is net of costs
    both ways, `cost` the round trip as a share of the price. `entry_low`/`entry_high` bound the entry zone, `target` is
    the first. `price_decimals`: those of the venue's tick. `changes`: what the recommendation says would change it.
    `error` says in English what made the data invalid or the analysis fail.
    """

    symbol: str
    label: Action
    regime: Regime
    side: Side = "BUY"
    anomalies: tuple[Anomaly, ...] = ()
    level: Price = NAN
    reference: str = "BTC"
    reason: Contribution | None = None
    contrary: Contribution | None = None
    price: Price = NAN
    price_decimals: int = 2
    entry_low: Price = NAN
    entry_high: Price = NAN
    target: Price = NAN
    stop: Price = NAN
    rr: float = NAN
    cost: float = NAN
    probability: float = NAN
    calibrated: bool = False
    factors: int = 0
    changes: tuple[Change, ...] = ()
    hints: tuple[Hint, ...] = ()
    error: str = ""

    def __post_init__(self) -> None:
        if self.label in ("BUY", "SELL") and self.side != self.label:
            raise ValueError(f"{self.symbol}: label {self.label} with side {self.side}: they must be the same")


class Narrative(Struct, frozen=True, kw_only=True):
    """The recommendation in words: one sentence each, an empty one left out; hints apart, in their order."""

    fact: str
    reason: str
    risk: str
    change: str
    hints: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Two to four sentences, a space between."""
        return " ".join(sentence for sentence in (self.fact, self.reason, self.risk, self.change) if sentence)
