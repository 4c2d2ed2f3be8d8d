"""Overlapping outcomes count for less."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.learning.overlap import uniqueness

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), min_size=1, max_size=25)


def test_uniqueness_of_the_method_sheet():
    found = uniqueness(np.array([0, 1, 5]), np.array([2, 3, 6]))
    assert found == pytest.approx([2 / 3, 2 / 3, 1.0])
    assert found.sum() == pytest.approx(2.3333333, rel=1e-6)


@settings(deadline=None)
@given(spans=SPANS, shift=st.integers(0, 1_000_000))
def test_uniqueness_equals_the_naive_one_wherever_history_begins(spans, shift):
    starts = np.array([start for start, _ in spans])
    ends = starts + np.array([length for _, length in spans])
    bars = [list(range(a, b + 1)) for a, b in zip(starts, ends, strict=True)]
    naive = [np.mean([1.0 / sum(bar in other for other in bars) for bar in own]) for own in bars]
    assert uniqueness(starts + shift, ends + shift) == pytest.approx(naive)


def test_no_spans_and_spans_that_cannot_be():
    assert len(uniqueness(np.array([], dtype=np.intp), np.array([], dtype=np.intp))) == 0
    with pytest.raises(ValueError, match="cannot end before"):
        uniqueness(np.array([3]), np.array([2]))
