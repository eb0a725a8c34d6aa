"""The patient's liver function: ALBI, Child-Pugh, and what liver lost and regrown does to the blood.

The functional share F is what is left of the liver's volume, with what has grown back, over what there was.
Lost liver L comes back as R by growth of the rest,

    dR/dt = (c L - R) / tau,

with c the share that ever comes back (Yamanaka 1993: in cirrhosis slower and less complete). Albumin is made in
proportion to F (Ballmer 1996) and broken down with its half-life; bilirubin is cleared, and clotting factors are
made, in proportion to F too, and both follow within hours, so they are taken at their steady state. All is
integrated exactly over any time in which L runs along a straight line.

The scores are those of Johnson 2015 (J Clin Oncol 33:550) and Pugh 1973 (Br J Surg 60:646), the latter with INR.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

ASCITES = ("none", "mild", "moderate")
ENCEPHALOPATHY = ("none", "mild", "severe")

UMOL_L = 1e3  # umol/L in a mol/m3
MG_DL = 17.104  # umol/L of bilirubin in a mg/dL (584.66 g/mol)
GRADE_1, GRADE_2 = -2.60, -1.39  # ALBI up to which grade 1 and grade 2 go
FIRST_B, FIRST_C = 7, 10  # points
_LEAST_SHARE = 0.01  # of the liver: nobody lives with so little, and numbers stay finite


def albi(bilirubin: float, albumin: float) -> float:
    """ALBI score of bilirubin [mol/m3] and albumin [kg/m3] (Johnson 2015)."""
    return 0.66 * math.log10(bilirubin * UMOL_L) - 0.085 * albumin


def albi_grade(score: float) -> int:
    """1 to 3; 3 is worst."""
    return 1 if score <= GRADE_1 else 2 if score <= GRADE_2 else 3


def child_pugh(bilirubin: float, albumin: float, inr: float, ascites: str, encephalopathy: str) -> int:
    """Points, 5 to 15, of bilirubin [mol/m3], albumin [kg/m3], INR, `ASCITES` and `ENCEPHALOPATHY` (Pugh 1973)."""
    mg_dl = round(bilirubin * UMOL_L / MG_DL, 3)  # 34.2 umol/L is 2 mg/dL
    points = 1 if mg_dl < 2.0 else 2 if mg_dl <= 3.0 else 3
    points += 1 if albumin > 35.0 else 2 if albumin >= 28.0 else 3
    points += 1 if inr < 1.7 else 2 if inr <= 2.3 else 3
    return points + 1 + ASCITES.index(ascites) + 1 + ENCEPHALOPATHY.index(encephalopathy)


def child_pugh_class(points: int) -> str:
    """``A`` (5-6), ``B`` (7-9) or ``C`` (10-15)."""
    return "A" if points < FIRST_B else "B" if points < FIRST_C else "C"


@dataclass(frozen=True)
class Condition:
    """Blood tests and signs of a patient at one moment.

    Attributes
    ----------
    albumin : float
        [kg/m3], which is g/L.
    bilirubin : float
        [mol/m3].
    platelets : float
        [1/m3].
    inr : float
        International normalised ratio [-].
    ascites, encephalopathy : str
        Of `ASCITES`, `ENCEPHALOPATHY`.
    functional_share : float
        Functional liver as a share of that at the start [-].
    """

    albumin: float
    bilirubin: float
    platelets: float
    inr: float
    ascites: str
    encephalopathy: str
    functional_share: float = 1.0

    @property
    def albi(self) -> float:
        """ALBI score."""
        return albi(self.bilirubin, self.albumin)

    @property
    def albi_grade(self) -> int:
        """ALBI grade, 1 to 3."""
        return albi_grade(self.albi)

    @property
    def child_pugh(self) -> int:
        """Child-Pugh points, 5 to 15."""
        return child_pugh(self.bilirubin, self.albumin, self.inr, self.ascites, self.encephalopathy)

    @property
    def child_pugh_text(self) -> str:
        """Class and points: ``A5``."""
        return f"{child_pugh_class(self.child_pugh)}{self.child_pugh}"


@dataclass(frozen=True)
class StartCondition(Condition):
    """The patient as a run begins.

    Attributes
    ----------
    liver_volume : float or None
        Functional liver [m3] where the scenario gives it; else that of the parameter table or the image.
    treat_anyway : bool
        Treatments are given against their contraindications.
    """

    liver_volume: float | None = None
    treat_anyway: bool = False


@dataclass(frozen=True)
class Recovery:
    """How a liver of ``volume`` [m3] comes back.

    ``time`` tau [s], ``complete`` c [-], ``albumin`` of the patient at the start [kg/m3], ``albumin_half_life`` [s].
    """

    volume: float
    time: float
    complete: float
    albumin: float
    albumin_half_life: float

    @classmethod
    def of(cls, liver: str, volume: float, albumin: float, parameters: Mapping[str, float]) -> Recovery:
        """That of a ``normal`` or ``cirrhotic`` liver by the parameter table."""
        return cls(
            volume,
            parameters[f"condition.{liver}_recovery_time"],
            parameters[f"condition.{liver}_recovery_share"],
            albumin,
            parameters["condition.albumin_half_life"],
        )

    def share(self, lost: float, recovered: float) -> float:
        """Functional share F [-] with ``lost`` and ``recovered`` liver [m3]."""
        return max(_LEAST_SHARE, 1.0 - (lost - recovered) / self.volume)

    def advance(
        self, lost: float, recovered: float, albumin: float, lost_now: float, dt: float
    ) -> tuple[float, float, float]:
        """Liver lost and recovered [m3] and albumin [kg/m3] after ``dt`` [s].

        Parameters
        ----------
        lost, recovered, albumin
            At the beginning.
        lost_now
            Liver lost by the end; in between it runs along a straight line.
        """
        r, k = 1.0 / self.time, math.log(2.0) / self.albumin_half_life
        slope = (lost_now - lost) / dt
        behind = self.complete * slope * self.time  # how far recovery trails a steady loss
        off = recovered - self.complete * lost + behind
        recovered_now = self.complete * lost_now - behind + off * math.exp(-r * dt)
        # with 1 - F = level + rise t - gain exp(-r t), what lacks of albumin obeys dD/dt = k (A0 (1 - F) - D);
        # so written, albumin of a whole liver stays what it was to the last bit
        rise = (1.0 - self.complete) * slope / self.volume
        level = ((1.0 - self.complete) * lost + behind) / self.volume
        gain = off / self.volume
        unmade = -math.expm1(-k * dt) * (level - rise / k) + rise * dt - gain * k * _lag(k, r, dt)
        lack = (self.albumin - albumin) * math.exp(-k * dt) + self.albumin * unmade
        return lost_now, recovered_now, self.albumin - lack


def _lag(k: float, r: float, t: float) -> float:
    """(exp(-r t) - exp(-k t)) / (k - r), also where both rates are the same."""
    x = (k - r) * t
    return math.exp(-r * t) * t * (-math.expm1(-x) / x if x else 1.0)


def inr_of(at_start: float, share: float, slope: float) -> float:
    """INR with a functional share of the liver, given that at the start.

    Prothrombin time is a hyperbola of the activity x of clotting factors (Quick 1935), INR = 1 - s + s / x with
    s = `condition.inr_slope`, and x falls with the functional share.
    """
    return at_start + (at_start - 1.0 + slope) * (1.0 / share - 1.0)


def ascites_of(gradient: float, albumin: float, parameters: Mapping[str, float]) -> str:
    """Ascites that a portal pressure gradient [Pa] and albumin [kg/m3] make: both must be bad."""
    if gradient < parameters["condition.ascites_gradient"]:
        return "none"
    if albumin < parameters["condition.moderate_ascites_albumin"]:
        return "moderate"
    return "mild" if albumin < parameters["condition.mild_ascites_albumin"] else "none"


def decompensated(now: Condition, start: Condition, parameters: Mapping[str, float]) -> bool:
    """Ascites more than at the start, or jaundice that was not there (as Baveno VII, de Franchis 2022, counts)."""
    limit = parameters["condition.jaundice"]
    worse = ASCITES.index(now.ascites) > ASCITES.index(start.ascites)
    return worse or (now.bilirubin > limit >= start.bilirubin)
