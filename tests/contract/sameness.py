"""What may differ between two ecFlow servers that did the same: the one place that says so.

`same(text, place)` puts a neutral word for each such thing. Whatever is not named here has to be equal to
the letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """Where one of the servers lives. `home` is its ECF_HOME, `work` the client's working directory."""

    port: int
    home: str
    work: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One allowed difference: what is looked for, what stands for it, and why it may differ."""

    pattern: re.Pattern[str]
    word: str
    why: str


def _differs(pattern: str, word: str, why: str) -> Difference:
    return Difference(re.compile(pattern), word, why)


_TIME_NAMES: Final = "ECF_DATE|YYYY|DOW|DOY|DATE|DAY|DD|MM|MONTH|ECF_CLOCK|ECF_TIME|ECF_JULIAN|TIME"

DIFFERENCES: Final = (
    _differs(r"succeeded in [\d:.]+  ~\d+ milliseconds", "succeeded in TIME", "how long a ping took"),
    _differs(r"\[\d\d:\d\d:\d\d \d+\.\d+\.\d+\]", "[TIME]", "the clock of a message"),
    _differs(r"\d{4}-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d", "TIME", "the calendar, and the server's start"),
    _differs(r"(?<= duration:)\d\d:\d\d:\d\d", "DURATION", "a real server moves its calendar each minute"),
    _differs(r"cal_count:\d+", "cal_count:N", "the same, counted"),
    _differs(r" (?:dur|rt):\d\d:\d\d:\d\d", "", "the same, at the nodes; left out at zero"),
    _differs(r"calendarIncrement:\d\d:\d\d:\d\d", "calendarIncrement:TIME", "the same, one step"),
    _differs(
        rf"(?<=# edit )({_TIME_NAMES}) '[^']+'",
        r"\1 'TIME'",
        "variables made of the calendar; that they are empty before begin is compared",
    ),
    _differs(r"(?<=edit ECF_PID ')\d+", "PID", "the process id of the server"),
    _differs(r"(?<=passwd:)[\w./]{8}(?= )", "JOBPASSWORD", "job passwords are random"),
    _differs(r"(?<=edit ECF_PASS ')[\w./]{8}(?=')", "JOBPASSWORD", "the same, as a variable"),
    _differs(r"Ecflow version\(.*", "BANNER", "compiler and library versions of the build"),
    _differs(r"(?<=Request's per 1,5,15,30,60 min  ).*", "RATES", "depends on how fast the test runs"),
)


def same(text: str, place: Place) -> str:
    """`text` with everything that may differ between servers replaced."""
    for own, word in ((place.home, "ECF_HOME"), (place.work, "WORK"), (str(place.port), "PORT")):
        text = re.sub(rf"(?<!\w){re.escape(own)}(?!\w)", word, text)
    for difference in DIFFERENCES:
        text = difference.pattern.sub(difference.word, text)
    return text
