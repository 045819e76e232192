"""Record what MiniGrid does, as fixtures for the Rust tests.

Three files: episodes of MiniGrid-Empty-8x8-v0, single views of random layouts with occlusion, and
episodes on such layouts with pickup, drop and toggle. `python minigrid_empty.py` writes
../fixtures; `--check` reads the files back, replays them in fresh environments and compares
bit by bit. Layouts and MiniGrid's rules: README.md.
"""

import argparse
import json
import platform
import zlib
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import gymnasium as gym
import numpy as np
from minigrid.core.actions import Actions
from minigrid.core.constants import COLOR_NAMES, COLOR_TO_IDX, OBJECT_TO_IDX
from minigrid.core.grid import Grid
from minigrid.core.mission import MissionSpace
from minigrid.core.world_object import Ball, Box, Door, Goal, Key, Wall, WorldObj
from minigrid.minigrid_env import MiniGridEnv

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
SIZE, VIEW = 8, 7
MAX_STEPS = 4 * SIZE * SIZE
EMPTY_ID = "MiniGrid-Empty-8x8-v0"
EMPTY_EPISODES, LAYOUT_VIEWS, LAYOUT_EPISODES, LAYOUT_STEPS = 200, 2_000, 200, 60
EMPTY_SEED, VIEWS_SEED, LAYOUT_SEED = 10_000, 20_000, 30_000
# Little-endian u32 counts at the head of the two kinds of file.
VIEWS_HEADER = ("views", "width", "height", "view_size")
EPISODES_HEADER = ("episodes", "steps", "observations", "width", "height", "view_size", "max_steps")

Rng = np.random.Generator
Sections = dict[str, np.ndarray]
Agent = tuple[int, int, int]
# The next action, from the environment and the number of steps taken; None ends the recording.
Policy = Callable[[MiniGridEnv, int], int | None]


class LayoutEnv(MiniGridEnv):
    """A MiniGrid environment on a given grid, with occlusion."""

    def __init__(self, layout: Grid, agent: Agent):
        self.layout, self.agent = layout, agent
        mission = MissionSpace(mission_func=lambda: "")
        super().__init__(mission, grid_size=SIZE, max_steps=MAX_STEPS, see_through_walls=False)

    def _gen_grid(self, width: int, height: int) -> None:
        self.grid = self.layout.copy()
        self.agent_pos, self.agent_dir = self.agent[:2], self.agent[2]


# --- Random layouts ------------------------------------------------------------------------


def random_layout(rng: Rng, colors: int) -> tuple[Grid, Agent]:
    """Border walls, 20 % interior walls, doors and objects in the first `colors` of a shuffle."""
    palette = rng.permutation(COLOR_NAMES)[:colors]
    grid = Grid(SIZE, SIZE)
    grid.wall_rect(0, 0, SIZE, SIZE)
    interior = [(x, y) for y in range(1, SIZE - 1) for x in range(1, SIZE - 1)]
    for x, y in interior:
        grid.set(x, y, random_cell(rng, str(rng.choice(palette))))
    x, y = interior[rng.integers(len(interior))]
    grid.set(x, y, Goal())
    empty = [cell for cell in interior if grid.get(*cell) is None]
    x, y = empty[rng.integers(len(empty))]
    return grid, (x, y, int(rng.integers(4)))


def random_cell(rng: Rng, color: str) -> WorldObj | None:
    draw, state = rng.random(), rng.integers(3)
    if draw < 0.20:
        return Wall()
    if draw < 0.32:
        return Door(color, is_open=state == 0, is_locked=state == 2)
    if draw < 0.39:
        return Key(color)
    if draw < 0.44:
        return Ball(color)
    if draw < 0.49:
        return Box(color)
    return None


# --- Policies ------------------------------------------------------------------------------


def weighted(rng: Rng, weights: list[float]) -> Policy:
    """Random actions; weights for left, right, forward, pickup, drop, toggle and done."""
    chances = np.array(weights) / sum(weights)
    return lambda env, taken: int(rng.choice(len(chances), p=chances))


def towards_goal(env: MiniGridEnv) -> int:
    """The scripted solution of the empty room: go right along the row, then down."""
    want = 0 if env.agent_pos[0] < SIZE - 2 else 1
    if env.agent_dir == want:
        return Actions.forward
    return Actions.right if (want - env.agent_dir) % 4 in (1, 2) else Actions.left


