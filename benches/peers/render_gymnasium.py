"""Pictures by `render()` of Gymnasium's envs and of what registers with it, one env after the other."""
import os

# Pygame needs no window, and MuJoCo draws in software, with one thread.
os.environ.update(SDL_VIDEODRIVER="dummy", MUJOCO_GL="osmesa", LP_NUM_THREADS="1")

import gymnasium

ENVS = 16


def pictures(env_id, packages=(), screen=None, **settings):
    """Envs in as many states, drawn in turn; `screen` is the side of the picture where the env's class has one."""
    for package in packages:
        gymnasium.register_envs(__import__(package))
    envs = [gymnasium.make(env_id, render_mode="rgb_array", disable_env_checker=True, **settings) for _ in range(ENVS)]
    for seed, env in enumerate(envs):
        if screen:
            env.unwrapped.screen_width = env.unwrapped.screen_height = screen
        env.reset(seed=seed)

    def chunk():
        for env in envs:
            env.render()
        return ENVS

    return chunk
