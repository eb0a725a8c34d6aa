"""The schedule audit in words: what was prescribed, what was delivered, as short phrases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tumorsim.report import audit_seeds, words

_POSITIONS = {
    "lobar": "catheter in the artery of the tumour's lobe",
    "segmental": "catheters in the arteries of the tumour's segments",
    "superselective": "a catheter in each feeder that the image shows",
}
#: where oil is, in the order of reading
_OIL = {
    "oil_tumour_ml": "in tumour arterioles",
    "oil_liver_ml": "in liver arterioles",
    "oil_other_ml": "in other organs",
    "oil_portal_ml": "in portal venules",
    "oil_washed_out_ml": "washed out",
    "oil_refluxed_ml": "flowed back past the tip",
    "oil_ran_back_ml": "ran back from full vessels",
}


_FAST = "\u00a0"  # a space at which no line ends


def prescribed(content: Mapping[str, Any]) -> list[str]:
    """What a treatment was to be; keys without words of their own stand at the end."""
    left, said = dict(content), []
    if "power_w" in left:
        said += _heat_asked(left)
    if "prescribed_gy" in left:
        said += audit_seeds.asked(left)
    catheter = left.pop("catheter", None)
    if catheter is not None:
        said.append(_POSITIONS.get(catheter) or f"catheter in the {words.artery(catheter)}")
    if "guidance" in left:
        said.append(f"guided by {left.pop('guidance')}")
    if "oil_ml" in left:
        drops = f" in droplets of {_n(left.pop('oil_droplets_um'))} µm" if "oil_droplets_um" in left else ""
        said.append(f"{_n(left.pop('oil_ml'))} mL of oil{drops}")
    embolic = left.pop("embolic", None)
    if embolic in ("gelatin", "none"):
        said.append("gelatin" if embolic == "gelatin" else "no beads and no gelatin")
    size, spread = left.pop("beads_um", None), left.pop("beads_spread_um", None)
    if size is not None:
        ends = [_n(d) for d in (size if isinstance(size, list | tuple) else [size])]
        said.append(f"beads of {' to '.join(ends)}{f' ± {_n(spread)}' if spread else ''} µm")
    number = left.pop("number", None)
    if number is not None:
        said.append(f"{whole(number)} of them" if isinstance(number, int) else str(number).replace("to ", "until ", 1))
    said += [f"{_n(left.pop(key))} mg {key.removesuffix('_mg')}" for key in list(left) if key.endswith("_mg")]
    return said + _rest(left)


def delivered(content: Mapping[str, Any]) -> list[str]:
    """What a treatment was; keys without words of their own stand at the end."""
    left, said = dict(content), []
    if set(left) <= {"beads"} and not left.get("beads"):
        return ["nothing"]
    if "seeds" in left:
        said += audit_seeds.given(left)
    if is_heat(left):
        if not left["needles"]:
            return ["nothing"]
        said += _heat_given(left)
    places = left.pop("catheters", [])
    if places:
        said.append(f"catheter in {_names(places)}")
    if "feeders_overlooked" in left:
        said.append(f"overlooked: {_names(left.pop('feeders_overlooked'))}")
    said += _oil(left) + _pieces(left)
    stasis = left.pop("stasis", None)
    if stasis is not None:
        all_of = len(places) > 1 and list(stasis) == list(places)
        said.append(f"end point reached in {'all of them' if all_of else _names(stasis) if stasis else 'none'}")
    for key in [k for k in left if k.endswith("_held_mg")]:
        drug = key.removesuffix("_held_mg")
        given, passed = left.pop(f"{drug}_mg", None), left.pop(f"{drug}_passed_on_mg", None)
        parts = f"{_n(left.pop(key))} mg held where it lodged" + (
            f", {_n(passed)} mg passed on into the circulation" if passed is not None else ""
        )
        said.append(f"{_n(given)} mg {drug}: {parts}" if given is not None else f"{drug}: {parts}")
    for key in [k for k in left if k.endswith("_passed_on_mg")]:
        drug = key.removesuffix("_passed_on_mg")
        left.pop(key)
        said.append(f"{_n(left.pop(f'{drug}_mg', None))} mg {drug}, all of it passed on into the circulation")
    closed = left.pop("non_target_closed", None)
    if closed:
        organs = " and ".join(f"{words.percent(share)} of the arteries of the {name}" for name, share in closed.items())
        said.append(f"closed outside the liver: {organs}")
    return said + _rest(left)


def kind(name: str) -> str:
    """A kind of treatment as a reader writes it: ``TACE``, ``Microwave``."""
    return name.upper() if len(name) <= 4 else name.capitalize()


def title(name: str) -> str:
    """A kind of treatment within a sentence."""
    return name.upper() if len(name) <= 4 else name


def is_heat(content: Mapping[str, Any]) -> bool:
    """Whether what was delivered is a session of heat."""
    return {"needles", "points", "energy_kj"} <= set(content)


def duration(seconds: float) -> str:
    """A time of heating: ``45 s``, ``10 min``, ``12.5 min``, from two minutes in minutes."""
    return amount(seconds, "s") if seconds < 120 else amount(seconds / 60, "min")


def axes(short: float, long: float) -> str:
    """Axes of a zone [mm], whole millimetres."""
    return f"{short:.0f} × {long:.0f} mm".replace(" ", _FAST)


def amount(value: float, unit: str) -> str:
    """A number with its unit, which stays on its line: ``39.6 kJ``."""
    return f"{_n(value)}{_FAST}{unit}"


def wall(organ: str) -> str:
    """An organ whose wall is meant, in words."""
    return organ.replace("_", " ")


def _many(count: float, noun: str) -> str:
    return f"{whole(count)} {noun}{'' if count == 1 else 's'}"


def _heat_asked(left: dict[str, Any]) -> list[str]:
    """The phrases on a session of heat as prescribed, whose keys are taken out."""
    needles, first = left.pop("needles", None), left.pop("feeders", None)
    said = []
    if needles == "auto":
        said.append("as few needles as cover outline and margin on the image")
    elif needles is not None:
        said.append(_many(needles, "needle"))
    said.append(f"{amount(left.pop('power_w'), 'W')} for {duration(left.pop('duration_s'))} at each point")
    if "margin_mm" in left:
        said.append(f"margin of {amount(left.pop('margin_mm'), 'mm')}")
    if first is not None:
        said.append(f"feeding arteries first: {_names(first)}" if first else "no feeding artery was in reach")
    return said


def _heat_given(left: dict[str, Any]) -> list[str]:
    """The phrases on a session of heat as delivered, whose keys are taken out."""
    left.pop("placed", None)  # where each needle lay, and how well energy balances: in the manifest
    left.pop("energy_balance_error", None)
    said = [f"{_many(left.pop('needles'), 'needle')}, {_many(left.pop('points'), 'point')} heated"]
    energy = amount(left.pop("energy_kj"), "kJ")
    if "heating_s" in left:
        energy += f" in {duration(left.pop('heating_s'))}"
    if "absorbed_kj" in left:
        energy += f", of which tissue absorbed {amount(left.pop('absorbed_kj'), 'kJ')}"
    said.append(energy)
    if "short_axis_mm" in left:
        zone = (
            f"zone of {axes(left.pop('short_axis_mm'), left.pop('long_axis_mm'))}, {amount(left.pop('zone_ml'), 'mL')}"
        )
        if "contracted_mm" in left:
            zone += f", contracted to {axes(*left.pop('contracted_mm'))}"
        if "cem43_zone_ml" in left:
            zone += f" ({amount(left.pop('cem43_zone_ml'), 'mL')} by thermal dose)"
        said.append(f"{zone}, up to {amount(left.pop('hottest_degc'), '°C')}")
    real, planned = left.pop("real_cover", None), left.pop("planned_cover", None)
    if real is not None:
        said.append(
            f"{words.percent(real)} of outline and margin coagulated"
            + (f" ({words.percent(planned)} planned)" if planned is not None else "")
        )
    if "hottest_wall" in left:
        said.append(f"hottest wall: {wall(left.pop('hottest_wall'))}, {amount(left.pop('hottest_wall_degc'), '°C')}")
    if "vessels_closed" in left:
        said.append(f"{_many(left.pop('vessels_closed'), 'vessel')} closed")
    return said


def _oil(left: dict[str, Any]) -> list[str]:
    """The phrases on oil, whose keys are taken out."""
    if "oil_ml" not in left:
        return []
    parts = [f"{_n(left[key])} {where}" for key, where in _OIL.items() if left.get(key)]
    said = f"{_n(left['oil_ml'])} mL of oil" + (f": {', '.join(parts)}" if parts else "")
    filled = left.pop("portal_oil_filling", None)
    for key in ("oil_ml", *_OIL):
        left.pop(key, None)
    return [said] + ([f"{words.percent(filled)} of the portal venules of the rim filled with oil"] if filled else [])


def _pieces(left: dict[str, Any]) -> list[str]:
    """The phrases on beads or gelatin, whose keys are taken out."""
    for key, name, volume in (("beads", "beads", "beads_ml"), ("gelatin_pieces", "pieces of gelatin", "gelatin_ml")):
        if key not in left:
            continue
        number, lodged, amount = left.pop(key), left.pop("lodged", None), left.pop(volume, None)
        back = left.pop("refluxed", 0)
        if not number:
            return [f"no {name}"]
        more = [f"{_n(amount)} mL"] if amount else []
        if lodged is not None:
            more.append("all lodged" if lodged == number else f"{whole(lodged)} lodged")
        more += [f"{whole(back)} of them ran back past the tip"] if back else []
        return [f"{whole(number)} {name}" + (f" ({', '.join(more)})" if more else "")]
    return []


def whole(number: float) -> str:
    """A count, every digit of it: ``9665``, ``11 852``."""
    return f"{number:,.0f}".replace(",", "\u202f") if number >= 10_000 else f"{number:.0f}"


def _n(value: float | None) -> str:
    return words.number(None if value is None else float(value), 3)


def _names(places: Iterable[str]) -> str:
    """Vessels in words; feeders with one word for all of them."""
    feeders = [p.removeprefix("feeder_") for p in places if p.startswith("feeder_")]
    others = [f"the {words.artery(p)}" for p in places if not p.startswith("feeder_")]
    if len(feeders) > 1:
        named = [f"feeders {', '.join(feeders[:-1])} and {feeders[-1]}"]
    else:
        named = [f"feeder {n}" for n in feeders]
    return ", ".join([*named, *others])


def _rest(left: Mapping[str, Any]) -> list[str]:
    return [words.items({key: value}) for key, value in left.items()]


def reason(status: str, text: str) -> str:
    """Why, without the status said twice, with vessels in words."""
    return re.sub(r"\b(feeder|segment|collateral)_(\d+)\b", r"\1 \2", text.removeprefix(f"{status}: "))
