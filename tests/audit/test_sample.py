from __future__ import annotations

import pytest

from airflow_provider_convexport.audit.sample import check_share, sampled_days
from airflow_provider_convexport.errors import ConfigurationError
from tests.support.samples import APRIL_1, HOUR, days


def test_a_share_of_days_is_rounded_up_and_never_nothing():
    assert [len(sampled_days(days(30), share)) for share in (0.001, 0.1, 0.11, 0.5, 1)] == [1, 3, 4, 15, 30]


def test_the_same_range_has_the_same_days_and_a_larger_share_has_these_too():
    small, large = sampled_days(days(90), 0.1), sampled_days(days(90), 0.4)

    assert small == sampled_days(days(90), 0.1)
    assert small < large


def test_every_week_has_days_of_its_own_choice():
    chosen = {
        (min(sampled_days(days(7, start=APRIL_1 + week * 7 * 24 * HOUR), 0.1)) - APRIL_1.date()).days % 7
        for week in range(20)
    }

    assert len(chosen) > 3


def test_an_hour_is_a_part_of_its_day():
    (day,) = sampled_days(type(days(1))(APRIL_1 + 5 * HOUR, APRIL_1 + 6 * HOUR), 1)

    assert day == APRIL_1.date()


@pytest.mark.parametrize("share", [0, -0.1, 1.01, True, "0.1", None, float("nan")])
def test_another_share_is_refused(share):
    with pytest.raises(ConfigurationError, match="above 0 and up to 1"):
        check_share(share)
