"""From a document to valid file values, or every problem at once.

Values are read by the models of `schema`; each error is rewritten as ``FILE:12: path: what is wrong, what
is allowed``. Keys that could not be read are then taken out and the rest is checked as a whole
(`checks.py`), so that one misspelling hides nothing else.
"""

from __future__ import annotations

import copy
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from tumorsim.errors import InputError, nearest
from tumorsim.scenario.document import Document, Path, path_text
from tumorsim.scenario.schema import LATER_KEYS, ScenarioFile, file_model
from tumorsim.treatments.base import LATER, registry, unknown_kind

# What stands in for a required key that is missing or unreadable while the rest is checked.
_STAND_IN: dict[Path, Any] = {
    ("name",): "scenario",
    ("until",): "100 years",
    ("tissue",): {"tumour": {"diameter": "42 mm"}},
    ("tissue", "tumour"): {"diameter": "42 mm"},
}
_EXAMPLES: dict[Path, str] = {
    ("name",): "name: My first scenario",
    ("until",): "until: 180 d",
    ("tissue",): "tissue: {tumour: {diameter: 42 mm}}",
    ("tissue", "tumour"): "tumour: {diameter: 42 mm}",
}


class Findings:
    """Problems found so far, by path, and which paths cannot be relied on."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.found: list[tuple[Path, str]] = []
        self.bad: set[Path] = set(document.refused)

    def add(self, path: Path, message: str) -> None:
        """Book a problem at a path."""
        self.bad.add(path)
        if (path, message) not in self.found:
            self.found.append((path, message))

    def ok(self, *paths: Path) -> bool:
        """True where nothing at, around or inside these paths was refused."""
        return not any(path[: len(bad)] == bad or bad[: len(path)] == path for path in paths for bad in self.bad)

    def texts(self) -> list[str]:
        """All messages, in the order of the file."""
        order = {path: n for n, path in enumerate(self.document.labels)}

        def place(entry: tuple[Path, str]) -> int:
            path = entry[0]
            return next((order[path[:n]] for n in range(len(path), -1, -1) if path[:n] in order), 0)

        lines = []
        for path, message in sorted(self.found, key=place):
            where = f"{path_text(path)}: " if path else ""
            lines.append(f"{self.document.label(path)}: {where}{message}")
        return lines


def validate(document: Document) -> ScenarioFile:
    """The file's values in SI units.

    Raises
    ------
    InputError
        With every problem of the file.
    """
    from tumorsim.scenario.checks import whole_checks

    data = document.data
    if not isinstance(data, dict):
        raise InputError(
            [*document.problems, f"{document.label(())}: must be keys and values, such as name: My scenario"]
        )
    findings = Findings(document)
    data = copy.deepcopy(data)
    for path in _empty(data, ()):
        if path in findings.bad:
            continue  # refused while it was read
        findings.add(path, _empty_message(path))
    _check_items(data, findings)
    model, kept = _read(data, findings)
    for path, message in whole_checks(model, kept, findings.ok, document):
        findings.add(path, message)
    if findings.found or document.problems:
        raise InputError([*document.problems, *findings.texts()])
    return model


def _read(data: dict[str, Any], findings: Findings) -> tuple[ScenarioFile, list[int]]:
    """The model without what is wrong in it, and the file's number of each treatment kept."""
    model = file_model()
    items = data.get("treatments")
    kept = list(range(len(items))) if isinstance(items, list) else []
    for _ in range(20):
        try:
            return model.model_validate(data), kept
        except ValidationError as error:
            bad: list[Path] = []
            for entry in error.errors(include_url=False):
                raw_path = _trim(tuple(entry["loc"]), data, entry["type"])
                path = _renumber(raw_path, kept)
                if path not in findings.bad:
                    findings.add(path, _message(entry, raw_path, model))
                bad.append(raw_path)
        _remove(data, bad, kept)
        for path in bad:
            if path in _STAND_IN:
                _put(data, path, copy.deepcopy(_STAND_IN[path]))
    raise InputError([*findings.document.problems, *findings.texts()])  # cannot be mended: say what is known


def _message(entry: Any, path: Path, model: type[BaseModel]) -> str:
    kind, value = entry["type"], entry.get("input")
    if kind == "missing":
        example = _EXAMPLES.get(path)
        return f"is missing. Write {example}" if example else "is missing. Write when, for example at: 14 d"
    if kind == "extra_forbidden":
        return _unknown_key(path, model)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"needs keys and values, not {value!r:.40}.{_allowed(model, path)}"
    if kind in ("tuple_type", "too_short", "too_long"):
        return "needs two values in a list, from small to large, for example [100 um, 300 um]."
    if kind == "list_type" and path == ("tissue", "organs"):
        return "needs a list, one organ an item: - gallbladder: {distance: 4 mm, side: -x}"
    if kind == "list_type":
        return "needs a list, one treatment an item: - {at: 1 d, tace: {}}"
    if kind == "value_error":
        return str(entry["ctx"]["error"])
    return str(entry["msg"])


