"""What can only be judged in the light of the whole file: times against the run, tumour against box, names.

Each check looks only at values that could be read (``ok``), so a misspelling does not raise a second,
false problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tumorsim import quantity
from tumorsim.anatomy.masks import PatientImage
from tumorsim.errors import InputError, nearest
from tumorsim.lattice import MANY_CELLS_FROM, ONE_CELL_BELOW, good_spacings
from tumorsim.parameters import Parameters, load_parameters
from tumorsim.scenario.condition import condition_problems
from tumorsim.scenario.document import Document, Path
from tumorsim.scenario.estimate import MAX_SITES, available_memory, bytes_text, count_text, estimate
from tumorsim.scenario.fine import FINE_WORDS, carried_graph, fine_kind, fine_problems
from tumorsim.scenario.organs import organ_problems, place_problems
from tumorsim.scenario.resolved import Tissue, feeders_by_size, fine_tissue, item_kind, resolve_tissue, vessel_file
from tumorsim.scenario.schema import ScenarioFile
from tumorsim.scenario.shapes import form_problems, image_of, shape_problems
from tumorsim.scenario.vein import vein_problems
from tumorsim.treatments.base import registry
from tumorsim.treatments.spec import Context

Problem = tuple[Path, str]
Ok = Callable[..., bool]

LEAST_ACROSS = 3  # sites across the tumour
MOST_CELLS = 2**31 - 1  # counts are int32
GRAPH_FILES = (".graphml", ".xml", ".dat")

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_PREFIX = re.compile(r"^parameters(\.[a-z0-9_.]+)?: ")


def whole_checks(file: ScenarioFile, kept: list[int], ok: Ok, document: Document) -> Iterator[Problem]:
    """Every problem of the file as a whole.

    Parameters
    ----------
    file : ScenarioFile
        Values that could be read; what was refused stands at its default.
    kept : list of int
        Place in the file of each treatment in ``file``.
    ok : callable
        Whether nothing at, around or inside the given paths was refused.
    document : Document
        The file as written.
    """
    parameters, wrong = _parameters(file, ok)
    yield from wrong
    yield from _times(file, kept, ok)
    yield from _ids(file, kept, ok)
    shape = _shape(file, ok, document, parameters)
    image: PatientImage | None = None
    if ok(("tissue", "image")):
        unread, image = image_of(file, document)
        shape += unread
    yield from shape
    yield from _thrombus(file, ok)
    vessels_ok = ok(("vessels",))
    names: Mapping[str, int] | None = None
    if vessels_ok:
        found, names = _vessels(file, document)
        yield from found
        vessels_ok = not found
    fine = fine_kind(file)
    wrong_fine = list(fine_problems(file, document.data, parameters)) if fine != "network" or vessels_ok else []
    wrong_fine = [(path, text) for path, text in wrong_fine if ok(path)]
    yield from wrong_fine
    organs = [(path, text) for path, text in organ_problems(file) if ok(path)] if ok(("tissue", "organs")) else []
    yield from organs
    if ok(("condition",)):
        yield from condition_problems(document.data, file.parameters, FINE_WORDS[fine] if fine else None)
    tissue_ok = ok(("tissue",)) and not wrong_fine and (fine != "network" or vessels_ok)
    box: tuple[float, float, float] | None = None
    if tissue_ok and not shape:
        vein = file.vessels.vein.spec() if vessels_ok and file.vessels.vein is not None else None
        tissue = resolve_tissue(
            file.tissue, file.until, parameters, image, fine_tissue(file, document, parameters), vein
        )
        boxed = list(_box(tissue, file, ok, parameters))
        yield from boxed
        if not organs and not boxed:
            yield from place_problems(tissue, parameters)
        if vessels_ok and not boxed:
            yield from vein_problems(file, tissue)
        if not boxed:
            box = tissue.lattice().size
        longest = 2 * max(tissue.tumour.semi_axes)  # 0 on a bench, where nothing reads it
        by_size: int | None = feeders_by_size(longest, parameters, tissue.tumour.vascularity)
    else:
        by_size = None
    feeders = file.vessels.feeders or by_size
    beside = None if organs or not ok(("tissue", "organs")) else tuple(n for o in file.tissue.organs for n in o.named())
    step = file.step if ok(("step",)) else None
    slab = file.tissue.dimensions == 2 and ok(("tissue", "dimensions"))
    bench = fine == "bench"
    context = Context(
        feeders if vessels_ok else None, names, beside, box, slab, step, document.folder, bench, parameters
    )
    for place, item in zip(kept, file.treatments, strict=True):
        kind = item_kind(item)
        if kind is not None and fine == "bench" and not registry()[kind].on_bench:
            can = ", ".join(name for name, each in registry().items() if each.on_bench)
            yield ("treatments", place), f"{kind} cannot be tried on a bench, which has no tumour. Allowed: {can}."
            continue
        if kind is not None and fine is not None and tissue_ok and registry()[kind].needs_feeders:
            yield (
                ("treatments", place),
                f"{kind} goes through the arteries that feed a tumour in liver; {FINE_WORDS[fine]} has none.",
            )
            continue
        if kind is not None and fine is not None and fine != "bench" and tissue_ok and registry()[kind].needs_liver:
            yield ("treatments", place), f"{kind} is given in liver; {FINE_WORDS[fine]} has none."
            continue
        if kind is None or (names is None and file.vessels.file is not None):
            continue
        for key, message in getattr(item, kind).problems(context):
            path: Path = ("treatments", place, kind, *key.split("."))
            if ok(path):
                yield _standing(path, document.data), message


def _standing(path: Path, data: Any) -> Path:
    """The part of a path that was written down."""
    for depth, part in enumerate(path):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return path[:depth]
    return path


def _parameters(file: ScenarioFile, ok: Ok) -> tuple[Parameters, list[Problem]]:
    """The parameter table with the file's values, and what is wrong with those."""
    problems: list[Problem] = []
    good: dict[str, Any] = {}
    for name, given in file.parameters.items():
        path: Path = ("parameters", name)
        if not ok(path):
            continue
        try:
            load_parameters({name: given})
            good[name] = given
        except InputError as error:
            problems += [(path, _sentence(_PREFIX.sub("", line))) for line in error.problems]
    return load_parameters(good), problems


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else text + "."


