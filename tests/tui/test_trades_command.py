"""`tradetui trades`: what the journal tells in a shell, while the program runs, and what is said of one that cannot be read."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Flatten, TradeClosed
from tests.core.trading.paper_hour import paper_hour
from tests.core.trading.test_paper_hour import wish
from tests.trading_builders import closed
from tui.cli import main
from tui.trades_command import CSV_COLUMNS, FORMULA, Account, csv_text, table

D = Decimal
PAPER = "paper-binance_us-spot"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def test_a_running_account_is_told_as_table_csv_and_json_and_nothing_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))

    def trades(*arguments: str) -> tuple[int, str, str]:
        code = main(["trades", *arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    folder = tmp_path / "tradetui"
    code, out, err = trades()
    assert (code, out) == (2, "")
    assert str(folder / "accounts") in err
    assert "binance_us spot" in err

    async with paper_hour(folder) as hour:
        one, other = hour.provider.symbols
        hour.ask(wish(hour, one, "0.02", "0.03", "0.05"))
        hour.ask(wish(hour, other, "0.02", "0.03", "0.05"))
        await hour.pass_time(40)
        hour.ask(Flatten())
        await hour.pass_time(10)
        told = hour.of(TradeClosed)
        assert len(told) == 2
        before = contents(folder)

        code, out, err = trades()
        assert (code, err) == (0, "")
        assert PAPER in out.splitlines()[0]
        assert next(line for line in out.splitlines() if "flatten" in line).split()[2:4] == [told[0].symbol, "long"]
        assert "2 trades since 2023-11-14" in out
        assert "net -" in out

        file = tmp_path / "trades.csv"
        code, out, _ = trades("--csv", str(file), "--jsonl", "-")
        assert code == 0
        lines = [json.loads(line) for line in out.splitlines()]
        assert [line["trade_id"] for line in lines] == [one.trade_id for one in told]
        assert {line["account"] for line in lines} == {PAPER}
        rows = list(csv.DictReader(file.open(newline="")))
        assert tuple(rows[0]) == CSV_COLUMNS
        assert [D(row["result"]) for row in rows] == [one.result for one in told]
        code, out, _ = trades("--csv", "-", "--account", "paper-bin")
        assert (code, out) == (0, file.read_bytes().decode())

        assert "no trade was closed in the last 3 days" in trades("--days", "3")[1]
        assert "2 trades" in trades("--days", "36500")[1]
        assert contents(folder) == before

        code, out, err = trades("--account", "bybit")
        assert (code, out) == (2, "")
        assert err == f"there is no account 'bybit' in {folder / 'accounts'}; there are: {PAPER}\n"
        assert trades("--csv", "-", "--jsonl", "-")[0] == 2
        code, _, err = trades("--csv", str(tmp_path / "nowhere" / "trades.csv"))
        assert code == 1
        assert "choose another file" in err
        (journal,) = folder.glob("accounts/*/*/journal/*.log")
        code, _, err = trades("--csv", str(journal))
        assert code == 2
        assert "write it elsewhere" in err
        assert contents(folder) == before

    damaged = bytearray(journal.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    journal.write_bytes(damaged)
    code, out, err = trades()
    assert code == 1
    assert str(journal) in err
    assert "restore it from a backup" in err
    assert "cannot be read" in out
    assert journal.read_bytes() == damaged


@pytest.mark.parametrize("number", ["0", "-1", "nan", "soon"])
def test_days_that_are_none_are_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["trades", f"--days={number}"])
    assert "is no number of days" in capsys.readouterr().err


# --- the file --------------------------------------------------------------------------------------------------------

AMOUNT = st.decimals(-10_000, 10_000, places=8)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
TRADE = st.builds(
    lambda symbol, why, reasons, amounts, ratio, span: closed(
        symbol=symbol, why=why, reasons=tuple(reasons), quantity=abs(amounts[0]), entry_price=abs(amounts[1]),
        result=amounts[2], slippage=amounts[3], risked=abs(amounts[4]), r_multiple=ratio,
        opened_ms=1_700_000_000_000, closed_ms=1_700_000_000_000 + span, dust=abs(amounts[4]),
    ),
    TEXT, st.sampled_from(["STOP", "=1+1", "@x"]), st.lists(TEXT | st.just("+4 pp, \"so\"\nit is"), max_size=2),
    st.tuples(AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT), st.floats(-50, 50), st.integers(0, 10**9),
)  # fmt: skip


@given(st.lists(TRADE, max_size=3))
def test_a_csv_file_comes_back_as_it_was_and_calculates_nothing(trades: list[TradeClosed]) -> None:
    account = Account("=evil", "spot", Path(), tuple(trades))
    rows = list(csv.DictReader(io.StringIO(csv_text([account]), newline="")))
    assert len(rows) == len(trades)

    def unquoted(cell: str) -> str:
        assert not cell.startswith(FORMULA)
        return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA) else cell

    for row, one in zip(rows, trades, strict=True):
        assert (unquoted(row["account"]), unquoted(row["symbol"]), unquoted(row["why"])) == (
            "=evil",
            one.symbol,
            one.why,
        )
        assert unquoted(row["reasons"]) == "; ".join(one.reasons)
        numbers = {"quantity": one.quantity, "entry": one.entry_price, "result": one.result, "dust": one.dust}
        numbers["slippage"] = one.slippage
        for name, value in numbers.items():
            assert D(row[name]) == value
            assert "e" not in row[name].lower()
        assert (float(row["r"]) == one.r_multiple) if one.risked else not row["r"]
        assert datetime.fromisoformat(row["closed_at"]) == _moment(one.closed_ms)
        assert D(row["duration_s"]) * 1000 == one.closed_ms - one.opened_ms


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)


@given(st.lists(TRADE, min_size=1, max_size=4))
def test_a_table_has_a_line_a_trade_and_nothing_a_terminal_obeys(trades: list[Any]) -> None:
    lines = table(Account("paper-x", "spot", Path("/there"), tuple(trades)), "")
    assert len(lines) == len(trades) + 4
    assert all(line.isprintable() for line in lines)
    end = lines[1].index("HELD") + len("HELD")
    assert all(line[end - 1] in "smhd" and line[end] == " " for line in lines[2:-2])


def test_fees_whose_worth_is_not_known_are_told_apart() -> None:
    trades = (
        closed(other_fees=(("BNB", D("0.00120000")),)),
        closed(other_fees=(("BNB", D("0.0003")), ("ABC", D(2)))),
        closed(),
    )
    account = Account("paper-binance_us-spot", "spot", Path(), trades)
    assert table(account, "")[-2] == "  not counted in it, as their worth is not known: fees of 2 ABC, 0.0015 BNB"
    rows = list(csv.DictReader(io.StringIO(csv_text([account]), newline="")))
    assert [row["other_fees"] for row in rows] == ["0.0012 BNB", "2 ABC; 0.0003 BNB", ""]
    assert [row["dust"] for row in rows] == ["0", "0", "0"]
    assert "not counted" not in "\n".join(table(Account("paper", "spot", Path(), trades[2:]), ""))
