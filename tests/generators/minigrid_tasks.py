"""Record episodes of MiniGrid's procedural tasks, as fixtures for the Rust tests.

One file per task, in the layout of minigrid_empty_8x8.bin.z (README.md); the dynamic obstacles have
two more arrays. `python minigrid_tasks.py` writes ../fixtures; `--check` reads the files back,
records them again and compares bit by bit.
"""

import argparse
from collections import deque
from dataclasses import dataclass

import gymnasium as gym
import minigrid  # noqa: F401  (registers the environments)
import numpy as np
from minigrid.core.actions import Actions
from minigrid.core.constants import DIR_TO_VEC
from minigrid.core.world_object import Ball, Door, Key
from minigrid.minigrid_env import MiniGridEnv

from minigrid_empty import (
    EPISODES_HEADER,
    EpisodeRecorder,
    Policy,
    Sections,
    assert_same,
    read,
    tinker,
    weighted,
    write,
)

EPISODES, SEED, POLICY_SEED = 100, 50_000, 60_000


@dataclass(frozen=True)
class Task:
    """A task, and how many steps an episode is followed at most; 0 for all of them."""

    env_id: str
    stem: str
    most_steps: int = 0


TASKS = [
    Task("MiniGrid-DoorKey-8x8-v0", "minigrid_door_key_8x8", 200),
    Task("MiniGrid-DoorKey-16x16-v0", "minigrid_door_key_16x16", 150),
    Task("MiniGrid-FourRooms-v0", "minigrid_four_rooms"),
    Task("MiniGrid-LavaGapS7-v0", "minigrid_lava_gap"),
    Task("MiniGrid-LavaCrossingS9N1-v0", "minigrid_lava_crossing"),
    Task("MiniGrid-MultiRoom-N4-S5-v1", "minigrid_multi_room"),
    Task("MiniGrid-Unlock-v0", "minigrid_unlock"),
    Task("MiniGrid-KeyCorridorS3R3-v0", "minigrid_key_corridor"),
    Task("MiniGrid-Dynamic-Obstacles-8x8-v0", "minigrid_dynamic_obstacles"),
]
# These episodes run to the step limit whatever `most_steps` says.
WHOLE_EPISODES = 3


# --- Policies ------------------------------------------------------------------------------


def find(env: MiniGridEnv, wanted) -> tuple[int, int] | None:
    cells = ((x, y) for x in range(env.grid.width) for y in range(env.grid.height))
    return next((cell for cell in cells if wanted(env.grid.get(*cell))), None)


def walk(env: MiniGridEnv, arrived) -> int | None:
    """The first action of a shortest way to a pose; closed doors are opened, lava is avoided."""
    start = (int(env.agent_pos[0]), int(env.agent_pos[1]), int(env.agent_dir))
    frontier, first = deque([start]), {start: None}
    while frontier:
        pose = frontier.popleft()
        if arrived(pose):
            return first[pose]
        x, y, direction = pose
        ahead = (x + DIR_TO_VEC[direction][0], y + DIR_TO_VEC[direction][1])
        cell = env.grid.get(*ahead)
        door = isinstance(cell, Door) and not cell.is_locked and not cell.is_open
        moves = [(Actions.left, (x, y, (direction + 3) % 4)), (Actions.right, (x, y, (direction + 1) % 4))]
        if door or cell is None or (cell.can_overlap() and cell.type != "lava"):
            moves.append((Actions.toggle if door else Actions.forward, (*ahead, direction)))
        for action, then in moves:
            if then not in first:
                first[then] = int(action) if first[pose] is None else first[pose]
                frontier.append(then)
    return None


def face(env: MiniGridEnv, cell: tuple[int, int], action: Actions) -> int | None:
    def faces(pose):
        x, y, direction = pose
        return (x + DIR_TO_VEC[direction][0], y + DIR_TO_VEC[direction][1]) == cell

    here = (int(env.agent_pos[0]), int(env.agent_pos[1]), int(env.agent_dir))
    return int(action) if faces(here) else walk(env, faces)


