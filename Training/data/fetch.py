#!/usr/bin/env python3
"""Fetches the photographs that shipped weights are trained on: `python3 fetch.py FOLDER` (Debian, or a system with its packages).

Downloads the packages of sources.yaml with `apt-get download`, without installing them, copies the listed photographs to FOLDER and
writes FOLDER/LICENCES.tsv: file, author, licence, package. Each package's copyright file is put beside them. A package that
cannot be had is named, and the rest is fetched; the exit status is then 1.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import yaml


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    rows, missing = ["file\tauthor\tlicence\tpackage"], []
    for source in yaml.safe_load((pathlib.Path(__file__).parent / "sources.yaml").read_text()):
        package = source["package"]
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            done = subprocess.run(["apt-get", "download", "-q", package], cwd=scratch, capture_output=True, text=True)
            archives = list(scratch.glob("*.deb"))
            if done.returncode or not archives:
                missing.append(f"{package}: {(done.stderr.strip() or 'not found').splitlines()[0]}")
                continue
            subprocess.run(["dpkg", "-x", archives[0], scratch / "files"], check=True)
            shutil.copy(scratch / "files/usr/share/doc" / package / "copyright", folder / f"COPYRIGHT.{package}")
            for name, (author, licence) in source["files"].items():
                path = scratch / "files" / source["folder"] / name
                if not path.exists():
                    missing.append(f"{package}: it has no {name}; is this another Debian release?")
                    continue
                target = package + "-" + name.replace("/", "-")
                shutil.copy(path, folder / target)
                rows.append(f"{target}\t{author}\t{licence}\t{package}")
    (folder / "LICENCES.tsv").write_text("\n".join(rows) + "\n")
    print(f"{len(rows) - 1} photographs in {folder}")
    for line in missing:
        print(f"missing: {line}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
