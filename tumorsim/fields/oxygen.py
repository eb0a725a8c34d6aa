"""Oxygen of every site by a local balance of supply and consumption, for sites wider than 50 um.

1. Own balance: the site's blood, by source, against the consumption of its living cells (`capillary`).
   Sources share the perfused capillaries by their flow; shares and pressure are averages over them.
2. Short exchange: anoxic tissue beside a better supplied site gets oxygen through their common face, to the
   depth of a zero-order slab, sqrt(2 D dp / M c), at most half a site. dp is what the neighbour's own balance
   leaves it above the threshold, and above the site's own mean. The neighbour's loss is neglected: the layer
   it feeds is thin beside what its blood carries.

A site's result depends on blood and living cells of the site and its six neighbours, and on nothing else: not
on which other sites are updated, in what order, or by how many threads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tumorsim._jit import chunked, njit
from tumorsim.errors import InputError, nearest
from tumorsim.fields.capillary import Supply, Tissue, supply, supply_table, table_place
from tumorsim.fields.cylinder import THRESHOLDS
from tumorsim.fields.faces import neighbours
from tumorsim.fields.haemoglobin import capacity
from tumorsim.fields.vessel_walls import wall_resistance
from tumorsim.lattice import Lattice
from tumorsim.state import LIVER, OUTSIDE, State

NARROWEST = 50e-6  # m; at this spacing and below capillaries are resolved and diffusion must be solved
LIVERS = ("normal", "cirrhotic")
_DEEPEST = 0.5  # of a site, that a neighbour's oxygen may reach


def tissue_of(parameters: Mapping[str, float], kind: str) -> Tissue:
    """Parameters of ``tumour``, ``liver_normal`` or ``liver_cirrhotic`` as the balance takes them.

    The reference flow is the untreated one. In tumour that is its arterial flow, which is the same at every
    depth; the portal blood of the rim comes on top.
    """
    organ = "tumour" if kind == "tumour" else "liver"
    flow = {
        "tumour": lambda: parameters["perfusion.tumour_arterial"],
        "liver_normal": lambda: parameters["perfusion.liver_normal_total"],
        "liver_cirrhotic": lambda: (
            parameters["perfusion.liver_cirrhotic_arterial"] + parameters["perfusion.liver_cirrhotic_portal"]
        ),
    }
    if kind not in flow:
        raise InputError(f"oxygen: no tissue '{kind}'. Allowed: {', '.join(flow)}")
    capillary = parameters[f"oxygen.capillary_radius_{organ}"]
    return Tissue(
        consumption=parameters[f"oxygen.consumption_{organ}"],
        diffusivity=parameters["oxygen.diffusivity"],
        cylinder=parameters[f"oxygen.krogh_radius_{kind}"],
        capillary=capillary,
        reference_flow=flow[kind](),
        solubility=parameters["oxygen.solubility"],
        oxygen_capacity=capacity(parameters["oxygen.haemoglobin"], parameters["oxygen.haemoglobin_binding"]),
        p50=parameters["oxygen.p50"],
        hill=parameters["oxygen.hill"],
        half_consumption=parameters["oxygen.half_consumption"],
        dissolved=parameters["oxygen.blood_solubility"],
        wall=float(wall_resistance(np.array([2.0 * capillary]), parameters)[0]),
    )


class OxygenModel:
    """Oxygen of the sites of one lattice.

    Parameters
    ----------
    parameters : mapping of str to float
        Needs the rooms ``oxygen`` and ``perfusion``.
    lattice : Lattice
        Sites must be wider than 50 um.
    liver : str
        ``normal`` or ``cirrhotic``.

    Attributes
    ----------
    tumour, liver : Tissue
    inlets : tuple of float
        Saturation of arterial (and extrahepatic) and of portal blood.

    Raises
    ------
    InputError
        Spacing too small, unknown liver, or a parameter with which no balance exists.
    """

    def __init__(self, parameters: Mapping[str, float], lattice: Lattice, liver: str) -> None:
        problems = []
        if lattice.spacing <= NARROWEST * (1 + 1e-9):
            problems.append(
                f"oxygen: spacing {lattice.spacing * 1e6:.4g} um is too small for the local oxygen balance; "
                f"it needs more than {NARROWEST * 1e6:.0f} um (cells on finer sites are not in this version)"
            )
        if liver not in LIVERS:
            allowed = ", ".join(LIVERS)
            problems.append(f"oxygen: unknown liver '{liver}'.{nearest(liver, LIVERS)} Allowed: {allowed}")
        self.inlets = (parameters["oxygen.saturation_arterial"], parameters["oxygen.saturation_portal"])
        if not all(0.0 <= s < 1.0 for s in self.inlets):
            problems.append(f"oxygen: saturations must lie in 0 to below 1, got {self.inlets}")
        if not problems:
            self.tumour = tissue_of(parameters, "tumour")
            self.liver = tissue_of(parameters, f"liver_{liver}")
            for tissue in (self.tumour, self.liver):
                if min(tissue.key()) <= 0.0 or tissue.cylinder <= tissue.capillary:
                    problems.append(f"oxygen: all must be positive, the Krogh radius above the capillary's: {tissue}")
        if problems:
            raise InputError(problems)
        self.lattice = lattice
        tissues = (self.liver, self.tumour)  # in this order in all arrays below
        self._tables = np.stack([supply_table(t, self.inlets) for t in tissues])
        self._references = np.array([t.reference_flow for t in tissues])
        # m2/mmHg: a slab is as deep as sqrt(this dp / c)
        self._reaches = np.array([2.0 * t.diffusivity / t.consumption for t in tissues])
        # Own balances of the sites in work, NaN between updates (so not state): neighbours read them.
        self._own = np.full(lattice.n_sites, np.nan)

    def update(
        self,
        state: State,
        sites: np.ndarray,
        living: np.ndarray,
        threads: int = 1,
        own: np.ndarray | None = None,
    ) -> None:
        """Write ``po2``, ``share10``, ``share2p5``, ``share0p5`` of ``sites``.

        Parameters
        ----------
        state : State
            Read: ``compartment``, ``q_arterial``, ``q_portal``, ``q_extrahepatic``. Sites not in ``sites``
            keep what they hold.
        sites : int64, shape (m,)
            Sites to update, each once; those outside tissue (compartment 255) get 0 mmHg and shares 0.
        living : float32, shape (n_sites,)
            Consumption over its full value: tumour, living cells over capacity; liver, its living fraction.
        threads : int
            Does not change a bit.
        own : float64, shape (n_sites,), optional
            Mean pO2 of every site by its own blood [mmHg], NaN where not known, kept by the caller between
            updates: filled at ``sites``, read at their neighbours. It changes no bit as long as every site
            whose blood, living cells or tissue have changed is among ``sites``.
        """
        kept = self._own if own is None else own
        sites = np.ascontiguousarray(sites, dtype=np.int64)
        living = np.ascontiguousarray(living, dtype=np.float32)
        if living.shape != (self.lattice.n_sites,):
            raise ValueError(f"living must have shape ({self.lattice.n_sites},), got {living.shape}")
        given = (
            state.compartment, state.q_arterial, state.q_portal, state.q_extrahepatic, living,
            self._tables, self._references, kept,
        )  # fmt: skip
        found = (state.po2, state.share10, state.share2p5, state.share0p5)
        chunked(_own_balance, len(sites), threads, sites, *given, *found)
        reach = (self.lattice.shape, self.lattice.spacing, self._reaches)
        chunked(_exchange, len(sites), threads, sites, *given, *reach, *found)
        if own is None:
            kept[sites] = np.nan

    def dependents(self, state: State, changed: np.ndarray) -> np.ndarray:
        """Sites whose oxygen may differ now that ``changed`` sites (int64) have other living cells or blood.

        These are the sites themselves, and the neighbours that are short of oxygen and take some across a
        face; all others would come out of `update` as they are. Ascending, each once.
        """
        marked = _dependents(np.ascontiguousarray(changed, dtype=np.int64), state.share0p5, self.lattice.shape)
        return np.flatnonzero(marked)

    def exact(
        self, kind: str, arterial: float, portal: float, extrahepatic: float = 0.0, living: float = 1.0
    ) -> Supply:
        """Own balance of a site without the table, for ``tumour`` or ``liver``; flows in 1/s.

        The outlet saturation is that of the mixed blood.
        """
        tissue = {"tumour": self.tumour, "liver": self.liver}[kind]
        total = arterial + portal + extrahepatic
        x = total / tissue.reference_flow
        if total <= 0.0:
            return replace(supply(tissue, 0.0, 0.0, living), outlet=0.0)
        parts = [(arterial + extrahepatic, self.inlets[0]), (portal, self.inlets[1])]
        beds = [(flow / total, supply(tissue, inlet, x, living)) for flow, inlet in parts]
        fields = ("pressure", "share10", "share2p5", "share0p5", "outlet")
        return Supply(*(sum(part * getattr(bed, name) for part, bed in beds) for name in fields))


@njit
def _balance(site, tissue, arterial, portal, extrahepatic, living, tables, references):  # type: ignore[no-untyped-def]
    """Mean p and the three shares of a site from its own blood."""
    from_artery = np.float64(arterial[site]) + np.float64(extrahepatic[site])
    from_portal = np.float64(portal[site])
    total = from_artery + from_portal
    if total <= 0.0:
        return 0.0, 1.0, 1.0, 1.0
    rows, columns = tables.shape[1], tables.shape[2]
    i, j, up, right = table_place(total / references[tissue], np.float64(living[site]), rows, columns)
    low_left, low_right = (1.0 - up) * (1.0 - right), (1.0 - up) * right
    high_left, high_right = up * (1.0 - right), up * right
    p = s10 = s2p5 = s0p5 = 0.0
    for source in range(2):
        part = (from_artery if source == 0 else from_portal) / total
        if part > 0.0:
            a, b = tables[tissue, i, j, source], tables[tissue, i, j + 1, source]
            c, d = tables[tissue, i + 1, j, source], tables[tissue, i + 1, j + 1, source]
            p += part * (low_left * a[0] + low_right * b[0] + high_left * c[0] + high_right * d[0])
            s10 += part * (low_left * a[1] + low_right * b[1] + high_left * c[1] + high_right * d[1])
            s2p5 += part * (low_left * a[2] + low_right * b[2] + high_left * c[2] + high_right * d[2])
            s0p5 += part * (low_left * a[3] + low_right * b[3] + high_left * c[3] + high_right * d[3])
    # Weights sum to 1 only to rounding, and nested shares must stay so.
    s10 = min(s10, 1.0)
    s2p5 = min(s2p5, s10)
    return p, s10, s2p5, min(s0p5, s2p5)


@njit
def _own_balance(  # type: ignore[no-untyped-def]
    lo, hi, sites, compartment, arterial, portal, extrahepatic, living, tables, references, own,
    po2, share10, share2p5, share0p5,
):  # fmt: skip
    for n in range(lo, hi):
        site = sites[n]
        p, s10, s2p5, s0p5 = 0.0, 0.0, 0.0, 0.0
        if compartment[site] != OUTSIDE:
            tissue = 1 if compartment[site] != LIVER else 0
            p, s10, s2p5, s0p5 = _balance(site, tissue, arterial, portal, extrahepatic, living, tables, references)
        own[site] = p
        po2[site] = p
        share10[site] = s10
        share2p5[site] = s2p5
        share0p5[site] = s0p5


@njit
def slab_depth(excess: float, reach: float, living: float, spacing: float) -> float:
    """Depth [m] to which oxygen of ``excess`` [mmHg] reaches into tissue, at most half of ``spacing``.

    Zero-order slab (Grimes and others 2014): sqrt(2 D excess / (M c)), with ``reach`` = 2 D / M [m2/mmHg].
    """
    if excess <= 0.0:
        return 0.0
    if living <= 0.0:
        return _DEEPEST * spacing
    return min(math.sqrt(reach * excess / living), _DEEPEST * spacing)


@njit
def _dependents(changed, share0p5, shape):  # type: ignore[no-untyped-def]
    nx, ny, nz = shape
    marked = np.zeros(nx * ny * nz, dtype=np.bool_)
    for n in range(len(changed)):
        site = changed[n]
        marked[site] = True
        for other in neighbours(site, nx, ny, nz):
            if other >= 0 and share0p5[other] > 0.0:
                marked[other] = True
    return marked


@njit
def _exchange(  # type: ignore[no-untyped-def]
    lo, hi, sites, compartment, arterial, portal, extrahepatic, living, tables, references, own,
    shape, spacing, reaches, po2, share10, share2p5, share0p5,
):  # fmt: skip
    nx, ny, nz = shape
    for n in range(lo, hi):
        site = sites[n]
        anoxic = np.float64(share0p5[site])  # as the site's own balance left it: no other site writes it
        if anoxic <= 0.0:
            continue
        mine = own[site]
        reach = reaches[1 if compartment[site] != LIVER else 0]
        c = np.float64(living[site])
        gain = 0.0
        left10 = left2p5 = left0p5 = 1.0
        for other in neighbours(site, nx, ny, nz):
            if other < 0 or compartment[other] == OUTSIDE:
                continue
            theirs = own[other]
            if math.isnan(theirs):  # not being updated: its own balance is made here, not its stored value
                tissue = 1 if compartment[other] != LIVER else 0
                found = _balance(other, tissue, arterial, portal, extrahepatic, living, tables, references)
                theirs = found[0]
            if theirs <= mine:
                continue
            left10 *= 1.0 - slab_depth(theirs - max(THRESHOLDS[0], mine), reach, c, spacing) / spacing
            left2p5 *= 1.0 - slab_depth(theirs - max(THRESHOLDS[1], mine), reach, c, spacing) / spacing
            left0p5 *= 1.0 - slab_depth(theirs - max(THRESHOLDS[2], mine), reach, c, spacing) / spacing
            # the slab's profile is a parabola: a third of the difference on average
            gain += slab_depth(theirs - mine, reach, c, spacing) / spacing * (theirs - mine) / 3.0
        # Only what the site's own blood leaves anoxic is rescued. Written so that rounding keeps the shares
        # nested: each is (a non-negative part of its own) + (a part that grows with the threshold).
        po2[site] = mine + anoxic * gain
        share10[site] = (np.float64(share10[site]) - anoxic) + anoxic * left10
        share2p5[site] = (np.float64(share2p5[site]) - anoxic) + anoxic * left2p5
        share0p5[site] = anoxic * left0p5
