#!/usr/bin/env bash
# Work for a machine with a CUDA GPU. Needs Python 3.11+ with torch, numpy, pillow and safetensors.
#   scripts/gpu.sh bench [OUT]   builds the operators, runs the tests marked gpu and all benchmarks,
#                                and writes benchmarks/results/gpu-NAME.json, also to OUT
#   scripts/gpu.sh test          the first two of these
#   scripts/gpu.sh train [OUT]   the embedded model at 256 px, of heads of the whole world; call again
#                                until it says done
# Steps that need a package which is missing are left out with a word. A call of train stops by itself
# before LIMIT minutes (default 9) and the next one goes on where it stopped: everything is kept in
# RUNS (default runs/gpu). The finished model folder is copied to OUT.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-runs/gpu} limit=${LIMIT:-9} python=${PYTHON:-python3}
threads=${THREADS:-8} start=$SECONDS

left() { echo $((limit * 60 - (SECONDS - start))); }  # [s] until this call must end
minutes() { awk -v s="$(left)" 'BEGIN { print (s > 30 ? s - 20 : 10) / 60 }'; }

# step NAME COMMAND…: run it within the time left; done when it leaves without having been cut
step() {
    local name=$1 status=0
    shift
    [ -e "$runs/$name.done" ] && return 0
    if [ "$(left)" -lt 40 ]; then echo "$name: next call"; exit 0; fi
    echo "== $name, $(left) s left"
    timeout --signal=INT "$(left)" "$@" || status=$?
    if [ "$status" = 0 ] && finished "$name"; then touch "$runs/$name.done"; return 0; fi
    if [ "$status" = 0 ] || [ "$status" = 124 ]; then echo "$name: to be continued"; exit 0; fi
    exit "$status"
}

# whether a run's state has seen all its pictures (a data set: whether all are rendered)
finished() {
    "$python" - "$runs/$1" <<'PY'
import json, sys
from pathlib import Path
folder = Path(sys.argv[1])
data = folder / "progress.json"
if data.exists():
    progress = json.loads(data.read_text())
    sys.exit(progress["ready"] < progress["count"])
from safetensors import safe_open
with safe_open(folder / "state.safetensors", "pt") as file:
    progress = json.loads(file.metadata()["progress"])
sys.exit(progress["seen"] < progress["images"])
PY
}

train() {
    mkdir -p "$runs"
    local common=(--threads "$threads" --minutes)
    step data "$python" -m training.dataset --count "${HEADS:-100000}" --resolution 256 \
        --world whole --threads "$threads" -o "$runs/data"
    step generator "$python" -m training.generator --width wide --data "$runs/data" \
        --stages 32:0.15,64:0.35,128:0.65,256:1 --batch 64 --images "${VIEWS:-2400000}" -o "$runs/generator" "${common[@]}" "$(minutes)"
    step mask "$python" -m training.mask --generator "$runs/generator" --world whole \
        --batch 64 --images "${PAIRS:-400000}" -o "$runs/mask" "${common[@]}" "$(minutes)"
    local encoder=("$python" -m training.encoder --data "$runs/data" --generator "$runs/generator")
    step encoder_code "${encoder[@]}" \
        --batch 512 --images "${CODES:-8000000}" -o "$runs/encoder_code" "${common[@]}" "$(minutes)"
    step encoder "${encoder[@]}" --init "$runs/encoder_code" --pictures \
        --learning-rate 3e-4 \
        --batch 64 --images "${PICTURES:-600000}" -o "$runs/encoder" "${common[@]}" "$(minutes)"
    "$python" -m training.package --generator "$runs/generator" --mask "$runs/mask" \
        --encoder "$runs/encoder" -o "$runs/heads"
    if [ -n "${1:-}" ]; then mkdir -p "$1" && cp "$runs"/heads/* "$1"/; fi
    echo "done: $runs/heads"
}

has() { "$python" -c "import $1" 2>/dev/null; }

# the GPU's name in letters that suit a file: nvidia-h200
gpu_name() {
    "$python" - <<'PY'
import re, sys, torch
if not torch.cuda.is_available():
    sys.exit("gpu.sh: there is no CUDA GPU that torch can use")
print(re.sub("[^a-z0-9]+", "-", torch.cuda.get_device_name().lower()).strip("-"))
PY
}

build() { "$python" -c 'from op import build; build.build("cuda", retry=True); print(build.status())'; }

tests() {
    build || return
    if has pytest; then
        # only these files: others need packages that a bare machine lacks
        grep -lZ 'mark\.gpu' tests/*/test_*.py | xargs -0 "$python" -m pytest -q -m gpu
    else
        echo "test: pytest is missing, the tests are left out"
    fi
}

bench() {
    local name out=${1:-${OUT:-}} failed=0 record benchmark
    name=$(gpu_name)
    record=gpu-${name:0:60}
    tests || failed=1
    for benchmark in pair synthesis encode load ops serve; do
        if [ "$benchmark" = serve ] && ! has gradio; then
            echo "serve: gradio is missing, it is left out"
            continue
        fi
        echo "== $benchmark"
        "$python" -m benchmarks "$benchmark" --device cuda --record "$record" || failed=1
        if [ -n "$out" ] && [ -e "benchmarks/results/$record.json" ]; then
            mkdir -p "$out" && cp "benchmarks/results/$record.json" "$out"/
        fi
    done
    if has matplotlib; then "$python" -m benchmarks plot "$record"; fi
    return "$failed"
}

case "${1:-}" in
    bench | test | train) ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
case "$1" in
    bench) shift; bench "$@" ;;
    test) gpu_name >/dev/null; tests ;;
    train) shift; train "$@" ;;
esac
