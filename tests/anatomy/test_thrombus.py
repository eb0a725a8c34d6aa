"""Tumour thrombus of the portal vein: where it lies, what it is made of, and where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from tumorsim.anatomy import ZONES, Anatomy, TumourSpec, box_size, build, zone_of_sites
from tumorsim.anatomy.capsule import THROMBUS
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters

PARAMETERS = load_parameters()
SPACING = 2e-3
GRADES = ("Vp1", "Vp2", "Vp3", "Vp4")
SIX_MONTHS = 180 * 86400.0


def made(grade: str, diameter: float = 42e-3, spacing: float = SPACING, patient: int = 0, **fields: object) -> Anatomy:
    spec = TumourSpec(diameter=diameter, thrombus=grade, **fields)
    return build(Lattice.for_box(box_size(spec, SIX_MONTHS, PARAMETERS), spacing), spec, 7, patient, PARAMETERS)


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize(("diameter", "spacing"), [(20e-3, 1e-3), (42e-3, 2e-3), (80e-3, 4e-3), (60e-3, 8e-3)])
def test_it_leads_from_the_tumour_through_liver(grade: str, diameter: float, spacing: float) -> None:
    anatomy = made(grade, diameter, spacing)
    lattice, clot = anatomy.lattice, anatomy.thrombus
    assert clot.any()
    assert np.array_equal(clot, anatomy.compartment == THROMBUS)
    assert not (clot & anatomy.tumour).any()
    assert anatomy.target[clot].all()
    _, pieces = ndimage.label((clot | anatomy.tumour).reshape(lattice.shape))
    assert pieces == 1
    face = lattice.centres()[clot][:, 0].max() > 0.5 * lattice.size[0] - lattice.spacing
    assert face == (grade != "Vp1")
    without = made("none", diameter, spacing)
    assert np.array_equal(without.tumour, anatomy.tumour)
    assert np.all(without.compartment[clot] == 0)  # only liver was converted
    assert np.array_equal(without.compartment[~clot], anatomy.compartment[~clot])
    assert without.vein is None and not without.thrombus.any()


def test_its_width_is_that_of_the_vein() -> None:
    anatomy = made("Vp2", spacing=0.5e-3, diameter=15e-3)
    vein, lattice = anatomy.vein, anatomy.lattice
    assert vein is not None and vein.grade == "Vp2" and 5 <= vein.segment <= 8
    share = PARAMETERS[f"vessels.segment_{vein.segment}_share"]
    assert 2 * vein.radius == pytest.approx(PARAMETERS["vessels.portal_main_diameter"] * share ** (1 / 3))
    length = float(np.linalg.norm(np.subtract(vein.end, vein.start)))
    volume = anatomy.thrombus.sum() * lattice.site_volume
    assert volume == pytest.approx(np.pi * vein.radius**2 * length, rel=0.25)  # ends are round, one in the tumour
    assert 2 * made("Vp1").vein.radius < 2 * made("Vp2").vein.radius


def test_vp1_is_short_and_its_length_a_parameter() -> None:
    longer = PARAMETERS.with_overrides({"anatomy.thrombus_length": "14 mm"})
    spec, lattice = TumourSpec(diameter=20e-3, thrombus="Vp1"), Lattice.for_box(60e-3, SPACING)
    usual, more = (build(lattice, spec, 7, 0, p) for p in (PARAMETERS, longer))
    assert np.linalg.norm(np.subtract(usual.vein.end, usual.vein.start)) == pytest.approx(10e-3)
    assert more.thrombus.sum() > usual.thrombus.sum()


def test_no_chance_but_the_segments() -> None:
    assert np.array_equal(made("Vp3").compartment, made("Vp3").compartment)
    assert made("Vp3").vein.end != made("Vp3", patient=1).vein.end  # other planes between the segments
    assert np.array_equal(made("Vp3").thrombus, made("Vp4").thrombus)  # what differs lies outside the box


def test_septa_satellites_and_capsule_keep_what_is_theirs() -> None:
    fields: dict = {"septa": 6, "satellites": 4, "capsule": "intact"}
    plain, anatomy = made("none", **fields), made("Vp3", **fields)
    kept = ~anatomy.thrombus
    assert np.array_equal(plain.compartment[kept], anatomy.compartment[kept])
    assert anatomy.n_compartments == 7
    assert np.isinf(anatomy.distance_to_covered_border[anatomy.thrombus]).all()
    assert np.isinf(anatomy.distance_to_uncovered_border[anatomy.thrombus]).all()


def test_its_zone_comes_first() -> None:
    anatomy = made("Vp2", capsule="intact", satellites=2, septa=1)
    zone = zone_of_sites(anatomy, anatomy.lattice, np.arange(anatomy.lattice.n_sites))
    assert np.array_equal(zone == ZONES.index("thrombus"), anatomy.thrombus)


def test_its_wall() -> None:
    assert made("Vp2").permeability.wall == PARAMETERS["anatomy.vein_wall_permeability"] == 0.0
    open_wall = PARAMETERS.with_overrides({"anatomy.vein_wall_permeability": 0.2})
    lattice = Lattice.for_box(60e-3, SPACING)
    assert build(lattice, TumourSpec(diameter=20e-3), 7, 0, open_wall).permeability.wall == 0.2


def test_where_it_cannot_be() -> None:
    spec = TumourSpec(diameter=20e-3, thrombus="Vp2")
    with pytest.raises(InputError, match="no room in a slab"):
        build(Lattice.for_box(40e-3, SPACING, slab=True), spec, 7, 0, PARAMETERS)
    with pytest.raises(InputError, match=r"tumour\.thrombus: 'vp3' is not known.*Vp3"):
        TumourSpec(diameter=20e-3, thrombus="vp3")
