"""Models of the next token behind one interface: two tables, a transformer, a recurrent network.

Every model maps tokens of shape ``(B, L)`` to logits of shape ``(B, L, n+1)``:
position ``m`` predicts token ``m + 1`` among the ``n`` nodes and the end token.
Padding is an input only and never predicted.  For sampling, :meth:`start` reads
the prompts and :meth:`step` one token at a time, both with a cache.

Source: Wang et al., arXiv 2509.22613, section 3 (Assumption 3.1) and 5.3.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from planlib.graph import InputError, check_one_of, plain_fields, plain_number


def device_of(model: nn.Module) -> torch.device:
    """Where a model computes: its tokens and what it answers lie there too."""
    return next(model.parameters()).device


def check_generator(generator: object) -> None:
    """Refuse a generator of another device: its numbers would be others there."""
    if not isinstance(generator, torch.Generator) or generator.device.type != "cpu":
        wanted = "a torch.Generator of the processor, whatever the model's device"
        raise InputError("generator", wanted, getattr(generator, "device", repr(generator)))


class _TargetCurrentModel(nn.Module):
    """Logits that depend on the target and the current node alone (Assumption 3.1).

    At the target the end token is certain: in the tabular theory an episode ends
    when the target is generated, so the rows ``f(i, i)`` are never used.
    """

    def __init__(self, n: int):
        super().__init__()
        n = plain_number("n", n, int)
        if n < 2:
            raise InputError("n", "at least 2 nodes", n)
        self.n = n

    def rows(self, targets: Tensor, nodes: Tensor) -> Tensor:
        """Return the logits ``f(i, j)`` over the nodes, shape ``(*batch, n)``."""
        raise NotImplementedError

    def _logits(self, targets: Tensor, nodes: Tensor) -> Tensor:
        current = nodes.clamp(max=self.n - 1)  # positions after the end are never used
        f = self.rows(targets, current)  # (*batch, n)
        at_target = (nodes == targets).unsqueeze(-1)  # (*batch, 1)
        # 1 is also the value that Q-learning gives the end token at the target (our choice)
        end = torch.where(at_target, 1.0, -torch.inf).to(f)
        return torch.cat([f.masked_fill(at_target, -torch.inf), end], dim=-1)  # (*batch, n+1)

    def forward(self, tokens: Tensor, where: Tensor | None = None) -> Tensor:
        """Return logits ``(B, L, n+1)`` for tokens ``(B, L)``, or ``(M, n+1)`` at ``where``."""
        targets = tokens[:, 1:2].expand_as(tokens)  # (B, L)
        if where is not None:
            targets, tokens = targets[where], tokens[where]  # (M,)
        return self._logits(targets, tokens)

    def start(self, prompts: Tensor, max_length: int) -> tuple[Tensor, Tensor]:
        """Read prompts ``(B, 3)``: logits ``(B, n+1)`` of the next token, and the targets as cache."""
        return self._logits(prompts[:, 1], prompts[:, -1]), prompts[:, 1]

    def step(self, tokens: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """Read one token a row ``(B,)``: logits ``(B, n+1)`` of the next, and the cache."""
        return self._logits(cache, tokens), cache

    @staticmethod
    def select(cache: Tensor, rows: Tensor) -> Tensor:
        """Keep some rows of a cache."""
        return cache[rows]


class TabularModel(_TargetCurrentModel):
    """Free logits ``f(i, j)[k]``, shape ``(n, n, n)``: target, current, next (zeros at first)."""

    def __init__(self, n: int, dtype: torch.dtype = torch.float64):
        super().__init__(n)
        self.f = nn.Parameter(torch.zeros(n, n, n, dtype=dtype))

    def rows(self, targets: Tensor, nodes: Tensor) -> Tensor:
        """Return ``f(i, j)``, shape ``(*batch, n)``."""
        return self.f[targets, nodes]


class LinearTransformer(_TargetCurrentModel):
    """Logits ``f(i, j)[k] = WM[j, k] + WV[i, k]`` (Theorem 5.3), both of shape ``(n, n)``."""

    def __init__(self, n: int, dtype: torch.dtype = torch.float64):
        super().__init__(n)
        self.wm = nn.Parameter(torch.zeros(n, n, dtype=dtype))
        self.wv = nn.Parameter(torch.zeros(n, n, dtype=dtype))

    def rows(self, targets: Tensor, nodes: Tensor) -> Tensor:
        """Return ``WM[j] + WV[i]``, shape ``(*batch, n)``."""
        return self.wm[nodes] + self.wv[targets]


POSITIONS = ("learned", "none")
ATTENTIONS = ("softmax", "linear")


@dataclass(frozen=True)
class TransformerConfig:
    """Size of a transformer.

    Attributes
    ----------
    n
        Number of nodes.
    layers, heads, width
        One layer, one head and 120 in the paper; ``heads`` divides ``width``.
    max_length
        Longest sequence, in tokens: the number of learned positions.
    positions
        ``learned``, as in the paper, or ``none``: a token is then the same wherever it stands.
    attention
        ``softmax``, as in the paper, or ``linear``: weights ``phi(q) phi(k)`` over their sum, with
        ``phi(x) = elu(x) + 1`` (arXiv 2006.16236), which a state of fixed size can carry along.
    """

    n: int
    layers: int = 1
    heads: int = 1
    width: int = 120
    max_length: int = 48
    positions: str = "learned"
    attention: str = "softmax"

    def __post_init__(self):
        plain_fields(self)
        check_one_of("positions", self.positions, POSITIONS)
        check_one_of("attention", self.attention, ATTENTIONS)
        _check_least(self, n=2, layers=1, heads=1, width=1, max_length=4)
        if self.width % self.heads:
            raise InputError("heads", f"a divisor of width {self.width}", self.heads)


def _check_least(config: object, **least: int) -> None:
    for name, number in least.items():
        if getattr(config, name) < number:
            raise InputError(name, f"at least {number}", getattr(config, name))


@dataclass(frozen=True)
class RecurrentConfig:
    """Size of a recurrent network, which reads sequences of any length.

    Attributes
    ----------
    n
        Number of nodes.
    layers, width
        Of the gated recurrent units (GRU).
    """

    n: int
    layers: int = 1
    width: int = 120

    def __post_init__(self):
        plain_fields(self)
        _check_least(self, n=2, layers=1, width=1)


class _Block(nn.Module):
    """Pre-norm attention and a GELU MLP of width ``4 * width``."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        d = config.width
        self.heads, self.linear = config.heads, config.attention == "linear"
        self.norm_attention = nn.LayerNorm(d)
        self.query, self.key, self.value = (nn.Linear(d, d) for _ in range(3))
        self.out = nn.Linear(d, d)
        self.norm_mlp = nn.LayerNorm(d)
        self.up = nn.Linear(d, 4 * d)
        self.down = nn.Linear(4 * d, d)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.norm_attention(x)  # (..., d)
        return self.query(h), self.key(h), self.value(h)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, future: Tensor) -> Tensor:
        """Mix values ``(B, Lk, d)`` for queries ``(B, Lq, d)``; ``future`` is 0 or -inf."""
        if self.linear:
            mixed = self.weights(q, k, future) @ self._by_head(v)  # (B, H, Lq, d/H)
            return mixed.transpose(1, 2).flatten(2)  # (B, Lq, d)
        if self.heads == 1:
            scores = torch.baddbmm(future, q, k.transpose(1, 2), alpha=q.shape[-1] ** -0.5)
            return scores.softmax(-1) @ v  # (B, Lq, d)
        q, k, v = (self._by_head(x) for x in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=future)  # (B, H, Lq, d/H)
        return mixed.transpose(1, 2).flatten(2)  # (B, Lq, d)

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, L, d/H)

    def weights(self, q: Tensor, k: Tensor, future: Tensor) -> Tensor:
        """Attention of each query ``(B, Lq, d)`` to each key ``(B, Lk, d)``: ``(B, H, Lq, Lk)``."""
        q, k = self._by_head(q), self._by_head(k)
        if self.linear:
            scores = (F.elu(q) + 1) @ (F.elu(k) + 1).transpose(-1, -2)
            scores = scores.masked_fill(future == -torch.inf, 0.0)  # all others are positive
            return scores / scores.sum(-1, keepdim=True)
        return (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + future).softmax(-1)

    def finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        x = x + self.out(mixed)  # (..., d)
        return x + self.down(F.gelu(self.up(self.norm_mlp(x))))


