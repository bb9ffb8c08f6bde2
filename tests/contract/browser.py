"""A headless Chromium, driven over its own pipe: no port, no profile that stays."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)
# The browser reads from its descriptor 3 and writes to 4. Both are moved out of the way first, as either may
# be the number of the other.
_STARTER: Final = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
PATIENCE: Final = 60.0
"""Seconds that the browser has for one command."""


class BrowserError(RuntimeError):
    """The browser refused a command, or went away."""


class Browser:
    """One tab. `console` has what the page said or did wrong, `requests` every address that was asked for.

    `profile` is an empty directory for the browser's own files.
    """

    def __init__(self, program: Path, profile: Path) -> None:
        self.console: list[str] = []
        self.requests: list[str] = []
        self._numbers = 0
        self._events: deque[dict[str, Any]] = deque()
        from_us, to_browser = os.pipe()
        from_browser, to_us = os.pipe()
        # Sockets are made below it, and the path of a socket must be short.
        self._scratch = tempfile.mkdtemp(prefix="b-")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", _STARTER, str(from_us), str(to_us)),
                program,
                *_OPTIONS,
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(from_us, to_us),
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(profile), "TMPDIR": self._scratch},
        )
        os.close(from_us)
        os.close(to_us)
        self._out = os.fdopen(to_browser, "wb", buffering=0)
        self._in = os.fdopen(from_browser, "rb")
        self._session = ""
        try:
            target = self._command("Target.createTarget", url="about:blank")["targetId"]
            attached = self._command("Target.attachToTarget", targetId=target, flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility"):
                self._command(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser with all that it has started, and remove what it left."""
        self._session = ""
        with contextlib.suppress(BrowserError):
            self._command("Browser.close")
        self._out.close()
        self._in.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def open(self, page: Path) -> None:
        """Show a file, and wait until it is loaded. What earlier pages said and asked for is forgotten."""
        self.console.clear()
        self.requests.clear()
        self._command("Page.navigate", url=page.as_uri())
        self._wait("Page.loadEventFired")

    def sees(self, width: int, height: int, *, phone: bool = False) -> None:
        """Make the window so many CSS pixels large; a phone has a screen that is touched."""
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    def prefers(self, *, dark: bool = False, media: str = "screen") -> None:
        """Have the page shown in a dark or light scheme, on a screen or as on paper."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def runs_scripts(self, allowed: bool) -> None:
        """Whether pages may run scripts from now on."""
        self._command("Emulation.setScriptExecutionDisabled", value=not allowed)

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, as plain data."""
        answer = self._command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def press(self, key: str, code: int, modifiers: int = 0) -> None:
        """Press a key ("Tab", 9)."""
        for kind in ("rawKeyDown", "keyUp"):
            self._command(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                modifiers=modifiers,
            )

    def accessible(self) -> list[dict[str, Any]]:
        """The nodes of the accessibility tree that a screen reader is given."""
        nodes = self._command("Accessibility.getFullAXTree")["nodes"]
        return [node for node in nodes if not node.get("ignored")]

    def screenshot(self, path: Path) -> Path:
        """Keep a picture of the whole page."""
        return self._keep(path, self._command("Page.captureScreenshot", captureBeyondViewport=True))

    def paper(self, path: Path) -> Path:
        """Keep the page as PDF, on A4."""
        inches = {"paperWidth": 8.27, "paperHeight": 11.69}
        printed = self._command("Page.printToPDF", printBackground=False, preferCSSPageSize=True, **inches)
        return self._keep(path, printed)

    def _keep(self, path: Path, answer: dict[str, Any]) -> Path:
        path.write_bytes(base64.b64decode(answer["data"]))
        return path

    # --- the protocol -------------------------------------------------------------------------------

    def _command(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._numbers += 1
        message: dict[str, Any] = {"id": self._numbers, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        try:
            self._out.write(json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            raise BrowserError(f"{method}: the browser went away") from None
        for answer in self._messages(method):
            if answer.get("id") == self._numbers:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)
        raise BrowserError(f"{method}: the browser went away")

    def _wait(self, event: str) -> None:
        while self._events:
            if self._events.popleft()["method"] == event:
                return
        for message in self._messages(event):
            self._note(message)
            if message.get("method") == event:
                self._events.clear()
                return
        raise BrowserError(f"{event}: the browser went away")

    def _messages(self, what: str) -> Iterator[dict[str, Any]]:
        """The messages of the browser as they come, until one is late."""
        timer = threading.Timer(PATIENCE, self._process.kill)
        timer.start()
        try:
            buffered = bytearray()
            while byte := self._in.read(1):
                if byte != b"\0":
                    buffered += byte
                    continue
                yield json.loads(buffered)
                buffered.clear()
        finally:
            timer.cancel()
            timer.join()

    def _note(self, message: dict[str, Any]) -> None:
        self._events.append(message)
        about = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.console.append(str(about["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.console.append(f"{about['type']}: {about['args']}")
            case "Log.entryAdded":
                self.console.append(f"{about['entry']['level']}: {about['entry']['text']}")
            case "Network.requestWillBeSent":
                self.requests.append(about["request"]["url"])
