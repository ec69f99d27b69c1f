"""The plain way to write the same three jobs, as a yardstick for `speed.py`.

Batches of 32 padded to a fixed 32 tokens, the loss over every position with
padding ignored, PyTorch's own encoder layer under a causal mask; sampling one
sequence at a time to a fixed number of tokens, as the usual small `generate`
loops do, the whole prefix again at each step, cut at the end token.  Nothing
here is used by the book.
"""

from __future__ import annotations

import torch
from torch import nn

from planlib.graph import PlanningGraph
from planlib.models import TransformerConfig
from planlib.task import Outcome, check_sequences, end_token, pad_token

LENGTH = 32
BATCH = 32


class PlainTransformer(nn.Module):
    """One model of the same size as the book's, put together from PyTorch's layers."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        d = config.width
        self.n = config.n
        self.token = nn.Embedding(config.n + 2, d)
        self.position = nn.Embedding(config.max_length, d)
        layer = nn.TransformerEncoderLayer(
            d,
            config.heads,
            4 * d,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, config.n + 2, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits at every position."""
        length = tokens.shape[1]
        x = self.token(tokens) + self.position(torch.arange(length))
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        return self.head(self.norm(self.encoder(x, mask=mask, is_causal=True)))


def pad(tokens: torch.Tensor, n: int) -> torch.Tensor:
    """Pad sequences to the fixed length."""
    return nn.functional.pad(tokens, (0, LENGTH - tokens.shape[1]), value=pad_token(n))


def sft_step(
    model: PlainTransformer, optimizer: torch.optim.Optimizer, batch: torch.Tensor
) -> None:
    """One update on a padded batch."""
    logits = model(batch[:, :-1])
    loss = nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        batch[:, 1:].reshape(-1),
        ignore_index=pad_token(model.n),
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.no_grad()
def sample_one(model: PlainTransformer, source: int, target: int) -> list[int]:
    """Generate to the full length, the whole prefix again for each token; cut at the end token."""
    tokens = torch.tensor([[source, target, source]])
    while tokens.shape[1] < LENGTH:
        logits = model(tokens)[:, -1]
        drawn = torch.multinomial(logits.softmax(-1), 1)
        tokens = torch.cat([tokens, drawn], dim=1)
    row = tokens[0].tolist()
    end = end_token(model.n)
    return row[: row.index(end) + 1] if end in row else row


def policy_gradient_step(
    model: PlainTransformer,
    optimizer: torch.optim.Optimizer,
    graph: PlanningGraph,
    pairs: list[list[int]],
) -> None:
    """Roll out one path a pair, then one update over all positions."""
    rollouts = [sample_one(model, *pair) for pair in pairs]
    batch = torch.full((len(pairs), LENGTH), pad_token(model.n))
    for row, tokens in zip(batch, rollouts, strict=True):
        row[: len(tokens)] = torch.tensor(tokens)
    reward = torch.tensor(check_sequences(graph, batch.numpy()) == Outcome.CORRECT).float()
    log_probs = model(batch[:, :-1]).log_softmax(-1)
    chosen = log_probs.gather(-1, batch[:, 1:, None])[..., 0]
    on_path = (batch[:, 1:] != pad_token(model.n)).float()
    on_path[:, :2] = 0
    loss = -(reward[:, None] * chosen * on_path).sum() / len(batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
