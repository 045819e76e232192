"""Makes the virtual environments of the peers in `venv/` beside this file.

    python3.11 benches/peers/bootstrap.py             # all of them, some gigabytes
    python3.11 benches/peers/bootstrap.py main learn  # some

`main` holds Gymnasium and EnvPool, `jax` gymnax, XLand-MiniGrid and Navix, `puffer` PufferLib's C envs (needs
gcc), `learn` Stable-Baselines3. What is not there is reported by `carrot bench` as not installed.
"""
import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENVS = HERE / "venv"
NAMES = ("main", "jax", "puffer", "learn")
PUFFERLIB = "3.0.0"
TESTED = (3, 11)

# PufferLib is published as sources only, and its build wants PyTorch and CUDA. With this in the way pip gives
# the sources out; the one env that is measured is then compiled here, with the flags of its build.
NO_TORCH = """
import builtins, sys, types
from setuptools import Extension
from setuptools.command.build_ext import build_ext
names = ("torch", "torch.utils", "torch.utils.cpp_extension")
torch, utils, cpp = (types.ModuleType(name) for name in names)
cpp.BuildExtension, cpp.CppExtension, cpp.CUDAExtension, cpp.CUDA_HOME = build_ext, Extension, Extension, None
torch.utils, utils.cpp_extension = utils, cpp
builtins.c_extension_paths = []
sys.modules.update(zip(names, (torch, utils, cpp)))
"""
PATHS = """
import numpy, sysconfig
print(numpy.get_include(), sysconfig.get_paths()["include"], sysconfig.get_config_var("EXT_SUFFIX"))
"""


def run(*command, **options):
    print("+", *command, flush=True)
    return subprocess.run([str(part) for part in command], check=True, **options)


def make_venv(name):
    python = VENVS / name / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", VENVS / name)
    run(python, "-m", "pip", "install", "-q", "-r", HERE / f"requirements-{name}.txt")
    return python


def compile_pufferlib(python):
    sources = VENVS / f"pufferlib-{PUFFERLIB}"
    if not sources.exists():
        with tempfile.TemporaryDirectory() as scratch:
            Path(scratch, "sitecustomize.py").write_text(NO_TORCH)
            env = dict(os.environ, NO_OCEAN="1", NO_TRAIN="1", PYTHONPATH=scratch)
            run(python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "pufferlib",
                "--no-build-isolation", "-d", scratch, f"pufferlib=={PUFFERLIB}", env=env)
            with tarfile.open(Path(scratch, f"pufferlib-{PUFFERLIB}.tar.gz")) as archive:
                archive.extractall(VENVS, filter="data")
    paths = run(python, "-c", PATHS, capture_output=True, text=True).stdout.split()
    cartpole = sources / "pufferlib" / "ocean" / "cartpole"
    raylib = sources / "raylib-5.5_linux_amd64"
    run("gcc", "-shared", "-fPIC", "-fwrapv", "-DNDEBUG", "-w", "-O2", "-flto", "-DPLATFORM_DESKTOP",
        "-DNPY_NO_DEPRECATED_API=NPY_1_7_API_VERSION", f"-I{paths[0]}", f"-I{paths[1]}",
        f"-I{raylib / 'include'}", cartpole / "binding.c", raylib / "lib" / "libraylib.a",
        "-Wl,-Bsymbolic-functions", "-lm", "-lpthread", "-ldl", "-o", cartpole / f"binding{paths[2]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}, only {', '.join(NAMES)}")
    if sys.version_info[:2] != TESTED:
        print(f"note: the versions were chosen for Python {TESTED[0]}.{TESTED[1]}", file=sys.stderr)
    for name in names:
        python = make_venv(name)
        if name == "puffer":
            compile_pufferlib(python)
    print("ready:", ", ".join(names))


if __name__ == "__main__":
    main()
