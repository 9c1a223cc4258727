"""Messages as token ids: through the chat template, with the system message where the template has a place for one."""

from __future__ import annotations

import pytest

from tailgate.variants.source import find_source
from tailgate.variants.tokenizer import load_tokenizer
from tests.support.tiny import Tiny, save_tiny

PLAIN = "{% for m in messages %}<u>{{ m['content'] }}{% endfor %}<a>"
REFUSING = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + PLAIN
BREAKING = "{% if messages[0]['role'] == 'system' %}{{ messages[7].content.x }}{% endif %}" + PLAIN
DROPPING = "{% for m in messages if m['role'] == 'user' %}<u>{{ m['content'] }}{% endfor %}<a>"
OWN = "{% if messages[0]['role'] != 'system' %}<u>be kind{% endif %}" + PLAIN


@pytest.fixture
def load(tmp_path):
    def load_with(template):
        folder = save_tiny(tmp_path / "model", Tiny(template=template))
        return load_tokenizer(find_source(str(folder), {}))

    return load_with


def text_of(tokenizer, *messages):
    return tokenizer.tokenizer.decode(tokenizer.encode_prompt(*messages))


def test_system_message_goes_through_the_template(load):
    found = load(PLAIN)
    assert found.system_role
    assert text_of(found, "hi", "be brief") == "<u>be brief<u>hi<a>"


def test_system_message_takes_the_place_of_the_templates_own(load):
    found = load(OWN)
    assert text_of(found, "hi", "be brief") == "<u>be brief<u>hi<a>"
    assert text_of(found, "hi") == "<u>be kind<u>hi<a>"


@pytest.mark.parametrize("template", [REFUSING, BREAKING, DROPPING])
def test_system_message_stands_before_the_users_where_the_template_has_no_place_for_it(load, template):
    found = load(template)
    assert not found.system_role
    assert text_of(found, "hi", "be brief") == "<u>be brief\n\nhi<a>"


def test_system_message_stands_before_the_users_without_a_template(load):
    found = load(None)
    assert not found.system_role
    assert text_of(found, "hi", "be brief") == "be brief\n\nhi"


@pytest.mark.parametrize("template", [PLAIN, REFUSING, DROPPING, None])
def test_prompt_alone_is_what_it_was(load, template):
    found = load(template)
    assert text_of(found, "hi") == text_of(found, "hi", "") == ("<u>hi<a>" if template else "hi")
