"""Which blood keeps residue alive."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.outcomes.supply import SOURCES, payload_mg, residue_by_supply, source_of_sites


def test_the_largest_flow_is_the_source() -> None:
    arterial = np.array([3.0, 3.0, 1.0, 1.0, 0.0], dtype=np.float32)
    portal = np.array([1.0, 1.0, 2.0, 1.5, 0.0], dtype=np.float32)
    extrahepatic = np.array([1.0, 1.0, 1.0, 4.0, 0.0], dtype=np.float32)
    collateral = np.array([0.1, 0.9, 0.0, 0.0, 0.0])
    source = source_of_sites(arterial, portal, extrahepatic, collateral)
    assert [SOURCES[i] for i in source] == ["hepatic artery", "collateral", "portal", "extrahepatic", "neighbours only"]
    assert residue_by_supply(np.array([5, 4, 3, 2, 1]), source) == dict(zip(SOURCES, [5, 4, 3, 2, 1], strict=True))


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4, st.integers(0, 9)), min_size=1, max_size=30))
def test_every_cell_has_one_source(rows: list[tuple[float, float, float, float, int]]) -> None:
    a, p, e, c, n = (np.array(column) for column in zip(*rows, strict=True))
    assert sum(residue_by_supply(n, source_of_sites(a, p, e, c)).values()) == n.sum()


def test_only_drugs_that_are_there_are_named() -> None:
    held = np.array([[1e-6, 0.0], [2e-6, 0.0]])
    assert payload_mg(held, ("doxorubicin", "cisplatin")) == {"doxorubicin": 3.0}
