"""Checks code against the oracle's frozen values: cases, adapters, runner, scoring, reports."""

from refopt.conformance.adapter import Adapter as Adapter
from refopt.conformance.case_parameters import vectors_of as vectors_of
from refopt.conformance.given import GivenProblem as GivenProblem
from refopt.conformance.ops import OPERATIONS as OPERATIONS

__all__ = ["OPERATIONS", "Adapter", "GivenProblem", "vectors_of"]
