"""Reading `--method`, and what each method is said to need."""

import pytest

from tailgate.errors import MissingPackageError, UsageError
from tailgate.quantize.methods import METHODS, choose, require_bitsandbytes


def test_method_alone_takes_its_defaults():
    chosen = choose("gptq-int4")
    assert chosen.options == {"group": 128, "sym": True, "damp": "0.01", "order": "static", "dtype": "auto"}
    assert chosen.method.calibrated


def test_keys_replace_defaults():
    assert choose("awq-int4:group=64,sym=TRUE").options == {"group": 64, "sym": True, "dtype": "auto"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gptq-int-4", "did you mean 'gptq-int4'"),
        ("exl2", "no method 'exl2'; choose from fp16, bf16, fp32, rtn, fp8, nf4, int8, gptq-int4"),
        ("nf4:group=64", "'group=64' is no key=value of nf4; its keys: double, dtype"),
        ("fp16:dtype=bf16", "its keys: none"),
        ("rtn:group=48", "group=48 is not served; choose from 32, 64, 128"),
        ("rtn:group", "'group' is no key=value"),
        ("", "no method ''"),
    ],
)
def test_method_that_cannot_be_read_is_one_error(text, reason):
    with pytest.raises(UsageError) as caught:
        choose(text)
    assert reason in str(caught.value)


def test_methods_that_need_no_text_are_the_ones_without_a_calibrating_library():
    assert {name for name, method in METHODS.items() if method.calibrated} == {
        "gptq-int4", "gptq-int8", "awq-int4", "w8a8",
    }  # fmt: skip


def test_missing_bitsandbytes_names_the_extra(monkeypatch):
    monkeypatch.setattr("tailgate.quantize.methods.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"tailgate\[bnb\]"):
        require_bitsandbytes("nf4")
