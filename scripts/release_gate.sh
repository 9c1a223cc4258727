#!/usr/bin/env bash
# May these candidates replace the baseline? One line in CI; anything that is not a pass is not 0.
# Usage: scripts/release_gate.sh OUT WAIVERS BASELINE CANDIDATE... [-- options of tailgate compare]
#   OUT      folder of the run, kept as an artifact
#   WAIVERS  TOML file of signed-off regressions, or - for none
# TAILGATE names the command (default: tailgate on the PATH).
set -euo pipefail

if [ $# -lt 4 ]; then
  sed -n '3,6s/^# //p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
tailgate=${TAILGATE:-tailgate}
out=$1 waivers=$2
shift 2
variants=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  variants+=("$1")
  shift
done
[ "${1:-}" != -- ] || shift
if [ "$waivers" != - ] && [ ! -f "$waivers" ]; then
  echo "release gate: no waiver file $waivers; give a file, or - for none" >&2
  exit 2
fi

code=0
if [ "$waivers" = - ]; then
  "$tailgate" compare "${variants[@]}" --out "$out" "$@" || code=$?
else
  # What a job is told comes after the waivers.
  env -u GITHUB_ACTIONS "$tailgate" compare "${variants[@]}" --out "$out" "$@" || code=$?
fi
if [ "$waivers" != - ] && { [ "$code" = 1 ] || [ -f "$out/verdict.json" ]; }; then
  waived=0
  "$tailgate" gate "$out" --waivers "$waivers" || waived=$?
  # Only a regression can be waived: whatever else went wrong stays what it is.
  if [ "$code" = 1 ]; then code=$waived; fi
fi
case $code in
  0) echo "release gate: may ship" >&2 ;;
  1) echo "release gate: may not ship: regression" >&2 ;;
  3) echo "release gate: may not ship: not established" >&2 ;;
  *) echo "release gate: may not ship: no verdict (exit code $code)" >&2 ;;
esac
exit "$code"
