"""Diagnostics: one rotating file of JSON lines, secrets blotted out, never the terminal."""

from __future__ import annotations

import logging
import logging.handlers
import re
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from core.clock import iso_utc
from core.settings import Log

FILE_NAME = "tradetui.log"
QUIET = ("httpx", "httpcore", "websockets", "uvicorn", "asyncio", "hpack", "h11")
"""Library loggers that say too much below warning; at info httpx logs whole URLs."""

BLOT = "***"
MAX_TEXT = 20_000
"""Longer texts are cut: a log line is no place for a frame."""

_SECRETS = (
    "listen[_-]?key|api[_-]?key|secret|signature|passphrase|password|passwd|token|authorization|mbx-apikey|bapi-sign"
)
_NAMES = rf"[\w-]{{0,30}}(?:{_SECRETS})[\w-]{{0,30}}"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # "name": "value", name=value, name: value, ('name', 'value'): in URLs, headers, JSON, tuples, environment values
    (
        re.compile(
            rf"(?i)(\b{_NAMES}[\"']?\s*[=:,]\s*(?:b(?=[\"']))?[\"']?)(?:(?:bearer|basic|digest)\s+)?[^\s\"'&,;)}}\]]+"
        ),
        rf"\g<1>{BLOT}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\g<1> {BLOT}"),
    (re.compile(r"(?i)\b((?:https?|wss?)://)[^/\s:@]+:[^/\s@]+@"), rf"\g<1>{BLOT}@"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL), BLOT),
    # Keys and signatures standing alone: HMAC hex, and the 64 letters of a Binance key.
    (re.compile(r"\b(?=\w*[a-zA-Z])(?=\w*\d)\w{56,128}\b"), BLOT),
)


def redact(text: str) -> str:
    """The text with everything that looks like a key, signature, token or password blotted out."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + " [cut]"
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class JsonLine(logging.Formatter):
    """One record as one line: `at`, `level`, `logger`, `text`, `trace` for exceptions, and whatever `extra` held."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            text = record.getMessage()
        except Exception as error:
            # Fallback: a record whose arguments do not fit its text is written as it is, with the reason.
            text = f"{record.msg!r} (arguments do not fit: {error})"
        line: dict[str, Any] = {
            "at": iso_utc(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": redact(text),
        }
        for name, value in record.__dict__.items():
            if name not in _STANDARD and not name.startswith("_"):
                line[name] = redact(f"{name}={value}").removeprefix(f"{name}=")
        if record.exc_info:
            line["trace"] = redact(self.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()


_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def start_logging(settings: Log, folder: Path, level: str | None = None) -> Path | None:
    """Send all logging to `folder`/tradetui.log; returns its path, or None if it cannot be written (then nothing is).

    `level` wins over the settings. Warnings, unraisable and thread exceptions go there too. May be called again.
    """
    stop_logging()
    root = logging.getLogger()
    wanted = getattr(logging, (level or settings.level).upper())
    handler: logging.Handler
    path: Path | None = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = _Ours(path or FILE_NAME, int(settings.max_mb * 1e6), settings.files)
    except OSError:
        # Fallback: run without diagnostics rather than write on the screen.
        handler, path = _Nowhere(), None
    handler.setFormatter(JsonLine())
    root.addHandler(handler)
    root.setLevel(wanted)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(wanted, logging.WARNING))
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_failed
    return path


def stop_logging() -> None:
    """Close the file and give the hooks back."""
    root = logging.getLogger()
    for handler in [known for known in root.handlers if isinstance(known, _Ours | _Nowhere)]:
        root.removeHandler(handler)
        handler.close()
        logging.captureWarnings(False)
        logging.raiseExceptions = True
        sys.unraisablehook = sys.__unraisablehook__
        threading.excepthook = threading.__excepthook__


class _Ours(logging.handlers.RotatingFileHandler):
    """The program's log file; a full disk loses records, not the program."""

    def __init__(self, path: Path | str, max_bytes: int, files: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=files, encoding="utf-8", errors="backslashreplace")


class _Nowhere(logging.NullHandler):
    """Where records go when there is no file; without it the last resort would be the terminal."""


def _unraisable(hook: sys.UnraisableHookArgs) -> None:
    error = hook.exc_value
    trace = (hook.exc_type, error, hook.exc_traceback) if error is not None else None
    logging.getLogger("tradetui").error("%s: %r", hook.err_msg or "unraisable exception", hook.object, exc_info=trace)


def _thread_failed(hook: threading.ExceptHookArgs) -> None:
    name = hook.thread.name if hook.thread is not None else "?"
    trace = (hook.exc_type, hook.exc_value, hook.exc_traceback) if hook.exc_value is not None else None
    logging.getLogger("tradetui").error("thread %s failed", name, exc_info=trace)
