#!/bin/sh
# Puts programs, and the libraries that they load if they are not static, into a folder that is all they need:
#     root.sh FOLDER PROGRAM...
set -eu
folder=$1
shift

mkdir -p "$folder/usr/bin" "$folder/etc" "$folder/tmp"
chmod 1777 "$folder/tmp"
for program in "$@"; do
    cp "$program" "$folder/usr/bin/"
    # `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)`, and the loader by its path alone. Of a static program it says so.
    { ldd "$program" 2>/dev/null || true; } | { grep -o '/[^ ]*' || true; } | while read -r library; do
        mkdir -p "$folder$(dirname "$library")"
        cp -L "$library" "$folder$library"
    done
done
# Names are looked up in /etc/hosts, then by DNS, as on any machine.
echo 'hosts: files dns' > "$folder/etc/nsswitch.conf"
