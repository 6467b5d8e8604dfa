# Read by the run_*.sh scripts: what their arguments mean. Not run by itself.
# DEVICE=CPU in the environment lets each of them run on a machine without an accelerator.

project="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

usage() { # prints the comment at the head of the calling script
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}

absolute() { # a path that still holds after cd; an empty one stays empty
    [ -z "${1:-}" ] || realpath -m -- "$1"
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
    # A run that was stopped goes on.
    [ ! -e "$3/last.safetensors" ] || training+=(--resume)
}
