"""A process that appends until it is killed, printing the number of each record once it is durable."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from core.trading.journal import Journal, JournalLimits
from core.trading.journal_records import Note


async def main(folder: Path) -> None:
    journal = await Journal.open(folder, JournalLimits(rotate_bytes=4_000))
    while True:
        first = journal.append(Note(at_ms=1, code="N", text="x" * 50))
        second = journal.append(Note(at_ms=1, code="N", text="y" * 50))
        for seq in await asyncio.gather(first, second):
            sys.stdout.write(f"{seq}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
