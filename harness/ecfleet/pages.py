"""The pages of docs/ that are generated from the catalogue.

``python -m ecfleet.pages DOCS`` writes them; ``python -m ecfleet.pages DOCS --check`` says which are no
longer what the catalogue, the coverage, the mutants and the profiles say, and changes nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ecfleet import coverage, kill_matrix, profiles
from ecfleet.mutants import Mutant, load_mutants
from ecfleet.profiles import Basis, Profile, Stand
from ecfleet.rules import DOCUMENTS, Catalogue, Rule, RulesError, Subject, find_suites
from ecfleet.verdicts import Verdict

__all__ = ["generate", "stale"]

_NOTE = "<!-- Written by `python -m ecfleet.pages docs`; change the data that it is made of instead. -->"

_STANDS = {
    Verdict.PASS: "holds",
    Verdict.KNOWN_DEVIATION: "**deviates**",
    Verdict.NOT_APPLICABLE: "not applicable",
    Verdict.INCONCLUSIVE: "inconclusive",
}


def generate() -> dict[str, str]:
    """The pages, by file name.

    :raises RulesError: when the catalogue or what belongs to it is wrong.
    :raises ecfleet.profiles.ProfileError: when a profile is.
    """
    suites = find_suites()
    catalogue = Catalogue(suites)
    shipped = profiles.shipped_profiles()
    stated = coverage.coverage_of(suites)
    return {
        "rules.md": rules_page(catalogue, stated, shipped),
        "coverage.md": coverage_page(catalogue, stated),
        "kill-matrix.md": kill_matrix_page(catalogue, load_mutants(catalogue.areas.values()).values()),
        "profiles.md": profiles_page(catalogue, shipped),
    }


def stale(directory: Path) -> list[str]:
    """The names of the pages in a directory that are not as they are generated now."""
    names = []
    for name, text in generate().items():
        path = directory / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            names.append(name)
    return names


def _page(title: str, *blocks: str) -> str:
    return "\n\n".join([f"# {title}", _NOTE, *blocks]) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    # <host>.<port> would be taken for a tag, and a bar for the end of the cell.
    escaped = " ".join(text.split()).replace("|", "\\|")
    return escaped.replace("<", "&lt;").replace(">", "&gt;") if "`" not in escaped else escaped


def _text(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _link(rule: str) -> str:
    return f"[{rule}](rules.md#{rule.lower()})"


# --- rules --------------------------------------------------------------------------------------------


def rules_page(catalogue: Catalogue, stated: coverage.Coverage, shipped: Sequence[Profile]) -> str:
    """All rules, area by area, with what is known of each."""
    blocks = [
        f"{len(catalogue.rules)} rules. `ecfleet rules` lists them and filters by id, area, level, subject "
        "and text; `ecfleet rules CERT-07` explains one. *must* and *should* are documented; *observed* is "
        "what released programs do. What a client needs for a rule to apply to it is named with the rule.",
        _table(
            ["area", "rules", "must", "should", "observed", "about"],
            [
                [
                    f"[{area.title}](#{_anchor(area.title)})",
                    str(len(area.rules)),
                    *(
                        str(sum(rule.level == level for rule in area.rules))
                        for level in ("must", "should", "observed")
                    ),
                    ", ".join(dict.fromkeys(str(rule.subject) for rule in area.rules)),
                ]
                for area in catalogue.areas.values()
            ],
        ),
    ]
    for area in catalogue.areas.values():
        blocks.append(f"## {area.title}")
        if area.summary:
            blocks.append(_text(area.summary))
        blocks += [_rule_block(rule, stated, shipped) for rule in area.rules]
    return _page("Rules", *blocks)


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _rule_block(rule: Rule, stated: coverage.Coverage, shipped: Sequence[Profile]) -> str:
    about = [str(rule.level), str(rule.subject), f"severity {rule.severity}"]
    if rule.capabilities:
        about.append(f"needs {', '.join(sorted(rule.capabilities))}")
    lines = [f"### {rule.id}", "", f"**{_text(rule.sentence)}** ({', '.join(about)})", ""]
    lines += [f"* Why: {_text(rule.why)}", f"* Symptom: {_text(rule.symptom)}", f"* Fix: {_text(rule.fix)}"]
    lines += [f"* Source: {_text(source.citation)}" for source in rule.sources]
    if decides := stated.of(rule.id):
        lines.append(f"* Decides: {', '.join(f'[{one.id}](coverage.md#{one.document})' for one in decides)}")
    if rule.field_bugs:
        lines.append(f"* Explains: {', '.join(rule.field_bugs)}")
    for profile in shipped:
        stand = profiles.stand(profile, rule)
        if stand is not None and stand.verdict is Verdict.KNOWN_DEVIATION:
            lines.append(f"* Deviates: {_name(profile)}: {_text(stand.evidence)}")
    return "\n".join(lines)


# --- coverage -----------------------------------------------------------------------------------------


def coverage_page(catalogue: Catalogue, stated: coverage.Coverage) -> str:
    """Each statement of the pages, with the rules that decide it; what no rule decides comes first."""
    open_ones = [statement for statement in stated.statements if statement.open]
    outside = [statement for statement in stated.statements if statement.outside]
    covered = len(stated.statements) - len(open_ones) - len(outside)
    blocks = [
        "What the public ecFlow pages ask for, in our words, and the rules that decide it. Sections have the "
        "page's own numbers or, where it has none, are counted; `2(1)` is the first statement of section 2. "
        "Each statement keeps the digest of the words that it stands for: `python -m ecfleet.citations "
        "DIRECTORY` compares them with the pages, which are no part of ecfleet.",
        f"{len(stated.statements)} statements: {covered} decided by rules, {len(open_ones)} not covered, "
        f"{len(outside)} that are not about a program.",
        "## Not covered",
    ]
    if open_ones:
        blocks.append(
            _table(["statement", "what it says"], [[statement.id, statement.says] for statement in open_ones])
        )
    else:
        blocks.append("Nothing: every statement about a program has a rule.")
    for document in stated.pages:
        blocks.append(f"## {document}\n\n{DOCUMENTS[document]}.")
        sections = dict.fromkeys((s.section, s.heading) for s in stated.statements if s.document == document)
        for section, heading in sections:
            mine = [s for s in stated.statements if (s.document, s.section) == (document, section)]
            blocks.append(f"### {section} {_text(heading)}")
            blocks.append(
                _table(
                    ["", "what it says", "rules"],
                    [[f"{section}({s.number})", s.says, _decided(s)] for s in mine],
                )
            )
    if stated.unstated:
        blocks.append("## Rules that cite a page and decide no single statement of it")
        blocks.append(_table(["rule", "why"], [[_link(rule), why] for rule, why in stated.unstated.items()]))
    return _page("Coverage of the documents", *blocks)


def _decided(statement: coverage.Statement) -> str:
    if statement.rules:
        return ", ".join(map(_link, statement.rules))
    return f"not about a program: {statement.outside}" if statement.outside else "**not covered**"


# --- kill matrix --------------------------------------------------------------------------------------


def kill_matrix_page(catalogue: Catalogue, mutants: Iterable[Mutant]) -> str:
    """Each mutant with the rule that kills it and those that it trips beside, as declared and proven."""
    mutants = list(mutants)
    rows = [kill_matrix.declared(mutant) for mutant in mutants]
    killers: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        killers.setdefault(mutant.rule, []).append(mutant)
    without = [rule for rule in catalogue.rules if rule not in killers]
    blocks = [
        "A mutant is a subject that breaks one rule. Each must be killed by its own rule, and trip beyond it "
        "just the rules that it declares. `tox -e matrix` runs every mutant against every rule, prints the "
        "matrix below from what it finds, and fails when anything is otherwise than declared here.",
        f"{len(mutants)} mutants, {len(catalogue.rules)} rules, {len(without)} rules without a mutant"
        + (f": {', '.join(without)}." if without else "."),
    ]
    for area in catalogue.areas.values():
        blocks.append(f"## {area.title}")
        blocks.append(
            _table(
                ["rule", "mutant", "what it does wrong", "trips also"],
                [
                    [_link(rule.id), mutant.id, mutant.sentence, _trips(mutant)]
                    for rule in area.rules
                    for mutant in killers.get(rule.id, ())
                ],
            )
        )
    blocks.append("## Matrix")
    blocks.append("X: killed by its own rule; x: trips as declared; blank: holds, or is out of its reach.")
    blocks.append(f"```text\n{kill_matrix.grid(catalogue.areas.values(), rows)}\n```")
    return _page("Kill matrix", *blocks)


def _trips(mutant: Mutant) -> str:
    return f"{', '.join(sorted(mutant.trips))}: {mutant.reason}" if mutant.trips else ""


# --- profiles -----------------------------------------------------------------------------------------

_WAIVERS = """\
A waiver says that a rule may fail, and how: `observed` is a text that the evidence of every failing case must
contain. A case that fails as listed is a *known deviation*; the run still ends with exit status 0. A list of
deviations is worth something only while each entry is true, so these fail the run (exit status 1):

