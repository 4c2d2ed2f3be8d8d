"""Asset classes: the first pattern that matches decides, and what matches none is told so."""

from __future__ import annotations

import msgspec
import pytest

from core.screening.classes import CLASSES, UNKNOWN_HINT, classify, configured, unsound
from core.screening.thresholds import problems
from core.screening.triggers import REGISTRY
from core.settings_check import BadValue, check_key
from core.settings_screening import AssetClassSettings


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


def test_tables_of_the_settings_change_patterns_and_defaults_in_the_same_order() -> None:
    tables = (
        AssetClassSettings(name="meme", pattern=r"^BTC/", vol_z_threshold=2.2, min_volume_usd=5.0),
        AssetClassSettings(name="spot", pattern=r"^XYZ/"),
        AssetClassSettings(name="meme", tp_mult=4.0),
    )
    classes = configured(tables)
    assert [entry.name for entry in classes] == [entry.name for entry in CLASSES]
    meme, hint = classify("BTC", "USDT", "spot", classes)
    assert (meme.name, hint, meme.min_volume_usd) == ("meme", "", 5.0)
    own = CLASSES[2].defaults
    assert meme.defaults == msgspec.structs.replace(own, vol_z_threshold=2.2, tp_mult=4.0)
    assert classify("DOGE", "USDT", "spot", classes).hint == UNKNOWN_HINT
    assert classify("XYZ", "USDT", "spot", classes).hint == ""
    assert configured(()) == CLASSES
    assert unsound(tables) == []


def test_defaults_that_make_no_sense_together_are_told_and_leave_those_of_the_class() -> None:
    tables = (AssetClassSettings(name="defi", low_gate=0.01), AssetClassSettings(name="ai", vol_z_threshold=0.5))
    assert unsound(tables) == [
        "class ai: vol_z_threshold is 0.5: give a number from 1 to 10",
        "class defi: low_gate 0.01 is not below high_gate 0.004: move one of them",
    ]
    assert configured(tables) == CLASSES


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "(" * 5000, "*"])
def test_a_pattern_that_is_no_regular_expression_is_refused_when_settings_load(pattern: str) -> None:
    with pytest.raises(BadValue, match=r"\[1\].pattern: .* is no regular expression \(.*\); write for example"):
        check_key("calibration.classes", [{"name": "meme", "pattern": pattern}])


def test_every_class_is_sound() -> None:
    assert [entry.name for entry in CLASSES] == [
        "stable", "perpetual", "meme", "ai", "defi", "nft", "metaverse", "spot",
    ]  # fmt: skip
    for entry in CLASSES:
        assert problems(entry.defaults) == (), entry.name
        assert set(entry.only) <= set(REGISTRY)
