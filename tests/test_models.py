import numpy as np
import pytest
import torch
from conftest import random_models
from torch.nn import functional as F

from planlib import losses, task
from planlib.graph import InputError
from planlib.models import (
    LinearTransformer,
    Recurrent,
    RecurrentConfig,
    TabularModel,
    Tilted,
    Transformer,
    TransformerConfig,
    build_model,
    model_spec,
)
from planlib.rollout import draw, sample
from planlib.task import Outcome, check_sequences


def plain_transformer(model, tokens):
    """The same network once more, position by position, without tables, packing or cache."""
    out = []
    for row in tokens:
        x = model.token.weight[row]
        if model.config.positions == "learned":
            x = x + model.position.weight[: len(row)]
        for block in model.blocks:
            h = block.norm_attention(x)
            q, k, v = block.query(h), block.key(h), block.value(h)
            size = q.shape[1] // block.heads
            mixed = torch.zeros_like(q)
            for head in range(block.heads):
                part = slice(head * size, (head + 1) * size)
                state, total = (
                    torch.zeros(size, size, dtype=x.dtype),
                    torch.zeros(size, dtype=x.dtype),
                )
                for m in range(len(row)):
                    if model.config.attention == "linear":  # carried along, never looked back at
                        state = state + torch.outer(positive(k[m, part]), v[m, part])
                        total = total + positive(k[m, part])
                        mixed[m, part] = (
                            positive(q[m, part]) @ state / (positive(q[m, part]) @ total)
                        )
                        continue
                    scores = k[: m + 1, part] @ q[m, part] / size**0.5
                    mixed[m, part] = scores.softmax(0) @ v[: m + 1, part]
            x = x + block.out(mixed)
            x = x + block.down(F.gelu(block.up(block.norm_mlp(x))))
        out.append(model.head(model.norm(x)))
    return torch.stack(out)


def positive(x):
    return torch.where(x > 0, x + 1, x.exp())


@pytest.mark.parametrize("batch", [4, 40])  # fewer and more rows than tokens of the vocabulary
@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (2, 2)])
@pytest.mark.parametrize("positions", ["learned", "none"])
@pytest.mark.parametrize("attention", ["softmax", "linear"])
def test_fast_transformer_is_the_plain_one(batch, layers, heads, positions, attention, generator):
    size = {"layers": layers, "heads": heads, "width": 8, "max_length": 12}
    config = TransformerConfig(10, positions=positions, attention=attention, **size)
    model = Transformer(config, generator).double()
    tokens = torch.randint(12, (batch, 7), generator=generator)
    expected = plain_transformer(model, tokens)
    assert torch.allclose(model(tokens), expected, atol=1e-12)
    where = torch.rand(batch, 7, generator=generator) < 0.4
    assert torch.allclose(model(tokens, where), expected[where], atol=1e-12)


