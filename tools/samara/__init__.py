# SPDX-License-Identifier: MIT
"""The host side of Samara: from a program or a Debian package to a running virtual machine.

Reading order, and who calls whom (nothing calls upwards):

    cli.py        options and subcommands
    run.py        what `samara run` does, step by step
    qemu.py       the QEMU command line            console.py   streams, terminal, signals, time limit
    program.py    a program of the host -> files    image.py     a tree of files -> a cached EROFS image
    packages.py   Debian packages -> a tree         rootfs.py, postinst.py   what maintainer scripts would have done
    apt.py        a private apt state
    elf.py  cmdline.py  progress.py  paths.py  errors.py         helpers that know nothing of the others
"""
