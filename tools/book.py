"""Build the book strictly into _build/html; with --execute, run the notebooks anew first.

Warnings are errors, also for references that lead nowhere.  The committed notebooks are not
touched: copies are executed in ``_build/source``.  An interrupted run goes on where it was,
unless a file that the notebooks read has changed since.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from notebooks import FOLDER, execute_all

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "_build" / "source"
READ_BY_NOTEBOOKS = (
    "notebooks",
    "planlib",
    "theorems",
    "proofs",
    "records",
    "runs",
    "constraints.txt",
)


def main() -> int:
    """Build, and say where the book lies."""
    began, source = time.perf_counter(), ROOT
    if "--execute" in sys.argv[1:]:
        source = SOURCE
        try:
            _execute()
        except KeyboardInterrupt:
            sys.exit("book: interrupted; call again to go on")
    print("book: building the pages", flush=True)
    tool = Path(sys.executable).with_name("jupyter-book")
    command = [str(tool), "build", str(source), "--path-output", str(ROOT)]
    status = subprocess.run([*command, "--all", "-W", "-n", "--keep-going", "-q"], cwd=ROOT)
    if status.returncode:
        print("book: the build failed, see the messages above", file=sys.stderr)
        return status.returncode
    first = ROOT / "_build" / "html" / "index.html"  # it leads on; browsers ask it for an icon
    first.write_text('<link rel="icon" href="_static/favicon.svg"/>' + first.read_text())
    if source != ROOT:
        shutil.rmtree(SOURCE)  # the next call executes all of it again
    print(f"book: {time.perf_counter() - began:.0f} s")
    print(f"book: {ROOT / '_build' / 'html' / 'index.html'}")
    return 0


def _execute() -> None:
    """Copy what the build reads, and execute the notebooks that an interrupted call has left."""
    stamp, now = SOURCE / "stamp", _digest()
    if not (stamp.exists() and stamp.read_text() == now):
        shutil.rmtree(SOURCE, ignore_errors=True)
        (SOURCE / "notebooks").mkdir(parents=True)
        stamp.write_text(now)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, SOURCE)
    for name in ("book", "proofs"):
        shutil.copytree(ROOT / name, SOURCE / name, dirs_exist_ok=True)
    todo = [p for p in FOLDER.glob("*.ipynb") if not (SOURCE / "notebooks" / p.name).exists()]
    print(f"book: executing {len(todo)} notebooks", flush=True)
    for _ in execute_all(todo, SOURCE / "notebooks"):
        pass


def _digest() -> str:
    """Digest of every file that a notebook may read."""
    whole = hashlib.sha256()
    for name in READ_BY_NOTEBOOKS:
        place = ROOT / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and "__pycache__" not in path.parts and ".locks" not in path.parts:
                whole.update(f"{path.relative_to(ROOT)};".encode() + path.read_bytes())
    return whole.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
