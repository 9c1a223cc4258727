"""Functions judged by what they return in the sandbox: no fake pass is believed, and no data is lost on the way."""

from __future__ import annotations

import pytest

from tailgate_slices.code.execution import judge
from tailgate_slices.sandbox import Limits, choose_runner
from tailgate_slices.sandbox.calls import Calls, call_function
from tailgate_slices.sandbox.interpreters import missing_interpreter

TIGHT = Limits(wall_s=4.0, cpu_s=1)


@pytest.fixture(autouse=True)
def _needs_bubblewrap(require):
    require("bwrap")


# Each of these tries to be graded right without being right: what is asked for is a function that doubles a number.

DOUBLE = [2 * n for n in (3, 5, 8, 13)]
PASS_WORDS = "4 passed in 0.01s"
PYTHON = {
    "printed results": f"print('{PASS_WORDS}')\ndef f(x): print(2 * x)",
    "printed frames": """
print('{"call": 0, "value": 6}')
def f(x):
    print('{"call": 0, "value": 6}')
""",
    "exit before the tests": "import sys\nsys.exit(0)\ndef f(x): return 1",
    "exit in the function": "def f(x):\n    raise SystemExit(0)",
    "hard exit": "import os\ndef f(x): os._exit(0)",
    "encoder replaced": "import json\njson.dumps = lambda *a, **k: 'true'\njson.loads = None\ndef f(x): return 1",
    "writer replaced": "import os\nos.write = lambda fd, text: len(text)\ndef f(x): return 1",
    "built-in functions replaced": """
import builtins
builtins.isinstance = lambda *a: True
builtins.type = lambda *a: int
builtins.len = lambda *a: 4
def f(x): return 1
""",
    "object equal to everything": """
class Any(int):
    def __eq__(self, other): return True
    def __hash__(self): return 0
def f(x): return Any(1)
""",
    "object that is not data": "class Any:\n    def __eq__(self, other): return True\ndef f(x): return Any()",
    "true for one": "def f(x): return True",
    "token found in the frames": """
import sys
def f(x):
    outer = sys._getframe(1)
    token = outer.f_locals['token']
    import os
    for call in range(4):
        os.write(1, f'\\n{token}{{"call": {call}, "value": true}}\\n'.encode())
    return None
""",
    "expected values looked for": """
import gc, sys
def f(x):
    outer = sys._getframe(1)
    seen = [outer.f_locals, outer.f_globals] + gc.get_objects()
    found = [each for each in seen if isinstance(each, dict) and ('expected' in each or 'wanted' in each)]
    return found[0].popitem() if found else list(outer.f_locals['task'])
""",
    "example only": "def f(x): return {3: 6}.get(x)",
    "state between calls": "n = 0\ndef f(x):\n    global n\n    n += 1\n    return 2 * x if n < 3 else 0",
    "not a number": "def f(x): return float('nan')",
    "number too long to read": "def f(x): return 10 ** 4000",
    "nesting too deep to read": "import os\ndef f(x):\n    y = []\n    for _ in range(900): y = [y]\n    return y",
}


