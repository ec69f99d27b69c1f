"""For nbval: which kernel runs the notebooks, and what is no result to compare."""

import os
import sys
from pathlib import Path

import nbval.kernel

TOOLS = Path(__file__).resolve().parent.parent / "tools"
sys.path.insert(0, str(TOOLS))
from kernels import FileKernelManager  # noqa: E402

# Two workers start kernels side by side; see there.
nbval.kernel.KernelManager = FileKernelManager

# The kernel of this environment, whatever else JUPYTER_PATH names (module systems of clusters
# set it), with one thread, since two notebooks run at once.
os.environ["JUPYTER_PATH"] = str(TOOLS / "jupyter")
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collectstart(collector):
    """Leave stderr (progress bars) and pictures out of the comparison."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr", "image/png")
