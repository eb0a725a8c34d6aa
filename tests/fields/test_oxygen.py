from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.fields.oxygen import OxygenModel, slab_depth
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.state import Sizes, State

PARAMETERS = load_parameters()
FOUND = ("po2", "share10", "share2p5", "share0p5")
PER_MIN_100ML = 1 / 6000.0  # mL/min/100mL in 1/s
TUMOUR_FLOW = 45.9 * PER_MIN_100ML


def a_state(lattice, compartment=1, arterial=0.0, portal=0.0, extrahepatic=0.0):
    state = State(Sizes(lattice.n_sites))
    state.compartment[:] = compartment
    state.q_arterial[:] = arterial
    state.q_portal[:] = portal
    state.q_extrahepatic[:] = extrahepatic
    return state


def patchy(lattice, seed=3):
    """Liver around a tumour whose blood differs from site to site, some of it without any."""
    random = np.random.default_rng(seed)
    state = a_state(lattice)
    n = lattice.n_sites
    state.compartment[:] = np.linalg.norm(lattice.centres(), axis=1) < 0.3 * lattice.size[0]
    state.compartment[random.random(n) < 0.05] = 255
    state.q_arterial[:] = TUMOUR_FLOW * random.random(n) * (random.random(n) < 0.5)
    state.q_portal[:] = 0.3 * TUMOUR_FLOW * random.random(n) * (random.random(n) < 0.7)
    return state, random.random(n).astype(np.float32)


def solved(lattice, state, living=None, liver="cirrhotic"):
    model = OxygenModel(PARAMETERS, lattice, liver)
    living = np.ones(lattice.n_sites, np.float32) if living is None else living
    model.update(state, np.arange(lattice.n_sites), living)
    return model


def copies(state):
    return {name: getattr(state, name).copy() for name in FOUND}


# --- refusals ----------------------------------------------------------------------------------------------


def test_fine_spacing_is_refused():
    with pytest.raises(InputError, match="more than 50 um"):
        OxygenModel(PARAMETERS, Lattice((2, 2, 2), 50e-6), "normal")
    OxygenModel(PARAMETERS, Lattice((2, 2, 2), 51e-6), "normal")


def test_unknown_liver_is_refused():
    with pytest.raises(InputError, match="Did you mean 'cirrhotic'"):
        OxygenModel(PARAMETERS, Lattice((2, 2, 2), 1e-3), "cirotic")


def test_impossible_parameters_are_refused_together():
    wrong = PARAMETERS.with_overrides(
        {"oxygen.krogh_radius_tumour": "4 um", "oxygen.krogh_radius_liver_normal": "1 um"}
    )
    with pytest.raises(InputError) as error:
        OxygenModel(wrong, Lattice((2, 2, 2), 1e-3), "normal")
    assert len(error.value.problems) == 2


def test_living_must_cover_the_lattice():
    lattice = Lattice((2, 2, 2), 1e-3)
    with pytest.raises(ValueError, match="shape"):
        OxygenModel(PARAMETERS, lattice, "normal").update(a_state(lattice), np.arange(8), np.ones(3, np.float32))


# --- own balance -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compartment", "kind", "arterial", "portal", "extrahepatic", "living"),
    [
        (1, "tumour", 45.9, 0.0, 0.0, 1.0),
        (7, "tumour", 45.9, 9.0, 0.0, 0.8),
        (201, "tumour", 0.0, 9.0, 0.0, 0.3),
        (1, "tumour", 10.0, 2.0, 15.0, 0.7),
        (0, "liver", 11.8, 55.2, 0.0, 1.0),
        (0, "liver", 0.0, 55.2, 0.0, 1.0),
    ],
)
def test_sites_of_one_kind_follow_the_exact_balance(compartment, kind, arterial, portal, extrahepatic, living):
    lattice = Lattice((3, 3, 3), 1e-3)
    flows = [f * PER_MIN_100ML for f in (arterial, portal, extrahepatic)]
    state = a_state(lattice, compartment, *flows)
    model = solved(lattice, state, np.full(27, living, np.float32))
    exact = model.exact(kind, *flows, living=living)
    assert state.po2 == pytest.approx(exact.pressure, abs=0.05)
    for name in FOUND[1:]:
        assert getattr(state, name) == pytest.approx(getattr(exact, name), abs=0.01)


