"""Kernels that listen on files, not on ports, so that two started at once never want the same.

A manager asks for free ports, lets them go and starts a kernel, which binds them a second later.
Where another took one meanwhile that kernel dies at once, and a whole notebook fails with it.
"""

from __future__ import annotations

import tempfile
import uuid

from jupyter_client.manager import AsyncKernelManager, KernelManager
from traitlets import HasTraits, default

_FOLDER = tempfile.TemporaryDirectory(prefix="kernels-")


class _OnFiles(HasTraits):
    @default("transport")
    def _unix_sockets(self) -> str:
        return "ipc"

    @default("ip")
    def _own_names(self) -> str:
        # Where the transport is not TCP, the address is what names of files begin with.
        return f"{_FOLDER.name}/{uuid.uuid4().hex[:8]}"


class FileKernelManager(_OnFiles, KernelManager):
    """For nbval, which waits."""


class AsyncFileKernelManager(_OnFiles, AsyncKernelManager):
    """For nbclient, which does not."""
