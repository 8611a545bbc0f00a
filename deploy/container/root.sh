#!/bin/sh
# Puts programs, the libraries that they load and the certificates that they trust into a folder that is all they need:
#     root.sh FOLDER PROGRAM...
set -eu
folder=$1
shift

mkdir -p "$folder/usr/bin" "$folder/etc/ssl/certs" "$folder/tmp"
chmod 1777 "$folder/tmp"
for program in "$@"; do
    cp "$program" "$folder/usr/bin/"
    # `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)`, and the loader by its path alone.
    ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$folder$(dirname "$library")"
        cp -L "$library" "$folder$library"
    done
done
cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
# Names are looked up in /etc/hosts, then by DNS, as on any machine.
echo 'hosts: files dns' > "$folder/etc/nsswitch.conf"
