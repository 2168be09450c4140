#!/usr/bin/env bash
# Make sure people can be drawn: EGL of a GPU's driver, or Mesa's, which draws on the CPU.
#   scripts/egl.sh VENV
set -euo pipefail
venv=$1 libraries=(libegl1 libgl1 libgl1-mesa-dri)

drawn() {
    "$venv/bin/python" -c 'import moderngl; moderngl.create_context(standalone=True, backend="egl")' 2>/dev/null
}

if drawn; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${libraries[@]}" || true
fi
if ! drawn; then
    echo "egl: people cannot be drawn, their tests are skipped: sudo apt-get install ${libraries[*]}" >&2
fi
