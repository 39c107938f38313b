"""A headless Chromium driven through the DevTools protocol over a pair of pipes: no driver, no library.

`chromium --remote-debugging-pipe` reads commands from descriptor 3 and writes answers and events to
descriptor 4, JSON ended by a zero byte.
"""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DEADLINE = 60.0


def find() -> str | None:
    """The path of a Chromium, or None; the environment variable CHROMIUM comes first."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One tab.

    Attributes:
        said: what the page wrote to the console and what went wrong in it.
        asked: addresses that it loaded.
    """

    def __init__(self, commands: int, answers: int):
        self._commands, self._answers, self._number, self._buffer = commands, answers, 0, b""
        self._session: str | None = None
        self.said: list[str] = []
        self.asked: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer.get('error')}"
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + DEADLINE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(end - time.monotonic(), 0.0))
            assert ready, "the browser gave no answer"
            chunk = os.read(self._answers, 1 << 20)
            assert chunk, "the browser ended"
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(line)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method: str | None, given: dict[str, Any]) -> None:
        if method == "Runtime.consoleAPICalled":
            self.said.append(f"{given['type']}: {given['args']}")
        elif method == "Runtime.exceptionThrown":
            self.said.append(f"exception: {given['exceptionDetails']}")
        elif method == "Log.entryAdded":
            self.said.append(f"{given['entry']['level']}: {given['entry']['text']}")
        elif method == "Network.requestWillBeSent":
            self.asked.append(given["request"]["url"])

    def open(self, path: Path, fragment: str = "") -> None:
        """Load a file and wait until it is there."""
        self.call("Page.navigate", url=path.resolve().as_uri() + fragment)
        end = time.monotonic() + DEADLINE
        while self.run("location.protocol + document.readyState") != "file:complete":
            assert time.monotonic() < end, "the page did not load"
            time.sleep(0.02)

    def run(self, expression: str) -> Any:
        """Evaluate JavaScript and return its value; an exception fails the test."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def size(self, width: int, height: int = 900) -> None:
        """Set the window's size in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def scheme(self, name: str) -> None:
        """Prefer "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def click(self, selector: str) -> None:
        """Press the mouse in the middle of an element, as a user would."""
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect(); "
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def press(self, key: str, code: int) -> None:
        """Press a key that has no text, or Enter."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text
            )

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def screenshot(self, path: Path) -> None:
        """Save what is seen as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextlib.contextmanager
def opened(chromium: str, folder: Path) -> Iterator[Page]:
    """Start the browser with an own profile in a folder; it is gone at the end."""
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()
    flags = ["--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--no-sandbox"]
    flags += ["--disable-dev-shm-usage", "--disable-background-networking", f"--user-data-dir={folder}"]
    # Its descriptors 3 and 4 may be taken in this process, so both ends are first moved out of the way.
    program = (
        "import fcntl, os, sys; a, b = (fcntl.fcntl(int(x), fcntl.F_DUPFD, 10) for x in sys.argv[1:3]); "
        "os.dup2(a, 3), os.dup2(b, 4), os.execv(sys.argv[3], sys.argv[3:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(commands_out), str(answers_in), chromium, *flags],
        pass_fds=(commands_out, answers_in),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(commands_out), os.close(answers_in)
    try:
        yield Page(commands_in, answers_out)
    finally:
        process.kill()
        process.wait()
        os.close(commands_in), os.close(answers_out)
