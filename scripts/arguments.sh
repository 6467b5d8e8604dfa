# The run_*.sh scripts source this file: it turns their arguments into those of fairmot. It is not run by itself.
# DEVICE=CPU in the environment lets each of them run on a machine without an accelerator.

project="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

usage() { # prints the comment at the head of the calling script
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}

# set_training CONFIGURATION START_WEIGHTS OUTPUT: fills `training`, the arguments of `fairmot train`.
# The configuration is YAML, or a data.json that replaces the data of default_config.yaml.
set_training() {
    training=()
    case "$1" in
    *.json) training+=("$project/default_config.yaml" --set "data.description=$1") ;;
    "") training+=("$project/default_config.yaml") ;;
    *) training+=("$1") ;;
    esac
    [ -z "$2" ] || training+=(--set "train.start_weights=$2" --set train.partial_start=true)
    training+=(--set "train.output=$3")
    # Continue a run that was stopped.
    [ ! -e "$3/last.safetensors" ] || training+=(--resume)
}

# set_inference DEVICE CONFIGURATION WEIGHTS FOLDER: fills `inference`, the arguments of `fairmot evaluate` and `track`.
set_inference() {
    mkdir -p "$4"
    inference=(--config "${2:-$project/default_config.yaml}")
    case "${1:-CPU}" in
    [Cc][Pp][Uu]) inference+=(--device cpu) ;;
    [Gg][Pp][Uu]) inference+=(--device cuda) ;;
    [Aa]scend | ASCEND) inference+=(--device ascend) ;;
    *) echo "DEVICE $1: expected Ascend, GPU or CPU" >&2; exit 2 ;;
    esac
    case "${3:-}" in
    "") ;;
    *.ckpt | *.pth)
        fairmot convert "$3" "$4/weights.safetensors" --overwrite
        inference+=(--weights "$4/weights.safetensors")
        ;;
    *) inference+=(--weights "$3") ;;
    esac
}