| what | when |
|---|---|
| unused | the rule was decided, and nothing failed that the waiver covers |
| changed | the rule fails, and no case of it as listed |
| expired | the day after `expiry` has come |
| duplicate | rule and text are listed twice |

A waiver of a rule that was not run, or is undecided or not applicable, is left alone. So is every waiver in a
run of one case or of a mutant.

A waiver file of your own (`ecfleet check --waivers FILE`, `pytest --ecf-waivers FILE`) has an expiry in each
entry:

```toml
[[waiver]]
rule = "TOK-06"
observed = "Authorization with a file in the cwd: expected"
reason = "The client reads no file of the working directory; issue 123 of its tracker."
owner = "somebody"
expiry = 2030-01-31
client = "my-client"        # optional: for this client only
```

A shipped profile has `evidence` in each entry instead, and the program that it is about:

```toml
[profile]
client = "ecflow_client"
release = "5.9.2"
basis = "run"               # or "recordings"
capabilities = ["ssl", "tasks", "tcp"]
about = "Where the program comes from."
```

`--no-profile` shows known deviations as the failures that they are.\
"""

_BASIS = """\
* **run**: the program was run on every rule that it has the capabilities for. It breaks those of its waivers
  and no other.
* **recordings**: the program was not run here, as no registry offers it. The profile is derived from
  recordings of its exchanges and from each area's `recordings.toml`, which names the lines that bear on a
  rule and what must be in them (`python -m ecfleet.profiles.from_recordings tests/data/captures
  harness/ecfleet/profiles`). A rule counts as held where recordings show all that it says; where they show
  a part, or nothing, it is inconclusive.\
