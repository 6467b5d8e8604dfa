#!/usr/bin/env bash
# Train on several Ascend devices with MindSpore, in the background: log in train/tran.log, checkpoints in train/ckpt.
# Usage: scripts/run_distribute_train_ascend.sh RANK_SIZE [DATA_CFG] [LOAD_PRE_MODEL]
#   RANK_SIZE       number of devices
#   DATA_CFG        a YAML configuration or a data.json; left out: default_config_ascend.yaml (batch 4 a device)
#   LOAD_PRE_MODEL  weights to start from: .ckpt, .pth or .safetensors
# DEVICE=CPU in the environment trains with RANK_SIZE processes on the processor.
set -euo pipefail
DEVICE="${DEVICE:-}"
source "$(dirname "$0")/arguments.sh"
[ $# -ge 1 ] && [ $# -le 3 ] || usage
device=ascend
if is_cpu ""; then device=cpu; fi
check_count RANK_SIZE "$1"
set_training default_config_ascend.yaml "${2:-}" "${3:-}" train/ckpt
train_in_background "${training[@]}" --engine mindspore --device "$device" --processes "$1"
