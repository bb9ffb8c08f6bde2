"""The real ecflow_logsvr, started for a test and ended with it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ecfleet_mocks.journal import Address

from .peers import require_peer

# The script takes SHA-1 from a module that Debian does not have; Perl brings the same under another name.
_SHA1_MODULE = """package Digest::SHA1;
use strict;
use Digest::SHA ();
use Exporter 'import';
our @EXPORT_OK = ('sha1_hex');
sub sha1_hex { return Digest::SHA::sha1_hex(@_) }
1;
"""


@contextlib.contextmanager
def running_logsvr(
    directories: Sequence[Path], logmap: Mapping[str, str], scratch: Path, *, sha1: bool = False
) -> Iterator[Address]:
    """A running ecflow_logsvr with these LOGPATH and LOGMAP.

    :param scratch: an empty directory that the server may have.
    :param sha1: give it the Perl module that makes it send checksums.
    """
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LOGPATH": ":".join(map(str, directories)),
        "LOGMAP": ":".join(f"{old}:{new}" for old, new in logmap.items()),
    }
    if sha1:
        (scratch / "Digest").mkdir()
        (scratch / "Digest" / "SHA1.pm").write_text(_SHA1_MODULE)
        environment["PERL5LIB"] = str(scratch)
    program = require_peer("ecflow_logsvr")
    for _ in range(5):
        # LOGPORT=0 means the default port, so a free one has to be found, and may be gone by then.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = Address(*probe.getsockname())
        process = subprocess.Popen(
            [str(program)],
            env={**environment, "LOGPORT": str(address.port)},
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            if _answers(address, process):
                yield address
                return
        finally:
            process.kill()
            process.wait()
    raise RuntimeError(f"{program} did not start on any of five ports")


def _answers(address: Address, process: subprocess.Popen[bytes]) -> bool:
    """Wait until it answers; False when it has ended instead (its port was taken)."""
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=5) as probe:
            probe.sendall(b"version\n")
            if probe.recv(10) == b"2" and process.poll() is None:
                return True
        time.sleep(0.02)
    return False
