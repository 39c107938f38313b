"""Who tests the tester: faults planted in the scorer and the runner, each caught by a named self-test.

A fault changes one line of one module, in memory; the self-test passes without it and fails with it.
"""

import contextlib
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import test_conformance_hostile as on_hostile
import test_conformance_protocol as on_protocol
import test_conformance_ratios as on_ratios
import test_conformance_runner as on_runner
import test_conformance_scoring as on_scoring
import test_conformance_spheres as on_spheres
import test_conformance_vectors as on_vectors
from handmade import DIRECTIONS, HEAVY_BALL, PERIOD, array
from numpy import array as numpy_array


class Mutant(NamedTuple):
    """A planted fault: module, line as it is, line with the fault, and the self-test that must notice."""

    name: str
    module: str
    right: str
    wrong: str
    noticed_by: Callable


STRANGER = 'print(\'{"id": 7, "status": "ok", "out": {"period": 800}}\', flush=True)'


def wrong_id(tmp_path):
    on_runner.test_strangers_on_the_pipe(STRANGER, "protocol", "id")


def exact_lists(tmp_path):
    on_ratios.test_exact_answers_have_the_same_type_and_value([0, 5, 10], [4, 9, 14], False)


def exact_types(tmp_path):
    on_ratios.test_exact_answers_have_the_same_type_and_value(1, True, False)


def nan_answer(tmp_path):
    on_ratios.test_non_finite_entries_fail_before_arithmetic(float("nan"))


def nan_on_a_sphere(tmp_path):
    on_spheres.test_what_is_no_vector_of_finite_numbers_fails_before_arithmetic(
        on_spheres.PAIR, numpy_array([1.0, float("nan")]), "nan"
    )


def empty_sphere(tmp_path):
    on_spheres.test_unsound_spheres_are_refused(
        tmp_path, {"directions": array(shape=(2, 0))}, "none, or more"
    )


def wrong_shape(tmp_path):
    on_ratios.test_a_wrong_dtype_or_shape_fails_with_its_own_reason(numpy_array([1.0, 1.0]), "shape (2,)")


def wrong_dtype(tmp_path):
    on_ratios.test_a_wrong_dtype_or_shape_fails_with_its_own_reason(
        numpy_array([1.0], dtype="float32"), "float32"
    )


def broken_exchange(status):
    return lambda tmp_path: on_scoring.test_a_broken_exchange_is_its_own_verdict_and_a_failure(status)


def accident_on_bad_input(tmp_path):
    reply = on_scoring.Reply("exception", {}, "KeyError: 'x'")
    on_scoring.test_behaviours(("error",), reply, "fail")


def infinite_answer(tmp_path):
    reply = on_scoring.answer(theta_next=[float("inf"), 0.0])
    on_scoring.test_behaviours(("finite",), reply, "fail")


def accidental_errors(tmp_path):
    on_runner.test_errors_are_deliberate_or_accidental(tmp_path, "return 1 / 0", "exception")


def unsound(path, value, word, base=HEAVY_BALL):
    return lambda tmp_path: on_vectors.test_unsound_cases_are_refused(
        tmp_path, on_vectors.altered(path, value, base), word
    )


def plain(test):
    return lambda tmp_path: test()


def with_folder(test):
    return lambda tmp_path: test(tmp_path)


