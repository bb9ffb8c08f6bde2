"""What the releases of ecFlow do differently, each difference under a name of its own.

A mock, the built-in client and a rule are given a :class:`Dialect`; nothing else in ecfleet looks at a
version number.  Every field says where its values were seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DIALECTS", "DIALECT_5_9", "DIALECT_5_17", "Dialect", "StatsLayout", "TokenPlace", "dialect"]


class StatsLayout(StrEnum):
    """How the text of ``--stats`` is laid out."""

    INDENT_3 = "three blanks"
    """``Server statistics``, indented by three blanks, ``60s`` (seen on 5.9.2)."""
    SECTIONS = "sections"
    """``Server Statistics``, section headings, two blanks, ``60 (s)``, process resources (seen on 5.17.0)."""


class TokenPlace(StrEnum):
    """Where a client may look for its token file."""

    ENVIRONMENT = "ECF_AUTHTOKENS"
    """The path in that variable, and when it is set no other place."""
    HOME = "home"
    DIRECTORY = "working directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One release line's behaviour.  All fields were seen on the release unless they say otherwise.

    :param name: the name under which users ask for it, ``"5.9"`` or ``"5.17"``.
    :param version: what such a server answers to ``--server_version``.
    """

    name: str
    version: str

    # --- transports -------------------------------------------------------------------------------
    http: bool
    """Whether server and client know HTTP (5.14 and later)."""
    tls_1_2: bool
    """Whether the server still takes TLS 1.2; later ones take TLS 1.3 only."""

    # --- certificates -----------------------------------------------------------------------------
    certificate_missing_exit: int
    """Exit status of a server that ``ECF_SSL`` asked for TLS and that has no certificate (134: aborted)."""
    certificate_missing_origin: str
    """What follows that message when ``ECF_SSL`` asked for TLS; ``{value}`` as the release shows it."""
    certificate_missing_text: str
    """What a program says that finds no certificate; ``{names}`` are the file names."""
    home_missing_text: str
    """What a program says that needs certificates and finds no ``HOME``."""
    ssl_dir_variable: bool
    """Whether ``ECF_SSL_DIR`` replaces the certificate directory (5.13.6 and later)."""
    ssl_environment_before_options: bool
    """Whether ``ECF_SSL`` is resolved with ``ECF_HOST`` and ``ECF_PORT`` before ``--host`` and ``--port``."""
    ssl_option_wins: bool
    """Whether ``--ssl`` decides the file set although ``ECF_SSL`` is set as well."""

    # --- token file -------------------------------------------------------------------------------
    token_file: bool
    """Whether the client reads ``.ecflowapirc`` (5.15 and later)."""
    token_places: tuple[TokenPlace, ...]
    """Where it looks, in this order; the documented order is another (``model.token_file``)."""

    # --- access to the server ---------------------------------------------------------------------
    authorises_apart: bool
    """Whether a server first authenticates and then authorises (5.15 and later), with texts that name
    neither user nor path; earlier ones do both in one step."""
    delete_judged_by_first_path: bool
    """Whether of a delete of several nodes only the first is looked at."""
    permissions_variable: bool
    """Whether PERMISSIONS variables count where no white list does."""
    ping_needs_password: bool
    """Whether a ping is refused without the right password."""
    white_list_includes: bool
    """Whether a white list can include another file; otherwise that line is a comment."""

    # --- server -----------------------------------------------------------------------------------
    class_extensions: bool
    """Whether Aviso and Mirror attributes, datetime repeats and the ``remote_error`` flag exist."""
    empty_user_accepted: bool
    """Whether a command whose ``user_`` is empty is served when there are no password files."""
    failed_assertion_kills: bool
    """Whether a failed assertion ends the server process, as in Debian's build of 5.9.2.

    Otherwise the server goes on, for an expression as is read in source of 5.17.
    """
    node_text_indented: bool
    """Whether the text in SNodeCmd, and the printed styles STATE and MIGRATE, are indented."""
    null_command_kills: bool
    """Whether a null command ends the server process; otherwise it is answered by ErrorCmd."""
    stats_class_version: int
    """The cereal class version of the Stats record (0 or 1; 1 adds the process resources)."""
    stats_count_suites: bool
    """Whether ``--stats`` counts the suites; otherwise it shows what the last ``--stats_server`` counted."""
    stats_layout: StatsLayout
    """How the text of ``--stats`` is laid out."""
    suite_exists_text: str
    """How an error says that a suite is there already."""
    unknown_cts_api_kills: bool
    """Whether CtsCmd with ``api_`` 0 or an unknown number ends the server process; otherwise it is OK."""
    version_banner: str
    """How statistics and some errors of a server name its build."""

    # --- client -----------------------------------------------------------------------------------
    argument_error_prints_argc: bool
    """``argc=N, argv=[…]`` after an argument error instead of ``args: …``."""
    deadline_in_milliseconds: bool
    """Whether the message about a passed time limit counts milliseconds instead of seconds."""
    host_file_for_user_commands: bool
    """Whether ``ECF_HOSTFILE_POLICY=all`` lets user commands go on to the next host (5.15 and later)."""
    host_file_with_options: bool
    """Whether the host file still counts when ``--host`` or ``--port`` is given (5.15 and later)."""
    password_option: bool
    """Whether ``--password`` is used (5.10 and later); before, it was taken and forgotten."""

    # --- log server -------------------------------------------------------------------------------
    log_get_removes_nul: bool
    """Whether the log server's ``get``, but not ``getf`` and ``delta``, leaves out NUL bytes (from 5.16)."""


