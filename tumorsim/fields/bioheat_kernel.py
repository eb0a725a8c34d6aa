"""Compiled loops of the bioheat solver (`tumorsim.fields.bioheat`); what they compute stands there.

Layout. Every array of sites has a rim of one site on all sides. Rows lie along z. A rim site repeats the site it
touches, so that no heat crosses a wall and no loop asks where the box ends. Temperatures are rises over a base.

A step has three parts: `begin` (how long it is, and the sub-steps of sites that need shorter ones), `blocks` (all
other sites, by fixed blocks of rows) and `finish` (sums in the order of the blocks). In `blocks` long `stripes` of
sites of one material are done at once, in a loop the compiler makes wide; sites with anything special about them
(a wall held at a temperature, a vessel's sink, another material beside them) are then done again one by one, and
rows that may be hot are gone through for boiling and damage.
"""

from __future__ import annotations

import math

from tumorsim._jit import njit
from tumorsim.fields.bioheat_layout import (
    ALL_LOST,
    BOILING,
    DRY,
    MARGIN,
    NEARLY,
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
    PER_KELVIN,
    REST,
    SOON,
    STEP,
    STEPS,
    STRIPE,
    TISSUE,
    VESSEL,
    WET,
    WORTH,
    ZERO_CELSIUS,
)


@njit
def stripe(c, xm, xp, ym, yp, zm, zp, q, s, new, acc, cond, slope, over, num):  # type: ignore[no-untyped-def]
    """One step of a stretch of sites of one material; all numbers have the precision of the field."""
    one, zero, h2, h3, h4, h5, h6, h7 = num[0], num[1], num[2], num[3], num[4], num[5], num[6], num[7]
    cap, blood, tiny = num[8], num[9], num[10]
    for k in range(new.shape[0]):
        v = c[k]
        m = one + slope * min(v, cap) + one
        n = xm[k]
        f = (m + slope * min(n, cap)) * (n - v)
        n = xp[k]
        f += (m + slope * min(n, cap)) * (n - v)
        n = ym[k]
        f += (m + slope * min(n, cap)) * (n - v)
        n = yp[k]
        f += (m + slope * min(n, cap)) * (n - v)
        n = zm[k]
        f += (m + slope * min(n, cap)) * (n - v)
        n = zp[k]
        f += (m + slope * min(n, cap)) * (n - v)
        f = cond * f + q[k]
        u = s[k]
        z = u * over
        # 1 - (1 - exp(-z)) / z; the solver keeps z below 0.5, where this is exact to 1e-8
        rest = z * h2 * (one - z * h3 * (one - z * h4 * (one - z * h5 * (one - z * h6 * (one - z * h7)))))
        pull = u * (v - blood)
        w = v + over * (one - rest) * (f - pull)
        new[k] = w if abs(w) > tiny else zero
        acc[k] += pull + rest * (f - pull)


@njit
def conduction(p, old, code, cond, slope, offsets, cap):  # type: ignore[no-untyped-def]
    """Heat conducted into a site [W/m3]."""
    m = code[p]
    v = float(old[p])
    mine = 2.0 + slope[m] * min(v, cap)
    total = 0.0
    for d in range(6):
        p2 = p + offsets[d]
        m2 = code[p2]
        if m2 != OUTSIDE:
            n = float(old[p2])
            total += cond[m, m2] * 0.5 * (mine + slope[m2] * min(n, cap)) * (n - v)
    return total


@njit
def exchange(v, power, perfusion, sink, face, face_rise, blood, heat, dt):  # type: ignore[no-untyped-def]
    """Exact step of heat C v' = power - sum of s (v - v_s): gained, and given to blood, sinks, walls [J/m3]."""
    total = perfusion + sink + face
    if total <= 0.0:
        return dt * power, 0.0, 0.0, 0.0
    z = total * dt / heat
    phi = -math.expm1(-z) / z if z > 1e-12 else 1.0
    drive = power + (perfusion + sink) * blood + face * face_rise
    mean = phi * v + (1.0 - phi) * drive / total  # over the step
    to_blood, to_sink = dt * perfusion * (mean - blood), dt * sink * (mean - blood)
    to_face = dt * face * (mean - face_rise)
    return dt * power - to_blood - to_sink - to_face, to_blood, to_sink, to_face


