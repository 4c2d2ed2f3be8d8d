"""Neither the key nor the secret, a signature or a listen key gets into messages, errors or the log, at any level."""

from __future__ import annotations

import logging

import pytest

from core.logs import redact
from core.messages import Message, Replay
from core.trading.broker import NoAnswer
from core.venue import Rejected
from providers.binance_us.user_stream import Mechanism
from tests.providers.binance_us.test_trading_sandbox import MECHANISMS, D, trading
from tests.providers.sandbox.us_client import KEY, SECRET


@MECHANISMS
async def test_a_session_leaves_no_secret_behind(mechanism: Mechanism, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    async with trading(mechanism) as on:
        on.broker._bus.subscribe(Message, lambda message: said.append(repr(message)))
        spec = on.spec()
        await on.place(spec)
        with pytest.raises(Rejected) as refused:
            await on.place(on.spec(quantity=D(300)))
        on.exchange.faults.fail_after("POST /api/v3/order")
        with pytest.raises(NoAnswer) as lost:
            await on.place(on.spec())
        on.exchange.faults.private_drop()
        await on.until(lambda: on.heard.states == ["UP", "DOWN", "UP"])
        await on.broker.cancel(on.key(spec))
        on.broker._bus.publish(Replay())
        listen_key = on.broker.stream._key
        said += [str(error) for error in (refused.value, lost.value)] + on.heard.words
        said += [repr(on.broker), repr(vars(on.broker)), repr(on.broker._rest), repr(on.broker.stream)]
    ours = [record for record in caplog.records if record.name.startswith("tradetui")]
    text = "\n".join(said) + "\n".join(redact(record.getMessage()) for record in ours)
    assert said
    for secret in (SECRET, KEY, "signature=", *([listen_key] if listen_key else [])):
        assert secret not in text