def _times(file: ScenarioFile, kept: list[int], ok: Ok) -> Iterator[Problem]:
    until, step = file.until, file.step
    if not ok(("until",)):
        return
    until_text, step_text = quantity.format(until, "s", 9), quantity.format(step, "s", 9)
    on_grid = ok(("step",))
    if on_grid and until % step:
        lower = until // step * step
        near = [quantity.format(t, "s", 9) for t in (lower, lower + step) if t > 0]
        yield (
            ("until",),
            f"{until_text} is not a whole number of steps of {step_text}. Nearest: {', '.join(near)}.",
        )
    if file.assess is not None and ok(("assess",)):
        text = quantity.format(file.assess, "s", 9)
        if file.assess > until:
            yield ("assess",), f"{text} lies beyond the end of the run (until {until_text})."
        elif on_grid and file.assess % step:
            yield ("assess",), f"{text} is not a whole number of steps of {step_text}."
    for place, item in zip(kept, file.treatments, strict=True):
        path: Path = ("treatments", place, "at")
        if ok(path) and item.at >= until:
            text = quantity.format(item.at, "s", 9)
            yield (
                path,
                f"{text} is outside the run: a treatment is given from 0 s to before {until_text} (until).",
            )


def _ids(file: ScenarioFile, kept: list[int], ok: Ok) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for place, item in zip(kept, file.treatments, strict=True):
        path: Path = ("treatments", place, "id")
        if item.id is None or not ok(path):
            continue
        if not _ID.fullmatch(item.id):
            yield path, f"'{item.id}' is not a usable name. Use letters, digits, '_', '-' and '.'."
        elif item.id in first:
            yield path, f"'{item.id}' is also the id of treatments.{first[item.id]}. Give each its own."
        elif re.fullmatch(rf"({'|'.join(map(re.escape, registry()))})_\d+", item.id):
            yield path, f"'{item.id}' is a name that treatments without an id are given. Choose another."
        else:
            first[item.id] = place


def _shape(file: ScenarioFile, ok: Ok, document: Document, parameters: Parameters) -> list[Problem]:
    """Problems of the tumour's shape and size; of a drawn form only where these are sound."""
    if not ok(("tissue", "tumour"), ("tissue", "image"), ("tissue", "bench")):
        return []
    found = [(path, text) for path, text in shape_problems(file, document.data) if ok(path)]
    if not found and ok(("tissue", "dimensions")):
        found = list(form_problems(file, parameters))
    return found


