#!/usr/bin/env bash
# One night: the comparison of a nightly file, from a checkout. For cron, systemd, Slurm and CI; exits as tailgate does.
# Usage: scripts/nightly.sh NIGHTLY.toml
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ $# -ne 1 ] || [ ! -f "$1" ]; then
  echo "usage: scripts/nightly.sh NIGHTLY.toml" >&2
  exit 2
fi
install "${TAILGATE_EXTRAS:-bnb,report,slices}"
exec "$venv/bin/tailgate" nightly "$1"
