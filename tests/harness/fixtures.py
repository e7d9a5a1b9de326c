"""pytest fixtures: run_pytest.sh loads this file as a plugin.

  installation   the staged server tree (once per run)
  new_cluster    a function: new_cluster(name, **settings) -> started Cluster
                 with the extension in its database postgres
  cluster        such a server, shared by the tests of one file

Every test fails when the log of a server that it used tells of a crash.
A test marked `long` runs only with RUVECTOR_LONG=1 (tools/test --long).
"""

import os
import pathlib
import shutil

import pytest

from harness.cluster import Cluster
from harness.installation import Installation

_clusters = []


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with RUVECTOR_LONG=1")


def pytest_collection_modifyitems(items):
    if os.environ.get("RUVECTOR_LONG") == "1":
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="needs RUVECTOR_LONG=1"))


@pytest.fixture(scope="session")
def installation():
    tree = Installation()
    yield tree
    tree.close()


@pytest.fixture(scope="session")
def _track(installation):
    """Makes clusters that the crash scan knows."""

    def make(name, **settings):
        made = Cluster(installation, name, **settings)
        _clusters.append(made)
        return made

    return make


def _discard(made):
    _keep_log(made)
    made.destroy()
    if made in _clusters:
        _clusters.remove(made)


def _keep_log(made):
    """Bazel shows what a test leaves in this directory."""
    outputs = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR")
    if outputs and made.logfile.exists():
        shutil.copy(made.logfile,
                    pathlib.Path(outputs) / f"{made.name}.log")


def _create_extension(made):
    made.execute("CREATE EXTENSION ruvector CASCADE")
    return made


@pytest.fixture
def new_cluster(_track):
    made = []

    def make(name="fresh", extension=True, **settings):
        made.append(_track(name, **settings))
        made[-1].init().start()
        return _create_extension(made[-1]) if extension else made[-1]

    yield make
    _check_crashes()
    for one in reversed(made):
        _discard(one)


@pytest.fixture(scope="module")
def cluster(_track):
    made = _track("shared").init().start()
    yield _create_extension(made)
    _discard(made)


@pytest.fixture(autouse=True)
def _no_crash():
    yield
    _check_crashes()


def _check_crashes():
    crashes = [line for one in _clusters for line in one.new_crashes()]
    assert not crashes, "the server log tells of a crash:\n" + "\n".join(crashes)
