"""One registry: unique ids, ordered key bars, nothing forgotten."""

import pytest

from tui.actions import APP_ACTIONS, FOOTER_MOST, Action, Registry, mode_action_id


def action(action_id: str, keys: str = "x", scope: str = "app", footer: int = 0, **more) -> Action:
    return Action(action_id, keys, "title", "Does it.", scope=scope, footer=footer, **more)


def test_an_action_names_its_method() -> None:
    assert action("watchlist.sort_next").method == "act_sort_next"
    assert action("app.theme-next").method == "act_theme_next"


@pytest.mark.parametrize(
    "wrong",
    [
        [action("a.b"), action("a.b", "y")],
        [action("nodot")],
        [Action("a.b", "x", "t", "no full stop")],
        [action(f"a.b{number}", str(number), footer=number + 1) for number in range(FOOTER_MOST + 1)]
        + [action("s.x", "z", "s")],
    ],
)
def test_mistakes_in_the_tables_are_refused(wrong: list[Action]) -> None:
    with pytest.raises(ValueError, match=r"a\.b|nodot|most"):
        Registry(wrong)


def test_a_screen_has_its_own_actions_first_then_everybodys() -> None:
    registry = Registry([action("app.quit", "q"), action("list.sort", "s", "list"), action("log.filter", "f", "log")])
    assert [found.id for found in registry.of_scope("list")] == ["list.sort", "app.quit"]
    assert registry.scopes() == ["list", "log"]


def test_the_key_bar_is_ordered_and_leaves_out_the_screen_one_is_on() -> None:
    registry = Registry(
        [
            action("app.quit", "q", footer=99),
            action(mode_action_id("log"), "3", footer=40),
            action("list.sort", "s", "list", footer=10),
            action("log.filter", "f", "log", footer=20),
        ]
    )
    assert [found.id for found in registry.footer("list")] == ["list.sort", "app.mode_log", "app.quit"]
    assert [found.id for found in registry.footer("log")] == ["log.filter", "app.quit"]


def test_the_apps_own_actions_are_sound() -> None:
    assert {"app.quit", "app.help", "app.palette", "app.back"} <= set(Registry(APP_ACTIONS).ids())
