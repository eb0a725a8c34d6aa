"""The schedule audit of seeds in words: what was prescribed, what was delivered, as short phrases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumorsim.report import words

_FAST = "\u00a0"  # a space at which no line ends
_WHERE = {
    "tumour": "in the tumour",
    "thrombus": "along the thrombosed portal vein",
    "residue": "where the ablation left a doubt",
    "ring": "all round the treated zone",
}
_RULES = {
    "quimby": "on a uniform lattice (Quimby)",
    "paterson-parker": "most at the periphery (Paterson and Parker)",
    "paris": "on parallel lines (Paris)",
    "by hand": "each placed by hand",
    "strand": "as a strand",
}
_WHY = {
    "organ": "too near an organ",
    "vessel": "in a big vessel or behind it",
    "box": "outside the tissue",
    "spacing": "no room",
}


def asked(left: dict[str, Any]) -> list[str]:
    """The phrases on seeds as prescribed, whose keys are taken out."""
    kind = f"{left.pop('source')}, {_amount(left.pop('activity_mci'), 'mCi')} each"
    number, rule = left.pop("seeds", None), left.pop("rule", None)
    said = [kind if number is None else f"{_many(number, 'seed')}: {kind}", _WHERE[left.pop("where")]]
    if rule is not None and rule != "strand":
        said.append(_RULES[rule])
    if "margin_mm" in left:
        said.append(f"margin of {_amount(left.pop('margin_mm'), 'mm')}")
    return [*said, f"prescribed dose {_amount(left.pop('prescribed_gy'), 'Gy')}"]


def given(left: dict[str, Any]) -> list[str]:
    """The phrases on seeds as delivered, whose keys are taken out."""
    left.pop("implant", None)  # where each seed lies: in the manifest
    left.pop("strength_u", None)
    seeds, planned, lost = left.pop("seeds"), left.pop("seeds_planned", None), left.pop("seeds_lost", 0)
    if not seeds and planned is None:
        return ["nothing"]
    first = _many(seeds, "seed")
    if planned is not None and planned != seeds:
        first += f" of {planned} planned"
    needles, strands = left.pop("needles", 0), left.pop("strands", 0)
    by = _many(needles, "needle") if needles else _many(strands, "strand") if strands else ""
    said = [f"{first} by {by}" if by else first]
    if "activity_mci" in left:
        said.append(f"{_amount(left.pop('activity_mci'), 'mCi')} in all")
    if lost:
        said.append(f"{lost} lost")
    said += left_out(left.pop("seeds_left_out", {}))
    outside = left.pop("seeds_outside_liver", 0)
    said += [f"{outside} came to lie outside the liver or the box"] if outside else []
    plan, real = left.pop("planned", None), left.pop("real", None)
    if plan is not None and real is not None:
        pairs = [
            (what, plan["target"][key], real["target"][key]) for what, key in (("D90", "d90_gy"), ("V100", "v100"))
        ]
        said.append(
            "; ".join(
                f"{what} {_figure(was, what)} ({_figure(meant, what)} planned)"
                for what, meant, was in pairs
                if meant is not None and was is not None
            )
        )
        said += [
            f"D2cc of the {name.replace('_', ' ')} {_amount(part['d2cc_gy'], 'Gy')}"
            for name, part in real["organs"].items()
            if part["d2cc_gy"] is not None
        ]
    if "reference_gy" in left:
        said.append(f"reference dose of the Paris system {_amount(left.pop('reference_gy'), 'Gy')}")
    if "oil_ml_seen" in left:
        said.append(f"through {_amount(left.pop('oil_ml_seen'), 'mL')} of oil")
    return [phrase for phrase in said if phrase]


def left_out(why: Mapping[str, int]) -> list[str]:
    """Seeds that have no place, by reason."""
    return [f"{n} left out: {_WHY.get(reason, reason)}" for reason, n in why.items()]


def _figure(value: float, what: str) -> str:
    return words.percent(value) if what == "V100" else _amount(value, "Gy")


def _amount(value: float, unit: str) -> str:
    return f"{words.number(float(value), 3)}{_FAST}{unit}"


def _many(count: float, noun: str) -> str:
    return f"{count:.0f} {noun}{'' if count == 1 else 's'}"