def noisy_solution(rng: Rng, noise: float) -> Policy:
    return lambda env, taken: (
        int(rng.integers(len(Actions))) if rng.random() < noise else int(towards_goal(env))
    )


def late_solution(arrive_at: int) -> Policy:
    """Waits so that the goal is reached on exactly this step."""
    shortest = 2 * (SIZE - 3) + 1
    return lambda env, taken: int(
        Actions.done if taken < arrive_at - shortest else towards_goal(env)
    )


def tinker(rng: Rng) -> Policy:
    """Mostly uses what lies ahead, so that rare interactions (unlocking) occur."""

    def act(env: MiniGridEnv, taken: int) -> int:
        ahead = env.grid.get(*env.front_pos)
        if rng.random() < 0.2:
            return int(rng.integers(len(Actions)))
        if isinstance(ahead, Key) and env.carrying is None:
            return int(Actions.pickup)
        if isinstance(ahead, Door) and not ahead.is_open and rng.random() < 0.5:
            return int(Actions.toggle)
        if ahead is None and env.carrying is not None and rng.random() < 0.05:
            return int(Actions.drop)
        if (ahead is None or ahead.can_overlap()) and rng.random() < 0.7:
            return int(Actions.forward)
        return int(rng.choice([Actions.left, Actions.right]))

    return act


def empty_policy(index: int) -> tuple[str, Policy]:
    rng = np.random.default_rng(EMPTY_SEED + index)
    if index >= EMPTY_EPISODES - 4:
        arrive_at = MAX_STEPS - 2 + index - (EMPTY_EPISODES - 4)
        return f"late_{arrive_at}", late_solution(arrive_at)
    match index % 4:
        case 0:
            return "random", weighted(rng, [1, 1, 1, 1, 1, 1, 1])
        case 1:
            return "forward", weighted(rng, [2, 2, 8, 0.5, 0.5, 0.5, 0.5])
        case 2:
            return "solution_0.1", noisy_solution(rng, 0.1)
        case _:
            return "solution_0.6", noisy_solution(rng, 0.6)


def layout_policy(index: int) -> tuple[str, Policy]:
    rng = np.random.default_rng(LAYOUT_SEED + 1_000 + index)
    name, policy = [
        ("random", weighted(rng, [1, 1, 1, 1, 1, 1, 1])),
        ("forward", weighted(rng, [1, 1, 3, 1.5, 0.7, 1.5, 0.3])),
        ("tinker", tinker(rng)),
    ][index % 3]
    return name, lambda env, taken: policy(env, taken) if taken < LAYOUT_STEPS else None


# --- Recording -----------------------------------------------------------------------------


def agent_of(env: MiniGridEnv) -> Agent:
    return (int(env.agent_pos[0]), int(env.agent_pos[1]), int(env.agent_dir))


