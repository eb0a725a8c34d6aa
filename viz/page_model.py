"""The page's model: a scenario made small enough to answer at once, with three plain parameters."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mesa
from fine import SIZES, kind_of, size_um, slider
from frame import Frame, Still

from tumorsim.errors import InputError
from tumorsim.model import TumorModel
from tumorsim.scenario import Scenario

SCENARIO = "TUMORSIM_SCENARIO"  # environment variable that names the scenario to show
MANY_SITES = 150_000  # a finer grid is made coarser
PAGE_SPACING = 2e-3  # m
PAGE_TERMINALS = 600  # ends of each vessel tree
MAX_PATIENT = 30

AS_IN_FILE = "as in the scenario"
SHIPPED = {"untreated": "untreated", "TACE, lobar": "tace_lobar", "TACE, superselective": "tace_superselective"}


@dataclass(frozen=True)
class Choices:
    """What a visitor starts from and can choose: the scenario, and the ranges of the three parameters."""

    scenario: Scenario
    treatments: tuple[str, ...]
    treatment: str
    diameter_mm: int
    least_mm: int
    most_mm: int

    @property
    def model_params(self) -> dict[str, Any]:
        """The parameters as Mesa's page describes them: three, or those that a fine tissue has."""
        fine = kind_of(self.scenario) is not None
        size = slider(self.scenario) if fine else {
            "diameter_mm": {
                "type": "SliderInt", "label": "Tumour diameter (mm)", "value": self.diameter_mm,
                "min": self.least_mm, "max": self.most_mm, "step": 1,
            },
        }  # fmt: skip
        return {
            "treatment": {
                "type": "Select", "label": "Treatment", "value": self.treatment, "values": list(self.treatments),
            },
            **size,
            "patient": {
                "type": "SliderInt", "label": "Run (number)" if fine else "Virtual patient (number)", "value": 0,
                "min": 0, "max": MAX_PATIENT, "step": 1,
            },
        }  # fmt: skip


@lru_cache(maxsize=4)
def choices(name: str | None = None) -> Choices:
    """Choices for a scenario, by default the one named in the environment.

    Raises
    ------
    InputError
        Where there is no such scenario or it is not valid.
    """
    scenario = Scenario.load(name or os.environ.get(SCENARIO) or "tace_lobar")
    if kind_of(scenario) == "bench":
        raise InputError(
            f"{scenario.name}: the page plays a tumour step by step, and a bench has none. Use tumorsim run FILE, and "
            "tumorsim report, which draws the zone in the block."
        )
    same = [label for label, file in SHIPPED.items() if Scenario.load(file).treatments == scenario.treatments]
    names = tuple(SHIPPED) if same else (AS_IN_FILE, *SHIPPED)
    if kind_of(scenario) is not None:  # what is given through arteries of the liver cannot be given here
        names, same = ((same[0],), same) if same else ((AS_IN_FILE,), same)
    diameter = max(1, round(2e3 * max(scenario.tissue.tumour.semi_axes)))
    least, most = (15, 65) if 15 <= diameter <= 65 else (max(1, diameter // 2), diameter * 3 // 2)
    return Choices(scenario, names, same[0] if same else AS_IN_FILE, diameter, least, most)


def page_scenario(chosen: Choices, treatment: str, diameter_mm: float, size: int | None = None) -> Scenario:
    """The scenario as the page runs it: other tumour and treatment if asked for, coarser where too fine.

    ``size`` [um] is that of a spheroid or a cord.

    Raises
    ------
    InputError
        Where the values do not go together.
    """
    base, values = chosen.scenario, dict[str, Any]()
    kind = kind_of(base)
    if kind is not None:
        if size is not None and kind in SIZES and size != size_um(base):
            values[SIZES[kind][0]] = f"{size} um"
        return _with(base, values)
    if treatment != AS_IN_FILE:
        if treatment not in SHIPPED:
            raise InputError(f"treatment: '{treatment}' is none of {', '.join(chosen.treatments)}")
        values["treatments"] = Scenario.load(SHIPPED[treatment]).raw.get("treatments", [])
    if diameter_mm != chosen.diameter_mm:
        axes = base.tissue.tumour.axes
        if axes is None:
            values["tissue.tumour.diameter"] = f"{diameter_mm:g} mm"
        else:  # the same form, of another size
            values["tissue.tumour.axes"] = [f"{1e3 * a * diameter_mm / (1e3 * max(axes)):.6g} mm" for a in axes]
    if base.vessels.file is None and base.vessels.terminals > PAGE_TERMINALS:
        values["vessels.terminals"] = PAGE_TERMINALS
    scenario = _with(base, values)
    tissue = scenario.tissue
    if tissue.capacity > 1 and tissue.lattice().n_sites > MANY_SITES and tissue.spacing < PAGE_SPACING:
        scenario = scenario.replace("tissue.spacing", f"{PAGE_SPACING * 1e3:g} mm")
    return scenario


def _with(scenario: Scenario, values: dict[str, Any]) -> Scenario:
    return scenario.replace(**{path.replace(".", "__"): value for path, value in values.items()})


class PageModel(TumorModel):
    """TumorModel with the page's three parameters and a picture's worth of its state.

    Parameters
    ----------
    treatment : str, optional
        One of the choices' ``treatments``; default the scenario's own.
    diameter_mm : float, optional
        Diameter of the tumour, of the longest axis where there are three.
    size_um : int, optional
        Size of a spheroid or a cord.
    patient : int
        Number of the virtual patient.

    Attributes
    ----------
    problems : list of str
        Why there is no model; nothing happens then in a step.
    still : Still
        What does not change in a run.
    frame : Frame
        A copy of what is shown, made after every step: nothing is drawn from arrays in motion.
    """

    def __init__(
        self,
        *,
        treatment: str | None = None,
        diameter_mm: float | None = None,
        size_um: int | None = None,
        patient: int = 0,
    ) -> None:
        self.problems: list[str] = []
        try:
            chosen = choices()
            scenario = page_scenario(
                chosen,
                chosen.treatment if treatment is None else treatment,
                chosen.diameter_mm if diameter_mm is None else diameter_mm,
                size_um,
            )
            super().__init__(case=scenario, patient=patient)
            self.still = Still.of(self)
            self.frame = Frame.of(self, self.still)
        except InputError as error:
            vars(self).pop("step", None)  # Mesa wraps it anew
            mesa.Model.__init__(self)
            self.problems = error.problems
            self.running = False

    def step(self) -> None:
        """One base step, then a new frame."""
        if self.problems:
            return
        super().step()
        self.frame = Frame.of(self, self.still)


@lru_cache(maxsize=1)
def warm_up() -> None:
    """Compile, or load what was compiled, before the first visitor comes."""
    model = TumorModel(
        case="tace_lobar", tissue__tumour__diameter="16 mm", tissue__spacing="2 mm", vessels__terminals=100
    )
    for _ in range(4):  # beyond the treatment, on day 1
        model.step()
