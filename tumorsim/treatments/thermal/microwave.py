"""Microwave ablation: an internally cooled antenna at 2.45 GHz or 915 MHz."""

from __future__ import annotations

from collections.abc import Mapping

from tumorsim.treatments.thermal.ablation import Ablation
from tumorsim.treatments.thermal.microwave_source import Microwave
from tumorsim.treatments.thermal.sar import Source
from tumorsim.treatments.thermal.spec import FREQUENCIES, MicrowaveSpec


class MicrowaveAblation(Ablation):
    """`microwave`."""

    spec: MicrowaveSpec

    def device(self, parameters: Mapping[str, float]) -> Source:
        """The antenna."""
        return Microwave.from_parameters(parameters, FREQUENCIES[self.spec.frequency])

    def active(self, parameters: Mapping[str, float]) -> float:
        """Its effective length [m]."""
        return parameters["heat.antenna_length"]

    def efficiency(self, parameters: Mapping[str, float]) -> float:
        """Of an antenna [-]."""
        return parameters["heat.microwave_efficiency"]
