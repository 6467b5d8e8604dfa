#!/usr/bin/env bash
# Track every sequence or video in a folder: images with boxes, and videos where the configuration says save_videos.
# Usage: scripts/run_infer.sh [DEVICE] [CONFIG] [LOAD_CKPT] [DATASET_DIR]
#   DEVICE       Ascend, GPU or CPU; left out: CPU
#   CONFIG       a YAML configuration, for its tracker and inference sections; left out: default_config.yaml
#   LOAD_CKPT    weights: .ckpt, .pth or .safetensors; left out: the shipped model
#   DATASET_DIR  MOT20 or the folder that holds it (its test sequences; train where there are none), a folder of
#                sequences, of image folders or of videos, or one of these; left out: data/MOT20
set -euo pipefail
source "$(dirname "$0")/arguments.sh"
[ $# -le 4 ] || usage
set_inference "${1:-}" "${2:-}" "${3:-}"
dataset="$(find_split "${4:-data/MOT20}" test train)"
sources=("$dataset"/*)
# A video, a sequence, or a folder of images is one source; a folder of anything else holds one source an entry.
if [ ! -d "$dataset" ] || [ -d "$dataset/img1" ] || compgen -G "$dataset/*.[jJ][pP][gG]" >/dev/null ||
    compgen -G "$dataset/*.[pP][nN][gG]" >/dev/null; then
    sources=("$dataset")
elif [ ! -e "${sources[0]}" ]; then
    fail "DATASET_DIR $dataset: the folder is empty"
fi
run_logged infer infer.log "${program[@]}" track "${sources[@]}" "${inference[@]}" --output infer/results --overwrite
