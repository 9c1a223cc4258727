"""The exception tree. Every error a user can cause carries the exit code of the process that reports it.

::

    TailgateError
    ├── UsageError             exit 2: the request cannot be understood or served as written
    │   ├── ConfigError          a gate, suite or run file is wrong
    │   ├── VariantError         a variant spec names an unknown method, key or model
    │   └── RunFolderError       a run folder is missing, taken, unfinished or from a newer schema
    ├── SetupError             exit 4: the machine lacks something
    │   ├── MissingPackageError  an optional package is not installed
    │   ├── CheckpointError      a model is missing or its files are damaged
    │   └── OutputError          a folder cannot be written, a disk is full
    └── IntegrityError         exit 4: the two sides of a comparison do not belong together
"""

from __future__ import annotations

from typing import ClassVar


class TailgateError(Exception):
    """Base of all errors that are reported in one line, without a traceback."""

    exit_code: ClassVar[int] = 4


class UsageError(TailgateError):
    """The request cannot be understood or served as written."""

    exit_code: ClassVar[int] = 2


class ConfigError(UsageError):
    """A gate, suite or run file is wrong."""


class VariantError(UsageError):
    """A variant spec names an unknown method, key or model."""


class RunFolderError(UsageError):
    """A run folder is missing, taken, unfinished or from a newer schema."""


class SetupError(TailgateError):
    """The machine lacks something the run needs."""


class MissingPackageError(SetupError):
    """An optional package is not installed; the message names the pip extra."""


class CheckpointError(SetupError):
    """A model is missing or its files are damaged."""


class OutputError(SetupError):
    """A folder cannot be written or a disk is full."""


class IntegrityError(TailgateError):
    """The two sides of a comparison do not belong together (tokenizer, template, architecture, NaN)."""
