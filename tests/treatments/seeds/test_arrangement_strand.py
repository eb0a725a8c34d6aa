"""A strand follows the thrombus that the image shows, evenly spaced, and nothing else."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tumorsim.anatomy.thrombus import make_thrombus
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.treatments.seeds.arrangement_strand import centre_line, strand

_SPEC = importlib.util.spec_from_file_location("seed_rows", Path(__file__).with_name("seed_rows.py"))
assert _SPEC is not None and _SPEC.loader is not None
shared = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shared)
MM = shared.MM
PARAMETERS = shared.PARAMETERS
STRENGTH = shared.STRENGTH
box = shared.box

DISTANCE = shared.RULES_OF_TABLE.strand_distance
LATTICE = box(60.0, 1.0)


def vein(lattice: Lattice, corners: np.ndarray, radius: float) -> np.ndarray:
    """Sites within a radius of a line of corners [m]."""
    away = np.full(lattice.n_sites, np.inf)
    centres = lattice.centres()
    for a, b in pairwise(corners):
        part = np.clip((centres - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
        away = np.minimum(away, np.linalg.norm(centres - a - part[:, None] * (b - a), axis=1))
    return away <= radius


STRAIGHT = np.array([[-20.0, 3.0, 1.0], [20.0, -5.0, 6.0]]) * MM
BENT = np.array([[-20.0, 0.0, 0.0], [0.0, 0.0, 0.0], [14.0, 14.0, 0.0]]) * MM


@pytest.mark.parametrize(("corners", "off"), [(STRAIGHT, 0.7), (BENT, 2.0)])
def test_the_centre_line_is_that_of_the_vein(corners: np.ndarray, off: float) -> None:
    body = vein(LATTICE, corners, 4 * MM)
    line = centre_line(LATTICE, body)
    fine = np.concatenate([np.linspace(a, b, 200) for a, b in pairwise(corners)])
    inner = line[2:-2]
    assert np.linalg.norm(inner[:, None] - fine, axis=2).min(axis=1).max() < off * MM
    long = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
    true = np.linalg.norm(np.diff(corners, axis=0), axis=1).sum()
    assert true < long < true + 10 * MM  # the body is round at both ends
    assert body[LATTICE.locate(0.999 * line)].all()


def test_seeds_follow_the_line_evenly_as_far_as_is_shown() -> None:
    body = vein(LATTICE, STRAIGHT, 4 * MM)
    shown = body & (LATTICE.centres()[:, 0] < 5 * MM)
    made = strand(LATTICE, STRAIGHT, shown, STRENGTH, DISTANCE)
    (track,) = made.tracks
    assert track.way == "strand"
    places = np.array(track.places)
    assert shown[LATTICE.locate(places)].all()
    assert np.linalg.norm(np.diff(places, axis=0), axis=1) == pytest.approx(np.full(len(places) - 1, DISTANCE))
    length = 25.0 * np.linalg.norm(STRAIGHT[1] - STRAIGHT[0]) / 40.0 * MM / MM
    assert len(places) == int(length / DISTANCE) + 1 == made.wanted
    assert places[0][0] > places[-1][0]  # pushed in from the first corner
    whole = strand(LATTICE, STRAIGHT, body, STRENGTH, DISTANCE)
    assert whole.n_seeds > made.n_seeds


def test_a_strand_bends_with_the_vein_and_skips_what_is_not_shown() -> None:
    body = vein(LATTICE, BENT, 4 * MM)
    made = strand(LATTICE, BENT, body, STRENGTH, DISTANCE)
    axes = np.array(made.tracks[0].axes)
    assert {tuple(np.round(a, 6)) for a in axes} == {(1.0, 0.0, 0.0), (0.707107, 0.707107, 0.0)}
    gap = body & (np.abs(LATTICE.centres()[:, 0] + 8 * MM) > 4 * MM)
    parted = strand(LATTICE, BENT, gap, STRENGTH, DISTANCE)
    assert len(parted.tracks) == 2
    x = parted.seeds.points[:, 0]
    assert not ((x > -12 * MM) & (x < -4 * MM)).any()


def test_nothing_shown_gives_no_strand() -> None:
    nothing = np.zeros(LATTICE.n_sites, dtype=bool)
    assert strand(LATTICE, STRAIGHT, nothing, STRENGTH, DISTANCE).n_seeds == 0
    assert centre_line(LATTICE, nothing).shape == (0, 3)
    assert strand(LATTICE, centre_line(LATTICE, nothing), nothing, STRENGTH, DISTANCE).n_seeds == 0


def test_the_thrombus_of_the_anatomy_is_followed() -> None:
    lattice = box(70.0, 2.0)
    compartment = np.zeros(lattice.n_sites, dtype=np.uint8)
    tumour = np.linalg.norm(lattice.centres() + np.array([10 * MM, 0, 0]), axis=1) <= 12 * MM
    compartment[tumour] = 1
    thrombus = make_thrombus("Vp2", lattice, compartment, tumour, 7, 0, PARAMETERS)
    body = (compartment != 0) & ~tumour
    ends = np.array([thrombus.end, thrombus.start])
    line = centre_line(lattice, body)
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    away = line - ends[0]
    beside = np.linalg.norm(away - (away @ along)[:, None] * along, axis=1)
    assert beside[1:-1].max() < 1.5 * MM
    made = strand(lattice, line, body, STRENGTH, DISTANCE)
    assert made.n_seeds == pytest.approx(np.linalg.norm(ends[1] - ends[0]) / DISTANCE, abs=2)


def test_what_is_refused() -> None:
    shown = np.ones(LATTICE.n_sites, dtype=bool)
    with pytest.raises(InputError) as error:
        strand(LATTICE, np.zeros((3, 2)), shown[:4], 0.0, -1.0)
    assert len(error.value.problems) == 4
