"""Clients and servers that break one rule of certificates and TLS each."""

from __future__ import annotations

from ecfleet_suites.certificates.exchange_mutants import EXCHANGE_MUTANTS
from ecfleet_suites.certificates.selection_mutants import SELECTION_MUTANTS
from ecfleet_suites.certificates.server_mutants import SERVER_MUTANTS

MUTANTS = [*SELECTION_MUTANTS, *EXCHANGE_MUTANTS, *SERVER_MUTANTS]
