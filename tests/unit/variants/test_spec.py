"""`MODEL@method:key=value`: where it is split, and what is refused."""

import pytest

from tailgate.errors import VariantError
from tailgate.variants.method import resolve_options
from tailgate.variants.registry import methods
from tailgate.variants.spec import parse_spec

NAMES = ("rtn", "bnb-int8", "bnb-nf4", "fp16")


def test_spec_without_a_method_is_the_model_itself():
    assert parse_spec("org/llama-8b", NAMES).model == "org/llama-8b"
    assert parse_spec("org/llama-8b", NAMES).method is None


def test_spec_with_options_reads_each_of_them():
    spec = parse_spec("./llama@rtn:bits=4,group=64", NAMES)
    assert (spec.model, spec.method, dict(spec.options)) == ("./llama", "rtn", {"bits": "4", "group": "64"})


def test_spec_is_split_at_the_last_at_that_precedes_a_method():
    spec = parse_spec("models@rtn/llama@bnb-nf4", NAMES)
    assert (spec.model, spec.method) == ("models@rtn/llama", "bnb-nf4")


def test_spec_of_an_existing_folder_with_an_at_is_a_model(tmp_path):
    folder = tmp_path / "llama@v2"
    folder.mkdir()
    assert parse_spec(str(folder), NAMES).model == str(folder)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("smollm2@awq", "unknown method 'awq'"),
        ("smollm2@rtnx", "unknown method 'rtnx'"),
        ("@rtn", "no model before the method"),
        ("smollm2@rtn:bits", "'bits' is not key=value"),
        ("smollm2@rtn:bits=4,bits=3", "given twice"),
    ],
)
def test_spec_that_cannot_be_read_says_why(text, complaint):
    with pytest.raises(VariantError, match=complaint):
        parse_spec(text, NAMES)


def test_options_are_completed_with_defaults():
    assert resolve_options(methods()["rtn"], {"bits": "3"}, "x") == {"bits": 3, "group": 64, "sym": True}


@pytest.mark.parametrize(
    ("given", "complaint"), [({"bit": "3"}, "unknown key 'bit'"), ({"bits": "7"}, "bits=7 is not served")]
)
def test_options_outside_the_method_are_refused(given, complaint):
    with pytest.raises(VariantError, match=complaint):
        resolve_options(methods()["rtn"], given, "smollm2@rtn")
