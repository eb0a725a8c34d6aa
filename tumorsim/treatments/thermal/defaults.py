"""The rows of the room ``heat`` that a session of heat needs, by what they are for.

Fields and hazards take numbers, not names; this is where names become numbers. Sources read their own rows
(`microwave_source`, `rf_source`), and so do `hazards.arrhenius`, `fields.heat_sink.Blood` and the bioheat solver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cooling:
    """What takes heat away besides capillaries.

    Attributes
    ----------
    sink_diameter : float
        Least diameter of a vessel that is a sink of its own [m].
    heated_length : float
        Length of vessel in hot tissue [m].
    coolant_temperature : float
        Water in an internally cooled electrode [degC].
    coolant_coefficient : float
        Heat transfer between tissue and that water [W/m2/K].
    """

    sink_diameter: float
    heated_length: float
    coolant_temperature: float
    coolant_coefficient: float

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> Cooling:
        """Cooling of the parameter table."""
        return cls(
            sink_diameter=parameters["heat.sink_diameter"],
            heated_length=parameters["heat.sink_heated_length"],
            coolant_temperature=parameters["heat.coolant_temperature"],
            coolant_coefficient=parameters["heat.coolant_coefficient"],
        )
