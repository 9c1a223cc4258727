"""vLLM as the engine of a side: what it can serve, what is written for it beforehand, and what it is told."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tailgate.engine.protocol import Engine, ServedCheckpoint
from tailgate.engine.vllm.engine import VllmEngine
from tailgate.engine.vllm.opening import VllmOptions, installed_version, is_batch_invariant, open_vllm
from tailgate.errors import VariantError
from tailgate.pipeline.plain_checkpoints import needs_writing, plain_checkpoint
from tailgate.pipeline.settings import EngineSettings
from tailgate.pipeline.sides import EngineChoice
from tailgate.variants.fingerprint import hash_json
from tailgate.variants.variant import Facts, Variant, resolve

BF16_NOTE = "vLLM computes with codes in bf16 on a CPU; its kernels for them have no fp32"
NOT_SERVED = ("device_map", "execution")  # keys of a variant that say how our own loader places and computes weights


def vllm_choice(settings: EngineSettings) -> EngineChoice:
    """vLLM with the settings of a run.

    Raises
    ------
    MissingPackageError
        vLLM is not installed.
    UsageError
        An option has a value that it cannot have.
    """
    options = VllmOptions(given=dict(settings.options), gpu_memory=settings.gpu_memory)
    invariant = is_batch_invariant(options, settings.device)
    context = options.context_length
    return EngineChoice(
        name=VllmEngine.name,
        version=_version(settings, invariant=invariant),
        open=partial(_open, settings, options, in_other_batches=False),
        open_other=partial(_open, settings, options, in_other_batches=True),
        other="24-sequences-reversed",
        facts=partial(_facts, settings),
        kv=frozenset({"fp8"}),
        context=lambda _: context,
        settings=settings,
        rated=True,
        note=_note(settings.device, invariant=invariant),
    )


def _version(settings: EngineSettings, *, invariant: bool) -> str:
    """Everything of the engine that can change an answer: answers are stored by it."""
    parts = [VllmEngine.version, installed_version(), "batch-invariant" if invariant else ""]
    if settings.options:
        parts.append(f"options-{hash_json(settings.options)[:12]}")
    return "+".join(filter(None, parts))


def _note(device: str, *, invariant: bool) -> str:
    if invariant:
        return "engine: vLLM in its batch-invariant mode"
    return (
        f"engine: vLLM on {device} without batch-invariant mode: a choice between two tokens that lie closer than "
        "rounding may depend on what shares its batch"
    )


def _facts(settings: EngineSettings, variant: Variant) -> Facts:
    """Facts from the files, or from the plain checkpoint that is written for vLLM.

    Raises
    ------
    VariantError
        The variant asks for something that is not vLLM's.
    """
    for key in NOT_SERVED:
        if key in variant.spec.options:
            raise VariantError(f"'{variant.spec.text}': {key}= is not vLLM's; leave it out, or use --engine native")
    if needs_writing(variant):
        return plain_checkpoint(variant, settings.cache).facts
    from tailgate.variants.files import file_facts

    facts = file_facts(variant)
    dtype = _dtype(variant)
    if dtype == facts.compute_dtype:
        return facts
    return replace(facts, compute_dtype=dtype, notes=(*facts.notes, BF16_NOTE))


def _dtype(variant: Variant) -> str:
    """The arithmetic that vLLM is asked for: that of our own loader, but where its kernels for codes have another."""
    from tailgate.variants.formats import find_format
    from tailgate.variants.load import compute_dtype

    in_codes = variant.device.startswith("cpu") and find_format(variant.source, variant.config) is not None
    return "bfloat16" if in_codes else str(compute_dtype(variant)).removeprefix("torch.")


def _open(
    settings: EngineSettings, options: VllmOptions, checkpoint: ServedCheckpoint, *, in_other_batches: bool
) -> Engine:
    variant = resolve(checkpoint.spec, checkpoint.device)
    folder = plain_checkpoint(variant, settings.cache).folder if needs_writing(variant) else variant.source.folder
    return open_vllm(checkpoint, folder, _dtype(variant), options, in_other_batches=in_other_batches)
