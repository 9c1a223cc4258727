"""`tailgate slices`: what is asked, how hard it is, and whether its cards are looked after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

slices_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What is asked, and how hard it is.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
DataFile = Annotated[
    Path | None, typer.Option("--file", help="Data of a slice made from some: a published one, own:NAME, lm_eval:TASK.")
]


@slices_app.command("list")
def slices_list(as_json: AsJson = False) -> None:
    """List slices and their strata; those of published benchmarks come with their data."""
    from tailgate.pipeline.catalogue import list_lines, list_slices

    rows = list_slices()
    print(json.dumps(rows, indent=2) if as_json else "\n".join(list_lines(rows)))


@slices_app.command("show")
def slices_show(name: str, file: DataFile = None, as_json: AsJson = False) -> None:
    """Print a slice's card: what it catches, how it is scored, where it comes from."""
    from tailgate.pipeline.catalogue import card_lines, show_slice

    card = show_slice(name, file)
    print(json.dumps(card, indent=2, ensure_ascii=False) if as_json else "\n".join(card_lines(card)))


@slices_app.command("generate")
def slices_generate(  # noqa: PLR0913  # one parameter per option, by typer's design
    name: str,
    n: Annotated[int, typer.Option("--n", help="Items in all, round-robin over the strata.")],
    seed: Annotated[int, typer.Option("--seed")],
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="axis=VALUE: only this value; may be repeated.")
    ] = None,
    tokenizer: Annotated[str, typer.Option(help="Variant whose tokenizer measures lengths.")] = "smollm2",
    file: DataFile = None,
    as_json: AsJson = False,
) -> None:
    """Print items of a slice."""
    from tailgate.pipeline.catalogue import ItemRequest, generate_items
    from tailgate_slices.item import shown_prompt

    for item in generate_items(
        ItemRequest(slice=name, n=n, seed=seed, settings=tuple(setting or ()), tokenizer=tokenizer, file=file)
    ):
        shown = shown_prompt(item["prompt"], item.get("system", ""))
        print(json.dumps(item, ensure_ascii=False) if as_json else f"{item['id']}\n{shown}\n")


@slices_app.command("calibrate")
def slices_calibrate(  # one parameter per option, by typer's design
    model: str,
    suite: Annotated[str, typer.Option(help="Suite whose strata are scored.")] = "tail",
    n: Annotated[int, typer.Option("--n", help="Items per stratum.")] = 40,
    out: Annotated[
        Path | None, typer.Option(help="Write a suite of the strata that score from 0.30 to 0.95 above chance.")
    ] = None,
    store: Annotated[Path | None, typer.Option(help="Folder of stored answers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score a baseline on the strata of a suite, with the seeds of the calibration draw."""
    from tailgate.pipeline.calibration import calibrate_model, check_out, write_suite
    from tailgate.terminal import Progress

    if out is not None:
        check_out(out, suite)
    with Progress() as progress:
        table = calibrate_model(model, suite, n, store, progress)
    print(
        json.dumps(table, indent=2)
        if as_json
        else "\n".join(f"{k}: {v['correct']}/{v['n']}" for k, v in table["cells"].items())
    )
    if out is not None:
        with Progress() as progress:
            write_suite(out, suite, table, progress)


@slices_app.command("lint")
def slices_lint(as_json: AsJson = False) -> int:
    """Check the cards of all slices, published ones included; exit code 1 if one has a gap or its review is overdue."""
    from tailgate.pipeline.catalogue import lint_cards

    problems = lint_cards()
    print(json.dumps(problems, indent=2) if as_json else "\n".join(problems or ["all cards are complete"]))
    return 1 if problems else 0


@slices_app.command("check")
def slices_check(file: Path, as_json: AsJson = False) -> None:
    """Read a JSONL or CSV file of your own prompts as a slice, and say what is in it."""
    from tailgate.pipeline.catalogue import check_lines, check_prompts

    found = check_prompts(file)
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else "\n".join(check_lines(found)))
