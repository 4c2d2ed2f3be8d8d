"""`tradetui trades`: closed trades of an account, from its journal, as a table, as CSV, or as JSON lines.

It only reads. So it works while the program trades: no lock is taken, and nothing is repaired.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from core.clock import LiveClock
from core.paths import data_folder
from core.settings_load import load, overrides_path, settings_path
from tui.format import age, guess_decimals
from tui.glyphs import ASCII

if TYPE_CHECKING:
    from core.messages import RecordSummary, TradeClosed
    from core.settings import Settings

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
STANDARD_OUTPUT = "-"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula."""
CSV_COLUMNS = (
    "closed_at", "opened_at", "account", "mode", "symbol", "side", "quantity", "entry", "exit", "result", "r", "fees",
    "slippage", "risked", "why", "reasons", "duration_s", "other_fees", "dust",
)  # fmt: skip
TABLE_COLUMNS = (
    "CLOSED (UTC)", "SYMBOL", "SIDE", "QTY", "ENTRY", "EXIT", "R", "RESULT", "FEES", "SLIPPAGE", "HELD", "WHY",
)  # fmt: skip
WORDS = ("CLOSED (UTC)", "SYMBOL", "SIDE", "WHY")
"""Columns of text, aligned on the left."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account folder and what was read of it. `trouble`: why its journal tells nothing."""

    name: str
    category: str
    folder: Path
    trades: tuple[TradeClosed, ...] = ()
    trouble: str = ""

    @property
    def mode(self) -> str:
        return "PAPER" if self.name.startswith("paper-") else "LIVE"


