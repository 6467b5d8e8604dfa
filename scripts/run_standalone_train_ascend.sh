#!/usr/bin/env bash
# Train on one Ascend device with MindSpore; checkpoints in ./output.
# Usage: scripts/run_standalone_train_ascend.sh DEVICE_ID [DATA_CFG] [LOAD_PRE_MODEL]
#   DEVICE_ID       number of the device, or CPU
#   DATA_CFG        a YAML configuration or a data.json; left out: default_config.yaml
#   LOAD_PRE_MODEL  weights to start from: .ckpt, .pth or .safetensors
set -euo pipefail
source "$(dirname "$0")/arguments.sh"
[ $# -ge 1 ] && [ $# -le 3 ] || usage
device=ascend
if [ "$1" = CPU ] || [ "${DEVICE:-}" = CPU ]; then device=cpu; else export DEVICE_ID=$1 ASCEND_RT_VISIBLE_DEVICES=$1; fi
set_training "${2:-}" "${3:-}" output
exec fairmot train "${training[@]}" --engine mindspore --device "$device"
