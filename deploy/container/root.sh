#!/bin/sh
# Puts a program, the libraries that it loads and the certificates that it trusts into a folder that is all it needs:
#     root.sh PROGRAM FOLDER
set -eu
program=$1 folder=$2

mkdir -p "$folder/usr/bin" "$folder/etc/ssl/certs" "$folder/tmp"
chmod 1777 "$folder/tmp"
cp "$program" "$folder/usr/bin/"
# `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)`, and the loader by its path alone.
ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$folder$(dirname "$library")"
    cp -L "$library" "$folder$library"
done
cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
# Names are looked up in /etc/hosts, then by DNS, as on any machine.
echo 'hosts: files dns' > "$folder/etc/nsswitch.conf"
