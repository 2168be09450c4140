#!/usr/bin/env bash
# Work for a machine with a CUDA GPU, lent for minutes. Needs Python 3.11+ with torch, numpy, pillow and safetensors.
#   scripts/gpu.sh tests [OUT]   builds the operators, runs the tests marked gpu and all benchmarks,
#                                and writes benchmarks/results/gpu-NAME.json, also to OUT
#   scripts/gpu.sh train [OUT]   the model of people at 256 px: renders, facts, generator, masks, encoder,
#                                poser; call again until it says done
# A call ends by itself before LIMIT minutes (tests 5, train 9). What is left out for want of time or of a
# package is said. train keeps everything in RUNS (default runs/gpu), plans its steps by the clock (their
# minutes are below, all together SCALE times 13) and goes on where it stopped; the finished model folder is
# copied to OUT as float16. Packages that the machine lacks (moderngl, pytest) are taken from wheels/ if
# that is there: pip download -d wheels --only-binary :all: --python-version 3.12 moderngl pytest
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-runs/gpu} python=${PYTHON:-python3} scale=${SCALE:-1} start=$SECONDS
cores=$(nproc) device=${DEVICE:-cuda}

left() { echo $((limit * 60 - (SECONDS - start))); }  # [s] until this call must end
has() { "$python" -c "import $1" 2>/dev/null; }
times() { awk -v a="$1" -v b="$scale" 'BEGIN { print a * b }'; }

packages() {
    has moderngl && has pytest && return 0
    [ -d wheels ] && "$python" -m pip install --quiet --no-index --find-links wheels moderngl pytest
}

# the GPU's name in letters that suit a file: nvidia-h200
gpu_name() {
    "$python" - <<'PY'
import re, sys, torch
if not torch.cuda.is_available():
    sys.exit("gpu.sh: there is no CUDA GPU that torch can use")
print(re.sub("[^a-z0-9]+", "-", torch.cuda.get_device_name().lower()).strip("-"))
PY
}

# ---- tests

# within TITLE COMMAND…: run it in the time left, or say that it was cut or left out
within() {
    local title=$1 status=0
    shift
    if [ "$(left)" -lt 15 ]; then echo "$title: left out, no time"; return 0; fi
    echo "== $title, $(left) s left"
    timeout --signal=INT "$(left)" "$@" || status=$?
    if [ "$status" != 0 ]; then echo "$title: ended with $status" && failed=1; fi
}

tests() {
    local record benchmark
    failed=0 limit=${LIMIT:-5}
    record=gpu-$(gpu_name) && record=${record:0:64}
    within operators "$python" -c 'from op import build; build.build("cuda", retry=True); print(build.status())'
    if has pytest; then
        # only these files: others need packages that a bare machine lacks
        mapfile -t files < <(grep -l 'mark\.gpu' tests/*/test_*.py)
        within "marked tests" "$python" -m pytest -q -m gpu "${files[@]}"
    else
        echo "marked tests: left out, pytest is missing"
    fi
    for benchmark in pair synthesis encode load ops serve; do
        if [ "$benchmark" = serve ] && ! has gradio; then echo "serve: left out, gradio is missing"; continue; fi
        within "$benchmark" "$python" -m benchmarks "$benchmark" --device cuda --record "$record"
        if [ -n "${1:-}" ] && [ -e "benchmarks/results/$record.json" ]; then
            mkdir -p "$1" && cp "benchmarks/results/$record.json" "$1"/
        fi
    done
    return "$failed"
}

# ---- train

# whether a run has been trained for its planned minutes
trained() {
    "$python" - "$runs/$1" "$2" <<'PY'
import json, sys
from pathlib import Path
from safetensors import safe_open
path = Path(sys.argv[1]) / "state.safetensors"
if not path.exists():
    sys.exit(1)
with safe_open(path, "pt") as file:
    progress = json.loads(file.metadata()["progress"])
sys.exit(progress["minutes"] < float(sys.argv[2]) - 0.01)
PY
}

# step NAME MINUTES COMMAND…: train for so long, in as many calls as it takes
step() {
    local name=$1 planned status=0 room
    planned=$(times "$2")
    shift 2
    trained "$name" "$planned" && return 0
    room=$(awk -v s="$(left)" 'BEGIN { print (s - 25) / 60 }')
    if [ "$(left)" -lt 45 ]; then echo "$name: next call"; exit 0; fi
    echo "== $name, $(left) s left"
    "$python" -m "$@" -o "$runs/$name" --device "$device" --schedule-minutes "$planned" --minutes "$room" || status=$?
    if [ "$status" != 0 ]; then exit "$status"; fi
    if ! trained "$name" "$planned"; then echo "$name: to be continued"; exit 0; fi
}

# Renders by all cores but two until the planned minutes are over; what is there then is what is learned.
render() {
    local begun=$runs/data.begun workers=$((cores > 3 ? cores - 2 : 1)) seconds
    [ -e "$begun" ] && return 0
    if ! has moderngl; then
        [ -e "$runs/data/world.json" ] && return 0
        echo "gpu.sh: moderngl is missing and $runs/data holds no renders" >&2
        exit 1
    fi
    seconds=$(awk -v m="$(times 3)" 'BEGIN { s = int(m * 60); print (s > 60 ? s : 60) }')
    echo "== render for $seconds s, $workers processes"
    for ((i = 0; i < workers; i++)); do
        LP_NUM_THREADS=1 OMP_NUM_THREADS=1 timeout "$seconds" "$python" -m training.people.render -o "$runs/data" \
            --size "$side" --people-per-shard 32 --count "${PICTURES:-60000}" --part "$i/$workers" 2>/dev/null &
    done
}

train() {
    limit=${LIMIT:-9} side=${SIZE:-256}
    local half=$((side / 2)) world=(--world people) data generator
    if [ "$device" = cuda ]; then gpu_name >/dev/null; fi
    packages || true
    mkdir -p "$runs"
    trap 'jobs -p | xargs -r kill 2>/dev/null' EXIT
    render
    step points 1.4 training.facts points
    step looks 1.4 training.facts looks
    wait || true
    touch "$runs/data.begun"
    data=(--data "$runs/data") generator=(--generator "$runs/generator")
    step generator 5 training.generator "${world[@]}" "${data[@]}" --facts "$runs/points" "$runs/looks" \
        --width "${WIDTH:-wide}" --batch "${BATCH:-64}" --hold 0.8 --energy-weight 4 --energy-from 0.75 \
        --stages "16:0.05,32:0.15,64:0.45,$half:0.75,$side:1"
    step mask 1.5 training.mask "${generator[@]}" "${world[@]}" --supervision exact --batch "${BATCH:-64}" \
        --stages "64:0.7,$side:1"
    step encoder_code 1 training.encoder "${world[@]}" "${data[@]}" "${generator[@]}" --disturbed 0.7 \
        --code-resolution "$half" --batch "${BATCH:-64}"
    step encoder 2 training.encoder "${world[@]}" "${data[@]}" "${generator[@]}" --disturbed 0.7 \
        --init "$runs/encoder_code" --pictures --learning-rate 4e-4 --batch "${BATCH:-64}"
    step poser 0.3 training.poser "${generator[@]}"
    "$python" -m training.package "${world[@]}" "${generator[@]}" --mask "$runs/mask" --encoder "$runs/encoder" \
        --poser "$runs/poser" -o "$runs/people"
    if [ -n "${1:-}" ]; then mkdir -p "$1" && cp "$runs"/people/* "$1"/; fi
    echo "done: $runs/people"
}

case "${1:-}" in
    tests) shift; tests "$@" ;;
    train) shift; train "$@" ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