def solution(env: MiniGridEnv) -> int:
    """The next action of the scripted solution of any of the tasks."""
    locked = find(env, lambda cell: isinstance(cell, Door) and cell.is_locked)
    goal = find(env, lambda cell: cell is not None and cell.type == "goal")
    if locked is not None and env.carrying is None:
        key = find(env, lambda cell: isinstance(cell, Key))
        action = face(env, key, Actions.pickup)
    elif locked is not None:
        action = face(env, locked, Actions.toggle)
    elif goal is not None:
        action = walk(env, lambda pose: pose[:2] == goal)
    elif env.carrying is not None:
        empty = env.grid.get(*env.front_pos) is None
        action = int(Actions.drop if empty else Actions.right)
    else:
        ball = find(env, lambda cell: isinstance(cell, Ball))
        action = None if ball is None else face(env, ball, Actions.pickup)
    return int(Actions.right) if action is None else action


def noisy_solution(rng: np.random.Generator, noise: float, choices: int) -> Policy:
    return lambda env, taken: (
        int(rng.integers(choices)) if rng.random() < noise else solution(env)
    )


def policy_of(task: Task, index: int, choices: int) -> tuple[str, Policy]:
    rng = np.random.default_rng(POLICY_SEED + index)
    uniform = [1.0] * choices
    forward = [2, 2, 8, 1, 0.5, 1, 0.2][:choices]
    name, policy = [
        ("solution_0.05", noisy_solution(rng, 0.05, choices)),
        ("random", weighted(rng, uniform)),
        ("solution_0.4", noisy_solution(rng, 0.4, choices)),
        ("tinker", tinker(rng)) if choices == 7 else ("forward", weighted(rng, forward)),
    ][index % 4]
    if choices < 7 and index < 8 and index % 4 == 3:
        # Nothing harms who never walks.
        name, policy = "turning", weighted(rng, [1, 1, 0])
    if task.most_steps == 0 or index < WHOLE_EPISODES:
        return name, policy
    return name, lambda env, taken: policy(env, taken) if taken < task.most_steps else None


# --- Recording -----------------------------------------------------------------------------


class ObstacleRecorder(EpisodeRecorder):
    """Also keeps where each obstacle is, at the reset and after every step."""

    def __init__(self, width: int, height: int, max_steps: int) -> None:
        super().__init__(width, height, max_steps)
        self.episode["obstacles"], self.step["obstacles"] = [], []

    def image_index(self, observation: dict) -> int:
        # Called once per reset and once per step, in that order; `run` fills the rows below.
        tiles = [tuple(int(x) for x in ball.cur_pos) for ball in self.env.obstacles]
        fresh = len(self.episode["obstacles"]) < len(self.episode["seed"])
        (self.episode if fresh else self.step)["obstacles"].append(tiles)
        return super().image_index(observation)

    def count_events(self, env, before, terminated: bool, truncated: bool) -> None:
        self.events["reached_goal"] += env.grid.get(*env.agent_pos) is not None
        self.events["terminated"] += terminated
        self.events["truncated"] += truncated

    def run(self, env: gym.Env, seed: int, policy: Policy) -> None:
        self.env = env.unwrapped
        super().run(env, seed, policy)


def record(task: Task) -> tuple[Sections, dict]:
    env = gym.make(task.env_id)
    bare = env.unwrapped
    kind = ObstacleRecorder if "Dynamic" in task.env_id else EpisodeRecorder
    recorder, kinds = kind(bare.width, bare.height, bare.max_steps), []
    for index in range(EPISODES):
        name, policy = policy_of(task, index, int(env.action_space.n))
        kinds.append(name)
        recorder.run(env, SEED + index, policy)
    return recorder.sections(), {
        "env_id": task.env_id,
        "see_through_walls": bare.see_through_walls,
        "events": dict(recorder.events),
        "policies": kinds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the files with a new recording")
    check = parser.parse_args().check
    for task in TASKS:
        if check:
            assert_same(task.stem, read(task.stem), record(task)[0])
            print(f"{task.stem}: the file matches a new recording")
        else:
            write(task.stem, EPISODES_HEADER, record(task))


if __name__ == "__main__":
    main()
