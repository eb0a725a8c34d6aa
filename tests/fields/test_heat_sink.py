"""Nusselt numbers against the reference table, and walls of vessels on lattices of any spacing."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.fields.heat_sink import (
    DEVELOPED,
    Blood,
    clip,
    coefficient,
    nusselt,
    nusselt_entry,
    nusselt_turbulent,
    vessel_sinks,
    wall_areas,
    warming,
)
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.vessels.graph import Kind, VesselGraph

BLOOD = Blood.from_parameters(load_parameters())
LENGTH = 0.05  # m
MM = 1e-3


def rows() -> list[dict[str, str]]:
    with (Path(__file__).parents[1] / "data" / "heat_sink_h.csv").open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("row", rows(), ids=lambda r: f"{r['D_mm']} mm, {r['v_m_per_s']} m/s")
def test_every_row(row: dict[str, str]) -> None:
    width, speed = float(row["D_mm"]) * MM, float(row["v_m_per_s"])
    found = {
        "Re": BLOOD.reynolds(width, speed),
        "Pr": BLOOD.prandtl,
        "Gz": BLOOD.graetz(width, speed, LENGTH),
        "Nu_fd": DEVELOPED,
        "Nu_Hausen": nusselt(width, speed, BLOOD, LENGTH),
        "h_fd_W_m2K": DEVELOPED * BLOOD.conductivity / width,
        "h_Hausen_W_m2K": coefficient(width, speed, BLOOD, LENGTH),
    }
    for name, value in found.items():
        assert float(value) == pytest.approx(float(row[name]), rel=5e-5), name
    assert not row["h_turb_W_m2K"]  # no row is turbulent


def test_limits() -> None:
    assert float(nusselt_entry(0.0)) == DEVELOPED
    fast = float(nusselt(0.015, 0.6, BLOOD, LENGTH))  # Re 2726
    assert fast == pytest.approx(float(nusselt_turbulent(BLOOD.reynolds(0.015, 0.6), BLOOD.prandtl)))
    assert fast == pytest.approx(0.023 * 2725.714**0.8 * 24.3452**0.4, rel=1e-4)
    # the mean over a length falls with it, and blood that stands takes nothing
    assert coefficient(0.005, 0.1, BLOOD, 0.02) > coefficient(0.005, 0.1, BLOOD, 0.1)
    assert float(warming(0.003, 0.0, BLOOD, LENGTH)) == 0.0
    assert float(warming(0.003, 10.0, BLOOD, LENGTH)) == pytest.approx(1.0, abs=0.05)


def test_slow_blood_takes_no_more_than_it_can_carry() -> None:
    """Wall of one temperature: what leaves through the wall is what warms the blood."""
    width, speed = 0.003, 1e-4
    h = float(coefficient(width, speed, BLOOD, LENGTH) * warming(width, speed, BLOOD, LENGTH))
    through_wall = h * math.pi * width * LENGTH  # W/K
    carried = speed * math.pi * width**2 / 4.0 * BLOOD.density * BLOOD.specific_heat
    assert through_wall == pytest.approx(carried, rel=1e-6)


def vessel(tail, head, diameter, **columns) -> VesselGraph:
    return VesselGraph(np.array([tail, head], float), [0], [1], [diameter / 2], **columns)


def sinks(graph, lattice, flow=None, least=3 * MM, centre=(0, 0, 0)):
    flow = np.full(graph.n_edges, 1e-5) if flow is None else flow
    return vessel_sinks(graph, flow, centre, lattice, BLOOD, heated_length=LENGTH, least_diameter=least)


@pytest.mark.parametrize("spacing", [0.25, 0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize(("tail", "head"), [((0, 0, -6), (0, 0, 6)), ((-5, -3.3, 1.1), (6, 2.2, -4.7))])
def test_wall_inside_the_box_is_whole_at_any_spacing(spacing, tail, head) -> None:
    graph = vessel(np.array(tail) * MM, np.array(head) * MM, 5 * MM)
    found = sinks(graph, Lattice.for_box(24 * MM, spacing * MM))
    wall = math.pi * 5 * MM * float(graph.length[0])
    speed = 1e-5 / (math.pi * (2.5 * MM) ** 2)
    h = float(coefficient(5 * MM, speed, BLOOD, LENGTH) * warming(5 * MM, speed, BLOOD, LENGTH))
    assert found.area.sum() == pytest.approx(wall, rel=1e-12)
    assert found.conductance.sum() == pytest.approx(wall * h, rel=1e-12)
    assert found.transfer[0] == pytest.approx(h)
    assert found.lumen.max() <= 1.0
    volume = found.lumen.sum() * (spacing * MM) ** 3
    assert volume == pytest.approx(math.pi * (2.5 * MM) ** 2 * float(graph.length[0]), rel=0.04)


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.floats(-30.0, 30.0)] * 6), st.floats(3.0, 12.0), st.sampled_from([0.5, 1.0, 4.0]))
def test_only_the_stretch_in_the_box_counts(ends, diameter, spacing) -> None:
    tail, head = np.array(ends[:3]) * MM, np.array(ends[3:]) * MM
    if np.linalg.norm(head - tail) < 1 * MM:
        return
    lattice = Lattice.for_box(20 * MM, spacing * MM)
    found = sinks(vessel(tail, head, diameter * MM), lattice)
    points = tail + (np.arange(20_000)[:, None] + 0.5) / 20_000 * (head - tail)
    inside = float(np.mean(np.all(np.abs(points) <= 10 * MM, axis=1)))
    wall = math.pi * diameter * MM * float(np.linalg.norm(head - tail))
    assert found.area.sum() == pytest.approx(wall * inside, abs=2e-4 * wall)
    assert len(found.edge) == (found.area.sum() > 0.0)


def test_wall_lies_where_the_vessel_is() -> None:
    lattice = Lattice.for_box(24 * MM, 1 * MM)
    found = sinks(vessel((4 * MM, 0, -12 * MM), (4 * MM, 0, 12 * MM), 8 * MM), lattice)
    x, y, _ = lattice.centres().T
    r = np.hypot(x - 4 * MM, y)
    assert np.all(np.abs(r[found.area > 0.0] - 4 * MM) < 0.75 * MM)  # half a diagonal
    assert found.lumen[r < 3.2 * MM].min() == 1.0
    assert found.lumen[r > 4.8 * MM].max() == 0.0
    mirrored = found.area.reshape(lattice.shape)
    assert mirrored[:, ::-1, :] == pytest.approx(mirrored, abs=1e-6 * mirrored.max())


def test_which_vessels_are_sinks() -> None:
    position = np.array([[x, 0.0, z] for x in (-8, -4, 0, 4, 8) for z in (-9, 9)]) * MM
    graph = VesselGraph(
        position,
        [0, 2, 4, 6, 8],
        [1, 3, 5, 7, 9],
        np.array([1.5, 1.4, 2.0, 2.0, 2.0]) * MM,
        kind=[Kind.PORTAL, Kind.PORTAL, Kind.SINUSOID, Kind.VENOUS, Kind.VENOUS],
        conductance=[math.nan, math.nan, math.nan, 1e-9, math.nan],
    )
    lattice = Lattice.for_box(20 * MM, 1 * MM)
    found = sinks(graph, lattice, flow=np.array([1e-6, 1e-6, 1e-6, 1e-6, -1e-6]))
    assert found.edge.tolist() == [0, 4]  # 3 mm counts; narrow, sinusoid and a bed do not; direction does not matter
    closed = sinks(graph, lattice, flow=np.array([0.0, 0, 0, 0, 1e-6]))
    assert closed.edge.tolist() == [4]
    moved = sinks(graph, lattice, flow=np.array([1e-6, 0, 0, 0, 0]), centre=(-8 * MM, 0, 0))
    assert np.flatnonzero(moved.area).size
    x = lattice.centres(np.flatnonzero(moved.area))[:, 0]
    assert np.abs(x).max() < 2.1 * MM


def test_a_winding_vessel_has_more_wall() -> None:
    lattice = Lattice.for_box(20 * MM, 1 * MM)
    straight = vessel((0, 0, -5 * MM), (0, 0, 5 * MM), 4 * MM)
    winding = replace(straight, length=np.array([15 * MM]))
    assert sinks(winding, lattice).area.sum() == pytest.approx(1.5 * sinks(straight, lattice).area.sum())


def test_a_needle_has_a_wall() -> None:
    area = wall_areas((0, 0, -15 * MM), (0, 0, 15 * MM), 0.75 * MM, Lattice.for_box(40 * MM, 1 * MM))
    assert area.sum() == pytest.approx(math.pi * 1.5 * MM * 30 * MM)
    assert not wall_areas((0, 0, 0.1), (0, 0, 0.2), 1 * MM, Lattice.for_box(40 * MM, 1 * MM)).any()
    assert clip(np.array([0, 0, 0.1]), np.array([0, 0.1, 0.1]), Lattice((4, 4, 4), 1 * MM)) is None


def test_refused() -> None:
    graph, lattice = vessel((0, 0, -5 * MM), (0, 0, 5 * MM), 4 * MM), Lattice((8, 8, 8), 1 * MM)
    with pytest.raises(InputError) as error:
        vessel_sinks(graph, np.zeros(3), (0, 0, 0), lattice, BLOOD, heated_length=0.0, least_diameter=-1.0)
    assert len(error.value.problems) == 3
    with pytest.raises(InputError, match="viscosity must be positive"):
        replace(BLOOD, viscosity=0.0)
