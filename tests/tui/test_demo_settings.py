"""What the demo asks of its invented market, and that the operator's own word stands."""

from __future__ import annotations

from msgspec.structs import replace

from core.settings import Settings
from tui.compose import DEMO_EASED, demo_settings


def test_the_demo_asks_less_where_nothing_else_is_set():
    demo, usual = demo_settings(Settings()), Settings()
    for name, knobs in DEMO_EASED.items():
        for knob, value in knobs.items():
            assert getattr(getattr(demo, name), knob) == value != getattr(getattr(usual, name), knob)


def test_what_the_operator_has_set_stands():
    own = replace(Settings(), screening=replace(Settings().screening, min_ratio=3.0, min_cluster=2))
    demo = demo_settings(own)
    assert (demo.screening.min_ratio, demo.screening.min_cluster) == (3.0, 2)
    assert demo.screening.min_confidence == DEMO_EASED["screening"]["min_confidence"]
