"""A scenario in plain words: what will be done, to what, when it is read and what it costs."""

from __future__ import annotations

import math
import textwrap

from tumorsim import quantity
from tumorsim.parameters import load_parameters
from tumorsim.scenario.bench import bench_rows
from tumorsim.scenario.condition import condition_words
from tumorsim.scenario.estimate import available_memory, bytes_text, count_text
from tumorsim.scenario.explain_fine import fine_rows
from tumorsim.scenario.explain_foci import foci_words
from tumorsim.scenario.explain_shape import compartments_asked, image_words, shape_words
from tumorsim.scenario.organs import organ_words
from tumorsim.scenario.resolved import Scenario
from tumorsim.scenario.vein import vein_words
from tumorsim.vessels.extrahepatic import ARTERY_OF, PARASITES, chance_at

_DISCLAIMER = "A research and teaching model; not for deciding anyone's care."
_WIDTH = 100
THROMBUS_WORDS = {
    "Vp1": "a portal branch beyond that of its segment (Vp1)",
    "Vp2": "the portal branch of its segment (Vp2)",
    "Vp3": "the portal branch of its segment and the right portal vein (Vp3)",
    "Vp4": "the portal branch of its segment, the right portal vein and the trunk (Vp4)",
}
#: arteries on which much of the liver lives; a catheter there is refused with thrombus in a main portal branch
PROXIMAL = ("proper_hepatic", "right", "left")
ARTERY_WORDS = {"phrenic": "right inferior phrenic artery", "omental": "omental artery"}


def explain(scenario: Scenario) -> str:
    """Plain words, several lines: tumour, blood supply, treatments, readings, cost, caveats."""
    fine = scenario.tissue.fine
    if fine is not None and fine.kind == "bench":
        where = bench_rows(scenario.tissue)
    elif fine is not None:
        where = fine_rows(scenario, fine)
    else:
        where = [
            ("Tumour", [_tumour(scenario)]),
            ("Image", image_words(scenario)),
            ("Beside it", [*organ_words(scenario), *vein_words(scenario)]),
            ("Liver", [_liver(scenario)]),
            ("Elsewhere", [foci_words(scenario)]),
            ("Blood", [_blood(scenario)]),
            ("Patient", [_patient(scenario)]),
        ]
    rows = [
        *where,
        ("Treatment", _treatments(scenario)),
        ("Time", [_time(scenario)]),
        ("Read", _readings(scenario)),
        ("Cost", [_cost(scenario)]),
        ("Not acting", _carried(scenario)),
        ("Changed", _changed(scenario)),
        ("Couplings", scenario.couplings.words()),
        ("Note", notes(scenario)),
    ]
    title = f"{scenario.name} ({scenario.source.name})" if scenario.source else scenario.name
    lines = [title, ""]
    for word, texts in rows:
        for number, text in enumerate(texts):
            lines += textwrap.wrap(
                text, _WIDTH, initial_indent=f"  {'' if number else word:<12}", subsequent_indent=" " * 16
            )
    return "\n".join([*lines, "", f"  {_DISCLAIMER}"])


def _tumour(scenario: Scenario) -> str:
    tumour = scenario.tissue.tumour
    form = shape_words(tumour)
    capsule = {"none": "no capsule", "partial": "a partial capsule", "intact": "an intact capsule"}[tumour.capsule]
    parts = compartments_asked(tumour)
    septa = f"{_count(tumour.septa, 'septum', 'septa')} ({_count(parts, 'compartment')})"
    satellites = _count(tumour.satellites, "satellite")
    volume = tumour.volume * 1e6
    thrombus = f", a tumour thrombus in {THROMBUS_WORDS[tumour.thrombus]}" if tumour.thrombus != "none" else ""
    place = "deep in the liver" if tumour.place == "deep" else f"at the surface ({tumour.place})"
    return (
        f"{form} ({volume:.3g} mL), {capsule}, {septa}, {satellites}, {tumour.vascularity}vascular, {place}{thrombus}; "
        f"its volume doubles in {_span(tumour.doubling_time)} untreated"
    )


def _liver(scenario: Scenario) -> str:
    tissue = scenario.tissue
    x, y, z = (side * 1e3 for side in tissue.lattice().size)
    box = f"a block of {x:g} x {y:g} x {z:g} mm in sites of {_mm(tissue.spacing)}"
    slab = ", a slab one site thick (for teaching)" if tissue.dimensions == 2 else ""
    one = tissue.capacity == 1
    density = 1 / tissue.spacing**3 if one else tissue.density
    cells = (
        f"one cell a site (this implies {density * 1e-6:.3g} cells per mL)" if one else
        f"up to {count_text(tissue.capacity)} cells a site"
    )  # fmt: skip
    return f"{tissue.liver}; {box}{slab}; {cells}"


