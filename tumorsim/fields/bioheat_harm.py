"""Compiled loops of the bioheat solver over sites that may be hot: damage, lost perfusion, boiling.

Damage of a row of sites in which little changes is added up once in some steps, by the mean of the temperatures at
both ends: while no site of it changed by more than `STILL` or lost more than `STEADY` of its perfusion at the pace of
the last look, none is within `CLEAR` of boiling, and the march does not end. Which rows wait follows from their own
temperatures alone, so that neither threads nor rows that are skipped change a bit.
"""

from __future__ import annotations

import math

from tumorsim._jit import njit
from tumorsim.fields.bioheat_layout import (
    ALL_LOST,
    BOILING,
    CLEAR,
    DRY,
    LAST,
    MARGIN,
    NEARLY,
    NEVER,
    O_BLOOD,
    O_CHANGE,
    O_DRIED,
    O_HOT,
    O_PACE,
    O_POWER,
    PER_KELVIN,
    SOON,
    STEADY,
    STEP,
    STEPS,
    STILL,
    TIME,
    TISSUE,
    TOGETHER,
    VESSEL,
    WET,
    WORTH,
)


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
def hot_part(u, w, hot):  # type: ignore[no-untyped-def]
    """Of a span in which a rise went straight from u to w: the share in which it was hot, and its mean rise then.

    The mean is given as its place in the table of rates.
    """
    low, high = min(u, w), max(u, w)
    if low >= hot:
        return 1.0, (0.5 * (low + high) - hot) * PER_KELVIN
    return max(high - hot, 0.0) / (high - low), max(0.5 * (high - hot), 0.0) * PER_KELVIN


@njit
def boiled(p, moved, spent, heat, full, calm, dries, latent, driest, state, q, q0, out):  # type: ignore[no-untyped-def]
    """Write what boiling makes of a site that changed so much: its state, and what it absorbs.

    A site with sub-steps that does not boil any more keeps them until it changes by `calm` at most in a step.
    """
    was = latent[p]
    latent[p] = spent
    driest[p] = max(driest[p], spent)
    gained = SOON * (spent - was)
    now = WET
    if spent > 0.0:  # where its steam or its water is nearly gone, it may change fast
        now = BOILING if spent + gained > 0.0 and spent + max(gained, 0.0) < NEARLY * full else DRY
    elif state[p] == DRY and (was > 0.0 or moved > calm):
        now = DRY
    else:  # in the next step it may lose as much, and no longer of its steam
        out[O_PACE] = max(out[O_PACE], moved + was / heat)
    if (now == DRY) != (state[p] == DRY):
        out[O_DRIED] += 1.0
    state[p] = now
    if dries and full > 0.0:
        out[O_POWER] += float(q0[p]) * (was - spent) / full
        q[p] = float(q0[p]) * (1.0 - spent / full)


@njit
def highest(whole, first, last):  # type: ignore[no-untyped-def]
    """Integer of the highest rise of a row, below 0 where none is above 0.

    Numbers above 0 are in the order of the integers that their bits spell, and integers the compiler compares many
    at a time.
    """
    row = whole[first:last]
    best = row[0]
    for k in range(row.shape[0]):
        best = max(best, row[k])
    return best


@njit
def boil(row, dries, old, new, grid, fields, out):  # type: ignore[no-untyped-def]
    """Boiling in a row that is near it; fastest change of a site that did, and the highest rise of the row."""
    nz, dt = grid.shape[2], fields.clock[STEP]
    code, special, heat, dry, latent, cap = grid.code, grid.special, grid.heat, grid.dry, grid.latent, grid.cap
    slot, value, spent_of, q, q0, s0 = fields.slot, fields.value, fields.spent, fields.q, fields.q0, fields.s0
    s, omega, omega_vessel, shutdown = fields.s, fields.omega, fields.omega_vessel, grid.shutdown
    spent_at, driest, state, calm = fields.latent, fields.driest, fields.state, 0.5 * grid.most
    best = -NEVER
    first = row * (nz + 2) + 1
    for p in range(first, first + nz):
        if special[p] == 0 and (new[p] >= grid.hot or old[p] >= grid.hot):
            v, w, m, was = float(old[p]), float(new[p]), code[p], spent_at[p]
            spent, still = was, state[p] == WET
            if state[p] == DRY:
                w, spent = value[slot[p] - 1], spent_of[slot[p] - 1]
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
            elif spent > 0.0 or (w > cap and latent[m] > 0.0):
                gained = heat[m] * (w - v)
                if spent > 0.0:  # the stripe took it for unperfused
                    pull = dt * float(s0[p]) * left(omega[p], omega_vessel[p], shutdown) * (v - grid.blood)
                    out[O_BLOOD] += pull
                    gained -= pull
                w, spent = settle(v, spent, gained, heat[m], dry[m], latent[m], cap)
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
            new[p] = w
            if state[p] != WET:
                s[p] = 0.0
            elif not still:
                s[p] = float(s0[p]) * left(omega[p], omega_vessel[p], shutdown)
        best = max(best, float(new[p]))
    return best


