#!/bin/sh
# Prints the path of a Chromium, after installing Debian's if there is none and this is root.
set -eu

find_one() {
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable chrome \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if [ -n "$name" ] && command -v "$name" 2>/dev/null; then
            return
        fi
    done
    return 1
}

find_one && exit
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "chromium: none found; install one (Debian: chromium), or name it in CHROMIUM" >&2
    exit 1
fi
echo "chromium: installing Debian's, some 120 MB, which takes about a minute once" >&2
apt-get update -qq >&2
# Without what it recommends, which is a desktop's.
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >&2
find_one
