"""Certificate selection, held against what released programs did and what the document says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.model.certificates import (
    FileSet,
    Problem,
    TlsSettings,
    certificate_directory,
    dialled,
    select_client_certificate,
    select_server_files,
)
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, DIALECTS, Dialect

DATA = Path(__file__).parent.parent / "data"
EXPERIMENTS: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (DATA / "certificate_experiments.toml").read_text(encoding="utf-8")
)
SEARCHES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (DATA / "certificate_search_5.9.2.jsonl").read_text(encoding="utf-8").splitlines()
]
DIRECTORY = "/home/user/.ecflowrc/ssl/"
BOTH = pytest.mark.parametrize("dialect", [DIALECT_5_9, DIALECT_5_17], ids=lambda each: each.name)


def settings_of(row: dict[str, Any]) -> TlsSettings:
    return TlsSettings(
        own_host="thishost",
        home="/home/user",
        ecf_ssl=row.get("ecf_ssl"),
        ecf_ssl_dir=row.get("ecf_ssl_dir"),
        ssl_option=row.get("ssl_option", False),
        ecf_host=row.get("ecf_host"),
        ecf_port=row.get("ecf_port"),
        host_option=row.get("host"),
        port_option=row.get("port"),
    )


def paths(names: list[str]) -> set[str]:
    return {name if name.startswith("/") else DIRECTORY + name for name in names}


@BOTH
@pytest.mark.parametrize("row", EXPERIMENTS["client"], ids=lambda row: row["evidence"].split(":")[0])
def test_client_agrees_with_the_experiments(row: dict[str, Any], dialect: Dialect) -> None:
    selection = select_client_certificate(dialect, settings_of(row), paths(row["files"]).__contains__)
    expected = row["used"][dialect.name]
    assert selection.tls == (expected != "plain")
    assert (selection.used or "") == expected.removeprefix("plain")
    assert (selection.problem is None) == (expected != "")
    if selection.problem is not None:
        assert list(selection.problem.names) == row["names"][dialect.name]
        assert all(name in selection.problem.text for name in selection.problem.names)


@BOTH
@pytest.mark.parametrize("row", EXPERIMENTS["server"], ids=lambda row: row["evidence"].split(":")[0])
def test_server_agrees_with_the_experiments(row: dict[str, Any], dialect: Dialect) -> None:
    files = select_server_files(dialect, settings_of(row), paths(row["files"]).__contains__)
    assert (files.certificate.used or "") == row["used"][dialect.name]
    names = row.get("names", {}).get(dialect.name)
    assert list(files.problem.names if files.problem else []) == (names or [])
    if "reads" in row:
        read = (files.certificate.used, files.key, files.dh_parameters, files.password)
        assert [name for name in read if name is not None] == row["reads"]


def test_client_agrees_with_every_search_seen_on_5_9_2() -> None:
    """All of ECF_SSL x --ssl x address by environment x address by option x files, traced on 5.9.2."""
    for row in SEARCHES:
        host, _, port = (row["environment"] or ":").partition(":")
        settings = TlsSettings(
            own_host="thishost",
            home="/home/user",
            ecf_ssl=row["ecf_ssl"],
            ssl_option=row["ssl_option"],
            ecf_host=host or None,
            ecf_port=port or None,
            host_option=row["host_option"],
            port_option=row["port_option"],
        )
        selection = select_client_certificate(DIALECT_5_9, settings, paths(row["files"]).__contains__)
        assert list(selection.looked_for) == row["looked_for"], row
        assert selection.used == row["used"], row
        assert (selection.problem.text if selection.problem else None) == row["error"], row
        if selection.problem:
            assert selection.problem.while_parsing == row["under_argument_heading"], row


def test_the_searches_cover_the_whole_space() -> None:
    assert {(row["ecf_ssl"], row["ssl_option"]) for row in SEARCHES} == {
        (value, option) for value in (None, "", "1", "0") for option in (False, True)
    } - {(None, False)}


@BOTH
def test_without_home_there_is_no_directory(dialect: Dialect) -> None:
    selection = select_client_certificate(
        dialect, TlsSettings(own_host="thishost", ssl_option=True), lambda _: True
    )
    assert selection.problem is not None
    assert selection.problem.problem is Problem.NO_HOME
    assert selection.path is None


def test_texts_of_5_17_are_those_recorded() -> None:
    settings = TlsSettings(own_host="HOSTNAME", home="/HOME", ssl_option=True, port_option="5111")
    by_option = select_client_certificate(DIALECT_5_17, settings, lambda _: False).problem
    assert by_option is not None
    assert by_option.text == (
        "Error: Unable to find the self-signed certificate file(CRT) server.crt or HOSTNAME.5111.crt"
        " in $HOME/.ecflowrc/ssl"
    )
    settings = TlsSettings(own_host="HOSTNAME", home="/HOME", ecf_ssl="1", port_option="5111")
    by_variable = select_client_certificate(DIALECT_5_17, settings, lambda _: False).problem
    assert by_variable is not None
    assert by_variable.text == (
        "Error: Unable to find the self-signed certificate file(CRT) server.crt *OR* HOSTNAME.5111.crt"
        " in $HOME/.ecflowrc/ssl (with ECF_SSL=1)"
    )


hosts = st.sampled_from(
    ["localhost", "LOCALHOST", "127.0.0.1", "machine1", "machine1.example.org", "thishost"]
)
ports = st.sampled_from(["3141", "4141", "04141"])
names = st.sampled_from(
    ["server.crt"]
    + [
        f"{host}.{port}.crt"
        for host in ("localhost", "LOCALHOST", "127.0.0.1", "machine1", "machine1.example.org", "thishost")
        for port in ("3141", "4141", "04141")
    ]
)
settings_strategy = st.builds(
    TlsSettings,
    own_host=st.just("thishost"),
    home=st.just("/home/user"),
    ecf_ssl=st.none() | st.sampled_from(["", "0", "1", "machine1.4141"]),
    ssl_option=st.booleans(),
    ecf_host=st.none() | hosts | st.just(""),
    ecf_port=st.none() | ports,
    host_option=st.none() | hosts,
    port_option=st.none() | ports,
)


@given(
    settings=settings_strategy,
    files=st.sets(names, max_size=6),
    dialect=st.sampled_from(sorted(DIALECTS.values(), key=lambda each: each.name)),
)
def test_what_always_holds(settings: TlsSettings, files: set[str], dialect: Dialect) -> None:
    present = paths(sorted(files))
    selection = select_client_certificate(dialect, settings, present.__contains__)
    assert selection.tls == (settings.ecf_ssl is not None or settings.ssl_option)
    assert (selection.used is None) == (selection.problem is not None or not selection.tls)
    if selection.used is not None:
        assert selection.path in present
        assert selection.used == selection.looked_for[-1]
        host, port = dialled(settings)
        own = settings.own_host if host == "localhost" else host
        expected = "server.crt" if selection.file_set is FileSet.SHARED else f"{own}.{port}.crt"
        assert selection.used == expected
    assert not any(name.startswith("localhost.") for name in selection.looked_for)
    assert ("server.crt" in selection.looked_for) <= selection.tls
    if settings.ecf_ssl not in (None, "", "1") and not (settings.ssl_option and dialect.ssl_option_wins):
        assert "server.crt" not in selection.looked_for


def test_directory_is_glued_as_it_is() -> None:
    settings = TlsSettings(own_host="thishost", home="/home/user", ecf_ssl_dir="certificates")
    assert certificate_directory(DIALECT_5_17, settings) == "certificates"
    assert certificate_directory(DIALECT_5_9, settings) == DIRECTORY
