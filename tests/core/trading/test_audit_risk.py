"""What an audit asked of the day's loss: a trade that goes on after its end counts on."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

from core.trading.journal_records import Entry
from core.trading.order_record import Intent
from core.trading.risk_desk import RiskDesk
from tests.core.trading.risk_rig import RiskRig


def lost(rig: RiskRig) -> tuple[D, D | None]:
    """Realised and unrealised of the day."""
    view = rig.view()
    assert view.loss.day is not None
    return view.loss.day.realised, view.loss.unrealised


def test_a_trade_that_fills_after_its_end_counts_with_what_it_brings_from_there_on(tmp_path: Path) -> None:
    rig = RiskRig(tmp_path, "spot").tell()
    rig.closed("-50", "t-0")
    assert lost(rig) == (D(-50), D(0))
    rig.position(-80.0, trade_id="t-0")
    assert lost(rig) == (D(-50), D(-30))
    rig.closed("-120", "t-0")
    assert lost(rig) == (D(-120), D(0))
    rig.closed("-120", "t-0")
    assert lost(rig) == (D(-120), D(0)), "told twice it counts once"


def test_a_risk_state_that_is_gone_although_orders_were_sent_halts(tmp_path: Path) -> None:
    """Deleting a file must not forget a halt, a latch or a drawdown."""
    rig = RiskRig(tmp_path, "spot").tell()
    rig.desk.halt("test")
    sent = Intent(at_ms=0, intent_id="open o-1", purpose="ENTRY", spec=rig.draft().spec)
    rig.journal.entries.append(Entry(1, sent))
    (tmp_path / "risk_state.json").unlink()
    after = RiskDesk(rig.bus, rig.clock, rig.live, rig.journal, tmp_path, rig.venue, "spot", mode="LIVE")
    assert after.standing.state == "HALTED"
    assert "is gone" in after.standing.causes[0]
