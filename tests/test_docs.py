"""The documents say what the program does. Lists that are long are made from the code: UPDATE_DOCS=1 writes them anew."""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import msgspec
import numpy as np
import pytest

from core.market.indicators import Indicator, IndicatorSet
from core.messages import EventKind, SessionPhase, TicketStep
from core.scan import higher_frames, scan
from core.settings import EventRule, Settings
from core.settings_live import LIVE_KEYS, LIVE_SECTIONS
from core.settings_load import load
from core.signals import reading
from core.signals.drive import Drive
from core.signals.gate import NAME as GATE
from core.signals.gate import WARMUP as GATE_WARMUP
from core.trading.ticket import token_of
from tui.actions import APP_ACTIONS, APP_SCOPE, Registry
from tui.cli import parser
from tui.keymap import Keymap
from tui.modes import default_modes, mode_actions
from tui.screens.first_run import FirstRunScreen
from tui.screens.go_live_actions import GO_LIVE_ACTIONS
from tui.screens.order_actions import ACTIONS as TICKET_ACTIONS
from tui.widgets.chart_paint import LAYERS
from tui.widgets.market_columns import CHOICES

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
GUIDE = (DOCS / "guide.md").read_text()
DETECTORS = (DOCS / "detectors.md").read_text()
SCAN = (DOCS / "scan.md").read_text()
SETTINGS = (DOCS / "settings.md").read_text()
ARCHITECTURE = (DOCS / "architecture.md").read_text()
README = (ROOT / "README.md").read_text()
LIVE = (DOCS / "live.md").read_text()
TITLES = {
    APP_SCOPE: "Everywhere", "columns": "Columns of the watchlist", "first_run": "First run", "ticket": "Order ticket",
    "go_live": "Going live",
}  # fmt: skip
MADE = re.compile(r"(<!-- begin table[^>]*-->\n).*?(<!-- end table -->)", re.DOTALL)


def held(name: str, table: str) -> None:
    """The table between the marks of a page is this one. With UPDATE_DOCS=1 it is written first."""
    page = DOCS / name
    text = page.read_text()
    assert len(MADE.findall(text)) == 1, f"{name} needs one pair of marks for its table"
    if os.environ.get("UPDATE_DOCS") == "1":
        page.write_text(MADE.sub(lambda match: match[1] + table + match[2], text))
    (found,) = re.findall(r"<!-- begin table[^>]*-->\n(.*?)<!-- end table -->", page.read_text(), re.DOTALL)
    assert found == table, f"docs/{name} is older than the code: run UPDATE_DOCS=1 pytest tests/test_docs.py"


# --- tables made from the code ---------------------------------------------------------------------------------------


def detector_table() -> str:
    knobs: dict[str, list[str]] = {}
    for key, about in knobs_of("detectors"):
        names, colon, _ = about.partition(": ")
        for name in names.split(", ") if colon else ():
            knobs.setdefault(name, []).append(f"`{key}`")
    lines = ["| detector | family | group | speaks after | knobs in `[detectors]` |", "|---|---|---|---|---|"]
    for entry in reading.REGISTRY.values():
        after = f"{entry.warmup:,}{', osc.' if entry.oscillator else ''}"
        own = ", ".join(knobs.get(entry.name, ()))
        lines.append(f"| `{entry.name}` | {entry.family} | {entry.group} | {after} | {own} |")
    lines.append(f"| `{GATE}` | (gate) | CLASSIC | {GATE_WARMUP:,} | {', '.join(knobs[GATE])} |")
    return "\n".join(lines) + "\n"


def knobs_of(section: str) -> list[tuple[str, str]]:
    """(name, meaning) of every knob of a section."""
    kind = type(getattr(Settings(), section))
    hints = get_type_hints(kind, include_extras=True)
    return [(field.name, _meta(hints[field.name]).description or "") for field in msgspec.structs.fields(kind)]


def _meta(hint: object) -> msgspec.Meta:
    return next(part for part in get_args(hint)[1:] if isinstance(part, msgspec.Meta))


