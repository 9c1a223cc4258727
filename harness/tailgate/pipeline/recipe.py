"""How a worker elsewhere comes by the engine of a side: it resolves and loads the variant itself, and is checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tailgate.engine.protocol import Engine, ServedCheckpoint
from tailgate.errors import IntegrityError
from tailgate.pipeline.engines import choose_engine
from tailgate.pipeline.settings import EngineSettings
from tailgate.pipeline.sides import EngineChoice, served_checkpoint, served_model
from tailgate.variants.variant import Facts, Variant, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is to be served, and what it must turn out to be: answers are stored under the latter."""

    spec: str
    device: str
    engine: str
    engine_version: str
    in_other_batches: bool
    threads: int
    fingerprint: str
    tokenizer_sha256: str
    settings: EngineSettings | None = None

    @classmethod
    def of(cls, choice: EngineChoice, checkpoint: ServedCheckpoint, *, threads: int, in_other_batches: bool) -> Recipe:
        """The recipe of an engine chosen here; `choice` serves in its usual batches."""
        return cls(
            spec=_as_seen_elsewhere(checkpoint),
            device=checkpoint.device.split(":")[0],
            engine=choice.name,
            engine_version=choice.version,
            in_other_batches=in_other_batches,
            threads=threads,
            fingerprint=checkpoint.fingerprint,
            tokenizer_sha256=checkpoint.tokenizer_sha256,
            settings=choice.settings,
        )

    def open(self) -> Engine:
        """Resolve, load, check and build.

        Raises
        ------
        IntegrityError
            Weights, tokenizer or versions on this machine are not those of the process that asks.
        VariantError, CheckpointError
            The model is not found here, or cannot be read.
        """
        import torch

        torch.set_num_threads(self.threads)
        variant = resolve(self.spec, self.device)
        choice = choose_engine(self.engine, variant.config, self.settings)
        self._check("engine", f"{choice.name} {choice.version}", f"{self.engine} {self.engine_version}")
        self._check("tokenizer", variant.tokenizer.sha256, self.tokenizer_sha256)
        return self._opened(variant, choice) if choice.open else self._built(variant, choice)

    def _built(self, variant: Variant, choice: EngineChoice) -> Engine:
        from tailgate.variants.load import load

        loaded = load(variant)
        self._check("fingerprint of the weights", loaded.facts.fingerprint, self.fingerprint)
        build = choice.build_other if self.in_other_batches else choice.build
        assert build is not None, "an engine without other batches is not asked for them"
        return build(served_model(variant, loaded))

    def _opened(self, variant: Variant, choice: EngineChoice) -> Engine:
        facts = choice.facts(variant) if choice.facts else _read_facts(variant)
        self._check("fingerprint of the weights", facts.fingerprint, self.fingerprint)
        opener = choice.open_other if self.in_other_batches else choice.open
        assert opener is not None, "an engine without other batches is not asked for them"
        return opener(served_checkpoint(variant, facts))

    def _check(self, what: str, seen: str, expected: str) -> None:
        if seen != expected:
            import platform

            raise IntegrityError(
                f"the {what} of '{self.spec}' differs between this machine and node {platform.node()} ({expected} "
                f"against {seen} there); give every node the same files and the same packages"
            )


def _read_facts(variant: Variant) -> Facts:
    from tailgate.variants.load import load

    return load(variant).facts


def _as_seen_elsewhere(checkpoint: ServedCheckpoint) -> str:
    """The spec with an absolute path where it names one: a worker has a working directory of its own."""
    path = Path(checkpoint.model).expanduser()
    return f"{path.resolve()}{checkpoint.spec[len(checkpoint.model) :]}" if path.exists() else checkpoint.spec
