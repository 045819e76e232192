"""Record Gymnasium's toy-text tables and episodes, as fixtures for the Rust tests.

One file per task: all of `env.unwrapped.P`, and 100 episodes through `gym.make`. Run it to write
../fixtures; `--check` compares the files with a new recording. Layout: README.md.
"""

import argparse

import gymnasium as gym
import numpy as np

from minigrid_empty import Sections, assert_same, read, write

EPISODES, SEED = 100, 70_000
# Gymnasium's CliffWalking has no step limit: episodes are followed for as many steps as Carrot's.
TASKS = {
    "frozen_lake_4x4": ("FrozenLake-v1", {}),
    "frozen_lake_8x8": ("FrozenLake8x8-v1", {}),
    "cliff_walking": ("CliffWalking-v1", {"max_episode_steps": 200}),
    "taxi": ("Taxi-v4", {}),
}
HEADER = ("states", "actions", "transitions", "episodes", "steps")


def table(env: gym.Env) -> Sections:
    states, actions = len(env.P), len(env.P[0])
    counts, columns = [], {"prob": [], "next": [], "reward": [], "terminated": []}
    for state in range(states):
        for action in range(actions):
            outcomes = env.P[state][action]
            counts.append(len(outcomes))
            for outcome in outcomes:
                for column, value in zip(columns.values(), outcome, strict=True):
                    column.append(value)
    types = {"prob": "<f8", "next": "<u2", "reward": "<f4", "terminated": "u1"}
    return {"table_outcomes": np.array(counts, dtype="u1")} | {
        f"table_{name}": np.array(values).astype(types[name]) for name, values in columns.items()
    }


def best_actions(env: gym.Env) -> list[int]:
    """Value iteration on the table, so that half of the episodes succeed where they can."""
    states, actions = len(env.P), len(env.P[0])
    values = np.zeros(states)

    def value(state, action):
        return sum(p * (r + (0.0 if end else 0.999 * values[s])) for p, s, r, end in env.P[state][action])

    for _ in range(2_000):
        values = np.array([max(value(s, a) for a in range(actions)) for s in range(states)])
    return [int(np.argmax([value(s, a) for a in range(actions)])) for s in range(states)]


def record(env_id: str, options: dict) -> tuple[Sections, dict]:
    env = gym.make(env_id, **options)
    bare = env.unwrapped
    best = best_actions(bare)
    episode = {"start": [], "steps": []}
    step = {name: [] for name in ("action", "state", "reward", "terminated", "truncated")}
    for index in range(EPISODES):
        rng = np.random.default_rng(SEED + index)
        state, _ = env.reset(seed=SEED + index)
        episode["start"].append(state)
        noise, taken, ended = [0.0, 0.1, 0.5, 1.0][index % 4], 0, False
        while not ended:
            random = rng.random() < noise
            action = int(rng.integers(bare.action_space.n)) if random else best[state]
            state, reward, terminated, truncated, _ = env.step(action)
            for name, value in zip(step, (action, state, reward, terminated, truncated), strict=True):
                step[name].append(value)
            taken, ended = taken + 1, terminated or truncated
        episode["steps"].append(taken)
    sections = table(bare)
    transitions = len(sections["table_prob"])
    counts = [len(bare.P), len(bare.P[0]), transitions, EPISODES, len(step["action"])]
    types = {"state": "<u2", "reward": "<f4", "start": "<u2", "steps": "<u2"}
    for prefix, columns in (("episode", episode), ("step", step)):
        for name, values in columns.items():
            sections[f"{prefix}_{name}"] = np.array(values).astype(types.get(name, "u1"))
    events = {name: int(np.sum(step[name])) for name in ("terminated", "truncated")}
    return {"header": np.array(counts, dtype="<u4")} | sections, {"env_id": env_id, "events": events}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the files with a new recording")
    check = parser.parse_args().check
    for stem, (env_id, options) in TASKS.items():
        if check:
            assert_same(stem, read(stem), record(env_id, options)[0])
            print(f"{stem}: the file matches a new recording")
        else:
            write(stem, HEADER, record(env_id, options))


if __name__ == "__main__":
    main()
