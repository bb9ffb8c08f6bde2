"""The release of ecfleet itself."""

from __future__ import annotations

import importlib.metadata


def version() -> str:
    """The release that is installed; ``"unknown"`` in a checkout that is not."""
    try:
        return importlib.metadata.version("ecfleet")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
