"""Codes of triggers, recommendations and hints have words in every language."""

from __future__ import annotations

from typing import get_args

import pytest

from core.messages import Action
from core.screening.code_words import HINTS, TRIGGERS, hint_words, label_words, trigger_words
from core.screening.language import TONGUES, Tongue, language
from core.screening.narrative_facts import Hint
from core.screening.triggers import REGISTRY

NAN = float("nan")


def test_every_registered_trigger_has_words() -> None:
    assert set(REGISTRY) == set(TRIGGERS)


@pytest.mark.parametrize("tongue", TONGUES)
def test_every_code_renders_with_and_without_its_number(tongue: Tongue) -> None:
    spoken = language(tongue)
    for code in TRIGGERS:
        for side in ("BUY", "SELL", None):
            for number in (1.5, NAN):
                told = trigger_words(code, spoken, value=number, threshold=number, side=side)
                assert told
                assert "{" not in told
                assert "nan" not in told
                if side in TRIGGERS[code].sides:
                    assert code not in told
    for code in HINTS:
        for number in (2.0, NAN):
            told = hint_words(Hint(code, number, "BTC"), spoken)
            assert told
            assert "{" not in told
            assert "nan" not in told
    assert len({label_words(action, spoken) for action in get_args(Action)}) == len(get_args(Action))


def test_trigger_words_in_three_languages() -> None:
    told = [
        trigger_words("VOLUME_SPIKE", language(tongue), value=3.44, threshold=3.0, side="BUY") for tongue in TONGUES
    ]
    assert told == [
        "volume 3.4σ above normal on a rising bar",
        "volume 3,4σ acima do normal em barra de alta",
        "обсяг на 3,4σ вище норми на барі зростання",
    ]
    quiet = trigger_words("QUIET", language("pt"), value=0.0512, threshold=0.061, side=None)
    assert quiet == "calmo demais: ATR de 0,051% por barra, limite 0,061%"


def test_hint_words_in_three_languages() -> None:
    assert hint_words(Hint("WARMING_UP", 2.0), language("uk")) == "бракує 2 барів"
    assert hint_words(Hint("WARMING_UP", 1.0), language("uk")) == "бракує 1 бара"
    assert hint_words(Hint("COOLDOWN", 181.2), language("uk")) == "без нового сповіщення ще 182 секунди"
    assert hint_words(Hint("LEVEL_TOUCH", 61200.0), language("pt"), 1) == "preço toca o nível 61.200,0"
    same = hint_words(Hint("SAME_BET", 0.874, "BTC"), language("pt"))
    assert same == "anda com BTC (correlação 0,87): a mesma aposta"


def test_what_has_no_words_is_shown_as_it_is() -> None:
    assert trigger_words("NEW_ONE", language("uk"), value=1.25, threshold=NAN, side=None) == "NEW_ONE 1,2 (поріг –)"
    assert hint_words(Hint("", text="in words already"), language("uk")) == "in words already"
    assert hint_words(Hint("WARMING_UP"), language("en")) == "WARMING_UP"
