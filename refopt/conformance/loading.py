"""Finding an adapter from what a user writes: `pkg.mod:Class` or `file.py:Class`."""

import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import ModuleType

from refopt.conformance import wire
from refopt.conformance.adapter import Adapter, capabilities
from refopt.conformance.ops import OPERATIONS
from refopt.conformance.profiles import CHOICES


class UnknownAdapter(ValueError):
    """An adapter that does not exist as it was written."""


def suggestion(given: str, names: list[str]) -> str:
    """Return " Did you mean `x`?" for the nearest name, or an empty string."""
    near = difflib.get_close_matches(given, names, n=1)
    return f" Did you mean `{near[0]}`?" if near else ""


def split(spec: str) -> tuple[str, str]:
    """Split an adapter's spec into module (dotted, or the path of a .py file) and class.

    Raises:
        UnknownAdapter: with one sentence.
    """
    module, colon, name = spec.rpartition(":")
    if not colon or not module or not name.isidentifier():
        raise UnknownAdapter(f"`--adapter` is {spec!r}; write package.module:Class or file.py:Class.")
    if module.endswith(".py"):
        if not Path(module).is_file():
            raise UnknownAdapter(f"`--adapter` names the file {module}, which does not exist.")
    elif not _importable(module):
        raise UnknownAdapter(
            f"`--adapter` names the module {module}, which cannot be found on the path or in this folder."
        )
    return module, name


def _importable(module: str) -> bool:
    # Only the top-level package is looked for: looking further would import it into this process.
    top = module.partition(".")[0]
    try:
        return (
            importlib.util.find_spec(top) is not None or any(Path().glob(f"{top}.py")) or Path(top).is_dir()
        )
    except (ImportError, ValueError):
        return False


def load(spec: str, backend: str | None = None) -> Adapter:
    """Import an adapter's module and make an instance.

    Args:
        spec: see `split`.
        backend: array library, for adapters whose constructor has a parameter `backend`.

    Raises:
        UnknownAdapter: no such class, not a subclass of Adapter, nothing overridden, or a backend it does not
            take.
        Exception: whatever the module or the constructor raises.
    """
    module_name, name = split(spec)
    try:
        module = (
            _from_file(module_name) if module_name.endswith(".py") else importlib.import_module(module_name)
        )
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):  # not one that the module imports
            raise UnknownAdapter(
                f"`--adapter` names the module {module_name}, which does not exist."
            ) from None
        raise
    kind = getattr(module, name, None)
    if kind is None:
        known = [
            key
            for key, value in vars(module).items()
            if inspect.isclass(value) and issubclass(value, Adapter) and value is not Adapter
        ]
        raise UnknownAdapter(f"{module_name} has no class {name}.{suggestion(name, known)}")
    if not (inspect.isclass(kind) and issubclass(kind, Adapter)):
        raise UnknownAdapter(f"{module_name}:{name} is not a subclass of refopt.conformance.Adapter.")
    if not capabilities(kind):
        raise UnknownAdapter(
            f"{module_name}:{name} overrides none of the operations; see `refopt cases --operations`."
        )
    if backend is not None and "backend" not in inspect.signature(kind).parameters:
        raise UnknownAdapter(f"`--backend` is {backend}, but {module_name}:{name} takes no `backend`.")
    _check_names(kind, f"{module_name}:{name}")
    make: Callable[..., Adapter] = kind
    adapter = make() if backend is None else make(backend=backend)
    _check_declarations(adapter, f"{module_name}:{name}")
    return adapter


def _check_declarations(adapter: Adapter, where: str) -> None:
    # Of the instance, whose constructor may have set them.
    profile, dtypes = adapter.profile, adapter.dtypes
    if not isinstance(profile, Mapping):
        raise UnknownAdapter(f"`profile` of {where} is {profile!r}; it must be a dictionary.")
    for key, value in profile.items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise UnknownAdapter(f"`profile` of {where} holds {key!r}: {value!r}; both must be strings.")
    known = isinstance(dtypes, (tuple, list)) and all(dtype in wire.FLOATS for dtype in dtypes)
    if not known or not dtypes:
        allowed = " and ".join(wire.FLOATS)
        raise UnknownAdapter(f"`dtypes` of {where} is {dtypes!r}; it must be a tuple out of {allowed}.")


def check_profile(profile: Mapping[str, str], known: Collection[str], where: str) -> None:
    """Require that every choice of a profile, and its value, is one that some case knows.

    Args:
        profile: an adapter's declared choices.
        known: names of the choices in the vectors.
        where: the adapter, for the sentence.

    Raises:
        UnknownAdapter: with the nearest name.
    """
    for key in profile:
        if key not in known:
            names = sorted(known)
            raise UnknownAdapter(
                f"`profile` of {where} names {key!r}, a choice that no case knows; known are "
                f"{', '.join(names)}.{suggestion(key, names)}"
            )
    for key, value in profile.items():
        values = list(CHOICES[key].values) if key in CHOICES else [value]
        if value not in values:
            raise UnknownAdapter(
                f"`profile` of {where} has {key}={value}, which no case knows; allowed are "
                f"{', '.join(values)}.{suggestion(value, values)}"
            )


def _check_names(kind: type[Adapter], where: str) -> None:
    for name in vars(kind):
        if not name.startswith("_") and not hasattr(Adapter, name) and callable(getattr(kind, name)):
            near = difflib.get_close_matches(name, list(OPERATIONS), n=1, cutoff=0.85)
            if near:
                raise UnknownAdapter(f"`{name}` of {where} is no operation. Did you mean `{near[0]}`?")


def _from_file(path: str) -> ModuleType:
    name = Path(path).stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UnknownAdapter(f"`--adapter` names {path}, which is not a Python file.")
    folder = str(Path(path).resolve().parent)
    if folder not in sys.path:  # last, so that no neighbour hides an installed module
        sys.path.append(folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
