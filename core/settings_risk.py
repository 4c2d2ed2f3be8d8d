"""The knobs of `[risk]`: what may be lost, held and sent. Ranges stand in each description."""

from __future__ import annotations

import re
from typing import Annotated
from zoneinfo import available_timezones

from msgspec import Struct

from core.settings_knob import about


class RiskSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be lost, held and sent.

    Ranges: shares of equity 0 to 1 (`risk_per_trade` at most 0.02, exposures at most 10), money 0 (no such limit) or more,
    counts 1 or more, times as named. Tightening takes effect at once, loosening at the next daily reset once the operator
    arms again.
    """

    risk_per_trade: Annotated[float, about("Share of equity lost at the stop, costs included.", ge=0.0001, le=0.02)] = (
        0.005
    )
    risk_per_trade_cap: Annotated[float, about("No trade may risk more than this share.", ge=0.0001, le=0.02)] = 0.02
    daily_loss: Annotated[float, about("Share of the equity at the reset that a day may lose.", ge=0.001, le=0.5)] = (
        0.03
    )
    daily_loss_money: Annotated[float, about("... and in the quote currency; 0: no such limit.", ge=0)] = 0.0
    reset_time: Annotated[str, about("When the trading day begins, HH:MM in `reset_zone`.")] = "00:00"
    reset_zone: Annotated[str, about("IANA time zone of the reset, for example America/Sao_Paulo.")] = "UTC"
    drawdown_throttle: Annotated[float, about("From this drawdown sizes shrink.", ge=0.001, le=0.9)] = 0.05
    drawdown_halt: Annotated[float, about("At this drawdown trading halts; above the throttle.", ge=0.002, le=0.95)] = (
        0.15
    )
    loss_streak: Annotated[int, about("Losses in a row that start a cool-down.", ge=1, le=100)] = 4
    cool_down_min: Annotated[float, about("Minutes without entries after a streak.", ge=1, le=10_080)] = 60.0
    max_positions: Annotated[int, about("Open positions and pending entries together.", ge=1, le=100)] = 5
    max_per_symbol: Annotated[int, about("... of one symbol and its same-bet companions.", ge=1, le=10)] = 1
    order_exposure: Annotated[float, about("Notional of one order, in equity.", ge=0.001, le=10)] = 0.5
    symbol_exposure: Annotated[float, about("Notional of a symbol and its same bets, in equity.", ge=0.001, le=10)] = (
        0.5
    )
    total_exposure: Annotated[float, about("Notional of everything held and pending, in equity.", ge=0.001, le=10)] = (
        1.0
    )
    heat: Annotated[float, about("Correlated risk after the trade, share of equity.", ge=0.0001, le=0.5)] = 0.03
    min_net_ratio: Annotated[float, about("Least reward over risk, net of costs.", ge=0.1, le=20)] = 2.0
    max_leverage: Annotated[float, about("Perpetuals: leverage set at the venue at most.", ge=1, le=100)] = 3.0
    volatility_target: Annotated[float, about("Annual volatility a position may bring, share.", ge=0.01, le=5)] = 0.30
    depth_share: Annotated[float, about("Share of the depth within 10 bp an order may take.", ge=0.0001, le=1)] = 0.02
    volume_share: Annotated[float, about("Share of the one-minute volume an order may be.", ge=0.0001, le=1)] = 0.01
    collar: Annotated[float, about("Farthest price from mid and mark, share.", ge=0.0001, le=0.2)] = 0.01
    confirmed_drift: Annotated[float, about("Farthest mid from the confirmed price, share.", ge=0.0001, le=0.2)] = 0.005
    market_slippage: Annotated[float, about("Worst slip assumed for a market order, share.", ge=0, le=0.2)] = 0.01
    clock_skew_ms: Annotated[float, about("Largest clock offset for entries.", ge=1, le=900)] = 500.0
    clock_age_s: Annotated[float, about("Oldest measurement of that offset.", ge=5, le=3600)] = 120.0
    rules_age_s: Annotated[float, about("Oldest instrument rules for entries.", ge=60, le=86_400)] = 3600.0
    quote_age_s: Annotated[float, about("A quote may be this old ...", ge=0.1, le=60)] = 2.0
    quote_gaps: Annotated[float, about("... or this many of its usual gaps.", ge=1, le=100)] = 5.0
    entry_budget: Annotated[float, about("Share of the rate budget entries may use up.", ge=0.05, le=0.9)] = 0.5
    exit_budget: Annotated[
        float, about("... and targets and time stops; the rest is for stops and cancels.", ge=0.05, le=0.99)
    ] = 0.8
    entries_per_minute: Annotated[int, about("Entries sent in any minute.", ge=1, le=600)] = 6
    duplicate_window_s: Annotated[float, about("The same intent again within this is a duplicate.", ge=1, le=3600)] = (
        30.0
    )
    token_age_s: Annotated[float, about("Oldest authorisation at send.", ge=1, le=10)] = 10.0
    quiet_s: Annotated[float, about("No entries this long before and after funding and news.", ge=0, le=3600)] = 120.0
    max_return_sigmas: Annotated[float, about("Largest last one-minute return, in deviations.", ge=1, le=50)] = 6.0
    max_spread_ratio: Annotated[float, about("Widest spread, in its median.", ge=1, le=50)] = 3.0
    same_bet: Annotated[float, about("From this correlation two positions are one bet.", ge=0.3, le=1)] = 0.85
    stop_room: Annotated[
        float, about("Perpetuals: liquidation at least this many stop distances off.", ge=1, le=20)
    ] = 2.0
    stop_room_atr: Annotated[float, about("... and this many ATR (15 m) behind the stop.", ge=0, le=20)] = 3.0


def unsound(settings: RiskSettings) -> list[str]:
    """What is wrong with knobs that are each in range but make no sense together, in words; empty: nothing."""
    found = []
    if not settings.drawdown_throttle < settings.drawdown_halt:
        found.append(
            f"risk.drawdown_throttle {settings.drawdown_throttle} must be below risk.drawdown_halt {settings.drawdown_halt}"
        )
    if settings.risk_per_trade > settings.risk_per_trade_cap:
        found.append(
            f"risk.risk_per_trade {settings.risk_per_trade} must not be above risk.risk_per_trade_cap {settings.risk_per_trade_cap}"
        )
    if settings.entry_budget > settings.exit_budget:
        found.append(
            f"risk.entry_budget {settings.entry_budget} must not be above risk.exit_budget {settings.exit_budget}"
        )
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", settings.reset_time):
        found.append(f"risk.reset_time {settings.reset_time!r} must be HH:MM, for example 00:00 or 17:30")
    if settings.reset_zone not in available_timezones():
        found.append(f"risk.reset_zone {settings.reset_zone!r} is no IANA time zone: write one like America/Sao_Paulo")
    return found