def _unknown_key(path: Path, model: type[BaseModel]) -> str:
    parent, key = _model_at(model, path[:-1]), str(path[-1])
    if path in LATER_KEYS:
        return f"{LATER_KEYS[path]} are not in this version of tumorsim."
    if len(path) == 3 and path[0] == "treatments":
        guess = nearest(key, ("at", "id"))
        if key not in LATER and guess and not nearest(key, registry()):
            return f"unknown key.{guess}"
        return unknown_kind(key)
    hint = getattr(parent, "hints", {}).get(key)
    if hint:
        return f"unknown key. {hint}"
    allowed = list(parent.model_fields) if parent else []
    return f"unknown key.{nearest(key, allowed)} Allowed: {', '.join(allowed)}."


def _allowed(model: type[BaseModel], path: Path) -> str:
    found = _model_at(model, path)
    return f" Allowed keys: {', '.join(found.model_fields)}." if found else ""


def _model_at(model: type[BaseModel] | None, path: Path) -> type[BaseModel] | None:
    """The model whose keys stand at a path."""
    for part in path:
        if model is None:
            return None
        if isinstance(part, int):
            continue
        info = model.model_fields.get(part)
        model = _model_in(info.annotation) if info else None
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in typing.get_args(annotation) if (found := _model_in(arg))), None)


def _trim(path: Path, data: Any, kind: str) -> Path:
    """A path without parts that do not stand in the file (a bare bead size read as its key `size`)."""
    for depth, part in enumerate(path):
        in_list = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if in_list or (isinstance(data, dict) and part in data):
            data = data[part]
        else:
            return path if kind == "missing" and depth == len(path) - 1 else path[:depth]
    return path


def _renumber(path: Path, kept: list[int]) -> Path:
    if len(path) > 1 and path[0] == "treatments" and isinstance(path[1], int) and path[1] < len(kept):
        return ("treatments", kept[path[1]], *path[2:])
    return path


def _remove(data: Any, paths: list[Path], kept: list[int] | None = None) -> None:
    """Take values out of nested data; a whole treatment leaves the list (and `kept`)."""
    whole: set[int] = set()
    for path in paths:
        if path[:1] == ("treatments",) and len(path) >= 2 and isinstance(path[1], int):
            missing_at = path[2:] == ("at",)
            if len(path) == 2 or missing_at:
                whole.add(path[1])
                continue
        target = data
        for part in path[:-1]:
            try:
                target = target[part]
            except (KeyError, IndexError, TypeError):
                target = None
                break
        if isinstance(target, dict) and path:
            target.pop(path[-1], None)
        elif isinstance(target, list) and len(path) > 1:
            _remove(data, [path[:-1]], kept)  # one wrong entry spoils its list
    if kept is not None:
        for index in sorted(whole, reverse=True):
            if index < len(kept):
                del data["treatments"][index]
                del kept[index]


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    target: Any = data
    for part in path[:-1]:
        target = target.setdefault(part, {}) if isinstance(target, dict) else {}
    if isinstance(target, dict):
        target[path[-1]] = value


def _empty(value: Any, path: Path) -> Iterator[Path]:
    """Paths of keys without a value."""
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _empty(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _empty(inner, (*path, index))


def _empty_message(path: Path) -> str:
    if len(path) == 3 and path[0] == "treatments" and path[2] in registry():
        return f"is empty. Write {path[2]}: {{}} for its defaults."
    if path in _EXAMPLES:
        return f"is empty. Write {_EXAMPLES[path]}"
    return "is empty. Write a value, or leave the key out for its default."


def _check_items(data: dict[str, Any], findings: Findings) -> None:
    """Every treatment item must name exactly one kind."""
    items = data.get("treatments")
    if not isinstance(items, list):
        return
    kinds = registry()
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            continue
        path: Path = ("treatments", index)
        named = [key for key in item if key in kinds]
        other = [key for key in item if key not in kinds and key not in ("at", "id")]
        emptied = any(len(p) == 3 and p[:2] == path and p[2] in kinds for p in findings.bad)
        if len(named) > 1:
            findings.add(path, f"names {len(named)} treatments ({', '.join(named)}). Write one item for each.")
        elif not named and not other and not emptied:
            findings.add(path, f"names no treatment. Add one of: {', '.join(kinds)}; for example tace: {{}}")