JAVASCRIPT = {
    "printed results": f"console.log('{PASS_WORDS}');\nfunction f(x) {{ console.log(2 * x); }}",
    "printed frames": """
console.log('{"call": 0, "value": 6}');
function f(x) { console.log('{"call": 0, "value": 6}'); }
""",
    "exit before the tests": f"console.log('{PASS_WORDS}'); process.exit(0);\nfunction f(x) {{ return 1; }}",
    "exit in the function": "function f(x) { process.exit(0); }",
    "exit in a while": "setTimeout(() => process.exit(0), 0);\nfunction f(x) { return 1; }",
    "encoder replaced": "JSON.stringify = () => 'true';\nJSON.parse = () => 3;\nfunction f(x) { return 1; }",
    "writer replaced": "require('fs').writeSync = () => 0;\nfunction f(x) { return 1; }",
    "built-in functions replaced": """
Array.prototype.forEach = function (call) { call('3', 0); };
String.prototype.slice = () => '6';
Object.is = () => true;
function f(x) { return 1; }
""",
    "prototype that says how it is written": "Number.prototype.toJSON = () => 6;\nfunction f(x) { return 1; }",
    "object equal to everything": "function f(x) { return { valueOf: () => 2 * x, toString: () => String(2 * x) }; }",
    "text of the number": "function f(x) { return String(2 * x); }",
    "true for one": "function f(x) { return true; }",
    "token read again": """
const fs = require('fs');
function f(x) {
  const text = Buffer.alloc(9999);
  const n = fs.readSync(0, text, 0, 9999, 0);
  const { token } = JSON.parse(text.toString('utf8', 0, n));
  for (let call = 0; call < 4; call++) fs.writeSync(1, `\\n${token}{"call": ${call}, "value": true}\\n`);
}
""",
    "expected values looked for": """
const seen = [globalThis, module, require.main, require.cache];
function f(x) { return seen.map((each) => each && (each.expected || each.wanted || each.task)).find(Boolean); }
""",
    "example only": "function f(x) { return { 3: 6 }[x]; }",
    "state between calls": "let n = 0;\nfunction f(x) { return ++n < 3 ? 2 * x : 0; }",
    "not a number": "function f(x) { return NaN; }",
    "promise": "async function f(x) { return 2 * x; }",
}

LUA = {
    "printed results": f"print('{PASS_WORDS}')\nfunction f(x) print(2 * x) end",
    "printed frames": """
print('{"call": 0, "value": 6}')
function f(x) print('{"call": 0, "value": 6}') end
""",
    "exit before the tests": f"print('{PASS_WORDS}') os.exit(0)\nfunction f(x) return 1 end",
    "exit in the function": "function f(x) os.exit(0) end",
    "encoder replaced": """
string.format = function() return '6' end
tostring, string.gsub = string.format, string.format
function f(x) return 1 end
""",
    "writer replaced": "io.write = function() end\nio.stdout = nil\nfunction f(x) return 1 end",
    "built-in functions replaced": """
math.type = function() return 'integer' end
pcall, load, type, error = nil, nil, nil, nil
function f(x) return 1 end
""",
    "object equal to everything": """
local any = { __eq = function() return true end, __index = function() return 6 end }
function f(x) return setmetatable({}, any) end
""",
    "text of the number": "function f(x) return tostring(2 * x) end",
    "true for one": "function f(x) return true end",
    "token read again": """
function f(x)
  io.stdin:seek('set')
  local token = io.stdin:read('a'):match('%["token"%] = "(%x+)"')
  for call = 0, 3 do io.stdout:write('\\n', token, '{"call": ', call, ', "value": true}\\n') end
end
""",
    "expected values looked for": """
function f(x)
  for level = 1, 9 do
    for at = 1, 99 do
      local fine, name, value = pcall(debug.getlocal, level, at)
      if fine and (name == 'expected' or name == 'wanted') then return value end
    end
  end
end
""",
    "example only": "function f(x) return ({ [3] = 6 })[x] end",
    "state between calls": "local n = 0\nfunction f(x) n = n + 1 return n < 3 and 2 * x or 0 end",
    "not a number": "function f(x) return 0 / 0 end",
    "number as fraction": "function f(x) return 2 * x + 0.5 end",
}
FAKES = {"python": PYTHON, "javascript": JAVASCRIPT, "lua": LUA}
SILENT = {  # right, whatever it prints
    "python": f"def f(x):\n    print('{PASS_WORDS}', end='')\n    return 2 * x",
    "javascript": f"function f(x) {{ process.stdout.write('{PASS_WORDS}'); return 2 * x; }}",
    "lua": f"function f(x) io.write('{PASS_WORDS}') return 2 * x end",
}
HALF_WAY = {
    "python": "import os\ndef f(x):\n    return 2 * x if x < 6 else os._exit(0)",
    "javascript": "function f(x) { return x < 6 ? 2 * x : process.exit(0); }",
    "lua": "function f(x) return x < 6 and 2 * x or os.exit(0) end",
}


