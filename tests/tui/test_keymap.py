"""The operator's keys: every problem told at once, a bad keymap never locks anybody out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.actions import APP_ACTIONS, Action, Registry
from tui.keymap import Keymap, key_label, key_name

REGISTRY = Registry(
    [
        *APP_ACTIONS,
        Action("list.sort", "s", "sort", "Sort.", scope="list"),
        Action("list.filter", "/", "filter", "Filter.", scope="list"),
        Action("log.follow", "f", "follow", "Follow.", scope="log"),
    ]
)


def test_defaults_find_their_action_on_their_screen_only() -> None:
    keymap = Keymap(REGISTRY)
    assert keymap.problems == []
    found = keymap.action_for("list", "slash")
    assert found is not None
    assert found.id == "list.filter"
    assert keymap.action_for("log", "slash") is None
    quit_action = keymap.action_for("log", "q")
    assert quit_action is not None
    assert quit_action.id == "app.quit"


def test_own_keys_replace_the_defaults() -> None:
    keymap = Keymap(REGISTRY, {"list.sort": "f5, w"})
    assert keymap.problems == []
    assert keymap.keys_of("list.sort") == ("f5", "w")
    assert keymap.action_for("list", "s") is None
    assert keymap.label("list.sort") == "F5"


def test_two_actions_can_swap_their_keys() -> None:
    keymap = Keymap(REGISTRY, {"list.sort": "/", "list.filter": "s"})
    assert keymap.problems == []
    assert keymap.keys_of("list.sort") == ("slash",)
    assert keymap.keys_of("list.filter") == ("s",)


def test_the_same_key_may_serve_two_screens() -> None:
    assert Keymap(REGISTRY, {"log.follow": "s"}).problems == []


def test_all_problems_are_told_and_the_defaults_stay() -> None:
    keymap = Keymap(
        REGISTRY,
        {
            "list.srt": "x",
            "list.sort": "q",
            "list.filter": "ctrl+c",
            "log.follow": "hyperspace",
            "app.back": "b",
        },
    )
    report = "\n".join(keymap.problems)
    assert len(keymap.problems) == 5
    for words in (
        "did you mean list.sort?",
        '"list.sort" and "app.quit"',
        "^c is reserved for app.quit_now",
        "hyperspace",
        "fixed",
    ):
        assert words in report
    assert keymap.keys_of("list.sort") == ("s",)
    assert keymap.keys_of("list.filter") == ("slash",)
    assert keymap.keys_of("log.follow") == ("f",)
    assert keymap.keys_of("app.back") == ("escape",)


def test_a_clash_made_by_an_app_key_is_found_on_every_screen() -> None:
    keymap = Keymap(REGISTRY, {"app.theme": "f"})
    assert '"app.theme" and "log.follow"' in keymap.problems[0]
    assert keymap.keys_of("app.theme") == ("T",)


@pytest.mark.parametrize(
    ("key", "name", "label"),
    [
        ("?", "question_mark", "?"),
        ("/", "slash", "/"),
        (":", "colon", ":"),
        ("-", "minus", "-"),
        ("+", "plus", "+"),
        ("@", "at", "@"),
        ("_", "underscore", "_"),
        ("s", "s", "s"),
        ("T", "T", "T"),
        ("escape", "escape", "Esc"),
        ("enter", "enter", "Enter"),
        ("ctrl+p", "ctrl+p", "^p"),
        ("f1", "f1", "F1"),
        ("shift+tab", "shift+tab", "shift+Tab"),
        ("f", "f", "f"),
    ],
)
def test_keys_are_named_for_the_terminal_and_for_people(key: str, name: str, label: str) -> None:
    assert key_name(key) == name
    assert key_label(name) == label


@given(st.dictionaries(st.sampled_from([*REGISTRY.ids(), "no.such"]), st.text(max_size=8), max_size=6))
def test_any_keymap_leaves_quit_and_back_within_reach(own: dict[str, str]) -> None:
    keymap = Keymap(REGISTRY, own)
    for scope in ("list", "log"):
        for key, action_id in (("ctrl+c", "app.quit_now"), ("escape", "app.back")):
            found = keymap.action_for(scope, key)
            assert found is not None
            assert found.id == action_id
        wanted = [key for action in REGISTRY.of_scope(scope) for key in keymap.keys_of(action.id)]
        assert len(wanted) == len(set(wanted))
