"""Scenario files: reading, checking, explaining. Imported late by the command line, so kept light.

>>> from tumorsim.scenario import Scenario
>>> Scenario.load("tace_lobar").treatments[0].spec.catheter
'lobar'
"""

from tumorsim.scenario.couplings import Couplings
from tumorsim.scenario.resolved import Event, Scenario, Tissue, Vessels, common_past

__all__ = ["Couplings", "Event", "Scenario", "Tissue", "Vessels", "common_past"]
