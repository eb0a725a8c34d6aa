"""What a scenario says about the tumour, and the box that holds it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tumorsim.anatomy.foci import MAX_LATENT_FOCI
from tumorsim.anatomy.forms import Infiltrating, Lobulated, Nodules
from tumorsim.anatomy.masks import PatientImage
from tumorsim.errors import InputError, nearest

Form = Lobulated | Nodules | Infiltrating | PatientImage
_FORMS: dict[str, type] = {
    "lobulated": Lobulated, "nodules": Nodules, "infiltrating": Infiltrating, "image": PatientImage,
}  # fmt: skip
SHAPES = ("sphere", "ellipsoid", *_FORMS, "none")
CAPSULES = ("none", "partial", "intact")
PLACES = ("deep", "dome", "bare area", "anterior-inferior")
VASCULARITIES = ("hyper", "iso", "hypo")
THROMBI = ("none", "Vp1", "Vp2", "Vp3", "Vp4")
MAX_SEPTA = 30
MAX_SATELLITES = 30


@dataclass(frozen=True)
class TumourSpec:
    """One tumour, centred in the box, as a person asks for it (SI).

    Parameters
    ----------
    diameter : float, optional
        Diameter of a sphere [m]; of a drawn form, that of the sphere of its volume.
    axes : tuple of 3 floats, optional
        Full lengths of an ellipsoid along x, y and z [m].
    shape : {"sphere", "ellipsoid", "lobulated", "nodules", "infiltrating", "image", "none"}
        A sphere and the drawn forms take ``diameter`` (nodules of given sizes do not), an ellipsoid takes
        ``axes``, a tumour from an image takes neither, nor does ``none``: no tumour.
    form : Lobulated, Nodules, Infiltrating or PatientImage, optional
        What the last four are like.
    capsule : {"none", "partial", "intact"}
        How much of the border carries a capsule.
    septa : int
        Septa inside; ``n`` septa make exactly ``n + 1`` compartments. 0 to 30.
    satellites : int
        Small nodules in the liver around. 0 to 30.
    thrombus : {"none", "Vp1", "Vp2", "Vp3", "Vp4"}
        Tumour thrombus of the portal vein, see `tumorsim.anatomy.thrombus`.
    place : {"deep", "dome", "bare area", "anterior-inferior"}
        Where in the liver it lies: away from the surface, or at the surface under the diaphragm, at the back
        where liver and diaphragm have grown together, or in front and below.
    vascularity : {"hyper", "iso", "hypo"}
        Its arterial blood flow: more than, as much as or less than liver.
    doubling_time : float
        Volume doubling time of the untreated tumour [s].
    latent_foci : int, optional
        Microscopic foci in the liver beyond the box, 0 to 200; None: drawn by the tumour's size.

    Raises
    ------
    InputError
        With every problem found.
    """

    diameter: float | None = None
    axes: tuple[float, float, float] | None = None
    shape: str = "sphere"
    capsule: str = "none"
    septa: int = 0
    satellites: int = 0
    thrombus: str = "none"
    place: str = "deep"
    vascularity: str = "hyper"
    doubling_time: float = 140 * 86400.0
    form: Form | None = None
    latent_foci: int | None = None

    def __post_init__(self) -> None:
        problems: list[str] = []
        for name, value, allowed in (
            ("shape", self.shape, SHAPES),
            ("capsule", self.capsule, CAPSULES),
            ("thrombus", self.thrombus, THROMBI),
            ("place", self.place, PLACES),
            ("vascularity", self.vascularity, VASCULARITIES),
        ):
            if value not in allowed:
                problems.append(
                    f"tumour.{name}: {value!r} is not known.{nearest(value, allowed)} Allowed: {', '.join(allowed)}"
                )
        problems += self._size_problems()
        lengths = [*(self.axes or ()), *([] if self.diameter is None else [self.diameter])]
        if not all(math.isfinite(v) and v > 0 for v in lengths):
            problems.append("tumour: every diameter or axis must be above 0")
        if not (math.isfinite(self.doubling_time) and self.doubling_time > 0):
            problems.append("tumour.doubling_time: must be above 0, e.g. 140 d")
        for name, count, most in (
            ("septa", self.septa, MAX_SEPTA),
            ("satellites", self.satellites, MAX_SATELLITES),
            ("latent_foci", 0 if self.latent_foci is None else self.latent_foci, MAX_LATENT_FOCI),
        ):
            if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= most:
                problems.append(f"tumour.{name}: {count!r} must be a whole number from 0 to {most}")
        if not problems and self.form is not None:
            problems += self._form_problems()
        if problems:
            raise InputError(problems)

    def _size_problems(self) -> list[str]:
        """What is wrong between the shape, its sizes and its form."""
        problems = []
        if self.shape == "none":
            named = self.diameter is not None or self.axes is not None
            return ["tumour: shape 'none' takes no diameter and no axes"] if named else []
        form = _FORMS.get(self.shape)
        if form is not None and not isinstance(self.form, form):
            problems.append(f"tumour.form: shape '{self.shape}' needs its {form.__name__}")
        elif form is None and self.form is not None:
            problems.append(f"tumour.form: shape '{self.shape}' takes none")
        if self.shape == "ellipsoid":
            if self.diameter is not None:
                problems.append("tumour.diameter: an ellipsoid takes 'axes' (three lengths)")
            elif self.axes is None or len(self.axes) != 3:
                problems.append("tumour.axes: an ellipsoid needs three lengths, e.g. [50 mm, 40 mm, 35 mm]")
        elif self.shape in SHAPES:
            sized = isinstance(self.form, PatientImage) or (isinstance(self.form, Nodules) and self.form.sizes)
            if self.axes is not None:
                what = "a sphere" if self.shape == "sphere" else f"shape '{self.shape}'"
                problems.append(f"tumour.axes: {what} takes 'diameter'; for axes set shape: ellipsoid")
            elif self.diameter is None and not sized:
                problems.append("tumour.diameter: missing (a sphere needs it, e.g. 42 mm)")
            elif self.diameter is not None and sized:
                problems.append("tumour.diameter: the image or the sizes of the nodules say how large it is")
        return problems

    def _form_problems(self) -> list[str]:
        """What does not go together with the form, and what cannot be drawn of it."""
        problems = [f"tumour.{key}: {message}" for key, message in form_conflicts(self.shape, self.capsule, self.septa)]
        if isinstance(self.form, Lobulated | Nodules | Infiltrating):
            found = self.form.problems(self._radius)
            problems += [f"tumour.shape.{self.shape}.{key}: {message}" for key, message in found]
        return problems

    @property
    def _radius(self) -> float:
        """Radius of the sphere of the same volume [m]; not of an ellipsoid."""
        if isinstance(self.form, Nodules) and self.form.sizes:
            return 0.5 * math.fsum(size**3 for size in self.form.sizes) ** (1 / 3)
        assert self.diameter is not None
        return self.diameter / 2

    @property
    def semi_axes(self) -> tuple[float, float, float]:
        """Half the lengths along x, y and z [m]; of a drawn form those of the sphere of its volume."""
        if isinstance(self.form, PatientImage):
            return self.form.half
        if self.shape == "none":
            return (0.0, 0.0, 0.0)
        if self.axes is not None:
            x, y, z = self.axes
            return (x / 2, y / 2, z / 2)
        return (self._radius,) * 3

    @property
    def reach(self) -> tuple[float, float, float]:
        """Half the sides of a box that holds the tumour of every patient [m]."""
        if isinstance(self.form, Lobulated | Nodules | Infiltrating):
            return (self.form.reach(self._radius),) * 3
        return self.semi_axes

    @property
    def least_across(self) -> tuple[float, float, float]:
        """Full lengths of the tumour along x, y and z, or of the smallest nodule, drawn ones as of one size [m]."""
        if isinstance(self.form, Nodules):
            return (min(self.form.sizes or (2 * self._radius / self.form.number ** (1 / 3),)),) * 3
        x, y, z = self.semi_axes
        return (2 * x, 2 * y, 2 * z)

    @property
    def volume(self) -> float:
        """Volume of the solid [m3]."""
        if isinstance(self.form, PatientImage):
            return self.form.tumour_volume
        x, y, z = self.semi_axes
        return 4.0 / 3.0 * math.pi * x * y * z


def form_conflicts(shape: str, capsule: str, septa: int) -> list[tuple[str, str]]:
    """(key, message) for what a shape cannot have."""
    found = []
    if shape == "infiltrating" and capsule != "none":
        found.append(("capsule", "an infiltrating tumour has none. Write capsule: none, or another shape"))
    if shape == "nodules" and septa:
        found.append(("septa", "nodules are compartments of their own already. Write septa: 0, or another shape"))
    return found


def box_size(spec: TumourSpec, until_s: float, parameters: Mapping[str, float], organs: Sequence[float] = ()) -> float:
    """Edge of the cubic box [m] for ``size: auto``, in whole millimetres.

    Each half holds the longest half axis (of a drawn form, its farthest reach) as grown to ``until_s`` at the
    doubling time, ``a 2^(t / 3 Td)``, and ``anatomy.liver_margin`` beyond it; where there are satellites it also
    holds the farthest and largest one that can be drawn, grown alike, and half that margin beyond it. ``organs`` are
    halves of boxes [m] with room for an organ each (`tumorsim.anatomy.organ_place.reach_of`). The box is the same
    for every patient of a scenario.
    """
    if not (math.isfinite(until_s) and until_s >= 0):
        raise InputError(f"until: {until_s!r} s must be 0 or more")
    growth = 2.0 ** (until_s / (3.0 * spec.doubling_time))
    longest = max(spec.reach)
    margin = parameters["anatomy.liver_margin"]
    half = longest * growth + margin
    if spec.satellites:
        radius = parameters["anatomy.satellite_diameter_high"] / 2
        middle = longest + parameters["anatomy.satellite_distance_high"] + radius
        half = max(half, middle + radius * growth + margin / 2)
    half = max(half, *organs) if organs else half
    # a whole number of millimetres must not grow by one for the last bit of a float
    return math.ceil(2 * half * 1e3 - 1e-6) / 1e3
