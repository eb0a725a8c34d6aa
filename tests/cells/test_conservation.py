"""No cell is made or lost but by the books, in either form of storage, whatever hazards and room there are."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tumorsim.cells import lifecycle

DAY = 86_400
FINE = {"spacing": 20e-6, "shape": (15, 14, 13), "radius": 5.2}
FORMS = st.sampled_from(
    [
        FINE,
        {"shape": (9, 10, 11), "radius": 3.2, "overrides": {"tissue.cell_density": "9e3 1/mL"}},  # 9 cells a site
        {"shape": (9, 10, 11), "radius": 3.2},
    ]
)


def counted(b: Any) -> dict[str, int]:
    """Cells by what they are, over all sites."""
    state = b.state
    if b.population.one_cell:
        by_phase = np.bincount(state.phase, minlength=9)
        return {
            "viable": int(by_phase[1:5].sum()),
            "dying": int(by_phase[5]),
            "debris": int(by_phase[6]),
            "doomed": int(by_phase[7:9].sum()),
        }
    found = {name: getattr(state, name).sum(dtype=np.float64) for name in ("viable", "dying", "debris", "doomed")}
    return {name: int(np.ceil(number)) for name, number in found.items()}


def nothing_is_negative(b: Any) -> None:
    for spec in b.state.specs():
        if spec.unit in ("cells", "-") and spec.axis != "scalar":
            array = getattr(b.state, spec.name)
            assert array.size == 0 or array.min() >= 0, spec.name


@settings(max_examples=25, deadline=None)
@given(
    form=FORMS,
    share=st.sampled_from([0.0, 0.3, 0.6]),
    hazard=st.floats(0.0, 0.8),
    imposed=st.floats(0.0, 4.0),
    days=st.floats(30.0, 200.0),
    permeability=st.sampled_from([(0.0, 0.0), (0.1, 0.1), (1.0, 1.0)]),
    switches=st.fixed_dictionaries({"growth": st.booleans(), "dead_take_room": st.booleans()}),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_books_of_every_step_balance(
    bench: Any, form: dict[str, Any], share: float, hazard: float, imposed: float, days: float,
    permeability: tuple[float, float], switches: dict[str, bool], seed: int,
) -> None:  # fmt: skip
    assume(days > 60.0 or share < 0.5)  # cells with so little oxygen cannot double in less
    b = bench(
        **form, **switches, share=share, capsule=True, permeability=permeability, compartments=2, outside=True,
        doubling=days * DAY, causes=["x"], seed=seed,
    )  # fmt: skip
    b.starvation[:] = hazard
    external = np.random.default_rng(seed).uniform(0.0, imposed + 1e-9, (1, b.lattice.n_sites, 4))
    for k in range(8):
        before, booked = counted(b), b.state.deaths.sum(axis=0, dtype=np.int64)
        more = {"H_ext": external, "ext_causes": [b.state.cause("x")]} if k == 3 else {}
        totals = b.step(k, **more)
        after, dead = counted(b), sum(totals.deaths)
        assert after["viable"] == before["viable"] - dead + totals.births - totals.blocked
        assert (totals.viable, totals.dying) == (after["viable"], after["dying"])
        assert tuple(b.state.deaths.sum(axis=0, dtype=np.int64) - booked) == totals.deaths
        assert 0 <= totals.blocked <= totals.births and min(totals.deaths) >= 0
        # who dies is first dying, then debris; who is doomed divides at most once more before it dies
        gone = before["dying"] + before["doomed"] + dead - after["dying"] - after["doomed"]
        if b.population.one_cell and not switches["dead_take_room"]:
            assert after["dying"] == after["debris"] == 0  # the dead have left their sites
        else:
            gone -= totals.deaths[lifecycle.LINEAGE]  # single cells are taken up at once
            assert -before["doomed"] <= gone <= before["dying"]
            assert after["debris"] <= before["debris"] + max(gone, 0) + 1
        nothing_is_negative(b)
        viable = b.population.viable_of_sites()
        assert np.all(b.state.nadir <= viable)
        assert np.all(viable <= b.population.capacity)
        assert viable[(b.state.compartment == 0) | (b.state.compartment == 255)].sum() == 0
        if switches["dead_take_room"] and not b.population.one_cell:
            used = viable + b.state.dying + b.state.doomed.sum(axis=1) + np.floor(b.state.debris)
            assert used.max() <= b.population.capacity
        if not switches["growth"]:
            assert totals.births == 0
