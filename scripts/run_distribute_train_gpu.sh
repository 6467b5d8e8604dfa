#!/usr/bin/env bash
# Train on several NVIDIA GPUs with PyTorch, in the background: log in train/tran.log, checkpoints in train/ckpt.
# Usage: scripts/run_distribute_train_gpu.sh [DEVICE_NUM] [VISIBLE_DEVICES(0,1,...)] [CONFIG_FILE] [PRETRAINED_MODEL]
#   DEVICE_NUM        number of devices; left out: 1
#   VISIBLE_DEVICES   their numbers, or CPU; left out: those that CUDA_VISIBLE_DEVICES names
#   CONFIG_FILE       a YAML configuration or a data.json; left out: default_config.yaml (batch 12 a device)
#   PRETRAINED_MODEL  weights to start from: .ckpt, .pth or .safetensors
# The paper's run, 12 images over two cards: scripts/run_distribute_train_gpu.sh 2 0,1 default_config_two_gpus.yaml
set -euo pipefail
DEVICE="${DEVICE:-}"
source "$(dirname "$0")/arguments.sh"
[ $# -le 4 ] || usage
count="${1:-1}" visible="${2:-}" device=cuda
check_count DEVICE_NUM "$count"
if is_cpu "$visible"; then
    device=cpu
elif [ -n "$visible" ]; then
    [[ "$visible" =~ ^[0-9]+(,[0-9]+)*$ ]] || fail "VISIBLE_DEVICES $visible: expected numbers such as 0,1, or CPU"
    commas="${visible//[^,]/}"
    [ "$count" -le $((${#commas} + 1)) ] || fail "DEVICE_NUM $count, but VISIBLE_DEVICES names $((${#commas} + 1)): $visible"
    export CUDA_VISIBLE_DEVICES=$visible
fi
set_training default_config.yaml "${3:-}" "${4:-}" train/ckpt
train_in_background "${training[@]}" --engine torch --device "$device" --processes "$count"
