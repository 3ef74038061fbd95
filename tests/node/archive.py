"""A docker archive of a folder, without an engine: one layer, its configuration, and the manifest, in a tar.

`ctr images import` and `docker load` read it.  Entries are sorted, owners are numbers, and times are those of the
files, so equal folders give equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.node.containerfile import Stage


def write_layer(root: Path, target: Path) -> str:
    """Write the layer of a folder (uncompressed) and return its SHA-256 in hexadecimal."""
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            entry = tar.gettarinfo(path, arcname=str(path.relative_to(root)))
            entry.uname = entry.gname = ""
            entry.mtime = int(entry.mtime)
            if entry.isreg():
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)
    with target.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def write_archive(layer: Path, digest: str, stage: Stage, reference: str, target: Path, moment: int) -> None:
    """Write the archive of an image with that one layer; `moment` (seconds since 1970) is when it was created."""
    configuration = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": datetime.fromtimestamp(moment, UTC).isoformat(),
            "config": {
                "User": stage.user,
                "Env": [f"{name}={value}" for name, value in stage.environment.items()],
                "Entrypoint": list(stage.entrypoint),
                "WorkingDir": stage.folder,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    )
    name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    manifest = _json([{"Config": name, "RepoTags": [reference], "Layers": ["layer.tar"]}])
    with tarfile.open(target, "w") as tar:
        for entry, content in (("manifest.json", manifest), (name, configuration)):
            info = tarfile.TarInfo(entry)
            info.size, info.mtime = len(content), moment
            tar.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo("layer.tar")
        info.size, info.mtime = layer.stat().st_size, moment
        with layer.open("rb") as file:
            tar.addfile(info, file)


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
