"""Record what Gymnasium's classic control does, as fixtures for the Rust tests.

`python gymnasium_control.py` writes ../fixtures; `--check` reads the files back, replays every
record in a fresh environment and compares bit by bit. Layouts: README.md.
"""

import argparse
import json
import math
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
EPISODES = 20
# Marks the row that holds an episode's first observation; no discrete, no other task has this action.
RESET_CHOICE, RESET_NUMBER = -1.0, -9.0

Rng = np.random.Generator
Policy = Callable[[np.ndarray, Rng], float]
# A named draw of (count, state size) states and the number of records that it gets.
Group = tuple[str, int, Callable[[Rng, int], np.ndarray]]


@dataclass(frozen=True)
class Task:
    """One Gymnasium task and how its states and actions are drawn."""

    env_id: str
    stem: str
    seed: int
    state: tuple[str, ...]
    # Draws so many actions.
    actions: Callable[[Rng, int], np.ndarray]
    groups: tuple[Group, ...]
    policies: tuple[tuple[str, Policy], ...]
    # Whether a next state is final when Gymnasium's comparison is made on f32.
    terminates_f32: Callable[[np.ndarray], np.ndarray]
    # What is observed, where that is not the state itself.
    observation: tuple[str, ...] = ()
    # How many of the first variables are angles, for tasks with ill-conditioned states.
    angles: int | None = None

    @property
    def step_fields(self) -> list[str]:
        after = [f"next_{name}" for name in self.state]
        return [*self.state, "action", *after, *self.observation, "reward", "terminated"]

    @property
    def episode_fields(self) -> list[str]:
        seen = [f"observed_{name}" for name in self.observation]
        return ["action", *self.state, *seen, "reward", "terminated", "truncated"]


def as_action(env: gym.Env, action: float) -> int | np.ndarray:
    if isinstance(env.action_space, gym.spaces.Discrete):
        return int(action)
    return np.array([action], dtype=np.float32)


def step_from(
    env: gym.Env, state: np.ndarray, action: float
) -> tuple[np.ndarray, np.ndarray, float, bool]:
    """One step from `state`, in f64 arithmetic from the f32 numbers, rounded to f32 at the end."""
    bare = env.unwrapped
    # An f64 array: from an f32 one NumPy would compute the whole step in f32.
    bare.state = np.asarray(state, dtype=np.float64)
    bare.steps_beyond_terminated = None
    observation, reward, terminated, truncated, _ = bare.step(as_action(env, action))
    assert observation.dtype == np.float32 and not truncated
    after = np.asarray(bare.state, dtype=np.float64).astype(np.float32)
    return after, observation, reward, terminated


def record_steps(task: Task) -> np.ndarray:
    rng = np.random.default_rng(task.seed)
    states = np.concatenate([draw(rng, count) for _, count, draw in task.groups]).astype(np.float32)
    actions = task.actions(rng, len(states)).astype(np.float32)
    return replay_steps(task, states, actions)