def judged(source, language="python"):
    if missing_interpreter(language):
        pytest.skip(missing_interpreter(language))
    calls = Calls(language=language, source=source, function="f", arguments=(3, 5, 8, 13))
    return judge(call_function(calls, choose_runner(language, unsafe=False), TIGHT), DOUBLE)


@pytest.mark.parametrize(("language", "name"), [(language, name) for language in FAKES for name in FAKES[language]])
def test_fake_pass_is_not_believed(language, name):
    assert judged(FAKES[language][name], language).mode is not None


@pytest.mark.parametrize("language", list(FAKES))
def test_right_function_passes_whatever_it_prints(language):
    assert judged(SILENT[language], language).mode is None


@pytest.mark.parametrize("language", list(FAKES))
def test_function_that_stops_half_way_has_passed_half(language):
    found = judged(HALF_WAY[language], language)
    assert (found.mode, found.passed) == ("runtime_error", 0.5)


# What a function is given and returns crosses the sandbox as text: nothing may be lost on the way.

DATA = (
    *(0, -7, 10**30, 2.5, -0.0, 1e300, True, False, None, "", "plain", "\"quoted\" \\ back", "line\nend\ttab\x00\x7f"),
    *("naïve 日本 \U0001f600", [], [1, [2, "x"], None], {}, {"a": [1], "ü \"": {"b": None}}),
)  # fmt: skip
RETURNED = {
    "(1, 'a')": [1, "a"],
    "{1: 'a', 2.5: 'b', True: 'c', None: 'd'}": {"1": "c", "2.5": "b", "null": "d"},
    "type('N', (int,), {})(4)": 4,
    "type('S', (str,), {})('s')": "s",
    "float('inf')": float("inf"),
    "'\\ud800'": "\ud800",
}


def called(source, arguments, language="python"):
    calls = Calls(language=language, source=source, function="f", arguments=tuple(arguments))
    return call_function(calls, choose_runner(language, unsafe=False), TIGHT).returned


def test_python_function_gets_and_returns_data_unchanged():
    returned = [each.value for each in called("def f(x): return x", DATA)]
    assert repr(returned) == repr(list(DATA))


@pytest.mark.parametrize("made", list(RETURNED))
def test_python_result_is_written_as_json_would_be(made):
    assert called(f"def f(x): return {made}", [0])[0].value == RETURNED[made]


@pytest.mark.parametrize("made", ["{1}", "object()", "b'x'", "1j", "{(1, 2): 3}", "f"])
def test_python_result_that_is_no_data_is_an_error(made):
    assert "TypeError" in called(f"def f(x): return {made}", [0])[0].error


def test_python_result_that_holds_itself_is_an_error():
    assert called("def f(x):\n    x.append(x)\n    return x", [[1]])[0].error is not None


def test_python_arguments_are_fresh_in_every_call():
    returned = called("def f(x):\n    x.append(9)\n    return x", [[1], [1]])
    assert [each.value for each in returned] == [[1, 9], [1, 9]]


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", "def f(x):\n    return x + [len(x)]"),
        ("javascript", "function f(x) { return [...x, x.length]; }"),
        ("lua", "function f(x) x[#x + 1] = #x return x end"),
    ],
)
def test_function_is_called_again_with_what_it_returned(language, source):
    if missing_interpreter(language):
        pytest.skip(missing_interpreter(language))
    calls = Calls(language=language, source=source, function="f", arguments=([], [], [7]), times=(1, 3, 2))
    returned = call_function(calls, choose_runner(language, unsafe=False), TIGHT).returned
    assert [each.value for each in returned] == [[0], [0, 1, 2], [7, 1, 2]]
