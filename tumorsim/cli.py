"""The command line. Every check comes before anything is made; exit 0 done, 1 failed, 2 input refused.

Everything that takes time to import is imported inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tumorsim import __version__
from tumorsim.errors import InputError, nearest

MAX_SEED = 2**32 - 1
FAILED, REFUSED, INTERRUPTED = 1, 2, 130


class _Group(TyperGroup):
    """Names the nearest command when one is misspelt."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:
            known = self.list_commands(ctx)
            ctx.fail(f"No such command '{args[0]}'.{nearest(args[0], known)} Commands: {', '.join(known)}.")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Group,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Which tumour cells are left after which treatments, where, and why. "
    "A research and teaching model; not for deciding anyone's care.",
)

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A scenario file, or a shipped one by name.")]
FilesArgument = Annotated[list[str], typer.Argument(metavar="FILE...", help="Scenario files or shipped names.")]
Seed = Annotated[int | None, typer.Option(min=0, max=MAX_SEED, help="Instead of the seed in the file.")]
Threads = Annotated[int, typer.Option(min=1, max=256, help="Threads of one run; results do not depend on it.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the results [default: results/<name>].")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over results in that folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]


def _command(function: Callable[..., None]) -> Callable[..., None]:
    """A command: problems in words on stderr, the right exit code, no traceback."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except InputError as error:
            for problem in error.problems:
                typer.echo(problem, err=True)
            raise typer.Exit(REFUSED) from None
        except KeyboardInterrupt:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # the reader of a pipe has gone; nothing more to say to it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except typer.Exit:
            raise
        except Exception as error:
            if os.environ.get("TUMORSIM_DEBUG"):
                raise
            what = "not enough memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
            typer.echo(f"tumorsim failed: {what}\nSet TUMORSIM_DEBUG=1 to see where.", err=True)
            raise typer.Exit(FAILED) from None

    return app.command()(guarded)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tumorsim {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Suggest where to start when no command is given."""
    if ctx.invoked_subcommand is None:
        typer.echo(
            f"tumorsim {__version__}: a liver tumour on its vessels, embolised or not. Start with:\n\n"
            "  tumorsim examples                          list the shipped scenarios\n"
            "  tumorsim check tace_lobar                  say in words what one will do\n"
            "  tumorsim compare untreated tace_lobar      run both for the same patients and compare\n\n"
            "All commands: tumorsim --help"
        )


# --- running ---------------------------------------------------------------------------------------------


@_command
def run(
    file: FileArgument,
    seed: Seed = None,
    threads: Threads = 1,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help='Change a value: --set tissue.tumour.diameter="30 mm"'),
    ] = None,
    out: Out = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Run one scenario for one patient."""
    from tumorsim.scenario.load import values_from_texts
    from tumorsim.scenario.request import prepare

    values, problems = values_from_texts(set_ or [])
    (scenario,), place = prepare(
        [file], out, seed=seed, overwrite=overwrite, values=values, how="--set", found=problems
    )
    from tumorsim.studies.run import run_scenario

    with _progress(quiet) as progress:
        run_scenario(scenario, out=place, threads=threads, overwrite=overwrite, progress=progress)
        _report(place, progress)
    _done(place, quiet)


@_command
def compare(
    files: FilesArgument,
    patients: Annotated[int, typer.Option(min=1, max=100_000, help="Virtual patients, the same in every arm.")] = 8,
    seed: Seed = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Processes [default: one for each core].")
    ] = None,
    threads: Threads = 1,
    out: Out = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Run two or more scenarios for the same patients and compare them."""
    from tumorsim.scenario.request import prepare

    few = ["compare needs two or more scenarios. For one, use: tumorsim run"] if len(files) < 2 else []
    scenarios, place = prepare(files, out, seed=seed, overwrite=overwrite, found=few)
    from tumorsim.studies.compare import compare_scenarios

    with _progress(quiet) as progress:
        compare_scenarios(
            scenarios,
            patients=patients,
            workers=workers or min(patients, os.cpu_count() or 1),
            threads=threads,
            out=place,
            overwrite=overwrite,
            progress=progress,
        )
        _report(place, progress)
    _done(place, quiet)


@_command
def vessels(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A vessel network: .graphml or network.dat.")],
    plot: Annotated[
        str | None, typer.Option(metavar="OUT.png", help="Draw it: flow, pressure, haematocrit, shear, transit.")
    ] = None,
    close: Annotated[
        str | None, typer.Option(metavar="EDGE,...", help="Close these vessels (names, or #numbers from 0).")
    ] = None,
    beads: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Give beads of this diameter to stasis: '100 um'.")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="NODE", help="Where beads are given: a node, or a vessel.")] = None,
    cell_volume: Annotated[
        str | None,
        typer.Option(metavar="VOLUME", help="Volume of a red cell [default: 92 fL, human; rat 55 fL]."),
    ] = None,
    phase_separation: Annotated[
        str | None,
        typer.Option(metavar="LAW", help="2005, 1990 or none [default: 2005 where entering haematocrits are known]."),
    ] = None,
    po2: Annotated[
        str | None, typer.Option(metavar="OUT.png", help="Draw the oxygen of its tissue (rat; human from 75 fL on).")
    ] = None,
    csv: Annotated[str | None, typer.Option(metavar="OUT.csv", help="Write the table of all vessels.")] = None,
) -> None:
    """Solve the blood flow of a vessel network, close vessels or embolise it, and report before and after."""
    from tumorsim.report.network_report import Request, report_network

    typer.echo(report_network(Request(file, plot, close, beads, at, cell_volume, phase_separation, po2, csv)))


