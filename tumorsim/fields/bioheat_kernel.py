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
from tumorsim.fields.bioheat_harm import boiled, hot_part, left, settle, warm
from tumorsim.fields.bioheat_layout import (
    NEVER,
    O_BLOOD,
    O_CHANGE,
    O_FACES,
    O_HOT,
    O_SINKS,
    OUTSIDE,
    REST,
    STEP,
    STRIPE,
    WET,
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
def easy(c, xm, xp, ym, yp, zm, zp, q, s, new, acc, cond, slope, over, num):  # type: ignore[no-untyped-def]
    """As `stripe` in two thirds of its time, where nothing is above boiling and z at most `GENTLE`."""
    zero, h2, h3, h4 = num[1], num[2], num[3], num[4]
    blood, tiny = num[9], num[10]
    twice, bent = cond + cond, cond * slope
    for k in range(new.shape[0]):
        v = c[k]
        d = xm[k] - v
        first = d
        second = d * d
        d = xp[k] - v
        first += d
        second += d * d
        d = ym[k] - v
        first += d
        second += d * d
        d = yp[k] - v
        first += d
        second += d * d
        d = zm[k] - v
        first += d
        second += d * d
        d = zp[k] - v
        first += d
        second += d * d
        # cond (2 + slope (v + n)) (n - v), summed
        f = (twice + (bent + bent) * v) * first + bent * second + q[k]
        u = s[k]
        z = u * over
        pull = u * (v - blood)
        f -= pull
        rest = z * (h2 - z * (h2 * h3 - z * (h2 * h3 * h4))) * f
        w = v + over * (f - rest)
        new[k] = w if abs(w) > tiny else zero
        acc[k] += pull + rest


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
def exchange(v, power, perfusion, blood, sink, sink_rise, face, face_rise, heat, dt):  # type: ignore[no-untyped-def]
    """Exact step of heat C v' = power - sum of s (v - v_s): gained, and given to blood, sinks, walls [J/m3]."""
    total = perfusion + sink + face
    if total <= 0.0:
        return dt * power, 0.0, 0.0, 0.0
    z = total * dt / heat
    phi = -math.expm1(-z) / z if z > 1e-12 else 1.0
    drive = power + perfusion * blood + sink * sink_rise + face * face_rise
    mean = phi * v + (1.0 - phi) * drive / total  # over the step
    to_blood, to_sink = dt * perfusion * (mean - blood), dt * sink * (mean - sink_rise)
    to_face = dt * face * (mean - face_rise)
    return dt * power - to_blood - to_sink - to_face, to_blood, to_sink, to_face


@njit
def specials(b, dries, old, new, awake_new, grid, fields):  # type: ignore[no-untyped-def]
    """One step of the special sites of one block."""
    if grid.site.shape[0] == 0:
        return
    dt, out, rows = fields.clock[STEP], fields.out[b], grid.rows
    code, cond, slope, offsets, cap, blood = grid.code, grid.cond, grid.slope, grid.offsets, grid.cap, grid.blood
    site, ends, sink, face, face_rise = grid.site, grid.ends, grid.sink, grid.face, grid.face_rise
    heat, dry, latent, shutdown, hot = grid.heat, grid.dry, grid.latent, grid.shutdown, grid.hot
    table, slot, value, spent_of = grid.table, fields.slot, fields.value, fields.spent
    end, cells, calm = table.shape[0] - 2, table.shape[1] > 3, 0.5 * grid.most
    q, q0, s0, cem43, sink_rise = fields.q, fields.q0, fields.s0, fields.cem43, grid.sink_rise
    omega, omega_vessel, omega_cells = fields.omega, fields.omega_vessel, fields.omega_cells
    spent_at, driest, state, peak, ever = fields.latent, fields.driest, fields.state, fields.peak, fields.ever_hot
    for r in range(grid.edges[b], grid.edges[b + 1]):
        row = rows[r]
        if not awake_new[row]:
            continue
        for k in range(ends[row], ends[row + 1]):
            p = site[k]
            v, at, m = float(old[p]), slot[p], code[p]
            if at > 0:
                w, spent = value[at - 1], spent_of[at - 1]
            else:
                power = float(q[p]) + conduction(p, old, code, cond, slope, offsets, cap)
                gained, to_blood, to_sink, to_face = exchange(
                    v, power, float(s0[p]) * left(omega[p], omega_vessel[p], shutdown), blood, sink[k], sink_rise[k],
                    face[k], face_rise[k], heat[m] if state[p] == WET else math.inf, dt)  # fmt: skip
                out[O_BLOOD] += to_blood
                out[O_SINKS] += to_sink
                out[O_FACES] += to_face
                w, spent = settle(v, spent_at[p], gained, heat[m], dry[m], latent[m], cap)
                out[O_CHANGE] = max(out[O_CHANGE], abs(w - v))
            if abs(w) <= REST:
                w = 0.0
            new[p] = w
            if spent > 0.0 or state[p] != WET:
                boiled(
                    p,
                    abs(w - v),
                    spent,
                    heat[m],
                    latent[m],
                    calm,
                    dries,
                    spent_at,
                    driest,
                    state,
                    q,
                    q0,
                    out,
                )
            peak[p] = max(peak[p], w)
            if max(v, w) >= hot:
                share, place = hot_part(v, w, hot)
                i = min(int(place), end)
                x, during = min(place - i, 1.0), share * dt
                omega[p] += during * (table[i, 0] + x * (table[i + 1, 0] - table[i, 0]))
                omega_vessel[p] += during * (table[i, 1] + x * (table[i + 1, 1] - table[i, 1]))
                cem43[p] += during * (table[i, 2] + x * (table[i + 1, 2] - table[i, 2]))
                if cells:
                    omega_cells[p] += during * (table[i, 3] + x * (table[i + 1, 3] - table[i, 3]))
                ever[row] = 1
                out[O_HOT] += 1.0


@njit
def stripes(b, old, new, awake_new, grid, fields):  # type: ignore[no-untyped-def]
    """Stripes over the rows of one block that are awake."""
    ny, nz = grid.shape[1], grid.shape[2]
    sy = nz + 2
    sx = (ny + 2) * sy
    acc, q, s, material, near = fields.acc[b], fields.q, fields.s, grid.row_material, fields.near
    cap, rows = grid.cap if grid.gentle else -NEVER, grid.rows
    acc[:] = 0.0
    r, end = grid.edges[b], grid.edges[b + 1]
    while r < end:
        row = rows[r]
        m = material[row]
        if not awake_new[row] or m == OUTSIDE:
            r += 1
            continue
        begin = row
        kind = near[row] <= cap  # it is exact where it is near boiling
        while r < end and awake_new[row] and material[row] == m and (near[row] <= cap) == kind:
            r += 1
            row += 1
            if r == end or rows[r] != row:
                break
        # the rim between two rows is run over, and repaired by `rim`
        half, slope, over = grid.stripes[m, 0], grid.stripes[m, 1], fields.over[m]
        p, last = begin * sy + 1, row * sy - 1
        while p < last:
            at = p % STRIPE  # a site adds to the same sum whichever rows are awake
            n = min(STRIPE - at, last - p)
            if kind:
                easy(
                    old[p : p + n], old[p - sx : p - sx + n], old[p + sx : p + sx + n], old[p - sy : p - sy + n],
                    old[p + sy : p + sy + n], old[p - 1 : p - 1 + n], old[p + 1 : p + 1 + n], q[p : p + n],
                    s[p : p + n], new[p : p + n], acc[at : at + n], half, slope, over, grid.num)  # fmt: skip
            else:
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
    nz = grid.shape[2]
    sy, rows, sides = nz + 2, grid.rows, grid.sides
    sx = (grid.shape[1] + 2) * sy
    for r in range(grid.edges[b], grid.edges[b + 1]):
        row = rows[r]
        if not awake_new[row]:
            continue
        first = row * sy + 1
        last = first + nz
        new[first - 1], new[last] = new[first], new[last - 1]
        side = sides[r]
        if side == 0:
            continue
        if side & 1:
            new[first - sx : last - sx] = new[first:last]
        if side & 2:
            new[first + sx : last + sx] = new[first:last]
        if side & 4:
            new[first - sy : last - sy] = new[first:last]
        if side & 8:
            new[first + sy : last + sy] = new[first:last]


@njit
def block(b, dries, old, new, top, top_new, awake, awake_new, grid, fields):  # type: ignore[no-untyped-def]
    """One step of the rows of one block."""
    ny, rows, near = grid.shape[1], grid.rows, fields.near
    fields.out[b, :] = 0.0
    for r in range(grid.edges[b], grid.edges[b + 1]):
        row = rows[r]
        awake_new[row] = awake[row] | awake[row - 1] | awake[row + 1] | awake[row - ny - 2] | awake[row + ny + 2]
        near[row] = max(max(max(top[row - 1], top[row + 1]), max(top[row - ny - 2], top[row + ny + 2])), top[row])
    total = stripes(b, old, new, awake_new, grid, fields)
    fields.out[b, O_BLOOD] = fields.clock[STEP] * total
    specials(b, dries, old, new, awake_new, grid, fields)
    warm(b, dries, old, new, top, top_new, awake_new, grid, fields)
    rim(b, new, awake_new, grid)
