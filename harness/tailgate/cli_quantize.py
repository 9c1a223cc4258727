"""`tailgate quantize`: write a quantized checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from tailgate.cli_slices import AsJson


def quantize(  # noqa: PLR0913  # one parameter per option, by typer's design
    model: Annotated[str, typer.Argument(help="smollm2, a folder, a .gguf file or a hub id; not quantized yet.")],
    method: Annotated[
        str,
        typer.Option(
            help="gptq-int4, gptq-int8, awq-int4, w8a8, nf4, int8, fp8, rtn, fp16, bf16 or fp32; keys as in "
            "gptq-int4:group=64,sym=false."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist.")],
    calibration: Annotated[
        str | None,
        typer.Option(help="Mix of calibration text, e.g. en:0.5,sw:0.25,code:0.25 or own.jsonl (default: en)."),
    ] = None,
    samples: Annotated[int | None, typer.Option(help="Samples of calibration text (default: 128).")] = None,
    length: Annotated[int | None, typer.Option(help="Tokens of a sample (default: 512).")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the calibration text (default: 0).")] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of a hub id.")] = None,
    python: Annotated[
        Path | None, typer.Option(help="Python of an environment that has llm-compressor, for gptq, awq and w8a8.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a quantized checkpoint, calibrated on text of chosen languages, and record how it was made."""
    from tailgate.quantize.produce import Request, produce

    request = Request(
        model=model,
        method=method,
        out=out,
        mix=calibration,
        samples=samples,
        length=length,
        seed=seed,
        revision=revision,
        python=python,
        **({"tell": _to_terminal} if sys.stderr.isatty() else {}),
    )
    record = produce(request)
    print(json.dumps({"out": str(out), **record}, indent=2, ensure_ascii=False) if as_json else out)


def _to_terminal(line: str) -> None:
    print(line, file=sys.stderr)
