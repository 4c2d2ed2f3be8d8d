"""Pictures must not depend on whoever takes them."""

from __future__ import annotations

import pytest

from tests.parsed_stylesheets import share_parsed_stylesheets

share_parsed_stylesheets()

FIXED = {"LANG": "C.UTF-8", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
REMOVED = ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_FILTERS", "TEXTUAL_ANIMATIONS", "LC_ALL", "LC_CTYPE")


@pytest.fixture(autouse=True)
def fixed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two variables that change a picture (`NO_COLOR`, `TEXTUAL_THEME`) and some that might one day."""
    for name in REMOVED:
        monkeypatch.delenv(name, raising=False)
    for name, value in FIXED.items():
        monkeypatch.setenv(name, value)
