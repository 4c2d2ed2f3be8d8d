"""F26: a channel that falls silent on a living socket is noticed, said in words, and comes back by itself."""

from __future__ import annotations

from functools import partial

from core.messages import ChannelStatus, LinkStatus
from tests.faults.conftest import OTHERS, VICTIM, Start

FROZEN = {"quote": VICTIM, "kline": "XRPUSDT", "depth": "ETHUSDT"}
WORDS = {"quote": "no quotes for ", "kline": "no candles for ", "depth": "no depth for "}


async def test_f26_a_frozen_channel_is_shown_while_the_others_are_fresh_and_so_is_a_whole_frozen_socket(
    start: Start,
) -> None:
    async with start() as desk:
        await desk.until_minutes(1)  # the channels' habits are known
        since = desk.mark()
        for channel, symbol in FROZEN.items():
            desk.faults.freeze(symbol, channel)

        def silent(channel: str) -> bool:
            status = desk.store.row(FROZEN[channel]).channels.get(channel)
            return status is not None and not status.fresh

        for channel, symbol in FROZEN.items():
            await desk.until(partial(silent, channel), f"{channel} is noticed")
            assert desk.facts(symbol).stale
            assert desk.words(symbol).startswith(WORDS[channel])
            assert desk.words(symbol).endswith("channel frozen")
            await desk.until(partial(desk.hold_reason, symbol), "the veto")
        troubled = {(s.channel, s.symbol) for s in desk.of(ChannelStatus, since=since) if not s.fresh}
        assert troubled == set(FROZEN.items()), "nothing else is called silent"
        desk.untouched("BTCUSDT", since=since)
        desk.faults.clear()
        await desk.until_fresh()
        desk.untouched("BTCUSDT", since=since)
        desk.faults.freeze()  # now everything: only pongs come
        lively = (VICTIM, *OTHERS)
        await desk.until(
            lambda: all(desk.facts(s).stale and desk.hold_reason(s) for s in lively), "every line is stale"
        )
        desk.faults.clear()
        await desk.proven()
        assert not [s for s in desk.of(LinkStatus, since=since) if s.state != "up"], "the socket lived"
