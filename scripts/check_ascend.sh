#!/usr/bin/env bash
# Try everything that MindSpore does here on a device, and write what happened into one file to send as an issue.
# Usage: scripts/check_ascend.sh [DEVICE] [FILE]
#   DEVICE  Ascend or CPU; left out: Ascend
#   FILE    the file to write; left out: ascend-report.txt
# It takes about ten minutes and goes on after a failure. The file holds versions, command lines and their output.
set -uo pipefail
source "$(dirname "$0")/arguments.sh"
[ $# -le 2 ] && [ "${1:-}" != -h ] && [ "${1:-}" != --help ] || usage
device="${1:-Ascend}" report="${2:-ascend-report.txt}"
device="${device,,}"
[[ "$device" == ascend || "$device" == cpu ]] || fail "DEVICE $1: expected Ascend or CPU"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# Four images are the published batch of a device; on a processor they would take more than 20 GB.
batch=4
[ "$device" = ascend ] || batch=1
: >"$report" || fail "FILE $report: cannot be written"

step() { # step COMMAND ARGUMENT...: runs it and notes its output, exit code and time
    local began=$SECONDS status
    echo "== $*" | tee -a "$report"
    "$@" 2>&1 | tee -a "$report"
    status=${PIPESTATUS[0]}
    echo "== exit code $status after $((SECONDS - began)) s" | tee -a "$report"
}

step uname -srm
if [ "$device" = ascend ]; then step npu-smi info; fi
step python3 -c "import mindspore; mindspore.run_check()"
step "${program[@]}" doctor
# The graph alone, without a device: what does not compile is named here.
if [ "$device" = ascend ]; then
    step env MS_SIMULATION_LEVEL=0 "${program[@]}" train custom --self-check --engine mindspore --device ascend
fi
step "${program[@]}" train custom --self-check --engine mindspore --device "$device"
step "${program[@]}" benchmark lite dla_34 --training --batch "$batch" --engines mindspore --device "$device"
step "${program[@]}" export "$project/fairmot/pretrained/lite.safetensors" "$work/heads.mindir"
echo "wrote $report"