class EpisodeRecorder:
    """Columns per episode and per step, and a table of the distinct images."""

    def __init__(self, width: int = SIZE, height: int = SIZE, max_steps: int = MAX_STEPS) -> None:
        self.shape = (width, height, VIEW, max_steps)
        self.images: dict[bytes, int] = {}
        self.episode = {name: [] for name in ("seed", "steps", "agent", "grid", "observation")}
        self.step = {
            name: []
            for name in ("action", "agent", "observation", "reward", "terminated", "truncated")
        }
        self.final_grid: list[np.ndarray] = []
        self.events: Counter[str] = Counter()

    def image_index(self, observation: dict) -> int:
        image = observation["image"]
        assert image.shape == (VIEW, VIEW, 3) and image.dtype == np.uint8
        return self.images.setdefault(image.tobytes(), len(self.images))

    def run(self, env: gym.Env, seed: int, policy: Policy) -> None:
        observation, _ = env.reset(seed=seed)
        bare, taken = env.unwrapped, 0
        self.episode["seed"].append(seed)
        self.episode["agent"].append(agent_of(bare))
        self.episode["grid"].append(bare.grid.encode())
        self.episode["observation"].append(self.image_index(observation))
        terminated = truncated = False
        while not (terminated or truncated) and (action := policy(bare, taken)) is not None:
            before = (bare.grid.encode(), bare.carrying)
            observation, reward, terminated, truncated, _ = env.step(action)
            assert observation["direction"] == bare.agent_dir
            taken += 1
            self.step["action"].append(action)
            self.step["agent"].append(agent_of(bare))
            self.step["observation"].append(self.image_index(observation))
            self.step["reward"].append(reward)
            self.step["terminated"].append(terminated)
            self.step["truncated"].append(truncated)
            self.count_events(bare, before, terminated, truncated)
        self.episode["steps"].append(taken)
        self.final_grid.append(bare.grid.encode())

    def count_events(self, env, before, terminated: bool, truncated: bool) -> None:
        (old, carried), new = before, env.grid.encode()
        if env.carrying is not carried:
            self.events["drop" if carried else "pickup"] += 1
        elif (changed := np.argwhere((old != new).any(axis=2))).size:
            x, y = changed[0]
            door = OBJECT_TO_IDX["door"]
            states = ("open", "closed", "locked")
            if old[x, y, 0] == door:
                self.events[f"{states[old[x, y, 2]]}_to_{states[new[x, y, 2]]}"] += 1
            else:
                self.events["box_opened"] += 1
        self.events["terminated"] += terminated
        self.events["truncated"] += truncated
        self.events["terminated_and_truncated"] += terminated and truncated

    def sections(self) -> Sections:
        images = b"".join(self.images)
        counts = [len(self.final_grid), len(self.step["action"]), len(self.images)]
        dtypes = {"seed": "<u4", "steps": "<u2", "observation": "<u2", "reward": "<f4"}
        sections = {
            "header": np.array([*counts, *self.shape], dtype="<u4"),
            "observations": np.frombuffer(images, dtype="u1").reshape(-1, VIEW, VIEW, 3),
        }
        for prefix, columns in (("episode", self.episode), ("step", self.step)):
            for name, values in columns.items():
                sections[f"{prefix}_{name}"] = np.array(values).astype(dtypes.get(name, "u1"))
        sections["episode_final_grid"] = np.array(self.final_grid)
        return sections


def record_empty() -> tuple[Sections, dict]:
    env, recorder, kinds = gym.make(EMPTY_ID), EpisodeRecorder(), []
    bare = env.unwrapped
    assert bare.max_steps == MAX_STEPS and bare.see_through_walls
    for index in range(EMPTY_EPISODES):
        kind, policy = empty_policy(index)
        kinds.append(kind)
        recorder.run(env, EMPTY_SEED + index, policy)
    return recorder.sections(), {
        "env_id": EMPTY_ID,
        "see_through_walls": True,
        "events": dict(recorder.events),
        "policies": kinds,
    }


def record_layout_episodes() -> tuple[Sections, dict]:
    recorder, kinds = EpisodeRecorder(), []
    for index in range(LAYOUT_EPISODES):
        seed = LAYOUT_SEED + index
        # Few colours make it likely that a key fits a lock.
        layout, agent = random_layout(np.random.default_rng(seed), colors=1 + index % 3)
        kind, policy = layout_policy(index)
        kinds.append(kind)
        recorder.run(LayoutEnv(layout, agent), seed, policy)
    return recorder.sections(), {
        "see_through_walls": False,
        "events": dict(recorder.events),
        "policies": kinds,
    }


def record_layout_views() -> tuple[Sections, dict]:
    rng = np.random.default_rng(VIEWS_SEED)
    grids, agents = [], []
    for _ in range(LAYOUT_VIEWS):
        layout, agent = random_layout(rng, colors=len(COLOR_NAMES))
        grids.append(layout.encode())
        agents.append(agent)
    sections = {
        "header": np.array([LAYOUT_VIEWS, SIZE, SIZE, VIEW], dtype="<u4"),
        "grid": np.array(grids),
        "agent": np.array(agents, dtype="u1"),
    }
    sections["image"] = replay_views(sections)
    unseen = (sections["image"][..., 0] == OBJECT_TO_IDX["unseen"]).mean()
    return sections, {"see_through_walls": False, "unseen_share": round(float(unseen), 4)}


# --- Replaying -----------------------------------------------------------------------------


def env_at(grid: np.ndarray, agent: np.ndarray) -> LayoutEnv:
    x, y, direction = (int(value) for value in agent)
    return LayoutEnv(Grid.decode(grid)[0], (x, y, direction))


