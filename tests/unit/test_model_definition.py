"""Definition text: what real programs wrote survives, hand-written text is understood, faults are named.

How hand-written text is understood was seen on 5.9.2 by loading it and reading it back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.model.definition import Definition, DuplicateName, Node, NodeKind, valid_name
from ecfleet_mocks.model.definition_parse import DefinitionError, parse_definition, parse_node
from ecfleet_mocks.model.definition_print import definition_text, node_text
from ecfleet_mocks.model.flags import FLAG_NAMES, UnknownFlag, flag_bits, flag_names
from ecfleet_mocks.wire import FlagType, NodeState, ServerState, Variable

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
_NODE_FIELDS = ("the_node_str_", "src_node_")
_DEFINITION_FIELDS = ("value1", "server_defs_", "defs_", "clientDefs_")


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every definition or node text in a message, with the field it stands in."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str) and key in (*_NODE_FIELDS, *_DEFINITION_FIELDS) and "\n" in inner:
                yield key, inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


@cache
def _recorded() -> dict[str, tuple[str, bool]]:
    """Distinct recorded texts: field, and whether a 5.9.2 server indented it."""
    found: dict[str, tuple[str, bool]] = {}
    for path in sorted(CAPTURES.glob("5.*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for raw in file:
                line = json.loads(raw)
                for exchange in line.get("exchanges") or [line]:
                    for side in ("request", "reply"):
                        message = exchange[side]
                        if message and message.startswith("{"):
                            for field, text in _texts(json.loads(message)):
                                found.setdefault(text, (field, path.name.startswith("5.9")))
    return found


def test_recorded_texts_survive_to_the_byte() -> None:
    texts = _recorded()
    assert len(texts) > 140
    kinds: set[NodeKind] = set()
    for text, (field, indented) in texts.items():
        if field in _NODE_FIELDS:
            node = parse_node(text)
            kinds.update(below.kind for below in node.down())
            assert node_text(node, indented=indented) == text
        else:
            definition = parse_definition(text)
            kinds.update(node.kind for node in definition.nodes())
            assert definition_text(definition, history="\nhistory " in text) == text
    assert kinds == set(NodeKind)


def _read_back(lines: str) -> str:
    """The lines of a suite as a server gives them back."""
    text = definition_text(parse_definition(f"suite s\n{lines}\nendsuite\n"))
    return "\n".join(text.split("\n")[3:-3])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('edit A "dq"   # comment', "edit A 'dq'"),
        ("edit A unquoted", "edit A 'unquoted'"),
        ("edit A ''", "edit A ''"),
        ("edit A 'it's' # it's", "edit A 'it's'"),
        ("edit A 'a\\nb'", "edit A 'a\\nb'"),
        ("edit A '1'\nedit A '2'", "edit A '2'"),
        ("label a 'x'", 'label a "x"'),
        ("label a noquote # comment", 'label a "noquote"'),
        ('label a ""', 'label a ""'),
        ('label a "it\'s"', 'label a "it\'s"'),
        ('label a "a" # comment', 'label a "a"'),
        ("meter m 0 10", "meter m 0 10 10"),
        ("meter m -5 10 5", "meter m -5 10 5"),
        ("event 1", "event 1 "),
        ("event a", "event a"),
        ("event 2 b", "event 2 b"),
        ("event c set", "event c set"),
        ("event d clear", "event d"),
        ("event 3 set", "event 3 set"),
        ("event a b c", "event a"),
        ("limit b 2 # 3 /s/t", "limit b 2"),
        ("limit l 1\ninlimit -n l 3", "limit l 1\ninlimit -n l 3"),
        ("limit l 1\ninlimit /s:l 1", "limit l 1\ninlimit /s:l"),
        ("limit l 1\ninlimit -s l", "limit l 1\ninlimit -s l"),
        ("repeat integer X 1 10 1", "repeat integer X 1 10"),
        ("repeat integer X 1 10 2", "repeat integer X 1 10 2"),
        ("repeat date X 20200101 20200131", "repeat date X 20200101 20200131 1"),
        ("repeat date X 20200131 20200101 -1", "repeat date X 20200131 20200101 -1"),
        ("repeat enumerated X a \"b\" 'c' d # comment", 'repeat enumerated X "a" "b" "c" "d"'),
        ('repeat string X "a b" c', 'repeat string X ""a" "b"" "c"'),
        ('repeat datelist X 20200101 "20200102"', 'repeat datelist X "20200101" "20200102"'),
        ("repeat day 7", "repeat day 7"),
        ("task t\ntime 09:05", "task t\ntime 09:05"),
        ("task t\ntime +10:00 12:00 00:30", "task t\ntime +10:00 12:00 00:30"),
        ("task t\ndate 01.02.2020", "task t\ndate 1.2.2020"),
        ("task t\ndate *.1.*", "task t\ndate *.1.*"),
        ("task t\nday monday", "task t\nday monday # date:not-a-date-time"),
        ("task t\ncron -m 1 -d 1 -w 2 10:00 11:00 00:10", "task t\ncron -w 2 -d 1 -m 1 10:00 11:00 00:10"),
        ("task t\ncron -w 0L,5 -d L 10:00", "task t\ncron -w 5,0L -d L 10:00"),
        ("task t\nlate -s +00:10", "task t\nlate -s +00:10"),
        (
            "task t\ntrigger a == complete and \\\n   b == complete",
            "task t\ntrigger a == complete and b == complete",
        ),
        ("task t\ntrigger a\ntrigger -a b\ntrigger -o c", "task t\ntrigger a\ntrigger -a b\ntrigger -o c"),
        ("task t\ntrigger a\ncomplete b", "task t\ncomplete b\ntrigger a"),
        ("autocancel 3", "autocancel 3"),
        ("autoarchive 10:20", "autoarchive 10:20"),
        ("autorestore f /s/g", "autorestore f /s/g"),
        ("clock real 300", "clock real 300"),
        ("clock real 1.2.2020 +01:00", "clock real 1.2.2020 +3600"),
        ("clock hybrid", "clock hybrid "),
        ("clock real -s", "clock real "),
        ("clock real 12.1.2024 -3600", "clock real 12.1.2024 -3600"),
        ("zombie ecf:fob:init:", "zombie ecf:fob:init:3600"),
        ("zombie user:adopt::30", "zombie user:adopt::60"),
        ("zombie path:fail:label,event:", "zombie path:fail:label,event:900"),
        ("verify complete:2", "verify complete:2 # 0"),
        ('queue q a "b c" d', 'queue q a "b c" d # 0 queued queued queued queued'),
        ("generic g", "generic g"),
        ("defstatus suspended", "defstatus suspended"),
        ("family f; task t1; task t2; endfamily", "family f\ntask t1\ntask t2\nendfamily"),
        ("family f", "family f\nendfamily"),
        ("family f\ntask t\nfamily g\ntask u", "family f\ntask t\nfamily g\ntask u\nendfamily\nendfamily"),
        ("task t # hello", "task t"),
        ("task t # passwd:a try:2 state:aborted", "task t"),
        (
            "task t\nalias a\nalias b\nendalias\ntask u",
            "task t\nalias a # state:queued\nalias b # state:queued\nendalias\ntask u",
        ),
    ],
)
def test_hand_written_text_is_understood(written: str, read: str) -> None:
    assert _read_back(written) == read


_NAMES = "Invalid node name : Valid names can only consist of alphanumeric characters ,underscores and dots"


@pytest.mark.parametrize(
    ("text", "number", "reason"),
    [
        ("suite s\nbogus\n", 2, "# Unexpected keyword bogus found whilst parsing suite /s"),
        ("task t\n", 1, "# Unexpected keyword task found whilst parsing DEFS"),
        ("endfamily\n", 1, "# Unexpected keyword endfamily found whilst parsing DEFS"),
        ("suite\n", 1, "Suite name missing."),
        ("suite s\nfamily\n", 2, "Family name missing."),
        ("suite a/b\n", 1, _NAMES),
        ("suite s\ntask .t\n", 2, _NAMES),
        (
            "suite s\n task t\n task t\n",
            3,
            "Add Task failed: A Task/Family of name 't' already exist on node SUITE:/s",
        ),
        ("suite s\nendsuite\nsuite s\n", 3, "Add Suite failed: A Suite of name 's' already exist"),
        ("suite s\ntime 10:00\n", 2, "# Unexpected keyword time found whilst parsing suite /s"),
        (
            "suite s\ntask t\nautoarchive 0\n",
            3,
            "# Unexpected keyword autoarchive found whilst parsing task /s/t",
        ),
        ("suite s\ntask t\ntime 9:5\n", 3, "TimeSeries::getTime: Invalid hour :9"),
        ("suite s\ntask t\ntime 25:00\n", 3, "TimeSeries::testTime: time hour(25) must be in range 0-23"),
        ("suite s\ntask t\nday Monday\n", 3, "Invalid day(Monday) specification"),
        ("suite s\ntask t\ndate x\n", 3, "DateAttr::getDate Invalid date missing first dot :x"),
        ("suite s\ntask t\ncron x\n", 3, "Invalid cron, no time specified"),
        ("suite s\nedit A\n", 2, "VariableParser::doParse: expected at least 3 tokens, found 2"),
        ("suite s\nedit A-B 'y'\n", 2, "Variable::Variable: Invalid Variable name"),
        ("suite s\nlimit a\n", 2, "LimitParser::doParse: Invalid limit limit a"),
        ("suite s\nlimit a b\n", 2, "LimitParser::doParse: Invalid limit value"),
        ("suite s\ninlimit\n", 2, "InlimitParser::doParse: Invalid inlimit"),
        ("suite s\nlimit a 1\ninlimit -n -s a\n", 3, "InlimitParser::doParse: can't limit family only(-n)"),
        (
            "suite s\nlimit a 1\ninlimit a\ninlimit a\n",
            4,
            "Add InLimit failed: Duplicate InLimit see node SUITE:/s",
        ),
        (
            "suite s\nmeter m 10 0\n",
            2,
            "Meter::Meter: Invalid Meter(name,min,max,color_change) : min must be",
        ),
        ("suite s\nmeter a b c\n", 2, "Invalid meter"),
        ("suite s\nlabel a\n", 2, "Label::parse: Invalid label"),
        ("suite s\nevent a\nevent a\n", 3, "Add Event failed: Duplicate Event of name 'a' already exist"),
        ("suite s\nrepeat integer\n", 2, "RepeatParser::doParse: Invalid repeat"),
        ("suite s\nrepeat integer A 1 x\n", 2, "Invalid repeat"),
        ("suite s\nrepeat date A 2020 20\n", 2, "Invalid repeat"),
        ("suite s\nlate\n", 2, "LateParser::doParse: Invalid late"),
        ("suite s\nlate -s +00:10\nlate -c 10:00\n", 3, "Add Late failed: A node can only have one Late"),
        ("suite s\nverify x:1\n", 2, "VerifyParser::doParse: Invalid state"),
        ("suite s\ntask t\ntrigger\n", 3, "Invalid trigger"),
        ("suite s\ndefstatus\n", 2, "DefsStatusParser::doParse: Invalid defstatus"),
        ("suite s\ndefstatus blah\n", 2, "DefsStatusParser::doParse: Invalid defstatus state"),
        ("suite s\nclock blah\n", 2, "Invalid clock"),
        ("suite s\nautocancel 10:00\nautoarchive 0\n", 3, "Node::add_autoarchive: Cannot add autocancel and"),
        ("suite s\nautoarchive -i 3\n", 2, "invalid autoarchive"),
        ("suite s\nzombie ecf:xx::\n", 2, "ZombieAttr::create failed: Invalid user action"),
        ("suite s\nqueue q\n", 2, "QueueAttr::parse: expected at least 3 tokens, found 2"),
        ("suite s\nqueue -q z\n", 2, "QueueAttr::set_name: Invalid queue name"),
        ("defs_state NET\nsuite s\ntask t # state:bogus\n", 3, "Node::read_state Invalid state specified"),
        (
            "defs_state NET\nsuite s\ntask t # flag:bogus\n",
            3,
            "Flag::set_flag: Unknown flag types found: bogus",
        ),
        ("defs_state NET\nsuite s\ntask t # try:x\n", 3, "Submittable::read_state failed for try number"),
        ("suite s\nfamily f\nalias a\n", 3, "# Unexpected keyword alias found whilst parsing family /s/f"),
    ],
)
def test_faults_are_named_with_line_and_cause(text: str, number: int, reason: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_definition(text)
    error = caught.value
    assert error.number == number
    assert error.line == text.split("\n")[number - 1]
    assert error.reason.startswith(reason)
    assert str(error).startswith(f"line {number}: ")
    assert "\n" not in str(error)


def test_state_is_read_only_where_the_text_says_so() -> None:
    line = (
        "task t # passwd:x rid:7 abort<:it\\nbroke>abort try:2 state:aborted dur:00:01:00 flag:late "
        "suspended:1 rt:00:00:03"
    )
    with_state = parse_definition(f"defs_state NET\nsuite s\n{line}\nendsuite\n").find("/s/t")
    assert with_state is not None
    assert (with_state.jobs_password, with_state.remote_id, with_state.try_number) == ("x", "7", 2)
    assert with_state.aborted_reason == "it\nbroke"
    assert with_state.state is NodeState.ABORTED
    assert (with_state.state_duration, with_state.run_time) == ("00:01:00", "00:00:03")
    assert with_state.flags == 1 << FlagType.LATE
    assert with_state.suspended
    without = parse_definition(f"suite s\n{line}\nendsuite\n").find("/s/t")
    assert without is not None
    assert (without.state, without.jobs_password, without.flags) == (NodeState.UNKNOWN, "", 0)


def test_the_head_of_a_definition() -> None:
    text = (
        "#5.9.2\n"
        "defs_state NET state>:aborted flag:message,late state_change:7 modify_change:3 server_state:HALTED "
        "cal_count:2\n"
        "extern /x/y\n"
        "edit MINE 'a'\n"
        "edit ECF_MICRO '%' # server\n"
        "history / \bone\btwo\n"
        "# enddef\n"
    )
    definition = parse_definition(text)
    assert definition.version == "5.9.2"
    assert definition.state is NodeState.ABORTED
    assert definition.server_state is ServerState.HALTED
    assert (definition.state_change, definition.modify_change, definition.calendar_count) == (7, 3, 2)
    assert definition.user_variables == (Variable("MINE", "a"),)
    assert definition.server_variables == (Variable("ECF_MICRO", "%"),)
    assert definition.history == {"/": ("one", "two")}
    assert definition_text(definition, history=True) == text.replace("message,late", "late,message")


def test_chosen_suites_with_other_numbers() -> None:
    definition = parse_definition("suite a\nendsuite\nsuite b\nendsuite\n")
    definition.state_change = 5
    text = definition_text(definition, suites=["b", "nosuch"], state_change=3, modify_change=0)
    assert "state_change:3" in text
    assert "modify_change" not in text
    assert "suite b" in text
    assert "suite a" not in text


def test_a_node_text_holds_one_node() -> None:
    with pytest.raises(DefinitionError, match="no node"):
        parse_node("# nothing\n")
    with pytest.raises(DefinitionError, match="Unexpected keyword suite"):
        parse_node("suite a\nendsuite\nsuite b\nendsuite\n")


def test_finding_nodes() -> None:
    definition = parse_definition("suite s\nfamily f\ntask t\nalias a0\nendalias\nendfamily\nendsuite\n")
    alias = definition.find("/s/f/t/a0")
    assert alias is not None
    assert alias.path == "/s/f/t/a0"
    assert alias.suite is definition.suites["s"]
    assert [node.name for node in alias.up()] == ["a0", "t", "f", "s"]
    for missing in ("/", "", "s", "/s/", "/s/x", "/s/f/t/a0/x", "/x"):
        assert definition.find(missing) is None


def test_names_are_taken_once() -> None:
    parent = Node(NodeKind.FAMILY, "f")
    parent.add(Node(NodeKind.TASK, "t"))
    with pytest.raises(DuplicateName, match="already exist on node FAMILY:/f"):
        parent.add(Node(NodeKind.FAMILY, "t"))


def test_a_deep_definition_needs_no_deep_stack() -> None:
    depth = 3000
    opened = "".join(f"family f{level}\n" for level in range(depth))
    text = (
        f"suite s\n{opened}task t\n{'endfamily' + chr(10)}" * 1 + "endfamily\n" * (depth - 1) + "endsuite\n"
    )
    definition = parse_definition(text)
    assert sum(1 for _ in definition.nodes()) == depth + 2
    again = parse_definition(definition_text(definition))
    assert definition_text(again) == definition_text(definition)


def test_flags_have_the_wire_bits_and_the_written_order() -> None:
    assert flag_bits("message") == 256
    assert flag_names(flag_bits("remote_error,message,force_aborted")) == "force_aborted,message,remote_error"
    assert flag_names(0) == ""
    every = (1 << len(FLAG_NAMES) + 1) - 1 & ~(1 << FlagType.NOT_SET)
    assert flag_bits(flag_names(every)) == every
    with pytest.raises(UnknownFlag, match="complete"):
        flag_bits("late,complete")


@pytest.mark.parametrize(
    ("name", "good"), [("a", True), ("9_.x", True), (".x", False), ("", False), ("a b", False)]
)
def test_valid_names(name: str, good: bool) -> None:
    assert valid_name(name) is good


_WORDS = st.text(st.sampled_from("abcXYZ019_"), min_size=1, max_size=6)
_LOST = re.compile(r"[ \t]{2}|\t|[ \t]#")
"""What reading does not keep: runs of blanks, and a word that begins with ``#``."""
_VALUES: st.SearchStrategy[str] = st.text(max_size=20).filter(
    lambda text: "\\" not in text and _one_line(text) and _encodable(text) and not _LOST.search(text)
)


