#!/bin/sh
# Installs the S3 servers that scripts/servers.txt pins into .servers/, once: a second call returns at once.
set -eu
cd "$(dirname "$0")/.."
wanted=scripts/servers.txt
folder=.servers
stamp=$folder/installed.txt

fail() {
    echo "servers: $1" >&2
    exit 1
}

have_venv() {
    command -v python3 >/dev/null && python3 -c 'import ensurepip, venv' 2>/dev/null
}

install_python() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        fail "python3 with its venv module is missing: install them (Debian, Ubuntu: python3 and python3-venv)"
    fi
    echo "servers: installing python3 and python3-venv" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv >&2
    have_venv || fail "python3 has no venv module although python3-venv is installed"
}

# The stamp is written last, so an installation that was interrupted is made again.
if cmp -s "$wanted" "$stamp" && [ -x "$folder/venv/bin/python" ]; then
    exit 0
fi
have_venv || install_python
echo "servers: installing real S3 servers into $folder/, which takes about a minute once" >&2
rm -rf "$folder/venv" "$stamp"
mkdir -p "$folder"
python3 -m venv "$folder/venv" || fail "python3 cannot make a virtual environment in $folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted" >&2 ||
    fail "pip cannot install what $wanted names; its message is above"
cp "$wanted" "$stamp"
