"""The shape of the house, held from the syntax tree: who imports whom, how long things are, what stays lazy.

Each rule is a function over sources, so that the end of the file can show it failing on a planted fault.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "refopt"

# A module imports only from rows above its own. `conformance`, `properties`, `adapters` are whole packages.
LAYERS = (
    ("arrays", "resources", "generators", "tables"),
    (
        "autograd_rules",
        "autograd_indexing",
        "derivative_errors",
        "objectives",
        "orthonormal",
        "archive",
        "layouts",
        "characters",
        "spectra",
        "taylor_series",
        "cubic_pencil",
    ),
    (
        "autograd_arrays",
        "transformer",
        "linear_rules",
        "taylor_powers",
        "tape_steps",
        "derivative_check",
        "elmo_triples",
        "groups",
        "lanczos",
        "cubic_secular",
        "cubic_split",
        "cubic_flat",
        "cubic_certificate",
    ),
    (
        "taylor_rules",
        "families",
        "summary",
        "rates",
        "elmo_proxy",
        "schedules",
        "plateau",
        "cubic_search",
        "hessian_diagonal",
        "amos_averages",
        "amos_settings",
    ),
    (
        "cubic",
        "tape_compiler",
        "interactions",
        "taylor_moves",
        "taylor_window",
        "problem_files",
        "spectrum",
        "first_order_base",
        "fosi_momentum",
        "trace",
        "amos_selection",
        "remembered",
    ),
    ("linearize", "sophia", "fosi_tuning", "recording", "eigenspaces"),
    ("first_order", "taylor", "group_products", "group_summary", "elmo_model", "lipschitz"),
    ("derivative_engines", "fosi_settings", "grouped_settings", "assessment"),
    ("given_engines", "batches"),
    ("derivatives", "newton", "fosi", "elmo", "eigen_arc", "amos", "grouped_newton"),
    ("problems", "iterate"),
    ("scipy_bridge", "minibatches", "newton_quality"),
    ("__init__",),
    ("conformance",),
    ("properties", "adapters", "templates"),
    ("plots", "cli_common"),
    ("cli_optimizers",),
    ("cli_cases", "cli_reports", "cli_run", "cli_init"),
    ("cli_ways",),
    ("cli_verify",),
    ("cli",),
    ("__main__",),
)
# Methods are handed derivatives, bases and spectra; they import neither one another nor `derivatives`.
METHODS = {"newton", "fosi", "elmo", "eigen_arc", "amos", "grouped_newton"}
ALGORITHMS = METHODS | {
    *(
        "orthonormal",
        "lanczos",
        "spectrum",
        "cubic",
        "cubic_pencil",
        "cubic_secular",
        "cubic_split",
        "cubic_flat",
        "cubic_certificate",
        "cubic_search",
        "groups",
        "rates",
        "elmo_triples",
        "elmo_proxy",
        "eigenspaces",
        "elmo_model",
        "lipschitz",
        "assessment",
        "schedules",
        "first_order_base",
        "first_order",
        "hessian_diagonal",
        "sophia",
        "amos_averages",
        "amos_selection",
        "amos_settings",
        "remembered",
    ),
    *("fosi_momentum", "fosi_settings", "fosi_tuning", "plateau", "interactions", "grouped_settings"),
    *("trace", "recording", "iterate"),
}
LONGEST_MODULE = 260  # lines without docstrings, which are wanted
LONGEST_FUNCTION = 60  # likewise
PRINTING = {"cli", "report", "reports", "__main__"}
HEAVY = ("scipy", "rich", "matplotlib", "hypothesis", "cupy", "torch", "jax", "mpmath", "pytest")


def python_files(top: Path) -> list[Path]:
    return sorted(path for path in top.rglob("*.py") if "__pycache__" not in path.parts)


def layer_name(path: Path) -> str:
    """The row entry of a file: its stem, or the name of its package inside refopt."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports_of(tree: ast.AST, package: str = "refopt") -> set[str]:
    """Names directly below `package` that a source imports, at the top or inside functions."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            found |= {
                f"{node.module}.{alias.name}" if node.module == package else str(node.module)
                for alias in node.names
            }
    return {name.split(".")[1] for name in found if name.startswith(f"{package}.")} | (
        {"__init__"} if package in found else set()
    )


def layer_faults(name: str, tree: ast.AST) -> list[str]:
    rank = {module: row for row, modules in enumerate(LAYERS) for module in modules}
    if name not in rank:
        return [f"{name}: not in the table of layers; decide where it stands"]
    own = {name} if name in ("conformance", "properties", "adapters") else set()
    faults = []
    for other in sorted(imports_of(tree) - own):
        target = other if other in rank else "__init__"  # `from refopt import Fosi` goes through __init__
        if rank[target] >= rank[name]:
            faults.append(f"{name} imports {other}, which is not below it")
        if name in METHODS and target in METHODS | {"derivatives"}:
            faults.append(f"the method {name} imports {other}")
        if name in ALGORITHMS and target == "derivatives":
            faults.append(f"the algorithm {name} imports derivatives instead of being handed f")
    return faults


def foreign_imports(tree: ast.AST, allowed: set[str]) -> set[str]:
    """Top-level packages that a source imports and that are neither the standard library nor allowed."""
    tops = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            tops |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            tops.add(str(node.module).split(".")[0])
    return tops - set(sys.stdlib_module_names) - allowed


def docstrings(tree: ast.AST) -> set[int]:
    """Identities of the constants that are docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef)
    documented = (
        node for node in ast.walk(tree) if isinstance(node, owners) and ast.get_docstring(node) is not None
    )
    return {id(node.body[0].value) for node in documented}


