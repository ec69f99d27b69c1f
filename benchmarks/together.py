"""Several models of one shape trained as one batch, against training them one by one.

Predictions are not shared between like prefixes here, so on a processor this is the slower
way; ``growth.py`` measures it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from planlib import losses, task
from planlib.graph import InputError
from planlib.models import device_of, model_spec
from planlib.train import History, SFTConfig


def train_sft_together(
    models: Sequence[nn.Module],
    datas: Sequence[Tensor],
    config: SFTConfig,
    generators: Sequence[torch.Generator],
) -> list[History]:
    """Train several models of one shape at once, as one batch (``torch.func``).

    Each model, changed in place, sees the batches that it would see alone, and ends as
    :func:`planlib.train.train_sft` would end it, up to rounding.

    Raises
    ------
    InputError
        If the numbers of models, data and generators differ, or the models' shapes do.
    """
    if not len(models) == len(datas) == len(generators) >= 1:
        counts = f"{len(models)} models, {len(datas)} data, {len(generators)} generators"
        raise InputError("models", "as many models as data and generators", counts)
    if any(model_spec(model) != model_spec(models[0]) for model in models):
        raise InputError("models", "models of one shape", [model_spec(m) for m in models])
    n = models[0].n
    datas = [torch.as_tensor(task.check_training_sequences(data, n)) for data in datas]
    lengths = [(data != task.pad_token(n)).sum(1) for data in datas]
    stacked = torch.func.stack_module_state(list(models))[0]  # each (M, *shape)
    shell = copy.deepcopy(models[0]).to("meta")

    def loss_of(parameters: dict[str, Tensor], tokens: Tensor, steps: Tensor) -> Tensor:
        logits = torch.func.functional_call(shell, parameters, (tokens,))[:, :-1]  # (B, S, n+1)
        chosen = tokens[:, 1:].clamp(max=n)[..., None]  # (B, S, 1)
        log_probs = logits.log_softmax(-1).gather(-1, chosen)[..., 0]  # (B, S)
        return losses.sft(log_probs.masked_fill(~steps, 0.0)).mean()  # -inf times 0 were NaN

    gradients = torch.func.vmap(torch.func.grad_and_value(loss_of))
    together = nn.ParameterList(stacked.values())
    if config.optimizer == "adam":
        optimizer = torch.optim.Adam(together, config.learning_rate, fused=True)
    else:
        optimizer = torch.optim.SGD(together, config.learning_rate)
    histories = [{"loss": []} for _ in models]
    for step in range(config.steps):
        if config.schedule == "cosine":
            half = 0.5 * (1 + math.cos(math.pi * step / config.steps))
            optimizer.param_groups[0]["lr"] = config.learning_rate * half
        batches, longest = [], 0
        for data, length, generator in zip(datas, lengths, generators, strict=True):
            rows = torch.arange(len(data))
            if config.batch_size < len(data):
                rows = torch.randint(len(data), (config.batch_size,), generator=generator)
            batches.append(data[rows])
            longest = max(longest, int(length[rows].max()))
        tokens = torch.stack([batch[:, :longest] for batch in batches])  # (M, B, L)
        steps = torch.as_tensor(task.path_steps(tokens.flatten(0, 1), n)).view_as(tokens[..., 1:])
        tokens, steps = tokens.to(device_of(models[0])), steps.to(device_of(models[0]))
        grads, values = gradients(stacked, tokens, steps)
        for parameter, gradient in zip(together, grads.values(), strict=True):
            parameter.grad = gradient
        optimizer.step()
        for history, value in zip(histories, values.tolist(), strict=True):
            history["loss"].append(value)
    with torch.no_grad():
        for name, values in stacked.items():
            for model, value in zip(models, values, strict=True):
                model.get_parameter(name).copy_(value)
    return histories
