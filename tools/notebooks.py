"""Execute notebooks, two at once with one thread each, and say how far it is.

python tools/notebooks.py [notebooks/theorem_4_1.ipynb ...]

rewrites the committed outputs of the notebooks named, or of all; the same outputs give the
same bytes, so that only what changed is a change.  ``make book`` executes copies instead.
"""

from __future__ import annotations

import base64
import io
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
from kernels import AsyncFileKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
SECONDS = ROOT / "tools" / "seconds.json"  # processor seconds of each notebook, when last measured
JOBS = 2
# Figures that the README and the first page show, copied to book/figures.
STORY = ("composition", "pg", "values", "cycles")
SHOWN_ELSEWHERE = ("fig-rate", *(f"fig-story-{name}" for name in STORY))


def execute(path: Path, place: Path) -> tuple[float, bool]:
    """Run all cells in ``notebooks/`` and write the notebook to ``place``; nothing if a cell fails.

    Returns
    -------
    tuple
        Processor seconds that it took, and whether ``place`` holds something new.
    """
    # The kernel of this environment, whatever else JUPYTER_PATH names; spinning threads of two
    # kernels on two cores slow each other.
    os.environ.update(JUPYTER_PATH=str(ROOT / "tools" / "jupyter"), OMP_NUM_THREADS="1")
    notebook = nbformat.read(path, as_version=4)
    began = _children()
    NotebookClient(
        notebook,
        timeout=900,
        record_timing=False,
        resources={"metadata": {"path": FOLDER}},
        kernel_manager_class=AsyncFileKernelManager,
    ).execute()
    seconds = _children() - began
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:
            cell.outputs = _tidy(cell.outputs)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    text = nbformat.writes(notebook) + "\n"
    new = not place.exists() or place.read_text(encoding="utf-8") != text
    if new:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(place.name + ".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(place)
    return seconds, new


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tidy(outputs: list) -> list:
    """Results alone, printed lines in one piece however they came, figures small."""
    kept = []
    for output in outputs:
        if output.get("name") == "stderr":
            continue  # a progress bar's last state is no result
        if kept and output.get("name") == kept[-1].get("name") == "stdout":
            kept[-1].text += output.text
            continue
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = _palette(output.data["image/png"])
        kept.append(output)
    return kept


def _palette(png: str) -> str:
    """Write a figure with 256 colours: a third of the bytes, and no difference that one sees."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    small = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


def known_seconds() -> dict[str, float]:
    """Processor seconds of each notebook as last measured, by name."""
    return json.loads(SECONDS.read_text()) if SECONDS.exists() else {}


def execute_all(paths: list[Path], folder: Path) -> Iterator[tuple[Path, float, bool]]:
    """Execute notebooks into ``folder``, the longest first; yields each as it ends.

    Prints a line a notebook and, where someone watches, a bar; both say what is left.
    """
    known = known_seconds()
    typical = sum(known.values()) / len(known) if known else 20.0
    cost = {path: known.get(path.stem, typical) for path in paths}
    paths = sorted(paths, key=cost.__getitem__, reverse=True)
    began, done = time.perf_counter(), 0.0
    with (
        ProcessPoolExecutor(JOBS) as pool,
        tqdm(total=len(paths), desc="notebooks", disable=not sys.stderr.isatty()) as bar,
    ):
        running = {pool.submit(execute, path, folder / path.name): path for path in paths}
        try:
            for number, finished in enumerate(as_completed(running), 1):
                path = running[finished]
                seconds, new = finished.result()
                done += cost[path]
                # Processor seconds to come, at the speed of this machine so far.
                elapsed = time.perf_counter() - began
                left = (sum(cost.values()) - done) * elapsed / done
                bar.update()
                tqdm.write(
                    f"  {number:2} of {len(paths)}  {path.stem:24} {seconds:4.0f} s of processor time"
                    + (f", about {_minutes(left)} left" if number < len(paths) else ""),
                    file=sys.stdout,
                )
                sys.stdout.flush()
                yield path, seconds, new
        except CellExecutionError as error:
            sys.exit(f"{path.stem}: a cell failed\n{error}")
        finally:
            pool.shutdown(cancel_futures=True)  # what has not begun does not begin


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def main() -> None:
    """Execute the notebooks named, or all of them, in place."""
    paths = [Path(p).resolve() for p in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb"))
    known, changed = known_seconds(), []
    for path, seconds, new in execute_all(paths, FOLDER):
        known[path.stem] = round(seconds)
        changed += [path.stem] if new else []
        _show_elsewhere(path)
    SECONDS.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    print(f"rewritten: {', '.join(sorted(changed)) or 'none'}")


def _show_elsewhere(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        for output in cell.get("outputs", []) if name in SHOWN_ELSEWHERE else []:
            if "image/png" in output.get("data", {}):
                picture = base64.b64decode(output["data"]["image/png"])
                (ROOT / "book" / "figures" / f"{name}.png").write_bytes(picture)


if __name__ == "__main__":
    main()
