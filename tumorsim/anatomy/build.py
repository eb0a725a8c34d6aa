"""The anatomy of one patient on a lattice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.anatomy.border import Border
from tumorsim.anatomy.capsule import FIRST_SATELLITE, OUTSIDE, THROMBUS, Capsule, FacePermeability, make_capsule
from tumorsim.anatomy.organ_place import OrganSpec, border_of
from tumorsim.anatomy.organs import CODE_NAMES, TISSUE, Organs, make_organs
from tumorsim.anatomy.passing_vein import PassingVein, VeinSpec, place_vein
from tumorsim.anatomy.satellites import TARGET_MARGIN, Satellite, make_satellites, mark_satellites
from tumorsim.anatomy.septa import Septum, compartments_of, join_strays, make_septa, septum_distance
from tumorsim.anatomy.solid import make_solid
from tumorsim.anatomy.spec import TumourSpec
from tumorsim.anatomy.thrombus import Thrombus, make_thrombus
from tumorsim.anatomy.tumour import nearest_on_border
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
    """0 liver, 1..n + 1 the tumour between its n septa (or 1..n its n pieces), 199 its thrombus in the portal vein,
    200.. satellites, 255 no tissue of the liver: outside it by an image, of organs, or a wide vein's blood."""
    depth: NDArray[np.float32]
    """Signed distance to the border of the main tumour [m]: above 0 in exactly the sites of ``tumour``."""
    tumour: NDArray[np.bool_]
    """The main tumour."""
    target: NDArray[np.bool_]
    """The main tumour, all tissue within 5 mm of it, and its thrombus."""
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
    border: Border | None = None
    """Border of a drawn form or of an image's tumour; None for a sphere or an ellipsoid."""
    beside: Organs | None = None
    """Organs that were asked for, and what an image shows outside the liver."""
    passing: PassingVein | None = None
    """A wide vein beside the tumour, where one was asked for."""

    @cached_property
    def organs(self) -> Organs:
        """The organs beside the tumour, which may be none."""
        return Organs(self.lattice) if self.beside is None else self.beside

    @cached_property
    def lumen(self) -> NDArray[np.bool_]:
        """Sites in the blood of a wide vein that passes, bool [site]."""
        return np.zeros(self.lattice.n_sites, dtype=bool) if self.passing is None else self.passing.lumen

    @property
    def in_the_way(self) -> NDArray[np.bool_] | None:
        """Sites that vessels go round where that is not too long: organs and a wide vein; None: none."""
        if not self.organs.each and self.passing is None:
            return None
        return np.asarray((self.organs.site != TISSUE) | self.lumen)

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
        return int(self.compartment[self.tumour].max())

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
        skin = np.abs(depth) < lattice.spacing
        if self.border is not None:
            beside = np.zeros(lattice.n_sites, dtype=bool)
            beside[self.border.sites] = True
            skin = beside.reshape(shape)[box]
        skin = skin & (mark == int(covered))
        if not skin.any():
            return
        # the nearest site of this skin gives the nearest piece of the border; its own foot on the solid's
        # border, not its centre, gives the distance
        nearest = ndimage.distance_transform_edt(~skin, return_distances=False, return_indices=True)
        axes = [axis[part] for axis, part in zip(lattice.axes(), box, strict=True)]
        dims = 2 if lattice.is_slab else 3
        feet = np.zeros((*skin.shape, 3), dtype=np.float32)
        where = np.nonzero(skin)
        if self.border is None:
            points = np.stack([axes[d][where[d]] for d in range(dims)], axis=1)
            feet[where] = np.pad(nearest_on_border(points, self.spec.semi_axes[:dims]), ((0, 0), (0, 3 - dims)))
        else:
            whole = [part.start + at for part, at in zip(box, where, strict=True)]
            row = np.searchsorted(self.border.sites, np.ravel_multi_index(tuple(whole), shape))
            feet[where] = self.border.feet[row]
        away = np.zeros(np.count_nonzero(inside))
        for d in range(dims):
            away += (axes[d][np.nonzero(inside)[d]] - feet[(*nearest[:, inside], d)]) ** 2
        # no part of the border is nearer than the depth
        distance[box][inside] = np.maximum(np.sqrt(away), depth[inside])


