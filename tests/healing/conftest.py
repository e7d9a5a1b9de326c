"""Fixtures of the tests of healing."""

import pytest

from healing.healing import install_unsound, prepare


@pytest.fixture(scope="module")
def healed(cluster):
    """A server with the collection `items` and the unsound strategy, where
    healing begins nothing by itself."""
    install_unsound(cluster)
    prepare(cluster)
    return cluster
