"""The whole demonstration, as a user runs it: every scene must come true."""

import os
import subprocess
import tempfile

from harness.installation import built_tree, scratch_root, workspace


def test_every_scene_comes_true():
    base = tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=scratch_root())
    os.chmod(base, 0o755)
    run = subprocess.run(
        [workspace() / "tools/quickstart", "--stop"], text=True,
        env={**os.environ, "RUVECTOR_CLUSTER": f"{base}/quickstart",
             "RUVECTOR_BUILT": str(built_tree())},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    print(run.stdout)  # pytest shows it when the test fails
    assert run.returncode == 0
    for scene in ("Load piled onto one partition", "A stale IVFFlat index",
                  "A failing archive_command", "A stopped replica", "Healed",
                  "Rolled back", "Proof"):
        assert f"== {scene}" in run.stdout
    assert run.stdout.count("| ERROR:  53") == 4
    assert run.stdout.count("the same COPY is accepted") == 4
    assert run.stdout.count("it ended as done") == 1
    assert run.stdout.count("it ended as rolled_back") == 1
    assert run.stdout.count("rows are there, unchanged") == 2
