#!/usr/bin/env bash
# anny 0.6.2 (torch 2.13.0, warp-lang 1.19.0)
#
# Expected: eyeBlinkLeft closes the left eye and leaves the right half of the head where it is, as
# eyeLookOutLeft, eyeWideLeft and browOuterUpLeft do, so blinks of both eyes can be mixed freely.
# Seen: more than 10 mm to the right of the middle it moves 54 vertices by over 1 mm, at most by
# 4.9 mm. eyeBlinkRight moves all of those too, and both at 1 add up: the largest move of the head
# grows from 12.6 to 16.6 mm. The other three move none there at all.
# The first model of a machine takes a minute or two and 1 GB of cache, in the temporary folder.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q anny==0.6.2 torch==2.13.0 warp-lang==1.19.0
export ANNY_CACHE_DIR="$work/cache" WARP_CACHE_PATH="$work/warp"

cat >"$work/probe.py" <<'PYTHON'
import sys

import anny
import torch

ACTIONS = ["eyeBlinkLeft", "eyeBlinkRight", "eyeLookOutLeft", "eyeWideLeft", "browOuterUpLeft"]
model = anny.Anny(local_changes="none", facial_actions=ACTIONS).to(torch.float32)


def shape(**actions: float) -> torch.Tensor:
    """Vertices in mm before any pose: x to the person's left, z up."""
    with torch.no_grad():
        return model(facial_actions=actions)["rest_vertices"][0] * 1000


neutral = shape()
right = neutral[:, 0] < -10
reach = {}
for name in [*ACTIONS, "both blinks"]:
    blinks = name == "both blinks"
    moved = shape(**{n: 1.0 for n in (ACTIONS[:2] if blinks else [name])}) - neutral
    length = moved.norm(dim=1)
    reach[name] = (length[right].max().item(), int((length[right] > 1).sum()))
    print(
        f"{name}: at most {length.max():.1f} mm; over 10 mm right of the middle "
        f"{reach[name][0]:.2f} mm, {reach[name][1]} vertices over 1 mm"
    )
    if name == "eyeBlinkLeft":
        crossing = right & (length > 1)
own = (shape(eyeBlinkRight=1.0) - neutral).norm(dim=1)
shared = int((own[crossing] > 1).sum())
print("of those of eyeBlinkLeft, eyeBlinkRight moves over 1 mm too:", shared)
same = 4.5 < reach["eyeBlinkLeft"][0] < 5.5 and reach["eyeBlinkLeft"][1] == 54
same = same and all(reach[name] == (0.0, 0) for name in ACTIONS[2:])
sys.exit(None if same else "The behaviour is no longer as stated.")
PYTHON
"$work/venv/bin/python" "$work/probe.py"
