"""Vector files by hand: cases small enough that every expected number is derived in a comment."""

import hashlib
import json
from pathlib import Path
from typing import Any

from refopt.conformance.vectors import Case


def array(*entries: str, shape: tuple[int, ...] | None = None) -> dict[str, Any]:
    """An expected array from its decimals."""
    return {
        "shape": list((len(entries),) if shape is None else shape),
        "f64": [float(text) for text in entries],
        "hp": list(entries),
    }


def given(*entries: float) -> dict[str, Any]:
    """An input vector."""
    return {"shape": [len(entries)], "f64": [float(x) for x in entries]}


def close(value: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An expectation by test ratio with condition, scale and terms 1."""
    return {
        "kind": "array",
        "value": value,
        "scale": 1.0,
        "condition": 1.0,
        "terms": 1,
        "threshold": 30.0,
        **changes,
    }


def case(op: str, inputs: dict[str, Any], expect: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A case as it stands in a vector file."""
    level = changes.pop("level", "L3")
    name = changes.pop("name", "byhand")
    return {
        "id": f"first_order.{op}.{level}.{name}",
        "op": op,
        "level": level,
        "source": "by hand",
        "comment": "worked out in a comment",
        "flags": ["ByHand"],
        "dtype": "float64",
        "profile": {},
        "in": inputs,
        "expect": expect,
        **changes,
    }


# Heavy ball with momentum 1/2 and learning rate 1/4 from theta = (1, 2), v = (1, 1), g = (1/2, -1):
# v' = (1/2 + 1/2, 1/2 - 1) = (1, -1/2), d = (-1/4, 1/8), theta' = (3/4, 17/8).
HEAVY_BALL = case(
    "base_step",
    {
        "optimizer": "heavy_ball",
        "settings": {"learning_rate": 0.25, "momentum": 0.5},
        "theta": given(1.0, 2.0),
        "gradient": given(0.5, -1.0),
        "state": {"iteration": 3, "velocity": given(1.0, 1.0)},
    },
    {
        "direction": close(array("-0.25", "0.125")),
        "theta_next": close(array("0.75", "2.125")),
        "state.velocity": close(array("1", "-0.5")),
        "state.iteration": {"kind": "exact", "value": 4},
    },
)
HEAVY_BALL_ANSWER = {
    "direction": [-0.25, 0.125],
    "theta_next": [0.75, 2.125],
    "state.velocity": [1.0, -0.5],
    "state.iteration": 4,
}

# m = 40, rho = 1.1: T = 2 * 40 / 0.1 = 800.
PERIOD = case(
    "refresh_period", {"lanczos_steps": 40, "overhead": 1.1}, {"period": {"kind": "exact", "value": 800}}
)

# Gradient descent with learning rate 1/2 along three gradients: d = -g/2.
DIRECTIONS = case(
    "base_directions",
    {
        "optimizer": "gradient_descent",
        "settings": {"learning_rate": 0.5},
        "thetas": {"shape": [3, 1], "f64": [1.0, 2.0, 3.0]},
        "gradients": {"shape": [3, 1], "f64": [2.0, -4.0, 8.0]},
    },
    {
        "directions": close(
            array("-1", "2", "-4", shape=(3, 1)), axis="step", condition=[1.0, 1.0, 1.0], scale=4.0
        )
    },
    level="L4",
)


def read(entry: dict[str, Any]) -> Case:
    """The case as the loader hands it on."""
    return Case(
        id=entry["id"],
        method=entry["id"].split(".")[0],
        op=entry["op"],
        level=entry["level"],
        source=entry["source"],
        comment=entry["comment"],
        flags=dict.fromkeys(entry["flags"], "a flag"),
        dtype=entry["dtype"],
        profile=entry["profile"],
        inputs=entry["in"],
        expect=entry["expect"],
        alternatives=entry.get("alternatives", {}),
        file="by hand",
    )


def write(folder: Path, *cases: dict[str, Any], **changes: Any) -> Path:
    """Write a folder of vectors with one file and its manifest."""
    content = {
        "format": "refopt-vectors/1",
        "method": "first_order",
        "flags": {"ByHand": "a number somebody can check with a pencil"},
        "cases": list(cases),
        **changes,
    }
    (folder / "first_order").mkdir(parents=True, exist_ok=True)
    (folder / "first_order" / "byhand.json").write_text(json.dumps(content), encoding="utf-8")
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    """Write the manifest that fits the files of a folder, whatever they hold."""
    files = {}
    for path in sorted(folder.glob("*/*.json")):
        data = path.read_bytes()
        try:
            number = len(json.loads(data)["cases"])
        except (ValueError, KeyError, TypeError):
            number = 0
        files[path.relative_to(folder).as_posix()] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "cases": number,
        }
    root = "".join(f"{entry['sha256']}  {name}\n" for name, entry in files.items())
    manifest = {
        "format": "refopt-vectors/1",
        "cases": sum(entry["cases"] for entry in files.values()),
        "root_sha256": hashlib.sha256(root.encode()).hexdigest(),
        "files": files,
    }
    (folder / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
