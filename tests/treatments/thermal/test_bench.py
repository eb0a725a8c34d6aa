"""A needle in a block: the zone is that of the solver, the same at every spacing and in every direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.fields.bioheat import Bioheat
from tumorsim.fields.bioheat_tissue import Cooling, Interval, Kinetics, tissue
from tumorsim.hazards.arrhenius import COAGULATION, VESSELS, kinetics
from tumorsim.model import TumorModel
from tumorsim.scenario import Scenario
from tumorsim.studies.observe import heat_zone
from tumorsim.treatments.planning.zone_report import zone_report
from tumorsim.treatments.thermal.microwave_source import Microwave
from tumorsim.treatments.thermal.sar import Needle, deposit


def scenario(
    bench: str = "ex vivo", spacing: str = "3 mm", keys: dict[str, Any] | None = None, **more: Any
) -> Scenario:
    given = {
        "name": "block", "until": "1 d", "step": "12 h", "tissue": {"bench": bench, "spacing": spacing},
        "treatments": [{"at": "1 h", "microwave": {"power": "40 W", "duration": "10 min", **(keys or {})}}],
    }  # fmt: skip
    return Scenario.from_dict(given, **more)


def heated(case: Scenario, **given: Any) -> TumorModel:
    model = TumorModel(case=case, **given)
    while model.running:
        model.step()
    return model


def zone(case: Scenario, **given: Any) -> dict[str, Any]:
    found = heat_zone(heated(case, **given))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def ex_vivo() -> TumorModel:
    return heated(scenario())


@pytest.mark.parametrize("bench", ["ex vivo", "in vivo"])
def test_the_zone_is_that_of_the_solver(bench: str) -> None:
    case = scenario(bench)
    model, table = heated(case), case.load_parameters()
    lattice, alive = case.tissue.lattice(), bench == "in vivo"
    sets = [Kinetics(s.frequency, s.energy) for s in (kinetics(name, table) for name in (COAGULATION, VESSELS))]
    source = Microwave.from_parameters(table, 2450)
    solver = Bioheat(
        lattice, [tissue(table)], *sets,
        perfusion=table["heat.perfusion_normal"] if alive else 0.0, blood_heat=table["heat.blood_heat"],
        start=37.0 if alive else 25.0, faces=37.0 if alive else None,
        damage_from=table["bioheat.damage_from"], largest_change=table["bioheat.largest_change"],
    )  # fmt: skip
    sar = source.efficiency * 40.0 * deposit(source, Needle((0.0, 0.0, 0.0)), lattice)
    done = solver.run([Interval(600.0, sar)], cooling=Cooling.standard(table))
    direct, found = zone_report(lattice, done.omega_tissue, (0.0, 0.0, 1.0)), heat_zone(model)
    assert found is not None
    # blood of the state is in float32
    assert found["short_axis_mm"] == pytest.approx(direct.short_axis_mm, rel=1e-4)
    assert found["long_axis_mm"] == pytest.approx(direct.long_axis_mm, rel=1e-4)
    assert found["volume_ml"] == pytest.approx(direct.volume_ml)
    delivered = model.records.done[0].delivery.delivered
    sent = source.efficiency * 24.0
    assert 0.8 * sent < delivered["absorbed_kj"] <= sent * (1 + 1e-6)  # less what dry tissue does not absorb
    assert delivered["absorbed_kj"] == pytest.approx(done.balance.absorbed * 1e-3, rel=1e-4)
    assert abs(delivered["energy_balance_error"]) < 1e-4 and model.records.done[0].delivery.notes == ()


def test_margin_and_cover_do_not_exist_and_blood_is_what_it_says() -> None:
    model = heated(scenario("in vivo", "4 mm"))
    found = heat_zone(model)
    assert found is not None and found["margin_mm"] is None and found["cover"] is None
    start = TumorModel(case=scenario("in vivo", "4 mm")).state
    blood = start.q_arterial + start.q_portal + start.q_extrahepatic
    assert np.allclose(blood, 0.0165, rtol=1e-6, atol=0.0)
    assert model.viable_in_target == 0 and not len(model.population.members)


@pytest.mark.parametrize(
    ("bench", "size", "spacings", "within"),
    [("in vivo", "60 mm", ("1 mm", "2 mm", "3 mm"), 0.7), ("ex vivo", "90 mm", ("2 mm", "3 mm", "4 mm"), 1.0)],
)
def test_spacings_agree(bench: str, size: str, spacings: tuple[str, ...], within: float) -> None:
    """Measured: axes within 0.6 mm in vivo at 1 to 3 mm, within 0.9 mm ex vivo at 2 to 4 mm."""
    found = [zone(scenario(bench, spacing, tissue__size=size)) for spacing in spacings]
    for axis in ("short_axis_mm", "long_axis_mm"):
        assert np.ptp([z[axis] for z in found]) < within


def test_blood_makes_it_smaller_and_contraction_stands_beside(ex_vivo: TumorModel) -> None:
    dead, alive = heat_zone(ex_vivo), zone(scenario("in vivo", parameters={"heat.contraction": 0.25}))
    assert dead is not None
    assert alive["short_axis_mm"] < 0.8 * dead["short_axis_mm"] and alive["volume_ml"] < 0.5 * dead["volume_ml"]
    assert dead["contracted"] == {axis: dead[axis] for axis in ("short_axis_mm", "long_axis_mm")}
    for axis in ("short_axis_mm", "long_axis_mm"):
        assert alive["contracted"][axis] == pytest.approx(0.75 * alive[axis])


def test_a_warmer_block_has_a_larger_zone(ex_vivo: TumorModel) -> None:
    cold, warm = heat_zone(ex_vivo), zone(scenario(tissue__temperature="35 degC"))
    assert cold is not None and warm["short_axis_mm"] > cold["short_axis_mm"] + 1.0


def test_the_direction_of_a_needle_does_not_matter(ex_vivo: TumorModel) -> None:
    along = {"needles": [{"tip": ["-12.5 mm", "0 mm", "0 mm"], "direction": [-1, 0, 0]}]}
    found, by_default = zone(scenario(keys=along)), heat_zone(ex_vivo)
    assert by_default is not None
    for axis in ("short_axis_mm", "long_axis_mm"):
        assert found[axis] == pytest.approx(by_default[axis], abs=0.02)
    same = {"needles": [{"tip": ["0 mm", "0 mm", "12.5 mm"]}]}
    assert heated(scenario(keys=same)).state.hash() == ex_vivo.state.hash()


def test_needles_lie_where_the_file_says_for_every_patient() -> None:
    listed = [{"tip": [f"{x} mm", "1 mm", "12.5 mm"]} for x in (-8, 8)]
    case = scenario("in vivo", keys={"needles": listed})
    first, second = (heated(case, patient=number) for number in (0, 5))
    placed = first.records.done[0].delivery.delivered["placed"]
    assert [n["tip"] for n in placed] == [[-8e-3, 1e-3, 12.5e-3], [8e-3, 1e-3, 12.5e-3]]
    assert second.records.done[0].delivery.delivered["placed"] == placed
    assert first.state.hash() == second.state.hash()
    both, one = heat_zone(first), zone(scenario("in vivo"))
    assert both is not None
    # side by side they melt into one zone, wider than one and their distance apart
    assert both["short_axis_mm"] > one["short_axis_mm"] + 14.0
    assert both["volume_ml"] > 2.0 * one["volume_ml"]


def test_radiofrequency_and_pull_back() -> None:
    rf = scenario().replace(treatments=[{"at": "1 h", "radiofrequency": {"duration": "12 min"}}])
    assert zone(rf)["short_axis_mm"] > 20.0
    points = [{"depth": "0 mm"}, {"depth": "20 mm"}]
    back = zone(scenario(keys={"needles": [{"tip": ["0 mm", "0 mm", "22.5 mm"], "points": points}]}))
    assert back["long_axis_mm"] > zone(scenario())["long_axis_mm"] + 12.0


def test_a_small_block_says_that_it_bounds_the_zone() -> None:
    model = heated(scenario(spacing="2 mm", tissue__size="40 mm"))
    assert "the zone reaches the face of the block, which bounds it" in model.records.done[0].delivery.notes


def test_the_same_bits_on_two_threads_and_from_a_file(ex_vivo: TumorModel, tmp_path: Path) -> None:
    assert heated(scenario(), threads=2).state.hash() == ex_vivo.state.hash()
    model = TumorModel(case=scenario(treatments__0__at="13 h"))
    model.step()
    model.save(tmp_path / "block.npz")
    again = TumorModel.load(tmp_path / "block.npz")
    while model.running:
        model.step()
        again.step()
    assert again.state.hash() == model.state.hash() and heat_zone(again) == heat_zone(model)


def test_a_second_session_finds_what_the_first_has_left() -> None:
    once, case = scenario("in vivo"), scenario("in vivo")
    item = case.raw["treatments"][0]
    twice = heated(case.replace(treatments=[item, {**item, "at": "14 h"}]))
    first, both = zone(once), heat_zone(twice)
    assert both is not None and both["short_axis_mm"] > first["short_axis_mm"] + 0.5
