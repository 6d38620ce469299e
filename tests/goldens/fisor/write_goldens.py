"""Writes the FISOR goldens: what the authors' JAX agent computes from given parameters, a given batch and given noise.

    python write_goldens.py --fisor <checkout of ZhengYinan-AIR/FISOR>

README.md beside this file says what the files hold. The authors' code is imported from the checkout, never copied;
what their versions of gym, flax and jax had and ours do not is bridged below, in `import_fisor`.
"""
import argparse
import contextlib
import hashlib
import importlib
import json
import pathlib
import sys
from functools import partial
from unittest import mock

import flax
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.core import unfreeze
from flax.training.train_state import TrainState

HERE = pathlib.Path(__file__).parent

# Sizes. Widths are small so that the files are; everything else is the authors' configuration except 2 blocks for 3.
OBSERVATION, ACTION, ROWS, HALF, SAMPLES, T, UPDATES = 5, 2, 32, 16, 16, 5, 3
TIME, CONDITION, HIDDEN, BLOCKS, CRITIC, DROPOUT = 8, 12, 16, 2, 12, 0.1
DRAW_SEED = 34  # of parameters and batch: one that reaches every branch, see check_coverage
PHILOX_SEED, SAMPLER_STREAM = 7, 2


def first_stream(update, step):
    """Philox stream of block 0's dropout mask in actor step 0 or 1 of an update."""
    return 1000 + 100 * (2 * update + step)


# ---- The authors' code -----------------------------------------------------------------------------------------------

def import_fisor(checkout):
    """The authors' fisor module with shrunk networks, and their configuration of the agent."""
    sys.path.insert(0, str(checkout))
    sys.modules["gym"], sys.modules["gym.utils"] = gymnasium, gymnasium.utils
    fisor = importlib.import_module("jaxrl5.agents.fisor.fisor")
    networks = importlib.import_module("jaxrl5.networks")

    # flax returns plain dicts now, so the mask of weight decay must be one too
    fisor.get_weight_decay_mask = lambda parameters: unfreeze(networks.get_weight_decay_mask(parameters))
    # widths that the authors' `create` does not let one choose
    fisor.MLPResNet = partial(networks.MLPResNet, hidden_dim=HIDDEN)
    fisor.MLP = lambda hidden_dims, **rest: networks.MLP(
        hidden_dims=(CONDITION, CONDITION) if hidden_dims == (128, 128) else hidden_dims, **rest)

    config = importlib.import_module("configs.train_config").get_config("fisor")["agent_kwargs"].to_dict()
    config.pop("model_cls")
    config |= dict(actor_num_blocks=BLOCKS, critic_hidden_dims=(CRITIC, CRITIC), time_dim=TIME)
    assert config["actor_dropout_rate"] == DROPOUT and config["T"] == T and config["N"] == SAMPLES
    return fisor, config


def dense(path):
    return [(".weight", path + ("kernel",)), (".bias", path + ("bias",))]


def named(name, layers):
    """[(our name, flax path)] in the order in which our constructors register them."""
    return [(f"{name}.{layer}{suffix}", path) for layer, pairs in layers for suffix, path in pairs]


def network_tables():
    trunk = "MLP_0"
    block = lambda b: f"MLPResNetBlock_{b}"
    net = [("net.input", dense(("MLPResNet_0", "Dense_0")))]
    for b in range(BLOCKS):
        at = ("MLPResNet_0", block(b))
        net += [(f"net.blocks.{b}.norm", [(".scale", at + ("LayerNorm_0", "scale")), (".bias", at + ("LayerNorm_0", "bias"))]),
                (f"net.blocks.{b}.dense0", dense(at + ("Dense_0",))), (f"net.blocks.{b}.dense1", dense(at + ("Dense_1",)))]
    net += [("net.output", dense(("MLPResNet_0", "Dense_1")))]
    actor = [("time", [(".frequencies", ("FourierFeatures_0", "kernel"))]),
             ("condition.dense0", dense((trunk, "Dense_0"))), ("condition.dense1", dense((trunk, "Dense_1")))] + net
    pair = "VmapStateActionValue_0"
    critic = [("dense0", dense((pair, trunk, "Dense_0"))), ("dense1", dense((pair, trunk, "Dense_1"))),
              ("output", dense((pair, "Dense_0")))]
    value = [("dense0", dense((trunk, "Dense_0"))), ("dense1", dense((trunk, "Dense_1"))), ("output", dense(("OutputVDense",)))]
    return {"actor": actor, "reward_critic": critic, "safety_critic": critic, "reward_value": value, "safety_value": value}