def names_library(tree: ast.AST, word: str) -> bool:
    """Whether code (not a docstring or comment) names a library, as an identifier, a module or a string."""
    skip = docstrings(tree)
    for node in ast.walk(tree):
        texts = []
        if isinstance(node, ast.Name):
            texts = [node.id]
        elif isinstance(node, ast.Attribute):
            texts = [node.attr]
        elif isinstance(node, ast.Import):
            texts = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            texts = [str(node.module)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skip:
            texts = [node.value]
        if any(word in text.lower() for text in texts):
            return True
    return False


def prints(tree: ast.AST) -> bool:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(isinstance(function, ast.Name) and function.id == "print" for function in calls)


def docstring_lines(node: ast.AST) -> int:
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    documented = (
        inner
        for inner in ast.walk(node)
        if isinstance(inner, owners) and ast.get_docstring(inner) is not None
    )
    return sum(inner.body[0].end_lineno - inner.body[0].lineno + 1 for inner in documented)


def long_parts(tree: ast.Module, lines: int) -> list[str]:
    """The module and the functions that are longer than their ceilings, docstrings apart."""
    faults = []
    if (length := lines - docstring_lines(tree)) > LONGEST_MODULE:
        faults.append(f"{length} lines")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1 - docstring_lines(node)
            if length > LONGEST_FUNCTION:
                faults.append(f"{node.name} has {length} lines")
    return faults


def undocumented(tree: ast.Module) -> list[str]:
    """Public functions, classes and methods without a docstring."""
    faults = [] if ast.get_docstring(tree) is not None else ["the module"]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if ast.get_docstring(node) is None:
                faults.append(node.name)
            if isinstance(node, ast.ClassDef):
                faults += [
                    f"{node.name}.{inner.name}"
                    for inner in node.body
                    if isinstance(inner, ast.FunctionDef)
                    and not inner.name.startswith("_")
                    and ast.get_docstring(inner) is None
                    and not any(
                        isinstance(mark, ast.Name) and mark.id == "overload" for mark in inner.decorator_list
                    )
                ]
    return faults


def trees(top: Path) -> list[tuple[Path, ast.Module]]:
    files = python_files(top)
    assert files, f"no source below {top}"
    return [(path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))) for path in files]


def test_imports_form_the_stated_layers():
    faults = [fault for path, tree in trees(PACKAGE) for fault in layer_faults(layer_name(path), tree)]
    assert not faults, "\n".join(faults)


def test_oracles_import_only_the_standard_library_and_mpmath():
    faults = {
        str(path.relative_to(ROOT)): names
        for path, tree in trees(ROOT / "oracles")
        if (names := foreign_imports(tree, {"mpmath", "oracles"}))
    }
    assert not faults