class Transformer(nn.Module):
    """Decoder-only transformer, with learned positions or with none.

    A node is one token; the input knows padding as well, the output does not.

    Raises
    ------
    InputError
        If a sequence is longer than ``config.max_length``.
    """

    def __init__(self, config: TransformerConfig, generator: torch.Generator | None = None):
        super().__init__()
        self.config = config
        self.n = config.n
        self.token = nn.Embedding(config.n + 2, config.width)
        if config.positions == "learned":
            self.position = nn.Embedding(config.max_length, config.width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.n + 1, bias=False)
        _draw_parameters(self, generator)

    def forward(self, tokens: Tensor, where: Tensor | None = None) -> Tensor:
        """Return logits ``(B, L, n+1)`` for tokens ``(B, L)``, or ``(M, n+1)`` at ``where``.

        ``where``, shape ``(B, L)`` bool, marks the positions to predict from: the
        last MLP and the head run on those alone.
        """
        return self._read(tokens, where, [])

    def embed(self, tokens: Tensor, at: int) -> tuple[Tensor, Tensor]:
        """Return rows ``(N, d)`` and the index ``(B, L)`` of each token's row among them.

        The rows are every token at every place when that is fewer than the
        batch has tokens: the first layer then projects each only once.
        """
        b, length = tokens.shape
        if self.config.positions == "none":
            return self.token.weight, tokens
        places = self.position.weight[at : at + length]  # (L, d)
        if len(self.token.weight) < b:
            rows = (places[:, None] + self.token.weight).flatten(0, 1)  # (L*(n+2), d)
            places = torch.arange(length, device=tokens.device)
            return rows, tokens + places * len(self.token.weight)
        rows = (self.token(tokens) + places).flatten(0, 1)  # (B*L, d)
        return rows, torch.arange(b * length, device=tokens.device).view(b, length)

    def _read(self, tokens: Tensor, where: Tensor | None, cache: list, at: int = 0) -> Tensor:
        length = tokens.shape[1]
        self._check_length(at + length)
        rows, index = self.embed(tokens, at)  # (N, d), (B, L)
        future = rows.new_full((length, at + length), -torch.inf).triu(at + 1)
        for layer, block in enumerate(self.blocks):
            q, k, v = (F.embedding(index, part) for part in block.project(rows))  # (B, L, d)
            if cache:
                memory = cache[layer]  # (B, max_length, 2, d)
                memory[:, at : at + length, 0], memory[:, at : at + length, 1] = k, v
                k, v = memory[:, : at + length].unbind(2)  # (B, at+L, d)
            mixed = block.attend(q, k, v, future)  # (B, L, d)
            if where is not None and block is self.blocks[-1]:
                flat = where.flatten().nonzero()[:, 0]  # (M,)
                mixed = mixed.flatten(0, 1).index_select(0, flat)
                x = block.finish(F.embedding(index.flatten()[flat], rows), mixed)  # (M, d)
            else:
                x = block.finish(F.embedding(index, rows), mixed)  # (B, L, d)
                rows = x.flatten(0, -2)  # (B*L, d)
                index = torch.arange(index.numel(), device=index.device).view_as(index)
        return self.head(self.norm(x))

    def _check_length(self, length: int) -> None:
        if length > self.config.max_length:
            raise InputError("tokens", f"at most {self.config.max_length} positions", length)

    def start(self, prompts: Tensor, max_length: int) -> tuple[Tensor, list]:
        """Read prompts ``(B, P)``: logits ``(B, n+1)`` of the next token, and the cache.

        The cache holds the number of tokens read and, for each layer, keys and
        values of shape ``(B, max_length, 2, d)``.
        """
        self._check_length(max_length)
        b, length = prompts.shape
        cache = [
            self.head.weight.new_empty(b, max_length, 2, self.config.width) for _ in self.blocks
        ]
        last = torch.zeros_like(prompts, dtype=torch.bool)
        last[:, -1] = True
        return self._read(prompts, last, cache), [length, *cache]

    def step(self, tokens: Tensor, cache: list) -> tuple[Tensor, list]:
        """Read one token a row ``(B,)``: logits ``(B, n+1)`` of the next, and the longer cache."""
        at = cache[0]
        return self._read(tokens[:, None], None, cache[1:], at)[:, 0], [at + 1, *cache[1:]]

    @staticmethod
    def select(cache: list, rows: Tensor) -> list:
        """Keep some rows of a cache."""
        at, kept = cache[0], []
        for memory in cache[1:]:
            part = memory.new_empty(len(rows), *memory.shape[1:])
            part[:, :at] = memory[:, :at].index_select(0, rows)
            kept.append(part)
        return [at, *kept]


