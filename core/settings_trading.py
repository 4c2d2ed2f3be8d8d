"""The sections of the settings for orders, positions and the simulated account. Limits stand in `core/risk/risk_settings.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from core.settings_knob import about


class Trading(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How orders are watched over and positions protected."""

    environment: Annotated[
        Literal["live", "testnet", "demo"], about("Bybit: which of its hosts orders go to. Binance.US has only live.")
    ] = "live"
    answer_s: Annotated[
        float, about("No answer to an order after this long: its outcome is unknown.", ge=0.2, le=30)
    ] = 2.0
    unknown_alarm_s: Annotated[float, about("An order unknown for this long needs the operator.", ge=5, le=3600)] = 60.0
    no_trace_s: Annotated[
        float, about("An order is held never to have arrived after this long without a trace.", ge=10, le=3600)
    ] = 30.0
    reconcile_orders_s: Annotated[float, about("Open orders are compared with the venue's.", ge=1, le=600)] = 10.0
    reconcile_account_s: Annotated[float, about("Balances and positions are compared.", ge=5, le=3600)] = 30.0
    stop_within_s: Annotated[
        float, about("A protective stop must rest this soon after the first fill.", ge=0.5, le=60)
    ] = 3.0
    naked_alarm_s: Annotated[float, about("An unprotected position alarms after this long.", ge=1, le=300)] = 5.0
    naked_policy: Annotated[
        Literal["close", "hold"],
        about("An unprotected position whose stop failed twice: close it by market order, or hold."),
    ] = "close"
    stop_age_s: Annotated[
        float, about("A stop not seen at the venue for this long is shown as unverified.", ge=5, le=30)
    ] = 30.0
    escalate_s: Annotated[
        float, about("A triggered stop not filled after this long is followed by a market order.", ge=1, le=300)
    ] = 5.0
    entry_expires_s: Annotated[
        float, about("An entry not filled after this long is cancelled; 0: it waits.", ge=0, le=604_800)
    ] = 900.0
    target_shares: Annotated[
        tuple[float, ...], about("Shares of the position taken at each target; the rest trails behind.")
    ] = (0.5, 0.3)
    break_even_after: Annotated[
        int, about("The stop goes to break-even after so many targets; 0: never.", ge=0, le=10)
    ] = 1
    trail_after_r: Annotated[float, about("Trailing starts at this many R of gain; 0: never trails.", ge=0, le=20)] = (
        1.0
    )
    trail_atr: Annotated[float, about("The trailing stop stays so many ATR behind the best price.", ge=0.5, le=20)] = (
        3.0
    )
    time_stop_min: Annotated[float, about("A position is closed after this long; 0: never.", ge=0, le=100_000)] = 0.0
    stop_limit_bp: Annotated[
        float,
        about(
            "Where stops are limit orders: their limit lies this far behind the trigger, basis points.", ge=1, le=1000
        ),
    ] = 50.0
    on_quit: Annotated[
        Literal["cancel", "leave"], about("Working entries when the program ends. Protective stops always stay.")
    ] = "cancel"
    armed_min: Annotated[float, about("Live trading stays armed for this long.", ge=1, le=1440)] = 60.0
    outside_tmux: Annotated[
        Literal["refuse", "allow"],
        about("Arming where a dropped connection ends the program: not under tmux, screen or systemd."),
    ] = "refuse"
    ticket_s: Annotated[float, about("An order ticket expires after this long.", ge=10, le=60)] = 60.0
    proposals: Annotated[int, about("Proposals kept in the inbox, the best ones.", ge=1, le=50)] = 5
    proposal_confidence: Annotated[float, about("Proposals below this confidence are not shown.", ge=0, le=1)] = 0.5
    snooze_min: Annotated[float, about("A snoozed item comes back after this long.", ge=1, le=1440)] = 10.0


class Paper(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The simulated account. It keeps its state in the data folder; a reset starts it anew with these."""

    balance: Annotated[float, about("Starting balance in the quote asset.", ge=10, le=1_000_000_000)] = 10_000.0
    asset: Annotated[
        str, about("The quote asset of that balance; empty: USDT, or what most watched markets are quoted in.")
    ] = ""
    maker_fee_percent: Annotated[float, about("Fee of an order that rested, in percent.", ge=-1, le=5)] = 0.10
    taker_fee_percent: Annotated[float, about("Fee of an order that took, in percent.", ge=0, le=5)] = 0.10
    latency_ms: Annotated[int, about("How long an order takes to reach the market.", ge=0, le=10_000)] = 60
    jitter_ms: Annotated[int, about("... and up to this much more.", ge=0, le=10_000)] = 40
    open_top: Annotated[
        int, about("So many of the best proposals open themselves, to grow a track record; 0: none does.", ge=0, le=50)
    ] = 0
    min_confidence_trade: Annotated[float, about("... of those with at least this confidence.", ge=0, le=1)] = 0.75