@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_network_is_the_gates_by_hand(layers, generator):
    """Gated recurrent units as Cho et al. (arXiv 1406.1078) and torch's documentation have them."""
    model = Recurrent(RecurrentConfig(6, layers=layers, width=5), generator).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.double))
    tokens = torch.randint(8, (3, 7), generator=generator)
    rows = []
    for row in tokens:
        x = model.token.weight[row]
        for layer in range(layers):
            named = {name: p for name, p in model.units.named_parameters()}
            w, u, b, c = (
                named[f"{k}_l{layer}"] for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            h, states = torch.zeros(5, dtype=torch.double), []
            for m in range(len(row)):
                reads, keeps = (w @ x[m] + b).view(3, 5), (u @ h + c).view(3, 5)
                reset, update = (reads[i] + keeps[i] for i in (0, 1))
                new = (reads[2] + reset.sigmoid() * keeps[2]).tanh()
                h = (1 - update.sigmoid()) * new + update.sigmoid() * h
                states.append(h)
            x = torch.stack(states)
        rows.append(model.head(model.norm(x)))
    assert torch.allclose(model(tokens), torch.stack(rows), atol=1e-12)


def test_a_recurrent_network_reads_on_where_no_transformer_can():
    short, recurrent = random_models(6)[2], random_models(6)[-1]
    long = torch.randint(6, (2, 40), generator=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match="positions"):
        short(long)
    assert recurrent(long).shape == (2, 40, 7)


def test_without_positions_the_order_of_what_came_before_is_lost(generator):
    tokens = torch.tensor([[1, 2, 1, 3, 4]])
    moved = torch.tensor([[3, 1, 2, 1, 4]])
    for positions, same in (("none", True), ("learned", False)):
        config = TransformerConfig(6, width=8, max_length=8, positions=positions)
        model = Transformer(config, generator).double()
        assert torch.allclose(model(tokens)[:, -1], model(moved)[:, -1], atol=1e-12) == same


@pytest.mark.parametrize("kind", range(len(random_models(4))))
def test_cache_gives_what_the_whole_prefix_gives(kind, generator):
    model = random_models(6)[kind].double()
    tokens = torch.randint(6, (30, 8), generator=generator)
    tokens[:, 2] = tokens[:, 0]
    logits, cache = model.start(tokens[:, :3], 8)
    for at in range(3, 8):
        whole = model(tokens[:, :at])[:, -1]
        assert torch.allclose(logits, whole, atol=1e-10)
        if at == 5:  # half of the rows leave
            rows = torch.arange(0, 30, 2)
            cache, tokens = model.select(cache, rows), tokens[rows]
        logits, cache = model.step(tokens[:, at], cache)


@pytest.mark.parametrize("kind", range(len(random_models(4))))
def test_log_probs_once_a_prefix_are_the_plain_ones(kind, ten, generator):
    model = random_models(10)[kind].double()
    split = task.split_pairs(ten, 0.3, 0)
    tokens = torch.as_tensor(task.sft_dataset(ten, split, 4, 0))
    steps = torch.as_tensor(task.path_steps(tokens, 10))
    fast = losses.path_log_probs(model, tokens, steps)
    logits = model(tokens[:, :-1])
    following = tokens[:, 1:].clamp(max=10)
    plain = logits.log_softmax(-1).gather(-1, following[..., None])[..., 0]
    assert torch.allclose(fast, torch.where(steps, plain, 0.0), atol=1e-10)
    assert (fast[~steps] == 0).all()
    weights = torch.rand(fast.shape, generator=generator).double() * steps
    gradients = [
        torch.autograd.grad((x * weights)[steps].sum(), list(model.parameters()), allow_unused=True)
        for x in (fast, plain)
    ]
    for a, b in zip(*gradients, strict=True):
        assert (a is None and b is None) or torch.allclose(a, b, atol=1e-9)


def test_prefix_keys_tell_prefixes_apart():
    tokens = torch.cartesian_prod(*[torch.arange(6)] * 5)
    keys = losses.prefix_keys(tokens)
    for length in range(1, 6):
        assert len(keys[:, length - 1].unique()) == 6**length


def test_tabular_and_linear_rows_by_hand():
    table, linear = TabularModel(3), LinearTransformer(3)
    with torch.no_grad():
        table.f[2, 0] = torch.tensor([1.0, 2.0, 3.0])
        linear.wm[0] = torch.tensor([1.0, 0.0, 0.0])
        linear.wv[2] = torch.tensor([0.0, 5.0, 0.0])
    tokens = torch.tensor([[0, 2, 0, 2]])
    assert table(tokens)[0, 2].tolist() == [1, 2, 3, -torch.inf]
    assert linear(tokens)[0, 2].tolist() == [1, 5, 0, -torch.inf]
    assert table(tokens)[0, 3].tolist() == [-torch.inf] * 3 + [1]  # at the target: the end


def test_draw_follows_the_softmax_and_never_takes_probability_zero(generator):
    logits = torch.tensor([[-torch.inf, 0.0, 1.0, -torch.inf, 2.0, -torch.inf]]).repeat(60000, 1)
    counts = torch.bincount(draw(logits, generator), minlength=6) / 60000
    expected = logits[0].softmax(0)
    assert counts[[0, 3, 5]].sum() == 0
    assert (counts - expected).abs().max() < 0.01


@pytest.mark.parametrize("kind", range(len(random_models(4))))
def test_sampling_matches_exact_path_probabilities(kind, triangle, generator):
    from planlib import exact

    model = random_models(3)[kind]
    tokens = sample(model, [(0, 2)], generator, samples=20000, max_length=8)
    correct = check_sequences(triangle, tokens) == Outcome.CORRECT
    if kind < 2:  # a table: the whole distribution over paths is known
        i, j = torch.meshgrid(torch.arange(3), torch.arange(3), indexing="ij")
        policy = model.rows(i, j).softmax(-1).tolist()
        paths = exact.path_probabilities(triangle.adjacency.tolist(), policy, 0, 2, 5)
        for path, probability in paths.items():
            wanted = torch.tensor([0, 2, *path, 3])
            match = (tokens[:, : len(wanted)] == wanted).all(1).double().mean()
            assert abs(match - probability) < 0.02
        assert abs(correct.mean() - sum(paths.values())) < 0.02
    else:
        assert 0 < correct.mean() < 1


def test_sampling_options(generator):
    model = random_models(6)[2]
    pairs = [(0, 5), (1, 4)]
    greedy = sample(model, pairs, generator, greedy=True, samples=3, max_length=10)
    assert (greedy[:3] == greedy[0]).all() and (greedy[3:] == greedy[3]).all()
    cold = sample(model, pairs, generator, temperature=1e-4, samples=3, max_length=10)
    assert torch.equal(cold, greedy)
    wild = sample(model, pairs, generator, epsilon=1.0, samples=3000, max_length=4)
    assert np.abs(np.bincount(wild[:, 3], minlength=6) / 6000 - 1 / 6).max() < 0.03
    first, again, other = (
        sample(model, pairs, torch.Generator().manual_seed(s), samples=50, max_length=10)
        for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.equal(first, other)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("temperature", 0.0),
        ("temperature", -1.0),
        ("temperature", float("nan")),
        ("epsilon", 1.5),
        ("samples", 0),
        ("max_length", 3),
    ],
)
def test_bad_sampling(option, value, generator):
    with pytest.raises(InputError, match=option):
        sample(TabularModel(3), [(0, 2)], generator, **{option: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 1),
        ("layers", 0),
        ("heads", 7),
        ("heads", 0),
        ("width", 0),
        ("max_length", 3),
        ("positions", "some"),
        ("attention", "none"),
    ],
)
def test_bad_sizes(field, value):
    with pytest.raises(InputError, match=field):
        TransformerConfig(**{"n": 10, field: value})
    if field in ("n", "layers", "width"):
        with pytest.raises(InputError, match=field):
            RecurrentConfig(**{"n": 10, field: value})


