"""Gymnasium and what registers with it: its own vectorised envs, or copies stepped one after the other."""
import itertools

import gymnasium


def native(env_id, envs, steps=16):
    """The env's own vector class, in NumPy."""
    env = gymnasium.make_vec(env_id, num_envs=envs, vectorization_mode="vector_entry_point")
    return chunk_of(env, envs, steps)


def sync(env_id, envs, packages=(), steps=4, **settings):
    """Copies of the env in one process; `packages` are imported first, because they register it."""
    for package in packages:
        gymnasium.register_envs(__import__(package))
    make = lambda: gymnasium.make(env_id, disable_env_checker=True, **settings)
    return chunk_of(gymnasium.vector.SyncVectorEnv([make] * envs), envs, steps)


def chunk_of(env, envs, steps):
    env.action_space.seed(0)
    actions = itertools.cycle([env.action_space.sample() for _ in range(64)])
    env.reset(seed=0)

    def chunk():
        for _ in range(steps):
            env.step(next(actions))
        return steps * envs

    return chunk