"""


def profiles_page(catalogue: Catalogue, shipped: Sequence[Profile]) -> str:
    """What waivers are, and how each released program stands to each rule."""
    clients = [rule for rule in catalogue.rules.values() if rule.subject is Subject.CLIENT]
    services = [rule for rule in catalogue.rules.values() if rule.subject is not Subject.CLIENT]
    stands = {
        rule.id: {profile.path.stem: profiles.stand(profile, rule) for profile in shipped} for rule in clients
    }
    ran = [profile for profile in shipped if profile.basis is Basis.RUN]
    never = [
        rule.id for rule in clients if not any(_judged(stands[rule.id][profile.path.stem]) for profile in ran)
    ]
    blocks = [
        "## Waivers",
        _WAIVERS,
        "## Released programs",
        _table(
            ["profile", "basis", "deviates from", "about"],
            [
                [
                    profile.path.stem,
                    str(profile.basis),
                    ", ".join(_link(rule) for rule in dict.fromkeys(w.rule for w in profile.waivers))
                    or "nothing",
                    profile.about,
                ]
                for profile in shipped
            ],
        ),
        _BASIS,
        "## Rules that no released program has been run on here",
        "Rules about clients that no profile of basis *run* can be held to, for want of a capability: "
        f"{_list(never)}",
        "Rules about services judge ecfleet's own mocks, which the tests in tests/contract hold against the "
        "released programs that are installed; no released service has been judged by these rules: "
        f"{_list([rule.id for rule in services])}",
        "## Rules and programs",
        "For each rule about clients, what is known of each released program.",
        _table(
            ["rule", *(profile.path.stem for profile in shipped)],
            [[_link(rule.id), *(_stand(stand) for stand in stands[rule.id].values())] for rule in clients],
        ),
    ]
    for profile in shipped:
        if profile.recorded:
            blocks.append(f"## What recordings of {_name(profile)} show")
            blocks.append(
                _table(
                    ["rule", "shows", "evidence"],
                    [[_link(entry.rule), str(entry.shows), entry.evidence] for entry in profile.recorded],
                )
            )
        if profile.waivers:
            blocks.append(f"## Deviations of {_name(profile)}")
            blocks.append(
                _table(
                    ["rule", "seen", "why", "evidence"],
                    [[_link(w.rule), w.observed, w.reason, w.evidence] for w in profile.waivers],
                )
            )
    return _page("Profiles and waivers", *blocks)


def _judged(stand: Stand | None) -> bool:
    return stand is not None and stand.verdict in (Verdict.PASS, Verdict.KNOWN_DEVIATION)


def _stand(stand: Stand | None) -> str:
    return "" if stand is None else _STANDS[stand.verdict]


def _list(rules: Sequence[str]) -> str:
    return f"{', '.join(map(_link, rules))}." if rules else "none."


def _name(profile: Profile) -> str:
    return f"{profile.client} {profile.release}"


# --- the command --------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare the pages. Exit status: 0 well, 1 some are stale, 2 wrong usage or data."""
    parser = argparse.ArgumentParser(prog="python -m ecfleet.pages", description="Write the generated pages.")
    parser.add_argument("docs", type=Path, help="their directory")
    parser.add_argument("--check", action="store_true", help="only say which pages are stale")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            names = stale(options.docs)
            for name in names:
                print(f"{options.docs / name} is stale: run python -m ecfleet.pages {options.docs}")
            return 1 if names else 0
        for name, text in generate().items():
            (options.docs / name).write_text(text, encoding="utf-8")
            print(options.docs / name)
    except (RulesError, profiles.ProfileError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
