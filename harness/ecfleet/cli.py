"""The command ``ecfleet``."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from ecfleet.verdicts import ExitStatus

if TYPE_CHECKING:
    from ecfleet.events import Run
    from ecfleet.rules import Catalogue
READER_GONE = 141
"""Exit status when nobody reads the output any more, as shells have it for SIGPIPE."""


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{self.prog}: {message} (see {self.prog} --help)")


class _UsageError(Exception):
    """The command line or a file that it names is wrong; the message is one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status (design of the statuses: :class:`ExitStatus`)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser().parse_args(given)
        status: int = options.run(options, given)
        sys.stdout.flush()
        return status
    except _UsageError as error:
        return _tell(str(error), ExitStatus.USAGE)
    except KeyboardInterrupt as interrupt:
        number: int = getattr(interrupt, "signal", signal.SIGINT)
        return _tell("ecfleet: interrupted", 128 + number)
    except BrokenPipeError:
        # The reader of our output went away; what is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except Exception as error:
        details = _write_details(traceback.format_exc())
        return _tell(
            f"ecfleet: a fault of its own: {type(error).__name__}: {_one_line(error)} (details in {details})",
            ExitStatus.FAULT,
        )


def _tell(line: str, status: int) -> int:
    print(line, file=sys.stderr)
    return int(status)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())


def _write_details(text: str) -> str:
    with tempfile.NamedTemporaryFile(
        "w", prefix="ecfleet-fault-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as out:
        out.write(text)
    return out.name


# --- the command line ---------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    from ecfleet.reports import outputs

    parser = _Parser(
        prog="ecfleet",
        description="Check programs that talk to ecFlow against its rules, on a mock fleet of its own.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the release and end")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    check = commands.add_parser(
        "check",
        help="test clients and the mocks by the rules",
        description="Test clients and the mocks by the rules. Exit status: 0 all rules hold or deviate as "
        "known; 1 a rule fails or a waiver is stale; 2 wrong usage; 3 something asked for is inconclusive "
        "or not run; 4 a fault of ecfleet.",
    )
    check.add_argument(
        "--client",
        action="append",
        default=[],
        metavar="NAME|PATH",
        help="a client to test, by name or by the path of its program; may be given several times "
        "(default: those of ecfleet.toml; without one, builtin and every real client found)",
    )
    check.add_argument(
        "--rule", action="append", default=[], metavar="PREFIX", help="only the rules whose id begins so"
    )
    check.add_argument("--case", default="", metavar="CASE", help="only this case, as a report names it")
    check.add_argument(
        "--seed", type=_seed, metavar="N", help="where random choices come from (default: random)"
    )
    check.add_argument("--examples", type=_count, metavar="N", help="examples generated for each property")
    check.add_argument(
        "--no-profile", action="store_true", help="show known deviations of released programs as failures"
    )
    check.add_argument(
        "--waivers",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a TOML file of deviations that are accepted here",
    )
    check.add_argument("--mutant", default="", metavar="ID", help="let the subject break one rule on purpose")
    check.add_argument(
        "--keep", type=Path, metavar="DIR", help="copy the files of each case that does not pass to DIR"
    )
    check.add_argument(
        "-j", "--jobs", type=_jobs, default=1, metavar="N", help="processes to use; 0 for as many as fit here"
    )
    check.add_argument("--quiet", "-q", action="store_true", help="no progress and no list of rules")
    outputs.add_options(check)
    check.set_defaults(run=_check)

    rules = commands.add_parser(
        "rules", help="list the rules, or explain one", description="List the rules, or explain one."
    )
    rules.add_argument(
        "id", nargs="?", default="", metavar="ID|PREFIX", help="the rule to explain, or a prefix"
    )
    rules.add_argument("--area", default="", help="only those of this area")
    rules.add_argument("--level", default="", help="only those of this level: must, should or observed")
    rules.add_argument("--subject", default="", help="only those about this: client, reverse-proxy, ...")
    rules.add_argument(
        "--text", default="", help="only those that mention these words, in a symptom for example"
    )
    rules.add_argument(
        "--client",
        action="append",
        default=[],
        metavar="NAME|PATH",
        help="test this client by the rule that is explained, and show what it does beside the rest",
    )
    rules.set_defaults(run=_rules)

    init = commands.add_parser(
        "init",
        help="describe a client in ecfleet.toml",
        description="Try a client on mocks and describe it in a new ecfleet.toml. Exit status: 0 it is "
        "written; 1 it is, but the client does not do what it claims; 2 it is not.",
    )
    init.add_argument(
        "--client",
        default="",
        metavar="COMMAND",
        help="the program and its first arguments in one word, such as 'node client.js', or builtin or "
        "python-ecflow (default: every real client found)",
    )
    init.add_argument("--name", default="", help="what to call it (default: what it calls itself)")
    init.add_argument(
        "--kind", default="", help="command, python or shim (default: found out by asking the program)"
    )
    init.add_argument("--force", action="store_true", help="replace an ecfleet.toml that is there")
    init.set_defaults(run=_init)

    certs = commands.add_parser(
        "certs",
        help="write certificates and keys for real ecFlow programs",
        description="Write certificates and keys for real ecFlow programs, and print what to put where.",
    )
    certs.add_argument("directory", type=Path, metavar="DIR", help="a directory that is new or empty")
    certs.add_argument(
        "--kind", default="self-signed", help="self-signed (default), ca-signed, chain, expired, empty, ..."
    )
    certs.add_argument(
        "--passphrase",
        default="none",
        help="none (default): a plain key; right, wrong, missing or crlf: an encrypted one and its file",
    )
    certs.add_argument("--host", help="the machine of the server (default: this one)")
    certs.add_argument(
        "--port", type=_count, help="make the set of one server, <host>.<port>.*, in place of the shared one"
    )
    certs.set_defaults(run=_certs)

    up = commands.add_parser(
        "up",
        help="start the fleet of a topology file",
        description="Start the fleet of a topology file, show exchanges as they happen, and stop on Ctrl-C.",
    )
    up.add_argument("topology", type=Path, metavar="TOPOLOGY", help="the TOML file")
    up.set_defaults(run=_up)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from ecfleet.version import version

        print(f"ecfleet {version()}")
        parser.exit()


def _at_least(lowest: int, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) >= lowest):
        raise argparse.ArgumentTypeError(f"must be a whole number from {lowest} on, and not {text!r}")
    return int(text)


