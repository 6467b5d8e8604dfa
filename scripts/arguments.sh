# The run_*.sh scripts source this file: it turns their arguments into those of fairmot. It is not run by itself.
# DEVICE=CPU in the environment lets each of them run on a machine without an accelerator.

project="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# After `pip install -r requirements.txt` the package itself is not installed: it is run from here.
program=(fairmot)
if ! command -v fairmot >/dev/null; then
    program=(python3 -m fairmot)
    export PYTHONPATH="$project${PYTHONPATH:+:$PYTHONPATH}"
fi

usage() { # prints the comment at the head of the calling script
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}

fail() { # one line, exit code 2
    echo "$(basename "$0"): $*" >&2
    exit 2
}

is_cpu() { # is_cpu WORD: whether it, or DEVICE in the environment, names the processor, in any case
    [[ "${1,,}" == cpu || "${DEVICE,,}" == cpu ]]
}

check_count() { # check_count NAME VALUE
    [[ "$2" =~ ^[1-9][0-9]*$ ]] || fail "$1 $2: expected a number from 1"
}

check_file() { # check_file NAME PATH: a path that is given must be a file
    [ -z "$2" ] || [ -f "$2" ] || fail "$1 $2: no such file"
}

# set_training DEFAULT CONFIGURATION START_WEIGHTS OUTPUT: fills `training`, the arguments of `fairmot train`.
# The configuration is YAML, or a data.json that replaces the data of the default one.
set_training() {
    training=()
    case "$2" in
    *.json) check_file DATA_CFG "$2"; training+=("$project/$1" --set "data.description=$2") ;;
    "") training+=("$project/$1") ;;
    *) training+=("$2") ;;
    esac
    check_file "weights" "$3"
    [ -z "$3" ] || training+=(--set "train.start_weights=$3" --set train.partial_start=true)
    training+=(--set "train.output=$4")
    # Continue a run that was stopped.
    [ ! -e "$4/last.safetensors" ] || training+=(--resume)
}

# train_in_background ARGUMENT...: `fairmot train` with these arguments, checked first: a mistake must not end in a log.
train_in_background() {
    local found
    found="$("${program[@]}" train "$@" --dry-run)"
    echo "$found"
    [[ "$found" != finished:* ]] || return 0 # called again, it has nothing left to do
    mkdir -p train
    nohup "${program[@]}" train "$@" >train/tran.log 2>&1 </dev/null &
    echo "process $!, log in train/tran.log, checkpoints in train/ckpt"
}

# set_inference DEVICE CONFIGURATION WEIGHTS: fills `inference`, the arguments of `fairmot evaluate` and `track`.
set_inference() {
    local device="${1:-${DEVICE:-CPU}}"
    check_file CONFIG "${2:-}"
    check_file LOAD_CKPT "${3:-}"
    inference=(--config "${2:-$project/default_config.yaml}")
    case "${device,,}" in
    cpu) inference+=(--device cpu) ;;
    gpu) inference+=(--device cuda) ;;
    ascend) inference+=(--device ascend) ;;
    *) fail "DEVICE $device: expected Ascend, GPU or CPU" ;;
    esac
    weights="${3:-}"
}

# find_split FOLDER SPLIT...: prints the folder of sequences in a data set as it is distributed (MOT20, or its parent),
# the first of the splits that is there, or the folder itself.
find_split() {
    local folder="${1%/}" split each
    [ -e "$folder" ] || fail "DATASET_DIR $folder: no such folder"
    shift
    for split in "$@"; do
        for each in "$folder/MOT20/$split" "$folder/$split"; do
            if [ -d "$each" ] && [ ! -d "$folder/img1" ]; then echo "$each"; return; fi
        done
    done
    echo "$folder"
}

# run_logged FOLDER LOG COMMAND ARGUMENT...: runs it with the weights of `set_inference`; FOLDER/LOG gets all that it
# says. A mistake (exit code 2) leaves nothing behind.
run_logged() {
    local folder=$1 log="$1/$2" made="" status=0 before
    shift 2
    before="$(mktemp -d)"
    touch "$before/began"
    [ -d "$folder" ] || made=yes
    mkdir -p "$folder"
    [ ! -e "$log" ] || cp -p "$log" "$before/log"
    { convert_and_run "$before" "$@" || echo $? >"$before/status"; } 2>&1 | tee "$log"
    [ ! -e "$before/status" ] || status="$(cat "$before/status")"
    if [ "$status" = 2 ] && [ -z "$(find "$folder" -newer "$before/began" -type f ! -path "$log" -print -quit)" ]; then
        if [ -e "$before/log" ]; then mv "$before/log" "$log"; else rm -f "$log"; fi
        [ -z "$made" ] || rmdir "$folder"
    fi
    rm -rf "$before"
    return "$status"
}

convert_and_run() { # convert_and_run FOLDER COMMAND ARGUMENT...: converts public checkpoints on the way
    local folder=$1
    shift
    case "${weights,,}" in
    "") ;;
    *.ckpt | *.pth | *.pt | *.pth.tar)
        "${program[@]}" convert "$weights" "$folder/weights.safetensors" || return
        set -- "$@" --weights "$folder/weights.safetensors"
        ;;
    *) set -- "$@" --weights "$weights" ;;
    esac
    "$@"
}
