"""A bench experiment: a block of liver with a needle in it and no tumour, ex vivo or in vivo.

`ex vivo` is dead tissue at the temperature of the room: no blood. Its faces are insulated: still air takes 5 to
10 W/m2/K from it, which for a block of 90 mm is a time constant of some two hours against a session of minutes.
`in vivo` is normal liver at the temperature of blood with the same perfusion everywhere, and goes on beyond the block:
its faces are held at that temperature.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tumorsim import quantity
from tumorsim.anatomy.spec import TumourSpec

if TYPE_CHECKING:
    from tumorsim.scenario.schema import ScenarioFile, TissueFile

Problem = tuple[tuple[str | int, ...], str]

BENCHES = ("ex vivo", "in vivo")
EX_VIVO, IN_VIVO = BENCHES
NO_TUMOUR = TumourSpec(shape="none")
_FINEST, _COARSEST = 0.25e-3, 4e-3  # m; the spacings that heat is solved at
_SMALLEST = 40e-3  # m; holds the active part of any needle with tissue around it
_KEYS = ("bench", "temperature", "size", "spacing")
_OTHERS = {
    "vessels": "has no vessels of its own",
    "couplings": "has nothing that treatments could act on together",
}
_ALLOWED = ", ".join(_KEYS)


def bench_temperature(tissue: TissueFile, parameters: Mapping[str, float]) -> float:
    """Temperature of the block before it is heated [degC]."""
    if tissue.bench == IN_VIVO:
        return parameters["heat.blood_temperature"]
    return parameters["bench.temperature"] if tissue.temperature is None else tissue.temperature


def bench_side(tissue: TissueFile, parameters: Mapping[str, float]) -> float:
    """Edge of the block [m], in whole sites."""
    side = parameters["bench.size"] if tissue.size is None else tissue.size
    return math.ceil(side / tissue.spacing - 1e-9) * tissue.spacing


def bench_problems(file: ScenarioFile, data: Any, parameters: Mapping[str, float]) -> Iterator[Problem]:
    """What cannot stand beside a bench, and values that it cannot have."""
    tissue = file.tissue
    written: dict[str, Any] = data["tissue"] if isinstance(data.get("tissue"), dict) else {}
    for key in written:
        if key == "tumour":
            yield ("tissue", key), "a bench experiment is liver without a tumour. Leave out tumour, or bench."
        elif key == "liver":
            yield ("tissue", key), "a bench experiment is normal liver. Leave it out."
        elif key not in (*_KEYS, "organs") and key in type(tissue).model_fields:
            yield ("tissue", key), f"cannot stand beside bench. Leave it out. Allowed beside it: {_ALLOWED[7:]}."
    for key, why in _OTHERS.items():
        if data.get(key):
            yield (key,), f"a bench experiment {why}. Leave it out."
    h = tissue.spacing
    if not _FINEST * (1 - 1e-9) <= h <= _COARSEST * (1 + 1e-9):
        text = quantity.format(h, "m")
        yield ("tissue", "spacing"), f"{text} is out of range: heat on a bench is solved at 0.25 mm to 4 mm."
    side = parameters["bench.size"] if tissue.size is None else tissue.size
    if side < _SMALLEST * (1 - 1e-9):
        where = ("tissue", "size") if tissue.size is not None else ("parameters", "bench.size")
        yield where, f"{side * 1e3:g} mm is too small for a needle and tissue around it. Use 40 mm or more."
    yield from _temperature(file, parameters)


def _temperature(file: ScenarioFile, parameters: Mapping[str, float]) -> Iterator[Problem]:
    tissue = file.tissue
    given, body = tissue.temperature, parameters["heat.blood_temperature"]
    where: tuple[str, ...] = ("tissue", "temperature")
    if tissue.bench == IN_VIVO:
        if given is not None and abs(given - body) > 1e-9:
            yield where, f"{given:g} degC: liver in vivo is at {body:g} degC, as its blood. Leave it out."
        return
    least = parameters["bioheat.damage_from"]
    found = bench_temperature(tissue, parameters)
    if found >= least:
        where = where if given is not None else ("parameters", "bench.temperature")
        yield where, f"{found:g} degC does harm by itself: damage is counted from {least:g} degC on. Use less."


def only_on_bench(file: ScenarioFile) -> Iterator[Problem]:
    """Keys of a bench in a file without one."""
    if file.tissue.temperature is not None:
        yield ("tissue", "temperature"), "is that of a bench experiment. Write bench: ex vivo, or leave it out."


def bench_rows(tissue: Any) -> list[tuple[str, list[str]]]:
    """Rows of `explain` in the place of tumour, liver and blood; ``tissue`` is `tumorsim.scenario.resolved.Tissue`."""
    fine = tissue.fine
    side = "x".join(f" {s * 1e3:.4g} " for s in tissue.lattice().size).strip()
    if fine.perfusion > 0.0:
        blood = f"{fine.perfusion:.4g} 1/s everywhere, at {fine.temperature:g} degC; vessels are not resolved"
        ends = f"held at {fine.temperature:g} degC: liver goes on beyond them"
    else:
        blood, ends = "none", "insulated: air takes little heat in a session"
    state = IN_VIVO if fine.perfusion > 0.0 else EX_VIVO
    return [
        ("Bench", [f"normal liver {state} at {fine.temperature:g} degC, without a tumour"]),
        ("Block", [f"{side} mm in sites of {tissue.spacing * 1e3:.4g} mm; its faces are {ends}"]),
        ("Blood", [blood]),
    ]
