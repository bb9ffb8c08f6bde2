"""Profiles of released programs that nobody could run here, derived from recordings of their exchanges.

``python -m ecfleet.profiles.from_recordings RECORDINGS PROFILES`` reads the recordings (``*.jsonl``, one run
a line) and writes a profile for each program and release that a suite's ``recordings.toml`` speaks of.

That file, beside an area's rules, says which lines bear on a rule and what must be in them; an entry that no
line fits, or that a line contradicts, is refused. So no rule counts as decided without a line that is named.
Rules of which nothing is said stay undecided.

    [[recorded]]
    rule = "CERT-21"
    program = "ecflow_client"
    release = "5.17.0"
    file = "tls.jsonl"
    shows = "holds"                              # or "partly": a part of it, which decides nothing
    says = "A certificate for another host name is accepted."
    where = { certificates = "self-signed" }     # which lines
    then = { exit_code = 0 }                     # what they have: equal, or contained in a list or table
    contains = { stdout = "succeeded" }          # texts that are part of theirs
    lacks = { request_head = "Authorization" }   # texts that are not

``shows = "deviates"`` needs ``observed`` and ``reason`` and becomes a waiver.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecfleet.profiles import Basis, ProfileError, Shown
from ecfleet.rules import Area, RulesError, Subject, find_suites
from ecfleet.toml_tables import TableReader, read_toml

__all__ = ["Claim", "derive", "read_claims"]

RECORDINGS_FILE = "recordings.toml"
DEVIATES = "deviates"


@dataclass(frozen=True, slots=True)
class Claim:
    """What the lines of a recording that fit ``where`` show of a rule."""

    rule: str
    program: str
    release: str
    file: str
    shows: str
    says: str
    where: Mapping[str, Any]
    then: Mapping[str, Any]
    contains: Mapping[str, Any]
    lacks: Mapping[str, Any]
    observed: str = ""
    reason: str = ""


def read_claims(areas: Iterable[Area]) -> list[Claim]:
    """What the ``recordings.toml`` of these areas say.

    :raises ProfileError: with file, entry and key.
    """
    claims: list[Claim] = []
    for area in areas:
        path = area.path / RECORDINGS_FILE
        if not path.is_file():
            continue
        rules = {rule.id for rule in area.rules if rule.subject is Subject.CLIENT}
        document = TableReader(read_toml(path, ProfileError), str(path), ProfileError)
        for number, table in enumerate(document.tables("recorded"), 1):
            reader = TableReader(table, f"{path}: recorded number {number}", ProfileError)
            rule = reader.text("rule")
            if rule not in rules:
                raise reader.mistake("rule", f"{rule!r} is no rule of this area about a client")
            claims.append(_claim(rule, reader))
        document.finish()
    return claims


def _claim(rule: str, reader: TableReader) -> Claim:
    shows = reader.text("shows")
    if shows not in (*Shown, DEVIATES):
        raise reader.mistake("shows", f"must be one of {', '.join(Shown)}, {DEVIATES}, and not {shows!r}")
    needed = None if shows == DEVIATES else ""
    claim = Claim(
        rule,
        reader.text("program"),
        reader.text("release"),
        reader.text("file"),
        shows,
        reader.text("says"),
        _fields(reader, "where"),
        _fields(reader, "then"),
        _fields(reader, "contains"),
        _fields(reader, "lacks"),
        reader.text("observed", needed),
        reader.text("reason", needed),
    )
    if not claim.where or not (claim.then or claim.contains or claim.lacks):
        raise reader.mistake("where", "name lines, and what is in them (then, contains, lacks)")
    reader.finish()
    return claim


def _fields(reader: TableReader, key: str) -> Mapping[str, Any]:
    value = reader.take(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise reader.mistake(key, "must be a table of fields")
    return value


def derive(claims: Sequence[Claim], recordings: Path) -> dict[str, str]:
    """The profiles, as the text of their files by name.

    :raises ProfileError: when a recording cannot be read, or does not show what is claimed of it.
    """
    files: dict[str, list[dict[str, Any]]] = {}
    found: dict[tuple[str, str], dict[str, list[tuple[Claim, list[int]]]]] = {}
    for claim in claims:
        if claim.file not in files:
            files[claim.file] = _read(recordings / claim.file)
        rules = found.setdefault((claim.program, claim.release), {})
        rules.setdefault(claim.rule, []).append((claim, _lines(claim, files[claim.file])))
    return {
        f"{program}-{release}.toml": _profile(program, release, rules)
        for (program, release), rules in found.items()
    }


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        # Not splitlines(): a recorded text may hold other line ends of Unicode.
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise ProfileError(f"{path}: cannot be read: {problem}") from None


def _lines(claim: Claim, lines: Sequence[Mapping[str, Any]]) -> list[int]:
    """The numbers of the lines that a claim is about, which show what it says."""
    where = f"{claim.rule}, {claim.program} {claim.release}, {claim.file}"
    fitting = [
        number
        for number, line in enumerate(lines, 1)
        if all(_has(line.get(field), wanted) for field, wanted in claim.where.items())
    ]
    if not fitting:
        raise ProfileError(f"{where}: no line of the recording fits 'where'")
    for number in fitting:
        line = lines[number - 1]
        wrong = [field for field, wanted in claim.then.items() if not _has(line.get(field), wanted)]
        wrong += [field for field, part in claim.contains.items() if part not in (line.get(field) or "")]
        wrong += [field for field, part in claim.lacks.items() if part in (line.get(field) or "")]
        if wrong:
            raise ProfileError(f"{where}: line {number} does not show what is claimed: {', '.join(wrong)}")
    return fitting


def _has(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return isinstance(value, list) and all(entry in value for entry in wanted)
    if isinstance(value, list):
        return wanted in value
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return all(value.get(name) == entry for name, entry in wanted.items())
    return bool(value == wanted) and type(value) is type(wanted)


def _evidence(claims: Sequence[tuple[Claim, list[int]]]) -> str:
    """File, lines and what they show, said once for lines that show the same."""
    said: dict[tuple[str, str], set[int]] = {}
    for claim, lines in claims:
        said.setdefault((claim.file, claim.says), set()).update(lines)
    return " ".join(
        f"{file}, {'line' if len(lines) == 1 else 'lines'} {_numbers(sorted(lines))}: {says}"
        for (file, says), lines in said.items()
    )


def _numbers(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:12]))
    return shown if len(lines) <= 12 else f"{shown} and {len(lines) - 12} more"


def _profile(program: str, release: str, rules: Mapping[str, Sequence[tuple[Claim, list[int]]]]) -> str:
    blocks = [
        "# Written by `python -m ecfleet.profiles.from_recordings` from the suites' recordings.toml.",
        _table(
            "[profile]",
            client=program,
            release=release,
            basis=str(Basis.RECORDINGS),
            about=f"{program} of ecFlow {release}, which was not run here: derived from recordings of its "
            "exchanges. Rules that they do not decide are left undecided.",
        ),
    ]
    for rule, claims in sorted(rules.items()):
        kinds = {claim.shows for claim, _ in claims}
        if len(kinds) > 1:
            raise ProfileError(
                f"{rule}, {program} {release}: 'shows' is {' and '.join(sorted(kinds))} at once"
            )
        if kinds == {DEVIATES}:
            blocks += [
                _table(
                    "[[waiver]]",
                    rule=rule,
                    observed=claim.observed,
                    reason=claim.reason,
                    evidence=_evidence([(claim, lines)]),
                    owner="ecfleet",
                )
                for claim, lines in claims
            ]
        else:
            blocks.append(_table("[[recorded]]", rule=rule, shows=min(kinds), evidence=_evidence(claims)))
    return "\n\n".join(blocks) + "\n"


def _table(head: str, **values: str) -> str:
    # JSON's escapes are a part of TOML's.
    return "\n".join(
        [head, *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())]
    )


def main(arguments: Sequence[str]) -> int:
    """Write the profiles; 2 when the arguments or the data are wrong, and then nothing is written."""
    if len(arguments) != 2:
        print("usage: python -m ecfleet.profiles.from_recordings RECORDINGS PROFILES", file=sys.stderr)
        return 2
    recordings, place = map(Path, arguments)
    try:
        claims = read_claims(area for suite in find_suites() for area in suite.areas)
        profiles = derive(claims, recordings)
        for name, text in profiles.items():
            (place / name).write_text(text, encoding="utf-8")
            print(place / name)
    except (ProfileError, RulesError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
