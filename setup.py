"""Let a wheel bring along what the book's pages read: records, stored runs, proofs, files of examples.

An editable install needs none of it: there they lie beside the package.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

KEPT = ("records", "runs", "proofs", "tests/files", "benchmarks")
LEFT = shutil.ignore_patterns(
    "__pycache__", "*.py", ".locks", "checkpoint.*", "*.vo*", "*.glob", ".*"
)


class WithWhatIsKept(build_py):
    """Copies it into the package, where :data:`planlib.HOME` finds it."""

    def run(self):
        """Build the packages, then copy."""
        super().run()
        if not self.editable_mode:
            for name in KEPT:
                place = Path(self.build_lib, "planlib", "kept", name)
                shutil.copytree(name, place, ignore=LEFT, dirs_exist_ok=True)


setup(cmdclass={"build_py": WithWhatIsKept})
