"""Thin commands. Data goes to stdout, chatter and progress to stderr; a user's error is one line."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from typer._click.exceptions import ClickException  # typer carries its own copy of click and re-exports no base

from tailgate.cli_history import history_app
from tailgate.cli_keeping import erase, export
from tailgate.cli_quantize import quantize
from tailgate.cli_serve import report_shadow, serve
from tailgate.cli_slices import AsJson, slices_app
from tailgate.errors import ConfigError, TailgateError, UsageError
from tailgate_slices.item import SliceError

if TYPE_CHECKING:
    from tailgate.pipeline.options import CompareOptions
    from tailgate.records import RunVerdict

INTERRUPTED = 128 + signal.SIGINT

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Decides whether a quantized checkpoint may replace its parent: paired, per slice, in the tail.\n\n"
    "Exit codes: 0 pass, 1 regression, 2 usage, 3 inconclusive or uninformative, 4 environment or integrity.",
)
variants_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Methods and checkpoints.")
app.add_typer(slices_app, name="slices")
app.command()(serve)
app.command()(quantize)
app.command()(export)
app.command()(erase)
app.add_typer(variants_app, name="variants")
app.add_typer(history_app, name="history")

RunDir = Annotated[Path, typer.Argument(help="Folder of a finished run.")]
GateName = Annotated[str | None, typer.Option("--gate", help="Gate file, or the name of one: default, quick.")]


def main() -> NoReturn:
    """Run the command line. Errors of the user's end in one line and the exit code of the contract."""
    # A reader that goes away, as `| head` does, ends us quietly: an exit code of 1 would say "regression".
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # Our own progress stands in for the bars of the libraries below.
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except ClickException as error:
        _fail(error.format_message(), 2)
    except TailgateError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except SliceError as error:
        _fail(str(error), UsageError.exit_code)
    except Exception as error:  # whatever it is, it must not end as exit code 1, which says "regression"
        if os.environ.get("TAILGATE_DEBUG"):
            raise
        _fail(f"unexpected {type(error).__name__}: {error}; set TAILGATE_DEBUG=1 for the traceback and report it", 4)