def _seed(text: str) -> int:
    return _at_least(0, text)


def _count(text: str) -> int:
    return _at_least(1, text)


def _jobs(text: str) -> int:
    from ecfleet.parallel import default_jobs

    return _at_least(0, text) or default_jobs()


# --- the commands -------------------------------------------------------------------------------------


def _check(options: argparse.Namespace, given: Sequence[str]) -> int:
    import shlex

    from ecfleet import clients, runner
    from ecfleet.profiles import ProfileError
    from ecfleet.reports import progress, terminal
    from ecfleet.reports.files import ReportError
    from ecfleet.reports.outputs import Outputs
    from ecfleet.rules import Catalogue, RulesError, find_suites

    out, err = sys.stdout, sys.stderr
    bar: progress.Bar | progress.Lines | None = None
    if not options.quiet:
        bar = progress.Bar(err) if err.isatty() else progress.Lines(err)
    try:
        outputs = Outputs.of(options)
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
        catalogue = Catalogue(find_suites())
        catalogue.check_capabilities([str(able) for able in clients.Capability])
        settings = runner.Settings(
            clients=tuple(options.client) or _default_clients(options.mutant),
            rules=tuple(options.rule),
            seed=runner.new_seed() if options.seed is None else options.seed,
            case=options.case,
            mutant=options.mutant,
            profiles=not options.no_profile,
            waivers=tuple(options.waivers),
            examples=options.examples,
            keep=options.keep,
            command=shlex.join(["ecfleet", *given]),
            jobs=options.jobs,
        )
        with contextlib.ExitStack() as stack:
            if bar is not None:
                stack.callback(bar.clear)
            run = runner.run(catalogue, settings, [bar] if bar is not None else [])
        comparison = outputs.write(run)
    except (RulesError, ProfileError, clients.ClientError, ReportError) as error:
        raise _UsageError(f"ecfleet check: {_one_line(error)}") from None
    except OSError as error:
        if options.keep is not None and error.filename == str(options.keep):
            raise _UsageError(f"ecfleet check: {options.keep}: {error.strerror}") from None
        raise
    columns = shutil.get_terminal_size().columns if out.isatty() else None
    terminal.TerminalReport(
        out, colour=_colour(out), quiet=options.quiet, columns=columns, timelines=options.timeline
    ).write(run, comparison)
    _tell_faults(run)
    return int(run.exit_status)


