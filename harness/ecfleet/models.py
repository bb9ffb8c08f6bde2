"""What ecFlow means, as pure functions: dialects, certificate selection, token files, identities, tunnels.

The names of a subject are in its module: ``models.certificates``, ``models.token_file`` and so on.
"""

from ecfleet_mocks.model import auth, certificates, identity, proxy, sender, token_file, tunnels
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, DIALECTS, Dialect, TokenPlace, dialect

__all__ = [
    "DIALECTS",
    "DIALECT_5_9",
    "DIALECT_5_17",
    "Dialect",
    "TokenPlace",
    "auth",
    "certificates",
    "dialect",
    "identity",
    "proxy",
    "sender",
    "token_file",
    "tunnels",
]
