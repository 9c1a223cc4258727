"""Functions run in the sandbox: references pass, near misses fail, and every failure has its name."""

from __future__ import annotations

import json

import pytest

from tailgate_slices.code import Code, execution, tasks
from tailgate_slices.code.recipes import Recipe, hidden_arguments, mutants
from tailgate_slices.code.rendering import around, function_source, statements
from tailgate_slices.code.text_steps import STEPS
from tailgate_slices.item import Answer
from tailgate_slices.sandbox import Limits, Program, SandboxUnavailable, choose_runner
from tailgate_slices.sandbox.calls import Calls, call_function
from tailgate_slices.sandbox.interpreters import missing_interpreter

MAKER = Code()
OTHERS = ["python", "javascript", "lua"]
EDGES = {kind: hidden_arguments(kind, "edges")[:6] for kind in ("ints", "number", "text", "words", "table")}


@pytest.fixture(autouse=True)
def _needs_bubblewrap(require):
    require("bwrap")


@pytest.fixture(params=OTHERS)
def language(request):
    if missing_interpreter(request.param):
        pytest.skip(missing_interpreter(request.param))
    return request.param


def item_of(stratum, index=0):
    return MAKER.item(stratum=stratum, seed=5, index=index, tokens=None)


def grade(item, text, finish_reason="stop"):
    return MAKER.grade(item, Answer(text=text, finish_reason=finish_reason))


def all_steps(language):
    """One program with a function for every step, chosen by the first part of its argument."""
    sources, names = [], []
    for number, name in enumerate(STEPS):
        use = Recipe.loads(json.dumps([[name, (STEPS[name].parameters or (None,))[-1]]])).uses[0]
        indent = "    " if language == "python" else "  "
        sources.append(around(f"s{number}", language, [indent + line for line in statements(use, language)]))
        names.append(f"s{number}")
    call = {
        "python": f"def check(pair):\n    return [{', '.join(names)}][pair[0]](pair[1])",
        "javascript": f"function check(pair) {{ return [{', '.join(names)}][pair[0]](pair[1]); }}",
        "lua": f"function check(pair) return ({{{', '.join(names)}}})[pair[1] + 1](pair[2]) end",
    }
    return "\n".join([*sources, call[language]])


def test_every_step_does_the_same_in_every_language(language):
    pairs = [(number, argument) for number, step in enumerate(STEPS.values()) for argument in EDGES[step.takes]]
    calls = Calls(
        language=language, source=all_steps(language), function="check", arguments=tuple(list(pair) for pair in pairs)
    )
    report = call_function(calls, choose_runner(language, unsafe=False), Limits())
    steps = list(STEPS.values())
    for (number, argument), found in zip(pairs, report.returned, strict=True):
        step = steps[number]
        wanted = step.apply(argument, (step.parameters or (None,))[-1])
        assert found is not None, report
        assert found.error is None, (step.name, found)
        assert execution.same(found.value, wanted), (step.name, argument, found.value, wanted)


@pytest.mark.parametrize("task", ["spec-1", "spec-2", "spec-3", "repair-1", "repair-3", "complete-1", "complete-3"])
def test_reference_passes_the_hidden_tests(task, language):
    for index in range(3):
        item = item_of(f"task={task},language={language}", index)
        found = grade(item, item.references[0])
        assert (found.score, found.signals["tests_passed"]) == (1.0, 1.0), item


def test_function_left_unrepaired_is_wrong(language):
    for index in range(3):
        item = item_of(f"task=repair-2,language={language}", index)
        wrong = function_source(item.attributes["function"], Recipe.loads(item.attributes["mutant"]), language)
        found = grade(item, f"```{language}\n{wrong}\n```")
        assert found.failure_mode == "wrong_answer"
        assert found.signals["tests_passed"] < 1.0


def test_function_repaired_after_the_wrong_one_was_shown_again_is_right(language):
    item = item_of(f"task=repair-2,language={language}")
    wrong = function_source(item.attributes["function"], Recipe.loads(item.attributes["mutant"]), language)
    before, after = f"```{language}\n{wrong}\n```", f"```{language}\n{item.references[0]}\n```"
    assert grade(item, f"Before:\n{before}\nAfter:\n{after}\nIt is right now.").score == 1.0
    assert grade(item, f"After:\n{after}\nBefore:\n{before}").failure_mode == "wrong_answer"


def test_mutants_of_a_specification_are_wrong():
    for index in range(4):
        item = item_of("task=spec-2,language=python", index)
        recipe = Recipe.loads(item.attributes["recipe"])
        tests = hidden_arguments(recipe.takes, item.id)
        different = [
            mutant
            for mutant in mutants(recipe)
            if [mutant.apply(one) for one in tests] != [recipe.apply(one) for one in tests]
        ]
        for mutant in different[:2]:
            source = function_source(item.attributes["function"], mutant, "python")
            assert grade(item, source).failure_mode == "wrong_answer"


