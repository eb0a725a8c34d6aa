"""What a file says about a wide vein beside the tumour: its keys, what cannot be, and in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tumorsim.anatomy.organ_place import border_of
from tumorsim.anatomy.passing_vein import SIDE, VeinSpec, vein_problem
from tumorsim.scenario.document import Path
from tumorsim.scenario.schema_organs import Side
from tumorsim.scenario.schema_shapes import Model
from tumorsim.treatments.spec import Quantity
from tumorsim.vessels.passing_vein import vein_velocity

if TYPE_CHECKING:
    from tumorsim.scenario.resolved import Scenario, Tissue
    from tumorsim.scenario.schema import ScenarioFile

WHERE: Path = ("vessels", "vein")


class VeinFile(Model):
    """A wide hepatic vein that passes the tumour straight: `{diameter: 5 mm, distance: 3 mm}`."""

    diameter: Annotated[float, Quantity("m", "5 mm", at_least="1 mm", at_most="15 mm")] = Field(
        description="Its bore; from 3 mm (parameter) it cools what lies beside it"
    )
    distance: Annotated[float, Quantity("m", "3 mm", at_least="0 mm", at_most="100 mm")] = Field(
        description="From the tumour's border to its wall"
    )
    side: Annotated[tuple[float, float, float], Side()] = Field(
        default=SIDE, description="Side of the tumour; default +x, away from where needles come in"
    )

    def spec(self) -> VeinSpec:
        """The vein as asked for."""
        return VeinSpec(self.diameter, self.distance, self.side)


def vein_problems(file: ScenarioFile, tissue: Tissue) -> Iterator[tuple[Path, str]]:
    """What cannot be placed; of a drawn form or an image that is known only when the patient is built."""
    vein = None if file.vessels.vein is None else file.vessels.vein.spec()
    if vein is None or tissue.fine is not None:
        return
    if tissue.dimensions == 2 and abs(vein.side[2]) > 1e-9:
        yield (*WHERE, "side"), "lies outside the plane of the slab. Write side: +x, or dimensions: 3."
    elif tissue.tumour.form is None:
        found = vein_problem(vein, border_of(tissue.tumour, [vein.side]), tissue.lattice().size)
        if found is not None:
            yield (*WHERE, "distance"), f"{found}."


def vein_words(scenario: Scenario) -> list[str]:
    """The vein in plain words; empty without one."""
    from tumorsim.scenario.organs import side_words

    vein, table = scenario.vessels.vein, scenario.load_parameters()
    if vein is None:
        return []
    velocity = vein_velocity(scenario.tissue.liver, table)
    return [
        f"a hepatic vein {1e3 * vein.diameter:.3g} mm wide passes it {1e3 * vein.distance:.3g} mm from its border, "
        f"{side_words(vein.side)}; its blood, {100 * velocity:.3g} cm/s, comes from elsewhere in the liver"
    ]