def test_untreated_and_treated_tissue():
    """What the defaults say: hypoxia in tumour is mild, and liver lives without its artery."""
    model = OxygenModel(PARAMETERS, Lattice((2, 2, 2), 1e-3), "cirrhotic")
    untreated = model.exact("tumour", TUMOUR_FLOW, 9 * PER_MIN_100ML)
    assert 0.1 < untreated.share10 < 0.25
    assert untreated.share2p5 < 0.03
    portal_only = model.exact("tumour", 0.0, 9 * PER_MIN_100ML)
    assert portal_only.share0p5 > 0.5
    assert portal_only.share0p5 < 1.0
    assert model.exact("liver", 0.0, 55.2 * PER_MIN_100ML).share0p5 < 0.01
    normal = OxygenModel(PARAMETERS, Lattice((2, 2, 2), 1e-3), "normal")
    assert normal.exact("liver", 0.0, 0.75 * 0.0165).share0p5 < 0.01
    assert model.exact("tumour", 0.0, 0.0).share0p5 == 1.0


def test_no_tissue_no_shares():
    lattice = Lattice((2, 2, 2), 1e-3)
    state = a_state(lattice, 255, TUMOUR_FLOW)
    solved(lattice, state)
    assert all(not getattr(state, name).any() for name in FOUND)


@settings(max_examples=100, deadline=None)
@given(
    arterial=st.floats(0, 0.02),
    portal=st.floats(0, 0.02),
    more=st.floats(0, 0.02),
    living=st.floats(1e-3, 1.2),
    scale=st.floats(1.0, 3.0),
    compartment=st.sampled_from([0, 1]),
)
def test_more_flow_never_lowers_p(arterial, portal, more, living, scale, compartment):
    """More of the same blood, or more arterial blood. (More portal blood may: it is poorer in oxygen.)"""
    lattice = Lattice((3, 1, 1), 1e-3)
    state = a_state(lattice, compartment)
    state.q_arterial[:] = [arterial, arterial + more, arterial * scale]
    state.q_portal[:] = [portal, portal, portal * scale]
    model = OxygenModel(PARAMETERS, lattice, "normal")
    for site in range(3):  # one at a time on a lattice of its own, so without exchange
        alone = a_state(
            Lattice((1, 1, 1), 1e-3), compartment, float(state.q_arterial[site]), float(state.q_portal[site])
        )
        single = OxygenModel(PARAMETERS, Lattice((1, 1, 1), 1e-3), "normal")
        single.update(alone, np.array([0]), np.array([living], np.float32))
        for name in FOUND:
            getattr(state, name)[site] = getattr(alone, name)[0]
    assert model.inlets[0] > model.inlets[1]
    for better in (1, 2):
        assert state.po2[better] >= state.po2[0] * (1 - 1e-5) - 1e-6
        for name in FOUND[1:]:
            values = getattr(state, name)
            assert values[better] <= values[0] + 1e-5


# --- exchange ----------------------------------------------------------------------------------------------


def test_depth_of_a_slab():
    """C9: sqrt(2 D p / M), D 2000 um2/s, p 40 mmHg; and never deeper than half a site."""
    assert slab_depth(40.0, 2 * 2e-9 / 10.0, 1.0, 1e-3) * 1e6 == pytest.approx(126.4911064)
    assert slab_depth(40.0, 2 * 2e-9 / 22.1, 1.0, 1e-3) * 1e6 == pytest.approx(85.08712596)
    assert slab_depth(40.0, 2 * 2e-9 / 10.0, 1.0, 1e-4) == 0.5e-4
    assert slab_depth(40.0, 2 * 2e-9 / 10.0, 0.0, 1e-3) == 0.5e-3
    assert slab_depth(-1.0, 2 * 2e-9 / 10.0, 1.0, 1e-3) == 0.0


@pytest.mark.parametrize("spacing", [0.25e-3, 0.5e-3, 1e-3, 2e-3])
def test_unsupplied_site_between_supplied_ones(spacing):
    """The rescued share of a site without blood is the slab's depth over the spacing, for every face."""
    lattice = Lattice((3, 1, 1), spacing)
    state = a_state(lattice, arterial=TUMOUR_FLOW)
    state.q_arterial[1] = 0.0
    model = solved(lattice, state)
    neighbour = float(state.po2[0])
    for name, threshold in zip(FOUND[1:], (10.0, 2.5, 0.5), strict=True):
        depth = (2 * 2e-9 * (neighbour - threshold) / 15.0) ** 0.5
        assert getattr(state, name)[1] == pytest.approx((1 - depth / spacing) ** 2, rel=1e-5)
    assert 0 < state.po2[1] < neighbour
    assert neighbour == pytest.approx(model.exact("tumour", TUMOUR_FLOW, 0.0).pressure, abs=0.05)