def _one_line(text: str) -> bool:
    """Whether there is no line end in it but the newline, which is written as two characters."""
    return len(text.replace("\n", " ").splitlines()) < 2 and text[-1:] != "\r" and "\r" not in text


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@given(st.dictionaries(_WORDS, _VALUES, max_size=5), st.dictionaries(_WORDS, _VALUES, max_size=3))
def test_any_values_survive_text_with_state(variables: dict[str, str], labels: dict[str, str]) -> None:
    """Every variable value and label, whatever quotes and comment signs are in it."""
    definition = Definition("5.9.2")
    suite = Node(NodeKind.SUITE, "s")
    definition.suites["s"] = suite
    suite.variables = tuple(Variable(name, value) for name, value in variables.items())
    source = definition_text(definition)
    read = parse_definition(source)
    assert {variable.name: variable.value for variable in read.suites["s"].variables} == variables
    assert definition_text(read) == source
    node = parse_node("suite s\n" + "".join(f'label {name} ""\n' for name in labels) + "endsuite\n")
    assert [label.name for label in node.labels] == list(labels)


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("edit V 'a   b'", "edit V 'a b'"),
        ("edit V 'a\tb'", "edit V 'a b'"),
        ("edit V ' a '", "edit V ' a '"),
        ("edit V   '  '", "edit V ' '"),
        ("edit V a   b # c", "edit V 'a b'"),
        ("edit V 'a # b'", "edit V ''a'"),
        ("edit V '# x'", "edit V '# x'"),
        ("edit V 'a'# b", "edit V ''a'# b'"),
        ("edit V \"'a'\"", "edit V 'a'"),
        ("edit V '\"a\"'", "edit V '\"a\"'"),
        ("edit V 'a\"", "edit V ''a\"'"),
        ('label l " a  "', 'label l " a "'),
        ('label l "x # y"', 'label l ""x"'),
        ("label l #", 'label l "#"'),
        ("label l # x", 'label l ""'),
        ("label l \"'a'\"", 'label l "a"'),
    ],
)
@pytest.mark.parametrize("with_state", [False, True])
def test_what_is_read_of_a_value(line: str, read: str, with_state: bool) -> None:
    """Seen on 5.9.2: the words of a line, each run of blanks one blank, quotes taken off at the very ends."""
    head = "defs_state NET cal_count:0\n" if with_state else ""
    definition = parse_definition(f"{head}suite s\n{line}\nendsuite\n")
    assert definition_text(definition).splitlines()[3] == read


