"""What tools/count_tests makes of Bazel's events and test.xml files."""

import json
import pathlib
import subprocess

COUNT = pathlib.Path(__file__).with_name("count_tests")

GTEST = """<testsuites tests="3" failures="1"><testsuite name="Cut">
<testcase name="Path" status="run" classname="Cut"/>
<testcase name="Star" status="run" classname="Cut"><failure message="x"/></testcase>
<testcase name="Off" status="notrun" classname="Cut"/>
</testsuite></testsuites>"""
PYTEST = """<testsuites><testsuite name="pytest" tests="3">
<testcase classname="gate_test" name="test_one"/>
<testcase classname="gate_test" name="test_two"><skipped message="long"/></testcase>
<testcase classname="gate_test" name="test_three"><error message="log"/></testcase>
</testsuite></testsuites>"""
PASSING = '<testsuites><testsuite><testcase name="all"/></testsuite></testsuites>'


def result(tmp_path, label, status, text=None, attempt=1):
    """A testResult event, with its test.xml when there is one."""
    outputs = []
    if text is not None:
        path = tmp_path / f"{label.replace('/', '_')}_{attempt}.xml"
        path.write_text(text)
        outputs = [{"name": "test.log", "uri": "file:///nowhere"},
                   {"name": "test.xml", "uri": path.as_uri()}]
    return {"id": {"testResult": {"label": label, "run": 1, "shard": 1,
                                  "attempt": attempt}},
            "testResult": {"status": status, "testActionOutput": outputs}}


def count(tmp_path, events, *options):
    file = tmp_path / "events.json"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    run = subprocess.run([COUNT, *options, file], text=True,
                         capture_output=True, check=False)
    return run.stdout.splitlines(), run.returncode


def test_every_case_counts(tmp_path):
    lines, code = count(tmp_path, [
        result(tmp_path, "//core/cut:cut_test", "FAILED", GTEST),
        result(tmp_path, "//tests:gate_test", "FAILED", PYTEST),
        result(tmp_path, "//tests:fine_test", "PASSED", PASSING)])
    assert lines[-1] == "3 passed, 2 failed"
    assert "FAILED //core/cut:cut_test Cut.Star" in lines
    assert "FAILED //tests:gate_test gate_test.test_three" in lines
    assert code == 1


def test_all_passed(tmp_path):
    lines, code = count(tmp_path, [
        result(tmp_path, "//tests:fine_test", "PASSED", PASSING)])
    assert (lines[-1], code) == ("1 passed, 0 failed", 0)


def test_crash_without_failed_case_is_a_failure(tmp_path):
    lines, code = count(tmp_path, [
        result(tmp_path, "//core:crash_test", "FAILED", PASSING),
        result(tmp_path, "//core:slow_test", "TIMEOUT"),
        result(tmp_path, "//core:half_test", "FAILED", GTEST[:40])])
    assert lines[-1] == "1 passed, 3 failed"
    assert "FAILED //core:slow_test (TIMEOUT)" in lines
    assert code == 1


def test_what_did_not_build_is_a_failure(tmp_path):
    lines, code = count(tmp_path, [
        result(tmp_path, "//tests:fine_test", "PASSED", PASSING),
        {"id": {"targetCompleted": {"label": "//tests:fine_test"}},
         "completed": {"success": True}},
        {"id": {"targetCompleted": {"label": "//core:broken_test"}},
         "completed": {}}])
    assert lines[-1] == "1 passed, 1 failed"
    assert "FAILED //core:broken_test (did not build)" in lines
    assert code == 1


def test_last_attempt_counts(tmp_path):
    lines, _ = count(tmp_path, [
        result(tmp_path, "//core:flaky_test", "FAILED", GTEST, attempt=1),
        result(tmp_path, "//core:flaky_test", "PASSED", PASSING, attempt=2)])
    assert lines[-1] == "1 passed, 0 failed"


def test_nothing_run_is_no_success(tmp_path):
    lines, code = count(tmp_path, [])
    assert (lines[-1], code) == ("0 passed, 0 failed", 1)


def test_counts_from_elsewhere_are_added(tmp_path):
    lines, code = count(tmp_path, [], "--passed", "40", "--failed", "2")
    assert (lines[-1], code) == ("40 passed, 2 failed", 1)


def test_unreadable_events_are_a_failure(tmp_path):
    run = subprocess.run([COUNT, "--passed", "1", tmp_path / "absent.json"],
                         text=True, capture_output=True, check=False)
    assert run.stdout.splitlines()[-1] == "1 passed, 1 failed"
    assert run.returncode == 1
