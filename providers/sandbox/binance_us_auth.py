"""Who may do what on Binance.US: the key header, the signature over exactly the bytes sent, and the timing rule."""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal

from providers.sandbox.accounts import Accounts
from providers.sandbox.binance_us_params import ApiError, Params

KEY_HEADER = "x-mbx-apikey"
LATEST_AHEAD_MS = 1_000
DEFAULT_WINDOW_MS = Decimal(5_000)
LARGEST_WINDOW_MS = Decimal(60_000)


def signed_bytes(query: bytes, body: bytes) -> bytes:
    """What a signature covers: query and body without a separator between them, and without the signature itself."""
    return b"".join(
        b"&".join(part for part in text.split(b"&") if not part.startswith(b"signature=")) for text in (query, body)
    )


def socket_bytes(params: dict[str, str]) -> bytes:
    """What a signature covers on the WebSocket API: every parameter but the signature, sorted by name."""
    return "&".join(f"{name}={value}" for name, value in sorted(params.items()) if name != "signature").encode()


def signature(secret: bytes, payload: bytes) -> str:
    """HMAC-SHA256 in lower-case hex."""
    return hmac.new(secret, payload, hashlib.sha256).hexdigest()


def check_key(accounts: Accounts | None, key: str | None) -> Accounts:
    """The account of a key. Raises `ApiError` -2014 without a key, -2015 for one the venue does not know."""
    if not key:
        raise ApiError(-2014, "API-key format invalid.", 401)
    if accounts is None or key != accounts.account:
        raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    return accounts


def check_signed(accounts: Accounts, params: Params, payload: bytes, now_ms: int) -> None:
    """Signature and timing of a request. Raises `ApiError` -1022 and -1021."""
    sent = params.required("signature")
    stamp = params.integer("timestamp")
    window = params.decimal("recvWindow")
    if stamp is None:
        params.required("timestamp")
    if not hmac.compare_digest(signature(accounts.secret, payload), sent.lower()):
        raise ApiError(-1022, "Signature for this request is not valid.")
    window_ms = DEFAULT_WINDOW_MS if window is None else window
    if window_ms > LARGEST_WINDOW_MS:
        raise ApiError(-1131, "recvWindow must be less than 60000.")
    assert stamp is not None
    if stamp >= now_ms + LATEST_AHEAD_MS:
        raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - stamp > window_ms:
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")
