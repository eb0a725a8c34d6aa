"""What a patient's condition forbids, shared by the treatments that declare it: pure functions of blood tests.

Each gives the reasons against, none where nothing is against it; a treatment's keys name theirs in
`Spec.contraindications`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tumorsim.outcomes.reserve import ASCITES, UMOL_L, Condition

PER_NL = 1e-12  # per nL in a 1/m3


def embolisation_limits(condition: Condition, parameters: Mapping[str, float]) -> tuple[str, ...]:
    """Why arteries of a liver are not embolised: decompensated cirrhosis, jaundice, untreated ascites.

    (EASL 2018, J Hepatol 69:182; BCLC 2022, Reig, J Hepatol 76:681.)
    """
    found = []
    points = parameters["condition.embolisation_child_pugh"]
    if condition.child_pugh >= points:
        found.append(f"Child-Pugh {condition.child_pugh_text} is {points:g} points or more")
    bilirubin = parameters["condition.embolisation_bilirubin"]
    if condition.bilirubin > bilirubin:
        found.append(f"bilirubin {condition.bilirubin * UMOL_L:.3g} umol/L is above {bilirubin * UMOL_L:.3g}")
    if ASCITES.index(condition.ascites) >= parameters["condition.embolisation_ascites"]:
        found.append(f"{condition.ascites} ascites")
    return tuple(found)


def percutaneous_limits(condition: Condition, parameters: Mapping[str, float]) -> tuple[str, ...]:
    """Why no needle is put into a liver: too few platelets, or clotting too slow (Patel 2019)."""
    found = []
    platelets = parameters["condition.percutaneous_platelets"]
    if condition.platelets < platelets:
        found.append(f"platelets {condition.platelets * PER_NL:.3g} per nL are below {platelets * PER_NL:.3g}")
    inr = parameters["condition.percutaneous_inr"]
    if condition.inr > inr:
        found.append(f"INR {condition.inr:.3g} is above {inr:.3g}")
    return tuple(found)
