"""The page: one patient, played step by step. Started by `tumorsim view`, or by `solara run viz/app.py`."""

from __future__ import annotations

from typing import Any

import solara
from figures import COLOURS, NEEDLE, ZONE, CurvePicture, SlicePicture, VesselPicture, dots_of
from fine import ABOUT, SETTINGS, who
from frame import STATES, Still
from mesa.visualization import SolaraViz
from mesa.visualization.utils import update_counter
from page_model import PageModel, choices, warm_up

from tumorsim.errors import InputError
from tumorsim.model import DAY
from tumorsim.report.words import CAUTION, artery, number, percent
from tumorsim.treatments.embolisation_spec import POSITIONS

NO_DRUG = " The drug of TACE does not act in this version: what closes its arteries does."

STYLE = """
.ts-page { max-width: 1320px; margin: 0 auto; padding: 4px 16px 24px; font-size: 16px; line-height: 1.45; }
.ts-page p { margin: 0 0 6px; }
.ts-page img { display: block; width: 100%; height: auto; border-radius: 4px; background: white; }
.ts-who { font-weight: 500; }
.ts-day { font-size: 22px; font-weight: 600; margin: 6px 0 2px !important; }
.ts-box { border: 1px solid rgba(128, 128, 128, 0.35); border-radius: 6px; padding: 10px 12px; background: white;
          color: #1f2328; }
.ts-rows { display: grid; gap: 14px; }
.ts-pair { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(min(400px, 100%), 1fr)); }
.ts-key { display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 2px 0 4px; }
.ts-key span.sign { display: inline-block; width: 15px; height: 15px; border-radius: 3px; margin-right: 7px;
                    vertical-align: -2px; }
.ts-small { font-size: 14px; opacity: 0.85; }
.ts-caution { border-left: 4px solid #b07a00; padding: 4px 12px; margin: 4px 0 12px !important; }
.ts-problem { border-left: 4px solid #c00d1e; padding: 8px 14px; margin: 8px 0; font-size: 17px; }
/* the value of a slider always stands above its thumb */
.v-slider__thumb-label-container { display: block !important; }
.v-slider__thumb-label.primary { display: flex !important; background: none !important; color: inherit !important;
                         border: none !important;
                         transform: translate(-50%, -8px) !important; width: auto !important; height: 16px !important;
                         font-size: 13px !important; }
.v-slider__thumb-label.primary > * { transform: none !important; }
.v-input__slider { margin-top: 12px; }
"""

warm_up()


@solara.component
def Page() -> None:
    """The whole page; every visitor has a model of their own."""
    solara.Title("tumorsim")
    solara.Style(STYLE)
    try:
        chosen = choices()
    except InputError as error:
        with solara.v.Html(tag="div", class_="ts-page"):
            Problems(error.problems)
        return
    first = solara.use_memo(PageModel, dependencies=[])
    model = solara.use_reactive(first)
    with solara.v.Html(tag="div", class_="ts-page"):
        if model.value.problems:
            Problems(model.value.problems)
        else:
            Pictures(model.value)
    with solara.Sidebar():
        _text("p", "Set the parameters, then press Reset: a new model takes them up.", "ts-small px-4 pt-3 mb-0")
    SolaraViz(
        model,
        components=[],
        model_params=chosen.model_params,
        name=f"tumorsim: {chosen.scenario.name}",
        play_interval=1,
    )


@solara.component
def Problems(problems: list[str]) -> None:
    """Why there is nothing to see."""
    with solara.v.Html(tag="div", class_="ts-problem", attributes={"role": "alert"}):
        _text("p", "This model cannot be made:")
        for problem in problems:
            _text("p", problem)
        _text("p", "Choose other parameters and press Reset.")


@solara.component
def Pictures(model: PageModel) -> None:
    """All pictures of one model, drawn anew after every step."""
    update_counter.get()
    pictures = solara.use_memo(
        lambda: (
            SlicePicture(model.still, oxygen=False), SlicePicture(model.still, oxygen=True),
            VesselPicture(model.still) if model.still.kind_of_tissue is None else None, CurvePicture(model.still),
        ),
        [model],
    )  # fmt: skip
    frame, still = model.frame, model.still
    left = float(frame.viable[-1])
    state = f"{number(left)} living tumour cells, {percent(left / max(still.target_cells, 1))} of day 0"
    with solara.v.Html(tag="div", class_="ts-rows"):
        with solara.v.Html(tag="div"):
            _text("p", f"Day {frame.day:g} of {still.until_d:g}: {state}", "ts-day")
            _text("p", _who(model), "ts-who")
            _text(
                "p",
                ABOUT[still.kind_of_tissue]
                if still.kind_of_tissue
                else "A liver tumour and the vessels that feed it. Press Step or play and watch which parts lose their "
                "oxygen when a treatment closes arteries, and where cells live on: beside the capsule, or where a "
                "feeder was overlooked.",
            )
            _text("p", f"{CAUTION}{NO_DRUG if _with_drug(model) else ''}", "ts-caution")
            for day, text in frame.marks:
                _text("p", f"Day {day:g}: {text}.")
        with solara.v.Html(tag="div", class_="ts-box"):
            with solara.v.Html(tag="div", class_="ts-pair"):
                _picture(pictures[0].png(frame), f"Tumour cells in a slice on day {frame.day:g}.", "cells")
                _picture(pictures[1].png(frame), f"Oxygen in the same slice on day {frame.day:g}.", "oxygen")
            Key(frame.mix)
            if len(frame.needles):
                HeatKey(bool(frame.zone))
            _text("p", _reading(still), "ts-small")
        with solara.v.Html(tag="div", class_="ts-pair"):
            if pictures[2] is not None:
                with solara.v.Html(tag="div", class_="ts-box"):
                    _text("p", "Arteries and portal vein, seen along z", "font-weight-bold")
                    _picture(pictures[2].png(frame), f"Vessels on day {frame.day:g}.", "vessels")
                    _text(
                        "p", "Box: the simulated block of liver. Disc: the tumour. Widths are not to scale.", "ts-small"
                    )
            with solara.v.Html(tag="div", class_="ts-box", style_="max-width: 650px"):
                _picture(pictures[3].png(frame), f"Living tumour cells to day {frame.day:g}: {state}.", "curve")
                if still.kind_of_tissue is None:
                    _text("p", "Target: the tumour of day 0 and all within 5 mm of it.", "ts-small")
        _text("p", _settings(model), "ts-small")


