"""PufferLib's envs in C, compiled by bootstrap.py from its sources beside the virtual environments."""
import itertools
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

SOURCES = "pufferlib-3.0.0"

sys.path.append(str(Path(sys.prefix).parent / SOURCES))


def cartpole(envs, steps=16):
    # PufferLib leaves a link in the working folder when it is imported.
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        from pufferlib.ocean.cartpole.cartpole import Cartpole
        os.chdir(here)
    env = Cartpole(num_envs=envs, report_interval=128)
    rng = np.random.default_rng(0)
    dtype = getattr(env, "float_actions", env.actions).dtype
    actions = itertools.cycle([rng.integers(0, 2, size=envs).astype(dtype) for _ in range(64)])
    env.reset(seed=1)

    def chunk():
        for _ in range(steps):
            env.step(next(actions))
        return steps * envs

    return chunk
