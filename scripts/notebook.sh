#!/bin/sh
# Installs what a file of notebooks/ pins into .notebook/, once: a second call returns at once.
#     scripts/notebook.sh notebooks/requirements.txt
set -eu
cd "$(dirname "$0")/.."
wanted=$1
folder=.notebook
stamp=$folder/$(basename "$wanted")

fail() {
    echo "notebook: $1" >&2
    exit 1
}

# The stamp is written last, so an installation that was interrupted is made again.
if cmp -s "$wanted" "$stamp" && cmp -s notebooks/requirements.txt "$folder/requirements.txt"; then
    exit 0
fi
if ! command -v python3 >/dev/null || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    fail "python3 with its venv module is missing: install them (Debian, Ubuntu: python3 and python3-venv)"
fi
echo "notebook: installing what $wanted pins into $folder/, which takes up to a minute once" >&2
if [ ! -x "$folder/venv/bin/python" ]; then
    python3 -m venv "$folder/venv" || fail "python3 cannot make a virtual environment in $folder/venv"
fi
# Compiling every module ahead takes longer than importing those that are used.
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --requirement "$wanted" >&2 ||
    fail "pip cannot install what $wanted names; its message is above"
cp notebooks/requirements.txt "$folder/"
cp "$wanted" "$stamp"
