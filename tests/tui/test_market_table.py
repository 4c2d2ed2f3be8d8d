"""The watchlist table: what a line says, which columns fit, and that nothing repaints without need."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from textual.geometry import Region

from core.messages import State
from tests import builders as make
from tests.snapshots.scenes import app
from tests.tui.desk_builder import shown, store_with
from tui.glyphs import ASCII, UNICODE
from tui.screens.watchlist import WatchlistScreen
from tui.store import ViewStore
from tui.widgets.market_columns import CHOICES
from tui.widgets.market_facts import Facts, derive
from tui.widgets.market_layout import SAYING, arrange, header_pieces, left_out, paint_cell
from tui.widgets.market_order import View, arrange_symbols, count_groups
from tui.widgets.spark import resample, spark_text

NOW = make.NOW_MS


def a_market(symbols: int = 60) -> ViewStore:
    feed = make.SeededFeed(symbols)
    return store_with(*feed.opening(busy=True))


# --- columns -----------------------------------------------------------------------------------------------------------


def test_eighty_columns_keep_what_matters_most():
    keys = [column.key for column in arrange(80, 8, 9).columns]
    assert keys == [
        "flag", "symbol", "price", "change_state", "change_24h", "signal", "state", "probability", "why", "age",
    ]  # fmt: skip


def test_wider_terminals_add_columns_and_lose_none():
    widths = (80, 100, 120, 140, 160, 200, 240)
    shown_keys = [{column.key for column in arrange(width, 10, 10).columns} for width in widths]
    for narrow, wide in pairwise(shown_keys):
        assert narrow <= wide
    assert {"volume", "change_1h", "signal", "recommendation", "confidence"} <= shown_keys[2]
    assert {"target", "stop", "calibration", "atr", "rsi", "volume_z", "spread", "bar_age"} <= shown_keys[5]
    assert {"last_bars", "regime"} <= shown_keys[6]


@settings(max_examples=60)
@given(width=st.integers(60, 260), symbol=st.integers(4, 20), price=st.integers(4, 16), place=st.integers(0, 59))
def test_every_cell_fills_its_column_exactly(width, symbol, price, place):
    store = a_market_once()
    layout = arrange(width, symbol, max(price, 10))
    row = store.rows[store.universe[place]]
    facts = derive(row, store, NOW)
    assert layout.starts[-1] + layout.widths[-1] <= width
    for i, column in enumerate(layout.columns):
        for glyphs in (UNICODE, ASCII):
            cell = paint_cell(layout, i, facts, glyphs)
            text = "".join(text for text, _ in cell)
            assert len(text) == layout.widths[i], (column.key, text)
            if glyphs is ASCII:
                assert text.isascii()


CHOSEN = st.lists(st.sampled_from([column.key for column in CHOICES]), min_size=1, unique=True)


@settings(max_examples=150)
@given(
    chosen=CHOSEN,
    width=st.integers(60, 260),
    price=st.integers(4, 16),
    stale=st.booleans(),
    glyphs=st.sampled_from([UNICODE, ASCII]),
)
def test_any_choice_of_columns_fits_any_width(chosen, width, price, stale, glyphs):
    layout = arrange(width, 10, price, chosen)
    store = a_market_once()
    facts = derive(store.rows["SOLUSDT"], store, NOW)
    facts.stale, facts.why = stale, "no quotes for 14 s: channel frozen" if stale else facts.why
    shown = [column.key for column in layout.columns]
    assert shown[:2] == ["flag", "symbol"]
    assert [key for key in chosen if key in shown] == shown[2:]
    assert len(left_out(layout, chosen)) == len(chosen) - len(shown[2:])
    end = 0
    for i, column in enumerate(layout.columns):
        text = "".join(text for text, _ in paint_cell(layout, i, facts, glyphs))
        if text:
            assert layout.starts[i] >= end
            end = layout.starts[i] + len(text)
            assert stale or len(text) == layout.widths[i], column.key
    assert end <= width
    if stale and set(shown) & set(SAYING):
        said = ["".join(text for text, _ in paint_cell(layout, i, facts, glyphs)) for i in range(len(shown))]
        assert any(text.startswith("no") for text in said)


def test_what_was_chosen_stays_before_what_matters_less():
    everything = [column.key for column in CHOICES]
    shown = {column.key for column in arrange(80, 8, 9, everything).columns}
    assert {"price", "change_state", "state", "probability", "why", "age"} <= shown
    assert not {"bid", "against", "last_bars"} & shown


def test_a_column_of_its_own_takes_its_words_out_of_why():
    view = make.confluence("AUSDT", "BUY", 0.7, 1.0, gate=0.5, gate_reason="too quiet")
    store = store_with(make.universe("AUSDT"), view)
    facts = derive(store.rows["AUSDT"], store, NOW)

    def why(*chosen: str) -> str:
        layout = arrange(200, 8, 9, chosen)
        place = [column.key for column in layout.columns].index("why")
        return "".join(text for text, _ in paint_cell(layout, place, facts, UNICODE))

    assert "gate .50" in why("why")
    assert "against RSI 71 overbought" in why("why")
    assert "gate" not in why("gate", "why")
    assert "against" not in why("why", "against")


def test_chosen_columns_say_how_groups_and_families_lean():
    store = store_with(make.universe("AUSDT"), make.confluence("AUSDT", "BUY", 0.7, 1.0, gate=0.7))
    facts = derive(store.rows["AUSDT"], store, NOW)
    layout = arrange(120, 8, 9, ("smc", "classic", "families", "gate"))
    said = ["".join(text for text, _ in paint_cell(layout, i, facts, UNICODE)).strip() for i in range(2, 6)]
    assert said == ["–", "+ 0.82", "2/3", ".70"]


wild = st.one_of(st.floats(), st.floats(-1e4, 1e4), st.just(0.0))


@settings(max_examples=60)
@given(values=st.tuples(*[wild] * 10), state=st.sampled_from(["BUY", "SELL", "HOLD"]), stale=st.booleans())
def test_absurd_numbers_never_break_a_column(values, state, stale):
    facts = Facts("AUSDT")
    facts.ready, facts.state, facts.stale, facts.why = True, state, stale, "because"
    facts.delta, facts.change_1h, facts.change_24h, facts.spread_bp, facts.natr = values[:5]
    facts.rsi, facts.volume_z, facts.probability = values[5], values[6], min(1.0, abs(values[7]))
    facts.volume, facts.age_s = min(1e14, abs(values[8])), min(1e7, abs(values[9]))
    for width in (80, 120, 200):
        layout = arrange(width, 8, 9)
        for i, column in enumerate(layout.columns):
            text = "".join(text for text, _ in paint_cell(layout, i, facts, UNICODE))
            said = {key: 0 for key in SAYING if stale}
            room = said | {"state": layout.words_width} if stale else said
            assert len(text) == room.get(column.key, layout.widths[i]), column.key


_market: list[ViewStore] = []


def a_market_once() -> ViewStore:
    if not _market:
        _market.append(a_market())
    return _market[0]


def test_words_take_the_room_of_state_p_and_why_when_data_is_stale():
    store = a_market()
    store.on_channel(make.channel("SOLUSDT", "quote", fresh=False))
    layout = arrange(120, 10, 10)
    keys = [column.key for column in layout.columns]
    facts = derive(store.rows["SOLUSDT"], store, NOW)
    cells = {key: paint_cell(layout, i, facts, UNICODE) for i, key in enumerate(keys)}
    assert cells["probability"] == cells["why"] == ()
    assert cells["state"][0][0].startswith("no quotes for 14 s: channel frozen")
    assert len(cells["state"][0][0]) == layout.words_width
    assert cells["flag"][0] == ("≈ ", "warn")
    assert cells["change_state"][0][1] == "stale"


def test_the_header_marks_the_sorted_column_and_fits():
    for width in (80, 120, 200):
        for sort in ("volume", "rsi", "symbol", "age"):
            pieces = header_pieces(arrange(width, 10, 10), UNICODE, sort, True)
            assert sum(len(text) for text, _ in pieces) <= width
            marked = [text for text, style in pieces if style == "accent"]
            assert all(UNICODE.sort_down in text for text in marked)
            assert len(marked) == (0 if (sort == "rsi" and width < 128) or (sort == "volume" and width < 110) else 1)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=80), st.integers(1, 30))
def test_a_sparkline_has_its_width_whatever_comes(values, width):
    for glyphs in (UNICODE, ASCII):
        assert len(spark_text(values, width, glyphs)) == width


def test_a_sparkline_rises_with_its_values():
    rising = spark_text((1.0, 2.0, 3.0, 4.0), 2, UNICODE)
    falling = spark_text((4.0, 3.0, 2.0, 1.0), 2, UNICODE)
    assert rising == "⡠⠊"
    assert falling == "⠑⢄"
    assert resample((1.0, 5.0, 9.0), 5)[::4] == [1.0, 9.0]


# --- order and groups --------------------------------------------------------------------------------------------------


def test_sorting_puts_missing_values_last_in_both_directions():
    store = store_with(
        make.universe("A", "B", "C"),
        make.metrics("A", 1.0, rsi=30.0),
        make.metrics("C", 1.0, rsi=60.0),
    )
    for reverse, order in ((True, ["C", "A", "B"]), (False, ["A", "C", "B"])):
        assert arrange_symbols(store, View(sort="rsi", reverse=reverse), NOW) == order


def test_equal_values_keep_the_order_of_the_universe():
    store = store_with(make.universe("C", "A", "B"), *(make.metrics(s, 1.0, rsi=50.0) for s in "ABC"))
    assert arrange_symbols(store, View(sort="rsi"), NOW) == ["C", "A", "B"]


def test_groups_and_words_choose_symbols():
    store = store_with(
        make.universe("ETHUSDT", "ETCUSDT", "BTCUSDT", "NEWUSDT", "OLDUSDT"),
        make.listing("OLDUSDT", trading=False, status="BREAK"),
        make.confluence("ETHUSDT", "BUY", 0.7, 1.0),
        make.confluence("ETCUSDT", "SELL", 0.3, 1.0),
        make.confluence("BTCUSDT", "BUY", 0.7, 1.0),
        make.channel("BTCUSDT", "quote", fresh=False),
    )
    assert count_groups(store, NOW) == {
        "all": 5, "buy": 1, "sell": 1, "hold": 0, "alerts": 0, "stale": 1, "halted": 1,
    }  # fmt: skip

    def chosen(**view) -> list[str]:
        return arrange_symbols(store, View(sort="symbol", reverse=False, **view), NOW)

    assert chosen(group="buy") == ["ETHUSDT"]
    assert chosen(group="stale") == ["BTCUSDT"]
    assert chosen(group="halted") == chosen(text="halt") == ["OLDUSDT"]
    assert chosen(text="et") == ["ETCUSDT", "ETHUSDT"]
    assert chosen(text="ET sel") == ["ETCUSDT"]
    assert chosen(text="xyz") == []


# --- painting ----------------------------------------------------------------------------------------------------------


class Bench:
    """The watchlist with its timer stopped: each flush is one call."""

    def __init__(self, running, pilot) -> None:
        self.app, self.pilot = running, pilot
        screen = running.screen
        assert isinstance(screen, WatchlistScreen)
        assert screen._flush_timer is not None
        screen._flush_timer.stop()
        self.screen, self.table = screen, screen.table
        self.clock, self.bus = running.desk.clock, running.desk.bus

    async def flush(self, seconds: float = 0.25) -> int:
        """Let time pass and flush; how many lines were sent."""
        before = self.table.repainted
        self.clock.set_ms(self.clock.now_ms() + int(seconds * 1000))
        self.screen._tick()
        await self.pilot.pause()
        return self.table.repainted - before

    def price(self, symbol: str, price: float) -> None:
        self.bus.publish(make.trades(symbol, price, at_ms=self.clock.now_ms()))
        self.bus.publish(make.quote(symbol, price, price, self.clock.now_ms()))

    def line(self, symbol: str) -> str:
        found = [line for line in shown(self.app) if f" {symbol} " in line[:16]]
        return found[0] if found else ""


@asynccontextmanager
async def bench(size=(120, 40), symbols: int = 60):
    running = app()
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        for message in make.SeededFeed(symbols).opening():
            running.desk.bus.publish(message)
        at = Bench(running, pilot)
        for _ in range(24):  # past the slow columns' first turn
            await at.flush()
        yield at


async def test_nothing_is_sent_while_nothing_changes():
    async with bench() as at:
        sent = [await at.flush() for _ in range(4)]
        assert sum(sent) == 0


async def test_an_ordinary_line_is_sent_at_most_once_a_second():
    async with bench() as at:
        sent = []
        for step in range(12):
            at.price("ETHUSDT", 2700.0 + step)
            sent.append(await at.flush())
        assert sum(sent) == 3
        assert "2,7" in at.line("ETHUSDT")


async def test_the_cursor_line_follows_at_every_flush():
    async with bench() as at:
        await at.pilot.press("down")
        symbol = at.table.cursor
        for step in range(5):
            at.price(symbol, 3000.0 + step)
            assert await at.flush() == 1
            assert f"3,00{step}.00" in at.line(symbol)


async def test_a_change_of_state_shows_at_the_next_flush():
    async with bench() as at:
        changes: tuple[tuple[str, State], ...] = (("ETHUSDT", "BUY"), ("XRPUSDT", "SELL"), ("ADAUSDT", "BUY"))
        for symbol, state in changes:
            at.bus.publish(make.confluence(symbol, state, 0.66, 1.0))
            at.bus.publish(make.state_change(symbol, "HOLD", state, 1.0))
            await at.flush()
            assert state in at.line(symbol)


async def test_ordinary_lines_take_turns():
    async with bench() as at:
        feed = make.SeededFeed(60)
        sent = []
        for _ in range(4):
            for message in feed.tick(at.clock.now_ms()):
                at.bus.publish(message)
            sent.append(await at.flush())
        lines = at.table.size.height
        assert max(sent) <= lines / 4 + 2
        assert sum(sent) >= lines * 0.8


async def test_only_the_left_part_of_a_line_is_sent_for_a_price():
    async with bench() as at:
        regions: list[Region] = []
        original = at.table.refresh

        def send(*got, **more):
            regions.extend(got)
            return original(*got, **more)

        at.table.refresh = send
        at.price("ETHUSDT", 2999.0)
        for _ in range(4):
            await at.flush()
        assert [region.height for region in regions] == [1]
        assert regions[0].width < 60
        assert regions[0].x == 0


async def test_lines_out_of_sight_cost_nothing_and_are_new_when_they_come():
    async with bench(size=(80, 24)) as at:
        last = at.table.symbols[-1]
        at.price(last, 777.5)
        assert [await at.flush() for _ in range(5)] == [0] * 5
        await at.pilot.press("end")
        assert "777.5" in at.line(last)


async def test_the_cursor_stays_on_its_symbol_when_rows_change_places():
    async with bench() as at:
        await at.pilot.press("down", "down")
        symbol = at.table.cursor
        at.table.put_order(list(reversed(at.table.symbols)))
        assert at.table.cursor == symbol
        at.table.put_order([s for s in at.table.symbols if s != symbol])
        assert at.table.cursor in at.table.symbols
        at.table.put_order([])
        assert at.table.cursor == ""


async def test_an_untouched_cursor_stays_on_the_first_line():
    async with bench() as at:
        at.table.put_order(list(reversed(at.table.symbols)))
        assert at.table.cursor == at.table.symbols[0]
        assert int(at.table.scroll_offset.y) == 0


async def test_partial_repaints_add_up_to_the_whole_picture():
    """A terminal that is sent only the refreshed parts ends up with every line as it should be."""
    async with bench() as at:
        height = at.table.size.height
        terminal = [at.table.render_line(y).text for y in range(height)]
        original = at.table.refresh

        def send(*regions, **more):
            if not regions:
                terminal[:] = [at.table.render_line(y).text for y in range(height)]
            for region in regions:
                text = at.table.render_line(region.y).text
                terminal[region.y] = text[: region.right] + terminal[region.y][region.right :]
            return original(*regions, **more)

        at.table.refresh = send
        feed = make.SeededFeed(60)
        for step in range(30):
            for message in feed.tick(at.clock.now_ms(), share=0.5):
                at.bus.publish(message)
            symbol = feed.symbols[step]
            at.bus.publish(make.channel(symbol, "quote", fresh=step % 3 == 0))
            at.bus.publish(make.confluence(symbol, ("BUY", "SELL", "HOLD")[step % 3], 0.5, 1.0))
            await at.flush()
        assert terminal == [at.table.render_line(y).text for y in range(height)]
        assert all(len(line) == 120 for line in terminal)
