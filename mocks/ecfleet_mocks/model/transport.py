"""The four ways in which an ecFlow client talks to an ecFlow server."""

from enum import StrEnum


class Transport(StrEnum):
    """How requests travel. A server listens on TCP, SSL or HTTP; HTTPS ends at a reverse proxy."""

    TCP = "tcp"
    SSL = "ssl"
    HTTP = "http"
    HTTPS = "https"
