"""Batched sampling of paths, the same for every model.

Temperature, greedy decoding and uniform exploration cover the behaviour
policies of the book, on-policy and off-policy.  A model samples where it computes; random
numbers are drawn on the processor, so that they are the same for every device.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from planlib.graph import InputError, plain_number
from planlib.models import check_generator, device_of
from planlib.task import PROMPT, end_token, pad_token, prompts

CHUNK = 1024  # rows at once, so that a step stays in the processor's cache


@torch.no_grad()
def sample(
    model: nn.Module,
    pairs: object,
    generator: torch.Generator,
    *,
    samples: int = 1,
    temperature: float = 1.0,
    greedy: bool = False,
    epsilon: float = 0.0,
    max_length: int = 32,
) -> Tensor:
    """Generate ``samples`` sequences for each problem.

    Parameters
    ----------
    pairs
        Problems ``(source, target)``, shape ``(m, 2)``.
    temperature
        Logits are divided by it; ignored when ``greedy``.
    epsilon
        Probability of a uniformly chosen node in place of the model's token.
    max_length
        Most tokens of a sequence, prompt and end token included.

    Returns
    -------
    torch.Tensor
        Shape ``(m * samples, L)`` int64, ``L <= max_length``, padded on the
        right, on the processor; the samples of one problem stand together.

    Raises
    ------
    InputError
        If ``temperature`` is not positive and finite, ``epsilon`` lies outside ``[0, 1]``,
        ``samples < 1``, ``max_length`` leaves no room for a path, the generator is none of
        the processor, or the model's logits are NaN.
    ProblemError
        If a pair names a node that the model does not know.
    """
    temperature = plain_number("temperature", temperature, float)
    if not temperature > 0:
        raise InputError("temperature", "a positive number", temperature)
    epsilon = plain_number("epsilon", epsilon, float)
    samples = plain_number("samples", samples, int)
    max_length = plain_number("max_length", max_length, int)
    if not 0 <= epsilon <= 1:
        raise InputError("epsilon", "a probability in [0, 1]", epsilon)
    if samples < 1:
        raise InputError("samples", "at least 1", samples)
    check_generator(generator)
    if max_length <= PROMPT:
        raise InputError("max_length", f"more than the prompt's {PROMPT} tokens", max_length)
    start = torch.as_tensor(prompts(pairs, model.n)).to(device_of(model))  # (m, 3)
    per_chunk = max(1, CHUNK // samples)
    chunks = [
        _sample_chunk(model, part, generator, samples, temperature, greedy, epsilon, max_length)
        for part in start.split(per_chunk)
    ]
    tokens = torch.cat(chunks)
    used = (tokens != pad_token(model.n)).any(0).sum()
    return tokens[:, :used]


def _sample_chunk(model, start, generator, samples, temperature, greedy, epsilon, max_length):
    n = model.n
    rows = torch.arange(len(start), device=start.device).repeat_interleave(samples)  # (B,)
    tokens = start.new_full((len(rows), max_length), pad_token(n))
    tokens[:, :PROMPT] = start[rows]
    logits, cache = model.start(start, max_length)  # the prompt is read once a problem
    if samples > 1:
        logits, cache = logits[rows], model.select(cache, rows)
    alive = torch.arange(len(rows), device=start.device)
    going = torch.ones_like(rows, dtype=torch.bool)
    for at in range(PROMPT, max_length):
        if greedy:
            _check_logits(logits)
            chosen = logits.argmax(-1)  # (alive,)
        else:
            chosen = draw(logits, generator, temperature)
        if epsilon:
            explore = torch.rand(len(chosen), generator=generator) < epsilon
            uniform = torch.randint(n, (len(chosen),), generator=generator)
            chosen = torch.where(explore.to(chosen.device), uniform.to(chosen.device), chosen)
        tokens[alive, at] = torch.where(going, chosen, pad_token(n))
        going = going & (chosen != end_token(n))
        left = int(going.sum())
        if not left or at == max_length - 1:
            break
        if left < 0.7 * len(going):  # finished rows leave the batch, many at a time
            keep = going.nonzero()[:, 0]
            alive, chosen, going = alive[keep], chosen[keep], going[keep]
            cache = model.select(cache, keep)
        logits, cache = model.step(chosen, cache)
    return tokens.cpu()


def draw(logits: Tensor, generator: torch.Generator, temperature: float = 1.0) -> Tensor:
    """Draw one index a row from ``softmax(logits / temperature)``, shape ``(B,)``, by the inverse CDF.

    An entry of probability zero (logit ``-inf``) is never drawn.  Where the temperature is
    so small that the quotients overflow, one of the largest logits is drawn.

    Raises
    ------
    InputError
        If a row holds NaN or ``+inf``, or nothing but ``-inf``.
    """
    if logits.element_size() < 4:
        logits = logits.float()  # a running sum of small weights stands still in half precision
    scaled = logits / temperature
    largest = scaled.amax(-1, keepdim=True)  # (B, 1)
    if not largest.isfinite().all():
        _check_logits(logits)
        shifted = logits.double() - logits.double().amax(-1, keepdim=True)
        scaled, largest = shifted / temperature, torch.zeros_like(shifted[:, :1])
    weights = (scaled - largest).exp()  # (B, V)
    cumulative = weights.cumsum(-1)
    # Below 1 by more than rounding, so that the threshold never reaches the total.
    u = torch.rand(len(logits), 1, generator=generator).clamp(max=1 - 2**-22).to(logits.device)
    return (cumulative <= u * cumulative[:, -1:]).sum(-1)


def _check_logits(logits: Tensor) -> None:
    largest = logits.amax(-1)  # NaN where the row holds one
    if not largest.isfinite().all():
        bad = largest[~largest.isfinite()][0].item()
        raise InputError("logits", "finite numbers, or -inf for some of a row", f"largest {bad}")