def replay_steps(task: Task, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    env = gym.make(task.env_id)
    env.reset(seed=task.seed)
    rows = []
    for state, action in zip(states, actions, strict=True):
        after, observation, reward, terminated = step_from(env, state, action)
        assert task.observation or np.array_equal(observation, after)
        seen = observation if task.observation else ()
        rows.append([*state, action, *after, *seen, reward, terminated])
    return np.array(rows, dtype=np.float32)


def ill_conditioned(task: Task, rows: np.ndarray) -> list[int]:
    """Rows whose next state moves by 4e-6 or more when one variable moves by 1e-7 of its size."""
    env = gym.make(task.env_id)
    env.reset(seed=task.seed)
    size = len(task.state)

    def step(state: np.ndarray, action: float) -> np.ndarray:
        env.unwrapped.state = state.copy()
        env.unwrapped.step(as_action(env, action))
        return np.array(env.unwrapped.state)

    listed = []
    for index, row in enumerate(rows):
        state, after = row[:size].astype(np.float64), step(row[:size].astype(np.float64), row[size])
        scale = np.maximum(1.0, np.abs(after))
        scale[: task.angles] = 1.0
        for variable in range(size):
            moved = state.copy()
            moved[variable] += 1e-7 * max(1.0, abs(state[variable]))
            off = step(moved, row[size]) - after
            off[: task.angles] = (off[: task.angles] + np.pi) % (2.0 * np.pi) - np.pi
            if (np.abs(off) / scale).max() >= 4e-6:
                listed.append(index)
                break
    return listed


def record_episodes(task: Task) -> tuple[np.ndarray, list[dict]]:
    """Free-running episodes of the registered environment, time limit included."""
    env = gym.make(task.env_id)
    rows, episodes = [], []
    for index in range(EPISODES):
        name, policy = task.policies[index % len(task.policies)]
        seed = task.seed + index
        rng = np.random.default_rng(seed)
        episodes.append({"policy": name, "seed": seed, "first_row": len(rows)})
        episode_rows, initial_state = run_episode(task, env, seed, lambda obs: policy(obs, rng))
        rows += episode_rows
        episodes[-1] |= {"steps": len(episode_rows) - 1, "initial_state_f64": initial_state}
    return np.array(rows, dtype=np.float32), episodes


def run_episode(
    task: Task, env: gym.Env, seed: int, act: Callable[[np.ndarray], float]
) -> tuple[list[list[float]], list[float]]:
    def seen(observation: np.ndarray) -> list[float]:
        return [*env.unwrapped.state, *observation] if task.observation else [*observation]

    observation, _ = env.reset(seed=seed)
    initial_state = [float(value) for value in env.unwrapped.state]
    discrete = isinstance(env.action_space, gym.spaces.Discrete)
    mark = RESET_CHOICE if discrete else RESET_NUMBER
    rows = [[mark, *seen(observation), 0.0, False, False]]
    terminated = truncated = False
    while not (terminated or truncated):
        action = np.float32(act(observation))
        observation, reward, terminated, truncated, _ = env.step(as_action(env, action))
        rows.append([action, *seen(observation), reward, terminated, truncated])
    return rows, initial_state


def replay_episodes(task: Task, rows: np.ndarray, episodes: list[dict]) -> np.ndarray:
    env = gym.make(task.env_id)
    replayed = []
    for episode in episodes:
        first = episode["first_row"] + 1
        actions = iter(rows[first : first + episode["steps"], 0])
        episode_rows, initial_state = run_episode(
            task, env, episode["seed"], lambda _: next(actions)
        )
        assert initial_state == episode["initial_state_f64"]
        replayed += episode_rows
    return np.array(replayed, dtype=np.float32)


def around(rng: Rng, count: int) -> np.ndarray:
    """Offsets of either sign whose size is log-uniform, from 1e-7 to 3e-2."""
    return rng.choice([-1.0, 1.0], count) * 10.0 ** rng.uniform(-7.0, -1.5, count)


def rollout(env_id: str, policies: tuple[Policy, ...]) -> Callable[[Rng, int], np.ndarray]:
    """States on the way of seeded episodes, the policies taking turns."""

    def draw(rng: Rng, count: int) -> np.ndarray:
        env, states, episode = gym.make(env_id), [], 0
        while len(states) < count:
            policy = policies[episode % len(policies)]
            observation, _ = env.reset(seed=episode)
            ended = False
            while not ended:
                states.append(np.asarray(env.unwrapped.state, dtype=np.float32))
                action = as_action(env, policy(observation, rng))
                observation, _, terminated, truncated, _ = env.step(action)
                ended = terminated or truncated
            episode += 1
        return np.array(states[:count])

    return draw


def noisy(policy: Policy, noise: float, actions: int) -> Policy:
    """`policy`, but a uniformly random action with probability `noise`."""

    def act(observation: np.ndarray, rng: Rng) -> int:
        if rng.random() < noise:
            return int(rng.integers(actions))
        return policy(observation, rng)

    return act


def choices(count: int) -> Callable[[Rng, int], np.ndarray]:
    return lambda rng, size: rng.integers(count, size=size)


def numbers(bound: float) -> Callable[[Rng, int], np.ndarray]:
    """Mostly within `bound`, some beyond it."""
    return lambda rng, size: rng.uniform(-1.1 * bound, 1.1 * bound, size)


# --- CartPole-v1 ---------------------------------------------------------------------------

CART_X, CART_THETA, CART_TAU = 2.4, 12 * 2 * math.pi / 360, 0.02


def cart_balance(observation: np.ndarray, _: Rng) -> int:
    x, x_dot, theta, theta_dot = observation
    return int(0.05 * x + 0.2 * x_dot + 1.5 * theta + 0.5 * theta_dot > 0.0)


def cart_uniform(rng: Rng, count: int) -> np.ndarray:
    high = np.array([2.6, 3.0, 0.26, 3.5])
    return rng.uniform(-high, high, (count, 4))


def cart_thresholds(rng: Rng, count: int) -> np.ndarray:
    """States whose next x (first half) or next theta (second half) falls close to its limit."""
    states = rng.uniform([-2.3, -3.0, -0.2, -3.0], [2.3, 3.0, 0.2, 3.0], (count, 4))
    sign = rng.choice([-1.0, 1.0], count)
    offset, half = around(rng, count), count // 2
    x, theta = slice(0, half), slice(half, count)
    states[x, 0] = sign[x] * CART_X + offset[x] - CART_TAU * states[x, 1]
    states[theta, 2] = sign[theta] * CART_THETA + offset[theta] - CART_TAU * states[theta, 3]
    return states


def cart_terminates_f32(after: np.ndarray) -> np.ndarray:
    limits = np.abs(after[:, [0, 2]]) > np.array([CART_X, CART_THETA], dtype=np.float32)
    return limits.any(axis=1)


CART_NOISE = {f"balance_{noise}": noisy(cart_balance, noise, 2) for noise in (0.0, 0.1, 0.6)}
CART_RANDOM = noisy(cart_balance, 1.0, 2)

CART_POLE = Task(
    env_id="CartPole-v1",
    stem="cartpole",
    seed=20_260,
    state=("x", "x_dot", "theta", "theta_dot"),
    actions=choices(2),
    groups=(
        ("uniform", 4_000, cart_uniform),
        ("rollout", 3_000, rollout("CartPole-v1", (CART_RANDOM,))),
        ("thresholds", 3_000, cart_thresholds),
    ),
    policies=(("random", CART_RANDOM), *CART_NOISE.items()),
    terminates_f32=cart_terminates_f32,
)

# --- MountainCar-v0 ------------------------------------------------------------------------

CAR_WALL, CAR_GOAL, CAR_END = -1.2, 0.5, 0.6


def car_pump(observation: np.ndarray, _: Rng) -> int:
    return 2 if observation[1] >= 0.0 else 0


def car_uniform(rng: Rng, count: int) -> np.ndarray:
    return rng.uniform([-1.22, -0.072], [0.62, 0.072], (count, 2))


def car_landing(position: float) -> Callable[[Rng, int], np.ndarray]:
    """States that land close to `position`, and a tenth that starts exactly there."""

    def draw(rng: Rng, count: int) -> np.ndarray:
        velocity = rng.uniform(-0.07, 0.07, count)
        target = position + around(rng, count)
        start = target - velocity
        # The push on the way is within 0.001 of the slope's; refine the start for no push.
        for _ in range(20):
            start = target - np.clip(velocity - 0.0025 * np.cos(3.0 * start), -0.07, 0.07)
        exact = np.arange(count) % 10 == 0
        start[exact] = position
        # Rest and slow motion decide the sign of the velocity after the step.
        slow = np.arange(count) % 5 == 0
        velocity[slow] = rng.uniform(-0.003, 0.003, slow.sum())
        return np.stack([start, velocity], axis=1)

    return draw


def car_terminates_f32(after: np.ndarray) -> np.ndarray:
    return (after[:, 0] >= np.float32(CAR_GOAL)) & (after[:, 1] >= 0.0)


CAR_RANDOM = noisy(car_pump, 1.0, 3)
CAR_NOISE = {f"pump_{noise}": noisy(car_pump, noise, 3) for noise in (0.0, 0.3)}

MOUNTAIN_CAR = Task(
    env_id="MountainCar-v0",
    stem="mountain_car",
    seed=20_261,
    state=("position", "velocity"),
    actions=choices(3),
    groups=(
        ("uniform", 4_000, car_uniform),
        ("rollout", 3_000, rollout("MountainCar-v0", (CAR_RANDOM, *CAR_NOISE.values()))),
        ("left_wall", 1_200, car_landing(CAR_WALL)),
        ("goal", 1_400, car_landing(CAR_GOAL)),
        ("right_end", 400, car_landing(CAR_END)),
    ),
    policies=(("random", CAR_RANDOM), *CAR_NOISE.items()),
    terminates_f32=car_terminates_f32,
)

# --- MountainCarContinuous-v0 --------------------------------------------------------------

CONTINUOUS_GOAL = 0.45


def car_push(observation: np.ndarray, _: Rng) -> float:
    return 1.0 if observation[1] >= 0.0 else -1.0


def shaky(policy: Policy, noise: float, bound: float) -> Policy:
    """`policy`, but a uniformly random number within `bound` with probability `noise`."""

    def act(observation: np.ndarray, rng: Rng) -> float:
        if rng.random() < noise:
            return rng.uniform(-bound, bound)
        return policy(observation, rng)

    return act


PUSH_NOISE = {f"push_{noise}": shaky(car_push, noise, 1.0) for noise in (0.0, 0.5, 1.0)}

MOUNTAIN_CAR_CONTINUOUS = Task(
    env_id="MountainCarContinuous-v0",
    stem="mountain_car_continuous",
    seed=20_262,
    state=("position", "velocity"),
    actions=numbers(1.0),
    groups=(
        ("uniform", 4_000, car_uniform),
        ("rollout", 3_000, rollout("MountainCarContinuous-v0", tuple(PUSH_NOISE.values()))),
        ("left_wall", 1_200, car_landing(CAR_WALL)),
        ("goal", 1_400, car_landing(CONTINUOUS_GOAL)),
        ("right_end", 400, car_landing(CAR_END)),
    ),
    policies=tuple(PUSH_NOISE.items()),
    terminates_f32=lambda after: (
        (after[:, 0] >= np.float32(CONTINUOUS_GOAL)) & (after[:, 1] >= 0.0)
    ),
)

# --- Pendulum-v1 ---------------------------------------------------------------------------


def swing_up(observation: np.ndarray, _: Rng) -> float:
    cos, sin, speed = observation
    if cos > 0.9:
        return float(np.clip(-10.0 * sin - 2.0 * speed, -2.0, 2.0))
    energy = speed**2 / 6.0 + 5.0 * cos
    return 2.0 * float(np.sign(speed if energy < 5.0 else -speed))


def pendulum_uniform(rng: Rng, count: int) -> np.ndarray:
    return rng.uniform([-10.0, -8.0], [10.0, 8.0], (count, 2))


def pendulum_landing(rng: Rng, count: int) -> np.ndarray:
    """States whose next angle falls close to upside down (first half) or close to upright."""
    speed = rng.uniform(-7.0, 7.0, count)
    aim = np.where(np.arange(count) < count // 2, np.pi, 0.0) * rng.choice([-1.0, 1.0], count)
    start = aim + around(rng, count) - 0.05 * speed
    return np.stack([start, speed], axis=1)


SWING_NOISE = {f"swing_up_{noise}": shaky(swing_up, noise, 2.0) for noise in (0.0, 0.3, 1.0)}

PENDULUM = Task(
    env_id="Pendulum-v1",
    stem="pendulum",
    seed=20_263,
    state=("angle", "speed"),
    actions=numbers(2.0),
    groups=(
        ("uniform", 5_000, pendulum_uniform),
        ("rollout", 3_000, rollout("Pendulum-v1", tuple(SWING_NOISE.values()))),
        ("landing", 2_000, pendulum_landing),
    ),
    policies=tuple(SWING_NOISE.items()),
    terminates_f32=lambda after: np.zeros(len(after), dtype=bool),
    observation=("cos", "sin", "observed_speed"),
)

# --- Acrobot-v1 ----------------------------------------------------------------------------


def acrobot_pump(observation: np.ndarray, _: Rng) -> int:
    return 2 if observation[5] >= 0.0 else 0


def acrobot_uniform(rng: Rng, count: int) -> np.ndarray:
    high = np.array([np.pi, np.pi, 4.0 * np.pi, 9.0 * np.pi])
    return rng.uniform(-high, high, (count, 4))


def acrobot_slow(rng: Rng, count: int) -> np.ndarray:
    high = np.array([np.pi, np.pi, 3.0, 6.0])
    return rng.uniform(-high, high, (count, 4))


def acrobot_terminates_f32(after: np.ndarray) -> np.ndarray:
    first, both = after[:, 0], after[:, 0] + after[:, 1]
    return -np.cos(first) - np.cos(both) > np.float32(1.0)


PUMP_NOISE = {f"pump_{noise}": noisy(acrobot_pump, noise, 3) for noise in (0.0, 0.3, 1.0)}

ACROBOT = Task(
    env_id="Acrobot-v1",
    stem="acrobot",
    seed=20_264,
    state=("theta1", "theta2", "theta1_dot", "theta2_dot"),
    actions=choices(3),
    groups=(
        ("uniform", 2_000, acrobot_uniform),
        ("slow", 4_000, acrobot_slow),
        ("rollout", 4_000, rollout("Acrobot-v1", tuple(PUMP_NOISE.values()))),
    ),
    policies=tuple(PUMP_NOISE.items()),
    terminates_f32=acrobot_terminates_f32,
    observation=("cos1", "sin1", "cos2", "sin2", "dot1", "dot2"),
    angles=2,
)

TASKS = (CART_POLE, MOUNTAIN_CAR, MOUNTAIN_CAR_CONTINUOUS, PENDULUM, ACROBOT)

# --- Files ---------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "gymnasium": gym.__version__,
        "numpy": np.__version__,
    }


def write(stem: str, fields: list[str], rows: np.ndarray, sidecar: dict) -> None:
    assert rows.shape[1] == len(fields) and np.isfinite(rows).all()
    path = FIXTURES / f"{stem}.bin"
    path.write_bytes(rows.astype("<f4").tobytes())
    head = {"dtype": "<f4", "fields": fields, "count": len(rows)}
    text = json.dumps(head | sidecar | {"versions": versions()}, indent=1)
    path.with_suffix(".json").write_text(text + "\n")
    print(f"{path.name}: {len(rows)} rows, {path.stat().st_size} bytes")


def read(stem: str) -> tuple[np.ndarray, dict]:
    sidecar = json.loads((FIXTURES / f"{stem}.json").read_text())
    values = np.frombuffer((FIXTURES / f"{stem}.bin").read_bytes(), dtype=sidecar["dtype"])
    return values.reshape(sidecar["count"], len(sidecar["fields"])), sidecar


def generate(task: Task) -> None:
    rows = record_steps(task)
    size = len(task.state)
    after = rows[:, size + 1 : 2 * size + 1]
    first, groups = 0, []
    for name, count, _ in task.groups:
        groups.append({"name": name, "first": first, "count": count})
        first += count
    sidecar = {
        "env_id": task.env_id,
        "groups": groups,
        "terminated": int(rows[:, -1].sum()),
        # Records so close to a limit that f32 cannot tell the side.
        "terminated_undecidable_in_f32": np.flatnonzero(
            task.terminates_f32(after) != (rows[:, -1] == 1.0)
        ).tolist(),
    }
    if task.angles is not None:
        sidecar["ill_conditioned"] = ill_conditioned(task, rows)
    write(f"{task.stem}_steps", task.step_fields, rows, sidecar)

    rows, episodes = record_episodes(task)
    sidecar = {"env_id": task.env_id, "episodes": episodes}
    write(f"{task.stem}_episodes", task.episode_fields, rows, sidecar)


def check(task: Task) -> None:
    size = len(task.state)
    rows, _ = read(f"{task.stem}_steps")
    assert rows.tobytes() == replay_steps(task, rows[:, :size], rows[:, size]).tobytes()
    assert rows.tobytes() == record_steps(task).tobytes(), "generation is not repeatable"

    rows, sidecar = read(f"{task.stem}_episodes")
    assert rows.tobytes() == replay_episodes(task, rows, sidecar["episodes"]).tobytes()
    assert rows.tobytes() == record_episodes(task)[0].tobytes(), "generation is not repeatable"
    print(f"{task.env_id}: files match a fresh replay")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the files with a replay")
    arguments = parser.parse_args()
    for task in TASKS:
        check(task) if arguments.check else generate(task)


if __name__ == "__main__":
    main()
