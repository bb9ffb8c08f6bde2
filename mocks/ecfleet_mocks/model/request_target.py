"""The target of an HTTP request as nginx understands it, before it looks for a location.

Seen on nginx 1.22.1: percent codes are decoded first, then runs of slashes become one and ``.`` and ``..``
are resolved, so ``//v1/ecflow``, ``/x/../v1/ecflow`` and ``/v1/%65cflow`` are all ``/v1/ecflow``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

__all__ = ["BadTarget", "RequestTarget", "read_target"]

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)(.*)", re.DOTALL)
_PERCENT: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_KEPT_WHEN_ESCAPING: Final = "/!$&'()*+,;=:@[]~-._"


class BadTarget(ValueError):
    """A target that nginx answers with 400."""


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """A target taken apart.

    ``path`` is decoded (Latin-1 text) and normalised; ``query`` is as sent, with its question mark, or empty;
    ``authority`` is that of ``http://host/path``, else empty; ``escaped`` is path and query to hand on.
    """

    path: str
    query: str
    authority: str
    escaped: str


def read_target(target: str) -> RequestTarget:
    """Take a request's target apart; raises :class:`BadTarget`."""
    absolute = _ABSOLUTE.fullmatch(target)
    authority, rest = (absolute[1], absolute[2] or "/") if absolute else ("", target)
    if absolute and not authority:
        raise BadTarget("the target names no host")
    rest = rest.partition("#")[0]
    raw, mark, arguments = rest.partition("?")
    if absolute and not raw:
        raw = "/"
    if not raw.startswith("/"):
        raise BadTarget("the target is no path")
    path = _normalised(_decoded(raw))
    query = mark + arguments
    # nginx escapes anew only what came with percent codes; the rest goes on as it was sent
    escaped = quote(path.encode("latin-1"), safe=_KEPT_WHEN_ESCAPING) if "%" in raw else path
    return RequestTarget(path, query, authority, escaped + query)


def _decoded(raw: str) -> str:
    if "%" in _PERCENT.sub("", raw):
        raise BadTarget("a percent sign without two hexadecimal digits")
    path = _PERCENT.sub(lambda code: chr(int(code[1], 16)), raw)
    if "\0" in path:
        raise BadTarget("a NUL in the path")
    return path


def _normalised(path: str) -> str:
    parts: list[str] = []
    pieces = path.split("/")[1:]
    for index, piece in enumerate(pieces):
        last = index == len(pieces) - 1
        if piece == "..":
            if not parts:
                raise BadTarget("the path leaves the root")
            parts.pop()
        elif piece not in ("", "."):
            parts.append(piece)
            continue
        if last:
            parts.append("")
    return "/" + "/".join(parts)
