"""`tradetui doctor`: what is wrong with this machine, terminal or network, and what to do about it."""

from __future__ import annotations

import importlib
import importlib.util
import locale
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from core.venue import MarketProvider, VenueError

Verdict = Literal["ok", "warn", "fail"]

OLDEST_PYTHON = (3, 11)
SMALLEST_COLUMNS, SMALLEST_ROWS = 80, 24
LEAST_FREE_MB = 500
LARGEST_OFFSET_MS = 500.0

LIBRARIES: tuple[tuple[str, str], ...] = (
    ("textual", "the screen"),
    ("websockets", "streams"),
    ("httpx", "REST"),
    ("msgspec", "messages and settings"),
    ("numpy", "candles"),
    ("talib", "indicators"),
    ("lightgbm", "the model"),
    ("optuna", "calibration"),
    ("pyarrow", "candle files"),
    ("tomli_w", "live settings"),
    ("starlette", "the sandbox exchange"),
    ("uvicorn", "the sandbox exchange"),
)
"""Import name and what needs it."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. `remedy` is empty when nothing needs to be done."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def check_python(version_info: tuple[int, ...] = tuple(sys.version_info[:3])) -> Check:
    """The interpreter's version."""
    version = ".".join(str(part) for part in version_info)
    if version_info < OLDEST_PYTHON:
        return Check(name="python", verdict="fail", detail=version, remedy="install Python 3.11 or newer")
    return Check(name="python", verdict="ok", detail=version)


def check_library(module: str, purpose: str) -> Check:
    """Import one library. A missing system library gets one line, not a traceback."""
    name = f"library {module}"
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        return Check(
            name=name,
            verdict="fail",
            detail=f"{error} (needed for {purpose})",
            remedy=f"pip install {module}, or run make",
        )
    except OSError as error:
        remedy = "install the system library it names"
        if "libgomp" in str(error) or "libomp" in str(error):
            remedy = "install OpenMP: apt-get install libgomp1, or dnf install libgomp, or brew install libomp"
        return Check(name=name, verdict="fail", detail=str(error).splitlines()[0], remedy=remedy)
    return Check(name=name, verdict="ok", detail=str(getattr(loaded, "__version__", "installed")))


def check_terminal(environ: Mapping[str, str], columns: int, rows: int, interactive: bool) -> list[Check]:
    """Size, colours and encoding of the terminal."""
    checks: list[Check] = []
    small = columns < SMALLEST_COLUMNS or rows < SMALLEST_ROWS
    checks.append(
        Check(
            name="terminal size",
            verdict="warn" if small else "ok",
            detail=f"{columns}x{rows}" + ("" if interactive else " (not a terminal)"),
            remedy=f"enlarge it to at least {SMALLEST_COLUMNS}x{SMALLEST_ROWS}" if small else "",
        )
    )
    term = environ.get("TERM", "")
    if not term or term == "dumb":
        colours, verdict, remedy = f"TERM={term or 'unset'}", "warn", "set TERM, e.g. TERM=xterm-256color"
    elif "NO_COLOR" in environ:
        colours, verdict, remedy = "NO_COLOR is set: monochrome", "ok", ""
    elif environ.get("COLORTERM") in {"truecolor", "24bit"}:
        colours, verdict, remedy = "true colour", "ok", ""
    elif "256" in term or environ.get("TMUX"):
        colours, verdict, remedy = "256 colours", "ok", ""
    else:
        colours, verdict, remedy = f"16 colours (TERM={term})", "warn", "TERM=xterm-256color shows more colours"
    checks.append(Check(name="colours", verdict=verdict, detail=colours, remedy=remedy))  # type: ignore[arg-type]
    encoding = locale.getpreferredencoding(False)
    utf8 = encoding.lower().replace("-", "") == "utf8"
    checks.append(
        Check(
            name="encoding",
            verdict="ok" if utf8 else "warn",
            detail=encoding,
            remedy="" if utf8 else "set LANG=C.UTF-8; until then plain ASCII signs are used",
        )
    )
    return checks


def check_folder(name: str, folder: Path) -> Check:
    """Room and permission to write in a folder (or in its nearest existing parent)."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not os.access(existing, os.W_OK):
        return Check(
            name=name, verdict="fail", detail=f"{folder}: not writable", remedy=f"chmod or choose another: {existing}"
        )
    free_mb = shutil.disk_usage(existing).free // 1_000_000
    if free_mb < LEAST_FREE_MB:
        return Check(
            name=name, verdict="warn", detail=f"{folder}: {free_mb} MB free", remedy=f"free at least {LEAST_FREE_MB} MB"
        )
    return Check(name=name, verdict="ok", detail=f"{folder}: {free_mb:,} MB free")


async def check_venue(provider: MarketProvider) -> list[Check]:
    """Reachability of a venue and the offset of our clock against its own."""
    name = f"venue {provider.venue} {provider.category}"
    try:
        offset_ms = await provider.sync_clock()
    except VenueError as error:
        return [
            Check(
                name=name,
                verdict="fail",
                detail=f"{provider.host}: {error}",
                remedy="check network, proxy ([network] proxy) and whether the venue serves your country",
            )
        ]
    finally:
        await provider.close()
    clock_ok = abs(offset_ms) <= LARGEST_OFFSET_MS
    return [
        Check(name=name, verdict="ok", detail=f"{provider.host} answers"),
        Check(
            name=f"clock against {provider.venue}",
            verdict="ok" if clock_ok else "warn",
            detail=f"{offset_ms:+.0f} ms",
            remedy="" if clock_ok else "turn on time synchronisation (chrony, systemd-timesyncd)",
        ),
    ]


def check_machine(
    environ: Mapping[str, str], folders: Mapping[str, Path], size: os.terminal_size, interactive: bool
) -> list[Check]:
    """Every check that needs no network."""
    checks = [check_python()]
    checks += [check_library(module, purpose) for module, purpose in LIBRARIES]
    checks += check_terminal(environ, size.columns, size.lines, interactive)
    checks += [check_folder(name, folder) for name, folder in folders.items()]
    return checks


def render(checks: list[Check]) -> str:
    """Plain text, one line a finding, the remedy beneath what needs one."""
    signs = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{signs[check.verdict]}  {check.name.ljust(width)}  {check.detail}")
        if check.remedy:
            lines.append(f"      {' ' * width}  -> {check.remedy}")
    return "\n".join(lines)
