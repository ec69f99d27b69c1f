"""Speed of planlib against a plain baseline, as ratios within one run.

``python benchmarks/speed.py`` prints the table, with ``--tricks`` what each
trick is worth, one switched off at a time.

Both sides are the paper's model on the paper's graph.  Each line alternates
between the two sides and takes the median of its rounds, so that a noisy
machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import copy
import platform
import statistics
import sys
import time
from collections.abc import Callable

import baseline
import numpy as np
import torch

from planlib import losses, metrics, models, rollout, studies, study, task, train
from planlib.models import Transformer, TransformerConfig

ROUNDS, SECONDS = 3, 2.5


def rate(work: Callable[[], int], seconds: float = SECONDS) -> float:
    """Units of work a second."""
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        done += work()
    return done / (time.perf_counter() - began)


def compare(ours: Callable[[], int], plain: Callable[[], int]) -> tuple[float, float]:
    """Median rates of both, in alternating rounds after a warm-up."""
    ours(), plain()
    rounds = [(rate(ours), rate(plain)) for _ in range(ROUNDS)]
    return tuple(statistics.median(side) for side in zip(*rounds, strict=True))


def sgemm() -> float:
    """The machine's own matrix peak, in GFLOP/s: 2048 cubed in float32."""
    a = torch.randn(2048, 2048)
    return rate(lambda: (a @ a, 1)[1], 2.0) * 2 * 2048**3 / 1e9


def convert(model: Transformer) -> baseline.PlainTransformer:
    """The plain model with the same parameters, so that both write paths of the same length."""
    plain = baseline.PlainTransformer(model.config)
    layer, block = plain.encoder.layers[0], model.blocks[0]
    with torch.no_grad():
        attention = layer.self_attn
        parts = (block.query, block.key, block.value)
        attention.in_proj_weight.copy_(torch.cat([x.weight for x in parts]))
        attention.in_proj_bias.copy_(torch.cat([x.bias for x in parts]))
        for theirs, mine in (
            (attention.out_proj, block.out),
            (layer.linear1, block.up),
            (layer.linear2, block.down),
            (layer.norm1, block.norm_attention),
            (layer.norm2, block.norm_mlp),
            (plain.norm, model.norm),
            (plain.token, model.token),
            (plain.position, model.position),
        ):
            theirs.load_state_dict(mine.state_dict())
        plain.head.weight[: model.n + 1] = model.head.weight
        plain.head.weight[model.n + 1] = 0
    return plain


class Jobs:
    """The jobs of the table, ours and plain."""

    def __init__(self):
        self.run = study.load_run(studies.RunConfig())
        self.graph, self.split = self.run.task.graph, self.run.task.split
        self.data = torch.as_tensor(self.run.task.data)
        self.pairs = torch.as_tensor(self.split.train_pairs)
        self.generator = torch.Generator().manual_seed(0)
        self.model = self.run.model
        self.plain = convert(self.model)
        check = self.data[:8, :8]
        gap = (self.plain(check)[..., :-1] - self.model(check)).abs().max().item()
        if gap > 1e-3:
            sys.exit(f"the two models differ by {gap}: the comparison would mean nothing")

    def sft(self, batch_size: int) -> Callable[[], int]:
        model = copy.deepcopy(self.model)
        config = train.SFTConfig(steps=10, batch_size=batch_size, learning_rate=1e-4)

        def work():
            train.train_sft(model, self.data, config, self.generator, progress=False)
            return config.steps * batch_size

        return work

    def plain_sft(self) -> Callable[[], int]:
        model = copy.deepcopy(self.plain).train()
        optimizer = torch.optim.Adam(model.parameters(), 1e-4)
        data = baseline.pad(self.data, model.n)

        def work():
            rows = torch.randint(len(data), (baseline.BATCH,), generator=self.generator)
            baseline.sft_step(model, optimizer, data[rows])
            return baseline.BATCH

        return work

    def sampling(self) -> Callable[[], int]:
        chosen = self.pairs[torch.randperm(len(self.pairs), generator=self.generator)[:200]]
        return lambda: len(rollout.sample(self.model, chosen, self.generator, samples=20))

    def plain_sampling(self) -> Callable[[], int]:
        def work():
            source, target = self.pairs[torch.randint(len(self.pairs), (1,))][0].tolist()
            baseline.sample_one(self.plain, source, target)
            return 1

        return work

    def policy_gradient(self) -> Callable[[], int]:
        return self._rollouts(train.train_policy_gradient, train.PolicyGradientConfig)

    def grpo(self) -> Callable[[], int]:
        return self._rollouts(train.train_grpo, train.GRPOConfig)

    def _rollouts(self, loop: Callable, kind: type) -> Callable[[], int]:
        model = copy.deepcopy(self.model)
        config = kind(steps=10, batch_size=512, learning_rate=1e-5)

        def work():
            loop(model, self.graph, self.pairs, config, self.generator, progress=False)
            return config.steps * config.batch_size

        return work

    def plain_policy_gradient(self) -> Callable[[], int]:
        model = copy.deepcopy(self.plain).train()
        optimizer = torch.optim.Adam(model.parameters(), 1e-5)

        def work():
            rows = torch.randint(len(self.pairs), (baseline.BATCH,), generator=self.generator)
            baseline.policy_gradient_step(model, optimizer, self.graph, self.pairs[rows].tolist())
            return baseline.BATCH

        return work


