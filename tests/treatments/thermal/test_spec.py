"""Keys of ablation by heat: what they read, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.scenario import Scenario
from tumorsim.scenario.explain import explain
from tumorsim.treatments.base import kind_named
from tumorsim.treatments.thermal.spec import Placed, Point, busy

BASE: dict[str, Any] = {
    "name": "heat",
    "until": "20 d",
    "tissue": {"size": "50 mm", "tumour": {"diameter": "15 mm"}},
}
CENTRE = [{"tip": ["0 mm", "0 mm", "12 mm"]}]


def scenario(kind: str = "microwave", **changes: Any) -> Scenario:
    step = changes.pop("step", "12 h")
    return Scenario.from_dict({**BASE, "step": step, "treatments": [{"at": "1 d", kind: changes}]})


def refused(kind: str = "microwave", **changes: Any) -> str:
    with pytest.raises(InputError) as error:
        scenario(kind, **changes)
    return "\n".join(error.value.problems)


def test_defaults_run_without_a_key() -> None:
    for kind in ("microwave", "radiofrequency"):
        spec = scenario(kind).treatments[0].spec
        assert spec.needles is None and spec.power > 0.0 and spec.duration > 0
        assert kind_named(kind).needs_liver and not kind_named(kind).needs_feeders


def test_needles_are_read_with_their_points() -> None:
    needles = [
        {"tip": ["1 mm", "-2 mm", "3 mm"], "direction": [0, 3, 4], "points": [{}, {"depth": "15 mm", "power": "80 W"}]}
    ]
    spec = scenario(needles=needles).treatments[0].spec
    assert spec.listed == (Placed((1e-3, -2e-3, 3e-3), (0.0, 0.6, 0.8), (Point(), Point(15e-3, 80.0, None))),)
    assert "2 points as written" in spec.describe()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"power": "0 W"}, "power: '0 W' is out of range: it must be above 0 W"),
        ({"power": "-5 W"}, "above 0 W"),
        ({"power": 60}, "60 has no unit"),
        ({"duration": "0 s"}, "duration: '0 s' is out of range: it must be above 0 s"),
        ({"needles": [{"tip": ["0 mm", "0 mm", "26 mm"]}]}, "lies outside the body, a box of 50 x 50 x 50 mm"),
        ({"needles": [{"tip": ["0 mm", "0 mm", "5 mm"], "points": [{"depth": "40 mm"}]}]}, "outside the body"),
        ({"needles": [{"tip": ["0 mm", "0 mm", "5 mm"], "points": [{"power": "0 W"}]}]}, "point 1, power: '0 W'"),
        ({"needles": [{"tipp": 1}]}, "unknown key 'tipp'. Did you mean 'tip'?"),
        ({"needles": [{"tip": ["0 mm", "0 mm", "5 mm"], "direction": [0, 0, 0]}]}, "is no direction"),
        ({"needles": 0}, "0 is out of range"),
        ({"needles": CENTRE, "points": 2}, "needles places them"),
        ({"sar": "nothing.csv"}, "there is no such file"),
        ({"frequency": "2.4 GHz"}, "Did you mean '2.45 GHz'?"),
    ],
)
def test_refused_with_the_reason(changes: dict[str, Any], words: str) -> None:
    assert words in refused(**changes)


def test_a_session_longer_than_a_step_is_refused() -> None:
    words = refused(step="1 h", needles=4, duration="40 min", generators=2)
    assert "1.33333 h of heating, longer than a step" in words
    scenario(step="1 h", needles=4, duration="40 min", generators=4)


def test_a_density_that_does_not_integrate_to_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sar.csv"
    r, z = np.linspace(0, 20, 21), np.linspace(-20, 20, 21)
    # even within 10 mm of the axis and 15 mm of the middle: pi r^2 2z of a volume
    whole = 1.0 / (np.pi * 0.01**2 * 0.03)
    rows = ["r_mm\\z_mm," + ",".join(f"{x:g}" for x in z)]
    rows += [f"{a:g}," + ",".join(f"{whole * 3 * (a <= 10) * (abs(b) <= 15):.6g}" for b in z) for a in r]
    file.write_text("\n".join(rows))
    assert "it integrates to" in refused(sar=str(file))


def test_fine_tissue_and_slabs_have_no_room_for_a_needle() -> None:
    with pytest.raises(InputError, match="a slab has no room for a needle"):
        Scenario.from_dict(
            {**BASE, "tissue": {**BASE["tissue"], "dimensions": 2}, "treatments": [{"at": "1 d", "microwave": {}}]}
        )


def test_generators_share_the_needles() -> None:
    assert busy([10, 10, 10], 1) == 30 and busy([10, 10, 10], 2) == 20 and busy([30, 10, 10], 2) == 30


def test_check_tells_what_will_be_done() -> None:
    told = " ".join(explain(scenario("radiofrequency", needles=2, electrodes="cluster")).split())
    assert "radiofrequency ablation, 2 needles, cluster of three cooled electrodes" in told
