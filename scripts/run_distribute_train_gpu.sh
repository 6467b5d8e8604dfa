#!/usr/bin/env bash
# Train on several NVIDIA GPUs with PyTorch, in the background: log in train/tran.log, checkpoints in train/ckpt.
# Usage: scripts/run_distribute_train_gpu.sh [DEVICE_NUM] [VISIBLE_DEVICES(0,1,...)] [CONFIG_FILE] [PRETRAINED_MODEL]
#   DEVICE_NUM        number of devices; left out: 1
#   VISIBLE_DEVICES   their numbers, or CPU; left out: those that CUDA_VISIBLE_DEVICES names
#   CONFIG_FILE       a YAML configuration or a data.json; left out: default_config.yaml
#   PRETRAINED_MODEL  weights to start from: .ckpt, .pth or .safetensors
set -euo pipefail
source "$(dirname "$0")/arguments.sh"
[ $# -le 4 ] || usage
device=cuda
if [ "${2:-}" = CPU ] || [ "${DEVICE:-}" = CPU ]; then device=cpu; elif [ -n "${2:-}" ]; then export CUDA_VISIBLE_DEVICES=$2; fi
mkdir -p train
set_training "${3:-}" "${4:-}" train/ckpt
nohup fairmot train "${training[@]}" --engine torch --device "$device" --processes "${1:-1}" >train/tran.log 2>&1 </dev/null &
echo "process $!, log in train/tran.log, checkpoints in train/ckpt"
