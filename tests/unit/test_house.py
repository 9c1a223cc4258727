"""The house itself: what the README says stands is what stands."""

import json
import re
import runpy
import tomllib

import pytest

from tailgate import records
from tailgate.report.json import load

ROOTS = ("harness", "slices", "kernels")


@pytest.mark.parametrize("root", ROOTS)
def test_source_roots_are_no_packages(repo_root, root):
    assert not (repo_root / root / "__init__.py").exists()


def test_wheel_packages_are_the_three_roots(repo_root):
    project = tomllib.loads((repo_root / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert packages == ["harness/tailgate", "slices/tailgate_slices", "kernels/tailgate_kernels"]


def tree_entries(readme):
    """Paths of the README's annotated tree, from its indentation."""
    block = re.search(r"```text\n(pyproject\.toml.*?)```", readme, re.DOTALL)[1]
    parents = []
    for line in block.splitlines():
        indent = (len(line) - len(line.lstrip())) // 2
        names = re.split(r"\s{2,}", line.strip())[0].split(" ")
        parents = parents[:indent]
        for name in names:
            yield "/".join([*parents, name.rstrip("/")])
        if names[-1].endswith("/"):
            parents.append(names[-1].rstrip("/"))


def test_readme_tree_lists_what_exists(repo_root):
    entries = list(tree_entries((repo_root / "README.md").read_text()))
    assert [entry for entry in entries if not (repo_root / entry).exists()] == []


def test_readme_tree_lists_every_module_of_the_product(repo_root):
    entries = set(tree_entries((repo_root / "README.md").read_text()))
    first_level = {
        path.relative_to(repo_root).as_posix()
        for package in ("harness/tailgate", "slices/tailgate_slices")
        for path in (repo_root / package).iterdir()
        if not path.name.startswith("_") and (path.is_dir() or path.suffix == ".py")
    }
    assert first_level - entries == set()


def test_readme_lists_the_exit_codes(repo_root):
    readme = (repo_root / "README.md").read_text()
    listed = {int(code): meaning for code, meaning in re.findall(r"^\| (\d) \| (\w+)", readme, re.MULTILINE)}
    assert listed == {**{code: decision for decision, code in records.EXIT_CODES.items()}, 2: "usage"}


def test_readme_excerpt_is_the_published_run(repo_root):
    readme = (repo_root / "README.md").read_text()
    name, candidate = re.search(r"<!-- excerpt (\S+) (\S+) -->", readme).groups()
    verdict = load((repo_root / "results" / name / "verdict.json").read_text())
    assert runpy.run_path(str(repo_root / "scripts/publish_run.py"))["excerpt"](name, candidate, verdict) in readme


def test_readme_speed_table_is_what_was_measured(repo_root):
    found = json.loads((repo_root / "results/bench/engine.json").read_text())
    block = runpy.run_path(str(repo_root / "scripts/speed_table.py"))["block"]
    assert block(found) in (repo_root / "README.md").read_text()


def test_readme_names_the_two_commands(repo_root):
    readme = (repo_root / "README.md").read_text()
    for command in ("bash scripts/quickstart.sh", "bash scripts/test.sh"):
        assert command in readme
        assert (repo_root / command.split()[1]).is_file()


def test_constraints_pin_what_the_project_requires(repo_root):
    pinned = dict(
        line.split("==")
        for line in (repo_root / "constraints.txt").read_text().splitlines()
        if "==" in line and line[0] != "#"
    )
    assert pinned["torch"] == "2.13.0"
    assert (5, 16, 1) <= tuple(map(int, pinned["transformers"].split("."))) < (5, 20)


def test_sources_speak_of_the_project_alone(repo_root):
    machine_path = re.compile(r"(?<![\w.])/(?:work|root|tmp)/\w")
    found = [
        f"{path.relative_to(repo_root)}: {line.strip()[:80]}"
        for root in (*ROOTS, "scripts", "docs")
        for path in (repo_root / root).rglob("*")
        if path.suffix in {".py", ".md", ".toml", ".sh", ".j2"}
        for line in path.read_text().splitlines()
        if machine_path.search(line)
    ]
    assert found == []