@solara.component
def Key(mix: dict[str, float]) -> None:
    """What the colours mean, each with its share of all tumour cells."""
    with solara.v.Html(tag="div", class_="ts-key"):
        for name in STATES:
            with solara.v.Html(tag="span"):
                solara.v.Html(tag="span", class_="sign", style_=f"background:{COLOURS[name]}")
                _text("span", f"{name} {percent(mix[name])}")


@solara.component
def HeatKey(zone: bool) -> None:
    """What the lines of a session of heat mean."""
    signs = [(NEEDLE, 7, "needle, seen along z; its active part is thick")]
    if zone:
        signs.insert(0, (ZONE, 3, "border of what heat has coagulated"))
    with solara.v.Html(tag="div", class_="ts-key"):
        for colour, height, said in signs:
            with solara.v.Html(tag="span"):
                style = f"background:{colour};height:{height}px;width:26px;border-radius:0;vertical-align:3px"
                solara.v.Html(tag="span", class_="sign", style_=style)
                _text("span", said)


def _who(model: PageModel) -> str:
    planned = []
    for event in model.case.treatments:
        catheter = getattr(event.spec, "catheter", None)
        place = str(catheter) if catheter in POSITIONS else artery(str(catheter))
        kind = f"{event.definition.title}, {place}," if catheter else event.definition.title
        planned.append(f"{kind} on day {event.at / DAY:g}")
    what = "; ".join(planned) or "untreated"
    if model.still.kind_of_tissue is not None:
        return f"{who(model.case, model.virtual_patient.number)}: {what}"
    return f"Patient {model.virtual_patient.number}, tumour of {model.still.tumour_mm:g} mm: {what}"


def _with_drug(model: PageModel) -> bool:
    return any(event.spec.carried() for event in model.case.treatments)


def _reading(still: Still) -> str:
    count = dots_of(still) ** 2
    dots = "Each site of the grid holds one cell. "
    if still.capacity > 1:
        drawn = f"{count} dots" if count > 1 else "one dot"
        dots = f"Each site of the grid is drawn as {drawn}, coloured as what lies in it; any living cell gets a dot. "
    walls = "Thick line: capsule; thin: septum; dashed: border without capsule."
    if still.kind_of_tissue is not None:
        walls = f"Dashed: border. Pale: no cell. Around it: {SETTINGS[still.kind_of_tissue].around}."
        walls += " Red disc: the vessel." if still.vessel_mm else ""
    return (
        f"{dots}Per cent: share of all tumour cells, living and dead (debris counts by its volume). Hypoxic: living "
        f"below 10 mmHg. {walls}"
    )


def _settings(model: PageModel) -> str:
    own, case, patient = choices().scenario, model.case, model.virtual_patient
    noun = "Patient" if case.tissue.fine is None else "Run"
    said = f"{noun} {patient.number}, seed {patient.seed}; a step is {case.step / 3600:g} h. "
    changed = []
    if case.tissue.spacing != own.tissue.spacing:
        changed.append(f"a grid of {1e3 * case.tissue.spacing:g} mm instead of {1e3 * own.tissue.spacing:g} mm")
    if case.vessels.terminals != own.vessels.terminals:
        changed.append(f"{case.vessels.terminals} instead of {own.vessels.terminals} ends of each vessel tree")
    if changed:
        said += (
            f"So that it answers at once, the page runs the scenario on {' and '.join(changed)}; numbers differ "
            "somewhat from those of tumorsim run, which takes the scenario as it is written."
        )
    return said


def _text(tag: str, text: str, css: str = "") -> Any:
    return solara.v.Html(tag=tag, children=[text], class_=css)


def _picture(source: str, alt: str, name: str) -> Any:
    return solara.v.Html(tag="img", attributes={"src": source, "alt": alt, "data-picture": name})
