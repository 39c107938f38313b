"""Cases of the spectrum: Lanczos coefficients, extreme eigenpairs of a Krylov space, number of Lanczos steps.

Nothing here runs Lanczos: coefficients come from moments, Ritz vectors from their closed form in
eigen-coordinates (see `krylov`), eigenvalues from full diagonalisation. Checks go back to the parameters: the
vectors are orthonormal, their residuals have the norm stated, and are orthogonal to the Krylov space.
"""

from oracles import spectrum_cut, spectrum_lanczos, spectrum_pairs, spectrum_refused
from oracles.case import Case

METHOD = "spectrum"
SOURCES = (
    *("spectrum_lanczos", "spectrum_pairs", "spectrum_cut", "spectrum_refused", "eigenchoices", "krylov"),
)
FLAGS = {
    "ClosedForm": "the coefficients are known in closed form (Gram polynomials)",
    "Breakdown": "the Krylov space is exhausted before m steps: dividing by beta gives ghosts or NaN",
    "Restart": "fewer pairs than asked for exist in the Krylov space: a fresh orthogonal vector is needed",
    "Hidden": "the start vector is orthogonal to an eigenvector, which stays invisible",
    "Repeated": "a repeated eigenvalue: one Krylov space holds one copy",
    "Cut": "k largest or l smallest cut through a repeated eigenvalue: any vectors of its space are right",
    "Cluster": "eigenvalues closer than 2e-5 |H| are compared as one subspace",
    "Converged": "m = n: the pairs are exact eigenpairs",
    "Unconverged": "Ritz pairs of a Krylov space that has not converged: right is what Rayleigh-Ritz gives",
    "Indefinite": "negative eigenvalues: largest means largest, not largest in size",
    "Singular": "eigenvalues that are exactly 0",
    "Ends": "k = 0, l = 0, k + l = n or n = 1: empty blocks, and no pair twice",
    "Steps": "m = min(n, ceil(max(4(k+l), 2 ln n))), at least 1",
    "Float32": "products in float32, Lanczos in float64, vectors returned in float32",
    "BadInput": "an input that no method may accept in silence",
}


def cases() -> list[Case]:
    """Return the cases of the spectrum."""
    return [
        *spectrum_lanczos.cases(),
        *spectrum_pairs.cases(),
        *spectrum_cut.cases(),
        *spectrum_refused.cases(),
    ]
