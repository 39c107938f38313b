"""States as files: a state's tree as arrays and JSON, and back, and a file written whole or not at all.

Matrices of a state are stored transposed and come back as transposed views, because refopt keeps eigenvectors
in the columns of such views: the same memory layout gives the same sums, and a resumed run the same numbers
bit for bit.
"""

from __future__ import annotations

import errno
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from refopt.arrays import Array, asarray_like, to_host


def stacked(rows: list[Any]) -> np.ndarray:
    """Rows as one NumPy array; rows of different lengths are padded with NaN."""
    arrays = [np.asarray(row) for row in rows]
    shapes = {array.shape for array in arrays}
    if len(shapes) <= 1:
        return np.stack(arrays) if arrays else np.zeros(0)
    widest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    padding = [[(0, w - s) for w, s in zip(widest, array.shape, strict=True)] for array in arrays]
    return np.stack(
        [np.pad(a.astype(float), pad, constant_values=np.nan) for a, pad in zip(arrays, padding, strict=True)]
    )


def tree_of(state: Any) -> Any:
    """Named tuples as dictionaries, at every depth."""
    if hasattr(state, "_asdict"):
        state = state._asdict()
    return {name: tree_of(part) for name, part in state.items()} if isinstance(state, dict) else state


def described(tree: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """A JSON description of a state; its arrays are added to `arrays` under their path."""
    if isinstance(tree, dict):
        return {"fields": {name: described(part, f"{path}/{name}", arrays) for name, part in tree.items()}}
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return {"value": tree}
    if not hasattr(tree, "shape"):
        raise TypeError(f"`{path}` is a {type(tree).__name__}; a saved state holds arrays, numbers and text")
    arrays[path] = np.ascontiguousarray(to_host(tree.T if len(tree.shape) == 2 else tree))
    return {"array": path}


def restored(description: Any, archive: Any) -> Any:
    """The state that `described` described, as nested dictionaries."""
    ((kind, content),) = description.items()
    if kind == "fields":
        return {name: restored(part, archive) for name, part in content.items()}
    if kind == "value":
        return content
    array = archive[content]
    return array.T if array.ndim == 2 else array


def placed(part: Any, like: Array | None) -> Any:
    """An array of a loaded state on the device of `like`; anything else unchanged."""
    if like is None or not isinstance(part, np.ndarray):
        return part
    if part.ndim == 2:
        return asarray_like(part.T, like, part.dtype.name).T
    return asarray_like(part, like, part.dtype.name)


def rebuilt(template: Any, tree: Any, like: Array | None, path: str) -> Any:
    """`tree` in the named tuples of `template`."""
    if not hasattr(template, "_fields"):
        return placed(tree, like)
    if not isinstance(tree, dict) or set(tree) != set(template._fields):
        found = ", ".join(tree) if isinstance(tree, dict) else type(tree).__name__
        raise ValueError(
            f"`optimizer` has another {path} than the trace: its fields are {', '.join(template._fields)}, "
            f"the trace holds {found}"
        )
    parts = zip(template._fields, template, strict=True)
    return type(template)(*(rebuilt(part, tree[name], like, f"{path}.{name}") for name, part in parts))


def write_whole(path: str | os.PathLike[str], arrays: dict[str, Any]) -> None:
    """Write an archive beside its place and move it there, so that no half-written file is ever at `path`.

    A symbolic link is followed: the file that it leads to is replaced, the link stays.

    Raises:
        ValueError: when `path` is empty.
        OSError: naming `path`, when it is something else than a regular file, or cannot be written.
    """
    given = os.fspath(path)
    if not given:
        raise ValueError("`path` is empty; it must name a file")
    target = Path(os.path.realpath(given))
    temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        if target.exists() and not target.is_file():
            raise OSError(
                errno.EINVAL, "`path` is not a regular file; it must be one, or a place without a file", given
            )
        with open(temporary, "xb") as handle:
            np.savez(handle, **arrays)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno is not None and error.filename != given:
            raise OSError(error.errno, error.strerror, given) from error  # not the temporary file's name
        raise
