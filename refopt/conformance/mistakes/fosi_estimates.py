"""Wrong estimates behind FOSI's steps: of another batch, and diagonals for Sophia as the base."""

from refopt.conformance.mistakes.base import mistake

STEP = ("fosi_step", "fosi_directions", "fosi_run")
RUNS = ("fosi_directions", "fosi_run")

FOSI_ESTIMATE_MISTAKES = (
    mistake(
        "fosi-estimates-of-the-own-batch",
        "Spectrum and diagonal are those of the loss, although another one is given for the estimates.",
        "index",
        RUNS,
        estimates_of=lambda self, problem, curvature_problem: problem,
    ),
    mistake(
        "fosi-base-without-its-diagonal",
        "Sophia as the base is never handed a diagonal.",
        "state",
        STEP,
        with_diagonal=lambda self, s, state, diagonal: state,
    ),
    mistake(
        "fosi-base-diagonal-without-the-known-part",
        "Sophia as the base takes in the diagonal of what is left of H, without V diag(lambda) V'.",
        "formula",
        STEP,
        base_diagonal=lambda self, diagonal, state: diagonal - state["V"] ** 2 @ state["lam"],
    ),
    mistake(
        "fosi-diagonal-of-the-own-batch",
        "The base's diagonal is the exact one of the loss, whatever is given for the estimates.",
        "index",
        RUNS,
        diagonals_of=lambda self, problem, curvature_problem: problem,
        diagonal_at=lambda self, problem, theta, probes: super(type(self), self).diagonal_at(
            problem, theta, None
        ),
    ),
    mistake(
        "fosi-gradient-of-the-other-batch",
        "In a step with an estimate the gradient too is that of the loss for the estimates.",
        "index",
        RUNS,
        gradient_source=lambda self, f, z, estimates: z if estimates else f,
    ),
    mistake(
        "fosi-base-diagonal-in-every-step",
        "Sophia as the base takes in a diagonal in every step.",
        "schedule",
        RUNS,
        takes_diagonal=lambda self, s, t: True,
    ),
    mistake(
        "fosi-base-diagonal-with-the-spectrum",
        "Sophia as the base takes in a diagonal only where the spectrum is estimated too.",
        "schedule",
        RUNS,
        takes_diagonal=lambda self, s, t: (
            self.estimates(s.base, t) and self.refreshes(t, s.warmup, s.refresh_every)
        ),
    ),
)
