"""The programs that load a function in the sandbox and call it, one for each language.

Each reads a task from its standard input and writes marked lines: ``{"problem": ..., "error": ...}`` before the first
call, ``{"call": i, "value": ...}`` or ``{"call": i, "error": ...}`` for every call. A call that is made `times` times
gets what it returned before. The cause of an error is told by what the system said, not by a message: any program may
write "permission denied".
"""

from __future__ import annotations

from tailgate_slices.sandbox.program import REFUSALS, Language

# json would take as long to import as everything else takes together: half of a run. So the task comes as a Python
# literal, and results are written here; posix is part of the interpreter. What the source replaces is not used.
_PYTHON = r"""
import sys
from builtins import BaseException, MemoryError, OSError, callable, compile, dict, enumerate, eval, exec, float, int
from builtins import isinstance, list, ord, range, str, tuple, type, zip
from posix import dup, write

NAMES = {"__builtins__": {}, "inf": float("inf"), "nan": float("nan")}
PLAIN = {True: "true", False: "false", None: "null"}
REFUSALS = ($REFUSALS)


def escaped(number):
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xd800 + (number >> 10):04x}\\u{0xdc00 + (number & 0x3ff):04x}"


def quoted(text):
    plain = [char if " " <= char <= "~" and char not in '"\\' else escaped(ord(char)) for char in text]
    return '"' + "".join(plain) + '"'


def number(value):
    if isinstance(value, int):
        return int.__repr__(value)
    text = float.__repr__(value)
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(text, text)


def key(value):
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, (int, float)):
        return quoted(encode(value))
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(value).__name__}")


def encode(value):
    if value is None or value is True or value is False:
        return PLAIN[value]
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([encode(each) for each in value]) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join([key(name) + ": " + encode(each) for name, each in value.items()]) + "}"
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def failed(error):
    frame = {"error": f"{type(error).__name__}: {error}"[:300]}
    if isinstance(error, MemoryError):
        frame["cause"] = "memory"
    elif isinstance(error, OSError) and error.errno in REFUSALS:
        frame["cause"] = "forbidden"
    return frame


def main():
    task = eval(sys.stdin.read(), NAMES)
    token, out = task["token"], dup(1)

    def tell(**frame):
        sys.stdout.flush()
        write(out, f"\n{token}{encode(frame)}\n".encode())

    space = {"__name__": "answer", "__builtins__": __builtins__}
    try:
        code = compile(task["source"], "answer.py", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return tell(problem="syntax", **failed(error))
    try:
        exec(code, space)
    except BaseException as error:
        return tell(problem="load", **failed(error))
    function = space.get(task["function"])
    if not callable(function):
        return tell(problem="no_function", error="")
    for call, (argument, times) in enumerate(zip(task["arguments"], task["times"])):
        try:
            value = eval(argument, NAMES)
            for _ in range(times):
                value = function(value)
            tell(call=call, value=value)
        except BaseException as error:
            tell(call=call, **failed(error))


main()
"""

_JAVASCRIPT = r"""
"use strict";
const fs = require("fs"), vm = require("vm");
const task = JSON.parse(fs.readFileSync(0, "utf8"));
const write = fs.writeSync, encode = JSON.stringify, decode = JSON.parse;
const tell = (frame) => write(1, "\n" + task.token + encode(frame) + "\n");
const refusals = [$REFUSALS];
const failed = (error) => {
  const refused = error && typeof error.syscall === "string" && refusals.includes(-error.errno);
  return { error: String(error).slice(0, 300), cause: refused ? "forbidden" : undefined };
};
globalThis.require = require;
globalThis.module = { exports: {} };
globalThis.exports = globalThis.module.exports;

function load() {
  let script;
  try {
    script = new vm.Script(task.source, { filename: "answer.js" });
  } catch (error) {
    return tell({ problem: "syntax", ...failed(error) });
  }
  try {
    script.runInThisContext();
  } catch (error) {
    return tell({ problem: "load", ...failed(error) });
  }
  const found = vm.runInThisContext(`typeof ${task.function} === "function" ? ${task.function} : undefined`);
  return found || tell({ problem: "no_function", error: "" });
}

const answer = load();
if (typeof answer === "function") {
  task.arguments.forEach((argument, call) => {
    try {
      let value = decode(argument);
      for (let i = 0; i < task.times[call]; i++) value = answer(value);
      tell({ call, value: value === undefined ? null : value });
    } catch (error) {
      tell({ call, ...failed(error) });
    }
  });
}
"""

