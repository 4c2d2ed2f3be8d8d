"""Asset classes: what kind of market a symbol is, and the defaults that come with it (methods sheet 4.3).

Patterns are tried in order and the first match wins. Adding a class is one entry.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from core.screening.thresholds import NAMES, Thresholds, problems
from core.settings_screening import AssetClassSettings

DEPEG = "DEPEG"


class AssetClass(msgspec.Struct, frozen=True, kw_only=True):
    """`pattern` is searched in `BASE/QUOTE:KIND`, for example `BTC/USDT:perpetual` or `SOL/USD:spot`.

    `only`: the triggers that speak for it (empty: all that are not reserved for a class). `min_families`: families
    that make an ALERT, 0: as settings say.
    """

    name: str
    pattern: str
    defaults: Thresholds
    min_volume_usd: float = 10_000.0
    only: tuple[str, ...] = ()
    min_families: int = 0


def _bases(*names: str) -> str:
    """Bases by name; perpetuals write small prices per thousand or million coins (1000PEPE)."""
    return rf"^(?:1M|1(?:000)+)?(?:{'|'.join(names)})/"


CLASSES: tuple[AssetClass, ...] = (
    AssetClass(
        name="stable",
        pattern=_bases("USDT", "USDC", "DAI", "TUSD", "FDUSD", "BUSD", "USDE", "USDD", "PYUSD", "USD1", "RLUSD", "USDP")
        + "USD",
        defaults=Thresholds(low_gate=0.0, high_gate=0.001, atr_target=0.05, vol_z_threshold=4.0),
        min_volume_usd=100_000.0,
        only=(DEPEG,),
        min_families=1,
    ),
    AssetClass(
        name="perpetual",
        pattern=r":(?:perpetual|linear|inverse|linearperpetual|inverseperpetual)$",
        defaults=Thresholds(low_gate=0.0003, high_gate=0.003, atr_target=1.2, vol_z_threshold=2.75),
    ),
    AssetClass(
        name="meme",
        pattern=_bases(
            "DOGE", "SHIB", "PEPE", "FLOKI", "BONK", "WIF", "BOME", "MEME", "TURBO", "MOG", "BRETT", "POPCAT", "TRUMP",
            "PENGU", "FARTCOIN", "PNUT", "NEIRO", "DOGS", "CAT", "BABYDOGE",
        ),
        defaults=Thresholds(
            low_gate=0.0005, high_gate=0.006, atr_target=2.5, vol_z_threshold=2.5, rsi_oversold=25.0,
            rsi_overbought=75.0, vwap_multiple=2.5, tp_mult=3.5, sl_mult=1.5,
        ),
    ),
    AssetClass(
        name="ai",
        pattern=_bases(
            "FET", "AGIX", "OCEAN", "RENDER", "RNDR", "TAO", "WLD", "ARKM", "AI", "AIXBT", "NEAR", "GRT", "VIRTUAL",
            "PHB", "NFP", "IO",
        ),
        defaults=Thresholds(low_gate=0.0004, high_gate=0.0045, atr_target=1.8, vol_z_threshold=2.75, sl_mult=1.2),
    ),
    AssetClass(
        name="defi",
        pattern=_bases(
            "UNI", "AAVE", "MKR", "COMP", "CRV", "SNX", "SUSHI", "YFI", "1INCH", "LDO", "CAKE", "DYDX", "GMX",
            "PENDLE", "JUP", "ENA", "RUNE", "BAL", "JTO", "LINK",
        ),
        defaults=Thresholds(low_gate=0.0004, high_gate=0.004, atr_target=1.5, vol_z_threshold=2.75),
    ),
    AssetClass(
        name="nft",
        pattern=_bases("APE", "BLUR", "RARE", "SUPER", "LOOKS", "CHZ", "FLOW", "X2Y2", "ME"),
        defaults=Thresholds(low_gate=0.0005, high_gate=0.005, atr_target=1.8, vol_z_threshold=2.75, sl_mult=1.2),
    ),
    AssetClass(
        name="metaverse",
        pattern=_bases("SAND", "MANA", "AXS", "ENJ", "GALA", "ILV", "ALICE", "TLM", "MAGIC", "HIGH", "PIXEL", "BIGTIME"),
        defaults=Thresholds(low_gate=0.0005, high_gate=0.005, atr_target=1.8, vol_z_threshold=2.75, sl_mult=1.2),
    ),
    AssetClass(
        name="spot",
        pattern=_bases(
            "BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "AVAX", "DOT", "LTC", "BCH", "TRX", "XLM", "ATOM", "ETC", "SUI",
            "TON", "APT", "HBAR", "ICP", "FIL", "ALGO", "VET", "EOS", "NEO", "XTZ", "POL", "MATIC", "ARB", "OP",
        ),
        defaults=Thresholds(),
    ),
)  # fmt: skip

UNKNOWN_HINT = "no asset class matches: spot defaults"


class Found(NamedTuple):
    """`hint`: what is uncertain about it, in words; empty: nothing."""

    asset_class: AssetClass
    hint: str


def classify(base: str, quote: str, kind: str = "spot", classes: Sequence[AssetClass] = CLASSES) -> Found:
    """The class of a market. `kind` is the contract (`spot`, `perpetual`, `LinearPerpetual`, ...); case does not matter.

    `classes`: in order, the last is for what matches none; see `configured`.
    """
    subject = f"{base.upper()}/{quote.upper()}:{kind.lower()}"
    for entry in classes:
        if re.search(entry.pattern, subject):
            return Found(entry, "")
    return Found(classes[-1], UNKNOWN_HINT)


def configured(tables: Sequence[AssetClassSettings]) -> tuple[AssetClass, ...]:
    """The classes with what `[[calibration.classes]]` says of them, in their own order; a later table adds to an earlier.

    0 and an empty pattern leave what the class has. Defaults that make no sense together leave the class's own:
    `unsound` tells of them.
    """
    found = []
    for entry in CLASSES:
        merged = _merged(entry, tables)
        if problems(merged.defaults):
            merged = replace(merged, defaults=entry.defaults)
        found.append(merged)
    return tuple(found)


def unsound(tables: Sequence[AssetClassSettings]) -> list[str]:
    """What is wrong with the defaults of classes once the tables are put over the built-in ones, in words."""
    merged = [_merged(entry, tables) for entry in CLASSES]
    return [f"class {entry.name}: {text}" for entry in merged for text in problems(entry.defaults)]


def _merged(entry: AssetClass, tables: Sequence[AssetClassSettings]) -> AssetClass:
    for table in tables:
        if table.name != entry.name:
            continue
        given = {name: value for name in NAMES if (value := getattr(table, name)) != 0.0}
        entry = replace(
            entry,
            pattern=table.pattern or entry.pattern,
            min_volume_usd=table.min_volume_usd or entry.min_volume_usd,
            defaults=replace(entry.defaults, **given),
        )
    return entry