def table() -> None:
    """Print the table."""
    jobs = Jobs()
    peak = sgemm()
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"sgemm 2048^3: {peak:,.0f} GFLOP/s\n")
    print(f"{'job':34} {'planlib /s':>11} {'plain /s':>10} {'ratio':>7} {'goal':>6}")
    for name, ours, plain, goal in (
        ("SFT sequences, batch 4096", jobs.sft(4096), jobs.plain_sft(), 10),
        ("SFT sequences, batch 2048", jobs.sft(2048), jobs.plain_sft(), 10),
        ("SFT sequences, batch 512", jobs.sft(512), jobs.plain_sft(), 10),
        ("sampled paths", jobs.sampling(), jobs.plain_sampling(), 200),
        (
            "policy-gradient rollouts",
            jobs.policy_gradient(),
            jobs.plain_policy_gradient(),
            100,
        ),
        # A plain GRPO step writes its sequences one by one as well: that is what it costs.
        ("GRPO rollouts, groups of 8", jobs.grpo(), jobs.plain_policy_gradient(), 100),
    ):
        a, b = compare(ours, plain)
        print(f"{name:34} {a:>11,.0f} {b:>10,.0f} {a / b:>7,.1f} {goal:>6}", flush=True)
    print(f"sgemm after: {sgemm():,.0f} GFLOP/s\n")

    every = jobs.graph.reachable_pairs()
    began = time.perf_counter()
    found = metrics.distinct_paths(jobs.model, jobs.graph, every, jobs.generator)
    seconds = time.perf_counter() - began
    print(
        f"diversity, 100 samples of {len(every)} pairs: {seconds:.1f} s (goal 10), {found.mean():.1f}"
    )

    began = time.perf_counter()
    fresh = study.train_run(studies.RunConfig(), progress=False)
    seconds = time.perf_counter() - began
    print(
        f"training and measuring: {seconds:.1f} s (goal 30 for the training), "
        f"greedy test accuracy {fresh.metrics['greedy_test']:.3f} (goal 0.98)"
    )


def tricks() -> None:
    """Print what each trick is worth: its job with the trick off, as a share of with it on."""
    jobs = Jobs()
    size = TransformerConfig(100)

    def every_prefix(model, tokens, steps):
        logits = model(tokens, torch.nn.functional.pad(steps, (0, 1)))
        chosen = -torch.nn.functional.cross_entropy(logits, tokens[:, 1:][steps], reduction="none")
        return torch.zeros_like(steps, dtype=chosen.dtype).masked_scatter(steps, chosen)

    def every_token(self, tokens, at):
        b, length = tokens.shape
        rows = self.token(tokens) + self.position.weight[at : at + length]
        return rows.flatten(0, 1), torch.arange(b * length).view(b, length)

    def by_multinomial(logits, generator):
        return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]

    def loss_on_prompt(tokens, n):
        return np.asarray(tokens)[:, 1:] != task.pad_token(n)

    print(f"{size}\n{'trick':44} {'job':10} {'with /s':>9} {'without /s':>10} {'gain':>6}")
    for name, job, where, attribute, off in (
        ("one prediction a distinct prefix", "SFT", losses, "path_log_probs", every_prefix),
        ("first layer once a (token, place)", "SFT", models.Transformer, "embed", every_token),
        ("micro-batches of similar length", "SFT", train, "MICRO_BATCH", 10**9),
        ("no loss on the prompt", "SFT", task, "path_steps", loss_on_prompt),
        (
            "first layer once a (token, place)",
            "sampling",
            models.Transformer,
            "embed",
            every_token,
        ),
        ("inverse CDF instead of multinomial", "sampling", rollout, "draw", by_multinomial),
        ("1,024 rows at once, not 100,000", "sampling", rollout, "CHUNK", 10**5),
    ):
        on = getattr(where, attribute)
        work = jobs.sft(2048) if job == "SFT" else jobs.sampling()

        def switched(off=off, where=where, attribute=attribute, on=on, work=work):
            setattr(where, attribute, off)
            try:
                return work()
            finally:
                setattr(where, attribute, on)

        a, b = compare(work, switched)
        print(f"{name:44} {job:10} {a:>9,.0f} {b:>10,.0f} {a / b:>6.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tricks", action="store_true", help="what each trick is worth")
    tricks() if parser.parse_args().tricks else table()
