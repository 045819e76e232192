"""EnvPool: C++ envs on a thread pool, one thread here."""
import itertools

import envpool
import numpy as np


def sync(env_id, envs, steps=8):
    env = envpool.make(env_id, env_type="gymnasium", num_envs=envs, num_threads=1, seed=1)
    env.reset()
    actions = itertools.cycle(random_actions(env.action_space, envs))

    def chunk():
        for _ in range(steps):
            env.step(next(actions))
        return steps * envs

    return chunk


def random_actions(space, envs, batches=64):
    rng = np.random.default_rng(0)
    if hasattr(space, "n"):
        return [rng.integers(0, space.n, size=envs).astype(space.dtype) for _ in range(batches)]
    low, high = np.maximum(space.low, -10), np.minimum(space.high, 10)
    return [rng.uniform(low, high, size=(envs, *space.shape)).astype(space.dtype) for _ in range(batches)]
