"""The columns of the calibration table: which stay at which width, and that a line is never wider than the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.snapshots import scenes_calibration as scene
from tests.tui.desk_builder import store_with
from tui.glyphs import ASCII, UNICODE
from tui.widgets.calibration_columns import COLUMNS, Seen, arrange, asset_line, header_line
from tui.widgets.line_panel import width_of

STORE = store_with(*scene.busy())
SYMBOLS = (
    scene.RUNNING,
    scene.URGENT,
    scene.HISTORY,
    scene.FAILED,
    scene.EXPIRED,
    scene.KEPT,
    scene.ACCEPTED,
    "TRXUSDT",
)


@given(width=st.integers(60, 260), symbol=st.integers(6, 16), name=st.sampled_from(SYMBOLS), ascii_only=st.booleans())
def test_every_line_is_as_wide_as_its_layout_and_fits(width, symbol, name, ascii_only):
    glyphs = ASCII if ascii_only else UNICODE
    layout = arrange(width, symbol)
    line = asset_line(Seen(name, STORE.screening.row(name), scene.NOW, glyphs), layout, chosen=False)
    assert width_of(line) == width
    assert width_of(header_line(layout, glyphs)) <= width


@given(width=st.integers(60, 259))
def test_a_wider_table_never_loses_a_figure(width):
    def figures(cells: int) -> set[str]:
        keys = {column.key for column in arrange(cells, 9).columns}
        return {"win" if key == "interval" else key for key in keys}

    assert figures(width) <= figures(width + 1)


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, "n pf win expectancy drawdown dsr pbo"),
        (120, "class source age expires n pf interval expectancy drawdown dsr pbo"),
        (
            200,
            "class source age expires n pf interval expectancy drawdown is_n is_pf is_win is_expectancy is_drawdown dsr pbo",
        ),
    ],
)
def test_the_columns_of_the_usual_widths(width, shown):
    assert " ".join(column.key for column in arrange(width, 9).columns) == shown


def test_in_sample_comes_after_out_of_sample_and_leaves_first():
    keys = [column.key for column in COLUMNS]
    inside = [column for column in COLUMNS if column.key.startswith("is_")]
    assert keys.index("drawdown") < keys.index("is_n")
    assert max(column.keep for column in inside) < min(c.keep for c in COLUMNS if c not in inside)


def test_what_is_not_known_is_a_dash():
    line = asset_line(
        Seen("NEWUSDT", STORE.screening.row("NEWUSDT"), scene.NOW, UNICODE), arrange(200, 9), chosen=False
    )
    text = "".join(part for part, _ in line)
    assert text.split() == ["NEWUSDT", *["–"] * 16, "not", "calibrated", "yet"]
