#!/usr/bin/env bash
# Track the labelled sequences of a data set and score them: images with boxes, log with the table in eval/eval.log.
# Usage: scripts/run_eval.sh [DEVICE] [CONFIG] [LOAD_CKPT] [DATASET_DIR]
#   DEVICE       Ascend, GPU or CPU; left out: CPU
#   CONFIG       a YAML configuration, for its tracker and inference sections; left out: default_config.yaml
#   LOAD_CKPT    weights: .ckpt, .pth or .safetensors; left out: the shipped model
#   DATASET_DIR  sequences in MOTChallenge layout; left out: data/MOT20/train
# BENCHMARK in the environment names the pre-processing where the folders do not (none: of no benchmark).
set -euo pipefail
source "$(dirname "$0")/arguments.sh"
[ $# -le 4 ] || usage
set_inference "${1:-}" "${2:-}" "${3:-}" eval
fairmot evaluate "${4:-data/MOT20/train}" "${inference[@]}" --benchmark "${BENCHMARK:-auto}" \
    --output eval/results --overwrite 2>&1 | tee eval/eval.log
