#!/usr/bin/env bash
# Create a virtual environment and install the project and a requirements file into it.
#   scripts/setup.sh VENV REQUIREMENTS
set -euo pipefail
venv=$1 requirements=$2 python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "setup: Python 3.11 or newer is needed; name one with 'make PYTHON=python3.12 …'" >&2
    exit 1
fi
if [ ! -x "$venv/bin/python" ]; then
    rm -rf "$venv"
    if ! "$python" -m venv "$venv"; then
        # Debian splits venv off into a package of its own
        rm -rf "$venv"
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
            echo "setup: the venv module is missing: sudo apt-get install python3-venv" >&2
            exit 1
        fi
        apt-get update -qq && apt-get install -y -qq python3-venv
        "$python" -m venv "$venv"
    fi
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" -e .

# OpenCV's wheel needs two libraries of the system. Without them faces are not sought, all else works.
if ! "$venv/bin/python" -c 'import cv2' 2>/dev/null; then
    mapfile -t libraries < "$(dirname "$0")/../packages.txt"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
        || ! { apt-get update -qq && apt-get install -y -qq "${libraries[@]}"; }; then
        echo "setup: OpenCV cannot be loaded: sudo apt-get install ${libraries[*]}" >&2
    fi
fi
