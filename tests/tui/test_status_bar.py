"""The top line says the truth: connection, money, freshness; the least important words go first."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import EngineStatus, LinkStatus, LoopLag, ProviderStats, RestBan, SignalStats, Universe
from core.settings import Settings
from tests import trading_builders as trade
from tests.tui.desk_builder import NOW_MS, desk
from tui.desk import Desk
from tui.widgets.status_bar import Part, lay_out, status_parts, trouble

ENGINE = EngineStatus(
    phase="running",
    text="",
    venue="binance_us",
    category="spot",
    host="127.0.0.1:8000",
    host_kind="SANDBOX",
    mode="PAPER",
    at_ms=NOW_MS,
)
STATS = ProviderStats(
    venue="binance_us",
    category="spot",
    frames=0,
    messages=10_000,
    coalesced=0,
    rejected=0,
    dropped=0,
    bytes=0,
    reconnects=2,
    resyncs=0,
    sequence_gaps=0,
    rest_requests=0,
    rest_errors=0,
    rest_used=0,
    rest_limit=0,
    latency_ms=42.4,
    at_ms=NOW_MS - 1000,
)
LINK = LinkStatus(venue="binance_us", category="spot", link="stream", state="up", host="h", at_ms=NOW_MS)


def running() -> Desk:
    found = desk()
    store = found.store
    store.on_engine(ENGINE)
    store.on_stats(STATS)
    store.on_stats(msgspec.structs.replace(STATS, messages=11_204, at_ms=NOW_MS))
    store.on_lag(LoopLag(last_ms=3.2, p99_ms=5, max_ms=9, at_ms=NOW_MS))
    store.on_universe(
        Universe(venue="binance_us", category="spot", symbols=("A", "B"), added=(), removed=(), reason="", at_ms=NOW_MS)
    )
    return found


def line(found: Desk, width: int = 140, now_ms: int = NOW_MS) -> str:
    return "".join(text for text, _ in lay_out(status_parts(found, now_ms), width))


def look(found: Desk, words: str) -> str:
    return next(look for text, look in lay_out(status_parts(found, NOW_MS), 140) if words in text)


def test_the_whole_line_at_full_width() -> None:
    shown = line(running())
    assert shown.startswith(" tradetui  SANDBOX  binance_us  PAPER  1m·5m·15m·1h  decide 5m  ")
    assert shown.endswith("  2 mkts  1,204 msg/s  lat 42 ms  recon 2  lag 3 ms  12:34:56Z")
    assert len(shown) == 140


def test_readings_that_came_out_otherwise_are_counted_in_view() -> None:
    found = running()
    stats = SignalStats(
        venue="binance_us", category="spot", evaluations=1, readings=30, state_changes=0, parity_checked=1240,
        symbols_ready=2, symbols_total=2, at_ms=NOW_MS,
    )  # fmt: skip
    found.store.on_signal_stats(stats)
    assert "parity 0 of 1,240" in line(found, 200)
    assert "parity" not in line(found, 80)
    found.store.on_signal_stats(msgspec.structs.replace(stats, parity_differences=3))
    assert "parity 3 of 1240" in line(found, 80)
    assert look(found, "parity") == "danger"


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_money_and_source_stay_at_every_width(width: int) -> None:
    shown = line(running(), width)
    assert len(shown) == width
    assert "PAPER" in shown
    assert "SANDBOX" in shown
    assert "12:34:56Z" in shown


def test_a_down_link_is_said_in_words_with_the_time_of_the_next_try() -> None:
    found = running()
    found.store.on_link(
        msgspec.structs.replace(LINK, state="down", reason="connection lost", retry_in_s=12.0, at_ms=NOW_MS - 4000)
    )
    assert "! stream reconnecting, retry in 8 s: connection lost" in line(found, 120)
    assert "! stream reconnecting, retry in 8 s: connection lost" in line(found, 80)
    assert look(found, "reconnecting") == "warn"
    assert "trying now" in trouble(found.store, NOW_MS + 60_000)


def test_a_ban_is_shown_until_it_ends() -> None:
    found = running()
    found.store.on_ban(
        RestBan(venue="binance_us", category="spot", status=418, until_ms=NOW_MS + 60_000, reason="", at_ms=NOW_MS)
    )
    assert "REST banned (418) until 12:35:56Z" in line(found, 100)
    assert trouble(found.store, NOW_MS + 60_001) == ""


def test_several_troubled_links_are_counted_worst_first() -> None:
    found = running()
    found.store.on_link(msgspec.structs.replace(LINK, link="a", state="connecting"))
    found.store.on_link(msgspec.structs.replace(LINK, link="b", state="banned", reason="too many requests"))
    assert trouble(found.store, NOW_MS) == "b banned (+1 more): too many requests"


def test_a_failed_engine_is_said_in_red_and_claims_no_connection() -> None:
    found = running()
    found.store.on_engine(msgspec.structs.replace(ENGINE, phase="failed", text="engine failed: no route", host=""))
    assert "engine failed: no route" in line(found, 80)
    assert look(found, "engine failed") == "danger"
    assert look(found, "NOT CONNECTED") == "danger"


def test_live_money_looks_unlike_paper() -> None:
    found = running()
    assert look(found, "PAPER") == "paper"
    found.store.on_engine(msgspec.structs.replace(ENGINE, mode="LIVE", host_kind="LIVE DATA", host="api.binance.us"))
    assert look(found, "LIVE") == "live"
    assert "api.binance.us" in line(found, 160)


def going_live(found: Desk, phase: str, **changes: object) -> str:
    """The line once the session has said so."""
    usual: dict[str, object] = {"mode": "PAPER" if phase in ("PAPER", "CONNECTING") else "LIVE"}
    if phase == "ARMED":
        usual["armed_until_ms"] = NOW_MS + 42 * 60_000
    found.store.trading.on_session(trade.session(phase, **(usual | changes)))
    return line(found, 80)


@pytest.mark.parametrize(
    ("kind", "shown", "ground"),
    [
        ("SANDBOX", "SANDBOX ORDERS  binance_us  ARMED 42 m", "accent"),
        ("TESTNET", "TESTNET ORDERS  binance_us  ARMED 42 m", "accent"),
        ("LIVE DATA", "LIVE  binance_us  api.binance.us  ARMED 42 m", "live"),
    ],
)
def test_where_orders_of_the_real_account_go_is_said_first_and_only_real_money_has_its_ground(
    kind: str, shown: str, ground: str
) -> None:
    found = running()
    found.store.on_engine(msgspec.structs.replace(ENGINE, host_kind=kind, host="h"))
    assert shown in going_live(found, "ARMED", host_kind=kind)
    assert line(found, 160).startswith(f" tradetui  {shown}  ")
    assert {look(found, "ARMED"), look(found, shown.partition("  ")[0])} == {ground}


def test_the_badge_follows_the_session_and_orders_may_go_elsewhere_than_prices_come_from() -> None:
    found = running()
    found.store.on_engine(msgspec.structs.replace(ENGINE, host_kind="LIVE DATA", host="api.bybit.com", venue="bybit"))
    assert "LIVE DATA  bybit" in going_live(found, "PAPER")
    assert "PAPER" in line(found, 80)
    assert "CONNECTING" in going_live(found, "CONNECTING")
    shown = going_live(found, "DISARMED", host_kind="TESTNET", host="api-testnet.bybit.com")
    assert "LIVE DATA  TESTNET ORDERS  bybit  DISARMED" in shown
    assert "LIVE DATA  LIVE" not in going_live(found, "DISARMED")
    assert "LIVE  bybit  api.binance.us  LEAVING" in going_live(found, "LEAVING")
    assert "ARMED 90 s" in going_live(found, "ARMED", armed_until_ms=NOW_MS + 89_500)
    assert "DISARMED" in line(found, 80, NOW_MS + 90_000)
    found.store.trading.session = None
    found.store.trading.on_account(trade.account(mode="LIVE", host_kind="LIVE DATA", host="api.bybit.com"))
    assert "LIVE  bybit  api.bybit.com  DISARMED" in line(found, 80)


def test_old_statistics_are_not_shown_as_new() -> None:
    shown = line(running(), now_ms=NOW_MS + 10_000)
    assert "– msg/s" in shown
    assert "lat" not in shown


@given(
    st.lists(st.tuples(st.text("abc", min_size=1, max_size=30), st.integers(0, 100), st.booleans()), max_size=12),
    st.integers(1, 250),
)
def test_the_line_is_always_exactly_as_wide_as_the_terminal(pieces: list[tuple[str, int, bool]], width: int) -> None:
    parts = sorted((Part(text, "text", weight, right) for text, weight, right in pieces), key=lambda part: part.right)
    assert sum(len(text) for text, _ in lay_out(parts, width)) == width


def test_settings_edited_live_are_shown() -> None:
    found = running()
    found.edited["market.decision_timeframe"] = '"15m"'
    assert "decide 15m" in line(found)
    assert Settings().market.decision_timeframe == "5m"
