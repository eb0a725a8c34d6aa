"""Write the tables of ODD.md again from the code: `python experiments/odd.py` (`--check` says whether it is current).

Each table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; all other text is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tumorsim.chance import LAYOUT_VERSION, Purpose
from tumorsim.model import STEP
from tumorsim.parameters import load_parameters
from tumorsim.quantity import convert
from tumorsim.scenario.schema import json_schema
from tumorsim.state import ARRAYS, CAUSES, SCHEMA_VERSION
from tumorsim.treatments.base import registry

ODD = Path(__file__).parents[1] / "ODD.md"
AXES = {
    "site": "site",
    "site_slot": "site x 4 slots",
    "site_doomed": "site x 2",
    "site_trait": "site x slot x trait",
    "site_cause": "site x cause",
    "edge": "vessel",
    "edge_drug": "vessel x drug",
    "node": "node",
    "exchange": "exchange node",
    "cause": "cause",
    "reserve": "quantity",
    "organ": "organ",
    "organ_fluid": "organ x kind of fluid",
    "wall_dose": "piece of wall x measure",
    "implant": "implantation",
    "implant_site": "implantation x site",
    "heating": "session of heat",
    "heating_site": "session of heat x site",
    "scalar": "one number",
}
FORMS = {"both": "any", "many": "many cells a site", "one": "one cell a site"}
BUILT_IN = {
    "ischaemia": "no oxygen: tissue below 0.5 mmHg, past its latency",
    "starvation": "too little oxygen: tissue at 0.5 to 10 mmHg",
    "turnover": "intrinsic loss of quiescent cells",
    "lineage extinction": "divisions that fail, and with them the lineage of the cell",
}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    lines = [" | ".join(head)]
    lines.append(" | ".join("---" for _ in lines[0].split(" | ")))
    lines += [" | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def step() -> str:
    """The order of one step."""
    return table(("", "part", "what"), ((part.number, f"**{part.name}**", part.what) for part in STEP))


def state() -> str:
    """Every array that changes in a run."""
    rows = (
        (f"`{a.name}`", a.meaning, "" if a.unit == "-" else a.unit, AXES[a.axis], FORMS[a.form], a.dtype)
        for a in ARRAYS
    )
    head = ("array", "what it is", "unit", "one for each", "storage", "type")
    return f"State, version {SCHEMA_VERSION}.\n\n{table(head, rows)}"


def causes() -> str:
    """Causes of death that every run has."""
    return table(("cause", "what it is"), ((name, BUILT_IN[name]) for name in CAUSES))


def treatments() -> str:
    """Treatments there are."""
    return table(("key", "treatment"), ((f"`{name}`", kind.title) for name, kind in sorted(registry().items())))


def chance() -> str:
    """What chance is drawn for."""
    names = ", ".join(f"{purpose.name.lower().replace('_', ' ')} ({int(purpose)})" for purpose in Purpose)
    return f"Layout version {LAYOUT_VERSION}. Purposes: {names}."


def keys() -> str:
    """The keys of a scenario file that describe the patient."""
    definitions = json_schema()["$defs"]
    rows = []
    for model, place in (("TissueFile", "tissue"), ("TumourFile", "tissue.tumour"), ("VesselsFile", "vessels")):
        for key, content in definitions[model]["properties"].items():
            if said := content.get("description"):
                rows.append((f"`{place}.{key}`", said))
    return table(("key", "what it says"), rows)


def parameters() -> str:
    """Every default, one table a room."""
    rooms: dict[str, list[tuple[object, ...]]] = {}
    for name, row in load_parameters().rows.items():
        room, short = name.split(".", 1)
        bounds = " to ".join(f"{convert(end, row.unit, row.given_unit):.4g}" for end in (row.low, row.high))
        sure = f"{row.confidence}, {'choice' if row.mark == '*' else row.mark}"
        rooms.setdefault(room, []).append((f"`{short}`", row.meaning, row.given, bounds, sure, row.source))
    head = ("row", "meaning", "default", "range", "confidence", "source")
    return "\n\n".join(f"#### {room}\n\n{table(head, rows)}" for room, rows in sorted(rooms.items()))


BLOCKS: dict[str, Callable[[], str]] = {
    block.__name__: block for block in (step, state, causes, treatments, chance, keys, parameters)
}


def refreshed(text: str) -> str:
    """The text with every table made anew.

    Raises
    ------
    ValueError
        Where a table is missing or unknown.
    """
    found = re.findall(r"<!-- begin (\w+) -->", text)
    if sorted(found) != sorted(BLOCKS):
        raise ValueError(f"ODD.md has the tables {sorted(found)}, not {sorted(BLOCKS)}")
    for name, block in BLOCKS.items():
        inner = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        made = block()
        text = inner.sub(lambda match, made=made: f"{match[1]}\n{made}\n\n{match[2]}", text)
    return text


def main() -> None:
    """Write the tables, or say whether they are current."""
    old = ODD.read_text(encoding="utf-8")
    new = refreshed(old)
    if "--check" in sys.argv[1:]:
        sys.exit("ODD.md is not current: python experiments/odd.py" if new != old else 0)
    ODD.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
