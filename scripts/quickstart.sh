#!/usr/bin/env bash
# From a fresh checkout to a verdict: compare the embedded model with its nf4 and 3-bit variants.
# quickstart.sh [RUN_FOLDER [OPTIONS OF COMPARE]]. Exits 0 whenever a verdict was produced, and prints the verdict's own code.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

if [ ! -d "$venv" ]; then
  cat >&2 <<'NOTICE'
This installs into .venv and downloads about 240 MB of packages, the embedded model (98 MB), and torch: 190 MB for
its CPU build, several GB for its CUDA build, which Linux x86-64 gets by default. For the CPU build there, stop now and run
  TAILGATE_TORCH_INDEX=https://download.pytorch.org/whl/cpu bash scripts/quickstart.sh
NOTICE
fi
install bnb,report

out=${1:-results/runs/quickstart-$(date -u +%Y%m%dT%H%M%SZ)}
options=("${@:2}")
if [ -e "$out/verdict.json" ]; then
  echo "$out holds an earlier verdict; give another folder" >&2
  exit 2
fi
code=0
"$venv/bin/tailgate" compare smollm2 smollm2@bnb-nf4 smollm2@rtn:bits=3,group=64 --suite quick --out "$out" \
  "${options[@]}" || code=$?
if [ ! -f "$out/verdict.json" ]; then
  echo "no verdict was produced (exit code $code)" >&2
  exit "$code"
fi
echo "verdict exit code: $code (0 pass, 1 regression, 3 inconclusive, 4 invalid)"
echo "report: $out/report.html"
