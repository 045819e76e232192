"""Runs one peer for `carrot bench`: builds it, warms it up, and answers requests line by line.

    PYTHON worker.py '{"build": "step_envpool:sync", "packages": ["envpool"],
                        "args": {"env_id": "CartPole-v1", "envs": 64}}'

The first line of the answer is `ready VERSIONS`, `missing WHY` when a package is not installed, or
`failed WHY`. After that each line on stdin is a request and gets one line of JSON:

    window SECS     step with random actions for that long
    train REQUEST   train once; see learn_sb3.py

The end of stdin ends the process. What libraries print goes to stderr.
"""
import importlib
import importlib.metadata
import json
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MUJOCO_GL", "disable")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# JAX compiles a second time once the types of what is carried along have settled.
WARM_UP_CALLS = 3


def build(case):
    """The peer of a case, warmed up, and the versions of what it is made of."""
    module, _, function = case["build"].partition(":")
    peer = getattr(importlib.import_module(module), function)(**case["args"])
    if module.startswith("step_"):
        for _ in range(WARM_UP_CALLS):
            peer()
    versions = [f"{name} {importlib.metadata.version(name)}" for name in case["packages"]]
    return peer, ", ".join(versions)


def window(chunk, secs):
    """Calls `chunk`, which gives the env steps it took, for `secs` seconds."""
    cpu, start, steps = time.process_time(), time.perf_counter(), 0
    while time.perf_counter() - start < secs:
        steps += chunk()
    wall = time.perf_counter() - start
    return {"steps": steps, "secs": wall, "cpu_secs": time.process_time() - cpu}


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        peer, versions = build(json.loads(sys.argv[1]))
    except (ModuleNotFoundError, importlib.metadata.PackageNotFoundError) as error:
        print("missing", one_line(error), file=answers)
        return
    except Exception as error:
        print("failed", f"{type(error).__name__}:", one_line(error), file=answers)
        raise
    print("ready", versions, file=answers)
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        answer = window(peer, float(rest)) if verb == "window" else peer(**json.loads(rest))
        print(json.dumps(answer), file=answers)


def one_line(error):
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
    sys.stderr.flush()
    # Thread pools of the libraries must not hold the process up.
    os._exit(0)