@torch.no_grad()
def _draw_parameters(model: nn.Module, generator: torch.Generator | None) -> None:
    """Matrices normal with deviation 0.02, biases 0; the gains of norms stay 1."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.02, generator=generator)
        elif "bias" in name:
            parameter.zero_()


class Recurrent(nn.Module):
    """Gated recurrent units over the tokens: what a step says rests on a state of fixed size.

    Inputs and outputs as those of :class:`Transformer`.
    """

    def __init__(self, config: RecurrentConfig, generator: torch.Generator | None = None):
        super().__init__()
        self.config, self.n = config, config.n
        self.token = nn.Embedding(config.n + 2, config.width)
        self.units = nn.GRU(config.width, config.width, config.layers, batch_first=True)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.n + 1, bias=False)
        _draw_parameters(self, generator)
        with torch.no_grad():  # as torch has it: so that a gate can tell what it reads
            for name, parameter in self.units.named_parameters():
                if "weight" in name:
                    bound = config.width**-0.5
                    nn.init.uniform_(parameter, -bound, bound, generator=generator)
            nn.init.normal_(self.token.weight, generator=generator)

    def forward(self, tokens: Tensor, where: Tensor | None = None) -> Tensor:
        """Return logits ``(B, L, n+1)`` for tokens ``(B, L)``, or ``(M, n+1)`` at ``where``."""
        states, _ = self.units(self.token(tokens))  # (B, L, d)
        return self._logits(states if where is None else states[where])

    def _logits(self, states: Tensor) -> Tensor:
        return self.head(self.norm(states))

    def start(self, prompts: Tensor, max_length: int) -> tuple[Tensor, Tensor]:
        """Read prompts ``(B, P)``: logits ``(B, n+1)`` of the next token, and the state as cache."""
        states, last = self.units(self.token(prompts))  # (B, P, d), (layers, B, d)
        return self._logits(states[:, -1]), last

    def step(self, tokens: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """Read one token a row ``(B,)``: logits ``(B, n+1)`` of the next, and the state."""
        states, last = self.units(self.token(tokens[:, None]), cache)  # (B, 1, d), (layers, B, d)
        return self._logits(states[:, 0]), last

    @staticmethod
    def select(cache: Tensor, rows: Tensor) -> Tensor:
        """Keep some rows of a cache."""
        return cache[:, rows]


class Tilted(nn.Module):
    """A base policy tilted by action values: logits ``log base + values / weight``.

    The policy of soft values, at temperature 1; what it is made of is held and not copied.
    """

    def __init__(self, base: nn.Module, values: nn.Module, weight: float):
        super().__init__()
        if not weight > 0:
            raise InputError("weight", "a positive number", weight)
        if base.n != values.n:
            raise InputError("values", f"a model of the base's {base.n} nodes", values.n)
        self.n, self.weight = base.n, weight
        self.base, self.values = base, values

    def _logits(self, base: Tensor, values: Tensor) -> Tensor:
        log_base = base.log_softmax(-1)  # (..., n+1)
        never = log_base == -torch.inf
        return log_base + (values / self.weight).masked_fill(never, 0.0)

    def forward(self, tokens: Tensor, where: Tensor | None = None) -> Tensor:
        """Return logits ``(B, L, n+1)`` for tokens ``(B, L)``, or ``(M, n+1)`` at ``where``."""
        return self._logits(self.base(tokens, where), self.values(tokens, where))

    def start(self, prompts: Tensor, max_length: int) -> tuple[Tensor, tuple]:
        """Read prompts ``(B, P)``: logits ``(B, n+1)`` of the next token, and both caches."""
        base, values = (m.start(prompts, max_length) for m in (self.base, self.values))
        return self._logits(base[0], values[0]), (base[1], values[1])

    def step(self, tokens: Tensor, cache: tuple) -> tuple[Tensor, tuple]:
        """Read one token a row ``(B,)``: logits ``(B, n+1)`` of the next, and both caches."""
        pairs = zip((self.base, self.values), cache, strict=True)
        base, values = (m.step(tokens, part) for m, part in pairs)
        return self._logits(base[0], values[0]), (base[1], values[1])

    def select(self, cache: tuple, rows: Tensor) -> tuple:
        """Keep some rows of both caches."""
        return self.base.select(cache[0], rows), self.values.select(cache[1], rows)


_NETWORKS = {TransformerConfig: Transformer, RecurrentConfig: Recurrent}


def make_network(
    config: TransformerConfig | RecurrentConfig, generator: torch.Generator | None = None
) -> Transformer | Recurrent:
    """Make the network of a configuration, its parameters drawn with the generator."""
    return _NETWORKS[type(config)](config, generator)


def model_spec(model: nn.Module) -> dict:
    """Describe a model's kind and size, enough for :func:`build_model` to make its like."""
    size = asdict(model.config) if hasattr(model, "config") else {"n": model.n}
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    return {"kind": type(model).__name__, "dtype": dtype, **size}


def build_model(spec: dict, generator: torch.Generator | None = None) -> nn.Module:
    """Make the model that :func:`model_spec` describes, with fresh parameters.

    Raises
    ------
    InputError
        If the kind or the type of its numbers is unknown.
    """
    size = {k: v for k, v in spec.items() if k not in ("kind", "dtype")}
    dtype = getattr(torch, str(spec.get("dtype", "float32")), None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise InputError("dtype", "a floating-point type of torch", repr(spec.get("dtype")))
    drawn = {config.__name__.removesuffix("Config"): config for config in _NETWORKS}
    if spec.get("kind") in drawn:
        return make_network(drawn[spec["kind"]](**size), generator).to(dtype)
    tables = {"TabularModel": TabularModel, "LinearTransformer": LinearTransformer}
    if spec.get("kind") not in tables:
        raise InputError("kind", f"one of {sorted({**drawn, **tables})}", spec.get("kind"))
    return tables[spec["kind"]](size["n"], dtype)
