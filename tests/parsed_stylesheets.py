"""Style sheets parsed once for all tests of a process: each app a test starts would parse the same ones again.

That was a quarter of what screen tests cost. Textual keeps parsed rules itself, per app; parsed rules are never changed.
"""

from __future__ import annotations

from typing import Any

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_parse = Stylesheet._parse_rules
_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


def _parse_rules(self: Stylesheet, *source: Any, **more: Any) -> list[RuleSet]:
    """What Textual's own method returns, found by everything that it depends on."""
    key = (source, *more.items(), frozenset(self._variables.items()))
    rules = _parsed.get(key)
    if rules is None:
        rules = _parse(self, *source, **more)
        if not any(rule.errors for rule in rules):
            _parsed[key] = rules
    return rules


def share_parsed_stylesheets() -> None:
    """For the rest of this process."""
    Stylesheet._parse_rules = _parse_rules  # type: ignore[method-assign]
