"""Execute notebooks in place and write them back, byte for byte the same for the same outputs.

python tools/notebooks.py [notebooks/theorem_4_1.ipynb ...]
"""

from __future__ import annotations

import base64
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
SHOWN_ELSEWHERE = ("fig-rate",)  # figures that the README shows, copied to book/figures


def execute(path: Path) -> None:
    """Run all cells in the notebook's own folder; nothing is written if one fails."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=900, record_timing=False, resources={"metadata": {"path": FOLDER}}
    )
    client.execute()
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        cell.metadata.pop("execution", None)
        # A progress bar's last state is no result.
        outputs[:] = [o for o in outputs if o.get("name") != "stderr"]
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)
    for cell in notebook.cells:
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        for output in cell.get("outputs", []) if name in SHOWN_ELSEWHERE else []:
            if "image/png" in output.get("data", {}):
                picture = base64.b64decode(output["data"]["image/png"])
                (FOLDER.parent / "book" / "figures" / f"{name}.png").write_bytes(picture)


def main() -> None:
    """Execute the notebooks named, or all of them."""
    paths = [Path(p).resolve() for p in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb"))
    for path in (bar := tqdm(paths, desc="notebooks")):
        bar.set_postfix_str(path.stem)
        began = time.perf_counter()
        execute(path)
        tqdm.write(f"{path.stem}: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
