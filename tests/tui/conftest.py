"""Screen tests see a fixed environment: no colour switches, no locale of the developer's, no animation."""

import pytest

from tests.parsed_stylesheets import share_parsed_stylesheets

share_parsed_stylesheets()

FIXED = {"LANG": "C.UTF-8", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
REMOVED = ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_FILTERS", "TEXTUAL_ANIMATIONS", "LC_ALL", "LC_CTYPE")


@pytest.fixture(autouse=True)
def fixed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REMOVED:
        monkeypatch.delenv(name, raising=False)
    for name, value in FIXED.items():
        monkeypatch.setenv(name, value)
