"""Published results say what their verdicts hold."""

import json
import re

import pytest


@pytest.fixture
def claim(repo_root):
    return repo_root / "results" / "claim-rtn4"


def test_table_of_the_claim_is_its_verdict(claim):
    verdict = json.loads((claim / "verdict.json").read_text())
    four, eight = ({f"{c['slice']}/{c['stratum']}": c for c in each["cells"]} for each in verdict["candidates"])
    rows = re.findall(
        r"^\| `(\S+)` \| (\d+) \| ([\d.]+) \| ([\d.]+) \| (\S+) \| \**(\w+)\** \| (\w+) \((\S+)\) \|$",
        (claim / "README.md").read_text(),
        re.MULTILINE,
    )
    assert {row[0] for row in rows} == set(four) == set(eight)
    for name, n, base, cand, delta, said, other, other_delta in rows:
        cell, beside = four[name], eight[name]
        assert (int(n), said, other) == (cell["n"], cell["verdict"], beside["verdict"])
        for shown, value in ((base, cell["baseline_score"]), (cand, cell["candidate_score"]), (delta, cell["delta"])):
            assert float(shown) == pytest.approx(100 * value, abs=0.051), name
        assert float(other_delta) == pytest.approx(100 * beside["delta"], abs=0.051), name


def test_claim_was_run_with_the_suite_that_was_written_down(claim):
    manifest = json.loads((claim / "manifest.json").read_text())
    text = (claim / "suite.toml").read_text()
    assert f"seed = {manifest['suite']['seed']}\n" in text
    for cell in manifest["plan"]["cells"]:
        assert f'"{cell["key"]["stratum"]}"' in text
        assert (cell["margin"], cell["max_items"]) == (0.10, 80)
