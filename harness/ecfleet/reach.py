"""How to reach each service of a running fleet: what to type, and which files that needs."""

from __future__ import annotations

import shlex
from pathlib import Path

from ecfleet.certificates import CertificateKind, server_stem, write_directory
from ecfleet.fleet import Fleet, ServiceDescription
from ecfleet.hosts import nss_wrapper_environment
from ecfleet_mocks.auth_service import AuthService
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.log_server import LogServer
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.reverse_proxy import ReverseProxy
from ecfleet_mocks.service import Service
from ecfleet_mocks.socks_proxy import SocksProxy

__all__ = ["how_to_reach", "write_files"]


def write_files(fleet: Fleet, directory: Path) -> None:
    """Write what clients of a running fleet need: ``.ecflowrc/ssl`` below a home directory, and ``hosts``."""
    write_directory(directory / ".ecflowrc" / "ssl", fleet.client_files())
    (directory / "hosts").write_text(fleet.hosts_file(), encoding="utf-8")


def how_to_reach(fleet: Fleet, home: Path) -> list[str]:
    """Lines that say how to reach each service of a running fleet.

    :param home: the directory that :func:`write_files` wrote.
    """
    lines: list[str] = []
    if fleet.certificates:
        lines.append(f"certificates for clients: {home / '.ecflowrc' / 'ssl'}")
    if fleet.hosts:
        lines += ["hosts:", *(f"  {line}" for line in fleet.hosts_file().splitlines())]
        environment = nss_wrapper_environment(home / "hosts")
        if environment is not None:
            lines.append(f"  in front of a command, so that it knows these names: {_variables(environment)}")
    for name, described in fleet.description.services.items():
        service = fleet[name]
        lines.append(f"{name}: {_title(service)} on {described.host or 'this machine'}, {service.address}")
        lines += (f"  {line}" for line in _commands(fleet, service, described, home))
    return lines


def _title(service: Service) -> str:
    match service:
        case EcflowServer():
            return f"ecFlow server {service.dialect.version}"
        case LogServer():
            return "log server"
        case SocksProxy():
            return "SOCKS proxy"
        case AuthService():
            return "auth service"
        case ReverseProxy():
            return "reverse proxy"
    return type(service).__name__


def _variables(environment: dict[str, str]) -> str:
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())


def _commands(fleet: Fleet, service: Service, described: ServiceDescription, home: Path) -> list[str]:
    host, port = service.address
    match service:
        case EcflowServer():
            return _ecflow_commands(service, described, home)
        case LogServer():
            file = shlex.quote(f"get {described.options['paths'][0]}/FILE")
            return [
                f"variables of a suite: ECF_LOGHOST={described.host or host} ECF_LOGPORT={port}",
                f"echo {file} | nc {host} {port}",
            ]
        case SocksProxy():
            version = max(service.versions)
            option = "--socks5-hostname" if version == 5 else "--socks4a"
            return [
                f"last line of proxychains.conf: socks{version} {host} {port}",
                f"curl {option} {host}:{port} http://HOST:PORT/",
            ]
        case AuthService():
            return [f"curl -i -u USER http://{host}:{port}/authenticate"]
        case ReverseProxy():
            return _proxy_commands(fleet, described, host, port, home)
    return []


def _ecflow_commands(service: EcflowServer, described: ServiceDescription, home: Path) -> list[str]:
    lines = []
    for transport, (host, port) in service.addresses.items():
        where = f"--host {host} --port {port} --ping"
        match transport:
            case Transport.TCP:
                lines.append(f"ecflow_client {where}")
            case Transport.HTTP:
                lines.append(f"ecflow_client --http {where}")
            case Transport.SSL if described.options["certificate"] == CertificateKind.SHARED:
                lines.append(f"{_variables({'HOME': str(home)})} ecflow_client --ssl {where}")
            case Transport.SSL:
                # Host and port by variables: 5.9 looks for the file before it reads the options.
                environment = {
                    "HOME": str(home),
                    "ECF_SSL": server_stem(host, port),
                    "ECF_HOST": host,
                    "ECF_PORT": str(port),
                }
                lines.append(f"{_variables(environment)} ecflow_client --ping")
    return lines


def _proxy_commands(
    fleet: Fleet, described: ServiceDescription, host: str, port: int, home: Path
) -> list[str]:
    user = "-u USER " if "auth" in described.options and described.options["auth"] is not None else ""
    ping = "-X POST --data @REQUEST.json"
    if described.name not in fleet.certificates:
        return [f"curl {user}{ping} http://{host}:{port}/v1/ecflow"]
    name = described.host or "localhost"
    trusted = shlex.quote(str(home / ".ecflowrc" / "ssl" / "ca.pem"))
    return [
        f"curl --cacert {trusted} --resolve {name}:{port}:{host} {user}{ping} https://{name}:{port}/v1/ecflow",
        f"ecflow_client --https --host {host} --port {port} --ping",
    ]
