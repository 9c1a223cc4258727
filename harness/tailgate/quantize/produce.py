"""`tailgate quantize`: read the parent, write the checkpoint whole or not at all, record how it was made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailgate.errors import IntegrityError, UsageError, VariantError
from tailgate.quantize import llm_compressor
from tailgate.quantize.calibration import Calibration, Drawn, draw, parse_mix
from tailgate.quantize.folder import Workshop, check_free, new_folder
from tailgate.quantize.llm_compressor import Task
from tailgate.quantize.methods import Chosen, choose, require_bitsandbytes
from tailgate.quantize.record import build_record, write_record

DEFAULT_MIX, DEFAULT_SAMPLES, DEFAULT_LENGTH = "en", 128, 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for. Settings of the calibration text are None where they were not given."""

    model: str
    method: str
    out: Path
    mix: str | None = None
    samples: int | None = None
    length: int | None = None
    seed: int | None = None
    revision: str | None = None
    python: Path | None = None  # of the environment that has llm-compressor
    tell: Callable[[str], None] = lambda line: None  # told what that environment says while it works


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """What is known of the parent once it has been read."""

    fingerprint: str
    generation: Any
    heads: tuple[str, ...]
    dtype: Any


def produce(request: Request) -> dict[str, Any]:
    """Quantize a model into a new folder; returns the record that lies beside the weights.

    Raises
    ------
    UsageError
        The request cannot be served as written; see also `choose`, `parse_mix` and `draw`.
    VariantError
        The model is quantized already.
    IntegrityError
        The method would leave some of the model's weight matrices as they are.
    MissingPackageError, CheckpointError, OutputError
        What the machine lacks, a damaged model, a full disk.
    """
    from tailgate.quantize.checkpoint import check_checkpoint, write_companions

    chosen = choose(request.method)
    check_free(request.out)
    calibration = _calibration(request, chosen)
    tool = chosen.method.tool
    if tool == "bitsandbytes":
        require_bitsandbytes(request.method)
    _check_python(request, chosen)
    python = llm_compressor.find_python(request.method, request.python) if tool == "llm-compressor" else None
    variant = _plain_variant(request)
    drawn = draw(calibration, variant.tokenizer, variant.context_length) if calibration else None
    with new_folder(request.out) as workshop:
        parent = _write_parent(variant, chosen, workshop)
        libraries = _bitsandbytes(chosen, workshop, parent) if tool == "bitsandbytes" else {}
        if python is not None and drawn is not None:
            libraries = llm_compressor.run(python, _task(chosen, workshop, parent, drawn), request.tell)
        write_companions(workshop.out, variant, parent.generation)
        check_checkpoint(workshop.out, variant)
        record = build_record(
            chosen,
            {"spec": variant.spec.text, "fingerprint": parent.fingerprint},
            drawn.record if drawn else None,
            libraries,
        )
        write_record(workshop.out, record)
    return record


def _calibration(request: Request, chosen: Chosen) -> Calibration | None:
    given = {
        "--calibration": request.mix,
        "--samples": request.samples,
        "--length": request.length,
        "--seed": request.seed,
    }
    if not chosen.method.calibrated:
        if unused := [name for name, value in given.items() if value is not None]:
            raise UsageError(f"--method {request.method} uses no calibration text; leave {', '.join(unused)} out")
        return None
    return Calibration(
        mix=parse_mix(DEFAULT_MIX if request.mix is None else request.mix),
        samples=DEFAULT_SAMPLES if request.samples is None else request.samples,
        length=DEFAULT_LENGTH if request.length is None else request.length,
        seed=request.seed or 0,
    )


def _check_python(request: Request, chosen: Chosen) -> None:
    if request.python is not None and chosen.method.tool != "llm-compressor":
        raise UsageError(f"--python: {request.method} runs in this environment; leave it out")


