"""A tumour's shape, and what was read from a segmentation, in plain words."""

from __future__ import annotations

from tumorsim.anatomy.forms import Infiltrating, Lobulated, Nodules
from tumorsim.anatomy.masks import PatientImage
from tumorsim.anatomy.spec import TumourSpec
from tumorsim.scenario.resolved import Scenario


def length_words(length: float) -> str:
    """``42 mm``, ``300 um``."""
    return f"{length * 1e3:.4g} mm" if length >= 1e-3 or length == 0.0 else f"{length * 1e6:.4g} um"


def shape_words(tumour: TumourSpec) -> str:
    """``a sphere of 42 mm``, ``3 nodules of drawn sizes, 5 mm apart, with the volume of a sphere of 42 mm``."""
    form, size = tumour.form, length_words(2 * tumour.semi_axes[0])
    if isinstance(form, PatientImage):
        sides = " x ".join(f"{2e3 * half:.3g}" for half in form.half)
        return f"'{form.tumour_name}' of {form.file}, {sides} mm (across, front to back, foot to head)"
    if isinstance(form, Lobulated):
        notches = length_words(form.depth)
        return f"lobulated ({form.lobes} lobes, notches of {notches}) with the volume of a sphere of {size}"
    if isinstance(form, Nodules):
        of = "drawn sizes" if form.sizes is None else f"{', '.join(f'{s * 1e3:g}' for s in form.sizes)} mm"
        low, high = (length_words(gap) for gap in form.distance)
        gaps = low if low == high else f"{low} to {high}"
        return f"{form.number} nodules of {of}, {gaps} apart, with the volume of a sphere of {size}"
    if isinstance(form, Infiltrating):
        return f"a sphere of {size} with an infiltrating rim {length_words(form.depth)} wide"
    if tumour.axes is None:
        return f"a sphere of {size}"
    return f"an ellipsoid of {' x '.join(f'{axis * 1e3:g}' for axis in tumour.axes)} mm"


def image_words(scenario: Scenario) -> list[str]:
    """What was read from a segmentation, and what it is used for; empty without one."""
    image = scenario.tissue.image
    if image is None:
        return []
    voxel = " x ".join(f"{1e3 * edge:.3g}" for edge in image.tumour.voxel)
    texts = [f"{image.file}, voxels of {voxel} mm: '{image.tumour_name}' is {image.tumour_volume * 1e6:.3g} mL"]
    if image.liver is None:
        return [*texts, "no liver is named: all of the box around the tumour is liver"]
    whole = f"'{image.liver_name}' is {image.liver_volume * 1e6:,.0f} mL without the tumour"
    used = f"{scenario.load_parameters()['vessels.liver_volume'] * 1e6:,.0f} mL"
    start = scenario.condition
    if "vessels.liver_volume" in scenario.parameters or (start is not None and start.liver_volume is not None):
        whole += f"; the whole liver is taken as {used}, as the scenario says"
    elif image.liver_whole:
        whole += "; what of it lies outside the box is one lumped rest"
    else:
        whole += f", cut off by the edge of the image: the whole liver is taken as {used}"
    return [*texts, whole, "vessels are grown as in the right lobe, whichever lobe the tumour lies in"]


def compartments_asked(tumour: TumourSpec) -> int:
    """Compartments that the shape and its septa make; an image's tumour may be in more pieces."""
    return tumour.form.number if isinstance(tumour.form, Nodules) else tumour.septa + 1
