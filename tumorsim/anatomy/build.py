"""The anatomy of one patient on a lattice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.anatomy.capsule import FIRST_SATELLITE, THROMBUS, Capsule, FacePermeability, make_capsule
from tumorsim.anatomy.satellites import TARGET_MARGIN, Satellite, make_satellites, mark_satellites
from tumorsim.anatomy.septa import Septum, compartments_of, join_strays, make_septa, septum_distance
from tumorsim.anatomy.spec import TumourSpec
from tumorsim.anatomy.thrombus import Thrombus, make_thrombus
from tumorsim.anatomy.tumour import box_depth, fill, nearest_on_border
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice

NEAR_BARRIER = 1e-3  # m; by definition of the zone "capsule or septum"
MAX_SEPTA_SLAB = 12  # lines that cut a disc run out of border sooner than planes that cut a ball
_BLOCK = 1 << 16  # sites handled at once where an array of positions is needed


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What lies where before anything happens; arrays are [site]."""

    lattice: Lattice
    spec: TumourSpec
    compartment: NDArray[np.uint8]
    """0 liver, 1..n + 1 the tumour between its n septa, 199 its thrombus in the portal vein, 200.. satellites."""
    depth: NDArray[np.float32]
    """Signed distance to the border of the main tumour [m]: above 0 in exactly the sites of ``tumour``."""
    tumour: NDArray[np.bool_]
    """The main tumour."""
    target: NDArray[np.bool_]
    """The main tumour, all within 5 mm of it, and its thrombus."""
    thrombus: NDArray[np.bool_]
    """The thrombus in the portal vein, which is no part of ``tumour``."""
    capsule_site: NDArray[np.uint8]
    """1 where the capsule covers the direction of the site from the tumour's centre."""
    satellites: tuple[Satellite, ...]
    septa: tuple[Septum, ...]
    capsule: Capsule
    permeability: FacePermeability
    vein: Thrombus | None
    """Course of the thrombus, where there is one."""

    @property
    def baseline_target(self) -> NDArray[np.bool_]:
        """The same array as ``target``."""
        return self.target

    @property
    def tumour_volume(self) -> float:
        """Volume of the main tumour's sites [m3]; the solid's own to half a site."""
        return int(np.count_nonzero(self.tumour)) * self.lattice.site_volume

    @property
    def n_compartments(self) -> int:
        """Compartments of the main tumour; their labels are 1 to this."""
        return len(self.septa) + 1

    def capsule_covered(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether the capsule covers (n, 3) points [m] or directions of any length, (n,) bool."""
        return self.capsule.covered(points)

    @cached_property
    def distance_to_uncovered_border(self) -> NDArray[np.float32]:
        """[m], float32 [site]: from a site of the tumour to the nearest border that no capsule covers.

        Inside a satellite, which has no capsule, to its own border. inf in the liver and where there is none.
        Too long by 0.15 of the spacing in the mean, by less than the spacing at most.
        """
        return self._border_distance(covered=False)

    @cached_property
    def distance_to_covered_border(self) -> NDArray[np.float32]:
        """[m], float32 [site]: from a site of the tumour to the nearest covered border, else inf."""
        return self._border_distance(covered=True)

    def near_capsule_or_septum(
        self, sites: NDArray[np.int64], compartment: NDArray[np.uint8] | None = None
    ) -> NDArray[np.bool_]:
        """Whether each site lies within 1 mm of a covered border or of a septum, (n,) bool.

        Parameters
        ----------
        sites : (n,) int64
            Sites to judge.
        compartment : [site] uint8, optional
            Compartments as they are now; the baseline's by default. The border is always the baseline's.
        """
        sites = np.asarray(sites, dtype=np.int64)
        labels = (self.compartment if compartment is None else compartment)[sites]
        near = (np.abs(self.depth[sites]) <= NEAR_BARRIER) & (self.capsule_site[sites] == 1)
        inside = np.flatnonzero((labels > 0) & (labels < FIRST_SATELLITE))
        if self.septa and inside.size:
            points = self.lattice.centres(sites[inside])
            near[inside] |= septum_distance(points, labels[inside], self.septa) <= NEAR_BARRIER
        return np.asarray(near)

    def _border_distance(self, covered: bool) -> NDArray[np.float32]:
        distance = np.full(self.lattice.n_sites, np.inf, dtype=np.float32)
        if not covered:
            for satellite in self.satellites:
                sites = np.flatnonzero(self.compartment == satellite.label)
                away = np.sqrt(((self.lattice.centres(sites) - satellite.centre) ** 2).sum(axis=1))
                distance[sites] = np.maximum(satellite.radius - away, 0.0)
        if self.capsule.kind == ("intact" if covered else "none"):
            distance[self.tumour] = self.depth[self.tumour]
        elif self.capsule.kind == "partial":
            self._partial_border(distance.reshape(self.lattice.shape), covered)
        return distance

    def _partial_border(self, distance: NDArray[np.float32], covered: bool) -> None:
        """Fill the tumour's sites of ``distance`` (nx, ny, nz) for a capsule with windows."""
        lattice, shape = self.lattice, self.lattice.shape
        box = _bounding_box(self.tumour.reshape(shape))
        inside, depth = self.tumour.reshape(shape)[box], self.depth.reshape(shape)[box]
        mark = self.capsule_site.reshape(shape)[box]
        skin = (np.abs(depth) < lattice.spacing) & (mark == int(covered))
        if not skin.any():
            return
        # the nearest site of this skin gives the nearest piece of the border; its own foot on the solid's
        # border, not its centre, gives the distance
        nearest = ndimage.distance_transform_edt(~skin, return_distances=False, return_indices=True)
        axes = [axis[part] for axis, part in zip(lattice.axes(), box, strict=True)]
        dims = 2 if lattice.is_slab else 3
        feet = np.zeros((*skin.shape, 3), dtype=np.float32)
        where = np.nonzero(skin)
        points = np.stack([axes[d][where[d]] for d in range(dims)], axis=1)
        feet[where] = np.pad(nearest_on_border(points, self.spec.semi_axes[:dims]), ((0, 0), (0, 3 - dims)))
        away = np.zeros(np.count_nonzero(inside))
        for d in range(dims):
            away += (axes[d][np.nonzero(inside)[d]] - feet[(*nearest[:, inside], d)]) ** 2
        # no part of the border is nearer than the depth
        distance[box][inside] = np.maximum(np.sqrt(away), depth[inside])


def build(lattice: Lattice, spec: TumourSpec, seed: int, patient: int, parameters: Mapping[str, float]) -> Anatomy:
    """Put a tumour into the middle of a lattice.

    Parameters
    ----------
    lattice : Lattice
        A slab (one site thick) takes the middle section: disc or ellipse, septa that are lines, satellites
        that are discs in the plane.
    spec : TumourSpec
        What is asked for.
    seed, patient : int
        Key of what is drawn: septa, satellites, the pattern of a partial capsule. Nothing else differs
        between patients.
    parameters : mapping of name to SI value
        The ``anatomy.*`` rows; for a thrombus also those of ``vessels.*`` on segments and the portal vein.

    Raises
    ------
    InputError
        Where the tumour does not fit into the box with a site of liver around it, holds no site, or its
        septa, satellites or thrombus cannot be placed.
    """
    dims = 2 if lattice.is_slab else 3
    semi_axes = spec.semi_axes
    h = lattice.spacing
    for axis in range(dims):
        if semi_axes[axis] + h > lattice.size[axis] / 2 * (1 + 1e-9):
            raise InputError(
                f"tissue.size: a tumour of {2e3 * semi_axes[axis]:.4g} mm does not fit into a box of "
                f"{1e3 * lattice.size[axis]:.4g} mm with liver around it"
            )
    if lattice.is_slab and spec.septa > MAX_SEPTA_SLAB:
        raise InputError(f"tumour.septa: {spec.septa} are too many for a slab; at most {MAX_SEPTA_SLAB}")
    content = spec.volume / h**3 if dims == 3 else math.pi * semi_axes[0] * semi_axes[1] / h**2
    if round(content) < 1:
        raise InputError(f"tumour: smaller than one site of {h * 1e3:.4g} mm; take a finer spacing")

    signed = box_depth(lattice.shape, h, semi_axes).ravel()
    candidates = np.flatnonzero(signed > -2 * h)
    sites = fill(signed[candidates], candidates, round(content))
    tumour = np.zeros(lattice.n_sites, dtype=bool)
    tumour[sites] = True
    # the filled border lies some hundredths of a site off the solid's: keep the sign of depth its own
    least = np.float32(1e-6 * h)
    depth = signed.astype(np.float32)
    del signed
    depth = np.where(tumour, np.maximum(depth, least), np.minimum(depth, -least))

    septa = make_septa(spec.septa, semi_axes, seed, patient, parameters, lattice.is_slab)
    compartment = np.zeros(lattice.n_sites, dtype=np.uint8)
    compartment[sites] = 1
    if septa:
        compartment[sites] = compartments_of(lattice.centres(sites), septa)
        body = compartment.reshape(lattice.shape)
        box = _bounding_box(tumour.reshape(lattice.shape))
        body[box] = join_strays(body[box].copy(), spec.septa + 1)
    satellites = make_satellites(spec.satellites, semi_axes, lattice, seed, patient, parameters)
    mark_satellites(lattice, compartment, satellites)
    vein = None
    if spec.thrombus != "none":
        vein = make_thrombus(spec.thrombus, lattice, compartment, tumour, seed, patient, parameters)
    thrombus = compartment == THROMBUS

    capsule = make_capsule(spec.capsule, seed, patient, parameters, lattice.is_slab)
    capsule_site = _covered_sites(lattice, capsule)
    return Anatomy(
        lattice=lattice,
        spec=spec,
        compartment=compartment,
        depth=depth,
        tumour=tumour,
        target=(depth >= -TARGET_MARGIN) | thrombus,
        thrombus=thrombus,
        capsule_site=capsule_site,
        satellites=satellites,
        septa=septa,
        capsule=capsule,
        permeability=FacePermeability(
            capsule_site,
            parameters["anatomy.capsule_permeability"],
            parameters["anatomy.septum_permeability"],
            parameters["anatomy.vein_wall_permeability"],
        ),
        vein=vein,
    )


def _covered_sites(lattice: Lattice, capsule: Capsule) -> NDArray[np.uint8]:
    if capsule.kind != "partial":
        return np.full(lattice.n_sites, capsule.kind == "intact", dtype=np.uint8)
    mark = np.empty(lattice.n_sites, dtype=np.uint8)
    for start in range(0, lattice.n_sites, _BLOCK):
        sites = np.arange(start, min(start + _BLOCK, lattice.n_sites))
        mark[sites] = capsule.covered(lattice.centres(sites))
    return mark


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Slices that hold all of a mask and one site more on each side, where the box has one."""
    box = []
    for axis in range(mask.ndim):
        where = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        box.append(slice(max(int(where[0]) - 1, 0), min(int(where[-1]) + 2, mask.shape[axis])))
    return tuple(box)