def build(
    lattice: Lattice,
    spec: TumourSpec,
    seed: int,
    patient: int,
    parameters: Mapping[str, float],
    organs: Sequence[OrganSpec] = (),
    passing: VeinSpec | None = None,
) -> Anatomy:
    """Put a tumour into the middle of a lattice, and organs beside it.

    Parameters
    ----------
    lattice : Lattice
        A slab (one site thick) takes the middle section: disc or ellipse, septa that are lines, satellites
        that are discs in the plane.
    spec : TumourSpec
        What is asked for.
    seed, patient : int
        Key of what is drawn: form, septa, satellites, the pattern of a partial capsule. Nothing else differs
        between patients.
    parameters : mapping of name to SI value
        The ``anatomy.*`` rows; for a thrombus also those of ``vessels.*`` on segments and the portal vein, for
        organs those of ``organs.*``.
    organs : sequence of OrganSpec
        Organs beside the tumour.
    passing : VeinSpec, optional
        A wide vein beside the tumour.

    Raises
    ------
    InputError
        Where the tumour does not fit into the box with a site of liver around it, holds no site, or its
        septa, satellites, thrombus, organs or vein cannot be placed.
    """
    if lattice.is_slab and spec.septa > MAX_SEPTA_SLAB:
        raise InputError(f"tumour.septa: {spec.septa} are too many for a slab; at most {MAX_SEPTA_SLAB}")
    solid = make_solid(lattice, spec, seed, patient, parameters)
    sites, depth = solid.sites, solid.depth
    tumour = np.zeros(lattice.n_sites, dtype=bool)
    tumour[sites] = True

    septa = make_septa(spec.septa, spec.semi_axes, seed, patient, parameters, lattice.is_slab, solid.cloud)
    compartment = np.zeros(lattice.n_sites, dtype=np.uint8)
    if solid.tissue is not None:
        compartment[~solid.tissue] = OUTSIDE
    outside = None if solid.tissue is None else ~solid.tissue
    beside = None if outside is None else Organs(lattice, (), tumour, outside)
    if organs:
        border = border_of(spec, [o.side for o in organs]) if solid.border is None else solid.border.feet
        beside = make_organs(lattice, organs, tumour, np.asarray(border, dtype=np.float64), parameters, outside)
        compartment[beside.site != TISSUE] = OUTSIDE
    wide = None
    if passing is not None:
        wide = place_vein(passing, spec, None if solid.border is None else solid.border.feet, tumour, lattice)
        _check_lumen(wide, beside)
        compartment[wide.lumen] = OUTSIDE
    compartment[sites] = solid.piece
    if septa:
        if solid.piece.max() > 1:
            raise InputError(
                f"tumour.septa: the tumour is in {solid.piece.max()} pieces, which are compartments of their own; "
                "set septa: 0"
            )
        compartment[sites] = compartments_of(lattice.centres(sites), septa)
        body = compartment.reshape(lattice.shape)
        box = _bounding_box(tumour.reshape(lattice.shape))
        main = _main_piece(tumour.reshape(lattice.shape)[box])
        body[box][main] = join_strays(np.where(main, body[box], 0).astype(np.uint8), spec.septa + 1)[main]
    around = None if spec.form is None else (depth, compartment)
    labels = compartment if organs or wide is not None else None
    satellites = make_satellites(spec.satellites, spec.semi_axes, lattice, seed, patient, parameters, around, labels)
    mark_satellites(lattice, compartment, satellites)
    vein = None
    if spec.thrombus != "none":
        vein = make_thrombus(spec.thrombus, lattice, compartment, tumour, seed, patient, parameters)
        if organs and beside is not None:
            _check_course(lattice, vein, beside)
        if wide is not None and wide.lumen[_course(lattice, vein)].any():
            raise InputError("vessels.vein: the portal vein with the thrombus would cross it. Choose another side")
    thrombus = compartment == THROMBUS

    capsule = make_capsule(spec.capsule, seed, patient, parameters, lattice.is_slab, solid.nodules)
    capsule_site = _covered_sites(lattice, capsule)
    return Anatomy(
        lattice=lattice,
        spec=spec,
        compartment=compartment,
        depth=depth,
        tumour=tumour,
        target=((depth >= -TARGET_MARGIN) & (compartment != OUTSIDE)) | thrombus,
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
        border=solid.border,
        beside=beside,
        passing=wide,
    )


def _check_lumen(vein: PassingVein, organs: Organs | None) -> None:
    """Refuse a wide vein that would run through an organ."""
    met = np.zeros(0, dtype=np.uint8) if organs is None else organs.site[vein.lumen]
    if met.any():
        what = CODE_NAMES[int(met[met > 0][0])]
        raise InputError(f"vessels.vein: would meet: {what}. Choose another side or distance")


def _check_course(lattice: Lattice, vein: Thrombus, organs: Organs) -> None:
    """Refuse a thrombus whose vein would run through an organ."""
    met = organs.site[_course(lattice, vein)]
    if met.any():
        what = CODE_NAMES[int(met[met > 0][0])]
        raise InputError(
            f"tissue.organs: the portal vein with the thrombus runs to the +x side of the box and would meet: {what}. "
            "Choose another side for the organ"
        )


def _course(lattice: Lattice, vein: Thrombus) -> NDArray[np.int64]:
    """Sites along the axis of the vein of a thrombus."""
    start, end = np.array(vein.start), np.array(vein.end)
    steps = np.linspace(0.0, 1.0, 2 + int(4 * np.linalg.norm(end - start) / lattice.spacing))
    at = lattice.locate(start + steps[:, None] * (end - start))
    return np.asarray(at[at >= 0])


def _main_piece(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest part of a body (nx, ny, nz) whose sites join by their faces; the rest are islands."""
    found, n = ndimage.label(body)
    return np.asarray(found == 1 + int(np.argmax(np.bincount(found.ravel())[1:])) if n > 1 else body)


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