def test_the_runtime_imports_only_what_it_declares():
    declared = {"refopt", "numpy", "scipy", "autograd", "array_api_compat", "rich"}
    optional = {"strategies.py": {"hypothesis"}, "case_parameters.py": {"pytest"}}  # asked for by their users
    checking = {"jsonschema"}  # in --validate alone
    faults = {}
    for path, tree in trees(PACKAGE):
        if layer_name(path) in ("adapters", "plots", "arrays"):
            continue  # other people's code, matplotlib, and the one file that knows array libraries
        extra = next((names for end, names in optional.items() if path.name.endswith(end)), set())
        extra |= checking if path.stem == "validation" else set()
        if names := foreign_imports(tree, declared | extra):
            faults[str(path.relative_to(ROOT))] = names
    assert not faults


def test_only_arrays_names_an_array_library():
    faults = [
        f"{path.relative_to(ROOT)} names {word}"
        for path, tree in trees(PACKAGE)
        for word in ("cupy", "torch", "jax")
        if layer_name(path) not in ("arrays", "adapters", "cli") and names_library(tree, word)
    ]
    assert not faults, "\n".join(faults)


def test_only_the_command_line_prints():
    faults = [
        str(path.relative_to(ROOT))
        for path, tree in trees(PACKAGE)
        if path.stem not in PRINTING and prints(tree)
    ]
    assert not faults


@pytest.mark.parametrize("package", ["refopt", "oracles"])
def test_modules_and_functions_stay_short(package):
    faults = []
    for path, tree in trees(ROOT / package):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        faults += [f"{path.relative_to(ROOT)}: {fault}" for fault in long_parts(tree, lines)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("package", ["refopt", "oracles"])
def test_every_public_name_has_a_docstring(package):
    faults = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in trees(ROOT / package)
        for name in undocumented(tree)
    ]
    assert not faults, "\n".join(faults)


def loaded_after(statement: str) -> set[str]:
    """Top-level packages in sys.modules after a statement, in a fresh interpreter."""
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_import_refopt_loads_nothing_heavy():
    loaded = loaded_after("import refopt")
    assert "autograd" in loaded, "the list of modules is read"
    assert not loaded & set(HEAVY)


def test_properties_import_without_hypothesis():
    assert "hypothesis" not in loaded_after("import refopt.properties")


# Each rule fails on a planted fault.


@pytest.mark.parametrize(
    ("name", "source", "word"),
    [
        ("arrays", "from refopt.fosi import Fosi", "not below"),
        ("spectrum", "import refopt.iterate", "not below"),
        ("fosi", "from refopt.newton import Newton", "the method fosi"),
        ("fosi", "def step():\n    from refopt.derivatives import Derivatives", "handed f"),
        ("first_order", "from refopt import Fosi", "not below"),
        ("conformance", "from refopt.adapters import reference", "not below"),
        ("surprise", "import refopt.arrays", "not in the table"),
    ],
)
def test_a_wrong_import_is_seen(name, source, word):
    faults = layer_faults(name, ast.parse(source))
    assert any(word in fault for fault in faults)


def test_right_imports_are_accepted():
    assert not layer_faults(
        "fosi", ast.parse("from refopt.arrays import namespace\nfrom refopt.spectrum import Spectrum")
    )
    assert not layer_faults("cli", ast.parse("from refopt.conformance.cases import load"))
    assert not layer_faults("properties", ast.parse("from refopt.properties.claims import require"))


def test_other_faults_are_seen():
    assert foreign_imports(ast.parse("import mpmath, numpy.linalg"), {"mpmath"}) == {"numpy"}
    assert names_library(ast.parse("def f(x):\n    'No cupy.'\n    return 'CuPy'"), "cupy")
    assert not names_library(ast.parse("def f(x):\n    'No cupy.'\n    return x  # cupy"), "cupy")
    assert prints(ast.parse("def f():\n    print(1)"))
    assert long_parts(ast.parse("def f():\n" + "    x = 1\n" * LONGEST_FUNCTION), 61) == ["f has 61 lines"]
    assert not long_parts(ast.parse("def f():\n    '''" + "\n" * 300 + "    '''\n    return 1"), 303)
    assert long_parts(ast.parse("x = 1\n" * 261), 261) == ["261 lines"]
    assert undocumented(ast.parse("'''M.'''\nclass A:\n    '''A.'''\n    def b(self): ...")) == ["A.b"]
