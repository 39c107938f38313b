"""Importing the published FOSI code beside packages that have moved on since 2023."""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any, NamedTuple


def stand_ins() -> dict[str, ModuleType]:
    """Make a module for each that the package imports and that is not installed."""
    made = {}
    if importlib.util.find_spec("jax.config") is None:
        made["jax.config"] = _module("jax.config", config=importlib.import_module("jax").config)
    if importlib.util.find_spec("jax.experimental.host_callback") is None:
        name = "jax.experimental.host_callback"
        made[name] = _module(name, id_tap=_tap)
    if "torchopt" not in sys.modules and importlib.util.find_spec("torchopt") is None:
        tree = importlib.import_module("torch.utils._pytree")
        made["torchopt.base"] = _module("torchopt.base", GradientTransformation=Transformation)
        made["torchopt.pytree"] = _module("torchopt.pytree", tree_map=tree.tree_map)
        made["torchopt"] = _module(
            "torchopt", base=made["torchopt.base"], pytree=made["torchopt.pytree"], __path__=[]
        )
    return made


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(members)
    return module


def _tap(function: Any, values: Any, *, tap_with_device: bool) -> Any:
    # What host_callback.id_tap did: the function sees the values, which pass unchanged.
    jax = importlib.import_module("jax")
    jax.debug.callback(lambda *seen: function(seen, (), jax.devices()[0]), *values)
    return values


class Transformation(NamedTuple):
    """A gradient transformation of torchopt or optax: init(params) and update(g, state, params)."""

    init: Any
    update: Any


def imported(form: str) -> Any:
    """Import the package's `fosi_optimizer` of a form, "torch_optim" or "jax_optim".

    Raises:
        ImportError: fosi is not on the path.
    """
    if importlib.util.find_spec("fosi") is None:
        raise ImportError(
            "fosi is not on the path; it has no release: put a checkout of github.com/hsivan/fosi "
            "on PYTHONPATH"
        )
    made = stand_ins()
    sys.modules.update(made)
    try:
        return importlib.import_module(f"fosi.{form}.fosi_optimizer")
    finally:
        for name in made:
            sys.modules.pop(name, None)