def _plain_variant(request: Request) -> Any:
    from tailgate.variants.formats import find_format
    from tailgate.variants.registry import STORED
    from tailgate.variants.variant import resolve

    text = f"{request.model}@{STORED}:revision={request.revision}" if request.revision else request.model
    variant = resolve(text, "cpu")
    if variant.address is not None:
        raise VariantError(f"'{request.model}' is behind a server; give the files of the model")
    if variant.spec.method not in (None, STORED):
        raise VariantError(f"'{request.model}' names a method already; give the model alone, its method by --method")
    stored = find_format(variant.source, variant.config)
    if stored is not None:
        raise VariantError(f"'{request.model}' is stored as {stored.name} already; quantize its parent")
    return variant


def _write_parent(variant: Any, chosen: Chosen, workshop: Workshop) -> Parent:
    """Read the parent and write it: coded where that is done here, else plainly, for the tool to read."""
    from tailgate.quantize.checkpoint import plain_state, write_companions, write_config, write_weights
    from tailgate.quantize.packed import eight_bit_floats, heads, rounded_to_nearest
    from tailgate.variants.load import load

    loaded = load(variant)
    module, dtype = loaded.module, _dtype(variant, chosen)
    parent = Parent(
        fingerprint=loaded.facts.fingerprint,
        generation=module.generation_config,
        heads=heads(module),
        dtype=dtype,
    )
    name, ours = chosen.method.name, chosen.method.tool == "ours"
    if name not in ("fp16", "bf16", "fp32"):
        _check_layers(module, chosen, variant.source.name)
    if ours and name in ("rtn", "fp8"):
        coded = (rounded_to_nearest if name == "rtn" else eight_bit_floats)(module, chosen.options, dtype)
        write_weights(workshop.out, coded.state)
        write_config(workshop.out, module, dtype, coded.quantization)
        return parent
    folder = workshop.out if ours else workshop.plain
    write_weights(folder, plain_state(module, dtype))
    write_config(folder, module, dtype)
    if not ours:
        write_companions(folder, variant, parent.generation)
    return parent


def _dtype(variant: Any, chosen: Chosen) -> Any:
    import torch

    from tailgate.variants.dtypes import DTYPES

    named = str(chosen.options.get("dtype", chosen.method.name))
    if named == "auto":
        return torch.bfloat16 if variant.config.dtype == torch.bfloat16 else torch.float16
    return DTYPES[named]


def _check_layers(module: Any, chosen: Chosen, name: str) -> None:
    """Refuse a model with weights that the method does not reach, or rows that the groups do not divide."""
    from tailgate.variants.linear import first_uncovered, linear_layers

    if missed := first_uncovered(module):
        raise IntegrityError(
            f"{chosen.method.name} covers linear layers only, and '{name}' keeps weights elsewhere (first: {missed}); "
            "the checkpoint would be quantized in part"
        )
    group = chosen.group
    sizes = {layer.in_features: name for name, layer in linear_layers(module)}
    for n_in, layer_name in sizes.items():
        if group and n_in % group:
            fitting = [size for size in chosen.method.options["group"].choices if not any(n % int(size) for n in sizes)]
            hint = f"use group={fitting[-1]}" if fitting else "no group that is served divides all of its layers"
            raise UsageError(f"group={group} does not divide the {n_in} inputs of {layer_name} of '{name}'; {hint}")


def _bitsandbytes(chosen: Chosen, workshop: Workshop, parent: Parent) -> dict[str, str]:
    from tailgate.quantize import bitsandbytes

    return bitsandbytes.write(chosen.method.name, workshop.plain, workshop.out, chosen.options, parent.dtype)


def _task(chosen: Chosen, workshop: Workshop, parent: Parent, drawn: Drawn) -> Task:
    return Task(
        method=chosen.method.name,
        plain=workshop.plain,
        out=workshop.out,
        options=chosen.options,
        ignore=parent.heads,
        rows=drawn.rows,
    )
