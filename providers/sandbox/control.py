"""The loopback endpoint that scripts faults: GET lists them, POST carries one out."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from providers.sandbox.faults import COMMANDS, FaultPlan

CONTROL_PATH = "/_control"


class Command(msgspec.Struct, forbid_unknown_fields=True):
    """`{"fault": "freeze", "args": {"symbol": "BTCUSDT", "channel": "kline", "seconds": 30}}`."""

    fault: str
    args: dict[str, str | int | float | bool | None] = {}


def control_route(faults: FaultPlan) -> Route:
    """The route for `CONTROL_PATH`."""

    async def control(request: Request) -> Response:
        if request.method == "GET":
            return _json({"commands": COMMANDS, "state": faults.describe()})
        try:
            command = msgspec.json.decode(await request.body(), type=Command)
            if command.fault not in COMMANDS:
                raise ValueError(f"fault {command.fault!r} is unknown; use one of {', '.join(COMMANDS)}")
            result = getattr(faults, command.fault)(**command.args)
        except (msgspec.MsgspecError, ValueError, TypeError, LookupError) as error:
            return _json({"ok": False, "error": str(error)}, 400)
        return _json({"ok": True, "result": result, "state": faults.describe()})

    return Route(CONTROL_PATH, control, methods=["GET", "POST"])


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
