#!/usr/bin/env bash
# Track every sequence or video in a folder: images with boxes, and videos where the configuration says save_videos.
# Usage: scripts/run_infer.sh [DEVICE] [CONFIG] [LOAD_CKPT] [DATASET_DIR]
#   DEVICE       Ascend, GPU or CPU; left out: CPU
#   CONFIG       a YAML configuration, for its tracker and inference sections; left out: default_config.yaml
#   LOAD_CKPT    weights: .ckpt, .pth or .safetensors; left out: the shipped model
#   DATASET_DIR  folder of sequences, of image folders or of videos; left out: data/MOT20/test
set -euo pipefail
source "$(dirname "$0")/arguments.sh"
[ $# -le 4 ] || usage
set_inference "${1:-}" "${2:-}" "${3:-}" infer
fairmot track "${4:-data/MOT20/test}"/* "${inference[@]}" --output infer/results --overwrite 2>&1 | tee infer/infer.log
