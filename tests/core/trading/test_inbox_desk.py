"""The inbox on a whole order path on paper: a proposal opens itself, its fills wait, answers outlive a restart."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from core.messages import Analysis, AnswerItem, ClosePosition, Inbox, InboxItem, Refused, RiskParameters
from tests.core.trading.inbox_rig import recommended
from tests.core.trading.ticket_rig import TicketRig, ticket_rig

D = Decimal


def advice(rig: TicketRig) -> Analysis:
    """A trade at the market of now."""
    mid, tick = D(str(rig.provider.mids[rig.symbol])), rig.provider.rules[rig.symbol].tick_size

    def at(factor: str) -> Decimal:
        return (mid * D(factor)).quantize(tick)

    made = recommended(rig.symbol, 0.8, at_ms=rig.clock.now_ms(), p_trade=0.7)
    risk = RiskParameters(
        side="BUY", optimal_entry=(at("0.998"), at("1.002")), tp_targets=(at("1.08"),), sl_level=at("0.97"),
        risk_reward_ratio=2.4, gross_ratio=2.6, cost_r=0.05, fees_exceed_move=False,
    )  # fmt: skip
    return replace(made, risk_parameters=risk, venue=rig.desk.venue, category=rig.desk.category)


def items(rig: TicketRig, kind: str) -> list[InboxItem]:
    return [item for item in rig.of(Inbox)[-1].items if item.kind == kind]


async def test_a_proposal_opens_itself_and_its_fills_wait_over_a_restart_until_answered(tmp_path: Path) -> None:
    async with ticket_rig(tmp_path) as rig:
        assert rig.live.edit("paper.open_top", "1")
        rig.bus.publish(advice(rig))
        await rig.pass_time(3)
        [proposal] = items(rig, "PROPOSAL")
        assert proposal.state == "TAKEN", proposal.text
        await rig.pass_time(20)
        [entry] = items(rig, "FILL")
        assert entry.text.startswith("bought ")
        assert ", entry" in entry.text
        assert not items(rig, "PROPOSAL"), "there is a position now"

        rig.ask(AnswerItem(item_id=entry.item_id, answer="ACKNOWLEDGED"))
        rig.ask(ClosePosition(symbol=rig.symbol))
        await rig.pass_time(20)
        [exit_] = items(rig, "FILL")
        assert "exit; trade over, operator: " in exit_.text
        assert " R, " in exit_.text
        assert " USDT" in exit_.text
        rig.ask(AnswerItem(item_id="f:nobody", answer="DISMISSED"))
        await rig.wait()
        assert "there is no item 'f:nobody'" in rig.of(Refused)[-1].words

        await rig.stop()
        rig.seen.clear()
        await rig.start()
        await rig.pass_time(15)
        [again] = items(rig, "FILL")
        assert (again.item_id, again.state) == (exit_.item_id, "WAITING")
        assert again.text.startswith(exit_.text.removesuffix(" USDT"))
