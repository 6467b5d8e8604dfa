#!/usr/bin/env bash
# From raw data to the shipped model: the detector's last layers, the embeddings, calibrated scores, both files.
# Usage: scripts/train_lite.sh DATA WORK [--quick]
#   DATA  folder with coco_person_multi/, coco_person/, pennfudan/, market1501_train/, mot/, extra/ and teachers/
#         (docs/models.md names the sources)
#   WORK  folder for everything made on the way; a second call continues where the first was stopped
#   --quick  a few steps of everything, to see that the chain works; the model is of no use
# TUD-Campus and the val images of coco_person_multi take no part in the training.
set -euo pipefail
[ $# -eq 2 ] || { [ $# -eq 3 ] && [ "$3" = --quick ]; } || { sed -n '2,8p' "$0" >&2; exit 2; }
data=$1 work=$2
training=() rounds=() frames=20
if [ $# -eq 3 ]; then
    training=(--set train.epochs=1 --set train.batch_size=2) rounds=(--rounds 2 1) frames=2
fi
root="$(cd "$(dirname "$0")/.." && pwd)"
recipe="$root/recipes/lite"
mkdir -p "$work"

if [ ! -e "$work/people/photographs" ]; then
    fairmot data convert yolo "$data/coco_person_multi" "$work/people" --name multi
    fairmot data convert yolo "$data/coco_person" "$work/people" --name coco
    fairmot data convert yolo "$data/extra/human_v2" "$work/people" --name human
    fairmot data convert yolo "$data/extra/capston2_person" "$work/people" --name capston2
    fairmot data convert pennfudan "$data/pennfudan" "$work/people"
    # Bodies and heads are labelled apart there, and some people are not labelled.
    fairmot data convert voc "$data/extra/tud_street_person" "$work/people" --name tud_street \
        --heads deflection,undeflect --ignore "$data/extra/tud_street_person/ignore_candidates.csv"
    python "$recipe/lists.py" "$data" "$work/people"
    touch "$work/people/photographs"
fi
[ -e "$work/start.safetensors" ] || fairmot convert "$data/teachers/rtmdet_nano_person.onnx" "$work/start.safetensors"

# PyTorch on a processor spends a third of a step in returning memory to the system: make glibc keep it.
export MALLOC_MMAP_THRESHOLD_=4000000000 MALLOC_TRIM_THRESHOLD_=16000000000 MALLOC_TOP_PAD_=268435456
resume=()
[ ! -e "$work/detector/last.safetensors" ] || resume=(--resume)
[ -e "$work/detector-is-trained" ] || fairmot train "$root/configs/lite.yaml" --engine torch "${resume[@]}" \
    --set data.description="$work/people/data.json" \
    --set train.start_weights="$work/start.safetensors" \
    --set train.output="$work/detector" "${training[@]}"
touch "$work/detector-is-trained"

[ -e "$work/material.npz" ] || python "$recipe/teach.py" "$data" "$work/material.npz"
python "$recipe/appearance.py" "$work/detector/weights.safetensors" "$work/material.npz" "$work/appearance" "${rounds[@]}"

[ -e "$work/streets" ] || for seed in 1 2 3 4; do
    fairmot data synthesize "$work/streets" --people $((8 + 4 * seed)) --frames $frames --frame-rate 2 --seed "$seed"
done
python "$recipe/calibrate.py" "$work/appearance/weights.safetensors" "$data" --streets "$work/streets" \
    --write "$work/lite.safetensors"
fairmot export "$work/lite.safetensors" "$work/lite.onnx" --overwrite
