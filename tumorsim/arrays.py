"""The table of every array that changes in a run: name, type, unit, axis. `tumorsim.state` holds them.

What is fixed for a run (lattice, vessel graph, parameters) and what is a record of it (event log, schedule,
burden) is not state. Two forms of storage: many cells a site, as counts in four slots; one cell a site, as
one byte of phase.

Slots: 0 proliferating oxic, 1 proliferating hypoxic, 2 quiescent oxic, 3 quiescent hypoxic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

SCHEMA_VERSION = 5
SLOTS = 4
CAUSES = ("ischaemia", "starvation", "turnover", "lineage extinction")  # every state has these; treatments add theirs
RESERVE = ("liver_lost", "liver_recovered", "albumin", "rest_lost")  # m3, m3, kg/m3, m3 (beyond the box)
DRUGS = ("doxorubicin", "epirubicin", "cisplatin", "mitomycin")  # columns of what vessels hold of drugs

ORGANS = ("gallbladder", "bowel", "stomach", "diaphragm", "bile_duct")  # beside the tumour; rows of fluid
FLUIDS = ("ascites saline", "ascites dextrose", "pleura saline", "pleura dextrose")  # columns of fluid
WALL_DOSES = ("omega", "cem43", "temperature")  # columns of wall_dose: -, s at 43 degC, highest degC (0: never heated)

# codes of edge_state, then of compartment
OPEN, EMBOLISED, COAGULATED, DORMANT, THROMBOSED = range(5)
LIVER, OUTSIDE = 0, 255
FIRST_SATELLITE, LAST_SATELLITE = 200, 254

# phase codes of one cell a site: slot + 1, or one of these
EMPTY, DYING, DEBRIS = 0, 5, 6
DOOMED_ONCE_MORE, DOOMED = 7, 8  # lethally hit: divides once more, or dies at its next mitosis


@dataclass(frozen=True)
class ArraySpec:
    """What one array is.

    Attributes
    ----------
    axis : str
        ``site``, ``site_slot`` (n, 4), ``site_doomed`` (n, 2), ``site_trait`` (n, 4 or 1, traits), ``site_cause``
        (n, causes), ``edge``, ``edge_drug`` (n, 4), ``node``, ``exchange``, ``cause``, ``reserve``, ``organ``,
        ``organ_fluid`` (organs, 4), ``wall_dose`` (n, 3), ``implant``, ``implant_site`` (n, sites), ``heating``,
        ``heating_site`` (n, sites) or ``scalar`` (an int attribute).
    form : str
        Storage that has it: ``both``, ``many`` (counts) or ``one`` (one cell a site).
    fill : float
        Value at the start.
    """

    name: str
    dtype: str
    unit: str
    axis: str
    meaning: str
    form: Literal["both", "many", "one"] = "both"
    fill: float = 0


# The order of this table is the order of the hash: append only, and raise SCHEMA_VERSION.
ARRAYS: tuple[ArraySpec, ...] = (
    ArraySpec("compartment", "u1", "-", "site", "0 liver, 1-199 tumour, 200-254 satellite, 255 no tissue"),
    ArraySpec("viable", "i4", "cells", "site_slot", "cells able to divide", "many"),
    ArraySpec("dying", "i4", "cells", "site", "cells dead but not yet debris", "many"),
    ArraySpec("debris", "f4", "cells", "site", "debris, in volumes of a cell", "many"),
    ArraySpec("phase", "u1", "-", "site", "0 empty, 1-4 slot + 1, 5 dying, 6 debris", "one"),
    ArraySpec("deaths", "i4", "cells", "site_cause", "deaths booked so far"),
    ArraySpec("nadir", "i4", "cells", "site", "least viable since the last treatment delivered"),
    ArraySpec("liver_hazard", "f8", "-", "site", "cumulative hazard of the liver in the site"),
    ArraySpec("q_arterial", "f4", "1/s", "site", "arterial perfusion"),
    ArraySpec("q_portal", "f4", "1/s", "site", "portal perfusion"),
    ArraySpec("q_extrahepatic", "f4", "1/s", "site", "perfusion by extrahepatic arteries"),
    ArraySpec("po2", "f4", "mmHg", "site", "mean oxygen tension of the tissue"),
    ArraySpec("share10", "f4", "-", "site", "share of the tissue below 10 mmHg"),
    ArraySpec("share2p5", "f4", "-", "site", "share of the tissue below 2.5 mmHg"),
    ArraySpec("share0p5", "f4", "-", "site", "share of the tissue below 0.5 mmHg"),
    ArraySpec("anoxic_lag", "f8", "-", "site", "share of the tissue anoxic and past the latency"),
    ArraySpec("edge_state", "u1", "-", "edge", "0 open, 1 embolised, 2 coagulated, 3 dormant, 4 thrombosed"),
    ArraySpec("edge_open", "f8", "-", "edge", "share of the conductance that is left", fill=1),
    ArraySpec("edge_beads", "i8", "beads", "edge", "beads lodged in the vessel"),
    ArraySpec("edge_flow", "f8", "m3/s", "edge", "blood flow, positive from tail to head"),
    ArraySpec("node_pressure", "f8", "Pa", "node", "blood pressure"),
    ArraySpec("step_index", "i8", "-", "scalar", "base steps done"),
    ArraySpec("now", "i8", "s", "scalar", "time"),
    ArraySpec("edge_patent", "f8", "-", "edge", "share left by anatomy: thrombus in it, or dormant", fill=1),
    ArraySpec("edge_solid", "f8", "-", "edge", "share closed for good by lodged beads"),
    ArraySpec("edge_gelatin", "f8", "-", "edge", "gelatin held, in shares of what closes the vessel; it dissolves"),
    ArraySpec("edge_oil", "f8", "m3", "edge", "oil held in the vessel and the bed it leads to"),
    ArraySpec("edge_tone", "f8", "-", "edge", "conductance by tone; arteries widen when portal blood fails", fill=1),
    ArraySpec("edge_payload", "f8", "kg", "edge_drug", "drug held by what lodged in the vessel"),
    ArraySpec("vegf", "f8", "-", "exchange", "VEGF of the tissue of an exchange node, relative to baseline", fill=1),
    ArraySpec("untreated_hypoxia", "f8", "-", "exchange", "share of hypoxic living cells before treatment"),
    ArraySpec("doomed", "i4", "cells", "site_doomed", "lethally hit: will divide once more, will not", "many"),
    ArraySpec("peak", "i4", "cells", "site", "most viable that a treatment found: far below it, a nest"),
    ArraySpec("frailty", "f8", "-", "site_trait", "mean frailty of the living, by slot and part", fill=1),
    ArraySpec("volume", "f4", "-", "site", "share of its volume that resorption has left the site", fill=1),
    ArraySpec("reserve", "f8", "-", "reserve", "liver function, see RESERVE"),
    ArraySpec("fluid", "f8", "m", "organ_fluid", "layer of fluid at an organ as it was at fluid_at, see FLUIDS"),
    ArraySpec("fluid_at", "i8", "s", "organ", "when fluid was last given at the organ"),
    ArraySpec("wall_dose", "f8", "-", "wall_dose", "heat that pieces of organs' walls have had, see WALL_DOSES"),
    ArraySpec("coagulated", "f4", "-", "site", "share of the site's capillaries that heat has closed for good"),
    ArraySpec("heat_damage", "f8", "-", "site", "Arrhenius integral of all sessions of heat, by the set of liver"),
    ArraySpec("implant_rate", "f8", "Gy/s", "implant_site", "dose rate of an implantation when it was done"),
    ArraySpec("implant_at", "i8", "s", "implant", "when it was done"),
    ArraySpec("implant_decay", "f8", "1/s", "implant", "decay constant of its sources"),
    ArraySpec("implant_width", "f8", "Gy/s", "implant_site", "half the width of dose rates within a site, then"),
    ArraySpec("heated_cem43", "f4", "s", "heating_site", "heat of a session near in time, as time at 43 degC"),
    ArraySpec("heated_on", "i8", "s", "heating", "when that session began"),
    ArraySpec("heated_off", "i8", "s", "heating", "when its heating ended"),
)


@dataclass(frozen=True)
class Sizes:
    """Lengths of the axes, and whether a site holds one cell or counts."""

    sites: int
    edges: int = 0
    nodes: int = 0
    exchange: int = 0
    one_cell: bool = False
    traits: int = 0
    walls: int = 0
    implants: int = 0
    heatings: int = 0

    def shape(self, axis: str, causes: int) -> tuple[int, ...]:
        """Shape of an array on an axis."""
        shapes: dict[str, tuple[int, ...]] = {
            "site": (self.sites,),
            "site_slot": (self.sites, SLOTS),
            "site_doomed": (self.sites, 2),
            "site_trait": (self.sites, 1 if self.one_cell else SLOTS, self.traits),
            "site_cause": (self.sites, causes),
            "edge": (self.edges,),
            "edge_drug": (self.edges, len(DRUGS)),
            "node": (self.nodes,),
            "exchange": (self.exchange,),
            "cause": (causes,),
            "reserve": (len(RESERVE),),
            "organ": (len(ORGANS),),
            "organ_fluid": (len(ORGANS), len(FLUIDS)),
            "wall_dose": (self.walls, len(WALL_DOSES)),
            "implant": (self.implants,),
            "implant_site": (self.implants, self.sites),
            "heating": (self.heatings,),
            "heating_site": (self.heatings, self.sites),
            "scalar": (),
        }
        return shapes[axis]


def nbytes(sizes: Sizes, causes: int = len(CAUSES)) -> int:
    """Memory that a state of these sizes takes [bytes]."""
    form = "one" if sizes.one_cell else "many"
    there = (spec for spec in ARRAYS if spec.form in ("both", form))
    return sum(math.prod(sizes.shape(spec.axis, causes)) * np.dtype(spec.dtype).itemsize for spec in there)