def test_too_long_a_sequence_is_refused():
    model = random_models(6)[2]
    with pytest.raises(InputError, match="at most 16 positions"):
        model(torch.zeros(1, 17, dtype=torch.long))
    with pytest.raises(InputError, match="at most 16"):
        model.start(torch.zeros(1, 3, dtype=torch.long), 17)


def test_models_are_rebuilt_from_their_description():
    for model in random_models(5):
        again = build_model(model_spec(model))
        assert model_spec(again) == model_spec(model)
        assert [p.shape for p in again.parameters()] == [p.shape for p in model.parameters()]
    with pytest.raises(InputError, match="kind"):
        build_model({"kind": "Mamba"})
    with pytest.raises(InputError, match="n"):
        TabularModel(1)


def test_logits_that_are_no_numbers_are_refused(generator):
    for bad in (torch.nan, torch.inf):
        with pytest.raises(InputError, match="logits"):
            draw(torch.tensor([[0.0, 1.0], [0.0, bad]]), generator)
    with pytest.raises(InputError, match="logits"):
        draw(torch.full((2, 3), -torch.inf), generator)
    model = TabularModel(3)
    with torch.no_grad():
        model.f[2, 0, 1] = torch.nan
    for greedy in (True, False):
        with pytest.raises(InputError, match="logits"):
            sample(model, [(0, 2)], generator, greedy=greedy)


