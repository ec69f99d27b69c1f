"""Build the book strictly into _build/html; with --execute, run the notebooks anew first.

Warnings are errors, also for references that lead nowhere.  The committed
notebooks are not touched.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Build, and say where the book lies."""
    config = ROOT / "_config.yml"
    execute = "--execute" in sys.argv[1:]
    if execute:
        text = config.read_text()
        switched = text.replace('execute_notebooks: "off"', 'execute_notebooks: "force"')
        if switched == text:
            sys.exit('book: _config.yml no longer says execute_notebooks: "off"')
        config = ROOT / "_config.execute.yml"  # here, since its paths count from its folder
        config.write_text(switched)
        print("book: executing the notebooks, several minutes ...", flush=True)
    tool = Path(sys.executable).with_name("jupyter-book")
    command = [str(tool), "build", str(ROOT), "--config", str(config)]
    try:
        status = subprocess.run(
            [*command, "--all", "-W", "-n", "--keep-going", "-q"], cwd=ROOT
        ).returncode
    finally:
        if execute:
            config.unlink()
    if status:
        print("book: the build failed, see the messages above", file=sys.stderr)
        return status
    print(f"book: {ROOT / '_build' / 'html' / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