def test_equal_neighbours_exchange_nothing():
    lattice = Lattice((5, 5, 5), 1e-3)
    state = a_state(lattice, arterial=0.3 * TUMOUR_FLOW)
    solved(lattice, state)
    alone = a_state(Lattice((1, 1, 1), 1e-3), arterial=0.3 * TUMOUR_FLOW)
    solved(Lattice((1, 1, 1), 1e-3), alone)
    for name in FOUND:
        assert np.all(getattr(state, name) == getattr(alone, name)[0])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_mirrored_tissue_has_mirrored_oxygen(axis):
    lattice = Lattice((6, 6, 6), 0.5e-3)
    state, living = patchy(lattice)

    def turned(array):
        return np.flip(array.reshape(lattice.shape), axis).reshape(-1)

    mirrored = a_state(lattice)
    for name in ("compartment", "q_arterial", "q_portal"):
        getattr(mirrored, name)[:] = turned(getattr(state, name))
    solved(lattice, state, living)
    solved(lattice, mirrored, turned(living).copy())
    for name in FOUND:
        # the product over faces is taken in another order
        np.testing.assert_allclose(turned(getattr(state, name)), getattr(mirrored, name), rtol=3e-6, atol=1e-7)


def test_the_wall_of_the_box_is_no_neighbour():
    lattice = Lattice((2, 3, 4), 1e-3)
    state = a_state(lattice)
    last = lattice.index(0, 2, 3)  # the next number, (1, 0, 0), touches it nowhere
    state.q_arterial[last + 1] = TUMOUR_FLOW
    solved(lattice, state)
    assert state.share0p5[last] == 1.0
    beside = lattice.neighbours(last + 1)
    assert np.all(state.share0p5[beside] < 1.0)
    assert np.count_nonzero(state.share0p5 < 1.0) == len(beside) + 1


def test_order_and_choice_of_sites_do_not_matter():
    """Sites that are not updated keep what they hold, and what they hold is not read."""
    lattice = Lattice((8, 8, 8), 1e-3)
    state, living = patchy(lattice)
    model = solved(lattice, state, living)
    whole = copies(state)
    for name in FOUND:
        getattr(state, name)[:] = -7.0
    some = np.random.default_rng(5).permutation(lattice.n_sites)[:200]
    model.update(state, some, living)
    for name in FOUND:
        assert np.array_equal(getattr(state, name)[some], whole[name][some])
        assert np.all(np.delete(getattr(state, name), some) == -7.0)


def test_two_threads_give_the_same_bits():
    lattice = Lattice((50, 50, 50), 1e-3)  # enough sites to be cut into blocks
    state, living = patchy(lattice)
    model = solved(lattice, state, living)
    one = copies(state)
    for name in FOUND:
        getattr(state, name)[:] = 0
    model.update(state, np.arange(lattice.n_sites), living, threads=2)
    assert all(np.array_equal(getattr(state, name), one[name]) for name in FOUND)


@pytest.mark.parametrize("seed", [1, 2])
def test_shares_are_nested_in_any_tissue(seed):
    lattice = Lattice((12, 12, 12), 0.2e-3)
    state, living = patchy(lattice, seed)
    solved(lattice, state, living)
    assert np.all(state.po2 >= 0.0)
    assert np.all((state.share0p5 >= 0) & (state.share0p5 <= state.share2p5))
    assert np.all((state.share2p5 <= state.share10) & (state.share10 <= 1))


def test_any_object_with_the_arrays_will_do():
    """The room reads arrays by name and nothing else of the state."""
    lattice = Lattice((2, 2, 2), 1e-3)
    full = a_state(lattice, arterial=TUMOUR_FLOW)
    names = ("compartment", "q_arterial", "q_portal", "q_extrahepatic", *FOUND)
    bare = SimpleNamespace(**{name: getattr(full, name) for name in names})
    solved(lattice, bare)
    assert full.po2.min() > 0
