import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.cells import placement
from tumorsim.lattice import Lattice

BOX = (5, 4, 3)


def test_neighbours_are_those_of_the_lattice():
    table = Lattice(BOX, 1e-3).neighbour_table()
    for site in range(60):
        found = placement.neighbours(site, *BOX)
        assert sorted(n for n in found if n >= 0) == sorted(n for n in table[site] if n >= 0)
        for d, there in enumerate(found):
            assert there < 0 or placement.neighbours(there, *BOX)[d ^ 1] == site


def split(room, compartment, overflow, permeability=(1.0, 1.0, 1.0), capsule=0, seed=3, step=0):
    """Pass 2 on all sites with room: admitted per site and by compartment of the source."""
    targets = np.flatnonzero(room > 0)
    label, admitted = compartment[targets].copy(), np.zeros(targets.size, dtype=np.int64)
    marks = np.full(room.size, capsule, dtype=np.uint8)
    taken = placement.from_neighbours(
        targets, seed, 0, step, compartment, room, overflow, marks, *permeability, *BOX, label, admitted
    )
    return targets, label, admitted, taken


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_neighbours_admit_no_more_than_room_and_take_no_more_than_overflow(data, seed):
    n = 60
    compartment = np.array(
        data.draw(st.lists(st.sampled_from([0, 1, 1, 2, 200, 255]), min_size=n, max_size=n)), np.uint8
    )
    room = np.array(data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)), np.int32)
    overflow = np.array(data.draw(st.lists(st.integers(0, 30), min_size=n, max_size=n)), np.int32)
    room[compartment == 255] = 0
    overflow[(compartment == 0) | (compartment == 255)] = 0
    room[overflow > 0] = 0
    targets, label, admitted, taken = split(room, compartment, overflow, (0.3, 0.5, 0.7), seed=seed)
    assert np.all(admitted >= 0) and np.all(admitted <= room[targets])
    assert admitted.sum() == taken.sum()
    by_source = np.bincount(compartment, overflow, minlength=256)
    assert np.all(taken <= by_source)
    assert np.all(label[(compartment[targets] == 0) & (admitted > 0)] > 0)


def test_a_source_splits_by_permeability_times_room_exactly_in_the_mean():
    compartment = np.ones(60, np.uint8)
    room, overflow = np.zeros(60, np.int32), np.zeros(60, np.int32)
    source = Lattice(BOX, 1.0).index(2, 2, 1)
    minus_x, plus_x = placement.neighbours(source, *BOX)[:2]
    room[minus_x], room[plus_x], overflow[source] = 30, 60, 10
    compartment[plus_x] = 2
    got = np.zeros(2)
    for step in range(3000):
        targets, _, admitted, taken = split(room, compartment, overflow, (1.0, 0.25, 1.0), step=step)
        assert admitted.sum() == 10 and taken[1] == 10
        got += admitted[np.searchsorted(targets, [minus_x, plus_x])]
    assert got / 3000 == pytest.approx([10 * 30 / 45, 10 * 15 / 45], rel=0.01)


def test_a_face_without_permeability_lets_nothing_through():
    compartment = np.zeros(60, np.uint8)
    room, overflow = np.full(60, 50, np.int32), np.zeros(60, np.int32)
    source = Lattice(BOX, 1.0).index(2, 2, 1)
    compartment[source], room[source], overflow[source] = 1, 0, 40
    assert split(room, compartment, overflow, (0.0, 1.0, 1.0), capsule=1)[2].sum() == 0
    assert split(room, compartment, overflow, (0.0, 1.0, 1.0), capsule=0)[2].sum() == 40
    compartment[source] = 199  # a thrombus lies in a vein: its wall counts, no capsule does
    assert split(room, compartment, overflow, (0.0, 1.0, 1.0), capsule=1)[2].sum() == 40
    assert split(room, compartment, overflow, (1.0, 1.0, 0.0), capsule=1)[2].sum() == 0


def test_a_full_target_serves_its_neighbours_in_a_drawn_order():
    compartment = np.ones(60, np.uint8)
    room, overflow = np.zeros(60, np.int32), np.zeros(60, np.int32)
    target = Lattice(BOX, 1.0).index(2, 2, 1)
    left, right = placement.neighbours(target, *BOX)[:2]
    compartment[left], compartment[right] = 1, 2
    room[target], overflow[left], overflow[right] = 10, 10, 10
    first = [int(split(room, compartment, overflow, step=step)[3][1]) for step in range(400)]
    assert set(first) == {0, 10}
    assert 150 < first.count(10) < 250


def front(pool, label, weight, space, seed=1, step=0):
    targets = np.arange(len(label))
    pools = np.zeros(256, dtype=np.int64)
    for compartment, cells in pool.items():
        pools[compartment] = cells
    admitted, space = np.zeros(len(label), dtype=np.int64), np.array(space, dtype=np.int64)
    blocked = placement.onto_front(
        pools, targets, np.array(label, np.uint8), np.array(weight, float), space, admitted, seed, 0, step
    )
    return admitted, blocked


@settings(max_examples=60, deadline=None)
@given(
    space=st.lists(st.integers(0, 50), min_size=1, max_size=40),
    cells=st.integers(0, 1500),
    weight=st.sampled_from([1.0, 0.1]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_front_takes_what_fits_and_the_rest_is_blocked(space, cells, weight, seed):
    weights = np.where(np.arange(len(space)) % 2 == 0, 1.0, weight)
    admitted, blocked = front({3: cells}, [3] * len(space), weights, space, seed)
    assert np.all(admitted >= 0) and np.all(admitted <= space)
    assert admitted.sum() + blocked == cells
    assert blocked == max(0, cells - sum(space))


def test_a_pool_stays_with_its_compartment():
    admitted, blocked = front({1: 5, 2: 50}, [1, 2, 2, 0], [1, 1, 0, 1], [9, 9, 9, 9])
    assert admitted.tolist() == [5, 9, 0, 0]
    assert blocked == 41


def test_the_front_fills_in_proportion_to_room_and_the_rest_goes_by_key():
    admitted, _ = front({1: 60}, [1, 1, 1], [1, 1, 1], [100, 200, 300])
    assert admitted.tolist() == [10, 20, 30]
    single = np.sum([front({1: 3}, [1] * 12, [1.0] * 12, [1] * 12, step=step)[0] for step in range(2000)], axis=0)
    assert single / 2000 == pytest.approx(np.full(12, 0.25), abs=0.05)
