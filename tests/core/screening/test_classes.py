"""Asset classes: the first pattern that matches decides, and what matches none is told so."""

from __future__ import annotations

import pytest

from core.screening.classes import CLASSES, UNKNOWN_HINT, classify
from core.screening.thresholds import problems
from core.screening.triggers import REGISTRY


@pytest.mark.parametrize(
    ("base", "quote", "kind", "name"),
    [
        ("USDC", "USDT", "spot", "stable"), ("USDC", "USDT", "LinearPerpetual", "stable"),
        ("BTC", "USDT", "LinearPerpetual", "perpetual"), ("DOGE", "USDT", "linear", "perpetual"),
        ("BTC", "USD", "InversePerpetual", "perpetual"), ("ETH", "USDT", "inverse", "perpetual"),
        ("DOGE", "USDT", "spot", "meme"), ("1000PEPE", "USDT", "spot", "meme"), ("1MBABYDOGE", "USDT", "spot", "meme"),
        ("fet", "usdt", "spot", "ai"), ("UNI", "USD", "spot", "defi"), ("1INCH", "USDT", "spot", "defi"),
        ("APE", "USD", "spot", "nft"), ("SAND", "USDT", "spot", "metaverse"), ("BTC", "USDT", "spot", "spot"),
    ],
)  # fmt: skip
def test_classes(base: str, quote: str, kind: str, name: str) -> None:
    found = classify(base, quote, kind)
    assert (found.asset_class.name, found.hint) == (name, "")


@pytest.mark.parametrize("base", ["XYZ", "UNIQ", "AAPE", "BTCX", "USDC2"])
def test_an_unknown_asset_has_spot_defaults_and_a_hint(base: str) -> None:
    found = classify(base, "USDT")
    assert (found.asset_class.name, found.hint) == ("spot", UNKNOWN_HINT)


def test_a_stable_coin_against_bitcoin_is_no_peg() -> None:
    assert classify("USDC", "BTC").asset_class.name == "spot"


def test_patterns_of_the_settings_stand_in_for_ours_in_the_same_order() -> None:
    patterns = {"meme": r"^BTC/", "spot": r"^XYZ/"}
    assert classify("BTC", "USDT", "spot", patterns).asset_class.name == "meme"
    assert classify("DOGE", "USDT", "spot", patterns).hint == UNKNOWN_HINT
    assert classify("XYZ", "USDT", "spot", patterns).hint == ""


def test_every_class_is_sound() -> None:
    assert [entry.name for entry in CLASSES] == [
        "stable", "perpetual", "meme", "ai", "defi", "nft", "metaverse", "spot",
    ]  # fmt: skip
    for entry in CLASSES:
        assert problems(entry.defaults) == (), entry.name
        assert set(entry.only) <= set(REGISTRY)