def settings_table() -> str:
    lines: list[str] = []
    for section in msgspec.structs.fields(Settings):
        values = getattr(Settings(), section.name)
        if not isinstance(values, msgspec.Struct):
            continue
        hints = get_type_hints(type(values), include_extras=True)
        lines += [f"### [{section.name}]", "", "| knob | default | allowed | meaning |", "|---|---|---|---|"]
        for field in msgspec.structs.fields(type(values)):
            meta, value = _meta(hints[field.name]), getattr(values, field.name)
            shown = json.dumps(value, ensure_ascii=False) if not isinstance(value, float) else f"{value:g}"
            live = " (live)" if section.name in LIVE_SECTIONS or f"{section.name}.{field.name}" in LIVE_KEYS else ""
            meaning = (meta.description or "").replace("|", "\\|")
            lines.append(f"| `{field.name}` | `{shown}` | {_allowed(hints[field.name], meta)} | {meaning}{live} |")
        lines.append("")
    return "\n".join(lines)


def _allowed(hint: object, meta: msgspec.Meta) -> str:
    kind = get_args(hint)[0]
    if meta.ge is not None or meta.le is not None:
        return f"{meta.ge:,g} to {meta.le:,g}" if meta.le is not None else f"{meta.ge:g} or more"
    if get_origin(kind) is tuple:
        return "list of " + _words(get_args(kind)[0])
    return _words(kind)


def _words(kind: object) -> str:
    if isinstance(kind, type):
        return {str: "text", bool: "true, false", EventRule: "tables"}.get(kind, kind.__name__)
    return ", ".join(str(value) for value in get_args(kind))


def registry_of_all() -> Registry:
    """Every action of the program, as the app registers them."""
    modes = default_modes()
    actions = [action for mode in modes for action in mode.actions]
    modal = [*TICKET_ACTIONS, *GO_LIVE_ACTIONS]
    return Registry([*APP_ACTIONS, *mode_actions(modes), *FirstRunScreen.ACTIONS, *actions, *modal])


def key_table() -> str:
    registry = registry_of_all()
    keymap = Keymap(registry)
    lines: list[str] = []
    scopes = dict.fromkeys((APP_SCOPE, *(action.scope for action in registry)))
    for scope in scopes:
        mine = [action for action in registry if action.scope == scope]
        title = TITLES.get(scope)
        lines += [f"### {title or scope.capitalize()}", "", "| keys | what it does | id |", "|---|---|---|"]
        for action in mine:
            keys = ", ".join(f"`{key}`" for key in keymap.labels(action.id).split(", ") if key)
            if keys:
                lines.append(f"| {keys} | {action.help} | `{action.id}` |")
        by_name = [action.id for action in mine if not keymap.keys_of(action.id)]
        lines += ["", f"By name in the palette: {', '.join(f'`{name}`' for name in by_name)}.", ""] if by_name else [""]
    return "\n".join(lines)


def test_the_table_of_detectors_is_the_registrys():
    held("detectors.md", detector_table())


def test_the_table_of_settings_has_every_knob():
    held("settings.md", settings_table())


def test_the_table_of_keys_has_every_action_with_its_keys():
    held("keys.md", key_table())


# --- words that must be there ----------------------------------------------------------------------------------------


def test_every_detector_is_explained():
    for name in (*reading.REGISTRY, GATE):
        assert f"- **`{name}`** " in DETECTORS, f"docs/detectors.md does not explain {name}"


def test_no_detector_is_explained_that_does_not_exist():
    explained = set(re.findall(r"^- \*\*`(\w+)`\*\* ", DETECTORS, flags=re.MULTILINE))
    assert explained == {*reading.REGISTRY, GATE}


def test_detectors_stand_under_their_family():
    for title, text in re.findall(r"^### (\w[\w ]+)\n(.*?)(?=^##|\Z)", DETECTORS, flags=re.MULTILINE | re.DOTALL):
        for name in re.findall(r"^- \*\*`(\w+)`\*\* ", text, flags=re.MULTILINE):
            family = "GATE" if name == GATE else reading.REGISTRY[name].family
            assert {"Mean reversion": "MEANREV"}.get(title, title.upper()) == family, name


