"""The summary of shadow traffic: what was seen by length, language and task, said to be no verdict."""

import json
from contextlib import closing

import pytest

from tailgate.report.shadow import MOST_CELLS, STATEMENT, build_shadow_report, length_band, shadow_json, shadow_markdown
from tailgate.store.shadow import Pair, ShadowStore, Verified

PAIR = Pair(baseline="m", baseline_fingerprint="b" * 64, candidate="m@rtn", candidate_fingerprint="c" * 64)


def row(key, **more):
    given = {
        "key": str(key),
        "created_utc": "2026-05-06T07:08:09+00:00",
        "subject": "alice",
        "prompt_tokens": 100,
        "answer_tokens": 5,
        "divergence_token": None,
        "agreement": 1.0,
        "kl_floor": 0.25,
        "candidate_finish": "stop",
        "language": "en",
        "language_from": "lingua",
        "task": "code",
        "task_from": "guess",
    }
    return Verified(**{**given, **more})


def report_of(folder, rows, tallies=None):
    with closing(ShadowStore(folder)) as store:
        store.add(PAIR, rows, tallies or {}, "2026-05-06")
        return build_shadow_report(store)


@pytest.mark.parametrize(
    ("tokens", "band"),
    [(1, "0-127"), (127, "0-127"), (128, "128-511"), (2047, "512-2047"), (8192, "8192+"), (100_000, "8192+")],
)
def test_bands_of_length_meet_without_a_gap(tokens, band):
    assert length_band(tokens) == band


def test_cells_have_exact_intervals(tmp_path):
    rows = [row(n, divergence_token=n if n < 3 else None, agreement=0.5 if n < 3 else 1.0) for n in range(10)]
    rows += [row(f"sw{n}", language="sw", task="chat", prompt_tokens=600) for n in range(2)]
    (view,) = report_of(tmp_path, rows).pairs
    english, swahili = view.cells
    assert (english.length, english.language, english.task, english.n, english.diverged) == (
        "0-127",
        "en",
        "code",
        10,
        3,
    )
    # Clopper-Pearson of 3 in 10 at 95 %, from R's binom.test(3, 10)
    assert (english.low, english.high) == pytest.approx((0.06673951, 0.65245285), abs=1e-7)
    assert english.median_divergence_token == 1
    assert english.mean_agreement == pytest.approx(0.85)
    assert (swahili.length, swahili.n, swahili.low) == ("512-2047", 2, 0.0)
    assert swahili.median_divergence_token is None
    assert (view.total.n, view.total.diverged) == (12, 3)


def test_it_says_that_it_is_no_verdict_and_what_was_dropped(tmp_path):
    found = report_of(tmp_path, [row(1)], {"answered": 7, "dropped: queue full": 2})
    text = shadow_markdown(found)
    assert "no verdict" in text
    assert "| dropped: queue full | 2 |" in text
    assert json.loads(shadow_json(found))["statement"] == STATEMENT


def test_neither_format_holds_a_subject(tmp_path):
    found = report_of(tmp_path, [row(1)])
    assert "alice" not in shadow_markdown(found) + shadow_json(found)


def test_hostile_labels_stay_in_their_cells(tmp_path):
    found = report_of(tmp_path, [row(1, task="a|b\n# c <img> \u202e`x`", language="[l](http://evil)")])
    text = shadow_markdown(found)
    assert "\u202e" not in text
    assert "a\\|b" in text
    assert "\\<img\\>" in text
    assert "\\[l\\]" in text


def test_names_that_clients_make_up_do_not_fill_the_table(tmp_path):
    rows = [row(n, task=f"t{n}") for n in range(MOST_CELLS + 5)]
    (view,) = report_of(tmp_path, rows).pairs
    assert (len(view.cells), view.cells_left_out, view.total.n) == (MOST_CELLS, 5, MOST_CELLS + 5)


def test_an_empty_store_says_so(tmp_path):
    with closing(ShadowStore(tmp_path)) as store:
        assert "No answer was verified yet." in shadow_markdown(build_shadow_report(store))


def test_logits_that_were_not_finite_are_told(tmp_path):
    found = report_of(
        tmp_path, [row(1, candidate_finish="nonfinite", divergence_token=0, agreement=None, kl_floor=None)]
    )
    assert "In 1 answers the candidate's logits were not finite" in shadow_markdown(found)
    assert json.loads(shadow_json(found))["pairs"][0]["total"]["mean_kl_floor"] is None
