"""Detectors' reasons in other languages: every detector is covered, what is not recognised is quoted."""

from __future__ import annotations

import pytest

import core.signals.classic
import core.signals.higher_trend
import core.signals.smc.detectors  # noqa: F401
from core.messages import Contribution
from core.screening.language import TONGUES, Tongue, language
from core.screening.reason_words import CANDLES, FAMILIES, SHAPES, contribution_words, reason_words, recognised
from core.signals.classic.pattern import CANDLES as DETECTED
from core.signals.classic.pattern import TWO_SIDED
from core.signals.reading import REGISTRY

SAID = [
    ("rsi_static", "RSI 24 oversold", "RSI 24 sobrevendido", "RSI 24, перепроданість"),
    ("rsi_dynamic", "RSI above its own 95 % level", "RSI acima do seu nível de 95%", "RSI вище власного рівня 95%"),
    ("rsi_div", "bearish RSI divergence", "divergência de baixa no RSI", "ведмежа дивергенція RSI"),
    ("stoch", "Stochastic turns up from 12", None, "Стохастик розвертається вгору від 12"),
    ("boll", "2.3σ below the mean", "2,3σ abaixo da média", "на 2,3σ нижче середнього"),
    ("cci", "CCI −143 oversold", "CCI −143 sobrevendido", "CCI −143, перепроданість"),
    ("willr", "%R −4 overbought", "%R −4 sobrecomprado", "%R −4, перекупленість"),
    ("mfi", "MFI 81 overbought", None, None),
    ("vwap_dev", "1.2 % over 30-bar VWAP", "1,2% acima do VWAP de 30 barras", "на 1,2% вище VWAP (30)"),
    ("vwap_trend", "0.4 % under 30-bar VWAP", "0,4% abaixo do VWAP de 30 barras", None),
    ("macd", "MACD falling", "MACD caindo", "MACD падає"),
    ("roc", "10-bar move in top 3 %", None, "рух за 10 барів серед 3% найбільших"),
    ("donchian", "20-bar low broken", "mínima de 20 barras rompida", "пробито мінімум (20)"),
    ("ema_cross", "EMA9 above EMA21 by 0.7 ATR", "EMA9 acima da EMA21 em 0,7 ATR", None),
    ("ema_stack", "EMAs stacked down", None, "EMA вишикувані вниз"),
    ("adx_di", "ADX 31, −DI leads", "ADX 31, −DI lidera", "ADX 31, попереду −DI"),
    ("supertrend", "Supertrend flipped up", "Supertrend virou para cima", None),
    ("supertrend", "Supertrend flipped down 1 bar ago", None, "Supertrend розвернувся вниз 1 бар тому"),
    ("supertrend", "Supertrend flipped up 3 bars ago", None, "Supertrend розвернувся вгору 3 бари тому"),
    ("supertrend", "Supertrend down for 120 bars or more", None, "Supertrend униз щонайменше 120 барів"),
    ("higher_trend", "15m trend up, 1h range", "15m em alta, 1h lateral", "15m: тренд угору, 1h: боковий рух"),
    ("vol_spike", "volume 3.4σ above normal", "volume 3,4σ acima do normal", "обсяг на 3,4σ вище норми"),
    ("obv_slope", "volume on rising bars (OBV)", None, "обсяг на барах зростання (OBV)"),
    ("cmf", "money flow +0.12", "fluxo de dinheiro +0,12", "грошовий потік +0,12"),
    ("squeeze", "volatility squeeze released up", None, "стиснення волатильності розкрилося вгору"),
    ("candle", "bullish engulfing at support", "engolfo de alta no suporte", "бичаче поглинання на підтримці"),
    (
        "smc_bos",
        "BOS up through 61,200.50 (swing of 10:05Z)",
        "BOS para cima em 61.200,50 (topo de 10:05Z)",
        "BOS вгору через 61\u00a0200,50 (екстремум 10:05Z)",
    ),
    ("smc_choch", "CHoCH down through 0.001742 (swing of 03 May 10:05Z)", None, None),
    ("smc_displacement", "displacement down 1.8 ATR, gap left", None, "імпульс униз 1,8 ATR, залишено геп"),
    ("smc_fvg", "held bullish gap 1,200.5–1,210.0", "gap de alta 1.200,5–1.210,0 respeitado", None),
    ("smc_ob", "first retest of bearish block 99.1–99.4", None, "перший ретест ведмежого блоку 99,1–99,4"),
    ("smc_sweep", "swept equal lows ×3, closed back above", None, "знято рівні мінімуми ×3, закриття знову вище"),
    ("smc_sweep", "swept the previous week's high, closed back below", None, None),
    ("smc_pd", "discount: −4 % of range", "desconto: −4% da faixa", "дисконт: −4% діапазону"),
]


@pytest.mark.parametrize(("detector", "said", "pt", "uk"), SAID)
def test_reasons_are_told_in_each_language(detector: str, said: str, pt: str | None, uk: str | None) -> None:
    assert recognised(detector, said.split(", 1h")[0], language("en")) == said.split(", 1h")[0]
    assert reason_words(detector, "TREND", said, language("en")) == said
    tongues: list[tuple[Tongue, str | None]] = [("pt", pt), ("uk", uk)]
    for tongue, expected in tongues:
        told = reason_words(detector, "TREND", said, language(tongue))
        assert said not in told
        if expected is not None:
            assert told == expected


def test_every_detector_has_its_shapes_and_every_shape_an_example() -> None:
    assert set(REGISTRY) == set(SHAPES)
    for detector, shapes in SHAPES.items():
        examples = [said for name, said, _, _ in SAID if name == detector]
        for shape in shapes:
            assert any(shape.pattern.fullmatch(part) for said in examples for part in (said, said.split(", ")[0]))


def test_every_candle_the_detector_knows_has_a_name_everywhere() -> None:
    names = set()
    for column, name in DETECTED.items():
        names |= {f"bullish {name}", f"bearish {name}"} if column in TWO_SIDED else {name}
    assert names == set(CANDLES)
    for tongue in TONGUES:
        for name in CANDLES:
            for place in ("support", "resistance"):
                told = reason_words("candle", "PATTERN", f"{name} at {place}", language(tongue))
                assert ("“" in told or "«" in told) is False


def test_families_of_the_registry_have_names() -> None:
    assert {entry.family for entry in REGISTRY.values()} <= set(FAMILIES)


@pytest.mark.parametrize(
    ("detector", "family", "told"),
    [
        ("rsi_static", "MEANREV", "повернення до середнього «RSI is 24 {x}»"),
        ("brand_new", "FLOW", "потік ордерів «RSI is 24 {x}»"),
        ("brand_new", "NEWS", "NEWS «RSI is 24 {x}»"),
    ],
)
def test_an_unknown_reason_is_quoted_behind_its_family(detector: str, family: str, told: str) -> None:
    assert reason_words(detector, family, "RSI is 24 {x}", language("uk")) == told


def test_a_gain_is_positive_for_the_side_it_speaks_for() -> None:
    part = Contribution(
        detector="macd",
        family="MOMENTUM",
        group="CLASSIC",
        side="SELL",
        score=0.5,
        logit=-0.1,
        gain=-0.021,
        reason="MACD falling",
    )
    assert contribution_words(part, "SELL", language("en")) == "MACD falling (+2.1 pp)"
    assert contribution_words(part, "BUY", language("pt")) == "MACD caindo (−2,1 p.p.)"
