"""A handful of the soak's sequences on each venue: random acts and faults from a seed, then calm and one truth (`make soak` has more)."""

import pytest

from tests.faults.order_rig import VENUES
from tests.faults.soak import some, where_of

SEEDS = ((201, 228), (229, 265), (224, 230))
"""For each venue: sequences that have found something, or that do much."""


@pytest.mark.slow
@pytest.mark.parametrize("seeds", SEEDS, ids=VENUES)
async def test_whatever_happens_both_sides_tell_the_same_in_the_end(seeds: tuple[int, ...]) -> None:
    assert [where_of(seed) for seed in seeds] == [VENUES[SEEDS.index(seeds)]] * len(seeds)
    failures = await some(list(seeds), tell=False)
    assert not failures, "\n".join(failures)
