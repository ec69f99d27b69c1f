"""A device that is none: tensors "there" are kept on the processor, and may not be mixed with others.

A machine without a GPU can so run the path of one.  The tensors say that they are on the device
``meta``; whatever torch is asked to do with one and with a tensor of the processor is refused, as
a GPU would refuse it, and what is done is done on the processor, bit for bit.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

NAME = "meta"


class There(torch.Tensor):
    """A tensor that says it is on the device, and holds one of the processor."""

    @staticmethod
    def __new__(cls, held):
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        return torch.Tensor._make_wrapper_subclass(
            cls, held.shape, dtype=held.dtype, device=NAME, **layout
        )

    def __init__(self, held):
        self.held = held

    def __deepcopy__(self, memo):
        copied = There(self.held.clone()).requires_grad_(self.requires_grad)
        return torch.nn.Parameter(copied) if isinstance(self, torch.nn.Parameter) else copied

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _done(function, args, kwargs or {})


def _held(value):
    return value.held if isinstance(value, There) else value


def _there(value):
    return (
        There(value) if isinstance(value, torch.Tensor) and not isinstance(value, There) else value
    )


def _done(function, args, kwargs):
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    there = [x for x in tensors if isinstance(x, There)]
    to = kwargs.get("device")
    moves = function in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
    # As on a GPU, a number without a dimension may come from the processor.
    if there and not moves and any(x.ndim for x in tensors if not isinstance(x, There)):
        raise RuntimeError(f"{function}: tensors on the device and on the processor")
    if to is not None:
        kwargs = kwargs | {"device": "cpu"}
    out = function(*tree_map(_held, args), **tree_map(_held, kwargs))
    if function._schema.is_mutable and there and out is not None and args and out is _held(args[0]):
        return args[0]
    on_it = torch.device(to).type == NAME if to is not None else bool(there)
    return tree_map(_there, out) if on_it else out


class Device(TorchDispatchMode):
    """While it is on, ``device="meta"`` is the device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return _done(function, args, kwargs or {})
