"""Keeps models.json: the list of the weights in a folder, which the program checks them against."""
import hashlib
import json
import pathlib

from .safetensors import read


def ship(folder):
    """Writes the list for all weights files of a folder; its entries."""
    entries = []
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        card = json.loads(read(path)[1]["aquatint.card"])
        entries.append({"name": path.stem, "file": path.name, "stage": "network", "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                        "summary": card["summary"]})
    (pathlib.Path(folder) / "models.json").write_text(json.dumps({"version": 1, "models": entries}, indent=2, ensure_ascii=False) + "\n")
    return entries
