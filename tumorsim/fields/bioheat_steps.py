"""The bioheat solver's steps in time: their length, sub-steps of sites that need shorter ones, and sums.

`march` runs whole steps in one thread. With more threads the solver calls `begin`, then `some` for blocks spread over
the threads, then `finish`: the same functions on the same blocks, so the same bits.
"""

from __future__ import annotations

import math

from tumorsim._jit import njit
from tumorsim.fields.bioheat_harm import left, settle
from tumorsim.fields.bioheat_kernel import block, conduction, exchange
from tumorsim.fields.bioheat_layout import (
    ABSORBED,
    BLOOD,
    CAREFUL,
    CHANGE,
    COOL,
    DRY,
    FACES,
    HOT,
    LAST,
    LONGEST,
    N_FAST,
    N_RIM,
    NEVER,
    O_BLOOD,
    O_CHANGE,
    O_DRIED,
    O_FACES,
    O_HOT,
    O_PACE,
    O_POWER,
    O_SINKS,
    OUTSIDE,
    POWER,
    PROBE,
    SINKS,
    SOON,
    STEP,
    STEPS,
    TIME,
    WAIT,
    WET,
)


@njit
def fastest(old, top, awake, grid, fields):  # type: ignore[no-untyped-def]
    """Fastest change of a site without sub-steps [K/s], and of those too cool for damage.

    It may be less where it could not shorten a step. A site that boils counts where its steam is nearly gone, with what
    it would change then.
    """
    ny, nz, rows = grid.shape[1], grid.shape[2], grid.rows
    code, cond, slope, offsets, cap, blood = grid.code, grid.cond, grid.slope, grid.offsets, grid.cap, grid.blood
    special, heat, bound, site, ends = grid.special, grid.heat, grid.bound, grid.site, grid.ends
    sink, face, face_rise, q, s, s0 = grid.sink, grid.face, grid.face_rise, fields.q, fields.s, fields.s0
    state, slot, omega, omega_vessel = fields.state, fields.slot, fields.omega, fields.omega_vessel
    spent, most, cool = fields.latent, 0.0, 0.0
    for r in range(len(rows)):
        row = rows[r]
        near = max(max(max(top[row - 1], top[row + 1]), max(top[row - ny - 2], top[row + ny + 2])), top[row])
        near = max(near, grid.high) - grid.low
        # conduction and blood take a site in a time `bound` at most to the warmest or coldest around it
        if awake[row] == 0 or fields.row_power[row] + 1.3 * near / bound < CAREFUL * grid.most / bound:
            continue
        first = row * (nz + 2) + 1
        for p in range(first, first + nz):
            if special[p] == 0 and state[p] != DRY:
                power = float(q[p]) + conduction(p, old, code, cond, slope, offsets, cap)
                power -= float(s[p]) * (float(old[p]) - blood)
                if state[p] == WET or spent[p] + SOON * bound * power < 0.0:
                    rate = abs(power) / heat[code[p]]
                    most = max(most, rate)
                    if old[p] < grid.hot:
                        cool = max(cool, rate)
        for k in range(ends[row], ends[row + 1]):
            p = site[k]
            if slot[p] > 0:
                continue
            power = float(q[p]) + conduction(p, old, code, cond, slope, offsets, cap)
            perfusion = float(s0[p]) * left(omega[p], omega_vessel[p], grid.shutdown)
            v = float(old[p])
            power -= perfusion * (v - blood) + sink[k] * (v - grid.sink_rise[k]) + face[k] * (v - face_rise[k])
            if state[p] == WET or spent[p] + SOON * bound * power < 0.0:
                rate = abs(power) / heat[code[p]]
                most = max(most, rate)
                if old[p] < grid.hot:
                    cool = max(cool, rate)
    return most, cool


@njit
def enlist(p, row, fields, n):  # type: ignore[no-untyped-def]
    """Give a site sub-steps."""
    fields.fast[n] = p
    fields.slot[p] = n + 1
    fields.listed[row] = 1
    return n + 1


