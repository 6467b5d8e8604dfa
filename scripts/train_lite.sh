#!/usr/bin/env bash
# From raw data to the shipped model: converts the photographs, renders the streets, trains `lite`.
# Usage: scripts/train_lite.sh DATA WORK
#   DATA  folder with pennfudan/, coco_person/, extra/ and teachers/yolox_nano.onnx (docs/models.md names the sources)
#   WORK  folder for everything made on the way; a second call continues where the first was stopped
# TUD-Campus is validation and takes no part.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
data=$1 work=$2
config="$(dirname "$0")/../configs/lite.yaml"
mkdir -p "$work"

if [ ! -e "$work/people/photographs-and-streets" ]; then
    fairmot data convert pennfudan "$data/pennfudan" "$work/people"
    fairmot data convert yolo "$data/coco_person" "$work/people" --name coco
    fairmot data convert yolo "$data/extra/capston2_person" "$work/people" --name capston2
    # Bodies and heads are labelled apart there, and some people are not labelled.
    fairmot data convert voc "$data/extra/tud_street_person" "$work/people" --name tud_street \
        --heads deflection,undeflect --ignore "$data/extra/tud_street_person/ignore_candidates.csv"
    # A fifth of the photographs is never trained on: docs/models.md reports the precision on it.
    for name in pennfudan coco capston2; do
        fairmot data split "$work/people/$name.txt" --one-in 5 --block 20 --data "$work/people/data.json"
    done
    for seed in $(seq 1 20); do
        # Two frames a second, so that consecutive images differ; and once more seen from higher up.
        fairmot data synthesize "$work/streets" --people $((8 + seed)) --frames 20 --frame-rate 2 --seed "$seed" --overwrite
        fairmot data synthesize "$work/streets_high" --people $((10 + seed)) --frames 20 --frame-rate 2 \
            --seed $((100 + seed)) --camera-height 4 9 --overwrite
    done
    fairmot data convert motchallenge "$work/streets" "$work/people" --name streets
    fairmot data convert motchallenge "$work/streets_high" "$work/people" --name streets_high
    touch "$work/people/photographs-and-streets"
fi
[ -e "$work/yolox_nano.safetensors" ] || fairmot convert "$data/teachers/yolox_nano.onnx" "$work/yolox_nano.safetensors"

# PyTorch on a processor spends a third of a step in returning memory to the system: make glibc keep it.
export MALLOC_MMAP_THRESHOLD_=4000000000 MALLOC_TRIM_THRESHOLD_=16000000000 MALLOC_TOP_PAD_=268435456
resume=()
[ ! -e "$work/run/last.safetensors" ] || resume=(--resume)
fairmot train "$config" --engine torch "${resume[@]}" \
    --set data.description="$work/people/data.json" \
    --set train.start_weights="$work/yolox_nano.safetensors" \
    --set train.output="$work/run"
