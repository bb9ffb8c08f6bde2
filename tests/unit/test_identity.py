"""Who an ecFlow HTTP server takes the sender for, row by row as seen on 5.17.0."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.model.identity import Identity, http_identity
from ecfleet_mocks.wire import CtsApi, CtsCmd, InitCmd
from ecfleet_mocks.wire.http1 import Headers, RequestReader

COMMAND = CtsCmd(api=CtsApi.PING, user="claimed", password="ecfleet-secret-crypted", custom_user=True)


def identity(*headers: tuple[str, str]) -> Identity:
    return http_identity(Headers(headers), COMMAND)


def test_without_headers_the_command_names_the_user() -> None:
    found = identity()
    assert (found.user, found.secure, found.password, found.custom_user) == (
        "claimed",
        False,
        "ecfleet-secret-crypted",
        True,
    )


@pytest.mark.parametrize("value", ["", "Bearer x", "nonsense"])
def test_authorization_alone_changes_nothing(value: str) -> None:
    found = identity(("Authorization", value))
    assert (found.user, found.secure, found.custom_user) == ("claimed", False, True)


@pytest.mark.parametrize("value", ["", "Bearer x", "nonsense"])
def test_user_name_beside_authorization_is_taken_as_proven(value: str) -> None:
    found = identity(("Authorization", value), ("X-Auth-Username", "alice"))
    assert (found.user, found.secure, found.password, found.custom_user) == ("alice", True, "", False)


def test_user_name_alone_is_checked_against_the_password_of_the_header() -> None:
    found = identity(("X-Auth-Username", "alice"), ("X-Auth-Password", "ecfleet-secret-abc"))
    assert (found.user, found.secure, found.password, found.custom_user) == (
        "alice",
        False,
        "ecfleet-secret-abc",
        False,
    )
    assert identity(("X-Auth-Username", "alice")).password == ""


def test_password_header_without_a_name_makes_the_empty_user() -> None:
    secret = ("X-Auth-Password", "ecfleet-secret-abc")
    assert (identity(secret).user, identity(secret).secure) == ("", False)
    proven = identity(secret, ("Authorization", ""))
    assert (proven.user, proven.secure) == ("", True)


@pytest.mark.parametrize(
    "name", ["x-auth-username", "X-AUTH-USERNAME", "X-Auth-UserName", "X_Auth_Username", "X-Auth-Username2"]
)
def test_other_spellings_of_the_user_name_are_not_seen(name: str) -> None:
    found = identity(("Authorization", "Bearer x"), (name, "alice"))
    assert (found.user, found.secure) == ("claimed", False)


def test_lower_case_authorization_proves_nothing() -> None:
    found = identity(("authorization", "Bearer x"), ("X-Auth-Username", "alice"))
    assert (found.user, found.secure) == ("alice", False)


def test_first_of_repeated_headers_counts() -> None:
    found = identity(("Authorization", "x"), ("X-Auth-Username", "alice"), ("X-Auth-Username", "bob"))
    assert found.user == "alice"


def test_blanks_around_the_name_are_no_part_of_it_and_case_is() -> None:
    (request,) = RequestReader().feed(
        b"POST / HTTP/1.1\r\nAuthorization: x\r\nX-Auth-Username: \t Alice \r\n\r\n"
    )
    assert http_identity(request.headers, COMMAND).user == "Alice"


@given(
    headers=st.lists(
        st.tuples(st.sampled_from(["X-Auth-Realm", "X-Auth-Roles", "Cookie", "User-Agent"]), st.text("ab"))
    )
)
def test_realm_roles_and_others_are_never_read(headers: list[tuple[str, str]]) -> None:
    assert identity(*headers) == identity()
    named = ("X-Auth-Username", "alice")
    assert identity(*headers, named) == identity(named)


def test_child_commands_are_judged_by_their_job_password() -> None:
    headers = Headers([("Authorization", "x"), ("X-Auth-Username", "alice")])
    found = http_identity(headers, InitCmd(path="/s/t", jobs_password="ecfleet-secret-job"))
    assert (found.user, found.secure, found.password) == ("", False, "")
    assert "job password" in found.why


def test_null_command_has_no_user_but_that_of_the_headers() -> None:
    assert http_identity(Headers(), None).user == ""
    proven = Headers([("Authorization", "x"), ("X-Auth-Username", "alice")])
    assert http_identity(proven, None).user == "alice"


def test_secrets_are_not_shown() -> None:
    found = identity(("X-Auth-Username", "alice"), ("X-Auth-Password", "ecfleet-secret-abc"))
    assert "ecfleet-secret" not in repr(found)
