"""Sends one command to a Ceph monitor by librados: ceph_tell.py CONFIG JSON. It spares Ceph's own program for that, which
needs bindings for the very Python that Debian has."""

import ctypes
import sys


def main(config, command):
    rados = ctypes.CDLL("librados.so.2")
    cluster = ctypes.c_void_p()
    check("rados_create", rados.rados_create(ctypes.byref(cluster), b"admin"))
    check("rados_conf_read_file", rados.rados_conf_read_file(cluster, config.encode()))
    check("rados_connect", rados.rados_connect(cluster))
    commands = (ctypes.c_char_p * 1)(command.encode())
    answer, status = ctypes.c_void_p(), ctypes.c_void_p()
    answer_length, status_length = ctypes.c_size_t(), ctypes.c_size_t()
    ended = rados.rados_mon_command(
        *(cluster, commands, ctypes.c_size_t(1), None, ctypes.c_size_t(0)),
        *(ctypes.byref(answer), ctypes.byref(answer_length), ctypes.byref(status), ctypes.byref(status_length)),
    )
    words = ctypes.string_at(status, status_length.value).decode() if status else ""
    check(f"the monitor's answer `{words}`", ended)


def check(what, code):
    if code != 0:
        sys.exit(f"{what}: {code}")


if __name__ == "__main__":
    main(*sys.argv[1:])