def _default_clients(mutant: str) -> tuple[str, ...]:
    """The clients that the project describes; without any, the built-in one and every real one found.

    A mutant is always one of the built-in.
    """
    from ecfleet import clients

    if mutant:
        return ("builtin",)
    described = clients.described_clients()
    if described:
        return tuple(described)
    return tuple(dict.fromkeys(("builtin", *(client.name for client in clients.find_clients()))))


def _tell_faults(run: Run) -> None:
    """Write the tracebacks of ecfleet's own faults where they can be sent from."""
    details = [
        f"{result.column} {case.id}\n{case.details or case.message}\n"
        for result in run.results
        for case in result.cases
        if case.verdict == "error"
    ]
    if details or run.faults:
        place = _write_details("\n".join((*run.faults, *details)))
        print(f"ecfleet: details of its own faults are in {place}")


def _colour(out: TextIO) -> bool:
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _rules(options: argparse.Namespace, given: Sequence[str]) -> int:
    from ecfleet.clients import ClientError
    from ecfleet.reports import rule_pages
    from ecfleet.rules import Catalogue, Level, RulesError, Subject, find_suites

    try:
        catalogue = Catalogue(find_suites())
        if options.area and options.area not in catalogue.areas:
            raise RulesError(f"there is no area {options.area!r}; there are {', '.join(catalogue.areas)}")
        for key, among in (("level", Level), ("subject", Subject)):
            value = getattr(options, key)
            if value and value not in list(among):
                raise RulesError(f"there is no {key} {value!r}; there are {', '.join(among)}")
        if options.id.upper() in catalogue.rules:
            rule = catalogue.rules[options.id.upper()]
            run = _run_of(catalogue, rule.id, options.client) if options.client else None
            print(rule_pages.explain(catalogue, rule, run))
            return ExitStatus.OK
        if options.client:
            raise RulesError(f"--client goes with the id of one rule, and not with {options.id!r}")
        found = catalogue.select(
            options.id,
            area=options.area,
            level=Level(options.level) if options.level else None,
            subject=Subject(options.subject) if options.subject else None,
            text=options.text,
        )
        if not found:
            raise RulesError("no rule fits; 'ecfleet rules' lists all of them")
    except (RulesError, ClientError) as error:
        raise _UsageError(f"ecfleet rules: {_one_line(error)}") from None
    print(rule_pages.listing(catalogue, found))
    return ExitStatus.OK


def _run_of(catalogue: Catalogue, rule: str, names: Sequence[str]) -> Run:
    """What clients at hand do about one rule; a rule about a service is tested on the mocks."""
    from ecfleet import runner

    return runner.run(catalogue, runner.Settings(clients=tuple(names), rules=(rule,), seed=runner.new_seed()))


def _init(options: argparse.Namespace, given: Sequence[str]) -> int:
    from ecfleet import clients, initialise

    try:
        wanted = initialise.Wanted(options.client, options.name, options.kind)
        return initialise.initialise(wanted, sys.stdout, force=options.force)
    except clients.ClientError as error:
        raise _UsageError(f"ecfleet init: {_one_line(error)}") from None


def _certs(options: argparse.Namespace, given: Sequence[str]) -> int:
    from ecfleet import certs_command

    try:
        made = certs_command.make_set(
            certs_command.kind_called(options.kind),
            host=options.host,
            port=options.port,
            phrase=certs_command.phrase_called(options.passphrase),
        )
        certs_command.write_set(options.directory, made)
    except certs_command.CertsError as error:
        raise _UsageError(f"ecfleet certs: {_one_line(error)}") from None
    print(certs_command.describe(options.directory, made))
    return ExitStatus.OK


def _up(options: argparse.Namespace, given: Sequence[str]) -> int:
    from ecfleet import live

    status: int = live.up(options.topology)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
