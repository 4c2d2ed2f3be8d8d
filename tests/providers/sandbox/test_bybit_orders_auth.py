"""Who the Bybit sandbox lets in: signatures byte by byte, the clock rule, logins, and limits of a rolling second."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.sandbox.bybit_orders_auth import EndpointLimits, Keys, RollingLimit, check_request, login_refusal
from providers.sandbox.bybit_rest import RetError

KEYS = Keys("test_api_key", b"test_secret")
AT_MS = 1_700_000_000_000

VECTORS = [
    ("category=linear&symbol=BTCUSDT", "fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7"),
    (
        '{"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "test-order-1"}',
        "2df4a0603d69c08d5dea29ba85b46eb7db64ce9e9ebd34a7802a3d69700cb2a1",
    ),
    (
        '{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.01","price":"28000",'
        '"timeInForce":"GTC","orderLinkId":"t-1"}',
        "06f55a8a0e83a0c14c62864e70f2771018210f0208d4ec7d222a52f4e57a8aac",
    ),
]
LOGIN = "bacffe7500499eb829bb58c45d36d1b3e5ac67c14eaeba91df5e99ccee013925"


def headers(signature: str, stamp: int | str = AT_MS, **changed: str) -> dict[str, str]:
    return {
        "x-bapi-api-key": KEYS.key,
        "x-bapi-timestamp": str(stamp),
        "x-bapi-recv-window": "5000",
        "x-bapi-sign": signature,
    } | changed


def code_of(signed: dict[str, str], payload: str, now_ms: int = AT_MS) -> int:
    try:
        check_request(KEYS, signed, payload.encode(), now_ms)
    except RetError as error:
        return error.code
    return 0


@pytest.mark.parametrize(("payload", "signature"), VECTORS)
def test_the_published_signatures_are_accepted_and_nothing_near_them(payload, signature):
    assert code_of(headers(signature), payload) == 0
    assert code_of(headers(signature), payload + " ") == 10004
    assert code_of(headers(signature.upper()), payload) == 10004
    assert code_of(headers(""), payload) == 10004


@given(position=st.integers(min_value=0, max_value=len(VECTORS[2][0]) - 1), letter=st.characters(codec="ascii"))
def test_one_changed_byte_of_the_payload_is_refused(position, letter):
    payload, signature = VECTORS[2]
    changed = payload[:position] + letter + payload[position + 1 :]
    assert code_of(headers(signature), changed) == (0 if changed == payload else 10004)


def signed_at(stamp: int) -> dict[str, str]:
    return headers(KEYS.sign(f"{stamp}{KEYS.key}5000".encode()), stamp)


@pytest.mark.parametrize(
    ("off_ms", "code"), [(0, 0), (-5_000, 0), (-5_001, 10002), (999, 0), (1_000, 10002), (3_000, 10002)]
)
def test_the_timestamp_must_fit_the_venues_clock(off_ms, code):
    assert code_of(signed_at(AT_MS + off_ms), "") == code


def test_the_receive_window_is_five_seconds_unless_told_and_what_is_told_is_signed():
    stamp = AT_MS - 7_000
    wide = headers(KEYS.sign(f"{stamp}{KEYS.key}8000".encode()), stamp, **{"x-bapi-recv-window": "8000"})
    assert code_of(wide, "") == 0
    assert code_of(wide | {"x-bapi-recv-window": "8001"}, "") == 10004
    silent = headers(KEYS.sign(f"{AT_MS - 5_000}{KEYS.key}".encode()), AT_MS - 5_000, **{"x-bapi-recv-window": ""})
    assert code_of(silent, "") == 0
    assert code_of(silent, "", AT_MS + 1) == 10002


def test_missing_and_foreign_headers_have_the_venues_codes():
    payload, signature = VECTORS[0]
    assert code_of(headers(signature, **{"x-bapi-api-key": "other"}), payload) == 10003
    assert code_of({}, payload) == 10003
    assert code_of(headers(signature, "soon"), payload) == 10001
    nobody = Keys("", b"")
    with pytest.raises(RetError) as refused:
        check_request(nobody, headers(signature, **{"x-bapi-api-key": ""}), payload.encode(), AT_MS)
    assert refused.value.code == 10003


def test_a_login_needs_our_key_a_future_expiry_and_the_published_signature():
    assert login_refusal(KEYS, [KEYS.key, AT_MS, LOGIN], AT_MS - 1) == ""
    assert login_refusal(KEYS, [KEYS.key, str(AT_MS), LOGIN], AT_MS - 1) == ""
    assert login_refusal(KEYS, [KEYS.key, AT_MS, LOGIN], AT_MS) != ""
    assert login_refusal(KEYS, [KEYS.key, AT_MS + 1, LOGIN], AT_MS) != ""
    assert login_refusal(KEYS, ["other", AT_MS, LOGIN], AT_MS - 1) == "Invalid apikey"
    assert login_refusal(Keys("", b""), ["", AT_MS, LOGIN], AT_MS - 1) == "Invalid apikey"
    for damaged in (None, [], [KEYS.key, AT_MS], [KEYS.key, None, LOGIN], [KEYS.key, AT_MS, 1], [1, AT_MS, LOGIN]):
        assert login_refusal(KEYS, damaged, AT_MS - 1) != ""


def test_a_secret_is_never_shown():
    assert "test_secret" not in repr(KEYS)
    assert "test_secret" not in str(KEYS)


@given(st.lists(st.integers(min_value=0, max_value=400), max_size=60), st.integers(min_value=1, max_value=5))
def test_no_rolling_second_ever_holds_more_than_the_limit(gaps, most):
    limit, now_ms = RollingLimit(most), 0
    taken: list[int] = []
    for gap in gaps:
        now_ms += gap
        fits = len([at for at in taken if at > now_ms - 1_000]) < most
        assert limit.take(now_ms) is fits
        if fits:
            taken.append(now_ms)
        assert limit.left == most - len([at for at in taken if at > now_ms - 1_000])
        free_ms = limit.free_at_ms(now_ms)
        assert len([at for at in taken if at > free_ms - 1_000]) < most


def test_categories_count_on_their_own_and_differ_where_the_venue_says():
    limits = EndpointLimits()
    assert [limits.of("order/create", category).limit for category in ("spot", "linear", "inverse", "")] == [
        20,
        10,
        10,
        10,
    ]
    assert limits.of("order/create", "spot") is limits.of("order/create", "spot")
    assert limits.of("order/create", "linear") is not limits.of("order/create", "spot")
    assert limits.of("order/amend", "spot").limit == 10
    assert limits.of("account/fee-rate", "").limit == 5
