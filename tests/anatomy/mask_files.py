"""Segmentations of one body, written in every way that files have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # between RAS and LPS, both ways
TUMOUR, LIVER = 2, 1


def tumour(points: Array) -> Array:
    """A plate with a ball at its left upper edge; (n, 3) [mm], +x left, +y back, +z head."""
    plate = np.all(np.abs(points) < [10.0, 6.0, 5.0], axis=1)
    return plate | (((points - [10.0, 0.0, 5.0]) ** 2).sum(axis=1) < 36.0)


def liver(points: Array) -> Array:
    """A block around it, larger to the right and to the feet."""
    return np.all((points > [-40.0, -25.0, -30.0]) & (points < [25.0, 25.0, 20.0]), axis=1)


def turned(degrees: float, axis: int) -> Array:
    """Rotation matrix."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    found = np.eye(3)
    i, j = [a for a in range(3) if a != axis]
    found[i, i], found[i, j], found[j, i], found[j, j] = c, -s, s, c
    return found


def grid(directions: Array, spacing: tuple[float, float, float], half: float = 62.0) -> Array:
    """Affine (4, 4), voxel to LPS [mm], of a grid around the body whose axes are the columns of ``directions``."""
    affine = np.eye(4)
    affine[:3, :3] = directions * np.array(spacing)
    shape = sizes(spacing, half)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2) + [-7.3, 0.4, -4.1]
    return affine


def sizes(spacing: tuple[float, float, float], half: float = 62.0) -> tuple[int, int, int]:
    x, y, z = (int(2 * half / s) for s in spacing)
    return x, y, z


def labels(affine: Array, shape: tuple[int, int, int]) -> Array:
    """Label map: 1 liver, 2 tumour."""
    numbers = np.stack([g.ravel() for g in np.meshgrid(*map(np.arange, shape), indexing="ij")], axis=1)
    points = numbers @ affine[:3, :3].T + affine[:3, 3]
    return np.where(tumour(points), TUMOUR, np.where(liver(points), LIVER, 0)).reshape(shape).astype(np.uint8)


def nifti(path: Path, data: Array, affine: Array, **header: Any) -> Path:
    """Write NIfTI; ``affine`` leads to LPS [mm]."""
    import nibabel

    image = nibabel.Nifti1Image(data, RAS @ affine)
    unit = header.pop("unit", "mm")
    image.header.set_xyzt_units(unit)
    for key, value in header.items():
        image.header[key] = value
    nibabel.save(image, path)
    return path


def nrrd(
    path: Path, data: Array, affine: Array, fields: dict[str, Any], space: str = "left-posterior-superior"
) -> Path:
    """Write NRRD; an array of four dimensions has its list first unless ``fields`` say otherwise."""
    import nrrd as library

    sign = {"left-posterior-superior": np.eye(3), "right-anterior-superior": RAS[:3, :3]}.get(space, np.eye(3))
    rows = (sign @ affine[:3, :3]).T
    if data.ndim == 4:
        rows = np.concatenate([np.full((1, 3), np.nan), rows])
    head = {
        "space": space,
        "space directions": rows,
        "space origin": sign @ affine[:3, 3],
        "kinds": ["list"] * (data.ndim - 3) + ["domain"] * 3,
    }
    library.write(str(path), data, {k: v for k, v in {**head, **fields}.items() if v is not None})
    return path


def named(*segments: tuple[str, int, int]) -> dict[str, str]:
    """Slicer's fields of (name, layer, label)."""
    found = {}
    for n, (name, layer, label) in enumerate(segments):
        found |= {
            f"Segment{n}_Name": name,
            f"Segment{n}_ID": f"Segment_{n + 1}",
            f"Segment{n}_Layer": str(layer),
            f"Segment{n}_LabelValue": str(label),
        }
    return found
