"""The pages say what the code does: their commands exist, their files are read, their reference is the code's own."""

import importlib.util
import json
import re
import shlex
import tomllib

import click
import jsonschema
import pytest
import typer

from tailgate.config import load_gate, load_waivers
from tailgate.report.json import verdict_to_dict
from tests.unit.report.factory import candidate, cell, verdict

FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
CONTINUED = re.compile(r"\\\n\s*")


def pages(repo_root):
    return sorted((repo_root / "docs/site").glob("*.md"))


def blocks(repo_root, language):
    return [
        (page.name, text)
        for page in pages(repo_root)
        if page.name != "cli.md"
        for found, text in FENCE.findall(page.read_text(encoding="utf-8"))
        if found == language
    ]


def commands(repo_root):
    for name, text in blocks(repo_root, "bash"):
        for line in CONTINUED.sub("", text).splitlines():
            if line.startswith("tailgate "):
                yield name, shlex.split(line, comments=True)[1:]


def script(repo_root, name):
    spec = importlib.util.spec_from_file_location(name, repo_root / f"scripts/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_command_reference_is_that_of_the_code(repo_root):
    module = script(repo_root, "write_cli_reference")
    assert module.FILE.read_text(encoding="utf-8") == module.reference(), "run: python scripts/write_cli_reference.py"


def test_commands_and_options_of_the_pages_exist(repo_root):
    from tailgate.cli import app

    found = list(commands(repo_root))
    assert len(found) >= 8
    for page, words in found:
        command = typer.main.get_command(app)
        while isinstance(command, click.Group) or hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {option for each in command.params for option in each.opts}
        unknown = [word for word in words if word.startswith("--") and word not in known]
        assert not unknown, f"{page}: {command.name} {unknown}"


def test_every_page_is_in_the_navigation_and_links_lead_somewhere(repo_root):
    navigation = (repo_root / "mkdocs.yml").read_text(encoding="utf-8")
    for page in pages(repo_root):
        assert f": {page.name}\n" in navigation, page.name
        for target in re.findall(r"\]\(([\w-]+\.md)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page.name}: {target}"


@pytest.mark.parametrize(("first", "load"), [("alpha", load_gate), ("[[waivers]]", load_waivers)])
def test_files_of_the_pages_are_read(first, load, repo_root, tmp_path):
    found = [text for _, text in blocks(repo_root, "toml") if text.startswith(first)]
    assert found
    for text in found:
        (tmp_path / "file.toml").write_text(text)
        load(tmp_path / "file.toml") if load is load_waivers else load(str(tmp_path / "file.toml"))


def test_all_tables_of_the_pages_parse(repo_root):
    for _, text in blocks(repo_root, "toml"):
        tomllib.loads(text)


def test_schema_of_verdicts_is_that_of_the_records_and_published_verdicts_keep_it(repo_root):
    module = script(repo_root, "write_verdict_schema")
    schema = json.loads(module.FILE.read_text(encoding="utf-8"))
    assert schema == module.schema(), "run: python scripts/write_verdict_schema.py"
    validator = jsonschema.Draft202012Validator(schema)
    verdicts = sorted((repo_root / "results").glob("*/verdict.json"))
    assert len(verdicts) >= 3
    for file in verdicts:
        validator.validate(json.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("broken", [{"decision": "ship it"}, {"exit_code": "0"}, {"candidates": [{}]}])
def test_a_broken_verdict_does_not_keep_the_schema(broken, repo_root):
    schema = json.loads((repo_root / "docs/site/verdict.schema.json").read_text(encoding="utf-8"))
    verdict = json.loads(next((repo_root / "results").glob("*/verdict.json")).read_text(encoding="utf-8"))
    assert not jsonschema.Draft202012Validator(schema).is_valid({**verdict, **broken})


def test_numbers_that_are_not_finite_keep_the_schema(repo_root):
    schema = json.loads((repo_root / "docs/site/verdict.schema.json").read_text(encoding="utf-8"))
    odd = verdict_to_dict(verdict(candidate(cell(low=float("-inf"), log_e_fail=float("inf")))))
    jsonschema.Draft202012Validator(schema).validate(odd)
