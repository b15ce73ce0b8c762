"""Servers in a spoiled environment: small programs, compiled for the test, that start them."""

import subprocess
from pathlib import Path

SECCOMP = """
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REFUSE(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \\
                     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

/* Only for areas of 4 GiB and more: for a node's slot. (A little-endian machine's high half.) */
#define REFUSE_LARGE(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), \\
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]) + 4), \\
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), \\
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), \\
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))

int main(int argc, char **argv) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        %s,
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("seccomp");
        return 99;
    }
    execv("%s", argv);
    perror("exec");
    return 98;
}
"""

NO_LIBRARY = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

void *dlopen(const char *name, int flags) {
    void *(*next)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    if (name && strstr(name, "%s")) name = "/no/such/library.so";
    return next(name, flags);
}
"""


def compiled(directory: Path, name: str, source: str, *flags: str) -> Path:
    program = directory / name
    (directory / f"{name}.c").write_text(source)
    subprocess.run(
        ["cc", "-O1", "-Wall", "-o", program, directory / f"{name}.c", *flags], check=True
    )
    return program


def refusing(directory: Path, server: Path, *calls: str, how: str = "REFUSE") -> Path:
    """A program that starts the server with these system calls refused (EPERM)."""
    refused = ", ".join(f"{how}({call})" for call in calls)
    return compiled(directory, "-".join([how, *calls]), SECCOMP % (refused, server))


def refusing_large_mbind(directory: Path, server: Path) -> Path:
    """The same for mbind() of a node's slot; memkind's own small areas may be bound."""
    return refusing(directory, server, "mbind", how="REFUSE_LARGE")


def script(directory: Path, name: str, line: str) -> Path:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def without_library(directory: Path, server: Path, library: str) -> Path:
    """A program that starts the server where dlopen() does not find the library."""
    source = NO_LIBRARY % library
    shim = compiled(directory, "shim.so", source, "-shared", "-fPIC", "-ldl")
    return script(directory, "without-library", f'LD_PRELOAD={shim} exec {server} "$@"')


def with_address_space(directory: Path, server: Path, gigabytes: int) -> Path:
    limit = f"ulimit -v {gigabytes << 20}"
    return script(directory, f"ulimit-{gigabytes}", f'{limit} && exec {server} "$@"')