@pytest.mark.parametrize(
    ("line", "new_value"),
    [
        ('label l "a"   #   "b   c  "', "b   c  "),
        ('label l "a" # "b # c"', ""),
        ('label l "a b" # "b" # "c"', "c"),
        ('label l "a # b" # "c"', "c"),
        ('label l "q" # ""r""', '"r"'),
        ('label l "a" # b', ""),
        ('label l "" # ""', ""),
    ],
)
def test_the_new_value_of_a_label_stands_after_the_last_comment_sign(line: str, new_value: str) -> None:
    definition = parse_definition(f"defs_state NET cal_count:0\nsuite s\n{line}\nendsuite\n")
    assert definition.suites["s"].labels[0].new_value == new_value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("edit V '", "std::bad_alloc"),
        ("edit V ' # '", "std::bad_alloc"),
        ('edit V "\'"', "std::bad_alloc"),
        ('label l "', "std::bad_alloc"),
        (
            "edit V # x",
            "VariableParser::doParse: Expected value but found comment at line:edit V # x\nAt node: TASK:/s/t\n",
        ),
        ("today 3:00", "TimeSeries::getTime: Invalid hour :3"),
        ("time 10:0", "TimeSeries::getTime: Invalid minute :0"),
        ("time 10", "TimeSeries::getTime: Invalid time :'10'"),
        ("time", "TimeParser::doParse: Invalid time :time"),
        ("today", "TodayParser::doParse: Invalid today :today"),
        ("time 10:00 11:00", "TimeSeries::create: Invalid time series :"),
        (
            "time 12:00 11:00 00:10",
            "TimeSeries::TimeSeries: Invalid time series: Start time(12:00) is greater than end time(11:00)",
        ),
        (
            "time 10:00 11:00 02:00",
            "TimeSeries::TimeSeries: Invalid time series: Increment(02:00) is greater than duration 01:00:00 "
            "between start(10:00) and finish(11:00)",
        ),
        ("autocancel 3:00", "TimeSeries::getTime: Invalid hour :3"),
        ("autocancel x", "invalid autocancel autocancel x"),
        ("autocancel", "AutoCancelParser::doParse: Invalid autocancel :autocancel"),
        ("trigger", "Invalid trigger trigger"),
        ("complete", "Invalid complete complete"),
        ("complete -a", "Invalid trigger complete -a"),
        (
            "trigger -a 1 == 1",
            "Expression::add: expression 1 == 1 failed: The first expression should not have AND or OR set",
        ),
        (
            "trigger 1 == 1\ntrigger -x 2 == 2",
            "Expression::add: expression -x 2 == 2 failed: Subsequent expression must have AND or OR set",
        ),
    ],
)
def test_refused_lines_are_told_in_the_released_programs_words(line: str, reason: str) -> None:
    """Seen on 5.9.2."""
    with pytest.raises(DefinitionError) as refused:
        parse_definition(f"suite s\ntask t\n{line}\nendsuite\n")
    assert refused.value.reason == reason


def test_an_automatic_cancel_in_days_loses_its_sign() -> None:
    definition = parse_definition("suite s\nautocancel +3 4\nendsuite\n")
    assert definition.suites["s"].autocancel == "3"
