"""Volume z against its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.market.volume import robust_volume_z


def test_agrees_with_the_definition():
    volumes = np.array([float(i % 9) for i in range(50)] + [100.0])
    logs = np.log(1 + volumes)
    past = logs[:50]
    median = np.median(past)
    expected = (logs[50] - median) / (1.4826 * np.median(np.abs(past - median)))
    assert robust_volume_z(volumes) == pytest.approx(expected, rel=1e-12)
    assert robust_volume_z(volumes) > 2


def test_the_current_bar_is_not_in_its_own_window():
    calm = np.array([float(i % 9) for i in range(50)])
    values = [robust_volume_z(np.append(calm, spike)) for spike in (1e3, 1e6, 1e9)]
    assert values == sorted(values)
    assert values[2] / values[0] == pytest.approx(
        (math.log1p(1e9) - np.median(np.log1p(calm))) / (math.log1p(1e3) - np.median(np.log1p(calm)))
    )


def test_only_the_last_bars_count():
    calm = np.array([float(i % 9) for i in range(51)])
    assert robust_volume_z(np.concatenate([[1e9] * 20, calm])) == robust_volume_z(calm)


def test_too_short_or_flat_windows_give_nan():
    assert math.isnan(robust_volume_z(np.arange(50.0)))
    assert math.isnan(robust_volume_z(np.append(np.full(50, 3.0), 9.0)))
    assert math.isnan(robust_volume_z(np.append(np.zeros(50), 9.0)))
    assert math.isnan(robust_volume_z(np.array([])))
