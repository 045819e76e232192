"""PPO of Stable-Baselines3, trained until its deterministic policy reaches a bar.

The clock runs from the building of the envs to the evaluation that reaches the bar, evaluations left out.
"""
import time

import gymnasium
import numpy as np
import stable_baselines3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

# Envs that are evaluated side by side; an evaluation ends after as many episodes when they are below the bar.
SIDE_BY_SIDE = 10


def ppo(env_id, n_envs, wrapper=None, normalize=False, threads=1, total_steps=None, linear=(), **settings):
    """A function that trains once. `linear` names settings that fall to 0 over `total_steps`."""
    import torch

    torch.set_num_threads(threads)
    if env_id.startswith("MiniGrid"):
        gymnasium.register_envs(__import__("minigrid"))
    for name in linear:
        settings[name] = lambda left, first=settings[name]: left * first

    def make():
        env = gymnasium.make(env_id, disable_env_checker=True)
        return wrap(env, wrapper)

    def new_model(seed):
        envs = DummyVecEnv([make] * n_envs)
        envs.seed(seed)
        if normalize:
            envs = VecNormalize(envs, gamma=settings["gamma"])
        return stable_baselines3.PPO("MlpPolicy", envs, seed=seed, device="cpu", **settings)

    def train(seed, bar, every, episodes, limit_secs):
        judge = Judge(make, seed, bar, episodes)
        watch = Watch(judge, every, limit_secs)
        new_model(seed).learn(total_steps or 10**9, callback=watch)
        return watch.found()

    # The first model imports seconds' worth of PyTorch, which is no part of a training.
    new_model(0)
    return train


def wrap(env, wrapper):
    if wrapper is None:
        return env
    from minigrid import wrappers

    if wrapper == "FlatObsWrapper":
        return wrappers.FlatObsWrapper(env)
    return gymnasium.wrappers.FlattenObservation(wrappers.ImgObsWrapper(env))


class Judge:
    """Whole episodes of the deterministic policy."""

    def __init__(self, make, seed, bar, episodes):
        self.envs = [make() for _ in range(SIDE_BY_SIDE)]
        self.seed, self.bar, self.episodes = 10_000 * seed, bar, episodes

    def mean_return(self, model):
        """The mean return, and whether all episodes were needed to tell."""
        norm = model.get_vec_normalize_env()
        returns = []
        while len(returns) < self.episodes:
            count = min(SIDE_BY_SIDE, self.episodes - len(returns))
            envs = self.envs[:count]
            obs = [env.reset(seed=self.seed + len(returns) + i)[0] for i, env in enumerate(envs)]
            totals, running = np.zeros(count), set(range(count))
            while running:
                batch = np.stack(obs)
                actions, _ = model.predict(norm.normalize_obs(batch) if norm else batch, deterministic=True)
                for i in sorted(running):
                    obs[i], reward, terminated, truncated, _ = envs[i].step(actions[i])
                    totals[i] += reward
                    if terminated or truncated:
                        running.remove(i)
            returns.extend(totals)
            if np.mean(returns) < self.bar:
                break
        return float(np.mean(returns)), len(returns) == self.episodes


class Watch(BaseCallback):
    """Evaluates between rollouts, and stops at the bar or when time is up."""

    def __init__(self, judge, every, limit_secs):
        super().__init__()
        self.judge, self.every, self.limit_secs = judge, every, limit_secs
        self.next, self.solved, self.mean = every, False, None
        self.eval_secs = self.eval_cpu_secs = 0.0
        self.start, self.cpu_start = time.perf_counter(), time.process_time()

    def wall_secs(self):
        return time.perf_counter() - self.start - self.eval_secs

    def _on_rollout_start(self):
        if self.num_timesteps >= self.next:
            self.next = self.num_timesteps + self.every
            self.evaluate()

    def evaluate(self):
        start, cpu_start = time.perf_counter(), time.process_time()
        self.mean, whole = self.judge.mean_return(self.model)
        self.solved = whole and self.mean >= self.judge.bar
        self.eval_secs += time.perf_counter() - start
        self.eval_cpu_secs += time.process_time() - cpu_start

    def _on_step(self):
        return not self.solved and self.wall_secs() < self.limit_secs

    def found(self):
        if not self.solved:
            self.evaluate()
        return {
            "solved": self.solved,
            "mean_return": self.mean,
            "env_steps": self.num_timesteps,
            "wall_secs": self.wall_secs(),
            "cpu_secs": time.process_time() - self.cpu_start - self.eval_cpu_secs,
            "eval_secs": self.eval_secs,
        }
