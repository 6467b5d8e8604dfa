#!/usr/bin/env bash
# Train on one NVIDIA GPU with PyTorch; checkpoints in ./output.
# Usage: scripts/run_standalone_train_gpu.sh [CONFIG_FILE] [PRETRAINED_MODEL]
#   CONFIG_FILE       a YAML configuration or a data.json; left out: default_config.yaml (batch 12)
#   PRETRAINED_MODEL  weights to start from: .ckpt, .pth or .safetensors
# DEVICE=CPU in the environment trains on the processor.
set -euo pipefail
DEVICE="${DEVICE:-}"
source "$(dirname "$0")/arguments.sh"
[ $# -le 2 ] || usage
device=cuda
if is_cpu ""; then device=cpu; fi
set_training default_config.yaml "${1:-}" "${2:-}" output
exec "${program[@]}" train "${training[@]}" --engine torch --device "$device"
