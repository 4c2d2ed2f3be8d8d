"""Settings layers: every problem at once, in words; nothing a person can write ends in a traceback."""

import os
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from core.settings import EventRule, Settings
from core.settings_check import BadValue, build, check_key, flat, from_text, knobs, shown, table_of
from core.settings_load import SettingsError, load, overrides_path, render_default_toml, settings_path

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _own_config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def write(folder: Path, text: str, name: str = "settings.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def problems(path: Path | None, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    return caught.value.problems


def test_without_any_layer_the_defaults_hold() -> None:
    assert load(None, {}) == Settings()


def test_the_settings_file_at_the_root_is_the_rendered_defaults() -> None:
    assert (ROOT / "settings.toml").read_text(encoding="utf-8") == render_default_toml()
    assert load(ROOT / "settings.toml", {}) == Settings()


def test_every_knob_is_rendered_with_its_description() -> None:
    text = render_default_toml()
    for knob in knobs().values():
        assert knob.about, knob.key
        name = f"# [[{knob.key}]]" if table_of(knob.type) else f"{knob.key.partition('.')[2]} = "
        assert f"# {knob.about} ({knob.allowed})\n{name}" in text


def test_the_example_of_an_event_rule_is_valid_as_it_stands(tmp_path: Path) -> None:
    lines = render_default_toml().splitlines()
    start = lines.index("# [[events.rules]]")
    end = lines.index("", start)
    lines[start:end] = [line.removeprefix("# ") for line in lines[start:end]]
    loaded = load(write(tmp_path, "\n".join(lines)), {})
    assert loaded == build({"events.rules": (EventRule(),)})


def test_rendered_changes_load_as_changed(tmp_path: Path) -> None:
    changes = {"market.venue": "bybit", "market.category": "linear", "keys.quit": "q,ctrl+q"}
    loaded = load(write(tmp_path, render_default_toml(changes)), {})
    assert (loaded.market.venue, loaded.market.category, loaded.keys) == ("bybit", "linear", {"quit": "q,ctrl+q"})
    with pytest.raises(SettingsError, match="one of"):
        render_default_toml({"market.venue": "nowhere"})


def test_later_layers_win(tmp_path: Path) -> None:
    file = write(tmp_path, "[confluence]\nenter = 0.7\nexit = 0.3\ncooldown_s = 10\n")
    write(tmp_path, "[confluence]\nenter = 0.9\n", "overrides.toml")
    environ = {"TRADETUI_CONFLUENCE__ENTER": "0.8", "TRADETUI_CONFLUENCE__EXIT": "0.2", "TRADETUI_OTHER": "x"}
    loaded = load(file, environ).confluence
    assert (loaded.enter, loaded.exit, loaded.cooldown_s, loaded.prior_m) == (0.9, 0.2, 10.0, 0.2)


def test_the_file_is_looked_for_in_the_usual_places(tmp_path: Path) -> None:
    assert settings_path(None, {}) is None
    own = tmp_path / "config" / "tradetui"
    own.mkdir(parents=True)
    assert overrides_path(None) == own / "overrides.toml"
    file = write(own, "")
    assert settings_path(None, {}) == file
    assert settings_path(None, {"TRADETUI_SETTINGS": "/x/y.toml"}) == Path("/x/y.toml")
    assert settings_path(Path("z.toml"), {"TRADETUI_SETTINGS": "/x/y.toml"}) == Path("z.toml")
    assert overrides_path(Path("/x/y.toml")) == Path("/x/overrides.toml")


def test_all_problems_of_all_layers_are_reported_at_once(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        enter = 0.5
        [confluence]
        enter = 2
        exxit = 0.4
        exit = true
        watch = 5
        [markt]
        a = 1
        [market]
        venue = "binance"
        watch = "60"
        [keys]
        quit = 3
        """,
    )
    write(tmp_path, "[log]\nlevel = 'loud'\n", "overrides.toml")
    found = problems(file, {"TRADETUI_SCREEN__MOUSE": "maybe"})
    for part in (
        f"{file}: enter: belongs in a section; did you mean confluence.enter?",
        f"{file}: confluence.enter: 2.0 is out of range: number, 0 to 1",
        f"{file}: confluence.exxit: no such key; did you mean confluence.exit?",
        f"{file}: confluence.exit: true is not allowed: number, 0 to 1",
        f"{file}: confluence.watch: no such key in [confluence]; did you mean market.watch?",
        f"{file}: [markt]: no such section",
        f"{file}: market.venue: 'binance' is not allowed: one of",
        f"{file}: market.watch: '60' is not allowed: whole number, 1 to 500",
        f"{file}: keys.quit: 3 is not allowed",
        "overrides.toml: log.level: 'loud' is not allowed: one of",
        "environment TRADETUI_SCREEN__MOUSE: screen.mouse: 'maybe' is not allowed: true or false",
    ):
        assert any(part in problem for problem in found), part
    assert len(found) == 11


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[confluence]\nexit = 0.7\n", "exit must be below enter"),
        ('[market]\ntimeframes = ["5m", "1h"]\n', "1m is required"),
        ('[market]\ntimeframes = ["5m", "1m"]\n', "short to long"),
        ('[market]\ntimeframes = ["1m", "1m", "5m"]\n', "twice"),
        ('[market]\ntimeframes = ["1m", "15m"]\n', "decision timeframe must be one of"),
        ('[market]\ncategory = "linear"\n', "no linear market"),
        ('[market]\nvenue = "recorded"\n', "set market.recorded_path"),
        ('[market]\nwatch = 1\npinned = ["A", "B"]\n', "more symbols are pinned"),
        ("[history]\nbars = 1500\nmemory_bars = 1000\n", "memory_bars"),
        ("[feed]\nbackoff_first_s = 50.0\nbackoff_cap_s = 5.0\n", "first wait"),
        ("[feed]\nstale_floor_s = 500.0\n", "floor"),
        ("[confluence]\nenter = nan\n", "nan is out of range"),
        ("[market]\nmin_quote_volume = inf\n", "inf is out of range"),
        ("[market]\nmin_quote_volume = 1" + "0" * 400 + "\n", "far too large"),
        ("[market]\nwatch = 60.0\n", "60.0 is not allowed: whole number"),
        ("[feed]\nbook_levels = 51\n", "one of 50, 200, 1000"),
        ("[feed]\nbook_levels = true\n", "one of 50, 200, 1000"),
        ('market = "x"\n', "is not a section; write [market]"),
        ("[confluence]\nenter = \n", "line 2, column 9"),
        ("[confluence", "line 1, column 12"),
        ("x = " + "[" * 5000, "nested too deeply"),
        ("x = " + "9" * 5000, "not valid TOML"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, said: str) -> None:
    file = write(tmp_path, text)
    found = problems(file)
    assert len(found) == 1
    assert said in found[0]
    assert str(file) in found[0]


def test_unreadable_files_are_explained(tmp_path: Path) -> None:
    assert "is a folder" in problems(tmp_path)[0]
    assert "No such file" in problems(tmp_path / "absent.toml")[0]
    (tmp_path / "latin.toml").write_bytes(b"[log]\n# caf\xe9\n")
    assert "line 2 is not UTF-8" in problems(tmp_path / "latin.toml")[0]
    (tmp_path / "huge.toml").write_bytes(b"#" * 1_000_001)
    assert "larger than" in problems(tmp_path / "huge.toml")[0]
    assert "cannot be read" in problems(Path("a\0b"))[0]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_bytes("\ufeff[log]\r\nlevel = 'debug'\r\n".encode())
    assert load(tmp_path / "s.toml", {}).log.level == "debug"


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("TRADETUI_MARKET__TIMEFRAMES", "1m, 5m", "market.timeframes", ("1m", "5m")),
        ("TRADETUI_MARKET__PINNED", '["A", "B"]', "market.pinned", ("A", "B")),
        ("TRADETUI_MARKET__PINNED", "", "market.pinned", ()),
        ("TRADETUI_SCREEN__MOUSE", "yes", "screen.mouse", True),
        ("TRADETUI_CONFLUENCE__ENTER", ".65", "confluence.enter", 0.65),
        ("TRADETUI_FEED__BOOK_LEVELS", "200", "feed.book_levels", 200),
        ("TRADETUI_NETWORK__PROXY", "http://127.0.0.1:1", "network.proxy", "http://127.0.0.1:1"),
        ("TRADETUI_KEYS__QUIT", "q", "keys.quit", "q"),
    ],
)
def test_the_environment_gives_text_and_gets_types(variable: str, text: str, key: str, value: object) -> None:
    assert flat(load(None, {variable: text}))[key] == value


@pytest.mark.parametrize("text", ["", "true", "1e999", "0.6\nx=1", "'0.6'", "0.5.5", "[0.5]", "\udc80"])
def test_the_environment_cannot_smuggle_a_wrong_number(text: str) -> None:
    assert "TRADETUI_CONFLUENCE__ENTER" in problems(None, {"TRADETUI_CONFLUENCE__ENTER": text})[0]


RULES = """
[[events.rules]]
kind = "fault"
level = "error"
do = ["bell", "run"]
run = ["mail", "-s", "", "{text}", "{text}"]

[[events.rules]]
symbol = "SOL*"
do = ["notify"]
every_s = 5
"""
LOADED = (
    EventRule(kind="fault", level="error", do=("bell", "run"), run=("mail", "-s", "", "{text}", "{text}")),
    EventRule(symbol="SOL*", do=("notify",), every_s=5.0),
)


def test_event_rules_load_in_order_and_are_rendered_as_tables(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, RULES), {})
    assert loaded.events.rules == LOADED
    assert build(flat(loaded)) == loaded
    again = load(write(tmp_path, render_default_toml({"events.rules": LOADED}), "again.toml"), {})
    assert again.events == loaded.events


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('knd = "fault"', "events.rules[1].knd: no such key; did you mean kind?"),
        ("zzz = 1", "events.rules[1].zzz: no such key; there are kind, symbol, level, text, do, run, every_s"),
        ('kind = "fualt"', "events.rules[1].kind: 'fualt' is not allowed: one of alert, any, ban,"),
        ('kind = "fualt"', "did you mean fault?"),
        ("kind = 3", "events.rules[1].kind: 3 is not allowed: one of"),
        ("symbol = 3", "events.rules[1].symbol: 3 is not allowed: text"),
        ('level = "warn"', "did you mean warning?"),
        ('do = "bell"', "events.rules[1].do: 'bell' is not allowed: list, each one of bell, notify, run"),
        ('do = ["ring"]', "events.rules[1].do: 'ring' is not allowed: one of"),
        ('do = ["bell", "bell"]', "events.rules[1].do: holds 'bell' twice"),
        ("do = []", "events.rules[1].do: is empty; name bell, notify or run"),
        ('do = ["run"]', "events.rules[1].run: names no program"),
        ('do = ["run"]\nrun = [" "]', "events.rules[1].run: names no program"),
        ('run = ["mail"]', 'events.rules[1].run: would never run; add "run" to do'),
        ('do = ["run"]\nrun = "mail"', "events.rules[1].run: 'mail' is not allowed: list, each text"),
        ('do = ["run"]\nrun = ["mail", 3]', "events.rules[1].run: 3 is not allowed: text"),
        ("every_s = 0", "events.rules[1].every_s: 0.0 is out of range: number, 1 to 86400"),
        ("every_s = true", "events.rules[1].every_s: true is not allowed"),
    ],
)
def test_a_wrong_event_rule_is_explained(tmp_path: Path, text: str, said: str) -> None:
    (problem,) = problems(write(tmp_path, f"[[events.rules]]\n{text}\n"))
    assert said in problem
    assert str(tmp_path / "settings.toml") in problem


def test_defaults_of_a_class_that_cannot_be_are_named(tmp_path: Path) -> None:
    table = '[[calibration.classes]]\nname = "meme"\nrsi_oversold = 2.0\nhigh_gate = 0.0001\n'
    (problem,) = problems(write(tmp_path, table))
    assert "class meme: rsi_oversold is 2: give a number from 5 to 45" in problem
    assert "class meme: low_gate 0.0005 is not below high_gate 0.0001: move one of them" in problem


def test_every_problem_of_every_event_rule_is_told(tmp_path: Path) -> None:
    text = '[[events.rules]]\nkind = "x"\ndo = 3\n[[events.rules]]\n[[events.rules]]\ndo = []\nrun = ["a"]\nlevel = 1'
    found = [problem.partition("events.rules")[2].partition(":")[0] for problem in problems(write(tmp_path, text))]
    assert found == ["[1].kind", "[1].do", "[3].level"]


@pytest.mark.parametrize("text", ["rules = 3", 'rules = "bell"', "rules = [3]", "[events.rules]\nkind = 'fault'"])
def test_event_rules_of_another_shape_are_refused(tmp_path: Path, text: str) -> None:
    (problem,) = problems(write(tmp_path, f"[events]\n{text}\n"))
    assert "is not allowed: tables of kind" in problem or "events.rules[1]: 3 is not a table" in problem


def test_event_rules_cannot_be_typed() -> None:
    for typed in ("[]", "", '[{kind = "fault"}]'):
        (problem,) = problems(None, {"TRADETUI_EVENTS__RULES": typed})
        assert "events.rules: is a list of tables and cannot be typed; write [[events.rules]]" in problem


def test_lists_of_numbers_are_typed_like_lists_of_words() -> None:
    for typed in ("0, 3", "[0, 3]", "0,3"):
        assert from_text("screening.exclude_hours", typed) == (0, 3)
    assert from_text("screening.exclude_hours", "7") == (7,)
    assert from_text("screening.exclude_hours", "") == ()
    with pytest.raises(BadValue, match="'noon' is not allowed: whole number"):
        from_text("screening.exclude_hours", "0, noon")


def test_text_that_is_not_utf8_is_refused() -> None:
    assert "not valid text" in problems(None, {"TRADETUI_NETWORK__PROXY": "\udc80"})[0]


def test_flat_and_build_are_opposites() -> None:
    own = Settings(keys={"quit": "q"}, groups={"majors": "BTC, ETH*"})
    assert build(flat(own)) == own


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("buy", "BTC", "one of the watchlist's own groups"),
        ("Majors", "BTC", "no name of a group"),
        ("much-too-long-a-name", "BTC", "no name of a group"),
        ("majors", " , ", "names no symbol"),
        ("majors", ["BTC"], "text, symbols separated by commas"),
    ],
)
def test_groups_that_cannot_be_shown_are_explained(name: str, value: object, said: str) -> None:
    with pytest.raises(BadValue, match=said):
        check_key(f"groups.{name}", value)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("price, prise", "'prise' is not allowed: one of .*; did you mean price"),
        ("price, price", "twice"),
    ],
)
def test_columns_that_do_not_exist_are_explained(columns: str, said: str) -> None:
    with pytest.raises(BadValue, match=said):
        from_text("screen.columns", columns)


def test_long_values_are_shortened_in_messages() -> None:
    assert len(shown("x" * 500)) == 60


def load_or_problems(file: Path, environ: dict[str, str]) -> tuple[Settings | None, tuple[str, ...]]:
    try:
        return load(file, environ), ()
    except SettingsError as error:
        return None, error.problems


rule_names = st.one_of(st.sampled_from(EventRule.__struct_fields__), st.text(max_size=6))
words = st.sampled_from(("bell", "run", "fault", "error", "notify", "any", ""))
rule_values = st.one_of(words, st.integers(), st.booleans(), st.lists(words, max_size=3), st.floats(1, 9))
rule_tables = st.lists(st.dictionaries(rule_names, rule_values, max_size=4), max_size=3)


@settings(max_examples=200, deadline=None)
@given(tables=rule_tables)
def test_any_list_of_event_rules_loads_or_is_explained(
    tmp_path_factory: pytest.TempPathFactory, tables: list[dict]
) -> None:
    file = tmp_path_factory.getbasetemp() / "rules.toml"
    file.write_bytes(tomli_w.dumps({"events": {"rules": tables}}).encode())
    loaded, found = load_or_problems(file, {})
    assert (loaded is None) == bool(found)
    assert all("events.rules[" in problem for problem in found)
    if loaded is not None:
        assert len(loaded.events.rules) == len(tables)
        assert all(not rule.problems() for rule in loaded.events.rules)


leaves = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.text(max_size=3), max_size=3)
)
known_names = sorted({key.split(".")[1] for key in knobs()})
known_sections = sorted({key.split(".")[0] for key in knobs()} | {"keys"})
names = st.one_of(st.sampled_from(known_names), st.text(max_size=6))
trees = st.dictionaries(
    st.one_of(st.sampled_from(known_sections), st.text(max_size=6)),
    st.one_of(leaves, st.dictionaries(names, st.one_of(leaves, st.dictionaries(names, leaves, max_size=2)))),
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(tree=trees, environ=st.dictionaries(st.sampled_from(known_names), st.text(max_size=5), max_size=2))
def test_any_toml_and_environment_loads_or_is_explained(
    tmp_path_factory: pytest.TempPathFactory, tree: dict, environ: dict
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(tomli_w.dumps(tree).encode("utf-8", "surrogatepass"))
    variables = {f"TRADETUI_CONFLUENCE__{name.upper()}": text for name, text in environ.items()}
    loaded, found = load_or_problems(file, variables)
    assert (loaded is None) == bool(found)
    assert all(str(file) in problem or "environment" in problem or "default" in problem for problem in found)
    if loaded is not None:
        assert build(flat(loaded)) == loaded


@settings(max_examples=80, deadline=None)
@given(raw=st.binary(max_size=60))
def test_any_bytes_load_or_are_explained(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "raw.toml"
    file.write_bytes(raw)
    loaded, found = load_or_problems(file, {})
    assert loaded is not None or found[0].startswith(os.fspath(file))
