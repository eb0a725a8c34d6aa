"""The schedule audit in words: what was prescribed, what was delivered, as short phrases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tumorsim.report import words

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


def prescribed(content: Mapping[str, Any]) -> list[str]:
    """What a treatment was to be; keys without words of their own stand at the end."""
    left, said = dict(content), []
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