# Our name of each network, and the agent's field that holds it.
ONLINE = {"actor": "score_model", "reward_critic": "critic", "safety_critic": "safe_critic", "reward_value": "value",
          "safety_value": "safe_value"}
TARGET = {"actor": "target_score_model", "reward_critic": "target_critic", "safety_critic": "safe_target_critic"}


def flatten(parameters, name, prefix=""):
    """{our name: array} of one network's tree, in our order."""
    flat = flax.traverse_util.flatten_dict(unfreeze(parameters))
    table = named(name, network_tables()[name])
    assert set(flat) == {path for _, path in table}, f"{name}: {sorted(flat)}"
    # flax keeps the frequencies as a (n, 1) kernel
    return {prefix + ours: np.asarray(flat[path])[:, 0] if ours.endswith("frequencies") else np.asarray(flat[path])
            for ours, path in table}


def unflatten(arrays, name, prefix, dtype):
    tree = {}
    for ours, path in named(name, network_tables()[name]):
        array = jnp.asarray(arrays[prefix + ours], dtype)
        tree[path] = array[:, None] if ours.endswith("frequencies") else array
    return flax.traverse_util.unflatten_dict(tree)


def state_of(agent):
    out = {}
    for name, field in ONLINE.items():
        out |= flatten(getattr(agent, field).params, name)
    for name, field in TARGET.items():
        out |= flatten(getattr(agent, field).params, name, "target.")
    return out


# ---- Inputs ----------------------------------------------------------------------------------------------------------

def draw_parameters(shapes):
    """Parameters that leave nothing at 0 or 1 and differ between online and target; exact in float32."""
    rng = np.random.default_rng(DRAW_SEED)
    out = {}
    for name, shape in shapes.items():
        online = name.removeprefix("target.")
        noise = rng.standard_normal(shape)
        if name != online:
            value = out[online] + 0.03 * noise
        elif name.endswith(".scale"):
            value = 1 + 0.2 * noise
        elif name.endswith(".bias"):
            value = 0.3 * noise
        elif name.endswith(".frequencies"):
            value = 0.2 * noise
        else:
            value = noise / np.sqrt(shape[-2])
        if name == online and name.startswith("actor.net.output"):
            value *= 0.3  # or nearly all samples end in the corners of the box
        elif name == online and name.endswith(".output.weight"):
            value *= 3  # spreads values and advantages, so that weights reach their clips
        out[name] = value.astype(np.float32)
    return out


def draw_batch():
    rng = np.random.default_rng(DRAW_SEED + 1)
    batch = dict(observations=rng.standard_normal((ROWS, OBSERVATION)), actions=rng.uniform(-1, 1, (ROWS, ACTION)),
                 rewards=rng.standard_normal(ROWS), next_observations=rng.standard_normal((ROWS, OBSERVATION)),
                 masks=(rng.uniform(size=ROWS) < 0.75), costs=rng.uniform(-1.5, 1.5, ROWS))
    return {name: array.astype(np.float32) for name, array in batch.items()}


