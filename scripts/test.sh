#!/usr/bin/env bash
# Install what the tests need (pip alone, no root) and run them: checks, the default run, then real-model tests.
# What a machine lacks is skipped with the reason; TAILGATE_REQUIRE=chromium,... turns such a skip into a failure.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

install dev
export PATH="$venv/bin:$PATH" HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

make --no-print-directory check
python -m pytest -q -m "not slow" "$@"
python -m pytest -q -m slow "$@"