def _thrombus(file: ScenarioFile, ok: Ok) -> Iterator[Problem]:
    path: Path = ("tissue", "tumour", "thrombus")
    if ok(path, ("tissue", "dimensions")) and file.tissue.tumour.thrombus != "none" and file.tissue.dimensions == 2:
        yield path, "a slab has no room for a portal vein. Write dimensions: 3, or thrombus: none."


def _vessels(file: ScenarioFile, document: Document) -> tuple[list[Problem], Mapping[str, int] | None]:
    """Problems of `vessels`, and the names an imported graph gives."""
    vessels = file.vessels
    problems: list[Problem] = []
    if vessels.file is None:
        return [], None
    written = document.data.get("vessels", {})
    for key in ("feeders", "extrahepatic", "terminals", "vein"):
        if key in written:
            problems.append((("vessels", key), "is for grown vessels and cannot stand beside file. Keep one of them."))
    path: Path = ("vessels", "file")
    target = vessel_file(file, document)
    assert target is not None
    if target.suffix.lower() not in GRAPH_FILES:
        problems.append((path, f"'{vessels.file}' is no graph file. Allowed: {', '.join(GRAPH_FILES)}."))
    elif not target.is_file():
        there = [p.name for p in target.parent.glob("*")] if target.parent.is_dir() else []
        guess = nearest(target.name, there)
        what = "is a folder" if target.is_dir() else "is not there"
        problems.append((path, f"{target} {what}.{guess} The name is relative to the scenario file."))
    if problems:
        return problems, None
    try:
        return [], carried_graph(target)
    except InputError as error:
        return [(path, f"cannot be used: {line}") for line in error.problems], None


def _box(tissue: Tissue, file: ScenarioFile, ok: Ok, parameters: Parameters) -> Iterator[Problem]:
    spacing, density = tissue.spacing, tissue.density
    path: Path = ("tissue", "spacing")
    cells = density * spacing**3
    if ONE_CELL_BELOW <= cells < MANY_CELLS_FROM:
        finer, coarser = (f"{value * 1e6:.4g} um" for value in good_spacings(density))
        yield (
            path,
            (
                f"{_um(spacing)} holds {cells:.2g} cells a site, too many for one and too few to count. "
                f"Nearest good values: {finer} and {coarser}."
            ),
        )
        return
    if cells > MOST_CELLS:
        yield (
            path,
            f"{_um(spacing)} holds {count_text(cells)} cells a site; at most 2.1 billion. Use a finer one.",
        )
        return
    across = min(tissue.tumour.least_across[: tissue.dimensions])
    sides = [2 * half for half in tissue.tumour.reach[: tissue.dimensions]]
    filled = tissue.fine is not None and not tissue.fine.bordered
    if not filled and across < LEAST_ACROSS * spacing * (1 - 1e-9):
        yield (
            path,
            (
                f"{_um(spacing)} puts fewer than {LEAST_ACROSS} sites across the tumour ({_um(across)}). "
                f"Use {_um(across / LEAST_ACROSS)} or less."
            ),
        )
        return
    lattice = tissue.lattice()
    if not filled and max(sides) > min(lattice.size[: tissue.dimensions]) - 2 * spacing * (1 - 1e-9):
        yield (
            ("tissue", "size"),
            f"{_um(tissue.size)} does not hold the tumour ({_um(max(sides))}) and a site around it. "
            f"Use {_um(max(sides) + 2 * spacing)} or more, or auto.",
        )
        return
    where: Path = ("tissue", "size") if file.tissue.size is not None else path
    if lattice.n_sites > MAX_SITES:
        yield (
            where,
            f"this makes {count_text(lattice.n_sites)} sites; at most 2 billion. Use a coarser spacing.",
        )
        return
    cost = estimate(lattice.n_sites, tissue.tumour_volume, spacing, tissue.capacity, 1, False, parameters)
    free = available_memory()
    if free is not None and cost.memory > free:
        yield (
            where,
            (
                f"this makes {count_text(lattice.n_sites)} sites, which need about {bytes_text(cost.memory)} "
                f"of memory; {bytes_text(free)} is available. Use a coarser spacing or a smaller box."
            ),
        )


def _um(length: float) -> str:
    return quantity.format(length, "m") if length < 1e-3 else f"{length * 1e3:.4g} mm"
