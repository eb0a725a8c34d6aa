"""Radiofrequency ablation: one internally cooled electrode, or a cluster of three at one potential."""

from __future__ import annotations

from collections.abc import Mapping

from tumorsim.treatments.thermal.ablation import Ablation
from tumorsim.treatments.thermal.rf_source import Radiofrequency
from tumorsim.treatments.thermal.sar import Source
from tumorsim.treatments.thermal.spec import DEVICES, RadiofrequencySpec


class RadiofrequencyAblation(Ablation):
    """`radiofrequency`."""

    spec: RadiofrequencySpec

    def device(self, parameters: Mapping[str, float]) -> Source:
        """Electrode or cluster."""
        return Radiofrequency.from_parameters(parameters, DEVICES[self.spec.electrodes])

    def active(self, parameters: Mapping[str, float]) -> float:
        """Its exposed length [m]."""
        return parameters["heat.electrode_length"]

    def efficiency(self, parameters: Mapping[str, float]) -> float:
        """Of an electrode [-]."""
        return parameters["heat.radiofrequency_efficiency"]
