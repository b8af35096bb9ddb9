"""From a checkpoint to a weights file that the `network` stage runs."""
import datetime
import json

from . import checkpoint
from .architecture import ComposedNetwork, shipped
from .safetensors import write


def export(recipe, path):
    """Writes the averaged weights with the architecture and the facts of the card; the facts."""
    state = checkpoint.load(recipe["output"] / "checkpoint.pt")
    if state is None:
        raise SystemExit(f"{recipe['output']}: there is no checkpoint yet; run `python -m training train` first")
    network = ComposedNetwork(recipe["network"])
    network.load_state_dict(state["averaged"])
    card = {
        "name": recipe["name"], "summary": recipe["summary"] or "", "parameters": network.parameter_count,
        "trained": {"steps": state["step"], "of": recipe["steps"], "hours": round(state["seconds"] / 3600, 2), "seed": recipe["seed"],
                    **({"changed": changes} if (changes := state.get("changes")) else {})},
        "exported": datetime.date.today().isoformat(), **recipe["card"],
    }
    metadata = {"format": "pt", "aquatint.architecture": json.dumps(shipped(recipe["network"]), separators=(",", ":")),
                "aquatint.card": json.dumps(card, ensure_ascii=False, separators=(",", ":"))}
    write(path, network.state_dict(), metadata)
    return card