MUTANTS = [
    Mutant("NaN passes", "ratios", "accepted = ratios <= threshold", "accepted = ~(ratios > threshold)",
           plain(on_ratios.test_nan_ratios_fail)),
    Mutant("tolerance a million times", "ratios", "ratios <= threshold", "ratios <= 1e6 * threshold",
           plain(on_ratios.test_the_threshold_itself_passes_and_the_next_float_does_not)),
    Mutant("tolerance strict", "ratios", "ratios <= threshold", "ratios < threshold",
           plain(on_ratios.test_the_threshold_itself_passes_and_the_next_float_does_not)),
    Mutant("one good step is enough", "ratios", "if np.all(accepted)", "if np.any(accepted)",
           plain(on_ratios.test_the_first_deviating_step_and_its_entry_are_named)),
    Mutant("last step for first", "ratios", "step=int(np.argmin(accepted))", "step=len(accepted) - 1",
           plain(on_ratios.test_the_first_deviating_step_and_its_entry_are_named)),
    Mutant("finiteness not seen before arithmetic", "ratios", "~np.isfinite(given)",
           "np.zeros(given.shape, bool)", nan_answer),
    Mutant("expected and actual swapped in the sentence", "comparison",
           'reason=f"{shown}, {str(expected)[:120]} is expected."',
           'reason=f"is {str(expected)[:120]}, {str(plain)[:120]} is expected."',
           plain(on_ratios.test_the_reason_names_what_was_given_before_what_is_expected)),
    Mutant("shape not checked", "ratios", "if shape is not None and given.shape != shape", "if False",
           wrong_shape),
    Mutant("dtype not checked", "ratios", "if given.dtype.name not in allowed", "if False", wrong_dtype),
    Mutant("float32 cases take float64 everywhere", "ratios", 'dtype != "float64" and (wide or',
           '(wide or True or',
           plain(on_ratios.test_float64_in_a_float32_case_passes_only_for_scalars_and_wide_quantities)),
    Mutant("remainder of the decimals dropped", "ratios", "- expected.high) - expected.low",
           "- expected.high)",
           plain(on_ratios.test_the_reference_is_better_than_float64)),
    Mutant("decimals not held against their float", "ratios", 'if high != value["f64"]', "if False",
           plain(on_ratios.test_decimals_that_contradict_their_float_are_a_fault_of_the_vectors)),
    Mutant("wrong norm axis", "comparison", "worst = np.max(error, axis=1", "worst = np.max(error, axis=0",
           plain(on_ratios.test_each_step_has_its_own_condition)),
    Mutant("worst condition for all steps", "comparison", "unit * np.maximum(condition, 1.0) * scale",
           "unit * np.max(condition) * scale", plain(on_ratios.test_each_step_has_its_own_condition)),
    Mutant("condition below one tightens", "comparison", "unit * np.maximum(condition, 1.0) * scale",
           "unit * condition * scale", plain(on_ratios.test_a_condition_below_one_counts_as_one)),
    Mutant("scale forgotten", "comparison", "np.maximum(condition, 1.0) * scale",
           "np.maximum(condition, 1.0)",
           plain(on_ratios.test_condition_scale_and_terms_divide_the_ratio)),
    Mutant("orthonormality not checked", "comparison", "if not worst.passed", "if False",
           plain(on_ratios.test_columns_must_be_orthonormal_and_in_order)),
    Mutant("subspace of all columns at once", "comparison", "vectors[:, own], expected.high[:, space], "
           "expected.low[:, space]", "vectors, expected.high, expected.low",
           plain(on_ratios.test_the_basis_inside_a_cluster_does_not_matter)),
    Mutant("gap forgotten", "comparison", ' * float(expectation["norm"]) / float(gap)', "",
           plain(on_ratios.test_leaving_the_subspace_is_measured_against_norm_over_gap)),
    Mutant("any length along a sphere", "comparison", "abs(float(np.linalg.norm(y)) - 1.0) * longest", "0.0",
           plain(on_spheres.test_either_of_two_points_is_right_and_nothing_between_or_beyond)),
    Mutant("inside of a sphere accepted", "comparison", "abs(float(np.linalg.norm(y)) - 1.0)",
           "max(float(np.linalg.norm(y)) - 1.0, 0.0)",
           plain(on_spheres.test_either_of_two_points_is_right_and_nothing_between_or_beyond)),
    Mutant("length of a sphere measured in the space of the answer", "comparison",
           "abs(float(np.linalg.norm(y)) - 1.0)", "abs(float(np.linalg.norm(rest)) - 1.0)",
           plain(on_spheres.test_the_length_is_that_of_the_coordinates_along_directions_that_are_not_orthogonal)),
    Mutant("longest direction forgotten", "comparison", "- 1.0) * longest", "- 1.0)",
           plain(on_spheres.test_the_length_counts_as_much_as_the_longest_direction)),
    Mutant("distance to a plane of answers not measured", "comparison", "np.max([distance, out_of_round])",
           "out_of_round", plain(on_spheres.test_leaving_the_plane_is_measured_in_units_of_roundoff)),
    Mutant("free directions have a length", "comparison", "np.ldexp(c[: len(powers)], -powers)", "c",
           plain(on_spheres.test_a_product_of_a_pair_and_a_flat)),
    Mutant("every sphere grows with the answer", "comparison", "if free.high.size:", "if True:",
           plain(on_spheres.test_without_free_directions_the_scale_is_the_stated_one)),
    Mutant("no flat grows with the answer", "comparison", "if free.high.size:", "if False:",
           plain(on_spheres.test_on_a_flat_every_point_is_right_and_rounds_by_its_own_size)),
    Mutant("center of a sphere rounded", "comparison", "- center.high) - center.low", "- center.high)",
           plain(on_spheres.test_the_center_is_known_better_than_in_float64)),
    Mutant("dependent directions accepted", "comparison", "if not np.all(np.abs(np.diag(R)) >",
           "if not np.all(-1 <",
           plain(on_spheres.test_directions_that_are_dependent_are_a_fault_of_the_vectors)),
    Mutant("answers on spheres unchecked", "comparison",
           "    if problem:\n        return Comparison(False, threshold=threshold, reason=problem)\n    rest",
           "    rest", nan_on_a_sphere),
    Mutant("exact answers of any value", "comparison", "if _typed(plain) == _typed(expected)",
           "if type(plain) is type(expected)", exact_lists),
    Mutant("True is 1", "comparison", "if _typed(plain) == _typed(expected)", "if plain == expected",
           exact_types),
    Mutant("every member must accept", "comparison", "accepted or found",
           "accepted if len(accepted) == len(found) else [c for c in found if not c.passed]",
           plain(on_ratios.test_any_member_is_enough_and_the_nearest_is_reported)),
    Mutant("state ignored", "scoring", "    for name, expectation in expect.items():\n",
           "    for name, expectation in expect.items():\n"
           "        if name.startswith('state.'):\n            continue\n",
           plain(on_scoring.test_a_wrong_state_fails)),
    Mutant("missing quantities ignored", "scoring", "elif operation.requires(name)", "elif False",
           plain(on_scoring.test_required_quantities_may_not_be_missing_and_optional_ones_may)),
    Mutant("skip counted as pass", "scoring", 'PASSES = ("pass", "pass-alt")',
           'PASSES = ("pass", "pass-alt", "skip")',
           plain(on_scoring.test_skips_and_inapplicable_cases_are_neither_passes_nor_failures)),
    Mutant("timeout counted as pass", "scoring", 'PASSES = ("pass", "pass-alt")',
           'PASSES = ("pass", "pass-alt", "timeout")', broken_exchange("timeout")),
    Mutant("timeout left out of the count", "scoring", 'NEUTRAL = ("skip", "not-applicable", ',
           'NEUTRAL = ("timeout", "skip", "not-applicable", ', broken_exchange("timeout")),
    Mutant("crash reported as skip", "scoring", "return Score(case, reply.status, reason=reply.message)",
           'return Score(case, "skip", reason=reply.message)', broken_exchange("crash")),
    Mutant("undeclared profile accepted", "scoring", 'if set(name.split(",")) <= declared', "if True",
           plain(on_scoring.test_an_undeclared_profile_fails_and_is_suggested)),
    Mutant("profile passes hidden as passes", "scoring", 'return Score(case, "pass-alt", name,',
           'return Score(case, "pass", name,', plain(on_scoring.test_a_declared_profile_passes_as_such)),
    Mutant("alternative replaces all expectations", "scoring", "{**case.expect, **changed}", "changed",
           plain(on_scoring.test_quantities_that_an_alternative_leaves_out_are_still_compared)),
    Mutant("ill-conditioned cases judged", "scoring", "> ratios.LARGEST_LOSS", "> 1e300",
           plain(on_scoring.test_too_ill_conditioned_for_the_dtype_is_not_applicable)),
    Mutant("accident taken for a refusal", "behaviour", 'if reply.status == "refused":',
           'if reply.status in ("refused", "exception"):', accident_on_bad_input),
    Mutant("infinite answers called finite", "behaviour",
           "unsound(case, name, reply.out) if answered else None", "None", infinite_answer),
    Mutant("shapes by groups not known", "behaviour", 'if isinstance(given.get("groups"), list):',
           "if False:", plain(on_scoring.test_a_finite_step_of_grouped_newton_has_its_shapes)),
    Mutant("last deviation for first", "scoring", "return min(failed", "return min(reversed(failed)",
           plain(on_scoring.test_a_wrong_direction_is_named_before_what_follows_from_it)),
    Mutant("order of quantities before order of steps", "scoring",
           "key=lambda name: _step(self.quantities[name])", "key=lambda name: 0",
           plain(on_scoring.test_the_earliest_step_comes_before_the_order_of_quantities)),
    Mutant("faulty expectation counted as pass", "scoring", '"oracle-error", reason=f"{type(error)',
           '"pass", reason=f"{type(error)',
           plain(on_scoring.test_a_faulty_expectation_is_an_oracle_error_and_a_failure)),
    Mutant("empty suite counted as pass", "report", "else EXIT_NOTHING_RAN", "else EXIT_PASS",
           plain(on_scoring.test_an_empty_run_is_a_failure)),
    Mutant("exit status is a count", "report", "            return EXIT_FAILURES",
           "            return len(self.failures)",
           plain(on_scoring.test_one_failure_among_passes_decides_and_the_status_is_no_count)),
    Mutant("skips missing in the headline", "report", "shown = [*ALWAYS, ", "shown = [*ALWAYS[:3]] or [",
           plain(on_scoring.test_counts_show_skips_in_the_headline)),
    Mutant("ids not checked", "transport", "if found == identifier:", "if True:", wrong_id),
    Mutant("second answers not noticed", "transport", 'self.strays[found] = "was answered twice."', "pass",
           lambda tmp_path: on_hostile.classified("two answers", tmp_path)),
    Mutant("processes of another session left", "children", "for pid in self._marked():", "for pid in ():",
           lambda tmp_path: on_hostile.classified(
               "a grandchild of its own session holds the pipe", tmp_path)),
    Mutant("surplus products accepted", "evaluations", "allowed.least <= products <= allowed.most", "True",
           plain(on_protocol.test_operations_state_how_many_products_they_cost)),
    Mutant("lost answers skipped", "answers", 'Score(case, "crash"', 'Score(case, "skip"',
           plain(on_protocol.test_a_lost_answer_is_no_skip)),
    Mutant("selection not checked", "answers", "if identifier != requests.hello_token(self.seed, cases)",
           "if False", plain(lambda: on_protocol.test_unusable_answers_are_one_sentence(
               [on_protocol.introduction(cases=on_protocol.KNOWN[:2])], "another selection"))),
    Mutant("ids tell the case", "requests", "hashlib.sha256(f'{seed:08x} {name}'.encode()).hexdigest()[:12]",
           "name", plain(on_protocol.test_requests_carry_inputs_and_no_expectation)),
    Mutant("other protocols accepted", "introduction", 'if reply["protocol"] != wire.PROTOCOL', "if False",
           plain(lambda: on_hostile.test_an_introduction_is_checked({"protocol": "x"}, "speaks 'x'"))),
    Mutant("division by zero is a refusal", "worker", "ACCIDENTAL = (ZeroDivisionError, ", "ACCIDENTAL = (",
           accidental_errors),
    Mutant("restarts without end", "runner", "RESTARTS = 3", "RESTARTS = 10**9",
           with_folder(on_runner.test_after_three_restarts_the_rest_is_crash_without_being_run)),
    Mutant("undeclared dtypes asked", "runner", "if case.dtype not in self.hello.dtypes", "if False",
           with_folder(on_runner.test_undeclared_dtypes_are_skipped)),
    Mutant("checksums not verified", "vectors", 'if found != listed["sha256"]', "if False",
           with_folder(on_vectors.test_a_changed_file_is_refused)),
    Mutant("root checksum not verified", "vectors", "    _check_digest(manifest)\n", "",
           with_folder(on_vectors.test_a_changed_manifest_is_refused)),
    Mutant("counts not verified", "vectors", 'if len(read) != listed["cases"]', "if False",
           with_folder(on_vectors.test_a_wrong_count_is_refused)),
    Mutant("ids may repeat", "vectors", "if case.id in cases", "if False",
           with_folder(on_vectors.test_an_id_used_twice_is_refused)),
    Mutant("scale 0 accepted", "structure", "0 < float(x) < math.inf", "0 <= float(x) < math.inf",
           unsound(["expect", "direction", "scale"], 0.0, "scale is not positive")),
    Mutant("spheres without directions accepted", "structure", "elif not 0 < shapes[1][1]",
           "elif not 0 <= shapes[1][1]", empty_sphere),
    Mutant("quantities nobody answers accepted", "structure",
           "if not behaviour and not operation.knows(name)", "if False", unsound(
               ["expect", "speed"], on_vectors.close(array("1")), "does not answer")),
    Mutant("one condition for every step accepted", "structure",
           'len(condition) != value["shape"][0]', "False",
           unsound(["expect", "directions", "condition"], [1.0], "one number per step", DIRECTIONS)),
]  # fmt: skip


@contextlib.contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The module with the fault in it, until the block ends."""
    module = importlib.import_module(f"refopt.conformance.{mutant.module}")
    source = inspect.getsource(module)
    assert mutant.right in source, f"{mutant.module} has changed: {mutant.right!r} is not in it"
    before = dict(module.__dict__)
    try:
        # Executed in the module's own dictionary, so that functions which others have imported see it too.
        exec(compile(source.replace(mutant.right, mutant.wrong), module.__file__, "exec"), module.__dict__)
        yield
    finally:
        module.__dict__.clear()
        module.__dict__.update(before)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_fault_in_the_harness_is_noticed(mutant, tmp_path):
    (tmp_path / "right").mkdir()
    mutant.noticed_by(tmp_path / "right")
    (tmp_path / "wrong").mkdir()
    with planted(mutant), pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        mutant.noticed_by(tmp_path / "wrong")


def test_a_planted_fault_is_gone_afterwards():
    for mutant in MUTANTS[:3]:
        with planted(mutant):
            pass
    on_ratios.test_nan_ratios_fail()
    assert PERIOD["op"] == "refresh_period"
