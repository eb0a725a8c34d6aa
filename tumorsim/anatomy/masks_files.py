"""Segmentations in files: NIfTI (.nii, .nii.gz) and NRRD as 3D Slicer writes it (.seg.nrrd, .nrrd).

Positions are brought to the axes of the model (+x left, +y back, +z head: "LPS") and to metres. NIfTI counts
+x right, +y front ("RAS"); NRRD says what it counts in its field `space`. Layout of Slicer's fields: 3D Slicer
developer guide, "Segmentations"; NIfTI-1.1 header: Cox et al. 2004 (nifti.nimh.nih.gov).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError, nearest

ENDINGS = (".nii", ".nii.gz", ".seg.nrrd", ".nrrd")
MAX_VOXELS = 1_000_000_000  # of all layers: what a machine of today holds in memory
MAX_VOXEL = 0.1  # m
_MM = 1e-3
_UNITS = {"mm": 1e-3, "millimeter": 1e-3, "m": 1.0, "meter": 1.0, "cm": 1e-2, "um": 1e-6, "micron": 1e-6}
# NRRD spaces that say where left, back and head are: signs that lead to left, posterior, superior
_SPACES = {
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
_MISSING = 'reading {} needs {}: pip install "tumorsim[imaging]"'


@dataclass(frozen=True)
class Segment:
    """A segment as its file names it: voxels of ``layer`` with the value ``label``."""

    name: str
    identity: str
    layer: int
    label: int


@dataclass(frozen=True, eq=False)
class Volume:
    """A segmentation as read.

    Attributes
    ----------
    voxels : array of integers, shape (layers, a, b, c)
    affine : array, shape (4, 4)
        From voxel numbers (centres at whole numbers) to positions in the model's axes [m].
    segments : tuple of Segment
        Empty for a file that holds values without names.
    """

    path: Path
    voxels: NDArray[Any]
    affine: NDArray[np.float64]
    segments: tuple[Segment, ...]


def read_volume(path: Path) -> Volume:
    """Read a segmentation.

    Raises
    ------
    InputError
        With one message: a missing file or library, another format, a broken file, no orientation, voxels
        without a size, other than three dimensions, values that are no labels.
    """
    name = path.name.lower()
    if not name.endswith(ENDINGS):
        raise InputError(f"file: '{path.name}' is no segmentation that can be read. Allowed: {', '.join(ENDINGS)}.")
    if not path.is_file():
        there = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        what = "is a folder" if path.is_dir() else "is not there"
        guess = nearest(path.name, there)
        raise InputError(f"file: {path} {what}.{guess} The name is relative to the scenario file.")
    nrrd = name.endswith(".nrrd")
    try:
        volume = _nrrd(path) if nrrd else _nifti(path)
    except InputError:
        raise
    except Exception as error:  # both libraries let errors of zlib, NumPy and their parsers through as they are
        words = str(error).strip().splitlines()
        what = f"{words[0][:160]}" if words else type(error).__name__
        kind = "NRRD" if nrrd else "NIfTI"
        raise InputError(f"file: {path.name} cannot be read as {kind} (broken or another format): {what}") from None
    _check_affine(path, volume.affine)
    return volume


def _nifti(path: Path) -> Volume:
    try:
        import nibabel
    except ImportError:
        raise InputError(f"file: {_MISSING.format('NIfTI', 'nibabel')}") from None
    image: Any = nibabel.load(path)
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    _check_shape(path, shape, 1)
    header = image.header
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        raise InputError(
            f"file: {path.name} says nothing of left, back and head (qform and sform codes are 0). Save it again "
            "with its orientation."
        )
    unit = header.get_xyzt_units()[0]
    scale = _UNITS.get(unit, _MM)  # "unknown" is read as mm, as every tool does
    data = np.asanyarray(image.dataobj).reshape(shape)
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3] *= scale
    affine[:2] *= -1.0
    return Volume(path, _labels(path, data)[None], affine, ())


def _nrrd(path: Path) -> Volume:
    try:
        import nrrd
    except ImportError:
        raise InputError(f"file: {_MISSING.format('NRRD', 'pynrrd')}") from None
    head: Mapping[str, Any] = nrrd.read_header(str(path))
    sizes = tuple(int(n) for n in head["sizes"])
    directions = head.get("space directions")
    if directions is None:
        raise InputError(f"file: {path.name} has no 'space directions', so left, back and head are unknown.")
    rows = [None if row is None or np.isnan(np.asarray(row, dtype=float)).all() else row for row in directions]
    lists = [axis for axis, row in enumerate(rows) if row is None]
    shape = tuple(n for axis, n in enumerate(sizes) if axis not in lists)
    if len(lists) > 1 or len(rows) != len(sizes):
        raise InputError(f"file: {path.name} has {len(lists)} axes without a direction; at most one can be read.")
    layers = sizes[lists[0]] if lists else 1
    _check_shape(path, shape, layers)
    space = str(head.get("space", "")).lower()
    if space not in _SPACES:
        raise InputError(
            f"file: {path.name} has space '{space or 'none'}', which does not say where left, back and head are. "
            f"Allowed: {', '.join(k for k in _SPACES if '-' in k)}."
        )
    units = {str(u).strip('" ').lower() for u in head.get("space units", ()) if str(u).strip('" ')} or {"mm"}
    if len(units) > 1 or not units <= set(_UNITS):
        raise InputError(f"file: {path.name} has space units {sorted(units)}. Allowed: mm, cm, m, um.")
    affine = np.eye(4)
    affine[:3, :3] = np.array([row for row in rows if row is not None], dtype=np.float64).T
    origin = head.get("space origin")
    affine[:3, 3] = 0.0 if origin is None else np.asarray(origin, dtype=np.float64)
    affine[:3] *= np.array(_SPACES[space])[:, None] * _UNITS[units.pop()]
    data, _ = nrrd.read(str(path))
    voxels = np.moveaxis(data, lists[0], 0) if lists else data[None]
    segments = _segments(path, head, layers)
    if lists and not segments:
        raise InputError(f"file: {path.name} has {layers} layers and names no segment (Segment0_Name).")
    return Volume(path, _labels(path, voxels), affine, segments)


def _segments(path: Path, head: Mapping[str, Any], layers: int) -> tuple[Segment, ...]:
    """Segments of a header. Files of older Slicers have a layer a segment, each with label 1."""
    numbers = sorted({int(m[1]) for key in head if (m := re.fullmatch(r"Segment(\d+)_(?:ID|Name)", str(key)))})
    found = []
    for place, n in enumerate(numbers):
        get = {key: head.get(f"Segment{n}_{key}") for key in ("Name", "ID", "Layer", "LabelValue")}
        layer = int(get["Layer"]) if get["Layer"] is not None else place if layers > 1 else 0
        label = 1 if get["LabelValue"] is None else int(get["LabelValue"])
        identity = str(get["ID"] or "")
        if not 0 <= layer < layers:
            raise InputError(f"file: {path.name} puts segment {n} into layer {layer} and has {layers} layers.")
        if get["LabelValue"] is None and layers == 1 and len(numbers) > 1:
            raise InputError(f"file: {path.name} has {len(numbers)} segments in one layer without label values.")
        found.append(Segment(str(get["Name"] or identity), identity, layer, label))
    return tuple(found)


def _check_shape(path: Path, shape: tuple[int, ...], layers: int) -> None:
    text = " x ".join(str(n) for n in shape)
    if len(shape) != 3:
        raise InputError(f"file: {path.name} has {len(shape)} dimensions in space ({text}); a segmentation has three.")
    if min(shape) < 2:
        raise InputError(f"file: {path.name} is {text} voxels, which is no volume: at least 2 along each axis.")
    count = layers * shape[0] * shape[1] * shape[2]
    if count > MAX_VOXELS:
        raise InputError(
            f"file: {path.name} is {text} voxels{f' in {layers} layers' if layers > 1 else ''}; at most "
            f"{MAX_VOXELS / 1e9:g} billion can be read. Crop it or save it coarser."
        )


def _check_affine(path: Path, affine: NDArray[np.float64]) -> None:
    if not np.isfinite(affine).all():
        raise InputError(f"file: {path.name} has an orientation that is not a number.")
    edges = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if not np.all(edges > 0):
        raise InputError(f"file: {path.name} has voxels of no size along an axis (spacing 0).")
    shown = " x ".join(f"{1e3 * e:.4g}" for e in edges)
    if edges.max() > MAX_VOXEL:
        raise InputError(
            f"file: {path.name} has voxels of {shown} mm; at most {MAX_VOXEL * 1e3:g} mm. Is its unit right?"
        )
    if abs(np.linalg.det(affine[:3, :3] / edges)) < 1e-3:
        raise InputError(f"file: {path.name} has axes that lie in one plane, so it is no volume.")


def _labels(path: Path, data: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers from 0, whatever they were stored as."""
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    if data.dtype.kind not in "iuf":
        raise InputError(f"file: {path.name} holds values of type {data.dtype}, which are no labels.")
    if data.dtype.kind == "f":
        wrong = int(np.count_nonzero(~np.isfinite(data)))
        if wrong:
            raise InputError(f"file: {path.name} holds {wrong} voxels that are not a number.")
        odd = data != np.rint(data)
        if odd.any():
            raise InputError(
                f"file: {path.name} holds {float(data[odd].flat[0]):.4g}, which is no label but a fraction (a map of "
                "probabilities?). Save a label map."
            )
    low, high = float(data.min()), float(data.max())
    if low < 0:
        raise InputError(
            f"file: {path.name} holds {low:.6g}: an image, not a segmentation, whose labels are 0 and above."
        )
    if high >= 2**31:
        raise InputError(f"file: {path.name} holds {high:.6g}, which is too large for a label.")
    return data.astype(np.int32) if data.dtype.kind == "f" else data