@pytest.mark.parametrize("key", [name for name, _ in knobs_of("detectors")])
def test_every_knob_of_the_detectors_is_named_where_they_are_explained(key: str):
    prose = MADE.sub("", DETECTORS)
    assert f"`{key}`" in prose or f"detectors.{key} " in prose


def test_the_settings_page_lists_every_section_and_every_live_key():
    prose = MADE.sub("", SETTINGS)
    for section in msgspec.structs.fields(Settings):
        assert f"`[{section.name}]`" in prose
    for key in (*LIVE_KEYS, *(f"[{section}]" for section in LIVE_SECTIONS)):
        assert f"`{key}`" in prose


def test_the_guide_names_every_column_layer_and_kind_of_event():
    for column in CHOICES:
        assert column.title in re.split(r", | \| |^\| ", GUIDE, flags=re.MULTILINE), column.title
    for name in (*LAYERS, *get_args(EventKind)):
        assert name in GUIDE, name


@pytest.mark.parametrize(
    ("title", "scope"),
    [
        ("Watchlist", "watchlist"),
        ("Confluence", "confluence"),
        ("Calibration", "calibration"),
        ("Events", "events"),
        ("Orders and positions", "orders"),
        ("Order ticket", "ticket"),
        ("Inbox", "inbox"),
        ("Risk", "risk"),
        ("History", "history"),
    ],
)
def test_the_guides_keys_are_those_of_the_screen(title: str, scope: str):
    """The guide's table of a screen names every key it has but second ones, and no other."""
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## )", GUIDE, flags=re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (`[^|]*`) \|", section.split("| key | does |")[1], flags=re.MULTILINE)
    named = {key for row in rows for key in re.findall(r"`([^`]+)`", row)}
    keymap = Keymap(registry_of_all())
    of_scope = [action for action in registry_of_all() if action.scope == scope and keymap.labels(action.id)]
    labels = [keymap.labels(action.id).split(", ") for action in of_scope]
    assert named <= {key for keys in labels for key in keys}
    assert [keys for keys in labels if not named & set(keys)] == []


ACTS = {
    "`o` on any market": "app.ticket",
    "`n` goes on": "ticket.next",
    "`e` changes the price": "ticket.price",
    "`s` the stop": "ticket.stop",
    "`t` the targets": "ticket.targets",
    "`z` the size": "ticket.size",
    "`d` the side": "ticket.side",
    "`m` limit or market": "ticket.type",
    "Then `L`:": "app.live",
    "`r` plans it anew": "ticket.refresh",
    "`x` on a position": "orders.close",
    "`X` on the watchlist": "watchlist.close",
    "`f` on screen 5": "orders.flatten",
    "`m` moves a stop": "orders.move",
    "`H` halts": "app.halt",
    "`y` reads the keys": "go_live.yes",
    "Screen `8` shows": "app.mode_history",
    "`L` again": "app.live",
}


@pytest.mark.parametrize(("words", "action"), ACTS.items())
def test_the_keys_of_the_page_about_real_orders_do_what_it_says(words: str, action: str):
    assert words in " ".join(LIVE.split())
    key = re.findall(r"`([^`]+)`", words)[0]
    assert key in Keymap(registry_of_all()).labels(action).split(", ")


@pytest.mark.parametrize("page", ["README.md", "guide.md", "live.md", "orders.md", "positions.md"])
def test_every_setting_that_a_page_names_exists(page: str):
    text = (ROOT / page if page == "README.md" else DOCS / page).read_text()
    sections = {section.name for section in msgspec.structs.fields(Settings)}
    for section, name in re.findall(r"`([a-z]+)\.([a-z0-9_]+)(?: = [^`]*)?`", text):
        if section in sections and name not in ("toml", "jsonl"):
            assert hasattr(getattr(Settings(), section), name), f"{page}: {section}.{name}"