def draw_noise():
    """Noise of every actor step (u, k), and of the sampler: the initial one and one per step T - 1 .. 0."""
    rng = np.random.default_rng(DRAW_SEED + 2)
    masks = [[[dropout_kept(first_stream(u, k) + b) for b in range(BLOCKS)] for k in range(2)] for u in range(UPDATES)]
    return {"noise.time": rng.integers(0, T, (UPDATES, 2, HALF)),
            "noise.z": rng.standard_normal((UPDATES, 2, HALF, ACTION)).astype(np.float32),
            "noise.dropout": np.array(masks).astype(np.uint8),
            "forward.noisy_actions": rng.standard_normal((ROWS, ACTION)).astype(np.float32),
            "sampler.observation": rng.standard_normal(OBSERVATION).astype(np.float32),
            "sampler.noise": philox_normal(SAMPLER_STREAM, (T + 1) * SAMPLES * ACTION).reshape(T + 1, SAMPLES, ACTION)}


def philox4x32(counter, key):
    """Ten rounds of Philox4x32 on counters (n, 4), all 32-bit words in uint64."""
    low = np.uint64(0xFFFFFFFF)
    word = [counter[:, i].astype(np.uint64) for i in range(4)]
    k0, k1 = np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * word[0], np.uint64(0xCD9E8D57) * word[2]
        word = [(b >> np.uint64(32)) ^ word[1] ^ k0, b & low, (a >> np.uint64(32)) ^ word[3] ^ k1, a & low]
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return np.stack(word, axis=1)


def check_philox():
    """Random123's known answers (kat_vectors)."""
    ones = 0xFFFFFFFF
    for counter, key, expected in [
            ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
            ((ones,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
            ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), 0x299F31D0A4093822,
             (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1))]:
        assert tuple(philox4x32(np.array([counter], np.uint64), key)[0]) == expected


