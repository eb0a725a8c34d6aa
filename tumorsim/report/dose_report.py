"""Dosimetry before the run: what the plan of every implant of a scenario would give, as text and as a picture.

The scenario is followed up to each of its implants, for what lies before (an embolisation, an ablation) decides what
images show; what comes after is not looked at.
"""

from __future__ import annotations

from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from tumorsim.anatomy.organs import CODE_NAMES
from tumorsim.errors import InputError
from tumorsim.log import Done
from tumorsim.model import TumorModel
from tumorsim.report import audit, audit_seeds, palette, seeds, words
from tumorsim.report.figures import WIDTH
from tumorsim.scenario import Scenario
from tumorsim.studies.seed_picture import seed_picture

_GAP = 14.0
_TALL = 426.0  # of the histograms


def dose_report(file: str, plot: str | None = None, *, patient: int = 0, seed: int | None = None) -> str:
    """The planned dosimetry of every implant of a scenario, in words.

    Parameters
    ----------
    file : str
        A scenario file, or a shipped one by name.
    plot : str, optional
        An SVG file to draw histograms and isodoses in.
    patient : int
        Number of the virtual patient.
    seed : int, optional
        Instead of the file's.

    Raises
    ------
    InputError
        Where the scenario has no seeds, or the picture cannot be written; before anything is worked out.
    """
    scenario = Scenario.load(file)
    scenario = scenario if seed is None else scenario.replace(seed=seed)
    due = [event for event in scenario.treatments if event.kind == "seeds"]
    problems = [] if due else [f"{file}: has no seeds. Add a treatment: - {{at: 1 d, seeds: {{}}}}"]
    if plot is not None and Path(plot).suffix.lower() != ".svg":
        problems.append(f"--plot: {plot}: the picture is an SVG; name it {Path(plot).stem}.svg.")
    elif plot is not None and not Path(plot).absolute().parent.is_dir():
        problems.append(f"--plot: {Path(plot).parent}: there is no such folder.")
    if problems:
        raise InputError(problems)
    model = TumorModel(case=scenario, patient=patient)
    lines, drawn, seen = [f"{scenario.name}: dosimetry of the plan, patient {patient}"], [], 0
    while model.running and seen < len(scenario.treatments) and any(d.at >= model.now for d in due):
        model.step()
        for done in model.records.done[seen:]:
            if done.event.kind != "seeds":
                continue
            lines += ["", *planned_lines(done)]
            picture = seed_picture(model.virtual_patient, model.state, done)
            if picture is not None:
                drawn.append((f"{done.event.id}, day {words.number(done.event.at / 86_400, 3)}", picture))
        seen = len(model.records.done)
    if plot is not None and drawn:
        Path(plot).write_text(_drawing(drawn), encoding="utf-8")
        lines += ["", f"Picture: {plot}"]
    return "\n".join(lines).replace("\u00a0", " ")  # a terminal breaks no lines


def planned_lines(done: Done) -> list[str]:
    """What a plan is and gives, a line each."""
    day = words.number(done.event.at / 86_400, 3)
    lines = [f"{done.event.id}, day {day}: {', '.join(audit.prescribed(done.plan.prescribed))}"]
    details = done.plan.details
    if "dosimetry" not in details:
        return [*lines, f"  no implant: {details['why']}"]
    figures = details["dosimetry"]
    target = figures["target"]
    left = ", ".join(audit_seeds.left_out(details["left_out"]))
    count = sum(len(track["places"]) for track in details["tracks"])
    rows: list[tuple[str, str]] = [
        ("seeds", f"{count} of {details['wanted']}" + (f" ({left})" if left else "")),
        ("goal", f"{target['volume_ml']:.3g} mL"),
        ("D90", f"{target['d90_gy']:.1f} Gy"),
        ("V100, V150, V200", ", ".join(f"{100 * target[key]:.1f} %" for key in ("v100", "v150", "v200"))),
        ("CI, HI", ", ".join("-" if figures[key] is None else f"{figures[key]:.2f}" for key in ("ci", "hi"))),
    ]
    if "reference_gy" in details:
        rows.append(("Paris reference", f"{details['reference_gy']:.1f} Gy, 85 % of the basal dose by default"))
    rows += [
        (
            f"D2cc {name.replace('_', ' ')}",
            "less than 2 mL in the box" if o["d2cc_gy"] is None else f"{o['d2cc_gy']:.1f} Gy",
        )
        for name, o in figures["organs"].items()
    ]
    return [*lines, *(f"  {label:<18}{said}" for label, said in rows)]


def _drawing(drawn: list[tuple[str, Any]]) -> str:
    """Histograms and, below, the three planes of every plan, as one SVG with its own style."""
    css = resources.files("tumorsim.report").joinpath("templates/report.css").read_text(encoding="utf-8")
    style = jinja2.Template(css).render(palette=palette.ARMS)
    side = (WIDTH - 2 * _GAP) / 3.0
    out, top = [], _GAP
    for title, picture in drawn:
        plan = {key: part for key, part in picture.items() if not key.endswith("_real") and "_real_" not in key}
        out += [f'<text x="0" y="{top + 12:g}" class="name">{escape(title)}</text>']
        out += [_placed(seeds.histograms(plan, title), 0.0, top + 24.0, WIDTH, _TALL)]
        top += _TALL + 24.0 + _GAP
        for n, (said, figure) in enumerate(seeds.panels(plan, title, CODE_NAMES, ("planned",))):
            left = n * (side + _GAP)
            out += [_placed(str(figure), left, top, side, side)]
            out += [f'<text x="{left:g}" y="{top + side + 14:g}" class="tick">{said}</text>']
        top += side + 3 * _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}" height="{top:g}" viewBox="0 0 {WIDTH:g} {top:g}">'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(out)}</svg>'
    )


def _placed(svg: str, x: float, y: float, width: float, height: float) -> str:
    """An SVG within another, at a place."""
    return svg.replace("<svg ", f'<svg x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" ', 1)
