"""Frames no venue should send but some day will: each made from a genuine payload, so that it reaches the decoder."""

from __future__ import annotations

import re
from collections.abc import Callable

HUGE_FRAME_BYTES = 2_000_000

_QUOTED_NUMBER = re.compile(rb'"(\d+(?:\.\d+)?)"')


def _numbers(replacement: bytes) -> Callable[[bytes], bytes]:
    def garble(payload: bytes) -> bytes:
        return _QUOTED_NUMBER.sub(replacement, payload)

    return garble


def _truncated(payload: bytes) -> bytes:
    return payload[: max(1, len(payload) * 2 // 3)]


def _unknown_keys(payload: bytes) -> bytes:
    return payload[:-1] + b',"zz_new":{"deep":[1,null,{"x":true}]},"zz_flag":null}'


def _huge(payload: bytes) -> bytes:
    return payload[:-1] + b',"zz_blob":"' + b"x" * HUGE_FRAME_BYTES + b'"}'


def _not_utf8(payload: bytes) -> bytes:
    return payload[:-1] + b',"zz":"\x00"}'


GARBAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": _truncated,
    "wrong_types": _numbers(rb'{"not":["a","number"]}'),
    "words": _numbers(rb'"many"'),
    "nan": _numbers(rb'"NaN"'),
    "bare_nan": _numbers(b"NaN"),
    "infinity": _numbers(rb'"Infinity"'),
    "negative": _numbers(rb'"-\1"'),
    "zero": _numbers(rb'"0"'),
    "1e308": _numbers(rb'"1e308"'),
    "null": _numbers(b"null"),
    "control_character": _not_utf8,
    "not_json": lambda payload: b"<html><body>502 Bad Gateway</body></html>",
    "empty": lambda payload: b"",
    "array": lambda payload: b"[[[[1]]]]",
    "scalar": lambda payload: b"0",
    "huge": _huge,
    "unknown_keys": _unknown_keys,
}
"""Each kind of garbage and how it is made. All but `REPLACING` are sent just before the genuine frame."""

REPLACING = frozenset({"unknown_keys"})
"""Kinds that are valid messages with additions: they are sent in place of the genuine frame and must be accepted."""
