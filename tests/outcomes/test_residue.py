from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tumorsim.outcomes.residue import (
    REASON_NAMES,
    Attempt,
    Reason,
    log10_kill,
    reason_of_sites,
    residue_by_reason,
    residue_by_zone,
)


def attempt(n: int = 4, **true_at: list[int]) -> Attempt:
    flags = {name: np.isin(np.arange(n), true_at.get(name, [])) for name in ("missed", "other_supply", "low_dose")}
    planned = np.isin(np.arange(n), true_at.get("planned", list(range(n))))
    received = np.zeros(n)
    received[true_at.get("got", [])] = 8.0
    return Attempt(delivered="failed" not in true_at, planned=planned, received=received, **flags)


def test_kill_of_nothing_left_counts_one_cell() -> None:
    assert log10_kill(0, 10**9) == pytest.approx(9.0)
    assert log10_kill(10**6, 10**9) == pytest.approx(3.0)


def test_no_treatment_is_untreated() -> None:
    assert set(reason_of_sites(3, [])) == {Reason.UNTREATED}


def test_first_true_reason_stands() -> None:
    reason = reason_of_sites(4, [attempt(missed=[0], other_supply=[0, 1], low_dose=[1, 2], planned=[0, 1, 2])])
    assert list(reason) == [Reason.MISSED, Reason.OTHER_SUPPLY, Reason.LOW_DOSE, Reason.OUTSIDE_PLAN]


def test_in_plan_reached_and_alive_without_blood_is_hypoxic() -> None:
    assert set(reason_of_sites(2, [attempt(2)])) == {Reason.HYPOXIC}


def test_of_equal_shortfalls_the_later_treatment_speaks() -> None:
    """A second session that missed a feeder, after a first that reached it and did not last."""
    found = reason_of_sites(3, [attempt(3, low_dose=[0, 1, 2]), attempt(3, missed=[0], low_dose=[1], planned=[0, 1])])
    assert list(found) == [Reason.MISSED, Reason.LOW_DOSE, Reason.LOW_DOSE]


def test_what_was_not_delivered_says_so_unless_it_was_missed() -> None:
    assert set(reason_of_sites(2, [attempt(2, failed=[0])])) == {Reason.NOT_DELIVERED}


def test_the_treatment_with_the_largest_shortfall_speaks() -> None:
    first = attempt(2, got=[0], low_dose=[0, 1])
    second = attempt(2, got=[1], other_supply=[0, 1])
    assert list(reason_of_sites(2, [first, second])) == [Reason.OTHER_SUPPLY, Reason.LOW_DOSE]


@given(
    arrays(np.int32, 12, elements=st.integers(0, 10**6)),
    arrays(np.int32, 12, elements=st.integers(0, 10**6)),
    arrays(np.uint8, 12, elements=st.integers(1, len(REASON_NAMES) - 1)),
)
def test_every_residual_cell_has_one_reason(viable: np.ndarray, nadir: np.ndarray, reason: np.ndarray) -> None:
    counted = residue_by_reason(viable, nadir, reason, treated=True)
    assert sum(counted.values()) == viable.sum()
    assert counted.get("regrown", 0) >= np.maximum(viable - nadir, 0).sum()


@given(arrays(np.int32, 9, elements=st.integers(0, 10**6)), arrays(np.uint8, 9, elements=st.integers(0, 2)))
def test_every_residual_cell_has_one_zone(viable: np.ndarray, zone: np.ndarray) -> None:
    counted = residue_by_zone(viable, zone, ["a", "b", "c"])
    assert list(counted) == ["a", "b", "c"]
    assert sum(counted.values()) == viable.sum()


def test_resistant_stands_behind_what_went_wrong_and_before_hypoxic() -> None:
    tried = replace(attempt(4, low_dose=[0], missed=[1]), resistant=np.array([True, True, True, False]))
    assert list(reason_of_sites(4, [tried])) == [
        Reason.LOW_DOSE, Reason.MISSED, Reason.RESISTANT, Reason.HYPOXIC,
    ]  # fmt: skip
    failed = replace(attempt(2, failed=[0]), resistant=np.array([True, False]))
    assert set(reason_of_sites(2, [failed])) == {Reason.NOT_DELIVERED}
