"""The page of triggers says what the registry holds. UPDATE_DOCS=1 writes its table anew."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from core.screening import triggers
from core.screening.classes import CLASSES
from core.screening.stage1 import Rules
from core.screening.thresholds import NAMES, Thresholds
from core.screening.triggers import REGISTRY, reasons_for
from tests.core.screening.bars import row
from tests.core.screening.test_stage1 import judged

PAGE = Path(__file__).resolve().parents[3] / "docs" / "triggers.md"
MADE = re.compile(r"(<!-- begin table[^>]*-->\n).*?(<!-- end table -->)", re.DOTALL)
FIXED = {
    "RSI_DYNAMIC": "own 5 % and 95 % levels",
    "RSI_DIVERGENCE": f"{triggers.DIVERGENCE_POINTS:g}",
    "DEPEG": f"{100 * triggers.DEPEG_SHARE:g}",
    "LEVEL_TOUCH": f"{triggers.TOUCH_ATR:g}",
}
"""Triggers without a threshold per market, and what they compare with."""


@dataclass
class Asked:
    """Thresholds that note what was looked at."""

    names: list[str]

    def __getattr__(self, name: str) -> float:
        self.names.append(name)
        return float(getattr(Thresholds(), name))


def thresholds_of(code: str) -> list[str]:
    asked = Asked([])
    REGISTRY[code].read(row(), asked)  # type: ignore[arg-type]
    return [name for name in NAMES if name in asked.names]


def table() -> str:
    lines = ["| code | family | role | unit | fires at | classes | looks for |", "|---|---|---|---|---|---|---|"]
    for entry in REGISTRY.values():
        own = ", ".join(f"`{name}`" for name in thresholds_of(entry.code)) or FIXED[entry.code]
        speaks = [cls.name for cls in CLASSES if entry in reasons_for(cls.only)]
        classes = ", ".join(speaks) if entry.reserved else f"all but {', '.join(_others(speaks))}"
        about = " ".join((entry.read.__doc__ or "").split("\n\n")[0].split()).removesuffix(".")
        lines.append(f"| `{entry.code}` | {entry.family} | {entry.role} | {entry.unit} | {own} | {classes} | {about} |")
    return "\n".join(lines) + "\n"


def _others(speaks: list[str]) -> list[str]:
    return [cls.name for cls in CLASSES if cls.name not in speaks]


def test_the_table_is_the_registrys() -> None:
    text = PAGE.read_text()
    assert len(MADE.findall(text)) == 1
    if os.environ.get("UPDATE_DOCS") == "1":
        PAGE.write_text(MADE.sub(lambda match: match[1] + table() + match[2], text))
    (found,) = re.findall(r"<!-- begin table[^>]*-->\n(.*?)<!-- end table -->", PAGE.read_text(), re.DOTALL)
    assert found == table(), "docs/triggers.md is older than the code: UPDATE_DOCS=1 pytest " + __file__


def test_every_trigger_is_explained_under_its_family_and_no_other() -> None:
    explained: dict[str, str] = {}
    for title, text in re.findall(r"^### (\w[\w ]+)\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        family = {"Mean reversion": "MEANREV"}.get(title, title.upper())
        explained |= dict.fromkeys(re.findall(r"^- \*\*`(\w+)`\*\* ", text, re.MULTILINE), family)
    assert explained == {entry.code: entry.family for entry in REGISTRY.values()}


@pytest.mark.parametrize("code", list(REGISTRY))
def test_the_prose_names_its_thresholds(code: str) -> None:
    (prose,) = re.findall(rf"^- \*\*`{code}`\*\* (.*?)(?=^- \*\*|^#|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    if code != "BREAKOUT_DOWN":
        assert [name for name in thresholds_of(code) if f"`{name}`" not in prose] == []


def test_the_rules_it_names_are_the_rules() -> None:
    prose, rules = PAGE.read_text(), Rules()
    assert f"`screening.min_reasons_for_alert` ({rules.min_reasons_for_alert};" in prose
    assert f"`screening.cooldown_s` ({rules.cooldown_s:g})" in prose
    assert f"`screening.alerts_per_hour` ({rules.alerts_per_hour})" in prose


def test_the_example_works_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trigger of the page, registered and fired."""
    monkeypatch.setattr(triggers, "REGISTRY", dict(REGISTRY))
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(code, vars(triggers).copy())
    (name,) = set(triggers.REGISTRY) - set(REGISTRY)
    reading = triggers.REGISTRY[name].read(row(body=-0.95), Thresholds())
    assert (reading.fires.tolist(), reading.side.tolist()) == ([True], [-1.0])
    assert not np.any(triggers.REGISTRY[name].read(row(body=0.89), Thresholds()).fires)
    found = judged(row(body=-0.95, volume_z=4.0))
    assert found.signal == "ALERT", "a new trigger counts without another line"
    assert [reason.words for reason in found.trigger_reasons][-1] == "bar all body, down"
