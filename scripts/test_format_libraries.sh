#!/usr/bin/env bash
# Tests of the formats that torchao, hqq and optimum-quanto write, in an environment of their own over that of the tests:
# transformers imports these packages wherever they are installed, and they warn as they load, which counts as an error.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

install dev
over=${TAILGATE_FORMATS_VENV:-$root/.venv-formats}
overlay "$over" -e "${root}[torchao,hqq,quanto]"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false TAILGATE_REQUIRE=torchao,hqq,optimum
exec "$over/bin/python" -m pytest -q -W ignore tests/unit/variants/formats/test_library_formats.py \
  tests/unit/variants/test_library_rounding.py "$@"
