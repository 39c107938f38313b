"""The operations that an adapter may offer: what each receives and which quantities it answers.

One row is one operation; `Adapter` has a method of the same name whose keyword arguments are the inputs. A
required quantity that is missing from an answer fails the case; an optional one (an intermediate result that
a foreign code may not expose) is compared when it is given. A name that ends in `.*` stands for every field
of a state.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

# May be float64 in a float32 case: Lanczos works in float64, and scalars are often Python floats.
_WIDE = (
    "eigenvalues residuals diagonal off_diagonal ritz_values residual_norm scaling values r step_sizes "
    "lipschitz statistic offload slopes upper lower promise lipschitz_next ratio ratios"
)
WIDE = frozenset(_WIDE.split(" "))
# Operations whose answers may be held against what follows from the eigenpairs in them.
CHAINED = frozenset({"fosi_refresh_step", "elmo_ends_step"})


class Operation(NamedTuple):
    """One operation.

    Attributes:
        name: its name, the `op` of a case and the method of an adapter.
        inputs: keyword arguments, in order; those that a case may leave out end in "?".
        required: quantities that every answer must have.
        optional: quantities that are compared when given.
        summary: one line for lists.
    """

    name: str
    inputs: tuple[str, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    summary: str

    def takes(self) -> dict[str, bool]:
        """Map each input to whether a case must give it."""
        return {name.rstrip("?"): not name.endswith("?") for name in self.inputs}

    def knows(self, quantity: str) -> bool:
        """Say whether the operation has a quantity of that name."""
        return any(_matches(quantity, pattern) for pattern in self.required + self.optional)

    def requires(self, quantity: str) -> bool:
        """Say whether an answer must have the quantity where the case expects it."""
        return any(_matches(quantity, pattern) for pattern in self.required)


def _matches(quantity: str, pattern: str) -> bool:
    return quantity.startswith(pattern[:-1]) if pattern.endswith(".*") else quantity == pattern


def _read(table: str) -> dict[str, Operation]:
    """One operation a line: name | inputs | required | optional | summary; an indented line goes on."""
    rows: list[str] = []
    for line in table.strip("\n").splitlines():
        if line.startswith(" "):
            rows[-1] += line
        else:
            rows.append(line)
    found = {}
    for row in rows:
        name, inputs, required, optional, summary = (part.strip() for part in row.split("|"))
        found[name] = Operation(
            name, tuple(inputs.split()), tuple(required.split()), tuple(optional.split()), summary
        )
    return found


OPERATIONS: Mapping[str, Operation] = _read("""
derivatives | problem theta vector | gradient hvp
    | value | value, gradient and one Hessian product
along | problem theta direction order | derivatives
    | | derivatives along a line, f to order
lanczos | problem theta start steps | diagonal off_diagonal
    | ritz_values residual_norm | the tridiagonal matrix of the Lanczos recurrence
extreme_spectrum | problem theta largest smallest start steps? multiplicity? | eigenvalues eigenvectors
    | residuals | eigenpairs at both ends of the Hessian's spectrum
lanczos_steps | n largest smallest | steps
    | | number of Lanczos steps
refresh_period | lanczos_steps overhead | period
    | | steps between two estimates, by formula
refresh_period_measured | base_latency fosi_latency ese_latency overhead | period
    | | steps between two estimates, from latencies
refresh_times | warmup refresh_every steps | times
    | | iterations in which the spectrum is estimated
optimal_rates | optimizer largest_eigenvalue smallest_eigenvalue | learning_rate
    | momentum contraction | closed-form rates on quadratics
rate_scaling | optimizer eigenvalues residuals largest smallest scaling max_scaling max_residual | scaling
    | | learning-rate scaling of the base optimizer
base_step | optimizer settings theta gradient state | theta_next state.*
    | direction | one first-order step from a given state
base_directions | optimizer settings thetas gradients | directions
    | | first-order directions along given points and gradients
base_run | problem optimizer settings theta steps | thetas
    | values | a free first-order run
comparator_step | problem optimizer settings theta | theta_next
    | direction | one Newton-type step
fosi_step | settings base theta gradient spectrum state diagonal?
    | newton_direction base_direction theta_next state.*
    | gradient_in gradient_out newton_gradient base_direction_raw scaling
    | one FOSI step from a given state and spectrum
fosi_refresh_step | problem settings base theta lanczos_start
    | eigenvalues eigenvectors newton_direction base_direction theta_next
    | gradient_in gradient_out base_direction_raw scaling
    | a spectrum estimate at a point and the first FOSI step from it
fosi_directions | problem settings base thetas lanczos_start curvature_problem? probes?
    | newton_direction base_direction
    | scaling refreshed | FOSI directions along given points, with its own spectrum estimates
fosi_run | problem settings base theta lanczos_start steps curvature_problem? probes? | thetas
    | values scaling refreshed | a free FOSI run
summary | problem theta direction groups | g_bar H_bar third_diagonal
    | | tensors of order 1 and 2 and the diagonal of order 3 by groups of parameters
summary_tensor | problem theta direction groups order | entries
    | | the different entries of one symmetric tensor by groups of parameters
cubic_minimizer | H g lam scales | bounded minimizer
    | value radius dimension status | global minimum of the anisotropic cubic model
grouped_newton_step | problem settings groups theta curvature_problem? | eta theta_next
    | direction g_bar H_bar third_diagonal D r learning_rates | the first step of grouped Newton
grouped_newton_run | problem settings groups theta steps curvature_problem? | thetas
    | values learning_rates step_sizes refreshed | a free run of grouped Newton
elmo_scalar | slope curvature lipschitz | step_size
    | upper lower bounded largest_step | ELMO's step and models of single eigenpairs
elmo_step | gradient eigenvalues eigenvectors lipschitz settings | displacement
    | slopes step_sizes upper lower promise bounded | one ELMO step from a given spectrum
elmo_run | problem lipschitz settings theta steps | thetas
    | values promise | a free run of ELMO with all eigenpairs
elmo_subspace_step | gradient eigenvalues eigenvectors lipschitz base theta | theta_next
    | elmo_direction base_direction | one ELMO step on a subspace, a first-order base on the rest
elmo_ends_step | problem lipschitz settings base theta lanczos_start
    | eigenvalues eigenvectors elmo_direction base_direction theta_next
    | | the pairs at both ends at a point, and one ELMO step on their span
eigen_arc_update | problem theta eigenvalues eigenvectors lipschitz settings | lipschitz_next decision
    | ratio raises reductions evaluations | one update of Lipschitz estimates by EigenARC
eigen_arc_run | problem settings base theta steps | lipschitz decisions
    | thetas ratios evaluations | EigenARC along a first-order run
hessian_diagonal | problem theta estimator probes? | diagonal
    | | the diagonal of the Hessian, exact or from given probes
sophia_step | settings theta gradient state diagonal? | theta_next state.*
    | direction clipped | one step of Sophia from a given state
sophia_run | problem settings theta steps probes? | thetas
    | values | a free run of Sophia
lipschitz_averages | curvatures points settings | lipschitz
    | | AMOS' running averages of slopes of the curvature
amos_selection | slopes curvatures lipschitz settings groups? | to_first
    | statistic | who owns each index or tensor
amos_run | problem settings first second theta steps groups? probes? | thetas
    | values lipschitz assignments offload | a free run of AMOS
""")


def flatten(answer: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Write nested mappings with dotted names: {"state": {"velocity": v}} becomes {"state.velocity": v}."""
    flat: dict[str, Any] = {}
    for key, value in answer.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
