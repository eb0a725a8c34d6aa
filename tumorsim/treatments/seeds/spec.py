"""Keys of `seeds` in a scenario file: permanent seeds, arranged by a rule, or one by one.

Places are in the tissue's own coordinates, from the middle of the box. How many seeds there are is said once: by a
number, by a nomograph, by a spacing, or by the dose that nine tenths of the goal are to have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tumorsim.errors import InputError
from tumorsim.outcomes.reserve import Condition
from tumorsim.treatments.base import Kind
from tumorsim.treatments.limits import percutaneous_limits
from tumorsim.treatments.seeds.spec_list import ACTIVITY, MOST_SEEDS, PlacedSeed, SeedsKey, outside, too_near
from tumorsim.treatments.spec import Choice, Context, OrWord, Quantity, Spec, Whole, Word, YesNo

RULES = ("quimby", "paterson-parker", "paris")
NOMOGRAPHS = ("anderson", "cevc")
WHERE = ("tumour", "thrombus", "residue", "ring")
PLANS = ("replanned", "same")
ATTENUATIONS = ("none", "oil")
DEFAULT_SOURCE = "Amersham 6711"

_RULE_WORDS = {
    "quimby": "on a uniform lattice (Quimby)",
    "paterson-parker": "most of them at the periphery (Paterson and Parker)",
    "paris": "on equidistant parallel lines (Paris)",
}
_WHERE_WORDS = {
    "tumour": "in the outline and {margin}",
    "thrombus": "as a strand along the thrombosed portal vein, as far as the image shows the thrombus",
    "residue": "in what enhances and wherever {margin} round the old outline is not treated",
    "ring": "in {margin} round the treated zone, all of it",
}
_DAY = 86_400


class _SourceName(Word):
    """The name of a seed that comes with the program."""

    def read(self, value: Any) -> str:
        """The name as it is known; ValueError names the nearest."""
        from tumorsim.treatments.seeds.source import SeedSource

        try:
            return SeedSource.named(super().read(value)).name
        except InputError as error:
            raise ValueError(error.problems[0].removeprefix("seed: ") + " (table: FILE).") from None

    def schema(self) -> dict[str, Any]:
        """JSON Schema: the names there are."""
        from tumorsim.treatments.seeds.source import SeedSource

        return {"enum": SeedSource.names()}


class SeedsSpec(Spec):
    """Permanent seeds: which, where, how many, how strong."""

    hints: ClassVar[dict[str, str]] = {
        "dose": "Write prescription: 120 Gy.",
        "strength": "Write the apparent activity of a seed: activity: 0.6 mCi (1 mCi of I-125 is 1.270 U).",
        "isotope": "The isotope is that of the seed: source, or table for one of your own.",
    }

    source: Annotated[str, _SourceName(120)] = Field(
        default=DEFAULT_SOURCE, description="Model of the seed, of those that come with the program"
    )
    table: Annotated[str, Word(500)] | None = Field(
        default=None, description="A file with the TG-43 table of any other seed, relative to this file"
    )
    activity: Annotated[float, ACTIVITY] | None = Field(
        default=None, description="Apparent activity of one seed when it is put in; default: parameter"
    )
    rule: Annotated[str, Choice(RULES)] = Field(
        default="quimby",
        description="How seeds are spread: on a uniform lattice, most at the periphery, or on equidistant lines",
    )
    number: Annotated[int | None, OrWord("auto", Whole(1, MOST_SEEDS))] = Field(
        default=None, description="How many; auto: by the nomograph, from the size of the goal"
    )
    nomograph: Annotated[str, Choice(NOMOGRAPHS)] = Field(
        default="anderson", description="Activity due by the mean diameter of the goal"
    )
    prescription: Annotated[float, Quantity("Gy", "120 Gy", above="0 Gy", at_most="1000 Gy")] | None = Field(
        default=None, description="Dose in all to nine tenths of the goal (D90), from which the number follows"
    )
    spacing: Annotated[float, Quantity("m", "10 mm", above="0 mm", at_most="50 mm")] | None = Field(
        default=None,
        description="Distance of seeds (of lines for paris, along the vein for a strand), in place of number",
    )
    margin: Annotated[float, Quantity("m", "5 mm", at_least="0 mm", at_most="30 mm")] | None = Field(
        default=None, description="Liver around the outline, or the zone, that is irradiated too; default: parameter"
    )
    where: Annotated[str, Choice(WHERE)] = Field(
        default="tumour",
        description="The tumour; its thrombus in the portal vein; after an ablation what the image leaves in doubt "
        "(residue), or the whole ring round the zone (ring)",
    )
    seeds: Annotated[tuple[PlacedSeed, ...], SeedsKey()] = Field(
        default=(),
        description="Each seed by hand: at [x, y, z] from the middle of the tissue, direction of its axis, activity",
    )
    plan: Annotated[str, Choice(PLANS)] = Field(
        default="replanned", description="From the image of the day, or the same as from the baseline image"
    )
    freehand: Annotated[bool, YesNo()] = Field(
        default=False, description="Seeds that parallel needles cannot reach get needles of their own"
    )
    attenuation: Annotated[str, Choice(ATTENUATIONS)] = Field(
        default="none", description="oil: iodised oil that is there takes photons away, along straight rays"
    )

    # --- what is refused ---------------------------------------------------------------------------------

    def problems(self, context: Context) -> Iterator[tuple[str, str]]:
        """A slab, keys that contradict each other, a table that is none, seeds outside the body or in each other."""
        if context.slab:
            yield "seeds" if self.seeds else "", "a slab has no room for a seed. Write tissue.dimensions: 3."
        if self.table is not None and "source" in self.model_fields_set:
            yield "source", "stands beside table, which says all of the seed. Keep one of them."
        if self.table is not None and context.folder is not None:
            yield from self._table(context.folder / self.table)
        yield from self._contradictions()
        if context.box is not None:
            for text in outside(self.seeds, context.box):
                yield "seeds", text
        if context.parameters is not None:
            yield from self._distances(context.parameters)

    @staticmethod
    def _table(file: Path) -> Iterator[tuple[str, str]]:
        from tumorsim.treatments.seeds.source import SeedSource

        if not file.exists():
            yield "table", f"{file}: there is no such file. The name is relative to the scenario file."
            return
        try:
            SeedSource.from_file(file)
        except InputError as error:
            yield "table", "; ".join(line.removesuffix(".") for line in error.problems) + "."

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        written = self.model_fields_set
        if self.seeds:
            for key in ("rule", "number", "nomograph", "prescription", "spacing", "freehand", "plan"):
                if key in written:
                    yield key, "says how seeds are placed, and seeds places each. Keep one of them."
            return
        if self.where == "thrombus":
            for key in ("rule", "number", "nomograph", "prescription", "freehand", "margin"):
                if key in written:
                    yield key, "does not go with a strand, which follows the vein (where: thrombus). Leave it out."
            return
        amounts = [key for key in ("number", "prescription", "spacing") if key in written]
        if len(amounts) > 1:
            said = f"{', '.join(amounts[:-1])} and {amounts[-1]}"
            yield amounts[-1], f"{said} each say how many seeds there are. Keep one of them."
        elif "nomograph" in written and amounts and (amounts != ["number"] or self.number is not None):
            yield "nomograph", f"gives the number of seeds, and so does {amounts[0]}. Keep one of them."
        if self.plan == "same" and self.where != "tumour":
            yield "plan", f"where: {self.where} is read from the image of the day. Leave plan out."

    def _distances(self, parameters: Mapping[str, float]) -> Iterator[tuple[str, str]]:
        for text in too_near(self.seeds, 2.0 * parameters["dose.capsule_radius"]):
            yield "seeds", text
        if self.spacing is None or self.seeds:
            return
        low, high, what = parameters["seeds.least_distance"], None, "seeds"
        if self.where == "thrombus":
            low = parameters["dose.capsule_length"]  # end to end in a catheter
        elif self.rule == "paris":
            low, high, what = parameters["seeds.line_least"], parameters["seeds.line_most"], "lines of the Paris system"
        if self.spacing < low * (1.0 - 1e-9) or (high is not None and self.spacing > high * (1.0 + 1e-9)):
            span = f"{1e3 * low:g} mm or more" if high is None else f"{1e3 * low:g} to {1e3 * high:g} mm"
            yield "spacing", f"{1e3 * self.spacing:g} mm is out of range: {what} lie {span} apart."

    def contraindications(self, condition: Condition, parameters: Mapping[str, float]) -> tuple[str, ...]:
        """A needle must not be put in; see `percutaneous_limits`."""
        return percutaneous_limits(condition, parameters)

    def located(self, folder: Path) -> Spec:
        """With an absolute name of the table."""
        return self if self.table is None else self.model_copy(update={"table": str((folder / self.table).resolve())})

    # --- in words ----------------------------------------------------------------------------------------

    def describe(self) -> str:
        """One sentence for `check`."""
        model = f"model {self.source}" if self.table is None else f"the seed of {Path(self.table).name}"
        strong = "of the usual activity (parameter)" if self.activity is None else f"of {self.activity / 3.7e7:.4g} mCi"
        kind = f"{model}, {strong}"
        oil = "; iodised oil takes photons away" if self.attenuation == "oil" else ""
        if self.seeds:
            many = len(self.seeds)
            return f"{many} {'seed' if many == 1 else 'seeds'}, {kind}, each placed as written{oil}"
        usual = "the usual margin (parameter)"
        margin = usual if self.margin is None else f"a margin of {self.margin * 1e3:g} mm"
        where = _WHERE_WORDS[self.where].format(margin=margin)
        if self.where == "thrombus":
            apart = "at the usual distance (parameter)" if self.spacing is None else f"{self.spacing * 1e3:g} mm apart"
            return f"seeds, {kind}, {where}, {apart}{oil}"
        day = "on the image of the day" if self.plan == "replanned" else "on the baseline image"
        hand = ", with needles of their own for those that parallel ones cannot reach" if self.freehand else ""
        return f"{self._amount()}, {kind}, {_RULE_WORDS[self.rule]} {where} {day}{hand}{oil}"

    def _amount(self) -> str:
        if self.prescription is not None:
            return f"as few seeds as give nine tenths of the goal {self.prescription:g} Gy"
        if self.spacing is not None:
            return f"as many seeds as lie {self.spacing * 1e3:g} mm apart"
        if self.number is not None:
            return "1 seed" if self.number == 1 else f"{self.number} seeds"
        return f"as many seeds as the nomograph of {self.nomograph.capitalize()} gives"


KINDS = (
    Kind(
        "seeds",
        SeedsSpec,
        "tumorsim.treatments.seeds.implant:SeedImplant",
        "permanent seeds",
        read_after=180 * _DAY,
        needs_liver=True,
    ),
)
