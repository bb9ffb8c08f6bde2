"""The numbers of the protocol under ecFlow's names.

Numbers and meanings were seen on 5.9.2 and 5.17.0 where a note does not say otherwise.  A number without a
name is kept as a plain ``int`` when it is read.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "AddAttribute",
    "ChangeAttribute",
    "CheckMode",
    "ChildCommand",
    "ClientHandleApi",
    "CtsApi",
    "CtsNodeApi",
    "DeleteAttribute",
    "DisplayState",
    "EditType",
    "FileKind",
    "FlagType",
    "LogApi",
    "NewsKind",
    "NodeState",
    "OrderOption",
    "PathsApi",
    "RequeueOption",
    "ServerState",
    "StcApi",
    "SyncApi",
    "ZombieAction",
    "ZombieType",
]


class CtsApi(IntEnum):
    """``api_`` of CtsCmd."""

    NONE = 0
    RESTORE_FROM_CHECKPT = 1
    RESTART = 2
    SHUTDOWN = 3
    HALT = 4
    TERMINATE = 5
    RELOAD_WHITE_LIST = 6
    FORCE_DEP_EVAL = 7
    PING = 8
    GET_ZOMBIES = 9
    STATS = 10
    SUITES = 11
    DEBUG_ON = 12
    DEBUG_OFF = 13
    SERVER_LOAD = 14
    STATS_RESET = 15
    RELOAD_PASSWD_FILE = 16
    STATS_SERVER = 17
    RELOAD_CUSTOM_PASSWD_FILE = 18


class CtsNodeApi(IntEnum):
    """``api_`` of CtsNodeCmd."""

    NONE = 0
    JOB_GEN = 1
    CHECK_JOB_GEN_ONLY = 2
    GET = 3
    WHY = 4
    GET_STATE = 5
    MIGRATE = 6


class PathsApi(IntEnum):
    """``api_`` of PathsCmd."""

    NONE = 0
    SUSPEND = 1
    RESUME = 2
    KILL = 3
    STATUS = 4
    CHECK = 5
    EDIT_HISTORY = 6
    ARCHIVE = 7
    RESTORE = 8


class SyncApi(IntEnum):
    """``api_`` of CSyncCmd."""

    NEWS = 0
    SYNC = 1
    SYNC_FULL = 2
    SYNC_CLOCK = 3


class ClientHandleApi(IntEnum):
    """``api_`` of ClientHandleCmd."""

    REGISTER = 0
    DROP = 1
    DROP_USER = 2
    ADD = 3
    REMOVE = 4
    AUTO_ADD = 5
    SUITES = 6


class RequeueOption(IntEnum):
    """``option_`` of RequeueNodeCmd."""

    NO_OPTION = 0
    ABORT = 1
    FORCE = 2


class OrderOption(IntEnum):
    """``option_`` of OrderNodeCmd."""

    TOP = 0
    BOTTOM = 1
    ALPHA = 2
    ORDER = 3
    UP = 4
    DOWN = 5
    RUNTIME = 6


class AddAttribute(IntEnum):
    """``add_attr_type_`` of AlterCmd; AVISO to METER exist from 5.17 on (seen on 5.17.0)."""

    TIME = 0
    TODAY = 1
    DATE = 2
    DAY = 3
    ZOMBIE = 4
    VARIABLE = 5
    NOT_SET = 6
    LATE = 7
    LIMIT = 8
    INLIMIT = 9
    LABEL = 10
    AVISO = 11
    MIRROR = 12
    EVENT = 13
    METER = 14


class DeleteAttribute(IntEnum):
    """``del_attr_type_`` of AlterCmd; AVISO and MIRROR exist from 5.17 on (seen on 5.17.0)."""

    VARIABLE = 0
    TIME = 1
    TODAY = 2
    DATE = 3
    DAY = 4
    CRON = 5
    EVENT = 6
    METER = 7
    LABEL = 8
    TRIGGER = 9
    COMPLETE = 10
    REPEAT = 11
    LIMIT = 12
    LIMIT_PATH = 13
    INLIMIT = 14
    ZOMBIE = 15
    NOT_SET = 16
    LATE = 17
    QUEUE = 18
    GENERIC = 19
    AVISO = 20
    MIRROR = 21


class ChangeAttribute(IntEnum):
    """``change_attr_type_`` of AlterCmd; AVISO (read in source of 5.17), MIRROR (seen on 5.17.0) are new."""

    VARIABLE = 0
    CLOCK_TYPE = 1
    CLOCK_DATE = 2
    CLOCK_GAIN = 3
    EVENT = 4
    METER = 5
    LABEL = 6
    TRIGGER = 7
    COMPLETE = 8
    REPEAT = 9
    LIMIT_MAX = 10
    LIMIT_VALUE = 11
    DEFSTATUS = 12
    NOT_SET = 13
    CLOCK_SYNC = 14
    LATE = 15
    TIME = 16
    TODAY = 17
    AVISO = 18
    MIRROR = 19


class FlagType(IntEnum):
    """``flag_type_`` of AlterCmd, and the bits of a node's flag; REMOTE_ERROR exists from 5.17 on."""

    FORCE_ABORTED = 0
    USER_EDIT = 1
    TASK_ABORTED = 2
    EDIT_FAILED = 3
    ECFCMD_FAILED = 4
    NO_SCRIPT = 5
    KILLED = 6
    LATE = 7
    MESSAGE = 8
    BY_RULE = 9
    QUEUE_LIMIT = 10
    TASK_WAITING = 11
    LOCKED = 12
    ZOMBIE = 13
    NO_REQUE = 14
    ARCHIVED = 15
    RESTORED = 16
    THRESHOLD = 17
    SIGTERM = 18
    NOT_SET = 19
    LOG_ERROR = 20
    CHECKPT_ERROR = 21
    KILLCMD_FAILED = 22
    STATUSCMD_FAILED = 23
    STATUS = 24
    REMOTE_ERROR = 25


