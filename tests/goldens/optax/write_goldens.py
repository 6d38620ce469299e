"""Writes optax.hpp: ten steps of optax's optimisers and schedules in double, for tests/nn/optimizer.cpp.

    python -m venv venv && venv/bin/pip install jax==0.10.2 optax==0.2.8
    venv/bin/python write_goldens.py > optax.hpp

The gradient of step t is sin(i + 1 + 0.7 t) + 0.1 p, i the index of the element, so that the test needs no other input.
"""

import textwrap

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import optax

SIZE, STEPS = 5, 10
index = jnp.arange(SIZE, dtype=jnp.float64)


def run(rule):
    parameters = jnp.cos(index)
    state = rule.init(parameters)
    for t in range(STEPS):
        gradient = jnp.sin(index + 1 + 0.7 * t) + 0.1 * parameters
        updates, state = rule.update(gradient, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
    return parameters


def line(name, values):
    text = ", ".join(f"{float(v):.17g}" for v in values)
    if len(text) > 120:
        text = "\n" + textwrap.fill(text, 120, initial_indent="    ", subsequent_indent="    ")
    print(f"inline constexpr double {name}[] = {{{text}}};")


cosine = optax.cosine_decay_schedule(0.05, 8)
cosine_to_end = optax.cosine_decay_schedule(0.05, 8, alpha=0.2)
warm_up_cosine = optax.warmup_cosine_decay_schedule(0.01, 0.05, 3, 9, 0.002)

print("// Written by write_goldens.py with jax", jax.__version__, "and optax", optax.__version__)
print("#pragma once\n\nnamespace goldens::optax {\n")
line("adam", run(optax.adam(0.05)))
line("adamw_cosine", run(optax.adamw(cosine, b1=0.8, b2=0.99, eps=1e-6, weight_decay=0.1)))
line("sgd", run(optax.sgd(0.05)))
line("sgd_momentum", run(optax.sgd(0.05, momentum=0.9)))
line("sgd_nesterov_decay", run(optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.05, momentum=0.9, nesterov=True))))
line("adam_clipped", run(optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.05))))
line("cosine", [cosine(t) for t in range(12)])
line("cosine_to_end", [cosine_to_end(t) for t in range(12)])
line("warm_up_cosine", [warm_up_cosine(t) for t in range(12)])
line("incremental_update", optax.incremental_update(jnp.cos(index), jnp.sin(index), 0.005))
line("huber", optax.huber_loss(3 * jnp.cos(2 * index), jnp.sin(index), delta=0.7))
print("\n}  // namespace goldens::optax")
