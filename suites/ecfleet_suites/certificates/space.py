"""The finite space of what decides about certificates, and which outcome belongs to each point of it.

Directory contents × ECF_SSL × --ssl × host × port, every combination.  The expected outcome comes from the
model of selection, which has to agree with the table of experiments before it is believed (:func:`oracle`).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ecfleet.models import DIALECTS, Dialect, certificates
from ecfleet_suites.certificates.experiments import Experiment, Seen, experiments

__all__ = ["DIMENSIONS", "Oracle", "OracleDisagrees", "Point", "every_pair", "every_point", "oracle"]

DIMENSIONS: Mapping[str, Sequence[Any]] = {
    "ecf_ssl": (None, "", "1", "0", "<H>.<P>"),
    "ssl": (False, True),
    "host": (None, "localhost", "127.0.0.1"),
    "host_by": ("option", "environment"),
    "port_by": ("option", "environment"),
    "shared": (None, "A", "B"),
    "specific": (None, "A", "B"),
    "elsewhere": (None, "A"),
}
"""What a client may find. ``shared`` is server.crt, ``specific`` the file of the address that it is sent to,
``elsewhere`` the files of every other address that it could have in mind; A is the server's own one."""


class OracleDisagrees(RuntimeError):
    """The model of selection is not what the experiments say, so it cannot judge anything."""


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of :data:`DIMENSIONS`."""

    ecf_ssl: str | None
    ssl: bool
    host: str | None
    host_by: str
    port_by: str
    shared: str | None
    specific: str | None
    elsewhere: str | None

    def files(self, own_host: str, port: str) -> dict[str, str]:
        """What is in the certificate directory when the server listens on this port."""
        named = certificates.certificate_host(self.host or certificates.DEFAULT_HOST, own_host)
        files = {}
        if self.elsewhere is not None:
            hosts = dict.fromkeys((own_host, "localhost", "LOCALHOST", "127.0.0.1"))
            files = {f"{host}.{number}.crt": self.elsewhere for host in hosts for number in (port, "3141")}
            del files[f"{named}.{port}.crt"]
        for name, content in (("server.crt", self.shared), (f"{named}.{port}.crt", self.specific)):
            if content is not None:
                files[name] = content
        return files


def every_point() -> Iterator[Point]:
    """The whole space, without what says the same twice and without those that do not ask for TLS."""
    for values in itertools.product(*DIMENSIONS.values()):
        point = Point(*values)
        if _counts(point):
            yield point


def _counts(point: Point) -> bool:
    told_nothing_of_host = point.host is None and point.host_by == "environment"
    return (point.ecf_ssl is not None or point.ssl) and not told_nothing_of_host


def every_pair(seed: int) -> list[Point]:
    """Few points that hold each pair of values of two dimensions which any point of the space holds."""
    chance = random.Random(seed)
    points = list(every_point())
    chance.shuffle(points)
    left = {pair for point in points for pair in _pairs(point)}
    chosen = []
    while left:
        # A sample is enough to find a good one; the last few pairs are looked for everywhere.
        among = points if len(left) < 12 else chance.sample(points, 60)
        best = max(among, key=lambda point: len(left & _pairs(point)))
        if left & _pairs(best):
            chosen.append(best)
            left -= _pairs(best)
    return chosen


def _pairs(point: Point) -> set[tuple[tuple[str, Any], tuple[str, Any]]]:
    values = [(name, getattr(point, name)) for name in DIMENSIONS]
    return set(itertools.combinations(values, 2))


class Oracle:
    """What a client of a release does, by the model of selection."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def outcome(
        self, settings: certificates.TlsSettings, files: Mapping[str, str], presents: str, directory: str
    ) -> str:
        """The outcome of a ping of a server that presents ``presents``, by the table's words."""
        found = {directory + name: content for name, content in files.items()}
        selection = certificates.select_client_certificate(self.dialect, settings, found.__contains__)
        if selection.problem is not None:
            return Seen.NO_CONNECTION
        if selection.path is None:
            return Seen.ANSWERED if presents == "plain" else Seen.REFUSED
        return Seen.ANSWERED if found[selection.path] == presents else Seen.REFUSED

    def at(self, point: Point, own_host: str, port: str) -> str:
        """The outcome at a point of the space."""
        home = "/home"
        settings = certificates.TlsSettings(
            own_host=own_host,
            home=home,
            ecf_ssl=None if point.ecf_ssl is None else point.ecf_ssl.replace("<P>", port),
            ssl_option=point.ssl,
            ecf_host=point.host if point.host_by == "environment" else None,
            ecf_port=port if point.port_by == "environment" else None,
            host_option=point.host if point.host_by == "option" else None,
            port_option=port if point.port_by == "option" else None,
        )
        return self.outcome(settings, point.files(own_host, port), "A", f"{home}/.ecflowrc/ssl/")


@cache
def oracle(dialect: Dialect) -> Oracle:
    """The model as oracle.

    :raises OracleDisagrees: when it says something else than an experiment with that release.
    """
    judge = Oracle(dialect)
    for row in _about_selection(experiments()):
        said = judge.outcome(_settings(row), _files(row), row.server, "/home/.ecflowrc/ssl/")
        if said != row.outcome[dialect.name]:
            raise OracleDisagrees(
                f"experiment {row.number} ({row.what}) on {dialect.name}: the model says {said!r}, "
                f"and the table {row.outcome[dialect.name]!r}"
            )
    return judge


def _about_selection(rows: Iterable[Experiment]) -> Iterator[Experiment]:
    """The rows in which the choice of the file alone makes the outcome."""
    decided_by_the_file = {"plain", "A", "B"}
    for row in rows:
        contents = {*row.files.values(), row.server}
        if contents <= decided_by_the_file and row.directory is None and not row.disable_ssl:
            yield row


def _settings(row: Experiment) -> certificates.TlsSettings:
    return certificates.TlsSettings(
        own_host="thishost",
        home="/home",
        ecf_ssl=None if row.ecf_ssl is None else _named(row.ecf_ssl),
        ssl_option=row.ssl,
        ecf_port="4141" if row.port == "environment" else None,
        host_option=row.host,
        port_option="4141" if row.port == "option" else None,
    )


def _files(row: Experiment) -> dict[str, str]:
    return {_named(name): content for name, content in row.files.items()}


def _named(text: str) -> str:
    return text.replace("<hostname>", "thishost").replace("<P>", "4141")


assert set(DIALECTS) == {"5.9", "5.17"}, "the tables have a column for each dialect"
