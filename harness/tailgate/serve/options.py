"""What a server is asked to do, and what is refused before a model is loaded."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from tailgate.errors import ConfigError, UsageError

KEY_VARIABLE = "TAILGATE_API_KEY"
SHORTEST_KEY = 16  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of what a client may ask; beyond them it is refused, nothing is cut.

    `requests` answers may be under way or waiting at once, `prompts` may be asked in one request, `new_tokens` is the
    longest answer (None: as long as the context lasts).
    """

    body_bytes: int = 4 << 20
    body_s: float = 30.0
    requests: int = 256
    prompts: int = 64
    new_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in ("body_bytes", "body_s", "requests", "prompts", "new_tokens"):
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ConfigError(f"limit {name} is {value}; give a positive number")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowOptions:
    """A candidate that verifies a share `rate` of the baseline's answers in the background.

    At most `queue` answers wait for it; more are dropped and counted. One that takes longer than `timeout_s` is given
    up together with the process that hangs on it.
    """

    candidate: str
    folder: Path
    rate: float = 1.0
    keep_days: int = 30
    queue: int = 256
    timeout_s: float = 300.0

    def __post_init__(self) -> None:
        if not 0.0 < self.rate <= 1.0:
            raise UsageError(f"--shadow-rate {self.rate}: give a share of the requests, above 0 and at most 1")
        if self.keep_days < 1:
            raise UsageError(f"--shadow-keep {self.keep_days}: give a number of days, at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Variants by the names clients call them, and where they are served."""

    specs: tuple[str, ...]
    names: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8000
    device: str | None = None
    api_key: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)
    drain_s: float = 300.0
    shadow: ShadowOptions | None = None

    def __post_init__(self) -> None:
        self._check_names()
        if self.api_key is not None and len(self.api_key) < SHORTEST_KEY:
            raise UsageError(f"the API key has {len(self.api_key)} characters; give at least {SHORTEST_KEY}")
        if self.api_key is None and not is_loopback(self.host):
            raise UsageError(
                f"--host {self.host} can be reached from other machines and there is no API key; set {KEY_VARIABLE} "
                "or --api-key-file, or bind 127.0.0.1"
            )
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port {self.port}: choose from 0 (any free one) to 65535")

    def _check_names(self) -> None:
        if not self.specs:
            raise UsageError("serve needs a variant, e.g. tailgate serve smollm2")
        if self.names and len(self.names) != len(self.specs):
            raise UsageError(f"{len(self.names)} --name for {len(self.specs)} variants; give one each, or none")
        called = self.names or self.specs
        if doubled := sorted({name for name in called if called.count(name) > 1}):
            raise UsageError(f"two variants are called '{doubled[0]}'; tell them apart with --name")

    @property
    def served(self) -> dict[str, str]:
        """Variant specs by the names clients call them."""
        return dict(zip(self.names or self.specs, self.specs, strict=True))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address; a name other than localhost is not looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_key(file: Path | None, variable: str | None) -> str | None:
    """The API key: of a file, else of the environment's variable, else none.

    Raises
    ------
    UsageError
        The file cannot be read or holds no key.
    """
    if file is None:
        return variable or None
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--api-key-file {file}: {error}; give a readable text file") from error
    if not key:
        raise UsageError(f"--api-key-file {file} is empty; write the key into it")
    return key
