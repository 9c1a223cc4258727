"""Which methods write a checkpoint, what can be set, and what they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal

from tailgate.errors import MissingPackageError, UsageError
from tailgate.variants.method import Option, OptionValue
from tailgate_slices.registry import did_you_mean

Tool = Literal["ours", "bitsandbytes", "llm-compressor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeMethod:
    """A way to write a checkpoint.

    `stored`: the format of the result, in words. `calibrated`: whether text is run through the model to find codes.
    """

    name: str
    stored: str
    tool: Tool
    calibrated: bool = False
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A method with its options complete."""

    method: QuantizeMethod
    options: Mapping[str, OptionValue]

    @property
    def group(self) -> int:
        """Inputs that share a scale; 0: the method has no such groups."""
        return int(self.options.get("group", 0))


DTYPE = Option(
    default="auto",
    choices=("auto", "fp16", "bf16"),
    meaning="what is left unquantized, and scales; auto: bf16 where the parent is in it, else fp16",
)
_GROUP = Option(default=128, choices=(32, 64, 128), meaning="inputs that share a scale")
_BITS = Option(default=4, choices=(4, 8), meaning="width of an integer")
_DAMP = Option(default="0.01", choices=("0.001", "0.01", "0.05", "0.1"), meaning="share of the mean diagonal added")
_ORDER = Option(default="static", choices=("static", "weight", "none"), meaning="order in which columns are rounded")
_SYM = Option(default=True, choices=(True, False), meaning="grid symmetric around zero")
_ASYM = Option(default=False, choices=(True, False), meaning="grid symmetric around zero")
_DOUBLE = Option(default=False, choices=(True, False), meaning="quantize the scales too")
_SMOOTH = Option(default="0.8", choices=("0.5", "0.8", "0.9"), meaning="strength of SmoothQuant")


def _gptq(name: str, bits: int) -> QuantizeMethod:
    return QuantizeMethod(
        name=name,
        stored=f"compressed-tensors pack-quantized, int{bits}",
        tool="llm-compressor",
        calibrated=True,
        options={"group": _GROUP, "sym": _SYM, "damp": _DAMP, "order": _ORDER, "dtype": DTYPE},
    )


METHODS: Mapping[str, QuantizeMethod] = MappingProxyType(
    {
        method.name: method
        for method in (
            *(QuantizeMethod(name=name, stored=f"plain {name}", tool="ours") for name in ("fp16", "bf16", "fp32")),
            QuantizeMethod(
                name="rtn",
                stored="compressed-tensors pack-quantized, rounded to nearest",
                tool="ours",
                options={"bits": _BITS, "group": _GROUP, "dtype": DTYPE},
            ),
            QuantizeMethod(
                name="fp8",
                stored="compressed-tensors float-quantized, a scale per row, inputs rounded per token",
                tool="ours",
                options={"dtype": DTYPE},
            ),
            QuantizeMethod(
                name="nf4",
                stored="bitsandbytes 4-bit nf4",
                tool="bitsandbytes",
                options={"double": _DOUBLE, "dtype": DTYPE},
            ),
            QuantizeMethod(
                name="int8", stored="bitsandbytes LLM.int8()", tool="bitsandbytes", options={"dtype": DTYPE}
            ),
            _gptq("gptq-int4", 4),
            _gptq("gptq-int8", 8),
            QuantizeMethod(
                name="awq-int4",
                stored="compressed-tensors pack-quantized, int4",
                tool="llm-compressor",
                calibrated=True,
                options={"group": _GROUP, "sym": _ASYM, "dtype": DTYPE},
            ),
            QuantizeMethod(
                name="w8a8",
                stored="compressed-tensors int-quantized, a scale per row, inputs rounded per token",
                tool="llm-compressor",
                calibrated=True,
                options={"smooth": _SMOOTH, "damp": _DAMP, "dtype": DTYPE},
            ),
        )
    }
)


def choose(text: str) -> Chosen:
    """Read ``method`` or ``method:key=value,...`` and complete the options.

    Raises
    ------
    UsageError
        The method or a key is unknown, or a value is not served.
    """
    name, _, rest = text.partition(":")
    if name not in METHODS:
        hint = did_you_mean(name, tuple(METHODS))
        raise UsageError(f"--method {text}: no method '{name}'{hint}; choose from {', '.join(METHODS)}")
    method = METHODS[name]
    options = {key: option.default for key, option in method.options.items()}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals or key not in method.options:
            known = ", ".join(method.options) or "none"
            raise UsageError(f"--method {text}: '{part}' is no key=value of {name}; its keys: {known}")
        options[key] = _value(text, key, value, method.options[key])
    return Chosen(method=method, options=options)


def _value(text: str, key: str, value: str, option: Option) -> OptionValue:
    for choice in option.choices:
        if str(choice).lower() == value.lower():
            return choice
    known = ", ".join(str(choice).lower() for choice in option.choices)
    raise UsageError(f"--method {text}: {key}={value} is not served; choose from {known}")


def require_bitsandbytes(name: str) -> None:
    """Refuse where bitsandbytes is not installed.

    Raises
    ------
    MissingPackageError
        It is not.
    """
    if find_spec("bitsandbytes") is None:
        raise MissingPackageError(f"--method {name} needs bitsandbytes; run: pip install 'tailgate[bnb]'")
