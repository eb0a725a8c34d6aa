"""What stands in the vessels of a running model: portal pressure, oil, drug, VEGF, and whose blood feeds residue."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.model import TumorModel
from tumorsim.outcomes import supply
from tumorsim.state import DRUGS
from tumorsim.vessels import oil
from tumorsim.vessels.portal import portal_direction

ML = 1e6
ML_MIN = 6e7  # mL/min in a m3/s
RIM = 5e-3  # m; the outer part of the tumour, as in the zones of residue


def vessels_now(model: TumorModel) -> dict[str, Any]:
    """Plain numbers, or None for what is not there, for the summary.

    ``portal_oil_filling`` is the share of the portal beds of the tumour's rim that oil fills (Miyayama's
    grades 1 and 2 are more than none of it); ``vegf_tumour`` is relative to the untreated tumour;
    ``collateral_share`` is that of the tumour's arterial blood.
    """
    fixed, state = model.virtual_patient, model.state
    grown, graph = fixed.grown, fixed.graph
    portal = None
    if "portal_main" in graph.named:  # grown vessels have one, fine tissue has not
        portal = portal_direction(graph, state.edge_flow, state.node_pressure, fixed.parameters)
    segments = [way for name, way in portal.direction.items() if name.startswith("portal_segment_")] if portal else []
    held = oil.held_by_tissue(grown, state.edge_oil)
    rim = fixed.anatomy.tumour & (fixed.anatomy.depth <= RIM)
    rows = tumour_rows(model)
    return {
        "portal_pressure_mmhg": portal.pressure if portal else None,
        "portal_shunt_ml_min": portal.shunt * ML_MIN if portal else None,
        "segments_hepatofugal": segments.count("hepatofugal") if portal else None,
        "segments_stagnant": segments.count("stagnant") if portal else None,
        "oil_ml": {tissue: volume * ML for tissue, volume in held.items()} if any(held.values()) else None,
        "portal_oil_filling": oil.portal_filling(grown, state.edge_oil, fixed.oil_capacity, rim),
        "drug_held_mg": dict(supply.payload_mg(state.edge_payload, DRUGS)) or None,
        "vegf_tumour": float(state.vegf[rows].mean()) if len(rows) else None,
        "collateral_share": _collateral_share(model),
    }


def tumour_rows(model: TumorModel) -> NDArray[np.int64]:
    """Exchange rows that serve the main tumour as it was before treatment."""
    found = np.unique(model.virtual_patient.grown.exchange_of_site[model.virtual_patient.anatomy.tumour])
    return found[found >= 0].astype(np.int64)


def _share_of_rows(model: TumorModel) -> NDArray[np.float64]:
    grown = model.virtual_patient.grown
    edges = np.array([c.edge for c in grown.collaterals], dtype=np.int64)
    return np.asarray(supply.collateral_share(grown.graph, edges, model.state.edge_flow))


def _collateral_share(model: TumorModel) -> float | None:
    """Of the arterial blood of the tumour's sites; None where they have none."""
    state, tumour = model.state, model.virtual_patient.anatomy.tumour
    flow = state.q_arterial[tumour].astype(np.float64)
    whole = float(flow.sum())
    share = np.append(_share_of_rows(model), 0.0)[model.virtual_patient.grown.exchange_of_site[tumour]]
    return float((flow * share).sum()) / whole if whole > 0.0 else None


def residue_by_supply(model: TumorModel, sites: NDArray[np.int64], cells: NDArray[np.integer]) -> dict[str, int]:
    """Viable cells (n,) of ``sites`` (n,) by the blood that feeds them."""
    state = model.state
    share = np.append(_share_of_rows(model), 0.0)[model.virtual_patient.grown.exchange_of_site[sites]]
    source = supply.source_of_sites(state.q_arterial[sites], state.q_portal[sites], state.q_extrahepatic[sites], share)
    return supply.residue_by_supply(cells, source)