def add_trades(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command's part of the parser."""
    trades = commands.add_parser(
        "trades",
        parents=[common],
        help="closed trades from the journal: a table and what they come to, CSV, JSON lines",
        description="Reads the journal of the settings' venue, the simulated account first, and tells every closed trade. It "
        "changes nothing and works while the program runs. A journal that cannot be read is named; the exit code is then 1.",
    )
    trades.add_argument("--csv", metavar="FILE", help="write every column; - is standard output, without the table")
    trades.add_argument("--jsonl", metavar="FILE", help="write one JSON object a line; - is standard output")
    trades.add_argument("--account", metavar="NAME", help="this account alone: its folder's name, or how it begins")
    trades.add_argument("--days", type=days, metavar="N", help="only trades closed in the last N days")
    trades.add_argument("--demo", action="store_true", help="accounts of the demo")
    trades.set_defaults(act=act_trades)


def days(text: str) -> float:
    """A number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 36_500:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from above 0 to 36500")
    return value


def act_trades(arguments: argparse.Namespace) -> int:
    """Read, then write what was asked for."""
    if arguments.csv == STANDARD_OUTPUT == arguments.jsonl:
        print("--csv - and --jsonl - both want standard output: name a file for one of them", file=sys.stderr)
        return EXIT_USAGE
    settings, folder = _place(arguments)
    found, words = find_accounts(folder, settings, arguments.account or "")
    if words:
        print(words, file=sys.stderr)
        return EXIT_USAGE
    for name in (arguments.csv, arguments.jsonl):
        if name not in (None, STANDARD_OUTPUT) and Path(name).resolve().is_relative_to((folder / "accounts").resolve()):
            print(f"{name} lies among the journals of {folder / 'accounts'}: write it elsewhere", file=sys.stderr)
            return EXIT_USAGE
    since_ms = LiveClock().now_ms() - round(arguments.days * 86_400_000) if arguments.days else 0
    accounts = [read_account(account, settings.market.venue, since_ms) for account in found]
    for account in accounts:
        if account.trouble:
            print(account.trouble, file=sys.stderr)
    written = _write(arguments.csv, lambda: csv_text(accounts)) and _write(arguments.jsonl, lambda: json_text(accounts))
    if STANDARD_OUTPUT not in (arguments.csv, arguments.jsonl):
        period = f" in the last {arguments.days:g} days" if arguments.days else ""
        told = [account for account in accounts if account.trades or account.trouble] or accounts[:1]
        _say("\n".join(line for account in told for line in table(account, period)))
    return EXIT_OK if written and not any(account.trouble for account in accounts) else EXIT_FAILED


def _place(arguments: argparse.Namespace) -> tuple[Settings, Path]:
    """Whose settings and which data folder: of the demo, or of the venue. Raises `SettingsError`."""
    from tui.compose import load_demo

    file = settings_path(arguments.settings, os.environ)
    settings = load(arguments.settings, os.environ, overrides_path(file))
    if arguments.demo or settings.market.venue == "sandbox":
        run = load_demo(arguments.settings, os.environ)
        return run.settings, run.folder
    return settings, data_folder()


# --- reading ---------------------------------------------------------------------------------------------------------


def find_accounts(folder: Path, settings: Settings, wanted: str) -> tuple[list[Account], str]:
    """The accounts of the settings' venue, paper first, or the one that is wanted; words when there is none."""
    market = settings.market
    every = sorted((folder / "accounts").glob("*/*/journal"))
    known = [Account(path.parent.parent.name, path.parent.name, path.parent) for path in every]
    known.sort(key=lambda one: (one.mode != "PAPER", one.name, one.category))
    if wanted:
        exact = [one for one in known if one.name == wanted]
        chosen = exact or [one for one in known if one.name.startswith(wanted)]
        names = ", ".join(dict.fromkeys(one.name for one in known)) or "none"
        return chosen, "" if chosen else f"there is no account {wanted!r} in {folder / 'accounts'}; there are: {names}"
    place = (f"paper-{market.venue}-", f"{market.venue}-")
    chosen = [one for one in known if one.category == market.category and one.name.startswith(place)]
    if chosen:
        return chosen, ""
    others = ", ".join(dict.fromkeys(one.name for one in known))
    remedy = f"; there are: {others} (--account NAME)" if others else "; it begins when the program first runs there"
    return [], f"no account of {market.venue} {market.category} in {folder / 'accounts'}{remedy}"


def read_account(account: Account, venue: str, since_ms: int) -> Account:
    """Its trades closed at or after `since_ms`, in the order of their ends; or why they cannot be told."""
    from core.trading.journal import read_journal
    from core.trading.journal_errors import JournalError
    from core.trading.trade_record import closed_trades, named_rules

    def known(trades: tuple[TradeClosed, ...] = (), trouble: str = "") -> Account:
        return Account(account.name, account.category, account.folder, trades, trouble)

    try:
        entries = read_journal(account.folder / "journal")
    except JournalError as error:
        return known(trouble=str(error))
    except OSError as error:
        place = error.filename or account.folder / "journal"
        return known(
            trouble=f"{place}: cannot be read ({error.strerror or error}); give this user the right to read it"
        )
    trades = closed_trades(entries, named_rules(account.category), venue, account.category)
    return known(tuple(trade for trade in trades if trade.closed_ms >= since_ms))


# --- files -----------------------------------------------------------------------------------------------------------


def csv_text(accounts: Iterable[Account]) -> str:
    """Header and one line a trade. Numbers are plain; text that a spreadsheet would calculate gets an apostrophe in front."""
    lines = io.StringIO()
    writer = csv.writer(lines)  # RFC 4180: lines end with CR LF, cells that hold either are quoted
    writer.writerow(CSV_COLUMNS)
    for account in accounts:
        for one in account.trades:
            ratio = plain(Decimal(repr(one.r_multiple))) if one.risked else ""
            texts = [text(part) for part in (account.name, account.mode, one.symbol, one.side)]
            amounts = [plain(value) for value in (one.quantity, one.entry_price, one.exit_price, one.result)]
            costs = [plain(value) for value in (one.fees, one.slippage, one.risked)]
            reasons = [text(part) for part in (one.why, "; ".join(one.reasons))]
            held = plain(Decimal(one.closed_ms - one.opened_ms) / 1000)
            times = [iso(one.closed_ms), iso(one.opened_ms)]
            rest = [text("; ".join(uncounted([one]))), plain(one.dust)]
            writer.writerow([*times, *texts, *amounts, ratio, *costs, *reasons, held, *rest])
    return lines.getvalue()


def json_text(accounts: Iterable[Account]) -> str:
    """One object a line: the trade as it is told on the bus, with its account. Decimals are text, unknown numbers null."""
    import msgspec

    lines = [
        msgspec.json.encode({"account": account.name, "mode": account.mode} | msgspec.to_builtins(one))
        for account in accounts
        for one in account.trades
    ]
    return "".join(f"{line.decode()}\n" for line in lines)


def plain(value: Decimal) -> str:
    """A number without exponent and without zeros at its end."""
    written = f"{value:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def uncounted(trades: Iterable[TradeClosed]) -> list[str]:
    """`0.0012 BNB`: by asset the fees whose worth is not known, so that neither fees nor results count them."""
    sums: dict[str, Decimal] = {}
    for asset, fee in (pair for one in trades for pair in one.other_fees):
        sums[asset] = sums.get(asset, Decimal(0)) + fee
    return [f"{plain(fee)} {clean(asset)}" for asset, fee in sorted(sums.items())]


def text(value: str) -> str:
    """A cell of text that no spreadsheet calculates."""
    return f"'{value}" if value.startswith(FORMULA) else value


def iso(at_ms: int) -> str:
    """`2025-11-21T12:34:56.789Z`."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _write(name: str | None, made: Callable[[], str]) -> bool:
    """Into a file or to standard output; False, and told why, when that fails."""
    if name is None:
        return True
    if name == STANDARD_OUTPUT:
        _say(made(), end="")
        return True
    try:
        Path(name).write_text(made(), encoding="utf-8", newline="")
    except OSError as error:
        print(f"{name}: cannot be written ({error.strerror or error}); choose another file", file=sys.stderr)
        return False
    return True


def _say(words: str, end: str = "\n") -> None:
    """To standard output, whatever its encoding can spell."""
    encoding = sys.stdout.encoding or "ascii"
    print(words.encode(encoding, "replace").decode(encoding), end=end)


# --- the table -------------------------------------------------------------------------------------------------------


def table(account: Account, period: str) -> list[str]:
    """Heading, trades and summary of one account."""
    from core.trading.trade_record import summarise

    lines = [f"{account.name} {account.category}, {account.mode}: {account.folder}"]
    if account.trouble:
        return [*lines, "  its journal cannot be read: see above", ""]
    if not account.trades:
        return [*lines, f"  no trade was closed{period}", ""]
    rows = [TABLE_COLUMNS, *(_cells(one) for one in account.trades)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TABLE_COLUMNS))]
    for row in rows:
        cells = [
            cell.ljust(width) if title in WORDS else cell.rjust(width)
            for cell, width, title in zip(row, widths, TABLE_COLUMNS, strict=True)
        ]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    lines.append(f"  {summary_words(summarise(account.trades), quote_of(account))}{period}")
    if others := uncounted(account.trades):
        lines.append(f"  not counted in it, as their worth is not known: fees of {', '.join(others)}")
    return [*lines, ""]


def _cells(one: TradeClosed) -> tuple[str, ...]:
    return (
        f"{datetime.fromtimestamp(one.closed_ms // 1000, UTC):%Y-%m-%d %H:%M:%S}",
        clean(one.symbol),
        "long" if one.side == "BUY" else "short",
        plain(one.quantity),
        price(one.entry_price),
        price(one.exit_price),
        f"{one.r_multiple:+.2f}" if one.risked else "-",
        f"{one.result:+,.2f}",
        f"{one.fees:,.2f}",
        f"{one.slippage:+,.2f}",
        age((one.closed_ms - one.opened_ms) / 1000, glyphs=ASCII),
        clean(one.why.lower().replace("_", " ")),
    )


def summary_words(summary: RecordSummary, quote: str) -> str:
    """What all of them come to, in one line."""
    ratio = f"{summary.profit_factor:.2f}" if summary.profit_factor == summary.profit_factor else "- (no loss)"
    mean = f"{summary.expectancy:+.2f} R" if summary.expectancy == summary.expectancy else "-"
    count = "1 trade" if summary.trades == 1 else f"{summary.trades:,} trades"
    unit = f" {quote}" if quote else ""
    return (
        f"{count} since {iso(summary.since_ms)[:10]}: {summary.wins} won ({summary.win_rate * 100:.0f} %), expectancy {mean}, "
        f"profit factor {ratio}, net {summary.result:+,.2f}{unit} after fees of {summary.fees:,.2f}, "
        f"deepest fall {summary.drawdown:,.2f} ({summary.drawdown_r:.2f} R)"
    )


def quote_of(account: Account) -> str:
    """The asset results are in, where it is one and the symbols' names tell it."""
    from core.trading.trade_record import named_rules

    rules = [named_rules(account.category)(one.symbol) for one in account.trades]
    quotes: Sequence[str] = list(dict.fromkeys(rule.quote if rule is not None else "" for rule in rules))
    return quotes[0] if len(quotes) == 1 else ""


def price(value: Decimal) -> str:
    """About six significant figures."""
    return f"{value:,.{guess_decimals(float(value))}f}"


def clean(words: str) -> str:
    """Nothing a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in words)
