"""An order manager on a scripted venue, closed when the test is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.core.trading.order_office import Office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """The journal is real, the clock stands still until moved."""
    made = await Office.open(tmp_path)
    yield made
    await made.close()
