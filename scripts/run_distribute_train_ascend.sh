#!/usr/bin/env bash
# Train on several Ascend devices with MindSpore, in the background: log in train/tran.log, checkpoints in train/ckpt.
# Usage: scripts/run_distribute_train_ascend.sh RANK_SIZE [DATA_CFG] [LOAD_PRE_MODEL]
#   RANK_SIZE       number of devices
#   DATA_CFG        a YAML configuration or a data.json; left out: default_config.yaml
#   LOAD_PRE_MODEL  weights to start from: .ckpt, .pth or .safetensors
# DEVICE=CPU in the environment trains with RANK_SIZE processes on the processor.
set -euo pipefail
source "$(dirname "$0")/arguments.sh"
[ $# -ge 1 ] && [ $# -le 3 ] || usage
device=ascend
[ "${DEVICE:-}" != CPU ] || device=cpu
mkdir -p train
set_training "${2:-}" "${3:-}" train/ckpt
nohup fairmot train "${training[@]}" --engine mindspore --device "$device" --processes "$1" >train/tran.log 2>&1 </dev/null &
echo "process $!, log in train/tran.log, checkpoints in train/ckpt"