@njit
def settle(v, spent, gained, heat, dry, latent, boil):  # type: ignore[no-untyped-def]
    """Rise and heat spent on boiling after a gain of enthalpy [J/m3]."""
    if spent <= 0.0:
        after = v + gained / heat
        if after <= boil and v <= boil:
            return after, 0.0
        h = heat * (v - boil) if v <= boil else dry * (v - boil)
    elif spent < latent:
        h = spent
    else:
        h = latent + dry * (v - boil)
    h += gained
    if h <= 0.0:
        return boil + h / heat, 0.0
    if h < latent:
        return boil, h
    return boil + (h - latent) / dry, latent


@njit
def lost(omega, omega_vessel, shutdown):  # type: ignore[no-untyped-def]
    """Damage that has closed vessels: perfusion has fallen to exp of minus this."""
    return omega_vessel if shutdown == VESSEL else (omega / 100.0 if shutdown == TISSUE else 0.0)


@njit
def left(omega, omega_vessel, shutdown):  # type: ignore[no-untyped-def]
    """Share of the perfusion that damage has left."""
    gone = lost(omega, omega_vessel, shutdown)
    return math.exp(-gone) if gone > 0.0 else 1.0


@njit
def harm(p, middle, dt, hot, base, table, kinetics, omega, omega_vessel, cem43):  # type: ignore[no-untyped-def]
    """Damage of a site in one step, at the mean of its temperatures; whether there was any."""
    if middle < hot:
        return 0
    x = (middle - hot) * PER_KELVIN
    i = int(x)
    if i + 1 < table.shape[0]:
        x -= i
        tissue = table[i, 0] + x * (table[i + 1, 0] - table[i, 0])
        vessel = table[i, 1] + x * (table[i + 1, 1] - table[i, 1])
        cem = table[i, 2] + x * (table[i + 1, 2] - table[i, 2])
    else:
        kelvin = middle + base + ZERO_CELSIUS
        tissue = math.exp(kinetics[0] - kinetics[1] / kelvin)
        vessel = math.exp(kinetics[2] - kinetics[3] / kelvin)
        cem = 2.0 ** (middle + base - 43.0) / 60.0
    omega[p] += dt * tissue
    omega_vessel[p] += dt * vessel
    cem43[p] += dt * cem
    return 1


@njit
def boiled(p, spent, full, dries, latent, driest, state, q, q0, out):  # type: ignore[no-untyped-def]
    """Write what boiling makes of a site: its state, and what it absorbs."""
    was = latent[p]
    latent[p] = spent
    driest[p] = max(driest[p], spent)
    now = WET if spent <= 0.0 else (BOILING if spent + SOON * max(spent - was, 0.0) < NEARLY * full else DRY)
    if (now == DRY) != (state[p] == DRY):
        out[O_DRIED] += 1.0
    state[p] = now
    if dries and full > 0.0:
        out[O_POWER] += float(q0[p]) * (was - spent) / full
        q[p] = float(q0[p]) * (1.0 - spent / full)


