"""Takes from wheels what a C++ program needs of libtorch: unpack.py WHEELS FOLDER cpu|cuda"""

import pathlib
import shutil
import sys
import zipfile

CPU = {"libc10.so", "libtorch_cpu.so", "libcudart.so.13", "libcupti.so.13"}


def wanted(name, build):
    """Where a wheel's file goes, None to leave it: headers keep their place, libraries lie side by side."""
    path = pathlib.PurePosixPath(name)
    if path.parts[:2] == ("torch", "include"):
        return path.relative_to("torch")
    if path.parent.name != "lib" or ".so" not in path.name or path.name == "libtorch_python.so":
        return None
    if build == "cuda" or path.name in CPU or path.name.startswith("libgomp"):
        return pathlib.PurePosixPath("lib", path.name)
    return None


def main(wheels, folder, build):
    folder = pathlib.Path(folder)
    for wheel in sorted(pathlib.Path(wheels).glob("*.whl")):
        print("unpacking", wheel.name, flush=True)
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                place = None if entry.is_dir() else wanted(entry.filename, build)
                if place is None:
                    continue
                target = folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, open(target, "wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
    if build == "cpu":
        # The wheel's libtorch.so is an empty library that also names the CUDA half.
        (folder / "lib" / "libtorch.so").symlink_to("libtorch_cpu.so")


main(*sys.argv[1:])
