"""The test oracle: expected values by another route, with the standard library and mpmath alone."""
