"""A patient's own tumour and liver from a segmentation, and their sites on the lattice.

Axes are the patient's, as everywhere: +x left, +y back, +z head. The lattice is centred on the middle of the
tumour's extent. A site's share in the segment is counted at points spread inside it (the voxel that a point
lies in), so that any turn, tilt or flip of the voxels is read right.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.anatomy.masks_files import Segment, Volume, read_volume
from tumorsim.errors import InputError, nearest
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

CUT = 0.25  # of its largest section: more than this in the outermost slice, and the image ends within the organ
MOST_POINTS = 6  # points along an edge of a site
_UPPER = 1e-9  # of a voxel: a point on the face of two voxels to rounding goes to the upper one, on every machine


@dataclass(frozen=True, eq=False)
class Region:
    """Voxels of one segment, cropped to where it is.

    Attributes
    ----------
    voxels : array of bool, shape (a, b, c)
    affine : array, shape (4, 4)
        From numbers of these voxels to positions [m].
    """

    voxels: Mask
    affine: Floats

    @property
    def voxel(self) -> tuple[float, float, float]:
        """Edges of a voxel [m]."""
        x, y, z = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return float(x), float(y), float(z)

    @property
    def volume(self) -> float:
        """[m3]."""
        return int(np.count_nonzero(self.voxels)) * abs(float(np.linalg.det(self.affine[:3, :3])))

    def extent(self) -> tuple[Floats, Floats]:
        """Lowest and highest corner [m], each (3,)."""
        corners = np.argwhere(self.voxels & ~ndimage.binary_erosion(self.voxels))
        at = self.positions(corners)
        half = 0.5 * np.abs(self.affine[:3, :3]).sum(axis=1)
        return at.min(axis=0) - half, at.max(axis=0) + half

    def positions(self, numbers: NDArray[np.int64]) -> Floats:
        """Centres of voxels, (n, 3) numbers to (n, 3) [m]."""
        return np.asarray(numbers @ self.affine[:3, :3].T + self.affine[:3, 3], dtype=np.float64)

    def holds(self, points: Floats) -> Mask:
        """Whether each of (n, 3) positions [m] lies in a voxel of the segment."""
        back = np.linalg.inv(self.affine[:3, :3])
        numbers = np.floor((points - self.affine[:3, 3]) @ back.T + (0.5 + _UPPER)).astype(np.int64)
        inside = np.all((numbers >= 0) & (numbers < self.voxels.shape), axis=1)
        found = np.zeros(len(points), dtype=bool)
        found[inside] = self.voxels[tuple(numbers[inside].T)]
        return found

    def share(self, lattice: Lattice, centre: Floats, points: int) -> NDArray[np.float32]:
        """Share of every site that the segment holds, float32 [site], counted at ``points``^3 points of each.

        ``centre`` (3,) [m] is the position of the lattice's middle.
        """
        low, high = self.extent()
        near = [
            np.flatnonzero((axis + lattice.spacing >= a) & (axis - lattice.spacing <= b))
            for axis, a, b in zip(lattice.axes(), low - centre, high - centre, strict=True)
        ]
        held = np.zeros([len(n) for n in near], dtype=np.float32)
        offsets = lattice.spacing * ((np.arange(points) + 0.5) / points - 0.5)
        lines = [axis[n] + c for axis, n, c in zip(lattice.axes(), near, centre, strict=True)]
        straight = self._straight()
        for x in offsets:
            for y in offsets:
                for z in offsets:
                    moved = (lines[0] + x, lines[1] + y, lines[2] + z)
                    held += self._along_axes(moved, straight) if straight is not None else self._anywhere(moved)
        share = np.zeros(lattice.shape, dtype=np.float32)
        share[np.ix_(*near)] = held / np.float32(points**3)
        return share.ravel()

    def _anywhere(self, lines: tuple[Floats, Floats, Floats]) -> Mask:
        """`holds` on the grid of three lines [m], (n, m, k); layer by layer, to save memory."""
        y, z = np.meshgrid(lines[1], lines[2], indexing="ij")
        found = np.zeros((len(lines[0]), *y.shape), dtype=bool)
        for i, x in enumerate(lines[0]):
            found[i] = self.holds(np.stack([np.full(y.size, x), y.ravel(), z.ravel()], axis=1)).reshape(y.shape)
        return found

    def _straight(self) -> tuple[int, int, int] | None:
        """Axis of the positions along which each axis of the voxels runs, where every one runs along one."""
        turn = self.affine[:3, :3]
        axes = np.abs(turn).argmax(axis=0)
        alone = np.count_nonzero(turn) == 3 and len(set(axes.tolist())) == 3
        return (int(axes[0]), int(axes[1]), int(axes[2])) if alone else None

    def _along_axes(self, lines: tuple[Floats, Floats, Floats], straight: tuple[int, int, int]) -> Mask:
        """As `_anywhere` for voxels along the axes: each number depends on one line only."""
        numbers, inside = [], []
        for voxel_axis, axis in enumerate(straight):
            step, start = self.affine[axis, voxel_axis], self.affine[axis, 3]
            number = np.floor((lines[axis] - start) / step + (0.5 + _UPPER)).astype(np.int64)
            inside.append((number >= 0) & (number < self.voxels.shape[voxel_axis]))
            numbers.append(np.where(inside[-1], number, 0))
        found = self.voxels[np.ix_(*numbers)] & inside[0][:, None, None] & inside[1][:, None] & inside[2]
        return np.asarray(np.moveaxis(found, (0, 1, 2), straight))


@dataclass(frozen=True)
class PatientImage:
    """Tumour and liver of one segmentation; two are equal where their contents are.

    Attributes
    ----------
    file : str
        Its name, without folders.
    tumour_name, liver_name : str
        As asked for; the liver's is empty where none is.
    digest : str
        Of everything that was read.
    centre : tuple of 3 floats
        Middle of the tumour's extent [m], in the file's own place.
    half : tuple of 3 floats
        Half its extent along x, y and z [m].
    tumour_volume, liver_volume : float
        [m3]; of liver without tumour, 0 where none was asked for.
    liver_whole : bool
        Whether the image holds all of the liver.
    notes : tuple of str
        What is worth knowing.
    """

    file: str
    tumour_name: str
    liver_name: str
    digest: str
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    tumour_volume: float
    liver_volume: float
    liver_whole: bool
    notes: tuple[str, ...]
    tumour: Region = field(compare=False, repr=False)
    liver: Region | None = field(compare=False, repr=False)

    def tumour_share(self, lattice: Lattice) -> NDArray[np.float32]:
        """Share of every site that is tumour, float32 [site]."""
        points = int(np.clip(np.ceil(2 * lattice.spacing / min(self.tumour.voxel)), 2, MOST_POINTS))
        return self.tumour.share(lattice, np.array(self.centre), points)

    def tissue(self, lattice: Lattice) -> Mask:
        """Sites most of which is liver or tumour, bool [site]; all of them where no liver was asked for."""
        if self.liver is None:
            return np.ones(lattice.n_sites, dtype=bool)
        points = int(np.clip(np.rint(lattice.spacing / min(self.liver.voxel)), 1, MOST_POINTS // 2))
        return np.asarray(self.liver.share(lattice, np.array(self.centre), points) >= 0.5)


def patient_image(path: Path, tumour: str | int, liver: str | int | None) -> PatientImage:
    """Read tumour and liver from a segmentation; a file that has not changed is read once.

    Parameters
    ----------
    path : Path
        .nii, .nii.gz, .seg.nrrd or .nrrd.
    tumour, liver : str or int
        Name (or identity) of a segment, or a label. Without a liver all of the box is liver.

    Raises
    ------
    InputError
        With one message, which begins with ``file:``, ``tumour:`` or ``liver:``.
    """
    try:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
    except OSError:
        stamp = (0, 0)
    return _patient_image(path, tumour, liver, stamp)


@lru_cache(maxsize=4)
def _patient_image(path: Path, tumour: str | int, liver: str | int | None, stamp: tuple[int, int]) -> PatientImage:
    volume = read_volume(path)
    growth, growth_name = _select(volume, tumour, "tumour")
    notes = []
    if _sides(growth):
        notes.append(f"the tumour reaches the edge of the image ({path.name}); what lies beyond is not in it")
    organ: Mask | None = None
    organ_name, whole = "", False
    if liver is not None:
        organ, organ_name = _select(volume, liver, "liver")
        if organ_name == growth_name:
            raise InputError(f"liver: is the same segment as tumour ('{organ_name}').")
        near = ndimage.binary_dilation(organ[_around(growth, 2)], np.ones((3, 3, 3)))
        if not (near & growth[_around(growth, 2)]).any():
            raise InputError(
                f"tumour: '{growth_name}' of {path.name} lies outside the liver ('{organ_name}') and does not touch it."
            )
        outside = 1.0 - np.count_nonzero(organ & growth) / np.count_nonzero(growth)
        if 0.01 < outside < 0.99:  # label maps hold a voxel once: there all of the tumour is outside the liver's label
            notes.append(f"{100 * outside:.2g} % of the tumour lies outside the liver's segment; it is taken as tumour")
        whole = not _cut(organ)
    region = _crop(growth, volume.affine)
    organ_region = None if organ is None else _crop(organ | growth, volume.affine)
    low, high = region.extent()
    cell = abs(float(np.linalg.det(volume.affine[:3, :3])))
    pure = 0.0 if organ is None else int(np.count_nonzero(organ & ~growth)) * cell
    digest = hashlib.sha256()
    for part in (region, organ_region):
        if part is not None:
            digest.update(np.packbits(part.voxels).tobytes() + part.affine.tobytes() + repr(part.voxels.shape).encode())
    return PatientImage(
        file=path.name,
        tumour_name=growth_name,
        liver_name=organ_name,
        digest=digest.hexdigest(),
        centre=_triple((low + high) / 2),
        half=_triple((high - low) / 2),
        tumour_volume=region.volume,
        liver_volume=pure,
        liver_whole=whole,
        notes=tuple(notes),
        tumour=region,
        liver=organ_region,
    )


def _select(volume: Volume, wanted: str | int, what: str) -> tuple[Mask, str]:
    """Voxels of a segment by its name, identity or label, and how it is called."""
    file = volume.path.name
    if volume.segments:
        text = str(wanted)
        found = [s for s in volume.segments if text in (s.name, s.identity)]
        if not found and isinstance(wanted, int):
            found = [s for s in volume.segments if s.label == wanted]
        listed = ", ".join(f"'{s.name}'" for s in volume.segments)
        if not found:
            guess = nearest(text, [s.name for s in volume.segments]) or _same_letters(text, volume.segments)
            raise InputError(f"{what}: {file} has no segment '{text}'.{guess} It has {listed}.")
        if len(found) > 1:
            raise InputError(
                f"{what}: '{text}' stands for {len(found)} segments of {file} ("
                f"{', '.join(f'{s.name!r} with ID {s.identity!r}' for s in found)}). Write a name or ID of one only."
            )
        mask = volume.voxels[found[0].layer] == found[0].label
        name = found[0].name
    else:
        if not isinstance(wanted, int) and not str(wanted).isdecimal():
            raise InputError(f"{what}: {file} has labels and no names. Write one of: {_present(volume)}.")
        mask, name = volume.voxels[0] == int(wanted), f"label {int(wanted)}"
        if int(wanted) < 1:
            raise InputError(f"{what}: label {wanted} is the background. Write one of: {_present(volume)}.")
        if not mask.any():
            raise InputError(f"{what}: {file} has no voxel of label {wanted}. It has {_present(volume)}.")
    if not mask.any():
        raise InputError(f"{what}: segment '{name}' of {file} is empty (no voxel).")
    return mask, name


def _present(volume: Volume) -> str:
    labels = [int(v) for v in np.unique(volume.voxels) if v > 0]
    more = f" and {len(labels) - 12} more" if len(labels) > 12 else ""
    return (", ".join(str(v) for v in labels[:12]) + more) or "none but background"


def _same_letters(text: str, segments: tuple[Segment, ...]) -> str:
    same = [s.name for s in segments if s.name.casefold() == text.casefold()]
    return f" Did you mean '{same[0]}'?" if same else ""


def _around(mask: Mask, more: int) -> tuple[slice, slice, slice]:
    """Slices that hold all of a mask and ``more`` voxels on each side, where there are any."""
    found = []
    for axis in range(3):
        where = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        found.append(slice(max(int(where[0]) - more, 0), min(int(where[-1]) + 1 + more, mask.shape[axis])))
    return found[0], found[1], found[2]


def _crop(mask: Mask, affine: Floats) -> Region:
    box = _around(mask, 0)
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ np.array([part.start for part in box]) + affine[:3, 3]
    return Region(mask[box].copy(), moved)


def _sides(mask: Mask) -> bool:
    """Whether a mask touches a face of its image."""
    return any(np.take(mask, end, axis=axis).any() for axis in range(3) for end in (0, -1))


def _cut(mask: Mask) -> bool:
    """Whether the image ends within the organ.

    A file that was cropped to the organ touches it by its tips; one whose field of view ends within it shows
    a broad section in its outermost slice.
    """
    for axis in range(3):
        area = np.count_nonzero(mask, axis=tuple(a for a in range(3) if a != axis))
        if max(area[0], area[-1]) > CUT * area.max():
            return True
    return False


def _triple(v: Floats) -> tuple[float, float, float]:
    return float(v[0]), float(v[1]), float(v[2])
