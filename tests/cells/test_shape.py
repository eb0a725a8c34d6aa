"""A ball grows as a ball: the lattice must not show in the shape of the front."""

from __future__ import annotations

import numpy as np

from tumorsim.model import TumorModel


def test_a_growing_ball_stays_round() -> None:
    model = TumorModel(
        case="untreated",
        step="24 h",
        until="100 d",
        tissue__size="44 mm",
        tissue__tumour__diameter="20 mm",
        tissue__tumour__doubling_time="45 d",
        tissue__tumour__capsule="none",
        tissue__tumour__septa=0,
        tissue__tumour__satellites=0,
        vessels__terminals=200,
        vessels__feeders=1,
    )
    while model.running:
        model.step()
    fixed = model.virtual_patient
    full = np.flatnonzero(model.population.viable_of_sites() > 0.5 * fixed.capacity)
    points = fixed.lattice.centres(full)
    away = np.linalg.norm(points, axis=1)
    equal_volume = (full.size * fixed.lattice.site_volume * 0.75 / np.pi) ** (1 / 3)
    assert equal_volume > 1.4 * 10e-3  # it has grown by three times its volume
    for direction in ([1, 0, 0], [1, 1, 0], [1, 1, 1], [2, 1, 0]):
        unit = np.array(direction) / np.linalg.norm(direction)
        along = np.abs(points @ unit) > 0.98 * np.maximum(away, 1e-9)
        reach = float(np.percentile(away[along], 99))
        assert abs(reach / equal_volume - 1) < 0.08, direction
