"""The rules on the HTML page: the matrix of rules and programs, and what is known about each rule."""

from __future__ import annotations

from collections.abc import Iterator

from ecfleet.events import Run
from ecfleet.profiles import Profile
from ecfleet.reports.html_parts import SIGNS, chip
from ecfleet.reports.markup import Content, Markup, anchor, tag
from ecfleet.reports.truths import Truth, Truths, truths_of
from ecfleet.rules import Area, Rule
from ecfleet.verdicts import RuleResult, Verdict

__all__ = ["details", "facts", "matrix", "three_truths"]


def _areas(run: Run) -> Iterator[tuple[Area, list[Rule]]]:
    told = {result.rule for result in run.results}
    for area in run.catalogue.areas.values():
        rules = [rule for rule in area.rules if rule.id in told]
        if rules:
            yield area, rules


def matrix(run: Run) -> Iterator[Markup]:
    """All rules in rows, all programs in columns, with filters where scripts run."""
    areas = list(_areas(run))
    if not areas:
        return
    results = {(result.rule, result.column): result for result in run.results}
    heads = [tag("th", words, scope="col", role="columnheader") for words in ("Rule", "What it says")]
    heads += [tag("th", column.title, scope="col", role="columnheader") for column in run.columns]
    bodies = []
    for area, rules in areas:
        head = tag(
            "th",
            area.title,
            " ",
            tag("span", area.summary, class_="summary") if area.summary else None,
            scope="rowgroup",
            role="rowheader",
            colspan=len(heads),
            id=anchor("area", area.name),
        )
        rows = (_row(run, rule, results) for rule in rules)
        bodies.append(tag("tbody", tag("tr", head, role="row", class_="area"), *rows, role="rowgroup"))
    table = tag(
        "table",
        tag("caption", "Each rule for each program"),
        tag("thead", tag("tr", *heads, role="row"), role="rowgroup"),
        *bodies,
        class_="stack matrix",
        role="table",
    )
    yield tag(
        "section", tag("h2", "All rules", id="rules"), _filters(run, areas), table, aria_labelledby="rules"
    )


def _row(run: Run, rule: Rule, results: dict[tuple[str, str], RuleResult]) -> Markup:
    found = [results.get((rule.id, column.label)) for column in run.columns]
    cells = (
        tag("td", _cell(result), role="cell", data_label=column.title)
        for column, result in zip(run.columns, found, strict=True)
    )
    return tag(
        "tr",
        tag("th", tag("a", rule.id, href=f"#{anchor('rule', rule.id)}"), scope="row", role="rowheader"),
        tag("td", rule.sentence, " ", tag("span", rule.level, class_="level"), role="cell", class_="says"),
        *cells,
        role="row",
        class_="rule",
        **_searchable(rule, found),
    )


def _searchable(rule: Rule, found: list[RuleResult | None]) -> dict[str, str]:
    """What the filters look at."""
    said = (rule.id, rule.sentence, rule.symptom, rule.subject, *rule.field_bugs)
    return {
        "data_area": rule.area,
        "data_level": str(rule.level),
        "data_verdicts": " ".join(sorted({str(result.verdict) for result in found if result})),
        "data_text": " ".join(said).casefold(),
    }


def _cell(result: RuleResult | None) -> Content:
    if result is None:
        return tag("span", "not about it", class_="quiet")
    shown = chip(result.verdict)
    if result.verdict in (Verdict.FAIL, Verdict.ERROR):
        shown = tag("a", shown, href=f"#{anchor('fail', result.column, result.rule)}")
    left_out = len(list(result.having(Verdict.NOT_RUN)))
    if left_out and result.verdict is not Verdict.NOT_RUN:
        return [shown, tag("small", f" {left_out} of {len(result.cases)} cases not run")]
    return shown


def _filters(run: Run, areas: list[tuple[Area, list[Rule]]]) -> Markup:
    there = [verdict for verdict in SIGNS if any(result.verdict is verdict for result in run.results)]
    levels = sorted({str(rule.level) for _, rules in areas for rule in rules})
    boxes = (
        tag(
            "label",
            tag("input", type="checkbox", name="verdict", value=str(verdict), checked=True),
            " ",
            chip(verdict),
        )
        for verdict in there
    )
    return tag(
        "form",
        tag(
            "div",
            tag("label", "Words ", tag("input", type="search", name="words", autocomplete="off")),
            _choice("Area", "area", [(area.name, area.title) for area, _ in areas]),
            _choice("Level", "level", [(level, level) for level in levels]),
            class_="fields",
        ),
        tag("fieldset", tag("legend", "With a verdict of"), *boxes),
        tag("p", "", role="status", class_="shown"),
        class_="filters",
        hidden=True,
        aria_label="Filters of the rules",
    )


def _choice(label: str, name: str, options: list[tuple[str, str]]) -> Markup:
    every = tag("option", "all", value="")
    return tag(
        "label",
        f"{label} ",
        tag("select", every, *(tag("option", words, value=value) for value, words in options), name=name),
    )


# --- each rule ----------------------------------------------------------------------------------------


def details(run: Run, profiles: tuple[Profile, ...]) -> Iterator[Markup]:
    """What is known about each rule of the run, folded up."""
    folds = []
    for area, rules in _areas(run):
        folds.append(tag("h3", area.title))
        for rule in rules:
            found: list[RuleResult | None] = [result for result in run.results if result.rule == rule.id]
            summary = tag(
                "summary",
                tag(
                    "span",
                    tag("strong", rule.id),
                    " ",
                    rule.sentence,
                    id=anchor("rule", rule.id),
                    class_="says",
                ),
            )
            folds.append(
                tag(
                    "details",
                    summary,
                    facts(rule),
                    three_truths(truths_of(rule, profiles, run)),
                    class_="rule",
                    **_searchable(rule, found),
                )
            )
    if folds:
        yield tag(
            "section",
            tag("h2", "Rules explained", id="explained"),
            *folds,
            aria_labelledby="explained",
            class_="explained",
        )


def facts(rule: Rule) -> Markup:
    """What the catalogue says about a rule, besides its sentence."""
    about = f"{rule.level}, {rule.subject}, severity {rule.severity}"
    if rule.capabilities:
        about += f", needs {', '.join(sorted(rule.capabilities))}"
    told = [
        ("Level", about),
        ("Why", rule.why),
        ("Symptom", rule.symptom),
        ("Fix", rule.fix),
        *(("Source", source.citation) for source in rule.sources),
    ]
    if rule.field_bugs:
        told.append(("Explains", ", ".join(rule.field_bugs)))
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", text)) for name, text in told), class_="told")


def three_truths(truths: Truths) -> Markup:
    """The documents, the releases and the programs at hand beside each other."""
    columns = [("The documents", (truths.document,)), ("The releases", truths.releases)]
    if truths.at_hand:
        columns.append(("At hand", truths.at_hand))
    return tag(
        "div",
        *(
            tag("div", tag("h4", title), tag("ul", *map(_truth, found)), class_="truth")
            for title, found in columns
        ),
        class_="truths",
    )


def _truth(truth: Truth) -> Markup:
    return tag(
        "li",
        tag("span", truth.who, class_="who"),
        " ",
        tag("span", truth.stance, class_=f"stance {truth.stance}"),
        tag("p", truth.text),
        tag("p", truth.basis, class_="basis"),
    )
