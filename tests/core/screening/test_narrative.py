"""Narratives: complete for every situation, the same for the same facts, and worth reading."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from typing import get_args

import pytest
from msgspec.structs import replace

from core.messages import Action, Anomaly, AnomalyKind, Change, ChangeCode, Contribution, Regime, RiskParameters, Side
from core.screening.language import TONGUES, Tongue, language
from core.screening.narrative import narrate
from core.screening.narrative_facts import Facts, Hint
from core.screening.recommend import Case, RecommendationRules, recommend
from tests.core.screening.stage2 import VOLATILE, confident, trade

NAN = math.nan
KINDS: tuple[AnomalyKind, ...] = get_args(AnomalyKind)
SIDES: tuple[Side, ...] = get_args(Side)


def part(detector: str, family: str, reason: str, gain: float, side: Side = "BUY") -> Contribution:
    return Contribution(
        detector=detector, family=family, group="CLASSIC", side=side, score=0.5, logit=gain, gain=gain, reason=reason
    )


OVERSOLD = part("rsi_static", "MEANREV", "RSI 24 oversold", 0.041)
FALLING = part("macd", "MOMENTUM", "MACD falling", -0.021, "SELL")
VALUES: dict[AnomalyKind, tuple[float, float]] = {
    "VOLATILITY": (0.93, 0.80),
    "BREAKOUT_WITH_VOLUME": (3.42, 2.0),
    "TREND_REVERSAL": (NAN, NAN),
    "RELATIVE_STRENGTH": (-2.61, 2.0),
    "LIQUIDITY_THIN": (4.2, 3.0),
}


def anomaly(kind: AnomalyKind, side: Side | None = "BUY", known: bool = True) -> Anomaly:
    value, threshold = VALUES[kind] if known else (NAN, NAN)
    return Anomaly(kind=kind, reason="", side=side, value=value, threshold=threshold)


BUY = Facts(
    symbol="BTCUSDT",
    label="BUY",
    side="BUY",
    regime="trend_up",
    anomalies=(anomaly("BREAKOUT_WITH_VOLUME"), anomaly("VOLATILITY", None)),
    level=Decimal("61200"),
    reason=OVERSOLD,
    contrary=FALLING,
    price=61300.5,
    price_decimals=1,
    entry_low=61000.0,
    entry_high=61300.5,
    target=64000.0,
    stop=60100.0,
    rr=2.13,
    cost=0.0011,
    probability=0.78,
    calibrated=True,
    factors=5,
    changes=(
        Change("STOP", 61300.5, 60100.0, ""),
        Change("PROBABILITY", 0.78, 0.75, ""),
        Change("FACTORS", 5, 4, ""),
        Change("P_TRADE", 0.48, 0.37, ""),
    ),
)
WAIT = replace(
    BUY,
    symbol="ETHUSDT",
    label="WAIT_FOR_CONFIRMATION",
    side="SELL",
    regime="range",
    anomalies=(anomaly("RELATIVE_STRENGTH", "SELL"),),
    reason=FALLING,
    contrary=OVERSOLD,
    stop=62400.0,
    target=58800.0,
    probability=0.68,
    calibrated=False,
    factors=2,
    changes=(
        Change("PROBABILITY", 0.68, 0.75, ""),
        Change("FACTORS", 2, 4, ""),
        Change("P_TRADE", NAN, 0.37, ""),
    ),
)
AVOID = replace(
    BUY,
    label="AVOID",
    regime="trend_down",
    anomalies=(anomaly("TREND_REVERSAL"),),
    rr=1.97,
    changes=(Change("RATIO", 1.97, 2.0, ""),),
)
HIGH_RISK = replace(
    BUY,
    label="AVOID_HIGH_RISK",
    regime="undefined",
    anomalies=(anomaly("VOLATILITY", None),),
    probability=0.7,
    changes=(Change("VOLATILITY", 0.93, 0.8, ""), Change("PROBABILITY", 0.7, 0.8, "")),
)
BROKEN = Facts(
    symbol="BTCUSDT",
    label="INVALID_DATA",
    regime="undefined",
    changes=(Change("DATA", NAN, NAN, ""),),
    error="the stop is above the entry.",
)
SITUATIONS = {"buy": BUY, "wait": WAIT, "avoid": AVOID, "high risk": HIGH_RISK, "broken": BROKEN}

GOLDEN: dict[tuple[str, Tongue], str] = {
    ("buy", "en"): (
        "BTCUSDT broke above 61,200.0 on volume 3.4σ above normal, in an uptrend; also high volatility. "
        "Buy at 61,000.0–61,300.5: RSI 24 oversold (+4.1 pp); probability 78%, 5 factors confirm. "
        "Risk: stop 60,100.0 (−2.0%), target 64,000.0 (+4.4%), reward to risk 2.1 after costs of 0.11%; "
        "against it: MACD falling (−2.1 pp). "
        "The view changes on a close below 60,100.0 or a probability under 75%."
    ),
    ("buy", "pt"): (
        "BTCUSDT rompeu 61.200,0 para cima com volume 3,4σ acima do normal, em tendência de alta; também"
        " volatilidade alta. "
        "Comprar a 61.000,0–61.300,5: RSI 24 sobrevendido (+4,1 p.p.); probabilidade 78%, 5 fatores "
        "confirmam. "
        "Risco: stop 60.100,0 (−2,0%), alvo 64.000,0 (+4,4%), retorno/risco 2,1 após custos de 0,11%; "
        "contra: MACD caindo (−2,1 p.p.). "
        "A visão muda com fechamento abaixo de 60.100,0 ou probabilidade inferior a 75%."
    ),
    ("buy", "uk"): (
        "BTCUSDT: пробій 61 200,0 вгору з обсягом на 3,4σ вище норми, у висхідному тренді; також висока "
        "волатильність. "
        "Купувати по 61 000,0–61 300,5: RSI 24, перепроданість (+4,1 в. п.); імовірність 78%, 5 факторів"
        " підтверджують. "
        "Ризик: стоп 60 100,0 (−2,0%), ціль 64 000,0 (+4,4%), прибуток/ризик 2,1 після витрат 0,11%; "
        "проти: MACD падає (−2,1 в. п.). "
        "Погляд зміниться при закритті нижче 60 100,0 або імовірності менше 75%."
    ),
    ("wait", "en"): (
        "ETHUSDT is 2.6σ weaker than BTC explains, in a range. "
        "Wait, leaning to sell: MACD falling (+2.1 pp); probability 68% (uncalibrated), 2 factors "
        "confirm. "
        "Risk if taken now: stop 62,400.0 (+2.3%), target 58,800.0 (−3.6%), reward to risk 2.1 after "
        "costs of 0.11%; against it: RSI 24 oversold (−4.1 pp). "
        "Needed for Sell: probability ≥ 75% (+7 pp), 2 more factors, target before stop > 37% (not known"
        " yet)."
    ),
    ("wait", "pt"): (
        "ETHUSDT está 2,6σ mais fraco do que BTC explica, em mercado lateral. "
        "Aguardar, viés de venda: MACD caindo (+2,1 p.p.); probabilidade 68% (não calibrada), 2 fatores "
        "confirmam. "
        "Risco se entrar já: stop 62.400,0 (+2,3%), alvo 58.800,0 (−3,6%), retorno/risco 2,1 após custos"
        " de 0,11%; contra: RSI 24 sobrevendido (−4,1 p.p.). "
        "Falta para vender: probabilidade ≥ 75% (+7 p.p.), mais 2 fatores, alvo antes do stop > 37% "
        "(ainda desconhecido)."
    ),
    ("wait", "uk"): (
        "ETHUSDT: на 2,6σ слабше, ніж пояснює BTC, у боковому русі. "
        "Чекати, схиляється до продажу: MACD падає (+2,1 в. п.); імовірність 68% (некалібрована), 2 "
        "фактори підтверджують. "
        "Ризик при вході зараз: стоп 62 400,0 (+2,3%), ціль 58 800,0 (−3,6%), прибуток/ризик 2,1 після "
        "витрат 0,11%; проти: RSI 24, перепроданість (−4,1 в. п.). "
        "Потрібно для продажу: імовірність ≥ 75% (+7 в. п.), ще 2 фактори, ціль раніше за стоп > 37% (ще"
        " невідомо)."
    ),
    ("avoid", "en"): (
        "BTCUSDT shows signs of a turn up at 61,200.0, in a downtrend. "
        "Do not buy: reward to risk is 1.97, below 2.0; in favour: RSI 24 oversold (+4.1 pp). "
        "Risk: first turns often fail, and it goes against the trend. "
        "Worth another look with: reward to risk ≥ 2.0."
    ),
    ("avoid", "pt"): (
        "BTCUSDT mostra sinais de reversão para cima em 61.200,0, em tendência de baixa. "
        "Não comprar: retorno/risco de 1,97, abaixo de 2,0; a favor: RSI 24 sobrevendido (+4,1 p.p.). "
        "Risco: a primeira reversão falha com frequência, e vai contra a tendência. "
        "Vale rever com: retorno/risco ≥ 2,0."
    ),
    ("avoid", "uk"): (
        "BTCUSDT: ознаки розвороту вгору біля 61 200,0, у низхідному тренді. "
        "Не купувати: прибуток/ризик 1,97, нижче 2,0; за: RSI 24, перепроданість (+4,1 в. п.). "
        "Ризик: перший розворот часто не вдається, до того ж це проти тренду. "
        "Варто переглянути, якщо: прибуток/ризик ≥ 2,0."
    ),
    ("high risk", "en"): (
        "BTCUSDT: volatility higher than in 93% of the last 7 days, with no clear trend. "
        "Too risky to buy: probability 70%, below 80%; in favour: RSI 24 oversold (+4.1 pp). "
        "Risk: noise alone can reach the stop, and the trend gives no support. "
        "Worth another look with: calmer volatility or probability ≥ 80% (+10 pp)."
    ),
    ("high risk", "pt"): (
        "BTCUSDT: volatilidade maior que em 93% dos últimos 7 dias, sem tendência clara. "
        "Compra arriscada demais: probabilidade 70%, abaixo de 80%; a favor: RSI 24 sobrevendido (+4,1 "
        "p.p.). "
        "Risco: só o ruído já pode atingir o stop, e a tendência não dá apoio. "
        "Vale rever com: volatilidade mais calma ou probabilidade ≥ 80% (+10 p.p.)."
    ),
    ("high risk", "uk"): (
        "BTCUSDT: волатильність вища, ніж у 93% часу за 7 днів, без чіткого тренду. "
        "Купувати надто ризиковано: імовірність 70%, нижче 80%; за: RSI 24, перепроданість (+4,1 в. п.)."
        " "
        "Ризик: сам шум може зачепити стоп, до того ж тренд не дає опори. "
        "Варто переглянути, якщо: спокійніша волатильність або імовірність ≥ 80% (+10 в. п.)."
    ),
    ("broken", "en"): (
        "No recommendation: the stop is above the entry. "
        "Risk: levels drawn from this would mislead. "
        "Changes with the next complete bar."
    ),
    ("broken", "pt"): (
        "Sem recomendação: the stop is above the entry. "
        "Risco: níveis tirados daqui seriam enganosos. "
        "Muda com a próxima barra completa."
    ),
    ("broken", "uk"): (
        "Без рекомендації: the stop is above the entry. "
        "Ризик: рівні за такими даними введуть в оману. "
        "Зміниться з наступним повним баром."
    ),
}


def plain(text: str) -> str:
    """No-break spaces inside numbers as ordinary ones, to be readable here."""
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(("situation", "tongue"), list(itertools.product(SITUATIONS, TONGUES)))
def test_golden_sentences(situation: str, tongue: Tongue) -> None:
    assert plain(narrate(SITUATIONS[situation], language(tongue)).text) == GOLDEN[situation, tongue]


def every_case() -> list[Facts]:
    """Anomaly by label by regime, on both sides, with all figures known and with none."""
    cases = []
    for kind, label, regime, side, known in itertools.product(
        (None, *KINDS), get_args(Action), get_args(Regime), SIDES, (True, False)
    ):
        if label in SIDES and side != label:
            continue
        seen = (anomaly(kind, side, known),) if kind else ()
        base = BUY if known else Facts(symbol="BTCUSDT", label=label, regime=regime, side=side)
        cases.append(replace(base, label=label, regime=regime, side=side, anomalies=seen))
    return cases


@pytest.mark.parametrize("tongue", TONGUES)
def test_every_anomaly_label_and_regime_renders_complete(tongue: Tongue) -> None:
    spoken = language(tongue)
    for facts in every_case():
        told = narrate(facts, spoken)
        sentences = [sentence for sentence in (told.fact, told.reason, told.risk, told.change) if sentence]
        assert 2 <= len(sentences) <= 4
        assert told.text == " ".join(sentences)
        for sentence in sentences:
            assert sentence.endswith("."), sentence
            for leftover in ("{", "}", "nan", "NaN", "None", "  ", " ,", " .", " ;", "..", "()"):
                assert leftover not in sentence, sentence
        if facts.anomalies or facts.label not in ("INVALID_DATA", "SYSTEM_FAILURE"):
            assert spoken.text(f"regime.{facts.regime}") in told.fact
            assert told.fact.startswith("BTCUSDT")


@pytest.mark.parametrize("tongue", TONGUES)
def test_anomaly_label_and_regime_each_change_the_words(tongue: Tongue) -> None:
    spoken = language(tongue)
    told: dict[str, Facts] = {}
    for facts in every_case():
        if facts.label in ("INVALID_DATA", "SYSTEM_FAILURE"):
            continue
        text = narrate(facts, spoken).text
        assert text not in told, (facts, told[text])
        told[text] = facts


@pytest.mark.parametrize("tongue", TONGUES)
def test_every_code_of_a_change_is_understood(tongue: Tongue) -> None:
    spoken = language(tongue)
    confirmation = spoken.text("condition.confirmation")
    for code in get_args(ChangeCode):
        facts = replace(WAIT, changes=(Change(code, 0.0, 1.0, ""),))
        stated_elsewhere = code in ("ERROR", "DATA", "STOP")
        assert (confirmation in narrate(facts, spoken).change) == stated_elsewhere, code


def test_the_same_facts_give_the_same_words() -> None:
    for facts in SITUATIONS.values():
        for tongue in TONGUES:
            assert narrate(facts, language(tongue)) == narrate(replace(facts), language(tongue))


def test_prices_may_be_decimals_or_floats() -> None:
    exact = replace(
        BUY,
        price=Decimal("61300.5"),
        entry_low=Decimal("61000.0"),
        entry_high=Decimal("61300.5"),
        target=Decimal("64000"),
        stop=Decimal("60100"),
        level=61200.0,
    )
    for tongue in TONGUES:
        assert narrate(exact, language(tongue)) == narrate(BUY, language(tongue))


def test_a_value_is_never_shown_as_the_limit_it_missed() -> None:
    near = replace(AVOID, rr=1.9996, changes=(Change("RATIO", 1.9996, 2.0, ""),))
    assert "reward to risk is 1.9996, below 2.0" in narrate(near, language("en")).reason
    close = replace(WAIT, probability=0.7478, changes=(Change("PROBABILITY", 0.7478, 0.75, ""),))
    told = narrate(close, language("en"))
    assert "probability 74.8% (uncalibrated)" in told.reason
    assert "probability ≥ 75% (+0.2 pp)" in told.change
    odd = replace(WAIT, probability=0.7, changes=(Change("PROBABILITY", 0.7, 0.725, ""),))
    assert "probability ≥ 72.5%" in narrate(odd, language("en")).change


def test_causes_of_avoid_are_told_in_the_order_of_the_rules() -> None:
    fees = Change("FEES", 0.9, NAN, "")
    ratio, likely = Change("RATIO", 1.2, 2.0, ""), Change("PROBABILITY", 0.4, 0.5, "")
    shorts = Change("SHORTS", 0.0, 1.0, "")
    spoken = language("en")
    unlikely = replace(AVOID, probability=0.4, rr=1.2)
    assert "fees exceed the move" in narrate(replace(unlikely, changes=(fees, ratio, likely)), spoken).reason
    assert "reward to risk is 1.2" in narrate(replace(unlikely, changes=(ratio, likely)), spoken).reason
    assert "probability 40%, below 50%" in narrate(replace(unlikely, changes=(likely,)), spoken).reason
    short = replace(unlikely, side="SELL", changes=(shorts,))
    assert "short selling is switched off" in narrate(short, spoken).reason
    assert narrate(short, spoken).change == "Worth another look with: short selling switched on."


def test_a_trade_against_the_trend_says_so() -> None:
    against = replace(BUY, regime="trend_down")
    assert "against it: MACD falling (−2.1 pp); it goes against the trend" in narrate(against, language("en")).risk
    assert "against the trend" not in narrate(BUY, language("en")).risk
    selling = replace(WAIT, regime="trend_up")
    assert "проти тренду" in narrate(selling, language("uk")).risk


def test_thin_liquidity_tells_spread_or_depth_by_which_was_met() -> None:
    shallow = Anomaly(kind="LIQUIDITY_THIN", reason="", value=0.21, threshold=0.3)
    assert "depth 21% of its usual" in narrate(replace(WAIT, anomalies=(shallow,)), language("en")).fact
    wide = anomaly("LIQUIDITY_THIN", None)
    assert "spread 4.2× its usual" in narrate(replace(WAIT, anomalies=(wide,)), language("en")).fact


def test_hints_come_in_their_order_and_language() -> None:
    hints = (Hint("DEFAULT_THRESHOLDS"), Hint("UNCALIBRATED", 43.0), Hint("", text="said elsewhere"))
    assert narrate(replace(WAIT, hints=hints), language("uk")).hints == (
        "пороги типові, не калібровані",
        "імовірність некалібрована: поки 43 результати",
        "said elsewhere",
    )


def test_a_label_against_its_own_side_is_refused() -> None:
    with pytest.raises(ValueError, match="label BUY with side SELL"):
        Facts(symbol="BTCUSDT", label="BUY", regime="range", side="SELL")


@pytest.mark.parametrize(
    ("case", "reason", "change"),
    [
        (
            Case(confidence=confident(0.8, confirming=4), risk=trade(2.5), p_trade=0.6),
            "Buy at the market: nothing stands out; probability 80%, 4 factors confirm.",
            "The view changes on a probability under 75%.",
        ),
        (
            Case(confidence=confident(0.6, confirming=3), risk=trade(2.5), p_trade=0.2),
            "Wait, leaning to buy: nothing stands out; probability 60%, 3 factors confirm.",
            "Needed for Buy: probability ≥ 75% (+15 pp), 1 more factor, target before stop > 31.4% (+11 pp).",
        ),
        (
            Case(confidence=confident(0.45), risk=trade(1.5, fees_exceed_move=True)),
            "Do not buy: fees exceed the move; in favour: nothing stands out.",
            "Worth another look with: a larger move or lower costs, reward to risk ≥ 2.0, probability ≥ 50% (+5 pp).",
        ),
        (
            Case(confidence=confident(0.7), risk=trade(2.5), anomalies=(VOLATILE,)),
            "Too risky to buy: probability 70%, below 80%; in favour: nothing stands out.",
            "Worth another look with: calmer volatility or probability ≥ 80% (+10 pp).",
        ),
        (
            Case(confidence=None, risk=None, error="TimeoutError"),
            "No recommendation, the analysis failed: TimeoutError.",
            "Changes with the next run that succeeds; the log has the error.",
        ),
    ],
)
def test_what_a_recommendation_lacks_is_told_from_its_own_changes(case: Case, reason: str, change: str) -> None:
    found = recommend(case, RecommendationRules())
    told = narrate(
        Facts(
            symbol="BTCUSDT",
            label=found.action,
            regime="range",
            side=found.side or "BUY",
            anomalies=case.anomalies,
            probability=case.confidence.probability if case.confidence else NAN,
            calibrated=True,
            factors=case.confidence.factors_confirmed if case.confidence else 0,
            rr=case.risk.risk_reward_ratio if isinstance(case.risk, RiskParameters) else NAN,
            changes=found.changes,
            error=case.error,
        ),
        language("en"),
    )
    assert (told.reason, told.change) == (reason, change)
