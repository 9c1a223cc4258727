"""Which methods there are; heavy libraries load only when a method is used."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable, Mapping
from importlib import metadata
from importlib.util import find_spec
from typing import cast

from tailgate.errors import MissingPackageError, VariantError
from tailgate.variants.address import ENDPOINT, ENDPOINT_OPTIONS
from tailgate.variants.method import ApplyMethod, Method, Option

ENTRY_POINTS = "tailgate.variants"
STORED = "stored"  # the weights as the checkpoint holds them: carries the keys of a variant without a method
RTN_OPTIONS = {
    "bits": Option(default=4, choices=(2, 3, 4, 5, 6, 8), meaning="width of an integer"),
    "group": Option(default=64, choices=(16, 32, 64, 128, 256), meaning="inputs that share a scale"),
    "sym": Option(default=True, choices=(True, False), meaning="grid symmetric around zero"),
}
GROUPS = Option(default=64, choices=(16, 32, 64, 128, 256), meaning="inputs that share a scale")
TORCHAO_INT4 = {
    "group": GROUPS,
    "sym": Option(default=True, choices=(True, False), meaning="grid symmetric around zero"),
}
HQQ_OPTIONS = {"bits": Option(default=4, choices=(1, 2, 3, 4, 8), meaning="width of an integer"), "group": GROUPS}
DOUBLE = {"double": Option(default=False, choices=(True, False), meaning="quantize the scales too")}


def _ours(module: str, attribute: str, *arguments: str) -> Callable[[], ApplyMethod]:
    def load() -> ApplyMethod:
        found = getattr(importlib.import_module(f"tailgate.variants.{module}"), attribute)
        return cast(ApplyMethod, found(*arguments) if arguments else found)

    return load


def _bnb(attribute: str, *arguments: str) -> Callable[[], ApplyMethod]:
    def load() -> ApplyMethod:
        if find_spec("bitsandbytes") is None:
            raise MissingPackageError(
                "this method needs bitsandbytes, which is not installed; run: pip install 'tailgate[bnb]'"
            )
        # It warns once per layer and step of casts and CPU kernels; the manifest's notes say it once.
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        return _ours("bnb", attribute, *arguments)()

    return load


def _by_library(package: str, extra: str, attribute: str, *arguments: str) -> Callable[[], ApplyMethod]:
    """A method that a package of an extra rounds by; `attribute` of our module makes it."""

    def load() -> ApplyMethod:
        if not _is_installed(package):
            raise MissingPackageError(
                f"this method needs {package}, which is not installed; run: pip install 'tailgate[{extra}]'"
            )
        make = getattr(importlib.import_module("tailgate.variants.library_rounding"), attribute)
        return cast(ApplyMethod, make(*arguments))

    return load


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _version_of(package: str) -> Callable[[], Mapping[str, str]]:
    def versions() -> Mapping[str, str]:
        return {package: metadata.version(package)} if _is_installed(package) else {}

    return versions


def _library_methods() -> tuple[Method, ...]:
    torchao, hqq, quanto = (_version_of(package) for package in ("torchao", "hqq", "optimum-quanto"))
    return (
        Method(
            name="torchao-int8",
            summary="torchao int8, weights only",
            load=_by_library("torchao", "torchao", "torchao_int8"),
            versions=torchao,
        ),
        Method(
            name="torchao-int4",
            summary="torchao int4, weights only",
            load=_by_library("torchao", "torchao", "torchao_int4"),
            versions=torchao,
            options=TORCHAO_INT4,
        ),
        Method(
            name="hqq",
            summary="half-quadratic quantization",
            load=_by_library("hqq", "hqq", "hqq"),
            versions=hqq,
            options=HQQ_OPTIONS,
        ),
        *(
            Method(
                name=f"quanto-int{bits}",
                summary=f"optimum-quanto int{bits}, weights only",
                load=_by_library("optimum-quanto", "quanto", "quanto", f"qint{bits}"),
                versions=quanto,
            )
            for bits in (8, 4)
        ),
    )


def _no_weights() -> ApplyMethod:
    raise VariantError(
        f"@{ENDPOINT} belongs behind an address: write http://HOST:PORT/v1#MODEL@{ENDPOINT}:tokenizer=SPEC"
    )


def _no_versions() -> Mapping[str, str]:
    return {}


def _bnb_versions() -> Mapping[str, str]:
    return {"bitsandbytes": metadata.version("bitsandbytes")} if find_spec("bitsandbytes") else {}


def _builtin() -> tuple[Method, ...]:
    floats = tuple(
        Method(
            name=name,
            summary=f"weights rounded to {name}",
            load=_ours("dtypes", "rounding_to", name),
            versions=_no_versions,
        )
        for name in ("fp16", "bf16", "fp32")
    )
    four_bits = tuple(
        Method(
            name=f"bnb-{kind}",
            summary=f"bitsandbytes 4-bit {kind}",
            load=_bnb("four_bit", kind),
            versions=_bnb_versions,
            options=DOUBLE,
            version=2,  # products in the dtype that was asked for, on every CPU
        )
        for kind in ("nf4", "fp4")
    )
    return (
        Method(
            name=STORED,
            summary="weights as the checkpoint holds them",
            load=_ours("dtypes", "as_stored"),
            versions=_no_versions,
        ),
        Method(
            name=ENDPOINT,
            summary="a model behind a server: http://HOST:PORT/v1#MODEL",
            load=_no_weights,
            versions=_no_versions,
            options=ENDPOINT_OPTIONS,
        ),
        *floats,
        Method(name="bnb-int8", summary="bitsandbytes LLM.int8()", load=_bnb("int8"), versions=_bnb_versions),
        *four_bits,
        Method(
            name="fp8",
            summary="weights as float8_e4m3, a scale per row",
            load=_ours("fp8", "apply"),
            versions=_no_versions,
        ),
        *_library_methods(),
        Method(
            name="rtn",
            summary="round to nearest, the control",
            load=_ours("rtn", "apply"),
            versions=_no_versions,
            options=RTN_OPTIONS,
        ),
    )


@functools.cache
def methods() -> Mapping[str, Method]:
    """All methods by name: the built-in ones, then those of other packages.

    Raises
    ------
    VariantError
        A plug-in offers a name that is taken, or does not load.
    """
    found = {method.name: method for method in _builtin()}
    for point in metadata.entry_points(group=ENTRY_POINTS):
        if point.name in found:
            raise VariantError(
                f"plug-in {point.value} offers method '{point.name}', which exists; uninstall one of them"
            )
        try:
            found[point.name] = cast(Method, point.load())
        except Exception as error:
            raise VariantError(f"plug-in {point.value} does not load: {error}; mend or uninstall it") from error
    return found