SHORT = {  # sorts lists as long as those of the examples
    "python": "def f(x):\n    return sorted(x[:8]) + x[8:]",
    "javascript": "function f(x) { return [...x.slice(0, 8).sort((a, b) => a - b), ...x.slice(8)]; }",
    "lua": "function f(x)\n  local y = table.move(x, 1, math.min(8, #x), 1, {})\n  table.sort(y)\n"
    "  return table.move(y, 1, #y, 1, x)\nend",
}
TURNED = {  # reverses lists as long as those of the examples, and turns longer ones on by one
    "python": "def f(x):\n    return x[::-1] if len(x) < 10 else x[::-1][1:] + x[-1:]",
    "javascript": "function f(x) { const y = [...x].reverse(); return x.length < 10 ? y : [...y.slice(1), y[0]]; }",
    "lua": "function f(x)\n  local y = {}\n  for i = #x, 1, -1 do y[#y + 1] = x[i] end\n"
    "  if #x >= 10 then table.insert(y, table.remove(y, 1)) end\n  return y\nend",
}


def verdict_on(source, step, language):
    recipe = json.dumps([[step, None]])
    hidden = execution.Hidden(language=language, function="f", recipe=recipe, example="[3, 1, 2]", item_id="an item")
    return execution.verdict(source, hidden), execution.hidden_tests(hidden)


@pytest.mark.parametrize(("step", "sources"), [("sort_up", SHORT), ("reverse", TURNED)])
def test_function_that_agrees_on_all_examples_but_breaks_a_property_is_wrong(step, sources, language):
    found, tests = verdict_on(sources[language], step, language)
    assert found.mode == "broken_property"
    assert len(tests.examples) / (len(tests.examples) + len(tests.properties)) <= found.passed < 1.0


@pytest.mark.parametrize("step", ["sort_up", "reverse"])
def test_function_of_that_step_has_its_properties(step, language):
    recipe = Recipe.loads(json.dumps([[step, None]]))
    assert verdict_on(function_source("f", recipe, language), step, language)[0].mode is None


def test_whole_function_is_accepted_where_a_line_was_asked_for(language):
    item = item_of(f"task=complete-1,language={language}")
    recipe = Recipe.loads(item.attributes["recipe"])
    source = function_source(item.attributes["function"], recipe, language)
    assert grade(item, f"Here is the whole function:\n```{language}\n{source}\n```").score == 1.0


@pytest.mark.parametrize("frame", ["{}", "    {}", "`{}`", "```python\n{}\n```", "The missing line is:\n\n{}\n\nDone."])
def test_missing_line_in_any_frame_is_right(frame):
    item = item_of("task=complete-1,language=python")
    assert grade(item, frame.format(item.references[0])).score == 1.0


FAILURES = [
    ("return x +", "syntax_error"),
    ("return 12345", "wrong_answer"),
    ("return undefined_name", "runtime_error"),
    ("while True: pass", "timeout"),
    ("import os; os.system('id'); return x", "forbidden"),
    ("import socket; socket.socket(); return x", "forbidden"),
    ("open('/usr/x', 'w'); return x", "forbidden"),
    ("return [0] * 10**11", "resources"),
    ("print('x' * 10**7); return x", "resources"),
    ("import sys; sys.exit(0)", "runtime_error"),
    ("return x\x00", "syntax_error"),
    ("raise ValueError('Permission denied')", "runtime_error"),
    ("raise PermissionError('you may not')", "runtime_error"),
    ("raise RuntimeError('MemoryError: EACCES')", "runtime_error"),
]


@pytest.mark.parametrize(("body", "mode"), FAILURES)
def test_wrong_function_fails_by_its_kind(body, mode, monkeypatch):
    monkeypatch.setattr(execution, "LIMITS", Limits(cpu_s=1, wall_s=4.0))
    item = item_of("task=spec-1,language=python")
    assert grade(item, f"def {item.attributes['function']}(x):\n    {body}").failure_mode == mode


JAVASCRIPT_FAILURES = [
    ("return x +;", "syntax_error"),
    ("return 12345;", "wrong_answer"),
    ("return undefinedName;", "runtime_error"),
    ("require('child_process').execSync('id'); return x;", "forbidden"),
    ("require('fs').writeFileSync('/usr/x', ''); return x;", "forbidden"),
    ("throw new Error('EACCES: permission denied');", "runtime_error"),
    ("throw Object.assign(new Error('no'), { code: 'EPERM' });", "runtime_error"),
]


