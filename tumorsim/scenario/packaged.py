"""The scenarios that ship with tumorsim, found by name in an installed wheel and in a checkout alike."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tumorsim.errors import InputError
from tumorsim.scenario.place import out_problems


@lru_cache(maxsize=1)
def folder() -> Path:
    """Where the shipped scenarios are.

    Raises
    ------
    InputError
        If the installation has none.
    """
    package = Path(__file__).resolve().parents[1]
    for place in (package / "_scenarios", package.parent / "scenarios"):  # wheel; checkout
        if place.is_dir() and any(place.glob("*.yaml")):
            return place
    raise InputError("the scenarios shipped with tumorsim are missing from this installation; install it again.")


def names() -> list[str]:
    """Names of the shipped scenarios, sorted."""
    return sorted(path.stem for path in folder().glob("*.yaml"))


def path_of(name: str) -> Path | None:
    """The file of a shipped scenario, or None where there is none of that name."""
    return folder() / f"{name}.yaml" if name in names() else None


def shipped_files() -> list[Path]:
    """Every file that `tumorsim examples --copy` writes: the scenarios and their JSON Schema."""
    return [path for path in sorted(folder().iterdir()) if path.suffix in (".yaml", ".json")]


def copy_to(target: Path) -> list[Path]:
    """Copy the shipped files into a folder, which is made; returns the copies.

    Raises
    ------
    InputError
        If the folder cannot be made or has a file of that name already; nothing is copied then.
    """
    files = shipped_files()
    problems = [line.replace("--out", "--copy", 1) for line in out_problems(target, True)]
    held = [path.name for path in files if not problems and (target / path.name).exists()]
    if held:
        problems.append(f"--copy {target}: already has {', '.join(held)}. Choose another folder.")
    if problems:
        raise InputError(problems)
    target.mkdir(parents=True, exist_ok=True)
    for path in files:
        (target / path.name).write_bytes(path.read_bytes())
    return [target / path.name for path in files]
