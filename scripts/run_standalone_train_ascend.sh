#!/usr/bin/env bash
# Train on one Ascend device with MindSpore; checkpoints in ./output.
# Usage: scripts/run_standalone_train_ascend.sh DEVICE_ID [DATA_CFG] [LOAD_PRE_MODEL]
#   DEVICE_ID       number of the device, or CPU
#   DATA_CFG        a YAML configuration or a data.json; left out: default_config_ascend.yaml (batch 4)
#   LOAD_PRE_MODEL  weights to start from: .ckpt, .pth or .safetensors
set -euo pipefail
DEVICE="${DEVICE:-}"
source "$(dirname "$0")/arguments.sh"
[ $# -le 3 ] || usage
[ $# -ge 1 ] || fail "DEVICE_ID is missing: the number of the device, or CPU"
device=ascend
if is_cpu "$1"; then
    device=cpu
else
    [[ "$1" =~ ^[0-9]+$ ]] || fail "DEVICE_ID $1: expected the number of a device, or CPU"
    if [ -n "${ASCEND_RT_VISIBLE_DEVICES:-}" ] && [[ ",$ASCEND_RT_VISIBLE_DEVICES," != *",$1,"* ]]; then
        fail "DEVICE_ID $1 is not among ASCEND_RT_VISIBLE_DEVICES=$ASCEND_RT_VISIBLE_DEVICES"
    fi
    # The process sees this device alone, as its number 0: that is what DEVICE_ID counts from.
    export ASCEND_RT_VISIBLE_DEVICES=$1 DEVICE_ID=0
fi
set_training default_config_ascend.yaml "${2:-}" "${3:-}" output
exec "${program[@]}" train "${training[@]}" --engine mindspore --device "$device"
