"""Arrays and places of the bioheat solver's loops: what is fixed, what a run changes, and their constants."""

from __future__ import annotations

from typing import Any, NamedTuple

ZERO_CELSIUS = 273.15
GAS_CONSTANT = 8.314462618  # J/mol/K
OUTSIDE = 255
STRIPE = 4096  # sites a stripe at most: its sums stay in the nearest cache
PER_KELVIN = 64  # entries of the tables of rates
SOON = 3.0  # steps
SAFETY = 0.98  # of the longest step that lets nothing overshoot
CAREFUL = 0.75  # of the largest change: steam that ends beside it may speed a site up between two looks
MARGIN = 1e-3  # K: for rounding where a row is taken to be cool without looking
NEVER = 1e18
REST = 1e-9  # K: a rise below this is none
WET, BOILING, DRY = 0, 1, 2
NEARLY = 0.97  # of the water gone within SOON steps, or all steam: a site counts as DRY and gets sub-steps
CONSTANT, VESSEL, TISSUE = 0, 1, 2  # laws of the fall of perfusion
ALL_LOST = 50.0  # of such damage nothing is left
WORTH = 1e-6  # share of perfusion lost that is not put off for a few steps
# damage of a row of sites is added up once in some steps where little changes meanwhile
TOGETHER = 16.0  # steps at most
STILL = 0.1  # K: by the mean of both ends it errs by (Ea STILL / R T^2)^2 / 24, less than 1e-4
STEADY = 0.02  # share of the perfusion lost meanwhile, at most
CLEAR = 1.0  # K below boiling, from where every step is looked at
GENTLE = 0.06  # z = s dt / C up to which the short series is exact to 1e-7
# places in `clock`: seconds, their step, its limit, steps to the next probe; W/m3; sums in J/m3; K; numbers
TIME, STEP, LONGEST, PROBE, POWER, ABSORBED, BLOOD, SINKS, FACES, CHANGE, STEPS, N_FAST, N_RIM, HOT, WAIT, \
    COOL, LAST = range(17)  # fmt: skip
# places in a row of `out`
O_BLOOD, O_SINKS, O_FACES, O_POWER, O_CHANGE, O_HOT, O_DRIED, O_PACE = range(8)


class Grid(NamedTuple):
    """What does not change during a run."""

    shape: Any  # (3,) int64
    edges: Any  # (blocks + 1,) int64: rows of each block
    rows: Any  # (nx ny,) int64: their places among rows with the rim
    sides: Any  # (nx ny,) uint8: bits of the walls of the box they touch, -x +x -y +y
    offsets: Any  # (6,) int64: steps to neighbours
    code: Any  # material of each site, OUTSIDE beyond the tissue
    special: Any  # uint8: 0 done by a stripe, 1 on its own, 2 outside, 3 rim
    row_material: Any  # (rows,) uint8, OUTSIDE where no stripe passes
    cond: Any  # (m, m) W/m3/K: conductance of a face over the volume of a site, at the base
    slope: Any  # (m,) 1/K about the base
    heat: Any  # (m,) J/m3/K
    dry: Any  # (m,) J/m3/K
    latent: Any  # (m,) J/m3
    fast: Any  # (m,) s: longest step of a material that has sub-steps of its own, else inf
    fast_dry: Any  # (m,) s: the same when dry
    ends: Any  # (rows + 1,) int64: special sites of each row
    site: Any  # (s,) int64
    sink: Any  # (s,) W/m3/K towards vessels and other cooled walls
    sink_rise: Any  # (s,) K: mean rise of these
    face: Any  # (s,) W/m3/K towards walls of the box
    face_rise: Any  # (s,) K: mean rise of those walls
    stripes: Any  # (m, 2) 1/2 cond and slope, in the precision of the field
    num: Any  # (11,) 1, 0, 1/2 to 1/7, cap, blood and what counts as rest [K], in the precision of the field
    table: Any  # (n, 3 or 4) rates: tissue, vessels [1/s], CEM43 [min/s], cells [1/s] where asked for
    own: Any  # (m,) s: longest step of a material without sub-steps, else inf
    cap: float  # K: rise of 100 degC
    hot: float  # K: rise from which damage counts
    base: float  # degC
    blood: float  # K
    most: float  # K: largest change of a step
    low: float  # K: nothing is ever colder
    high: float  # K: the warmest of blood and walls
    bound: float  # s: no longer step is free of overshoot
    shutdown: int
    gentle: bool  # no site exchanges more than GENTLE of its heat with blood in a step


class Fields(NamedTuple):
    """What a run changes."""

    a: Any
    b: Any  # rise [K], now and next in turn
    q: Any  # W/m3, as absorbed now
    q0: Any  # W/m3, as given
    s: Any  # W/m3/K, perfusion now; 0 in special sites and where it boils
    s0: Any  # W/m3/K, before anything coagulated
    omega: Any
    omega_vessel: Any
    omega_cells: Any  # empty where not asked for
    cem43: Any  # min
    peak: Any  # K
    latent: Any  # J/m3 spent on boiling
    driest: Any  # J/m3, most of it
    state: Any  # uint8 WET, BOILING, DRY
    before: Any  # omega when last asked
    over: Any  # (m,) m3 K/J s: step over heat capacity, in the precision of the field
    top_a: Any
    top_b: Any  # (rows,) K: nothing in the row is warmer
    near: Any  # (rows,) K: nothing in the row or beside it is warmer
    awake_a: Any
    awake_b: Any  # (rows,) uint8
    ever_hot: Any  # (rows,) uint8
    seen: Any  # K: the rise when damage was last added up, in rows where that waits
    looked: Any  # (rows,) s: when that was; below 0 where nothing waits
    due: Any  # (rows,) s: when it is added up next
    speed: Any  # (rows,) K/s: fastest change when last looked at
    row_power: Any  # (rows,) K/s: fastest heating by the source
    slot: Any  # int32: place in `fast` from 1, in `rim` from -1 down
    fast: Any  # int64 sites with sub-steps
    listed: Any  # (rows,) uint8: there are such in the row
    value: Any
    fresh: Any
    spent: Any
    rim: Any  # int64: their neighbours
    extra: Any  # W/m3
    acc: Any  # (blocks, STRIPE) in the precision of the field
    out: Any  # (blocks + 1, 8)
    clock: Any  # (17,)
    bits: Any  # (blocks, 1) integers as wide as the numbers of the field
