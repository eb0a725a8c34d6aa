"""The rows of the room ``heat`` that a session of heat needs, by what they are for.

Fields and hazards take numbers, not names; this is where names become numbers. Sources read their own rows
(`microwave_source`, `rf_source`), and so do `hazards.arrhenius`, `fields.heat_sink.Blood` and the bioheat solver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Perfusion:
    """Blood of the capillaries.

    Attributes
    ----------
    heat : float
        Density x specific heat [J/m3/K].
    temperature : float
        At which it enters, and that of tissue before treatment [degC].
    normal : float
        Perfusion of normal liver, where no graph gives one [1/s].
    """

    heat: float
    temperature: float
    normal: float

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> Perfusion:
        """Blood of the parameter table."""
        return cls(
            heat=parameters["heat.blood_heat"],
            temperature=parameters["heat.blood_temperature"],
            normal=parameters["heat.perfusion_normal"],
        )


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


@dataclass(frozen=True)
class Practice:
    """What operators go by.

    Attributes
    ----------
    margin : float
        Liver around the outline that a plan covers [m].
    contraction : float
        Linear, of coagulated tissue, for the axes shown beside the zone [-].
    alarm, alarm_operated : float
        Temperature of a neighbour's wall that stops heating; where there has been surgery [degC].
    cem43_lethal : float
        Thermal dose taken as coagulated [s at 43 degC].
    """

    margin: float
    contraction: float
    alarm: float
    alarm_operated: float
    cem43_lethal: float

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> Practice:
        """Practice of the parameter table."""
        return cls(
            margin=parameters["heat.margin"],
            contraction=parameters["heat.contraction"],
            alarm=parameters["heat.alarm_temperature"],
            alarm_operated=parameters["heat.alarm_temperature_operated"],
            cem43_lethal=parameters["heat.cem43_lethal"],
        )
