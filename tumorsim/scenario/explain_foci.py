"""Latent foci in plain words: how many a patient may have beyond the box, and what becomes of them."""

from __future__ import annotations

from tumorsim.anatomy.foci import expected_foci
from tumorsim.scenario.resolved import Scenario


def foci_words(scenario: Scenario) -> str:
    """``no latent foci, as the scenario says``, or how many are expected, and where they are reported."""
    tissue, table = scenario.tissue, scenario.load_parameters()
    asked = tissue.tumour.latent_foci
    if asked == 0:
        return "no latent foci in the liver beyond the block, as the scenario says"
    if asked is None:
        spread, new = expected_foci(
            tissue.tumour.volume, tissue.density, tissue.tumour.doubling_time, tissue.liver, table
        )
        what = f"on average {spread:.2g} latent foci spread from a tumour of this size and {new:.2g} new ones"
    else:
        what = f"{asked} latent foc{'us' if asked == 1 else 'i'} spread from the tumour"
    return (
        f"{what}, beyond the block, with the tumour's doubling time; seen from {table['foci.detection'] * 1e3:g} mm. "
        "No local treatment reaches them, and they are reported apart (distant)"
    )