def _fail(message: str, code: int) -> NoReturn:
    print(f"tailgate: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


@app.command()
def compare(  # noqa: PLR0913  # one parameter per option, by typer's design
    baseline: Annotated[str | None, typer.Argument(help="MODEL or MODEL@method[:key=value,...]")] = None,
    candidates: Annotated[list[str] | None, typer.Argument(help="One or several variants of it.")] = None,
    suite: Annotated[str | None, typer.Option(help="Suite name or TOML file (default: tail).")] = None,
    gate: GateName = None,
    engine: Annotated[
        str | None, typer.Option(help="Engine of both sides (default: native; endpoint for addresses).")
    ] = None,
    engine_option: Annotated[
        list[str] | None, typer.Option(help="key=value for vLLM, e.g. tensor_parallel_size=2; repeat it.")
    ] = None,
    gpu_memory: Annotated[
        float | None, typer.Option(help="Share of each GPU's memory for vLLM, all sides together (default: 0.9).")
    ] = None,
    allow_mixed_engines: Annotated[
        bool | None, typer.Option("--allow-mixed-engines", help="Let a server and a loaded model be the two sides.")
    ] = None,
    executor: Annotated[
        Literal["process", "ray"] | None, typer.Option(help="Where engines work (default: process, this one).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Workers of --executor ray (default: one per GPU or node).")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="Ray cluster of this machine: host:port or auto (default: one for the run).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder (default: results/runs/<utc>-<hash>).")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the items (default: the suite's).")] = None,
    max_items: Annotated[int | None, typer.Option(help="Cap per gated cell (default: the gate's).")] = None,
    budget: Annotated[str | None, typer.Option(help="Wall clock after which no batch begins, e.g. 20m.")] = None,
    fixed_n: Annotated[bool | None, typer.Option("--fixed-n", help="Ask every cell up to its cap.")] = None,
    fail_fast: Annotated[bool | None, typer.Option("--fail-fast", help="Stop at the first regression.")] = None,
    controls: Annotated[
        Literal["auto", "none", "only"] | None,
        typer.Option(help="The baseline against itself, and a candidate that must fail (default: auto, both)."),
    ] = None,
    confirm: Annotated[
        bool | None, typer.Option("--confirm", help="Test the parts that lost most on fresh items.")
    ] = None,
    residency: Annotated[
        Literal["both", "one"] | None, typer.Option(help="Models in memory at once; `one`: the sides run in turns.")
    ] = None,
    traffic: Annotated[
        Path | None, typer.Option(help="Production prompts (JSONL, CSV) to weigh the deltas by.")
    ] = None,
    unsafe_exec: Annotated[
        bool | None, typer.Option("--unsafe-exec", help="Where no sandbox works, run generated code without one.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda[:N] (default: CUDA where there is one).")] = None,
    store: Annotated[Path | None, typer.Option(help="Folder of stored answers.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue the run in this folder.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with any of these options.")] = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> int:
    """Compare a model with its quantized variants on tail slices, and decide."""
    given = {
        "baseline": baseline, "candidates": candidates, "suite": suite, "gate": gate, "engine": engine, "out": out,
        "seed": seed, "max_items": max_items, "budget": budget, "fixed_n": fixed_n, "fail_fast": fail_fast,
        "controls": controls, "confirm": confirm, "residency": residency, "device": device, "store": store,
        "traffic": traffic, "unsafe_exec": unsafe_exec, "executor": executor, "workers": workers,
        "ray_address": ray_address, "engine_options": _engine_options(engine_option), "gpu_memory": gpu_memory,
        "allow_mixed_engines": allow_mixed_engines,
    }  # fmt: skip
    given = {key: value for key, value in given.items() if value not in (None, [], {})}
    options = _resumed(resume, given, config) if resume else _options(given, config)
    return _run(options, as_json=as_json, quiet=quiet)


def _engine_options(given: list[str] | None) -> dict[str, str]:
    from tailgate.pipeline.options import parse_engine_options

    return parse_engine_options(given or [])


def _options(given: dict[str, Any], config: Path | None) -> CompareOptions:
    from tailgate.config import load_run_config
    from tailgate.pipeline.options import options_from_table

    filed = load_run_config(config).model_dump(exclude_none=True) if config else {}
    return options_from_table({**filed, **given}, tuple(sys.argv[1:]))


def _resumed(resume: Path, given: dict[str, Any], config: Path | None) -> CompareOptions:
    from dataclasses import replace

    from tailgate.config import parse_duration
    from tailgate.pipeline.options import CompareOptions
    from tailgate.store.run_folder import read_manifest

    if config is not None:
        raise ConfigError(f"--resume continues with the options of its run, not with {config}; leave --config out")
    earlier = CompareOptions.from_manifest(read_manifest(resume), resume)
    budget = given.pop("budget", None)
    budget_s = parse_duration(budget) if budget else earlier.budget_s
    store: Path | None = given.pop("store", None)
    # Where engines work changes no answer: a run may go on elsewhere.
    place = {key: given.pop(key) for key in ("executor", "workers", "ray_address") if key in given}
    if place.get("executor") == "process":
        place |= {"workers": None, "ray_address": None}
    asked = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    for key, value in asked.items():
        if getattr(earlier, key) != value:
            raise ConfigError(f"--resume continues with {key}={getattr(earlier, key)}, not {value}; leave it out")
    return replace(earlier, store=store or earlier.store, budget_s=budget_s, **place)


def _run(options: CompareOptions, *, as_json: bool, quiet: bool) -> int:
    from tailgate.pipeline.compare import compare_variants
    from tailgate.pipeline.options import Silent
    from tailgate.report.json import dump
    from tailgate.report.model import build_view
    from tailgate.report.summary import summary_lines
    from tailgate.store.run_folder import read_outcomes
    from tailgate.terminal import Progress

    try:
        if quiet:
            result = compare_variants(options, Silent())
        else:
            with Progress() as progress:
                result = compare_variants(options, progress)
    except KeyboardInterrupt:
        _fail("interrupted; finished answers are kept, continue with --resume and the run folder", INTERRUPTED)
    if as_json:
        print(dump(result.verdict))
    else:
        print("\n".join(summary_lines(build_view(result.verdict, result.manifest, read_outcomes(result.path)))))
    print(f"report: {result.path / 'report.html'}", file=sys.stderr)
    _tell_job(result.verdict, (result.path / "report.md").read_text(encoding="utf-8"))
    return result.verdict.exit_code


def _with_waivers(run_dir: Path, verdict: RunVerdict, lines: list[str]) -> str:
    """The report of a run below what waivers made of its verdict."""
    report = run_dir / "report.md"
    whole = report.read_text(encoding="utf-8") if report.is_file() else ""
    return "\n".join([f"**After waivers: {verdict.decision}**", "", *(f"- {line}" for line in lines), "", whole])


def _tell_job(verdict: RunVerdict, summary: str) -> None:
    """Where this is a step of a GitHub job: its summary, and annotations on stderr, where a verdict in JSON is not."""
    from tailgate.report import github

    if github.is_job(os.environ):
        github.add_summary(os.environ, summary)
        print("\n".join(github.annotate(verdict)), file=sys.stderr)


@app.command()
def gate(
    run_dir: RunDir,
    gate: GateName = None,
    waivers: Annotated[Path | None, typer.Option(help="TOML file of signed-off regressions.")] = None,
    as_json: AsJson = False,
) -> int:
    """Decide again from stored outcomes; no model."""
    from tailgate.pipeline.decide import decide, waive
    from tailgate.report.json import dump
    from tailgate.report.summary import verdict_lines

    verdict: RunVerdict = decide(run_dir, gate)
    if waivers is not None:
        waived = waive(verdict, waivers)
        verdict = waived.verdict
        print("\n".join(waived.lines), file=sys.stderr)
        _tell_job(verdict, _with_waivers(run_dir, verdict, waived.lines))
    print(dump(verdict) if as_json else "\n".join(verdict_lines(verdict)))
    return verdict.exit_code


@app.command("gate-lint")
def gate_lint(
    old: Annotated[str, typer.Argument(help="Gate file, or the name of one.")],
    new: Annotated[str, typer.Argument(help="The gate that is to replace it.")],
    as_json: AsJson = False,
) -> int:
    """List the thresholds that a new gate weakens; exit code 1 if there are any."""
    from dataclasses import asdict

    from tailgate.config import load_gate
    from tailgate.gate.lint import weakened

    found = weakened(load_gate(old), load_gate(new))
    lines = [str(each) for each in found] or [f"{new} weakens nothing of {old}"]
    print(json.dumps([asdict(each) for each in found], indent=2) if as_json else "\n".join(lines))
    return 1 if found else 0


@app.command("gate-log")
def gate_log(  # one parameter per option, by typer's design
    baseline: Annotated[Path, typer.Argument(help="Log of the baseline: a file, or a folder of them.")],
    candidate: Annotated[Path, typer.Argument(help="Log of the candidate, of the same items.")],
    form: Annotated[str, typer.Option("--from", help="jsonl, lm-eval, inspect or lighteval.")] = "jsonl",
    gate: GateName = None,
    metric: Annotated[str | None, typer.Option(help="Which metric of the log is the score.")] = None,
    as_json: AsJson = False,
) -> int:
    """Decide from logs that other tools wrote; no model."""
    from tailgate.pipeline.gate_log import decide_logs
    from tailgate.report.json import dump
    from tailgate.report.summary import verdict_lines

    verdict = decide_logs(baseline, candidate, form, gate, metric)
    print(dump(verdict) if as_json else "\n".join(verdict_lines(verdict)))
    return verdict.exit_code


@app.command()
def plan(
    suite: Annotated[str, typer.Option(help="Suite name or TOML file.")] = "tail",
    gate: GateName = None,
    score: Annotated[float, typer.Option(help="Assumed score of the baseline.")] = 0.7,
    churn: Annotated[float, typer.Option(help="Assumed share of items that flip without a loss.")] = 0.05,
    loss: Annotated[float, typer.Option(help="Assumed loss of a bad candidate.")] = 0.15,
    as_json: AsJson = False,
) -> None:
    """Say what a suite can show: items to a verdict, detectable losses, chances, tokens; no model."""
    from tailgate.pipeline.plan import Assumptions, forecast, forecast_lines

    found = forecast(suite, gate, Assumptions(score=score, churn=churn, loss=loss))
    print(json.dumps(found.to_dict(), indent=2) if as_json else "\n".join(forecast_lines(found)))


@app.command()
def report(
    run_dir: RunDir,
    formats: Annotated[str, typer.Option("--format", help="Any of html,md,junit,json,svg,png.")] = "html,md,junit,json",
    as_json: AsJson = False,
) -> None:
    """Write the reports of a finished run again, or of what shadow mode saw."""
    from tailgate.pipeline.decide import decide
    from tailgate.pipeline.reports import PICTURES, write_reports
    from tailgate.report.json import dump
    from tailgate.report.render import FORMATS
    from tailgate.store.shadow import holds_shadow

    asked = [name.strip() for name in formats.split(",") if name.strip()]
    wanted = [form for form in FORMATS if form in asked]
    if unknown := sorted(set(asked) - {*FORMATS, *PICTURES}):
        known = ", ".join((*FORMATS, *PICTURES))
        raise UsageError(f"--format {formats}: unknown format '{unknown[0]}'; choose from {known}")
    if holds_shadow(run_dir):
        report_shadow(run_dir, asked, as_json=as_json)
        return
    if as_json:
        print(dump(decide(run_dir)))
        return
    for file in write_reports(run_dir, wanted, [form for form in PICTURES if form in asked]):
        print(file)


@app.command()
def nightly(
    config: Annotated[Path, typer.Argument(help="TOML file: [run] as for compare --config, folder, webhook_env.")],
    as_json: AsJson = False,
) -> int:
    """Run a comparison unattended: locked, resumed after a crash, logged, told to a channel."""
    from tailgate.ops.nightly import describe_night, run_nightly

    night = run_nightly(config)
    print(json.dumps(describe_night(night), indent=2) if as_json else night.line)
    return night.exit_code


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what this machine has: packages, devices, plug-ins, the embedded model."""
    from tailgate.pipeline.doctor import examine

    findings = examine()
    print(
        json.dumps(findings, indent=2) if as_json else "\n".join(f"{key}: {value}" for key, value in findings.items())
    )


@variants_app.command("list")
def variants_list(as_json: AsJson = False) -> None:
    """List the methods that change weights, with their keys."""
    from tailgate.pipeline.catalogue import list_methods

    rows = list_methods()
    print(
        json.dumps(rows, indent=2)
        if as_json
        else "\n".join(f"{r['name']}: {r['summary']} {r['options'] or ''}" for r in rows)
    )


@variants_app.command("inspect")
def variants_inspect(
    spec: str,
    store: Annotated[Path | None, typer.Option(help="Folder of stored answers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a checkpoint is: method, bytes by dtype, fingerprint."""
    from tailgate.pipeline.calibration import inspect_variant

    facts = inspect_variant(spec, store)
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    stored = facts.pop("checkpoint") or {}
    rows = {**facts, **{f"checkpoint {key}": value for key, value in stored.items()}}
    print("\n".join(f"{key}: {value}" for key, value in rows.items()))
