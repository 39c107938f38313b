"""Planted faults, small wrong versions of refopt that the vectors must see, and right ones that must pass."""