# --- looking ---------------------------------------------------------------------------------------------


@_command
def check(files: FilesArgument) -> None:
    """Name every error in scenario files, or say in words what they will do."""
    from tumorsim.scenario.explain import explain
    from tumorsim.scenario.request import try_load

    loaded = [try_load(file) for file in files]
    problems = [line for _, lines in loaded for line in lines]
    for scenario, _ in loaded:
        if scenario is not None:
            typer.echo(explain(scenario) + "\n")
    if problems:
        raise InputError(problems)


@_command
def dose(
    file: FileArgument,
    plot: Annotated[
        str | None, typer.Option(metavar="OUT.svg", help="Draw histograms and isodoses of the plan.")
    ] = None,
    patient: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Number of the virtual patient.")] = 0,
    seed: Seed = None,
) -> None:
    """Say what the seeds of a scenario would give as planned, before it is run: D90, V100, organs."""
    from tumorsim.report.dose_report import dose_report

    typer.echo(dose_report(file, plot, patient=patient, seed=seed))


@_command
def schema() -> None:
    """Print the JSON Schema of a scenario file, for editors."""
    import json

    from tumorsim.scenario.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@_command
def examples(
    copy: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Copy the scenarios and their schema into a folder.")
    ] = None,
) -> None:
    """List the shipped scenarios, or copy them to change them."""
    from tumorsim.scenario import Scenario, packaged
    from tumorsim.scenario.explain import one_line

    if copy is None:
        for name in packaged.names():
            typer.echo(f"{name:<22} {one_line(Scenario.load(name))}")
        typer.echo("\nRun one by its name: tumorsim run tace_lobar")
        return
    files = packaged.copy_to(copy)
    typer.echo(f"{len(files)} files copied to {copy}")


@_command
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of results.")],
) -> None:
    """Run a result folder again and say whether the results are the same."""
    _must_hold_results(folder)
    from tumorsim.studies.again import run_again
    from tumorsim.studies.verify import verify as verify_folder

    same, text = verify_folder(folder, run_again)
    typer.echo(text)
    if not same:
        raise typer.Exit(FAILED)


@_command
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of results, of this version or earlier.")],
    to: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Where to [default: report.html in the folder].")
    ] = None,
) -> None:
    """Write the report of a result folder again, as one HTML file."""
    _must_hold_results(folder)
    if to is not None and not to.parent.is_dir():
        raise InputError(f"--to: {to.parent}: there is no such folder.")
    from tumorsim.report.results import Results

    results = Results.open(folder)
    written = results.report(to)
    if results.older:
        typer.echo(results.older, err=True)
    typer.echo(f"Report:  {written}")


@_command
def view(
    scenario: Annotated[
        str, typer.Argument(metavar="[SCENARIO]", help="A scenario file, or a shipped one by name.")
    ] = "tace_lobar",
    port: Annotated[
        int | None, typer.Option(min=1024, max=65535, help="Port on this computer [default: a free one].")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Open the page: play a scenario step by step in a browser."""
    from tumorsim.scenario import Scenario

    Scenario.load(scenario)  # what is wrong with it is said here, not in the browser
    from tumorsim.launch import view as open_page

    open_page(scenario, port=port, browser=browser)


# --- parts of commands -----------------------------------------------------------------------------------


def _must_hold_results(folder: Path) -> None:
    if not (folder / "manifest.json").is_file():
        why = "there is no such folder" if not folder.exists() else "holds no results (manifest.json is not there)"
        raise InputError(f"{folder}: {why}.")


def _progress(quiet: bool) -> Any:
    from contextlib import nullcontext

    if quiet:
        return nullcontext()
    from tumorsim.studies.progress import Progress

    return Progress()


def _report(place: Path, progress: Any) -> None:
    from tumorsim.report.results import Results

    if progress is not None:
        progress("writing the report", 0, 0)
    Results.open(place).report()


def _done(place: Path, quiet: bool) -> None:
    if quiet:
        return
    from tumorsim.report.results import Results

    typer.echo("\n".join(Results.open(place).sentences()))
    typer.echo(f"Results: {place}")
    typer.echo(f"Report:  {place / 'report.html'}")


def main() -> None:
    """Entry point of the ``tumorsim`` command."""
    try:
        app()
    except KeyboardInterrupt:  # while something was being imported
        sys.exit(INTERRUPTED)
