#!/usr/bin/env bash
# Have other tools read what `tailgate export` writes: MLflow, Weights & Biases, trackio, lm-evaluation-harness. They lie
# in an environment of their own over that of the tests, which they would fill with web servers and clouds.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

install dev
over=${TAILGATE_INTEROP_VENV:-$root/.venv-interop}
stamp=$over/.installed-$(cat pyproject.toml constraints.txt scripts/test_interop.sh | sha256sum | cut -c1-16)
if [ ! -e "$stamp" ]; then
  [ -x "$over/bin/python" ] || "$venv/bin/python" -m venv "$over"
  site() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
  site "$venv" >"$(site "$over")/tests.pth"
  "$over/bin/pip" install --quiet -c constraints.txt -e "${root}[export]" pytablewriter
  "$over/bin/pip" install --quiet --no-deps "lm_eval==0.4.13" # its table is read; what it evaluates with is not needed
  touch "$stamp"
fi
TAILGATE_REQUIRE=mlflow,wandb,trackio,lm_eval HF_HUB_OFFLINE=1 "$over/bin/python" -m pytest -q tests/unit/interop "$@"