def _blood(scenario: Scenario) -> str:
    vessels = scenario.vessels
    if vessels.file is not None:
        return f"the vessel graph of {vessels.file}"
    return (
        f"grown arterial, portal and venous trees of {vessels.terminals} terminals each, "
        f"{_count(vessels.feeders or 0, 'artery', 'arteries')} into the tumour; {_extrahepatic(scenario)}"
    )


def _extrahepatic(scenario: Scenario) -> str:
    """What may feed the tumour from outside the liver."""
    supply, tumour = scenario.vessels.extrahepatic, scenario.tissue.tumour
    if supply in PARASITES:
        return f"the {ARTERY_WORDS[supply]} feeds it too"
    if supply == "none":
        return "no artery from outside the liver, as the scenario says"
    if tumour.place not in ARTERY_OF:
        return "no artery from outside the liver reaches so deep"
    chance = chance_at(tumour.place, 2 * max(tumour.semi_axes), scenario.load_parameters())
    return (
        f"the {ARTERY_WORDS[ARTERY_OF[tumour.place]]} feeds it too in {100 * chance:.2g} % of patients, "
        "and may be recruited later in the others"
    )


def _patient(scenario: Scenario) -> str:
    assert scenario.condition is not None  # liver with vessels of its own is a patient's
    return condition_words(scenario.condition, scenario.load_parameters())


def _treatments(scenario: Scenario) -> list[str]:
    if not scenario.treatments:
        return ["none: the natural course"]
    return [
        f"at {_span(event.at)}: {event.definition.title}, {event.spec.describe()}"
        + ("" if event.id == f"{event.kind}_{event.occurrence}" else f" [{event.id}]")
        for event in scenario.treatments
    ]


def _time(scenario: Scenario) -> str:
    steps = _count(scenario.n_steps, "step")
    return f"{_span(scenario.until)} in {steps} of {_span(scenario.step)}; seed {scenario.seed}"


def _readings(scenario: Scenario) -> list[str]:
    texts = [f"at {_span(scenario.assess)} (horizon)"]
    due, last = scenario.after_last_due, scenario.after_last
    if scenario.tissue.fine is not None and scenario.tissue.fine.kind == "bench":
        return [f"{texts[0]}: the zone, where damage (Omega) is at least 1 once it has stopped rising"]
    if due is None:
        texts.append("after_last: when the arm it is compared with is read")
    elif last is None:
        texts.append(
            f"after_last: not read, since {_span(due)} lies beyond the end of the run; "
            "then no order of treatments is called better"
        )
    else:
        wait = due - max(event.at for event in scenario.treatments)
        texts.append(f"at {_span(last)} (after_last: {_span(wait)} after the last treatment)")
    return texts


def _cost(scenario: Scenario) -> str:
    cost = scenario.estimate
    cells = f"{count_text(cost.cells)} tumour cells, " if cost.cells else ""
    return (
        f"{count_text(cost.sites)} sites, {cells}about "
        f"{bytes_text(cost.memory)} of memory and {math.ceil(cost.seconds)} s "
        "for each patient on one core, once compiled"
    )


def _carried(scenario: Scenario) -> list[str]:
    texts: dict[str, None] = {}
    for event in scenario.treatments:
        texts.update(dict.fromkeys(event.spec.carried()))
    return list(texts)


def _changed(scenario: Scenario) -> list[str]:
    rows = load_parameters().rows
    return [
        f"{name} = {given} (default {rows[name].given}): {rows[name].meaning}"
        for name, given in scenario.parameters.items()
    ]


def notes(scenario: Scenario) -> list[str]:
    """What is allowed but worth knowing: values out of their range, a tumour that will meet the box."""
    texts = list(scenario.load_parameters().notes)
    tissue, tumour = scenario.tissue, scenario.tissue.tumour
    half = min(tissue.lattice().size[: tissue.dimensions]) / 2 - tissue.spacing
    texts += tissue.image.notes if tissue.image is not None else ()
    filled = tissue.fine is not None and not tissue.fine.bordered  # there is none, or no room: it cannot grow
    reach = math.inf if filled else 3 * tumour.doubling_time * math.log2(half / max(tumour.reach))
    if reach < scenario.until:
        texts.append(
            f"untreated, the tumour would reach the face of the box after about {reach / 86_400:.0f} d; "
            "such a patient is flagged and left out of comparisons (a larger size avoids it)"
        )
    supply = scenario.vessels.extrahepatic
    if tissue.fine is None and supply in PARASITES and ARTERY_OF.get(tumour.place) != supply:
        where = "deep in the liver" if tumour.place == "deep" else f"at another part of the surface ({tumour.place})"
        texts.append(f"the {ARTERY_WORDS[supply]} seldom feeds a tumour {where} (tissue.tumour.place)")
    texts += _catheters(scenario) + _forbidden(scenario)
    if scenario.treatments and scenario.assess <= max(event.at for event in scenario.treatments):
        texts.append("the result is read before the last treatment is given (assess)")
    if any(getattr(event.spec, "number", None) == 0 for event in scenario.treatments):
        texts.append("number: 0 delivers nothing; such an event is logged and changes nothing")
    free = available_memory()
    if free is not None and scenario.estimate.memory > free / 2:
        texts.append(f"this takes more than half of the {bytes_text(free)} of memory that is available")
    return texts