@njit
def specials(b, dries, old, new, top_new, awake_new, grid, fields):  # type: ignore[no-untyped-def]
    """One step of the special sites of one block; the warmest of a row goes to `top_new`."""
    ny = grid.shape[1]
    dt, out = fields.clock[STEP], fields.out[b]
    code, cond, slope, offsets, cap, blood = grid.code, grid.cond, grid.slope, grid.offsets, grid.cap, grid.blood
    site, ends, sink, face, face_rise = grid.site, grid.ends, grid.sink, grid.face, grid.face_rise
    heat, dry, latent, shutdown, hot, base = grid.heat, grid.dry, grid.latent, grid.shutdown, grid.hot, grid.base
    table, kinetics, slot, value, spent_of = grid.table, grid.kinetics, fields.slot, fields.value, fields.spent
    q, q0, s0, cem43 = fields.q, fields.q0, fields.s0, fields.cem43
    omega, omega_vessel = fields.omega, fields.omega_vessel
    spent_at, driest, state, peak, ever = fields.latent, fields.driest, fields.state, fields.peak, fields.ever_hot
    for r in range(grid.edges[b], grid.edges[b + 1]):
        row = (r // ny + 1) * (ny + 2) + r % ny + 1
        if not awake_new[row]:
            continue
        best = -NEVER
        for k in range(ends[row], ends[row + 1]):
            p = site[k]
            v, at, m = float(old[p]), slot[p], code[p]
            if at > 0:
                w, spent = value[at - 1], spent_of[at - 1]
            else:
                power = float(q[p]) + conduction(p, old, code, cond, slope, offsets, cap)
                gained, to_blood, to_sink, to_face = exchange(
                    v, power, float(s0[p]) * left(omega[p], omega_vessel[p], shutdown), sink[k], face[k], face_rise[k],
                    blood, heat[m] if state[p] == WET else math.inf, dt)  # fmt: skip
                out[O_BLOOD] += to_blood
                out[O_SINKS] += to_sink
                out[O_FACES] += to_face
                w, spent = settle(v, spent_at[p], gained, heat[m], dry[m], latent[m], cap)
                out[O_CHANGE] = max(out[O_CHANGE], abs(w - v))
                if spent_at[p] > 0.0 and spent_at[p] + SOON * gained < 0.0:
                    out[O_PACE] = max(out[O_PACE], -gained / heat[m])
            if abs(w) <= REST:
                w = 0.0
            new[p] = w
            if spent > 0.0 or spent_at[p] > 0.0:
                boiled(p, spent, latent[m], dries, spent_at, driest, state, q, q0, out)
            peak[p] = max(peak[p], w)
            hits = harm(p, 0.5 * (v + w), dt, hot, base, table, kinetics, omega, omega_vessel, cem43)
            if hits:
                ever[row] = 1
                out[O_HOT] += 1.0
            best = max(best, w)
        top_new[row] = best


@njit
def warm(b, dries, old, new, top, top_new, awake_new, grid, fields):  # type: ignore[no-untyped-def]
    """Boiling and damage in the rows of one block that may be hot: what the stripes leave to be done."""
    ny, nz = grid.shape[1], grid.shape[2]
    dt, out = fields.clock[STEP], fields.out[b]
    code, special, heat, dry, latent, cap = grid.code, grid.special, grid.heat, grid.dry, grid.latent, grid.cap
    blood, shutdown, hot, base = grid.blood, grid.shutdown, grid.hot, grid.base
    table, kinetics = grid.table, grid.kinetics
    slot, value, spent_of, power, high = fields.slot, fields.value, fields.spent, fields.row_power, grid.high
    q, q0, s, s0, omega, omega_vessel = fields.q, fields.q0, fields.s, fields.s0, fields.omega, fields.omega_vessel
    cem43, spent_at, driest, state, peak = fields.cem43, fields.latent, fields.driest, fields.state, fields.peak
    ever = fields.ever_hot
    change = pace = hits = blood_more = 0.0
    worth = 0.0 if int(fields.clock[STEPS]) % 8 == 0 else WORTH  # of writing perfusion anew
    for r in range(grid.edges[b], grid.edges[b + 1]):
        row = (r // ny + 1) * (ny + 2) + r % ny + 1
        if not awake_new[row]:
            continue
        near = max(max(max(top[row - 1], top[row + 1]), max(top[row - ny - 2], top[row + ny + 2])), top[row])
        near = max(near, high) + dt * power[row] + MARGIN
        if near < hot:
            top_new[row] = near
            continue
        best = top_new[row]
        first = row * (nz + 2) + 1
        for p in range(first, first + nz):
            if special[p] != 0:
                continue
            best = max(best, float(new[p]))
            if new[p] < hot and old[p] < hot:
                continue
            v, w, m, was = float(old[p]), float(new[p]), code[p], spent_at[p]
            spent = was
            if state[p] == DRY:
                w, spent = value[slot[p] - 1], spent_of[slot[p] - 1]
                boiled(p, spent, latent[m], dries, spent_at, driest, state, q, q0, out)
            else:
                if spent > 0.0 or (w > cap and latent[m] > 0.0):
                    gained = heat[m] * (w - v)
                    if spent > 0.0:  # the stripe took it for unperfused
                        pull = dt * float(s0[p]) * left(omega[p], omega_vessel[p], shutdown) * (v - blood)
                        blood_more += pull
                        gained -= pull
                        if spent + SOON * gained < 0.0:  # its steam is nearly gone: then it may change that much
                            pace = max(pace, -gained / heat[m])
                    w, spent = settle(v, spent, gained, heat[m], dry[m], latent[m], cap)
                    boiled(p, spent, latent[m], dries, spent_at, driest, state, q, q0, out)
                change = max(change, abs(w - v))
            new[p] = w
            best = max(best, w)
            peak[p] = max(peak[p], w)
            before = lost(omega[p], omega_vessel[p], shutdown)
            if harm(p, 0.5 * (v + w), dt, hot, base, table, kinetics, omega, omega_vessel, cem43):
                hits += 1.0
                ever[row] = 1
            gone = lost(omega[p], omega_vessel[p], shutdown)
            if spent > 0.0:
                s[p] = 0.0
            elif was > 0.0 or (before < ALL_LOST and gone - before > worth):
                s[p] = float(s0[p]) * math.exp(-gone)
        top_new[row] = best
    out[O_BLOOD] += blood_more
    out[O_HOT] += hits
    out[O_CHANGE] = max(out[O_CHANGE], change)
    out[O_PACE] = max(out[O_PACE], pace)


@njit
def stripes(b, old, new, awake_new, grid, fields):  # type: ignore[no-untyped-def]
    """Stripes over the rows of one block that are awake."""
    ny, nz = grid.shape[1], grid.shape[2]
    sy = nz + 2
    sx = (ny + 2) * sy
    acc, q, s, material = fields.acc[b], fields.q, fields.s, grid.row_material
    acc[:] = 0.0
    r, end = grid.edges[b], grid.edges[b + 1]
    while r < end:
        row = (r // ny + 1) * (ny + 2) + r % ny + 1
        m = material[row]
        if not awake_new[row] or m == OUTSIDE:
            r += 1
            continue
        begin = row
        while r < end and awake_new[row] and material[row] == m:
            r += 1
            row += 1
            if r % ny == 0:
                break
        # the rim between two rows is run over, and repaired by `rim`
        half, slope, over = grid.stripes[m, 0], grid.stripes[m, 1], fields.over[m]
        p, last = begin * sy + 1, row * sy - 1
        while p < last:
            at = p % STRIPE  # a site adds to the same sum whichever rows are awake
            n = min(STRIPE - at, last - p)
            stripe(
                old[p : p + n], old[p - sx : p - sx + n], old[p + sx : p + sx + n], old[p - sy : p - sy + n],
                old[p + sy : p + sy + n], old[p - 1 : p - 1 + n], old[p + 1 : p + 1 + n], q[p : p + n],
                s[p : p + n], new[p : p + n], acc[at : at + n], half, slope, over, grid.num)  # fmt: skip
            p += n
    total = 0.0
    for k in range(STRIPE):
        total += acc[k]
    return total


@njit
def rim(b, new, awake_new, grid):  # type: ignore[no-untyped-def]
    """Repeat finished rows beyond the walls of the box."""
    nx, ny, nz = grid.shape
    sy = nz + 2
    sx = (ny + 2) * sy
    for r in range(grid.edges[b], grid.edges[b + 1]):
        i, j = r // ny, r % ny
        row = (i + 1) * (ny + 2) + j + 1
        if not awake_new[row]:
            continue
        first = row * sy + 1
        last = first + nz
        new[first - 1], new[last] = new[first], new[last - 1]
        if i == 0:
            new[first - sx : last - sx] = new[first:last]
        if i == nx - 1:
            new[first + sx : last + sx] = new[first:last]
        if j == 0:
            new[first - sy : last - sy] = new[first:last]
        if j == ny - 1:
            new[first + sy : last + sy] = new[first:last]


@njit
def block(b, dries, old, new, top, top_new, awake, awake_new, grid, fields):  # type: ignore[no-untyped-def]
    """One step of the rows of one block."""
    ny = grid.shape[1]
    fields.out[b, :] = 0.0
    for r in range(grid.edges[b], grid.edges[b + 1]):
        row = (r // ny + 1) * (ny + 2) + r % ny + 1
        awake_new[row] = awake[row] | awake[row - 1] | awake[row + 1] | awake[row - ny - 2] | awake[row + ny + 2]
    total = stripes(b, old, new, awake_new, grid, fields)
    fields.out[b, O_BLOOD] = fields.clock[STEP] * total
    specials(b, dries, old, new, top_new, awake_new, grid, fields)
    warm(b, dries, old, new, top, top_new, awake_new, grid, fields)
    rim(b, new, awake_new, grid)
