"""Colours of the report: told apart with every form of colour vision, never the only sign of a thing."""

from __future__ import annotations

from collections.abc import Iterable

#: Arms (Okabe, Ito, 2008; the yellow is left out: too pale for a line). Light and dark page.
ARMS = (
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#ff8a3d"),
    ("#009e73", "#2fc79b"),
    ("#b3578b", "#e29ac2"),
    ("#4d4d4d", "#c4c4c4"),
    ("#b07a00", "#e69f00"),
    ("#3d9bdc", "#9cc3de"),
    ("#7a4b2a", "#c99a76"),
)
DASHES = ("none", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 2", "6 2 1 2")

#: Categories (Tol, "muted", SRON/EPS/TN/09-002, 2021) for causes, reasons.
MUTED = ("#44aa99", "#882255", "#ddcc77", "#88ccee", "#cc6677", "#332288", "#117733", "#aa4499", "#999933", "#6699cc",
         "#661100", "#888888")  # fmt: skip

#: Dead tissue by what killed it: pale, so that what is alive and the vessels stand out.
CAUSES = {
    "ischaemia": "#f2b879",
    "starvation": "#b9a88e",
    "turnover": "#d8d2c2",
    "heat": "#d97b66",
    "radiation": "#9ccfb4",
    "ethanol": "#9fc4e0",
}
OTHER_CAUSES = ("#e3d26f", "#c7a0b8", "#a5b56f", "#8fb8b0", "#d4a373", "#b0b0b0")

#: Damage by heat, from little to much; it is even from one to the next.
DAMAGE = ("#f2d9c9", "#e3a88a", "#cc7757", "#a84a35", "#7a2720")
#: pictures of ablation: the zone pale, what escaped dark, the plan a line
COAGULATED, COAGULATED_BEFORE, ESCAPED, PLANNED = "#ec9d86", "#d9b8ac", "#332288", "#0072b2"
LIVER, TUMOUR, MEDIUM = "#efe7e0", "#e3dbe6", "#e2eef5"
ARTERIAL, PORTAL, VENOUS, EXTRAHEPATIC = "#d0202e", "#1668c7", "#8a8f96", "#e08a00"
THROMBUS = "#7a4a1e"
#: by the number of the kind in the vessel graph
VESSELS = {0: ("artery", ARTERIAL), 1: ("portal vein", PORTAL), 2: ("hepatic vein", VENOUS),
           3: ("artery from outside the liver", EXTRAHEPATIC), 5: ("other vessel", VENOUS)}  # fmt: skip
#: beside the tumour, by the beginning of the name: walls dark, what they hold pale
BESIDE = {
    "wall": "#8c5a4f", "diaphragm": "#a8433f", "bile": "#bcc77a", "inside": "#d9d2c0", "lung": "#dfe6ec",
    "outside": "#f3e6b8", "saline": "#8fd3ea", "dextrose": "#b3c7f0",
}  # fmt: skip
BLOOD = {"arterial": ARTERIAL, "portal": PORTAL, "extrahepatic": EXTRAHEPATIC}


def of_causes(names: Iterable[str]) -> dict[str, str]:
    """A colour for each cause: its own where it has one, else the next free one."""
    others = iter(OTHER_CAUSES * 8)
    return {name: CAUSES[name] if name in CAUSES else next(others) for name in names}


def of_beside(names: Iterable[str]) -> list[str]:
    """A colour for each thing beside the tumour, by its name; white for liver itself."""
    return [BESIDE.get(name.split(" ")[0], "#ffffff") for name in names]


def of_reasons(names: Iterable[str]) -> dict[str, str]:
    """A colour for each reason, in the order given, so that a reason keeps its colour through the report."""
    return {name: MUTED[i % len(MUTED)] for i, name in enumerate(dict.fromkeys(names))}