@njit
def warm(b, dries, old, new, top, top_new, awake_new, grid, fields):  # type: ignore[no-untyped-def]
    """Boiling and damage in the rows of one block that may be hot: what the stripes leave to be done."""
    nz, rows = grid.shape[2], grid.rows
    dt, out, clock = fields.clock[STEP], fields.out[b], fields.clock
    special, cap, shutdown, hot, high = grid.special, grid.cap, grid.shutdown, grid.hot, grid.high
    table, power, near = grid.table, fields.row_power, fields.near
    end, cells = table.shape[0] - 2, table.shape[1] > 3
    s, s0, omega, omega_vessel, omega_cells = fields.s, fields.s0, fields.omega, fields.omega_vessel, fields.omega_cells
    cem43, state, peak, listed = fields.cem43, fields.state, fields.peak, fields.listed
    slot, ever, seen, looked, due, speed = (
        fields.slot,
        fields.ever_hot,
        fields.seen,
        fields.looked,
        fields.due,
        fields.speed,
    )
    bits = fields.bits[b]
    whole, rise = new.view(bits.dtype), bits.view(new.dtype)
    change = hits = 0.0
    last = clock[LAST] > 0.0
    often = int(clock[STEPS]) % 8 == 0
    for r in range(grid.edges[b], grid.edges[b + 1]):
        row = rows[r]
        if not awake_new[row]:
            continue
        warmest = max(near[row], high) + dt * power[row] + MARGIN
        since = looked[row]
        if warmest < hot and since < 0.0:
            top_new[row] = warmest
            continue
        first = row * (nz + 2) + 1
        bits[0] = highest(whole, first, first + nz)
        best = max(0.0, float(rise[0]))
        boils = max(best, top[row]) >= cap - CLEAR or listed[row] > 0
        if boils:
            best = boil(row, dries, old, new, grid, fields, out)
        top_new[row] = best
        if since < 0.0 and max(best, top[row]) < hot:
            continue
        if since >= 0.0 and clock[TIME] + 1.5 * dt < due[row] and not (boils or last):
            change = max(change, speed[row] * dt)
            continue
        span, ref = (dt, old) if since < 0.0 else (clock[TIME] + dt - since, seen)
        worth = 0.0 if often or since >= 0.0 else WORTH  # of writing perfusion anew
        moved = closed = 0.0
        found = False
        for p in range(first, first + nz):
            w, u = float(new[p]), float(ref[p])
            if (w < hot and u < hot) or special[p] != 0:
                continue
            found = True
            if slot[p] <= 0:
                moved = max(moved, abs(w - float(old[p])))
            peak[p] = max(peak[p], w)
            before = lost(omega[p], omega_vessel[p], shutdown)
            # written out here and in `specials`: a call would count references of its arrays at every site
            share, at = hot_part(u, w, hot)
            i = min(int(at), end)
            x, during = min(at - i, 1.0), share * span
            omega[p] += during * (table[i, 0] + x * (table[i + 1, 0] - table[i, 0]))
            omega_vessel[p] += during * (table[i, 1] + x * (table[i + 1, 1] - table[i, 1]))
            cem43[p] += during * (table[i, 2] + x * (table[i + 1, 2] - table[i, 2]))
            if cells:
                omega_cells[p] += during * (table[i, 3] + x * (table[i + 1, 3] - table[i, 3]))
            gone = lost(omega[p], omega_vessel[p], shutdown)
            hits += 1.0
            if before < ALL_LOST and gone - before > worth and state[p] == WET:
                closed = max(closed, float(s[p]) * (gone - before) / (float(s0[p]) + 1e-300))
                s[p] = float(s0[p]) * math.exp(-gone)
        change = max(change, moved)
        looked[row] = -1.0
        if found:
            ever[row] = 1
            together = min(TOGETHER, STILL / (moved + 1e-300), STEADY * span / (dt * closed + 1e-300))
            if together >= 2.0 and not (boils or last):
                looked[row] = clock[TIME] + dt
                due[row], speed[row] = clock[TIME] + dt * (1.0 + together), moved / dt
                seen[first : first + nz] = new[first : first + nz]
    out[O_HOT] += hits
    out[O_CHANGE] = max(out[O_CHANGE], change)