def replay_views(sections: Sections) -> np.ndarray:
    images = []
    for grid, agent in zip(sections["grid"], sections["agent"], strict=True):
        env = env_at(grid, agent)
        env.reset()
        assert np.array_equal(env.grid.encode(), grid)
        images.append(env.gen_obs()["image"])
    return np.array(images)


def replay_episodes(sections: Sections, make: Callable[[int], gym.Env]) -> Sections:
    """Run the recorded actions again, in environments made anew."""
    recorder, first = EpisodeRecorder(), 0
    for index, (seed, steps) in enumerate(
        zip(sections["episode_seed"], sections["episode_steps"], strict=True)
    ):
        actions = [int(action) for action in sections["step_action"][first : first + steps]]
        recorder.run(
            make(index),
            int(seed),
            lambda _, taken, actions=actions: actions[taken] if taken < len(actions) else None,
        )
        first += int(steps)
    return recorder.sections()


# --- Files ---------------------------------------------------------------------------------


def write(stem: str, header: tuple[str, ...], recorded: tuple[Sections, dict]) -> None:
    sections, sidecar = recorded
    assert len(sections["header"]) == len(header)
    layout, offset = [], 0
    for name, values in sections.items():
        entry = {"name": name, "dtype": values.dtype.str, "shape": list(values.shape)}
        layout.append(entry | {"offset": offset, "bytes": values.nbytes})
        offset += values.nbytes
    path = FIXTURES / f"{stem}.bin.z"
    path.write_bytes(zlib.compress(b"".join(v.tobytes() for v in sections.values()), 9))
    head = {"compression": "zlib", "bytes": offset, "header": list(header), "sections": layout}
    ids = {"objects": OBJECT_TO_IDX, "colors": COLOR_TO_IDX}
    versions = {
        "python": platform.python_version(),
        "gymnasium": gym.__version__,
        "minigrid": version("minigrid"),
        "numpy": np.__version__,
    }
    text = json.dumps(head | sidecar | ids | {"versions": versions}, indent=1)
    path.with_name(f"{stem}.json").write_text(text + "\n")
    print(f"{path.name}: {offset} bytes, {path.stat().st_size} compressed, {sidecar.get('events')}")


def read(stem: str) -> Sections:
    payload = zlib.decompress((FIXTURES / f"{stem}.bin.z").read_bytes())
    sidecar = json.loads((FIXTURES / f"{stem}.json").read_text())
    assert len(payload) == sidecar["bytes"]
    sections, offset = {}, 0
    for section in sidecar["sections"]:
        assert section["offset"] == offset
        raw = payload[offset : offset + section["bytes"]]
        sections[section["name"]] = np.frombuffer(raw, section["dtype"]).reshape(section["shape"])
        offset += section["bytes"]
    assert offset == len(payload)
    return sections


def assert_same(stem: str, left: Sections, right: Sections) -> None:
    assert left.keys() == right.keys()
    for name in left:
        same = left[name].dtype == right[name].dtype and np.array_equal(left[name], right[name])
        assert same, f"{stem}: {name} differs"


EMPTY, VIEWS, LAYOUTS = "minigrid_empty_8x8", "minigrid_layout_views", "minigrid_layout_episodes"


def generate() -> None:
    write(EMPTY, EPISODES_HEADER, record_empty())
    write(VIEWS, VIEWS_HEADER, record_layout_views())
    write(LAYOUTS, EPISODES_HEADER, record_layout_episodes())


def check() -> None:
    empty = read(EMPTY)
    assert_same(EMPTY, empty, replay_episodes(empty, lambda _: gym.make(EMPTY_ID)))
    assert_same(EMPTY, empty, record_empty()[0])

    views = read(VIEWS)
    assert np.array_equal(views["image"], replay_views(views))
    assert_same(VIEWS, views, record_layout_views()[0])

    layouts = read(LAYOUTS)
    starts = list(zip(layouts["episode_grid"], layouts["episode_agent"], strict=True))
    assert_same(LAYOUTS, layouts, replay_episodes(layouts, lambda i: env_at(*starts[i])))
    assert_same(LAYOUTS, layouts, record_layout_episodes()[0])
    print("MiniGrid: files match a fresh replay")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the files with a replay")
    check() if parser.parse_args().check else generate()


if __name__ == "__main__":
    main()
