#!/usr/bin/env bash
# Make sure the browser tests find a Chromium: an installed one, Debian's package, Playwright's own.
#   scripts/browser.sh VENV
set -euo pipefail
venv=$1

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium && exit 0
fi
"$venv/bin/python" -m playwright install chromium
