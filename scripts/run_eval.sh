#!/usr/bin/env bash
# Track the labelled sequences of a data set and score them: images with boxes, log with the table in eval/eval.log.
# Usage: scripts/run_eval.sh [DEVICE] [CONFIG] [LOAD_CKPT] [DATASET_DIR]
#   DEVICE       Ascend, GPU or CPU; left out: CPU
#   CONFIG       a YAML configuration, for its tracker and inference sections; left out: default_config.yaml
#   LOAD_CKPT    weights: .ckpt, .pth or .safetensors; left out: the shipped model
#   DATASET_DIR  MOT20, the folder that holds it, or sequences in MOTChallenge layout; left out: data/MOT20
# BENCHMARK in the environment names the pre-processing where the folders do not (none: of no benchmark).
set -euo pipefail
source "$(dirname "$0")/arguments.sh"
[ $# -le 4 ] || usage
set_inference "${1:-}" "${2:-}" "${3:-}"
dataset="$(find_split "${4:-data/MOT20}" train)"
[ -e "$dataset/gt/gt.txt" ] || compgen -G "$dataset/*/gt/gt.txt" >/dev/null ||
    fail "DATASET_DIR $dataset: no ground truth (SEQUENCE/gt/gt.txt) in it; run_infer.sh tracks without"
run_logged eval eval.log "${program[@]}" evaluate "$dataset" "${inference[@]}" --benchmark "${BENCHMARK:-auto}" \
    --published --output eval/results --overwrite