def _catheters(scenario: Scenario) -> list[str]:
    """Arteries that a treatment names and this tumour will not, or not surely, have; what will be refused."""
    if scenario.vessels.file is not None:
        return []
    supply, tumour, texts = scenario.vessels.extrahepatic, scenario.tissue.tumour, dict[str, None]()
    table = scenario.load_parameters()
    for event in scenario.treatments:
        catheter = str(getattr(event.spec, "catheter", ""))
        undone = f"{event.id}: catheter {catheter}, but"
        if catheter in PARASITES and supply != catheter:
            if supply in PARASITES or supply == "none":
                texts[f"{undone} vessels.extrahepatic is {supply}; it will not be delivered"] = None
            elif ARTERY_OF.get(tumour.place) != catheter:
                texts[f"{undone} no {ARTERY_WORDS[catheter]} reaches this place ({tumour.place})"] = None
            else:
                chance = 100 * chance_at(tumour.place, 2 * max(tumour.semi_axes), table)
                texts[f"{undone} only {chance:.2g} % of patients have it at the start"] = None
        if catheter == "thrombus_artery" and tumour.thrombus == "none":
            texts[f"{undone} tissue.tumour.thrombus is none; it will not be delivered"] = None
        grade = int(tumour.thrombus.removeprefix("Vp")) if tumour.thrombus != "none" else 0
        if grade >= table["embolisation.thrombus_grade"] and catheter in ("lobar", *PROXIMAL):
            texts[f"{undone} liver behind the thrombus {tumour.thrombus} lives on its artery; it will be refused"] = (
                None
            )
    return list(texts)


def _forbidden(scenario: Scenario) -> list[str]:
    """Treatments that the patient cannot have in the condition of the start."""
    start = scenario.condition
    if start is None:
        return []
    table, texts = scenario.load_parameters(), []
    ending = "it is given all the same (condition.treat_anyway)" if start.treat_anyway else "it will not be delivered"
    for event in scenario.treatments:
        reasons = event.spec.contraindications(start, table)
        if reasons:
            texts.append(f"{event.id}: contraindicated as the patient is at the start ({', '.join(reasons)}); {ending}")
    return texts


def one_line(scenario: Scenario) -> str:
    """A line for a list of scenarios."""
    tumour = scenario.tissue.tumour
    size = _mm(2 * max(tumour.semi_axes))
    given: dict[str, int] = {}
    for event in scenario.treatments:
        text = f"{event.kind.upper()} {getattr(event.spec, 'catheter', '')}".strip()
        oil, embolic = getattr(event.spec, "oil_volume", 0.0) > 0.0, getattr(event.spec, "embolic", "beads")
        with_ = [word for word, there in (("oil", oil), ("gelatin", embolic == "gelatin")) if there]
        text += f" with {' and '.join(with_)}" if with_ else ""
        given[text] = given.get(text, 0) + 1
    told = ", ".join(f"{text} ({times} times)" if times > 1 else text for text, times in given.items())
    where = "" if tumour.place == "deep" else f" ({tumour.place})"
    thrombus = "" if tumour.thrombus == "none" else f", thrombus {tumour.thrombus}"
    septa = _count(tumour.septa, "septum", "septa")
    if scenario.tissue.fine is not None and scenario.tissue.fine.kind == "bench":
        return f"{bench_rows(scenario.tissue)[0][1][0]}; {told or 'no treatment'}"
    if scenario.tissue.fine is not None:
        return f"tumour as a {scenario.tissue.fine.kind} of {size}; {told or 'no treatment'}"
    return f"{size} tumour{where}, capsule {tumour.capsule}, {septa}{thrombus}; {told or 'no treatment'}"


def _mm(length: float) -> str:
    return f"{length * 1e3:.4g} mm" if length >= 1e-3 else f"{length * 1e6:.4g} um"


def _span(seconds: float) -> str:
    return quantity.format(seconds, "s", 6) if seconds else "0 d"


def _count(number: int, one: str, many: str = "") -> str:
    word = one if number == 1 else many or one + "s"
    return f"{'no' if number == 0 else number} {word}"
