"""What training costs as the graph, the batch and the number of models grow.

Each case runs in a process of its own, so that the peak of its memory is its own; the
figures go to `growth.json`, which the book draws.  Rates compare within one run only.  With
``--device cuda`` they are those of a GPU, and go to `growth-cuda.json`.
"""

from __future__ import annotations

import argparse
import json
import os
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
from planlib.study import check_device
from planlib.task import encode, needed_length, random_paths
from planlib.train import (
    PolicyGradientConfig,
    SFTConfig,
    train_policy_gradient,
    train_sft,
)

FOLDER = Path(__file__).parent
DEGREE = 15  # mean number of nodes joined to a node: the edge probability falls with n
STEPS = 10  # updates a call, so that its beginning does not count
SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000)
CASES = [
    *({"job": job, "n": n, "batch": 512} for job in ("SFT", "PG") for n in SIZES),
    *({"job": job, "n": 100, "batch": b} for job in ("SFT", "PG") for b in (128, 2048)),
    *(
        {"job": job, "n": n, "batch": b, "models": m}
        for n, b in ((100, 16), (100, 512), (1000, 512))
        for m in ((1, 2, 5) if n == 100 else (5,))
        for job in ("one by one", "together")
    ),
]
# Five models together, without shared prefixes: more than 24 GB, which a GPU may have.
ON_A_GPU = [
    {"job": job, "n": 10_000, "batch": 512, "models": 5} for job in ("one by one", "together")
]


def measure(case: dict, seconds: float, device: str) -> dict:
    """Train for about ``seconds``; return sequences a second, peak memory and that of the graph in MB.

    The peak is the process's, and on a GPU that of its own memory.
    """
    n, batch, count = case["n"], case["batch"], case.get("models", 1)
    graph = erdos_renyi(n, DEGREE / n, True, 0)
    pairs = np.random.default_rng(0).permutation(graph.reachable_pairs())[:2000]
    data = encode(random_paths(graph, np.repeat(pairs, 5, axis=0), np.random.default_rng(0)), n)
    draws = [torch.Generator().manual_seed(s) for s in range(count)]
    longest = max(data.shape[1] + 16, needed_length(graph, pairs))
    size = TransformerConfig(n, max_length=longest)
    models = [Transformer(size, g).to(device) for g in draws]
    before = _peak("cpu")
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
    rate = STEPS * batch * count / float(np.median(times))
    figures = {"sequences_a_second": round(rate), "peak_mb": round(_peak(device))}
    return case | figures | {"before_training_mb": round(before)}


def _peak(device: str) -> float:
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return torch.cuda.max_memory_allocated(device) / 2**20


def main() -> None:
    """Measure every case and store the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=5.0, help="of training a case")
    parser.add_argument("--device", default="cpu", help="where the models are: cpu or cuda")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case, options.seconds, options.device)))
        return
    name = check_device(options.device)
    found = []
    for case in tqdm(CASES if options.device == "cpu" else CASES + ON_A_GPU):
        command = [sys.executable, __file__, "--case", json.dumps(case)]
        command += ["--seconds", str(options.seconds), "--device", options.device]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    machine = {
        "device": f"{name}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "made": time.strftime("%Y-%m-%d"),
    }
    result = FOLDER / ("growth.json" if options.device == "cpu" else "growth-cuda.json")
    result.write_text(json.dumps({"machine": machine, "cases": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
