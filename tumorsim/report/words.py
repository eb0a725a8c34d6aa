"""Numbers and outcomes in words, the same in the report, in the terminal and in a notebook."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

CAUTION = "A research and teaching model: not for deciding anyone's care."
NONE = "–"

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: endings of names that are units
_UNITS = {
    "um": "µm",
    "mm": "mm",
    "ml": "mL",
    "mg": "mg",
    "g": "g",
    "gy": "Gy",
    "w": "W",
    "min": "min",
    "h": "h",
    "d": "d",
}
_LABELS = {
    "viable_cells": "Living tumour cells",
    "residual_fraction": "Share of living cells left",
    "log10_kill": "Kill (log10)",
    "p0": "Patients with no living cell",
    "p0_histology": "… and none dying either (as in an explant)",
    "nadir_fraction": "Lowest share of living cells",
    "nadir_time_d": "Day of the lowest",
    "liver_killed_ml": "Liver killed (mL)",
    "reserve_lost": "Functional reserve lost",
    "albi_change": "Change of the ALBI score",
    "child_pugh_points_change": "Change of the Child-Pugh points",
    "albi": "ALBI score",
    "albi_grade": "ALBI grade (1 to 3)",
    "child_pugh": "Child-Pugh points (5 to 15)",
    "functional_share": "Functional liver, share of the start",
    "albumin_g_l": "Albumin (g/L)",
    "bilirubin_umol_l": "Bilirubin (µmol/L)",
    "inr": "INR",
    "platelets_per_nl": "Platelets (per nL)",
    "ascites": "Ascites (0 none, 1 mild, 2 moderate)",
    "decompensated": "Liver decompensated",
    "nontarget_embolised_ml": "Liver embolised beside the target (mL)",
    "wall_over_threshold_mm2": "Wall of organs over threshold (mm²)",
    "organs_embolised_ml": "Wall of gallbladder and stomach embolised (mL)",
    "organ_d2cc_gy": "Dose of seeds to organs (Gy)",
    "major_complications": "Major complications",
    "portal_pressure_mmhg": "Portal pressure (mmHg)",
    "portal_shunt_ml_min": "Portal blood past the liver (mL/min)",
    "segments_hepatofugal": "Segments with reversed portal flow",
    "segments_stagnant": "Segments with stagnant portal flow",
    "oil_ml, tumour": "Oil in tumour arterioles (mL)",
    "oil_ml, liver": "Oil in liver arterioles (mL)",
    "oil_ml, other": "Oil in other organs (mL)",
    "oil_ml, portal": "Oil in portal venules (mL)",
    "portal_oil_filling": "Portal venules of the rim filled with oil",
    "vegf_tumour": "VEGF of the tumour (untreated = 1)",
    "collateral_share": "Tumour's arterial blood that comes by collaterals",
    "sessions": "Sessions",
    "punctures": "Punctures",
    "treatment_days": "Days with treatment",
    "cr": "Complete response on imaging",
    "cr_sphere_3mm": "… if regions of 3 mm are seen (not 5 mm)",
    "cr_sphere_10mm": "… if only regions of 10 mm are seen",
    "visible_ml": "Visible on imaging (mL)",
    "zone_ml": "Treated zone on imaging (mL)",
    "margin_mm": "Margin on imaging (mm)",
    "diameter_mm": "Diameter of what enhances (mm)",
    "recist_mm": "Diameter of the whole lesion (mm)",
    "diameter_sum_mm": "Sum over target lesions, what enhances (mm)",
    "recist_sum_mm": "Sum over target lesions, whole (mm)",
    "visible_by_zone_ml": "Visible on imaging by zone",
    "response_mrecist": "Response (mRECIST)",
    "response_recist": "Response (RECIST 1.1)",
    **{
        f"response_{by}, {category}": f"{title}: {what}"
        for by, title in (("mrecist", "mRECIST"), ("recist", "RECIST 1.1"))
        for category, what in (
            ("CR", "complete response"),
            ("PR", "partial response"),
            ("SD", "stable disease"),
            ("PD", "progressive disease"),
        )
    },
    "ltp_12mo": "Local progression by 12 months",
    "ltp_24mo": "Local progression by 24 months",
    "ltp_36mo": "Local progression by 36 months",
    "satellite_cells": "Living cells of satellites beyond the target",
    "foci": "Latent foci in the liver beyond the block",
    "foci_cells": "Cells in them",
    "visible_foci": "Foci that imaging shows by now",
    "nearest_mm": "Distance of the nearest from the tumour (mm)",
    "largest_mm": "Diameter of the largest (mm)",
    "recurrence_12mo": "New tumour elsewhere seen by 12 months",
    "recurrence_24mo": "New tumour elsewhere seen by 24 months",
    "recurrence_36mo": "New tumour elsewhere seen by 36 months",
    "arterial": "hepatic artery",
    "portal": "portal vein",
    "extrahepatic": "artery from outside the liver",
}
_WALL_CAUSES = {
    "heat": "injured by heat (Arrhenius)",
    "heat_cem43": "injured by heat (CEM43)",
    "heat_alarm": "above the temperature of alarm",
}
#: arteries by the name of the vessel graph
_ARTERIES = {
    "proper_hepatic": "proper hepatic artery",
    "right": "right hepatic artery",
    "left": "left hepatic artery",
    "phrenic": "right inferior phrenic artery",
    "omental": "omental artery",
    "thrombus_artery": "artery of the thrombus",
    "portal_main": "portal vein",
}


def label(name: str) -> str:
    """A name of the results in words a reader knows."""
    if name.startswith("drug_held_mg, "):
        return f"{name.removeprefix('drug_held_mg, ').capitalize()} held by what lodged (mg)"
    if name.startswith("visible_by_zone_ml, "):
        return f"… visible in: {name.removeprefix('visible_by_zone_ml, ')} (mL)"
    if name.startswith("wall_over_threshold_mm2, "):
        organ, cause = name.removeprefix("wall_over_threshold_mm2, ").split(", ")
        wall = "Diaphragm" if organ == "diaphragm" else f"Wall of the {organ.replace('_', ' ')}"
        return f"{wall} {_WALL_CAUSES.get(cause, 'over threshold by ' + cause.replace('_', ' '))} (mm²)"
    if name.startswith("organ_d2cc_gy, "):
        return f"D2cc of the {name.removeprefix('organ_d2cc_gy, ').replace('_', ' ')}, all implants (Gy)"
    return _LABELS.get(name, name.replace("_", " ").capitalize())


#: why a cell lives, where the name of the reason does not say it
_REASONS = {
    "missed": "what feeds the place, or the place itself, was not reached",
    "cooled": "blood carried the heat away: a wide vessel is near, or more blood runs there than in normal liver",
    "other supply": "what was reached is closed, and other blood keeps the place alive",
    "low dose": "what was reached still runs, or runs again, was heated too little, or has less than was prescribed: "
    "not enough was given, or it did not last",
    "outside plan": "no treatment was meant for the place",
    "regrown": "born, or moved in, after the lowest number",
}


def reasons(names: Iterable[str]) -> list[str]:
    """A sentence for every reason that needs one."""
    return [f"{name.capitalize()}: {_REASONS[name]}." for name in names if name in _REASONS]


def artery(name: str) -> str:
    """A vessel in words: ``right hepatic artery``, ``feeder 1``, ``artery of segment 5``."""
    if name.startswith("segment_"):
        return f"artery of segment {name.removeprefix('segment_')}"
    return _ARTERIES.get(name, name.replace("_", " "))


def number(value: float | None, digits: int = 2) -> str:
    """A number to two figures or so: ``3.2 × 10⁸``, ``41``, ``0.034``, a dash for None.

    From 100 upwards three figures are kept, and a whole number under 1000 stays as it is.
    """
    if value is None:
        return NONE
    if value == 0:
        return "0"
    size = abs(value)
    if 1e-3 <= size < 1e5:
        figures = digits if size < 100 else max(digits, 3)
        places = figures - 1 - math.floor(math.log10(size))
        whole = size < 1e3 and float(value).is_integer()
        text = f"{value if whole else round(value, places):,.{0 if whole else max(0, places)}f}"
        return text.replace(",", " ").replace("-", "−")
    exponent = math.floor(math.log10(size))
    mantissa = round(value / 10**exponent, digits - 1)
    if abs(mantissa) >= 10:
        mantissa, exponent = mantissa / 10, exponent + 1
    return f"{mantissa:.{digits - 1}f} × 10{str(exponent).translate(_SUPERSCRIPT)}".replace("-", "−")


def tick(value: float) -> str:
    """A label on a log axis: ``10⁵``, ``2 × 10⁵``, ``50``."""
    if 1e-2 <= value < 1e3:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    power = "10" + str(exponent).translate(_SUPERSCRIPT)
    leading = round(value / 10.0**exponent)
    return power if leading == 1 else f"{leading} × {power}"


def percent(value: float | None) -> str:
    """A share in per cent, never rounded to a false 0 % or 100 %."""
    if value is None:
        return NONE
    if value in (0, 1):
        return f"{100 * value:.0f} %"
    if value < 1e-5:
        return f"{number(value * 100)} %"
    if value > 0.995:
        return "over 99 %" if value < 1 else f"{number(value * 100)} %"
    return f"{number(value * 100)} %"


def interval(stat: Mapping[str, Any] | None, share: bool = False) -> str:
    """``(14 % to 69 %)``, or nothing where there is no interval."""
    if stat is None or stat["low"] is None or stat["high"] is None:
        return ""
    show = percent if share else number
    low, middle, high = (show(stat[key]) for key in ("low", "mean", "high"))
    return "(no spread)" if low == middle == high else f"({low} to {high})"


def count(stat: Mapping[str, Any] | None) -> str:
    """``3 of 8`` from a share over patients."""
    if stat is None or stat["mean"] is None:
        return NONE
    return f"{round(stat['mean'] * stat['n'])} of {stat['n']}"


def arm_sentence(name: str, arm: Mapping[str, Any], noun: str = "patient") -> str:
    """What became of the tumour in one arm: one or two sentences with interval and n; ``noun``: of one run."""
    kill, p0 = arm["log10_kill"], arm["p0"]
    day = number(arm["horizon_d"], 3)
    if kill is None or p0 is None:
        zone = zone_sentence(arm.get("zone"))
        return f"{name}: there is no tumour to count." if zone is None else f"{name}: {zone}"
    if kill["n"] == 0:
        return f"{name}: every {noun} was left out."
    if kill["n"] == 1:
        return f"{name}: {_one_patient(kill['mean'], p0['mean'], day, noun)}"
    spread = f"95 % interval {_ends(kill)}; n = {kill['n']}"
    if kill["mean"] >= 0.005:
        change = (
            f"by day {day} the number of living tumour cells fell by {kill['mean']:.2f} log10 on average ({spread}), "
            f"to about {percent(10 ** -kill['mean'])} of the start."
        )
    elif kill["mean"] <= -0.005:
        change = (
            f"by day {day} the tumour had grown to {number(10 ** -kill['mean'])} times its living cells on average "
            f"(log10 kill {_signed(kill['mean'])}, {spread})."
        )
    else:
        change = f"by day {day} the number of living tumour cells was as at the start ({spread})."
    cleared = round(p0["mean"] * p0["n"])
    if cleared:
        end = f" No living cell was left in {count(p0)} {_many(noun)} {interval(p0, share=True)}."
    else:
        end = f" No {noun} of {p0['n']} was cleared (at most {percent(p0['high'])})."
    return f"{name}: {change}{end}"


def zone_sentence(zone: Mapping[str, Any] | None) -> str | None:
    """How large a zone of heat is, on the average; None where nothing was heated."""
    if not zone or zone["short_axis_mm"]["mean"] is None:
        return None
    short, long, volume = (zone[key]["mean"] for key in ("short_axis_mm", "long_axis_mm", "volume_ml"))
    if not volume:
        return "nothing was coagulated."
    return f"the zone is {short:.1f} mm across the needle and {long:.1f} mm along it ({number(volume)} mL)."


def _many(noun: str) -> str:
    return noun if noun == "tissue" else f"{noun}s"


def _one_patient(kill: float, p0: float, day: str, noun: str) -> str:
    if p0 == 1:
        return f"in this one {noun} no living tumour cell was left on day {day}."
    if kill >= 0.005:
        return (
            f"in this one {noun} {percent(10**-kill)} of the living tumour cells were left on day {day} "
            f"({kill:.2f} log10 killed)."
        )
    return f"in this one {noun} the tumour had {number(10**-kill)} times its first living cells on day {day}."


def pair_sentence(name: str, pair: Mapping[str, Any]) -> str:
    """How two arms differ in residue, with interval, and what may be said of it."""
    a, b = name.split(" vs ", 1)
    difference, ratio = pair["log10_residual_difference"], pair["residual_ratio"]
    if difference["mean"] is None:
        return f"{name}: there is no patient to compare."
    if abs(difference["mean"]) < 5e-4:
        return f"{a} and {b} leave the same. {pair['text']}"
    less, more = (a, b) if difference["mean"] < 0 else (b, a)
    times = ratio["mean"] if difference["mean"] > 0 else 1 / ratio["mean"]
    spread = f", 95 % interval {_ends(difference)}" if difference["low"] is not None else ""
    return (
        f"{less} left {number(times)} times fewer living cells than {more} "
        f"(log10 difference {_signed(difference['mean'])}{spread}; n = {difference['n']}). {pair['text']}"
    )


def _ends(stat: Mapping[str, Any]) -> str:
    return f"{_signed(stat['low'])} to {_signed(stat['high'])}"


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def left_out(summary: Mapping[str, Any]) -> str:
    """How many patients were left out and why, for print; empty where none was."""
    patients = summary["patients"]
    count_out = len(patients["excluded"])
    if not count_out:
        return ""
    who = ", ".join(str(p) for p in patients["excluded"][:10]) + (", …" if count_out > 10 else "")
    return f"{count_out} of {patients['asked']} patients left out of every arm: {patients['reason']} (patient {who})."


def items(content: Mapping[str, Any]) -> str:
    """A small mapping as ``key: value, key: value``; nested ones in brackets, a unit after its number."""
    parts = []
    for key, value in content.items():
        name, _, unit = key.rpartition("_")
        name, unit = (name, f" {_UNITS[unit]}") if name and unit in _UNITS else (key, "")
        if isinstance(value, Mapping):
            text = f"({items(value)})"
        elif isinstance(value, bool):
            text = "yes" if value else "no"
        elif isinstance(value, int | float):
            text = number(float(value), 3)
        elif isinstance(value, list | tuple):
            text = ", ".join(str(v) for v in value) or NONE
        else:
            text = NONE if value is None else str(value)
        parts.append(f"{name.replace('_', ' ')}: {text}{unit if value is not None else ''}")
    return ", ".join(parts) or NONE
