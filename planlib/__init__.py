"""planlib: planning as path finding on a graph, with a node as a token.

The package supplies the graphs, models, losses and trainers of the book, and
the checks that the book's evidence is made of.  Imports point one way:
``graph -> task -> models, losses -> rollout -> metrics, train -> study``.
"""

from pathlib import Path

__version__ = "0.1.0"

# Where records, stored runs and proofs lie: beside the package in the repository; inside it where
# it was installed from a wheel, which brings them along (setup.py).
_BESIDE, _INSIDE = Path(__file__).resolve().parent.parent, Path(__file__).resolve().parent / "kept"
HOME = _INSIDE if _INSIDE.is_dir() else _BESIDE