class FileKind(IntEnum):
    """``file_`` of CFileCmd."""

    SCRIPT = 0
    JOB = 1
    JOBOUT = 2
    MANUAL = 3
    KILL = 4
    STAT = 5


class EditType(IntEnum):
    """``edit_type_`` of EditScriptCmd."""

    EDIT = 0
    PRE_PROCESS = 1
    SUBMIT = 2
    PRE_PROCESS_FILE = 3
    SUBMIT_FILE = 4


class CheckMode(IntEnum):
    """``mode_`` of CheckPtCmd; UNDEFINED asks for a checkpoint now."""

    NEVER = 0
    ON_TIME = 1
    ALWAYS = 2
    UNDEFINED = 3


class LogApi(IntEnum):
    """``api_`` of LogCmd."""

    GET = 0
    CLEAR = 1
    FLUSH = 2
    NEW = 3
    PATH = 4


class ZombieAction(IntEnum):
    """What is to be done with a zombie."""

    FOB = 0
    FAIL = 1
    ADOPT = 2
    REMOVE = 3
    BLOCK = 4
    KILL = 5


class ZombieType(IntEnum):
    """Why a child command was taken for a zombie's."""

    USER = 0
    ECF = 1
    ECF_PID = 2
    ECF_PASSWD = 3
    ECF_PID_PASSWD = 4
    PATH = 5
    NOT_SET = 6


class ChildCommand(IntEnum):
    """The child commands, as zombie records count them."""

    INIT = 0
    EVENT = 1
    METER = 2
    LABEL = 3
    WAIT = 4
    QUEUE = 5
    ABORT = 6
    COMPLETE = 7


class StcApi(IntEnum):
    """``api_`` of StcCmd.  The last two are made by clients, which act on them when sent as well."""

    OK = 0
    BLOCK_CLIENT_SERVER_HALTED = 1
    BLOCK_CLIENT_ON_HOME_SERVER = 2
    DELETE_ALL = 3
    INVALID_ARGUMENT = 4
    END_OF_FILE = 5


class NewsKind(IntEnum):
    """``news_`` of SNewsCmd."""

    NO_NEWS = 0
    NEWS = 1
    DO_FULL_SYNC = 2


class ServerState(IntEnum):
    """The state of a server."""

    HALTED = 0
    SHUTDOWN = 1
    RUNNING = 2


class NodeState(IntEnum):
    """The state of a node."""

    UNKNOWN = 0
    COMPLETE = 1
    QUEUED = 2
    ABORTED = 3
    SUBMITTED = 4
    ACTIVE = 5


class DisplayState(IntEnum):
    """The default status of a node: its states, and suspended."""

    UNKNOWN = 0
    COMPLETE = 1
    QUEUED = 2
    ABORTED = 3
    SUBMITTED = 4
    ACTIVE = 5
    SUSPENDED = 6
