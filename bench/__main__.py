"""`python3 dev.py bench`: prints ratios against this machine's own ceiling."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from bench.measure import Size, measure
from bench.report import table


async def main(options: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder:
        print(table(await measure(Path(folder), Size())))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
