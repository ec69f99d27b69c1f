"""What training costs as the graph, the batch and the number of models grow.

Each case runs in a process of its own, so that the peak of its memory is its own; the
figures go to `growth.json`, which the book draws.  Rates compare within one run only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from together import train_sft_together
from tqdm.auto import tqdm

from planlib.graph import erdos_renyi
from planlib.models import Transformer, TransformerConfig
from planlib.task import encode, random_paths
from planlib.train import (
    PolicyGradientConfig,
    SFTConfig,
    train_policy_gradient,
    train_sft,
)

RESULT = Path(__file__).with_name("growth.json")
DEGREE = 15  # mean number of nodes joined to a node: the edge probability falls with n
STEPS = 10  # updates a call, so that its beginning does not count
CASES = [
    *({"job": job, "n": n, "batch": 512} for job in ("SFT", "PG") for n in (100, 200, 500, 1000)),
    *({"job": job, "n": 100, "batch": b} for job in ("SFT", "PG") for b in (128, 2048)),
    *(
        {"job": job, "n": 100, "batch": b, "models": m}
        for b in (16, 512)
        for m in (1, 2, 5)
        for job in ("one by one", "together")
    ),
]


def measure(case: dict, seconds: float) -> dict:
    """Train for about ``seconds`` and return sequences a second and peak memory in MB."""
    n, batch, count = case["n"], case["batch"], case.get("models", 1)
    graph = erdos_renyi(n, DEGREE / n, True, 0)
    pairs = np.random.default_rng(0).permutation(graph.reachable_pairs())[:2000]
    data = encode(random_paths(graph, np.repeat(pairs, 5, axis=0), np.random.default_rng(0)), n)
    draws = [torch.Generator().manual_seed(s) for s in range(count)]
    size = TransformerConfig(n, max_length=data.shape[1] + 16)
    models = [Transformer(size, g) for g in draws]
    sft = SFTConfig(steps=STEPS, batch_size=batch, learning_rate=1e-4)
    pg = PolicyGradientConfig(steps=STEPS, batch_size=batch, max_length=size.max_length)

    def update():
        if case["job"] == "together":
            train_sft_together(models, [data] * count, sft, draws)
        elif case["job"] == "PG":
            train_policy_gradient(models[0], graph, pairs, pg, draws[0], progress=False)
        else:
            for model, draw in zip(models, draws, strict=True):
                train_sft(model, data, sft, draw, progress=False)

    update()
    times = []
    while sum(times) < seconds:
        began = time.perf_counter()
        update()
        times.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = STEPS * batch * count / float(np.median(times))
    return case | {"sequences_a_second": round(rate), "peak_mb": round(peak)}


def main() -> None:
    """Measure every case and store the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=5.0, help="of training a case")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case, options.seconds)))
        return
    found = []
    for case in tqdm(CASES):
        command = [sys.executable, __file__, "--case", json.dumps(case)]
        command += ["--seconds", str(options.seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    machine = {
        "device": f"cpu, {platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "made": time.strftime("%Y-%m-%d"),
    }
    RESULT.write_text(json.dumps({"machine": machine, "cases": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
