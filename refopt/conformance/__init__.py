"""Checks code against the oracle's frozen values: cases, adapters, runner, scoring, reports."""

from refopt.conformance.adapter import Adapter as Adapter
from refopt.conformance.given import GivenProblem as GivenProblem
from refopt.conformance.ops import OPERATIONS as OPERATIONS

__all__ = ["OPERATIONS", "Adapter", "GivenProblem"]