@njit
def gather(grid, fields):  # type: ignore[no-untyped-def]
    """Find the sites that need sub-steps, and their neighbours."""
    clock, nz, rows = fields.clock, grid.shape[2], grid.rows
    for k in range(int(clock[N_FAST])):
        fields.slot[fields.fast[k]] = 0
        fields.listed[fields.fast[k] // (nz + 2)] = 0
    for k in range(int(clock[N_RIM])):
        fields.slot[fields.rim[k]] = 0
    n = 0
    for r in range(len(rows)):
        row = rows[r]
        for k in range(grid.ends[row], grid.ends[row + 1]):
            p = grid.site[k]
            if fields.state[p] == DRY or grid.fast[grid.code[p]] < NEVER:
                n = enlist(p, row, fields, n)
        if fields.ever_hot[row]:
            first = row * (nz + 2) + 1
            for p in range(first, first + nz):
                if fields.state[p] == DRY and grid.special[p] == 0:
                    n = enlist(p, row, fields, n)
    around = 0
    for k in range(n):
        for d in range(6):
            p = fields.fast[k] + grid.offsets[d]
            if grid.special[p] < 2 and fields.slot[p] == 0:
                fields.rim[around] = p
                around += 1
                fields.slot[p] = -around
    clock[N_FAST], clock[N_RIM] = n, around


@njit
def place(p, special, ends, site, stride):  # type: ignore[no-untyped-def]
    """Where a site is in the list of special ones, or -1."""
    if special[p] == 1:
        for k in range(ends[p // stride], ends[p // stride + 1]):
            if site[k] == p:
                return k
    return -1


@njit
def into(p, p2, v, n, code, cond, slope, cap):  # type: ignore[no-untyped-def]
    """Heat that flows from site p2 at rise n into site p at rise v [W/m3]."""
    m, m2 = code[p], code[p2]
    return cond[m, m2] * 0.5 * (2.0 + slope[m] * min(v, cap) + slope[m2] * min(n, cap)) * (n - v)


@njit
def substeps(dt, old, top, grid, fields):  # type: ignore[no-untyped-def]
    """Sub-steps of the sites that need them; what their neighbours get more than at first goes to `q`.

    The neighbours are held as they are at the beginning; what flows is summed, so that no heat is lost.
    """
    n, around = int(fields.clock[N_FAST]), int(fields.clock[N_RIM])
    out, stride, cap = fields.out[fields.out.shape[0] - 1], grid.shape[2] + 2, grid.cap
    code, cond, slope, offsets, heat, dry = grid.code, grid.cond, grid.slope, grid.offsets, grid.heat, grid.dry
    latent, q, s0, slot, listed = grid.latent, fields.q, fields.s0, fields.slot, fields.fast
    value, fresh, spent_of, extra, rim = fields.value, fields.fresh, fields.spent, fields.extra, fields.rim
    special, ends, site, omega, omega_vessel = grid.special, grid.ends, grid.site, fields.omega, fields.omega_vessel
    extra[:around] = 0.0
    count = 1
    for k in range(n):
        p = listed[k]
        m, arid = code[p], fields.state[p] == DRY
        value[k], spent_of[k] = float(old[p]), fields.latent[p]
        rate = abs(float(q[p]) + conduction(p, old, code, cond, slope, offsets, cap)) / (dry[m] if arid else heat[m])
        own = grid.fast_dry[m] if arid else grid.fast[m]
        count = max(count, math.ceil(dt / own), math.ceil(dt * rate / grid.most))
        for d in range(6):
            p2 = p + offsets[d]
            if slot[p2] < 0:
                extra[-slot[p2] - 1] -= into(p2, p, float(old[p2]), float(old[p]), code, cond, slope, cap)
    short = dt / count
    for _ in range(count):
        for k in range(n):
            p, v, spent = listed[k], value[k], spent_of[k]
            m = code[p]
            power = float(q[p])
            for d in range(6):
                p2 = p + offsets[d]
                at = slot[p2]
                if at > 0:
                    power += into(p, p2, v, value[at - 1], code, cond, slope, cap)
                elif at < 0:
                    flow = into(p2, p, float(old[p2]), v, code, cond, slope, cap)
                    power -= flow
                    extra[-at - 1] += flow / count
            now = heat[m] if spent <= 0.0 else (dry[m] if spent >= latent[m] else math.inf)
            sink = sink_rise = face = face_rise = 0.0
            s = place(p, special, ends, site, stride)
            if s >= 0:
                sink, sink_rise, face, face_rise = grid.sink[s], grid.sink_rise[s], grid.face[s], grid.face_rise[s]
            perfusion = float(s0[p]) * left(omega[p], omega_vessel[p], grid.shutdown)
            gained, to_blood, to_sink, to_face = exchange(
                v, power, perfusion, grid.blood, sink, sink_rise, face, face_rise, now, short)  # fmt: skip
            out[O_BLOOD] += to_blood
            out[O_SINKS] += to_sink
            out[O_FACES] += to_face
            fresh[k], spent_of[k] = settle(v, spent, gained, heat[m], dry[m], latent[m], cap)
        for k in range(n):
            value[k] = fresh[k]
            top[listed[k] // stride] = max(top[listed[k] // stride], fresh[k])
    for k in range(around):
        q[rim[k]] += extra[k]


@njit
def begin(until, old, top, awake, grid, fields):  # type: ignore[no-untyped-def]
    """Choose the length of a step, and do what must be done before it."""
    clock = fields.clock
    if clock[PROBE] <= 0.0:
        rate, cool = fastest(old, top, awake, grid, fields)
        # what is cool does not get faster by itself; what is hot is watched in every step
        clock[COOL] = min(grid.bound, CAREFUL * grid.most / max(cool, 1e-300))
        clock[LONGEST] = min(clock[COOL], CAREFUL * grid.most / max(rate, 1e-300))
        clock[WAIT] = min(2.0 * clock[WAIT] + 4.0, 64.0)
        clock[PROBE] = clock[WAIT] if clock[COOL] < grid.bound else NEVER
    clock[PROBE] -= 1.0
    count = max(1.0, math.ceil((until - clock[TIME]) / clock[LONGEST] - 1e-9))
    dt = (until - clock[TIME]) / count
    clock[STEP] = dt
    for m in range(len(grid.heat)):
        fields.over[m] = dt / grid.heat[m]
    fields.out[fields.out.shape[0] - 1, :] = 0.0
    if clock[N_FAST] > 0.0:
        substeps(dt, old, top, grid, fields)
    clock[LAST] = 1.0 if count <= 1.0 else 0.0
    return count <= 1.0


@njit
def finish(last, until, dries, grid, fields):  # type: ignore[no-untyped-def]
    """Sum what a step did."""
    clock, dt = fields.clock, fields.clock[STEP]
    clock[ABSORBED] += dt * clock[POWER]
    clock[HOT] = 0.0
    change = dried = pace = 0.0
    for b in range(fields.out.shape[0]):
        clock[BLOOD] += fields.out[b, O_BLOOD]
        clock[SINKS] += fields.out[b, O_SINKS]
        clock[FACES] += fields.out[b, O_FACES]
        clock[POWER] += fields.out[b, O_POWER]
        clock[HOT] += fields.out[b, O_HOT]
        dried += fields.out[b, O_DRIED]
        change = max(change, fields.out[b, O_CHANGE])
        pace = max(pace, fields.out[b, O_PACE])
    clock[CHANGE] = max(clock[CHANGE], change)
    pace = max(pace, change)
    clock[LONGEST] = min(clock[COOL], dt * min(2.0, CAREFUL * grid.most / max(pace, 1e-300)))
    for k in range(int(clock[N_RIM])):
        p = fields.rim[k]
        full = grid.latent[grid.code[p]] if dries else 0.0
        fields.q[p] = float(fields.q0[p]) * (1.0 - fields.latent[p] / full) if full > 0.0 else fields.q0[p]
    if dried > 0.0:
        gather(grid, fields)
    clock[TIME] = until if last else clock[TIME] + dt
    clock[STEPS] += 1.0


@njit
def some(lo, hi, dries, old, new, top, top_new, awake, awake_new, grid, fields):  # type: ignore[no-untyped-def]
    """The blocks [lo, hi)."""
    for b in range(lo, hi):
        block(b, dries, old, new, top, top_new, awake, awake_new, grid, fields)


@njit
def march(until, dries, odd, grid, fields):  # type: ignore[no-untyped-def]
    """Steps up to a time; whether the field is in `b` in the end."""
    blocks = len(grid.edges) - 1
    while fields.clock[TIME] < until:
        if odd:
            last = begin(until, fields.b, fields.top_b, fields.awake_b, grid, fields)
            some(0, blocks, dries, fields.b, fields.a, fields.top_b, fields.top_a, fields.awake_b, fields.awake_a,
                 grid, fields)  # fmt: skip
        else:
            last = begin(until, fields.a, fields.top_a, fields.awake_a, grid, fields)
            some(0, blocks, dries, fields.a, fields.b, fields.top_a, fields.top_b, fields.awake_a, fields.awake_b,
                 grid, fields)  # fmt: skip
        finish(last, until, dries, grid, fields)
        odd = not odd
    return odd


@njit
def risen(grid, fields):  # type: ignore[no-untyped-def]
    """Largest rise of Omega since last asked, over itself or 1, whichever is more."""
    nz, rows = grid.shape[2], grid.rows
    most = 0.0
    for r in range(len(rows)):
        row = rows[r]
        if not fields.ever_hot[row]:
            continue
        first = row * (nz + 2) + 1
        for p in range(first, first + nz):
            now = fields.omega[p]
            most = max(most, (now - fields.before[p]) / max(now, 1.0))
            fields.before[p] = now
    return most


@njit
def weakest(grid, fields):  # type: ignore[no-untyped-def]
    """Longest step that lets no special site overshoot [s]."""
    least = NEVER
    for k in range(len(grid.site)):
        p = grid.site[k]
        m = grid.code[p]
        if grid.fast[m] < NEVER:
            continue
        pull = 0.0
        for d in range(6):
            p2 = p + grid.offsets[d]
            m2 = grid.code[p2]
            if m2 != OUTSIDE and grid.special[p2] != 3:
                up = 0.5 * (grid.slope[m] * (grid.cap if grid.slope[m] > 0.0 else grid.low))
                up += 0.5 * (grid.slope[m2] * (grid.cap if grid.slope[m2] > 0.0 else grid.low))
                pull += grid.cond[m, m2] * (1.0 + up)
        s = float(fields.s0[p]) + grid.sink[k] + grid.face[k]
        if pull <= 0.0:
            continue
        own = grid.heat[m] / pull
        if s > 0.0:
            own = math.log1p(s / pull) / s * grid.heat[m]
        least = min(least, own)
    return least