@pytest.mark.parametrize("temperature", [1e-40, 1e-46, 5e-324])
def test_a_temperature_near_zero_is_greedy(temperature, generator):
    logits = torch.tensor([[-3.0, -1.0, -2.0, -torch.inf]]).repeat(50, 1)
    assert (draw(logits, generator, temperature) == 1).all()
    tied = torch.tensor([[2.0, 2.0, 1.0]]).repeat(200, 1)
    assert draw(tied, generator, temperature).unique().tolist() == [0, 1]


def test_equal_logits_in_half_precision_are_drawn_alike(generator):
    for dtype in (torch.bfloat16, torch.float16):
        counts = torch.bincount(
            draw(torch.zeros(60000, 300, dtype=dtype), generator), minlength=300
        )
        assert 120 < counts.min() and counts.max() < 280  # 200 each; five standard deviations


def test_pairs_of_other_nodes_are_not_sampled(generator):
    for pairs in ([(0, 3)], [(-1, 2)], [(0.7, 2.0)], [0, 2]):
        with pytest.raises(task.ProblemError):
            sample(TabularModel(3), pairs, generator)


def test_sizes_are_plain_numbers():
    one = TransformerConfig(np.int64(10), width=np.array(16))
    assert type(one.n) is int and one == TransformerConfig(10, width=16)
    for bad in (10.0, True, float("nan"), "10"):
        with pytest.raises(InputError, match="n: expected an integer"):
            TransformerConfig(bad)
        with pytest.raises(InputError, match="n: expected an integer"):
            TabularModel(bad)
    with pytest.raises(InputError, match="dtype"):
        build_model({"kind": "TabularModel", "n": 3, "dtype": "load"})


def test_a_tilted_policy_reads_as_its_parts_do():
    """Step by step as at once; by hand; and one with values 0 is its base."""
    first, second = (
        Transformer(TransformerConfig(5, width=8, max_length=9), torch.Generator().manual_seed(s))
        for s in (1, 2)
    )
    with torch.no_grad():
        second.head.weight.mul_(30)
    tilted = Tilted(first, second, 0.4)
    tokens = torch.tensor([[0, 4, 0, 2, 3, 4], [1, 3, 1, 0, 2, 3]])
    whole = tilted(tokens)
    by_hand = first(tokens).softmax(-1) * (second(tokens) / 0.4).exp()
    assert torch.allclose(whole.softmax(-1), by_hand / by_hand.sum(-1, keepdim=True), atol=1e-5)
    logits, cache = tilted.start(tokens[:, :3], 9)
    assert torch.allclose(logits, whole[:, 2], atol=1e-5)
    cache = tilted.select(cache, torch.tensor([1, 0]))
    for at in range(3, 6):
        logits, cache = tilted.step(tokens[[1, 0], at], cache)
        assert torch.allclose(logits, whole[[1, 0], at], atol=1e-5)
    assert not torch.allclose(whole.softmax(-1), first(tokens).softmax(-1), atol=1e-2)
    table, zeros = TabularModel(5), TabularModel(5)
    assert torch.equal(Tilted(table, zeros, 1.0)(tokens).softmax(-1), table(tokens).softmax(-1))
    for wrong, name in (((table, zeros, 0.0), "weight"), ((table, TabularModel(4), 1.0), "values")):
        with pytest.raises(InputError, match=name):
            Tilted(*wrong)