def test_the_pages_name_every_state_of_the_session_and_every_end_of_a_ticket():
    for word in get_args(SessionPhase):
        assert word in GUIDE, word
    for word in ("EXPIRED", "REFUSED", "SENT"):
        assert word in get_args(TicketStep)
        assert {"EXPIRED": "EXPIRES"}.get(word, word) in GUIDE


def test_the_token_that_is_quoted_is_the_programs():
    assert f"`{token_of('SOL', 'BUY', Decimal('3.280'))}` for buying 3.280 SOLUSDT" in " ".join(LIVE.split())


def test_the_guide_has_a_section_for_every_screen():
    titles = re.findall(r"^## (.*)$", GUIDE, flags=re.MULTILINE)
    for mode in default_modes():
        assert any(title.lower().startswith(mode.name) for title in titles), mode.name
        assert f"`{mode.keys.split(',')[0]}`" in GUIDE.split("## Watchlist")[0]


def test_the_readme_names_every_command_and_only_commands_that_exist():
    known = set(re.findall(r"^    (\w+) +[a-z]", parser().format_help(), flags=re.MULTILINE))
    named = set(re.findall(r"^\| `tradetui (\w+)", README, flags=re.MULTILINE))
    assert named == known


@pytest.mark.parametrize("page", ["README.md", *sorted(path.name for path in DOCS.glob("*.md"))])
def test_links_lead_somewhere(page: str):
    """To a file that is there, and to one of its headings."""
    path = ROOT / page if page == "README.md" else DOCS / page
    for target, anchor in re.findall(r"\]\(([^)#:]+)#?([^)]*)\)", path.read_text()):
        found = path.parent / target
        assert found.exists(), f"{page}: {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", found.read_text(), flags=re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles], anchor


def test_the_files_that_the_architecture_names_are_there():
    for name in re.findall(r"`((?:core|providers|tui|themes|tests)/[\w/.]*)`", ARCHITECTURE):
        assert (ROOT / name).exists(), name


# --- examples that must work -----------------------------------------------------------------------------------------


def test_the_example_detector_is_complete_and_votes():
    (example,) = re.findall(r"```python\n(.*?)```", DETECTORS, flags=re.DOTALL)
    before = dict(reading.REGISTRY)
    try:
        exec(compile("from __future__ import annotations\n" + example, "docs/detectors.md", "exec"), {})
        (added,) = reading.REGISTRY.keys() - before.keys()
        rng = np.random.default_rng(7)
        closes = 100.0 + np.cumsum(rng.normal(size=700))
        opens = np.append(100.0, closes[:-1])
        low, high = np.minimum(opens, closes) - 0.5, np.maximum(opens, closes) + 0.5
        rows = np.column_stack([np.arange(700) * 60_000.0, opens, high, low, closes, np.full(700, 5.0)])
        said = [event for event in scan("MADEUSDT", "1m", rows, Settings()) if event.get("detector") == added]
        assert {event["side"] for event in said} == {"BUY", "SELL", "HOLD"}
        assert {word for event in said for word in event["reasons"]} == {
            "RSI crossed 50 upwards",
            "RSI crossed 50 downwards",
        }
    finally:
        reading.REGISTRY.clear()
        reading.REGISTRY.update(before)


def test_the_example_indicator_opens():
    (example,) = re.findall(r"^(Indicator\(.*\)),$", DETECTORS, flags=re.MULTILINE)
    entry = eval(example, {"Indicator": Indicator})
    closes = 100.0 + np.sin(np.arange(60.0))
    rows = np.column_stack([np.arange(60) * 60_000.0, closes, closes + 1.0, closes - 1.0, closes, np.ones(60)])
    _, values = IndicatorSet.open(rows, (entry,))
    assert np.isfinite(values[entry.warmup - 1 :]).all()
    assert not np.isfinite(values[: entry.warmup - 1]).any()