_LUA = r"""
local task = load(io.read("a"), "task", "t", {})()
local out, format, kind_of, load, pcall = io.stdout, string.format, type, load, pcall
local pairs, concat, tostring, pack, unpack = pairs, table.concat, tostring, table.pack, table.unpack

local function quoted(text)
  local plain = text:gsub('[%c"\\\127-\255]', function(char) return format("\\u%04x", char:byte()) end)
  return '"' .. plain .. '"'
end

local function encode(value, depth)
  local kind = kind_of(value)
  if kind == "nil" then return "null" end
  if kind == "boolean" then return tostring(value) end
  if kind == "string" then return quoted(value) end
  if kind == "number" then
    if math.type(value) == "integer" then return format("%d", value) end
    if value ~= value or value == math.huge or value == -math.huge then return "null" end
    return format("%.17g", value)
  end
  if kind ~= "table" or depth > 20 then error("a result of type " .. kind) end
  local parts, n = {}, #value
  for i = 1, n do parts[i] = encode(value[i], depth + 1) end
  local keys = 0
  for _ in pairs(value) do keys = keys + 1 end
  if keys == n then return "[" .. concat(parts, ",") .. "]" end
  parts = {}
  for key, each in pairs(value) do parts[#parts + 1] = quoted(tostring(key)) .. ":" .. encode(each, depth + 1) end
  return "{" .. concat(parts, ",") .. "}"
end

local function tell(text)
  out:write("\n", task.token, "{", text, "}\n")
  out:flush()
end

-- An error of Lua is a text; what the system refused is known only where the system is asked.
local refusals, refused = {}, false
for _, number in pairs({$REFUSALS}) do refusals[number] = true end

local function watched(call)
  return function(...)
    local results = pack(call(...))
    if not results[1] and refusals[results[3]] then refused = true end
    return unpack(results, 1, results.n)
  end
end

io.open, os.remove, os.rename = watched(io.open), watched(os.remove), watched(os.rename)
local file = getmetatable(out).__index
file.write, file.flush, file.close = watched(file.write), watched(file.flush), watched(file.close)

local function failed(message)
  local cause = message == "not enough memory" and "memory" or refused and "forbidden"
  return ',"error":' .. quoted(tostring(message):sub(1, 300)) .. (cause and ',"cause":"' .. cause .. '"' or "")
end

local function problem(kind, message)
  tell('"problem":' .. quoted(kind) .. failed(message))
end

local function loaded()
  -- A local function is seen only by its own chunk, so the chunk is asked to hand it out where it can be.
  local chunk = load(task.source .. "\nreturn " .. task["function"], "=answer", "t")
  local reason
  if not chunk then chunk, reason = load(task.source, "=answer", "t") end
  if not chunk then return problem("syntax", reason) end
  local fine, found = pcall(chunk)
  if not fine then return problem("load", found) end
  if kind_of(found) ~= "function" then found = _G[task["function"]] end
  if kind_of(found) ~= "function" then return problem("no_function", "") end
  return found
end

local answer = loaded()
if answer then
  for i, argument in ipairs(task.arguments) do
    refused = false
    local fine, text = pcall(function()
      local value = load(argument, "argument", "t", {})()
      for _ = 1, task.times[i] do value = answer(value) end
      return encode(value, 0)
    end)
    tell('"call":' .. (i - 1) .. (fine and ',"value":' .. text or failed(text)))
  end
end
"""

_SOURCES: dict[Language, str] = {"python": _PYTHON, "javascript": _JAVASCRIPT, "lua": _LUA}
HARNESSES: dict[Language, str] = {
    language: source.replace("$REFUSALS", ", ".join(map(str, REFUSALS))) for language, source in _SOURCES.items()
}