def philox_uniform(stream, n):
    """Elements 0 .. n - 1 (n a multiple of 4) of a stream, as core/philox.hpp has them: exact in float32."""
    counter = np.zeros((n // 4, 4), np.uint64)
    counter[:, 0], counter[:, 2] = np.arange(n // 4), stream
    bits = philox4x32(counter, PHILOX_SEED).reshape(-1)
    return (bits >> np.uint64(9)).astype(np.float32) * np.float32(2.0**-23) + np.float32(2.0**-24)


def philox_normal(stream, n):
    """Box and Muller on words (0, 1) and (2, 3) of each block."""
    radius, angle = philox_uniform(stream, n).astype(np.float64).reshape(-1, 2).T
    radius, angle = np.sqrt(-2 * np.log(radius)), 2 * np.pi * angle
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1).astype(np.float32)


def dropout_kept(stream):
    """(HALF, HIDDEN): element i * HIDDEN + j of the stream is kept where it is at least the rate."""
    return philox_uniform(stream, HALF * HIDDEN).reshape(HALF, HIDDEN) >= np.float32(DROPOUT)


@contextlib.contextmanager
def injected(dtype, **queues):
    """Makes jax.random.<name> return the given arrays one after the other; all must be used, with their shapes."""
    def replacement(name, queue):
        def draw(key, *positional, shape=None, **_):
            shape = shape if shape is not None else next(p for p in positional if isinstance(p, tuple))
            array = np.asarray(queue.pop(0))
            assert array.shape == tuple(shape), f"{name}: {array.shape} injected, {shape} asked for"
            return jnp.asarray(array, dtype if name == "normal" else None)
        return draw

    queues = {name: list(arrays) for name, arrays in queues.items()}
    with contextlib.ExitStack() as stack:
        for name, queue in queues.items():
            stack.enter_context(mock.patch.object(jax.random, name, replacement(name, queue)))
        yield
    assert not any(queues.values()), f"injected noise left over: {queues.keys()}"


@contextlib.contextmanager
def recorded(owner, name, log):
    """Appends (arguments, result) of every call of owner.name to log."""
    original = getattr(owner, name)

    def spy(*positional, **keywords):
        result = original(*positional, **keywords)
        log.append((positional, keywords, result))
        return result
    with mock.patch.object(owner, name, spy):
        yield


# ---- Cases -----------------------------------------------------------------------------------------------------------

class Golden:
    """The authors' agent with drawn parameters in one precision; `cases` collects what it computes."""

    def __init__(self, fisor, config, dtype):
        self.fisor, self.config, self.dtype, self.cases = fisor, config, dtype, {}
        space = gymnasium.spaces.Box(-1, 1, (OBSERVATION,)), gymnasium.spaces.Box(-1, 1, (ACTION,))
        self.create = lambda **changes: fisor.FISOR.create(0, *space, **(config | changes))
        agent = self.create()
        self.parameters = draw_parameters({name: array.shape for name, array in state_of(agent).items()})
        self.agent = self.with_parameters(agent)
        self.batch = {name: jnp.asarray(array, dtype) for name, array in draw_batch().items()}
        self.noise = draw_noise()

    def inputs(self):
        return self.parameters | {f"batch.{name}": np.asarray(array) for name, array in self.batch.items()} | self.noise

    def with_parameters(self, agent):
        for prefix, fields in (("", ONLINE), ("target.", TARGET)):
            for name, field in fields.items():
                state = getattr(agent, field)
                parameters = unflatten(self.parameters, name, prefix, self.dtype)
                opt_state = state.tx.init(parameters)
                agent = agent.replace(**{field: state.replace(params=parameters, opt_state=opt_state)})
        return agent

    def half(self, k):
        return {name: array[k * HALF:(k + 1) * HALF] for name, array in self.batch.items()}

    def actor_noise(self, steps):
        """Injected noise of the actor steps (update, step)."""
        time, z, dropout = (self.noise[f"noise.{name}"] for name in ("time", "z", "dropout"))
        return injected(self.dtype, randint=[time[s] for s in steps], normal=[z[s] for s in steps],
                        bernoulli=[mask.astype(bool) for s in steps for mask in dropout[s]])

    def forward(self):
        agent, b, out = self.agent, self.batch, {}
        apply = lambda field, *inputs: getattr(agent, field).apply_fn({"params": getattr(agent, field).params}, *inputs)
        noisy = jnp.asarray(self.noise["forward.noisy_actions"], self.dtype)
        for prefix, fields in (("", ONLINE), ("target.", TARGET)):
            for name, field in fields.items():
                if name == "actor":
                    y = jnp.stack([apply(field, b["observations"], noisy, jnp.full((ROWS, 1), t)) for t in range(T)])
                elif name.endswith("critic"):
                    y = apply(field, b["observations"], b["actions"])
                else:
                    y = apply(field, b["observations"])
                    out[f"forward.{prefix}{name}.next"] = apply(field, b["next_observations"])
                out[f"forward.{prefix}{name}"] = y
        self.cases |= out

    def losses(self):
        """Each loss and its gradient from the initial parameters; targets and weights through stand-in networks."""
        agent, dtype = self.agent, self.dtype
        losses = {"reward_value": ("update_v", "value_loss"), "reward_critic": ("update_q", "critic_loss"),
                  "safety_value": ("update_vc", "safe_value_loss"), "safety_critic": ("update_qc", "safe_critic_loss")}
        for name, (method, key) in losses.items():
            (gradient, info), = self.gradients(lambda: getattr(agent, method)(self.batch))
            self.cases[f"loss.{name}"] = info[key]
            self.cases |= flatten(gradient, name, "gradient.")
        actor = []
        for k in range(2):
            with self.actor_noise([(0, k)]):
                (gradient, info), = self.gradients(lambda: agent.update_actor(self.half(k)))
            actor.append((info["actor_loss"], *self.denoised(k)))
            if k == 0:
                self.cases |= flatten(gradient, "actor", "gradient.")
        for name, values in zip(("loss.actor", "actor.noisy_actions", "actor.prediction"), zip(*actor)):
            self.cases[name] = jnp.stack(values)

        for suffix, changes in (("", {}), (".qc", dict(critic_type="qc")), (".bc", dict(actor_objective="bc"))):
            self.cases[f"weights{suffix}"] = self.weights(agent.replace(**changes))
        self.cases["bellman.reward"] = self.target(agent, "update_q", "critic", "target_critic")
        self.cases["bellman.safety"] = self.target(agent, "update_qc", "safe_critic", "safe_target_critic")
        self.cases["bellman.safety.qc"] = self.target(agent.replace(critic_type="qc"), "update_qc", "safe_critic",
                                                      "safe_target_critic")
        self.cases["qc_threshold"] = np.asarray(agent.qc_thres, dtype)

    def denoised(self, k):
        """x_t of actor step k of the first update, and the prediction with dropout for it."""
        seen, half = [], self.half(k)
        spy = self.stand_in(lambda s, a, t, **_: seen.append((a, t)), jnp.zeros((HALF, ACTION), self.dtype))
        with injected(self.dtype, randint=[self.noise["noise.time"][0, k]], normal=[self.noise["noise.z"][0, k]]):
            self.agent.replace(score_model=spy, target_score_model=spy).update_actor(half)
        (x, t), = seen
        actor = self.agent.score_model
        with injected(self.dtype, bernoulli=[mask.astype(bool) for mask in self.noise["noise.dropout"][0, k]]):
            y = actor.apply_fn({"params": actor.params}, half["observations"], x, t, training=True,
                               rngs={"dropout": jax.random.PRNGKey(0)})
        return x, y

    @staticmethod
    def gradients(step):
        """[(gradient, info)] of every optimiser step in `step`."""
        log = []
        with recorded(TrainState, "apply_gradients", log):
            _, info = step()
        return [(keywords["grads"], info) for _, keywords, _ in log]

    @staticmethod
    def stand_in(see, output):
        """A network whose output is its parameter, so that the gradient shows what a loss compares it with."""
        def apply(variables, *inputs, **keywords):
            see(*inputs, **keywords)
            return variables["params"]["output"]
        return TrainState.create(apply_fn=apply, params={"output": output}, tx=optax.sgd(0.0))

    def target(self, agent, method, online, target):
        """y of the loss mean((q - y)^2) over 2 members and ROWS rows: the gradient at q = 0 is -2 y / (2 ROWS)."""
        zero = self.stand_in(lambda *_: None, jnp.zeros((2, ROWS), self.dtype))
        agent = agent.replace(**{online: zero, target: zero})
        (gradient, _), = self.gradients(lambda: getattr(agent, method)(self.batch))
        return -gradient["output"][0] * ROWS

    def weights(self, agent):
        """w of the loss mean(w sum_j (e_j - z_j)^2): with z = 0 and e = 1 the gradient is 2 w / ROWS."""
        one = self.stand_in(lambda *_, **__: None, jnp.ones((ROWS, ACTION), self.dtype))
        agent = agent.replace(score_model=one, target_score_model=one)
        with injected(self.dtype, randint=[np.zeros(ROWS, np.int64)], normal=[np.zeros((ROWS, ACTION))]):
            (gradient, _), = self.gradients(lambda: agent.update_actor(self.batch))
        return gradient["output"][:, 0] * (ROWS / 2)

    def updates(self, count, agent, prefix, keep):
        """Losses of `count` full updates, and the parameters after those in `keep`."""
        losses = dict(reward_value="value_loss", reward_critic="critic_loss", safety_value="safe_value_loss",
                      safety_critic="safe_critic_loss")
        log = {name: [] for name in ("loss.actor", "mean_weight", *(f"loss.{name}" for name in losses))}
        for u in range(count):
            steps = []
            with self.actor_noise([(u, 0), (u, 1)]), recorded(self.fisor.FISOR, "update_actor", steps):
                agent, info = agent.update(self.batch)
            for name, key in (("loss.actor", "actor_loss"), ("mean_weight", "weights")):
                log[name].append(jnp.stack([step[key] for _, _, (_, step) in steps]))
            for name, key in losses.items():
                log[f"loss.{name}"].append(info[key])
            if u + 1 in keep:
                self.cases |= {f"after_{u + 1}.{name}": array for name, array in state_of(agent).items()}
        self.cases |= {f"{prefix}.{name}": jnp.stack(values) for name, values in log.items()}

    def all_updates(self):
        self.updates(UPDATES, self.agent, "update", keep=(1, UPDATES))
        self.updates(1, self.agent.replace(critic_type="qc"), "update.qc", keep=())
        self.updates(1, self.agent.replace(actor_objective="bc"), "update.bc", keep=())

    def sampling(self):
        dtype, calls, drawn, chosen = self.dtype, [], [], {}
        observation, noise = jnp.asarray(self.noise["sampler.observation"], dtype), self.noise["sampler.noise"]
        state = self.agent.score_model

        def apply(variables, s, a, t, **keywords):
            y = state.apply_fn(variables, s, a, t, **keywords)
            calls.append((a, t, y))
            return y
        agent = self.agent.replace(score_model=state.replace(apply_fn=apply))
        for method in ("minqc", "maxq"):
            calls.clear(), drawn.clear()
            with injected(dtype, normal=list(noise)), recorded(self.fisor, "ddpm_sampler", drawn):
                chosen[method], _ = agent.replace(extract_method=method).eval_actions(observation)
        assert [int(t[0, 0]) for _, t, _ in calls] == [4, 3, 2, 1, 0]
        actions = drawn[0][2][0]
        observations = jnp.repeat(observation[None], SAMPLES, axis=0)
        judge = lambda compute, critic: compute(critic.apply_fn, critic.params, observations, actions)
        states, _, predictions = zip(*calls)
        self.cases |= {"sampler.states": jnp.stack(states), "sampler.predictions": jnp.stack(predictions), "sampler.actions": actions,
                       "sampler.safety": judge(self.fisor.compute_safe_q, agent.safe_target_critic),
                       "sampler.reward": judge(self.fisor.compute_q, agent.target_critic)}
        for method, action in chosen.items():
            index = np.flatnonzero((np.asarray(actions) == action).all(axis=1))[:1]
            self.cases |= {f"sampler.{method}.action": action, f"sampler.{method}.index": index.astype(np.int64)}

    def schedules(self):
        for name in ("vp", "cosine", "linear"):
            agent = self.create(beta_schedule=name)
            self.cases |= {f"schedule.{name}.betas": agent.betas, f"schedule.{name}.alpha_hats": agent.alpha_hats}
        steps = np.array([0, 1, 1000, 1_000_000, 2_000_000, 2_999_999, 3_000_000, 4_000_000])
        rate = optax.cosine_decay_schedule(self.config["actor_lr"], self.config["decay_steps"])
        self.cases |= {"learning_rate.steps": steps.astype(np.int64),
                       "learning_rate.values": jnp.asarray(rate(jnp.asarray(steps)), self.dtype)}

    def check_coverage(self):
        """Every branch of the losses and of the weights is taken, in both halves where the halves matter."""
        c = {name: np.asarray(array) for name, array in self.cases.items()}
        v, q_h = c["forward.safety_value"], c["forward.target.safety_critic"].max(axis=0)
        w, counts = c["weights"], {}
        for k in range(2):
            rows = slice(k * HALF, (k + 1) * HALF)
            kinds = {"V_h > 0": v > 0, "V_h <= 0, Q_h <= 0": (v <= 0) & (q_h <= 0), "V_h <= 0, Q_h > 0": (v <= 0) & (q_h > 0),
                     "unsafe weight clipped": w == 150, "reward weight clipped": w == 100,
                     "unsafe weight free": (v > 0) & (w < 150), "reward weight free": (v <= 0) & (w > 0) & (w < 100)}
            counts[k] = {name: int(mask[rows].sum()) for name, mask in kinds.items()}
        print("rows per half:", counts)
        assert all(n > 0 for half in counts.values() for n in half.values())
        assert (w[(v <= 0) & (q_h > 0)] == 0).all() and (c["weights.bc"] == 1).all() and (c["weights.qc"] != w).any()
        for advantage in (c["forward.target.reward_critic"].min(axis=0) - c["forward.reward_value"], q_h - v,
                          self.batch["costs"] - c["forward.safety_value.next"], self.batch["masks"] - 0.5):
            assert 4 <= (advantage > 0).sum() <= ROWS - 4
        inside = np.abs(c["sampler.actions"]) < 1
        assert inside.any() and not inside.all() and (np.sort(c["sampler.safety"])[1] - c["sampler.safety"].min()) > 1e-3
        assert c["sampler.minqc.index"] != c["sampler.maxq.index"]


def difference(a, b):
    """max |a - b| / max |b| of one array."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30))


def save(path, tensors, metadata):
    """A safetensors file whose bytes depend on its contents only; the reference implementation shuffles its metadata."""
    codes = {"float32": "F32", "float64": "F64", "int64": "I64", "uint8": "U8"}
    tensors = sorted(((name, np.ascontiguousarray(array)) for name, array in tensors.items()),
                     key=lambda tensor: (-tensor[1].itemsize, tensor[0]))
    header, end = {"__metadata__": dict(sorted(metadata.items()))}, 0
    for name, array in tensors:
        assert np.isfinite(array).all()
        header[name] = dict(dtype=codes[array.dtype.name], shape=array.shape, data_offsets=(end, end := end + array.nbytes))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for _, array in tensors))
    print(f"{path.name}: {len(tensors)} arrays, {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fisor", type=pathlib.Path, required=True, help="checkout of the authors' repository")
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    arguments = parser.parse_args()
    check_philox()
    fisor, config = import_fisor(arguments.fisor.resolve())

    folders = ("jaxrl5/agents/fisor", "jaxrl5/networks", "configs")
    sources = [path for folder in folders for path in sorted((arguments.fisor / folder).glob("*.py"))]
    versions = {"python": sys.version.split()[0]} | {m.__name__: m.__version__ for m in (jax, flax, optax, np, gymnasium)}
    metadata = {"source": "https://github.com/ZhengYinan-AIR/FISOR",
                "source.sha256": hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest(),
                "philox.seed": str(PHILOX_SEED), "philox.sampler_stream": str(SAMPLER_STREAM),
                "philox.dropout_stream": "1000 + 100 * (2 * update + actor step) + block", "draw_seed": str(DRAW_SEED)}
    metadata |= {f"versions.{name}": version for name, version in versions.items()}
    sizes = dict(observation=OBSERVATION, action=ACTION, rows=ROWS, actor_rows=HALF, time=TIME, condition=CONDITION,
                 hidden=HIDDEN, blocks=BLOCKS, critic=CRITIC, critics=2)
    metadata |= {f"size.{name}": str(value) for name, value in sizes.items()}
    print("\n".join(f"{key}: {value}" for key, value in metadata.items()))

    files = {}
    for precision, dtype in (("f32", np.float32), ("f64", np.float64)):
        jax.config.update("jax_enable_x64", precision == "f64")
        with jax.disable_jit():
            golden = Golden(fisor, config, dtype)
            golden.forward()
            golden.losses()
            golden.all_updates()
            golden.sampling()
            golden.schedules()
        golden.check_coverage()
        if precision == "f32":
            files["inputs"] = golden.inputs()
        files[f"expected.{precision}"] = {key: np.asarray(array) for key, array in golden.cases.items()}
        assert all(array.dtype in (dtype, np.int64) for array in files[f"expected.{precision}"].values())

    defaults = {name: getattr(golden.agent, name) for name in ("discount", "tau")} | {"env_max_steps": 1000}
    metadata |= {f"config.{key}": str(value) for key, value in (config | defaults).items()}
    for name, tensors in files.items():
        save(arguments.out / f"{name}.safetensors", tensors, metadata)
    single, double = files["expected.f32"], files["expected.f64"]
    worst = sorted(((difference(single[key], double[key]), key) for key in double), reverse=True)
    print("float32 against float64, max |a - b| / max |b|:", *(f"\n  {d:.1e} {key}" for d, key in worst[:8]))


if __name__ == "__main__":
    main()