def test_the_examples_of_settings_load(tmp_path: Path):
    """Every TOML block of the guide, all in one file, is a settings file without problems, and its keys fit the program."""
    blocks = re.findall(r"```toml\n(.*?)```", GUIDE, flags=re.DOTALL)
    file = tmp_path / "settings.toml"
    file.write_text("\n".join(blocks))
    settings = load(file, {}, tmp_path / "overrides.toml")
    assert len(settings.events.rules) >= 2
    assert settings.groups
    assert settings.keys
    assert Keymap(registry_of_all(), settings.keys).problems == []


def test_the_example_rules_use_every_knob_of_a_rule():
    blocks = "\n".join(re.findall(r"```toml\n(.*?)```", GUIDE, flags=re.DOTALL))
    rules = blocks.split("[[events.rules]]", 1)[1]
    for field in msgspec.structs.fields(EventRule):
        assert re.search(rf"^{field.name} = ", rules, re.MULTILINE), field.name


def market(bars: int, seed: int = 3) -> np.ndarray:
    """A lively seeded market of five-minute candles, shape (bars, 6), prices on a tick of 0.01."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_t(4, size=(bars, 6)) * 0.0012 * np.exp(rng.normal(scale=0.3, size=(bars, 1)))
    steps[bars // 2 : bars // 2 + 300] += 0.0006  # a trend that lasts
    path = np.round(100.0 * np.exp(np.cumsum(steps).reshape(bars, 6)), 2)
    closes = path[:, -1]
    opens = np.round(np.append(100.0, closes[:-1]) + rng.integers(-3, 4, bars) * 0.01, 2)
    low, high = np.minimum(path.min(1), opens), np.maximum(path.max(1), opens)
    volume = rng.lognormal(3.0, 0.8, bars)
    return np.column_stack([1.6e12 + np.arange(bars) * 300_000.0, opens, high, low, closes, volume])


def shape(words: str) -> str:
    """A reason with its numbers and sides left out."""
    words = re.sub(r"(\d[\d.,]*)( \d[\d.,]*)*", "#", words)
    for one, other in (("bearish", "bullish"), ("down", "up"), ("below", "above"), ("SELL", "BUY"), ("−", "+")):
        words = words.replace(one, other)
    return words


def test_the_reasons_that_are_quoted_are_told():
    """Every reason the page quotes behind a detector is one that this detector gives, but for numbers and sides."""
    rows = market(9_000)
    told: dict[str, set[str]] = {name: set() for name in (*reading.REGISTRY, GATE)}
    settings = Settings()
    indicators, values = IndicatorSet.open(rows)
    drive = Drive(indicators, settings, 300_000, 0.01, higher_frames(rows, "5m", settings))
    for bar, row in zip(rows.tolist(), values.tolist(), strict=True):
        judged = drive.step(int(bar[0]), bar[1:], False, row, settings)
        told[GATE].add(shape(judged.gate.reason))
        for entry, verdict in judged.verdicts:
            told[entry.name].add(shape(verdict.reason))
    quoted = 0
    for name, text in re.findall(r"^- \*\*`(\w+)`\*\* (.*?)(?=^- |^#|^$)", DETECTORS, flags=re.MULTILINE | re.DOTALL):
        for words in re.findall(r"`([^`]+)`", " ".join(text.split())):
            if " " in words and not words.startswith("detectors."):
                assert shape(words) in told[name], f"{name}: {words}"
                quoted += 1
    assert quoted >= len(told)


def test_the_lines_of_scan_have_the_fields_of_the_real_ones():
    """Each example of docs/scan.md has every field that such an event has, in its order, and every field is explained."""
    shown = {line["kind"]: line for line in map(json.loads, re.findall(r"^\{.*\}$", SCAN, flags=re.MULTILINE))}
    real: dict[str, list[dict[str, object]]] = {}
    for timeframe in ("5m", "1m"):  # alerts need one-minute bars
        for event in scan("MADEUSDT", timeframe, market(3_000), Settings()):
            real.setdefault(str(event["kind"]), []).append(event)
    assert shown.keys() == real.keys()
    for kind, example in shown.items():
        assert any(list(event) == list(example) for event in real[kind]), kind
        for field in {field for event in real[kind] for field in event}:
            assert f"`{field}`" in SCAN, f"{kind} {field}"
