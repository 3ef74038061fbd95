"""A headless Chromium, driven over the Chrome DevTools Protocol.

It is the machine's own, or Debian's, unpacked into the cache with a font.  It talks to nobody but whom a page names.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self
from xml.sax.saxutils import escape

import requests
import websocket

from tests.cluster.debian import libraries, unpacked

FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # it is root in many a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)
KEYS: Final = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "End": 35, "Home": 36, "PageDown": 34}


class Browser:
    """One page.  Use as a context manager."""

    def __init__(self, directory: Path, *, width: int = 1360, height: int = 860) -> None:
        self._directory = directory
        self._size = (width, height)
        self._numbers = itertools.count(1)
        self.console: list[str] = []

    def __enter__(self) -> Self:
        program, environment = _chromium(self._directory)
        width, height = self._size
        command: list[str | Path] = [
            program,
            *FLAGS,
            f"--window-size={width},{height}",
            f"--user-data-dir={self._directory / 'profile'}",
        ]
        self._log = (self._directory / "chromium.log").open("w")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT, env=environment)
        try:
            self._socket = websocket.create_connection(self._page(), timeout=30)
        except BaseException:
            self._end()
            raise
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _page(self) -> str:
        """Return the address of the page's socket, which the program prints and then lists."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = re.search(r"DevTools listening on ws://([^/]+)/", Path(self._log.name).read_text())
            if found:
                listed = requests.get(f"http://{found[1]}/json/list", timeout=5).json()
                pages = [str(one["webSocketDebuggerUrl"]) for one in listed if one["type"] == "page"]
                if pages:
                    return pages[0]
            time.sleep(0.05)
        raise RuntimeError(f"Chromium did not begin within 30 s: {Path(self._log.name).read_text()[-2000:]}")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            self._note(message)
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return dict(message["result"])

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Runtime.exceptionThrown":
            self.console.append(str(message["params"]["exceptionDetails"]))
        if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.console.append(str(message["params"]["entry"]))

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page, a promise's when it is one."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, script: str, seconds: float = 10) -> Any:
        """Wait until an expression is true; AssertionError when it is not in time."""
        return _until(lambda: self.run(script), script, seconds)

    def text(self, selector: str) -> str:
        """Return what is read there."""
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        about: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, ord(key[0].upper()))}
        if key == "Enter":
            about["text"] = "\r"
        elif len(key) == 1:
            about["text"] = key
        self.call("Input.dispatchKeyEvent", type="keyDown", **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def prefer(self, scheme: str) -> None:
        """Be of somebody who prefers `dark` or `light`."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path: Path) -> None:
        """Save what is seen as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


def _until(look: Callable[[], Any], what: str, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.03)
    raise AssertionError(f"not within {seconds:g} s: {what}")


def _chromium(directory: Path) -> tuple[Path, dict[str, str]]:
    """Return the program, and the environment by which it finds its libraries and a font."""
    environment = {"HOME": str(directory), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    if own := shutil.which("chromium"):
        return Path(own), environment
    root = unpacked("chromium", "fonts-dejavu-core")
    fonts = directory / "fonts.conf"
    fonts.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>{escape(str(root / 'usr/share/fonts'))}</dir><dir>/usr/share/fonts</dir>"
        f"<cachedir>{escape(str(directory / 'fontcache'))}</cachedir>"
        "<alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>"
        "<alias><family>system-ui</family><prefer><family>DejaVu Sans</family></prefer></alias>"
        "<alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias></fontconfig>"
    )
    environment |= {"LD_LIBRARY_PATH": libraries(root), "FONTCONFIG_FILE": str(fonts)}
    return root / "usr/lib/chromium/chromium", environment
