"""The variables a server gives its suites, and the file names in them."""

from __future__ import annotations

from ecfleet_mocks.model.dialect import Dialect
from ecfleet_mocks.wire import Variable

__all__ = ["check_path", "log_path", "server_variables"]


def log_path(home: str, host_name: str, port: int) -> str:
    """Where the log file is: ``ECF_HOME/HOST.PORT.ecf.log``."""
    return f"{home}/{host_name}.{port}.ecf.log"


def check_path(home: str, host_name: str, port: int) -> str:
    """Where the checkpoint file is: ``ECF_HOME/HOST.PORT.ecf.check``."""
    return f"{home}/{host_name}.{port}.ecf.check"


def server_variables(
    dialect: Dialect, home: str, host_name: str, port: int, process_id: int, *, ssl: str = ""
) -> tuple[Variable, ...]:
    """All server variables in written order (seen on 5.9.2 and 5.17.0 right after start).

    :param ssl: the value of ECF_SSL, ``1`` with the shared certificates; empty on a server without TLS.
    """
    check = check_path(home, host_name, port)
    prefix = f"{host_name}.{port}.ecf"
    values = {
        "ECF_MICRO": "%",
        "ECF_HOME": home,
        "ECF_JOB_CMD": "%ECF_JOB% 1> %ECF_JOBOUT% 2>&1",
        "ECF_KILL_CMD": "kill -15 %ECF_RID%",
        "ECF_STATUS_CMD": "ps --pid %ECF_RID% -f > %ECF_JOB%.stat 2>&1",
        "ECF_URL_CMD": "${BROWSER:=firefox} -new-tab %ECF_URL_BASE%/%ECF_URL%",
        "ECF_URL_BASE": "https://confluence.ecmwf.int",
        "ECF_URL": "display/ECFLOW/ecflow+home",
        "ECF_LOG": log_path(home, host_name, port),
        "ECF_INTERVAL": "60",
        "ECF_LISTS": f"{prefix}.lists",
        "ECF_PASSWD": f"{prefix}.passwd",
        "ECF_CUSTOM_PASSWD": f"{prefix}.custom_passwd",
        "ECF_CHECK": check,
        "ECF_CHECKOLD": f"{check}.b",
        "ECF_CHECKINTERVAL": "120",
        "ECF_CHECKMODE": "CHECK_ON_TIME",
        "ECF_TRIES": "2",
        "ECF_VERSION": dialect.version,
        "ECF_PORT": str(port),
        "ECF_HOST": host_name,
        "ECF_CHECK_CMD": "ps --pid %ECF_RID% -f",
        "ECF_PID": str(process_id),
    }
    if ssl:
        values["ECF_SSL"] = ssl
    return tuple(Variable(name, value) for name, value in values.items())
