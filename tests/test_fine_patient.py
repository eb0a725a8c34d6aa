"""Runs of a spheroid, a cord and a network: they run, go on bit for bit, and keep to what a run promises."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim import _jit
from tumorsim.errors import InputError
from tumorsim.fields.analytic_oxygen import anoxic_core, sphere_limit
from tumorsim.model import TumorModel
from tumorsim.scenario import Scenario
from tumorsim.scenario.explain import explain
from tumorsim.state import OUTSIDE
from tumorsim.studies.run import run_scenario

TUMOUR = Path(__file__).parents[1].parent / "shared" / "vessels" / "tumour_r3230ac_1998.dat"
SPHEROID: dict[str, Any] = {
    "name": "spheroid", "until": "3 d", "step": "12 h", "seed": 3,
    "tissue": {"spacing": "20 um", "culture": {"medium": "100 mmHg"},
               "tumour": {"diameter": "400 um", "doubling_time": "12 d"}},
}  # fmt: skip
CORD: dict[str, Any] = {
    "name": "cord", "until": "3 d", "step": "12 h",
    "tissue": {"spacing": "20 um", "tumour": {},
               "cord": {"radius": "120 um", "length": "100 um", "vessel": "20 um", "blood": "80 mmHg"}},
}  # fmt: skip
# a Y of three vessels through a small box
NETWORK = """\
A small network
100.000000 80.000000 80.000000 box dimensions in microns
10 8 8 number of tissue points in x,y,z directions
10.000000 outer bound distance
20.000000 max. segment length
10 maximum number of segments per node
3 total number of segments
name type start end diam flow hd
1 5 1 2 12.0 6.0 0.4
2 5 2 3 10.0 3.0 0.4
3 5 2 4 10.0 3.0 0.4
4 total number of nodes
name x y z
1 0.0 40.0 40.0
2 50.0 40.0 40.0
3 100.0 20.0 40.0
4 100.0 60.0 40.0
3 total number of boundary nodes
node bctype press/flow hd po2
1 2 6.0 0.4 60.0
3 0 20.0 0.4 60.0
4 0 20.0 0.4 60.0
"""


@pytest.fixture
def network(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "net.dat").write_text(NETWORK)
    tissue = {"spacing": "10 um", "tumour": {}}
    return {"name": "net", "until": "2 d", "tissue": tissue, "vessels": {"file": str(tmp_path / "net.dat")}}


def run(model: TumorModel) -> TumorModel:
    while model.running:
        model.step()
    return model


def test_a_spheroid_lives_some_days() -> None:
    model = TumorModel(case=Scenario.from_dict(SPHEROID))
    start = model.viable_in_target
    tissue = model.virtual_patient.anatomy.tumour.sum()
    assert 0.8 * tissue < start <= tissue
    run(model)
    state, members = model.state, model.population.members
    grown = model.viable_in_target / start
    assert grown == pytest.approx(2.0 ** (3 / 12), rel=0.05)
    assert len(members) > tissue  # medium that cells have entered is tissue
    assert not model.records.touched_face
    assert np.all((state.po2[members] >= 0.0) & (state.po2[members] <= 100.0))
    assert np.all(state.po2[state.compartment == 0] == 100.0)
    radius = np.linalg.norm(model.virtual_patient.lattice.centres(members), axis=1)
    assert np.corrcoef(radius, state.po2[members])[0, 1] > 0.9
    totals = model.records.totals
    assert model.records.viable[-1] == start + sum(t.births - t.blocked - sum(t.deaths) for t in totals)
    assert model.image().nothing_visible  # no blood, no contrast


@pytest.mark.parametrize(("consumption", "wall"), [(10.0, 40.0), (22.1, 40.0)])
def test_the_rim_of_a_run_is_that_of_the_sphere(consumption: float, wall: float) -> None:
    """C10 at 20 um through a run: rim depth from the volume of the core within 10 % of the analytic sphere."""
    slow = {f"clocks.mean_life_{band}": "1000 years" for band in ("severe", "hypoxic")}  # cells stay, but in the core
    case = Scenario.from_dict(
        SPHEROID,
        tissue__culture__medium=f"{wall} mmHg",
        tissue__tumour__diameter="600 um",
        tissue__tumour__doubling_time="100 d",
        parameters={
            "oxygen.consumption_tumour": f"{consumption} mmHg/s", "oxygen.half_consumption": "0.001 mmHg", **slow,
            "cells.growth_fraction": 0.4,
        },
    )  # fmt: skip
    model = TumorModel(case=case)
    core = anoxic_core(300e-6, sphere_limit(wall, consumption, 2e-9))
    lattice, tumour = model.virtual_patient.lattice, model.virtual_patient.anatomy.tumour
    dead = np.count_nonzero(tumour & (model.population.viable_of_sites() == 0)) * lattice.site_volume
    rim = 300e-6 - (0.75 * dead / math.pi) ** (1 / 3)
    assert rim == pytest.approx(300e-6 - core, rel=0.1)


def test_a_spheroid_grows_by_its_crust() -> None:
    """G7 (Conger and Ziskin 1983): dR/dt = w ln 2 / T out of births, oxygen and room, and so in a straight line.

    w is the width of what has oxygen, over the whole sphere's surface, and T how fast its cells double.
    """
    row = 34.65735903  # um/d at 50 um and 1 d
    case = Scenario.from_dict(
        SPHEROID,
        step="2 h",
        tissue__size="1 mm",
        tissue__culture__medium="40 mmHg",
        tissue__tumour={"diameter": "500 um", "doubling_time": "1.7 d"},
        parameters={
            "oxygen.consumption_tumour": "20 mmHg/s", "oxygen.half_consumption": "0.01 mmHg", "cells.turnover": "0 1/d",
            "cells.abortive_share": 0.0,
            "cells.growth_fraction": 1.0, "cells.cycle_time": "12 h", "clocks.tau_mix": "2 h",
            "clocks.mean_life_severe": "1000 years", "clocks.mean_life_hypoxic": "1000 years",
        },
    )  # fmt: skip
    model = TumorModel(case=case)
    volume, radii, crusts = model.virtual_patient.lattice.site_volume, [], []
    while True:
        members = model.population.members
        lives = model.population.viable_of_sites()[members] > 0
        radii.append((0.75 * len(members) * volume / math.pi) ** (1 / 3))
        crusts.append(float(((1.0 - model.state.share10[members]) * lives).sum()))
        if not model.running:
            break
        model.step()
    births = [total.births for total in model.records.totals]
    speeds, doublings = [], []
    for day in range(3):
        part = slice(12 * day, 12 * day + 13)
        surface = 4.0 * math.pi * np.mean(radii[part]) ** 2
        width = np.mean(crusts[part]) * volume / surface / 50e-6
        doublings.append(math.log(2.0) / (sum(births[12 * day : 12 * day + 12]) / np.mean(crusts[part])))
        speeds.append((radii[12 * day + 12] - radii[12 * day]) * 1e6)
        assert speeds[-1] * doublings[-1] / width == pytest.approx(row, rel=0.04)
    assert np.ptp(doublings) < 0.05 * np.mean(doublings)
    assert speeds[2] < 1.2 * speeds[0]  # of an exponential it would be that of the radii, 1.3 and more
    assert radii[30] / radii[6] > 1.3
    # the smooth sphere at the start has the crust of its oxygen, down to 10 mmHg around a core; later it is rough
    core = anoxic_core(radii[0], sphere_limit(40.0, 20.0, 2e-9))
    grid = np.linspace(core, radii[0], 2001)
    p = 20.0 / 1.2e-8 * (grid**2 + 2.0 * core**3 / grid - 3.0 * core**2)
    reach = np.interp(10.0, p, grid)
    assert crusts[0] * volume == pytest.approx(4.0 / 3.0 * math.pi * (radii[0] ** 3 - reach**3), rel=0.1)


@pytest.mark.parametrize("kind", ["spheroid", "cord", "network"])
def test_threads_save_load_and_fork_change_no_bit(
    kind: str, network: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 100)
    case = Scenario.from_dict({"spheroid": SPHEROID, "cord": CORD, "network": network}[kind], until="2 d")
    whole = run(TumorModel(case=case))
    two = run(TumorModel(case=case, threads=2))
    assert two.state.hash() == whole.state.hash()
    part = TumorModel(case=case)
    for _ in range(2):
        part.step()
    fork = part.fork()
    part.save(tmp_path / "half.npz")
    loaded = TumorModel.load(tmp_path / "half.npz")
    assert run(loaded).state.hash() == run(fork).state.hash() == run(part).state.hash() == whole.state.hash()


def test_the_cells_of_a_cord_live_around_its_vessel() -> None:
    model = run(TumorModel(case=Scenario.from_dict(CORD)))
    lattice, tumour = model.virtual_patient.lattice, model.virtual_patient.anatomy.tumour
    away = np.linalg.norm(lattice.centres()[:, :2], axis=1)
    lives = model.population.viable_of_sites() > 0
    near, far = tumour & (away < 50e-6), tumour & (away > 100e-6)
    assert lives[near].mean() > lives[far].mean() + 0.2
    assert model.state.po2[near].mean() > 4.0 * model.state.po2[far].mean()
    assert not model.records.touched_face  # its box ends by symmetry
    assert np.all(model.state.compartment[away > 125e-6] == OUTSIDE)


def test_a_network_feeds_its_tissue(network: dict[str, Any]) -> None:
    model = run(TumorModel(case=Scenario.from_dict(network)))
    fixed, state = model.virtual_patient, model.state
    assert fixed.lattice.shape == (10, 8, 8) and fixed.graph.n_edges == 3
    assert state.edge_flow[0] == pytest.approx(6e-12 / 60.0)
    on_axis = np.linalg.norm(fixed.lattice.centres()[:, 1:], axis=1) < 10e-6
    assert state.po2[on_axis].mean() > state.po2[~on_axis].mean()
    human = TumorModel(case=Scenario.from_dict(network))
    rat = TumorModel(case=Scenario.from_dict(network, vessels__species="rat"))
    assert human.state.po2.mean() != rat.state.po2.mean()


def test_a_measured_network_runs() -> None:
    if not TUMOUR.is_file():
        pytest.skip("the measured network is not here")
    tissue = {"spacing": "20 um", "tumour": {}}
    case = Scenario.from_dict(
        {"name": "R3230Ac", "until": "2 d", "tissue": tissue, "vessels": {"file": str(TUMOUR), "species": "rat"}}
    )
    model = TumorModel(case=case)
    start = model.viable_in_target
    hypoxic = model.state.share10[model.virtual_patient.anatomy.tumour].mean(dtype=float)
    assert 0.2 < hypoxic < 0.95
    assert run(model).viable_in_target == pytest.approx(start, rel=0.1)


@pytest.mark.parametrize("case", ["spheroid", "cord"])
def test_the_shipped_ones_can_be_told_and_run(case: str, tmp_path: Path) -> None:
    scenario = Scenario.load(case)
    assert "Oxygen" in explain(scenario) and "feeder" not in explain(scenario)
    short = scenario.replace(until="1 d", tissue__spacing="20 um")
    folder = run_scenario(short, out=tmp_path / "out")
    assert (folder / "summary.json").is_file()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no feeders": ({"treatments": [{"at": "1 d", "tae": {}}]}, "a spheroid in culture has none"),
    "no source": ({"tissue__culture": None}, "is empty"),
    "wide": ({"tissue__spacing": "1 mm"}, "needs a spacing of 50 um or less"),
    "cord beside": (
        {"tissue__cord": {"radius": "1 mm", "length": "1 mm"}},
        "tissue.cord: stands beside tissue.culture",
    ),
    "file beside": ({"vessels": {"file": "net.dat"}}, "vessels.file"),
    "grown": ({"vessels": {"feeders": 3}}, "vessels.feeders: a spheroid in culture has no arteries"),
    "capsule": ({"tissue__tumour__capsule": "intact"}, "plain tumour without capsule"),
    "foci": ({"tissue__tumour__latent_foci": 3}, "plain tumour without latent_foci"),
    "liver": ({"tissue__liver": "normal"}, "has no liver around it"),
    "slab": ({"tissue__dimensions": 2}, "needs three dimensions"),
    "species": ({"vessels": {"species": "rat"}}, "is for the blood of a graph from a file"),
    "unit": ({"tissue__culture__medium": "100 mm"}, "tissue.culture.medium"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_spheroid_cannot_have_is_refused(name: str) -> None:
    values, words = REFUSED[name]
    with pytest.raises(InputError) as caught:
        Scenario.from_dict(SPHEROID, **values)
    assert words in str(caught.value)


def test_fine_liver_and_odd_cords_are_refused(network: dict[str, Any], tmp_path: Path) -> None:
    tissue = {"spacing": "20 um", "tumour": {"diameter": "1 mm"}}
    with pytest.raises(InputError, match=r"resolves single capillaries.*tissue\.culture"):
        Scenario.from_dict({"name": "x", "until": "1 d", "tissue": tissue})
    with pytest.raises(InputError) as caught:
        Scenario.from_dict(
            CORD,
            tissue__cord={"radius": "30 um", "length": "10 um", "vessel": "70 um"},
            tissue__tumour__diameter="1 mm",
        )
    text = str(caught.value)
    for words in (
        "radius: 30 um is less than two sites",
        "length: 10 um is less",
        "no room in the cord",
        "fills its box",
    ):
        assert words in text
    (tmp_path / "still.dat").write_text(NETWORK.replace("1 2 6.0 0.4", "1 2 0.0 0.4"))
    with pytest.raises(InputError, match="no blood runs"):
        Scenario.from_dict(network, vessels__file=str(tmp_path / "still.dat"))
    with pytest.raises(InputError, match="a network in its tissue needs a spacing"):
        Scenario.from_dict(network, tissue__spacing="1 mm")