@pytest.mark.parametrize(("body", "mode"), JAVASCRIPT_FAILURES)
def test_wrong_javascript_fails_by_its_kind(body, mode):
    if missing_interpreter("javascript"):
        pytest.skip(missing_interpreter("javascript"))
    item = item_of("task=spec-1,language=javascript")
    assert grade(item, f"function {item.attributes['function']}(x) {{ {body} }}").failure_mode == mode


@pytest.mark.parametrize(
    ("module", "body", "mode"),
    [
        ("import { execSync } from 'child_process';", "execSync('id'); return x;", "forbidden"),
        ("import fs from 'fs';", "fs.writeFileSync('/usr/x', ''); return x;", "forbidden"),
        ("import _ from 'lodash';", "return _.sortBy(x);", "runtime_error"),
        ("import fs from 'fs';", "return 12345;", "wrong_answer"),
        ("import fs from fs;", "return x;", "syntax_error"),
    ],
)
@pytest.mark.parametrize("export", ["export ", "export default ", ""])
def test_module_of_javascript_is_graded_by_what_it_does(module, body, mode, export):
    if missing_interpreter("javascript"):
        pytest.skip(missing_interpreter("javascript"))
    item = item_of("task=spec-1,language=javascript")
    text = f"```js\n{module}\n\n{export}function {item.attributes['function']}(x) {{ {body} }}\n```"
    assert grade(item, text).failure_mode == mode


def test_module_of_javascript_with_a_right_function_is_right():
    if missing_interpreter("javascript"):
        pytest.skip(missing_interpreter("javascript"))
    item = item_of("task=repair-2,language=javascript")
    assert grade(item, f"```js\nimport fs from 'fs';\n\nexport {item.references[0]}\n```").score == 1.0


LUA_FAILURES = [
    ("return x +", "syntax_error"),
    ("return 12345", "wrong_answer"),
    ("return undefined_name.x", "runtime_error"),
    ("os.execute('id') return x", "forbidden"),
    ("assert(io.open('/usr/x', 'w')) return x", "forbidden"),
    ("assert(os.remove('/usr/bin/env')) return x", "forbidden"),
    ("error('/usr/x: Permission denied')", "runtime_error"),
    ("return (('x'):rep(10^9))", "resources"),
    ("error('there is not enough memory')", "runtime_error"),
]


@pytest.mark.parametrize(("body", "mode"), LUA_FAILURES)
def test_wrong_lua_fails_by_its_kind(body, mode):
    if missing_interpreter("lua"):
        pytest.skip(missing_interpreter("lua"))
    item = item_of("task=spec-1,language=lua")
    assert grade(item, f"function {item.attributes['function']}(x) {body} end").failure_mode == mode


def test_answer_cut_off_at_the_budget_fails_as_length():
    item = item_of("task=spec-1,language=python")
    text = f"```python\ndef {item.attributes['function']}(x):\n    return (x"
    assert grade(item, text, "length").failure_mode == "length"


@pytest.mark.parametrize("text", ["\x00", "\ud800", "(" * 100_000, "9" * 100_000, "\u0301" * 9000, "x = " * 9000])
def test_hostile_text_in_a_gap_is_wrong(text):
    assert grade(item_of("task=complete-1,language=python"), text).score == 0.0


def test_same_answer_is_run_once(monkeypatch):
    runs = []
    real = execution.call_function
    monkeypatch.setattr(execution, "call_function", lambda *args: runs.append(1) or real(*args))
    item = item_of("task=spec-2,language=python", 11)
    text = f"def {item.attributes['function']}(x):\n    return 'seen once'"
    assert grade(item, text) == grade(item, f"```python\n{text}\n```")
    assert len(runs) == 1


def test_answer_that_cannot_be_run_is_no_grade(monkeypatch):
    def unavailable(language, unsafe):
        raise SandboxUnavailable("no sandbox here")

    monkeypatch.setattr(execution, "choose_runner", unavailable)
    item = item_of("task=spec-2,language=python", 12)
    with pytest.raises(SandboxUnavailable, match="no sandbox here"):
        grade(item, f"def {item.attributes['function']}(x): return 'never seen'")
    assert tasks.grade_executed(item, Answer(text="no code", finish_reason="stop")).failure_mode == "no_code"


@pytest.mark.parametrize("size", ["1", "2", "4"])
def test_output_asked_for_is_what_the_interpreter_prints(size, language):
    for index in range(6):
        item = item_of(f"task=print-{size},language={language}", index)
        source = item.prompt.split("```")[1].removeprefix(language)
        program = Program(language=language, source=source)
        assert choose_runner(language, unsafe=False).run(program, Limits()).stdout == item.references[0] + "\n"
