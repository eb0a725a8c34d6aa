"""Gelatin sponge: irregular pieces, far wider than beads, that lodge in larger arteries and dissolve.

Pieces cut or pumped from a sponge (torpedoes, particles) measure about 0.5 to 1 mm. They ride the flow as
beads do and lodge where they no longer fit; in the grown trees that is upstream of the beds, so whole
branches close and the tissue keeps its portal blood. Gelatin is resorbed within weeks: what a vessel holds of
it (`edge_gelatin`; at 1 and more the vessel is closed) halves with `clocks.gelatin_half_life`, and how much each
closed vessel holds is drawn so that half of them are open again after that time.
"""

from __future__ import annotations

from collections.abc import Mapping

from tumorsim.chance import Purpose
from tumorsim.errors import InputError
from tumorsim.vessels.embolics import Sizes, Solid

SIZE_SLOT = 1  # of Purpose.GELATIN; slot 0 is the way of a piece, slot 2 how long it holds


def gelatin(parameters: Mapping[str, float]) -> Solid:
    """Gelatin pieces, uniform in diameter from `embolisation.gelatin_smallest` to `embolisation.gelatin_largest`.

    Raises
    ------
    InputError
        Where the smallest piece is larger than the largest.
    """
    low, high = parameters["embolisation.gelatin_smallest"], parameters["embolisation.gelatin_largest"]
    if low > high:
        raise InputError(
            f"embolisation.gelatin_smallest ({low * 1e3:g} mm) is above "
            f"embolisation.gelatin_largest ({high * 1e3:g} mm)"
        )
    return Solid(Sizes.between(low, high), "edge_gelatin", Purpose.GELATIN, Purpose.GELATIN, SIZE_SLOT, False, True)