DIALECT_5_9 = Dialect(
    name="5.9",
    version="5.9.2",
    http=False,
    tls_1_2=True,
    certificate_missing_exit=1,
    certificate_missing_origin=" when ECF_SSL={value}",
    certificate_missing_text=(
        "Openssl::enable: Error: Expected to find the self signed certificate file(CRT) {names}"
        " in $HOME/.ecflowrc/ssl"
    ),
    home_missing_text="basic_string: construction from null is not valid",
    ssl_dir_variable=False,
    ssl_environment_before_options=True,
    ssl_option_wins=True,
    token_file=False,
    token_places=(),
    authorises_apart=False,
    delete_judged_by_first_path=False,
    permissions_variable=False,
    ping_needs_password=True,
    white_list_includes=False,
    class_extensions=False,
    empty_user_accepted=False,
    failed_assertion_kills=True,
    node_text_indented=True,
    null_command_kills=False,
    stats_class_version=0,
    stats_count_suites=False,
    stats_layout=StatsLayout.INDENT_3,
    suite_exists_text="already exist",
    unknown_cts_api_kills=True,
    version_banner=(
        "Ecflow version(5.9.2) boost(1.74.0) compiler(gcc 12.2.0) protocol(JSON cereal 1.3.0) "
        "openssl(enabled) Debian build"
    ),
    argument_error_prints_argc=False,
    log_get_removes_nul=False,
    deadline_in_milliseconds=False,
    host_file_for_user_commands=False,
    host_file_with_options=False,
    password_option=False,
)
"""As seen on release 5.9.2 (Debian's build)."""

DIALECT_5_17 = Dialect(
    name="5.17",
    version="5.17.0",
    http=True,
    tls_1_2=False,
    certificate_missing_exit=134,
    certificate_missing_origin=" (with ECF_SSL={value})",
    certificate_missing_text=(
        "Error: Unable to find the self-signed certificate file(CRT) {names} in $HOME/.ecflowrc/ssl"
    ),
    home_missing_text="HOME",
    ssl_dir_variable=True,
    ssl_environment_before_options=False,
    ssl_option_wins=False,
    token_file=True,
    token_places=(TokenPlace.ENVIRONMENT, TokenPlace.HOME, TokenPlace.DIRECTORY),
    authorises_apart=True,
    delete_judged_by_first_path=True,
    permissions_variable=True,
    ping_needs_password=False,
    white_list_includes=True,
    class_extensions=True,
    empty_user_accepted=True,
    failed_assertion_kills=False,
    node_text_indented=False,
    null_command_kills=True,
    stats_class_version=1,
    stats_count_suites=True,
    stats_layout=StatsLayout.SECTIONS,
    suite_exists_text="already exists",
    unknown_cts_api_kills=False,
    version_banner=(
        "Ecflow version(5.17.0) boost(1.74.0) compiler(gcc 12.2.0) protocol(JSON cereal 1.3.0) "
        "openssl(3.0.22) Compiled on Nov 20 2026 16:05:35"
    ),
    argument_error_prints_argc=True,
    log_get_removes_nul=True,
    deadline_in_milliseconds=True,
    host_file_for_user_commands=True,
    host_file_with_options=True,
    password_option=True,
)
"""As seen on release 5.17.0."""

DIALECTS: dict[str, Dialect] = {known.name: known for known in (DIALECT_5_9, DIALECT_5_17)}
"""The known dialects by name."""


def dialect(name: str) -> Dialect:
    """Find a dialect by its name, ``"5.9"`` or ``"5.17"``, or by a release of that line, such as ``"5.9.2"``.

    :raises ValueError: when there is no such dialect; the message lists those that there are.
    """
    for known in DIALECTS.values():
        if name in (known.name, known.version) or name.startswith(known.name + "."):
            return known
    raise ValueError(f"no dialect {name!r}; there are {', '.join(DIALECTS)}")
