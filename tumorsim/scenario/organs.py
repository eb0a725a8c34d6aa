"""What a file says about organs beside the tumour: with its defaults, what cannot be, and in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tumorsim.anatomy.organ_place import SIDES, USUAL, OrganSpec, border_of, in_words, place_organs
from tumorsim.errors import InputError
from tumorsim.scenario.document import Path
from tumorsim.scenario.fine import FINE_WORDS, fine_kind
from tumorsim.scenario.schema import ScenarioFile, TissueFile

if TYPE_CHECKING:
    from tumorsim.scenario.resolved import Scenario, Tissue

Problem = tuple[Path, str]

WHERE: Path = ("tissue", "organs")
SIDE_WORDS = {
    "+x": "on its left", "-x": "on its right", "+y": "behind it", "-y": "in front of it", "+z": "above it",
    "-z": "below it",
}  # fmt: skip
_PLACE = re.compile(r"^tissue\.organs\.(\d+)\.(\w+)(?:\.(\w+))?: ")


def organ_specs(tissue: TissueFile, parameters: Mapping[str, float]) -> tuple[OrganSpec, ...]:
    """The organs with their defaults, in the order of the file."""
    found = []
    for item in tissue.organs:
        for name in item.named():
            keys = getattr(item, name)
            distance = parameters["organs.distance"] if keys.distance is None else keys.distance
            side = SIDES[USUAL[name]] if keys.side is None else keys.side
            found.append(OrganSpec(name, distance, side, getattr(keys, "place", OrganSpec.place)))
    return tuple(found)


def organ_problems(file: ScenarioFile) -> Iterator[Problem]:
    """What is wrong with the list itself: items that name none or several, an organ twice, a tissue without organs."""
    organs, fine = file.tissue.organs, fine_kind(file)
    if organs and fine is not None:
        yield WHERE, f"are for a tumour in liver; {FINE_WORDS[fine]} has no neighbours. Leave them out."
        return
    first: dict[str, int] = {}
    for index, item in enumerate(organs):
        named = item.named()
        if len(named) != 1:
            told = f" ({', '.join(named)})" if named else ""
            yield (*WHERE, index), f"names {len(named)} organs{told}. Write one an item: - gallbladder: {{side: -x}}"
            continue
        (name,) = named
        if name in first:
            yield (*WHERE, index, name), f"stands in organs.{first[name]} too; there is room for one {in_words(name)}."
        first.setdefault(name, index)
        side = getattr(item, name).side or SIDES[USUAL[name]]
        if file.tissue.dimensions == 2 and abs(side[2]) > 1e-9:
            yield (*WHERE, index, name), "lies outside the plane of the slab. Write side: -x, or dimensions: 3."


def place_problems(tissue: Tissue, parameters: Mapping[str, float]) -> Iterator[Problem]:
    """What cannot be placed; of a drawn form or an image that is known only when the patient is built."""
    if not tissue.organs or tissue.tumour.form is not None:
        return
    border = border_of(tissue.tumour, [organ.side for organ in tissue.organs])
    try:
        place_organs(tissue.organs, border, tissue.lattice().size, parameters)
    except InputError as error:
        for line in error.problems:
            found = _PLACE.match(line)
            assert found is not None
            index, name, key = int(found[1]), found[2], found[3]
            yield (*WHERE, index, name, *([key] if key else [])), f"{line[found.end() :]}."


def side_words(side: tuple[float, float, float]) -> str:
    """``on its right``, ``towards [0.7, 0, -0.7]``."""
    word = next((word for word, direction in SIDES.items() if direction == side), None)
    return f"towards [{', '.join(f'{c:.2g}' for c in side)}]" if word is None else SIDE_WORDS[word]


def organ_words(scenario: Scenario) -> list[str]:
    """The organs in plain words; empty without any."""
    table, told = scenario.load_parameters(), []
    for organ in scenario.tissue.organs:
        name = in_words(organ.organ)
        which = f"{organ.place} {name}" if organ.organ == "bile_duct" else name
        wall = table[f"organs.{organ.organ}_wall"]
        told.append(
            f"the {which} {1e3 * organ.distance:.3g} mm from the tumour's border, {side_words(organ.side)} "
            f"(wall {1e3 * wall:.2g} mm, alarm at {table[f'organs.{organ.organ}_temperature']:g} degC)"
        )
    return told
