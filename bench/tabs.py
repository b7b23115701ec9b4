"""A browser in which only one tab is seen. Playwright has every page it opens believe it is in front; where it opens
none but joins a browser that is running, and is told to leave its pages as they are, switching tabs really hides them.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PATIENCE_S = 20
_LISTENS = re.compile(r"DevTools listening on (ws://\S+)")


@contextmanager
def browser_of_tabs(executable: str, profile: Path) -> Iterator[str]:
    """The address of a headless Chromium with a profile of its own, to be joined by `connect_over_cdp(address,
    no_defaults=True)`; its tabs are those of `contexts[0]`. Raises RuntimeError when it does not start."""
    command = [
        executable,
        "--headless",
        *FLAGS,
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        # What it says after its address is read, so that it never waits for a reader, and kept by nobody.
        rest = threading.Thread(target=deque, args=(process.stderr, 0))
        try:
            found = next((match for line in process.stderr if (match := _LISTENS.search(line))), None)
            if found is None:
                raise RuntimeError(f"the browser ended with {process.wait()}")
            rest.start()
            yield found[1]
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
            if rest.ident is not None:
                rest.join(PATIENCE_S)
