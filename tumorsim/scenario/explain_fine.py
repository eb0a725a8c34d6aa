"""A fine tissue in plain words: what stands in the place of liver and grown vessels."""

from __future__ import annotations

from tumorsim.lattice import implied_density
from tumorsim.scenario.fine import Fine
from tumorsim.scenario.resolved import Scenario

_UM = 1e-6


def fine_rows(scenario: Scenario, fine: Fine) -> list[tuple[str, list[str]]]:
    """Rows of `explain` in the place of tumour, liver and blood."""
    tissue = scenario.tissue
    box = " x ".join(f"{side / _UM:.4g}" for side in tissue.lattice().size)
    cells = (
        f"one cell a site (this implies {implied_density(1, tissue.spacing) * 1e-6:.3g} cells per mL)"
        if tissue.capacity == 1
        else f"up to {tissue.capacity} cells a site"
    )
    doubling = f"{tissue.tumour.doubling_time / 86_400:.4g} d"
    if fine.kind == "spheroid":
        wide = " x ".join(f"{2 * half / _UM:.4g}" for half in tissue.tumour.semi_axes)
        what = f"a spheroid of {wide} um in culture; its volume doubles in {doubling}"
        oxygen = f"from stirred medium of {fine.medium:.4g} mmHg through its surface; no vessels"
    elif fine.kind == "cord":
        assert fine.radius is not None and fine.vessel_radius is not None
        what = f"a cord: tumour to {fine.radius / _UM:.4g} um around one vessel, through whose border no oxygen passes"
        oxygen = f"from a vessel {2 * fine.vessel_radius / _UM:.4g} um wide with blood of {fine.blood:.4g} mmHg"
    else:
        assert scenario.vessels.file is not None
        what = "tumour that fills the box of a network between its vessels"
        oxygen = f"from the vessels of {scenario.vessels.file.name}, whose {fine.species} blood loses what it gives"
    if fine.kind != "spheroid":
        what += f"; its cells could double in {doubling} if they had room"
    return [
        ("Tumour", [what]),
        ("Tissue", [f"a box of {box} um in sites of {tissue.spacing / _UM:.4g} um; {cells}"]),
        ("Oxygen", [oxygen]),
    ]
