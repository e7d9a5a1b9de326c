"""What is loaded into a live server: BoringSSL apart, plugins as they come."""

import os
import pathlib
import re
import shutil
import subprocess

from harness.waiting import wait_for
from integrity.conftest import enrol, sealed


def test_boringssl_answers_itself(new_cluster):
    """No reference of BoringSSL's is answered by the server's OpenSSL."""
    server = new_cluster("linked")
    enrol(server)
    sealed(server)
    output = server.directory / "bindings"
    server.restart(env={"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(output)})
    server.execute("SELECT ruvector_integrity_sample('docs')")
    server.execute("SELECT ruvector_rotate_signing_key()")
    sealed(server)
    with server.connect() as session:
        assert session.execute("SELECT ok FROM ruvector_verify_chain()"
                               ).fetchone()[0]
    server.stop()
    own, strayed = 0, []
    for file in pathlib.Path(server.directory).glob("bindings.*"):
        for line in file.read_text(errors="replace").splitlines():
            found = re.search(r"binding file (\S*android\S*libcrypto\S*) \[\d+\]"
                              r" to (\S+) \[\d+\]: normal symbol `(\w+)'", line)
            if not found:
                continue
            if "android" in found[2]:
                own += 1
            elif "libcrypto" in found[2] or "libssl" in found[2]:
                strayed.append((found[3], found[2]))
    assert own > 100, "the check has seen BoringSSL's own references"
    assert strayed == []


def _plugins(server):
    return {row[0]: row[1:] for row in server.execute(
        "SELECT file, status, kind, reason FROM ruvector.plugins")}


def test_plugins_are_dropped_in_while_the_server_runs(cluster):
    directory = cluster.installation.pkglibdir / "ruvector" / "plugins"
    assert _plugins(cluster)["topological.so"][:2] == ("loaded", "attention")
    assert _plugins(cluster)["throttle_ingestion.so"][:2] == ("loaded",
                                                              "strategy")
    built = {path.name for path in directory.glob("*.so")}
    assert set(_plugins(cluster)) == built
    mark = cluster.log_mark()
    (directory / "broken.so").write_bytes(b"\x7fELF nonsense")
    shutil.copy(directory / "topological.so", directory / "misnamed.so")
    open_one = directory / "open.so"
    shutil.copy(directory / "topological.so", open_one)
    os.chmod(open_one, 0o777)
    seen = _plugins(cluster)
    for name in ("broken.so", "misnamed.so", "open.so"):
        status, _, reason = seen[name]
        assert status == "rejected" and reason, name
    loaded, rejected = cluster.execute(
        "SELECT * FROM ruvector_reload_plugins()")[0]
    assert (loaded, rejected) == (len(built), 3)
    cluster.reload()
    wait_for(lambda: 'plugin "misnamed.so" was refused' in cluster.log(mark),
             30, what="a LOG line tells of the refused plugin")
    for name in ("broken.so", "misnamed.so", "open.so"):
        (directory / name).unlink()
    assert set(_plugins(cluster)) == built


def _sign(key, file):
    subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key,
                    "-in", file, "-out", f"{file}.sig"], check=True)


def test_signed_plugins_are_those_of_a_trusted_key(new_cluster, tmp_path):
    """OpenSSL signs, the server's BoringSSL verifies."""
    server = new_cluster("trust")
    directory = server.installation.pkglibdir / "ruvector" / "plugins"
    plugin = directory / "topological.so"
    kept = directory.parent / "kept.so"  # the installation is everybody's
    shutil.copy2(plugin, kept)
    keys = {}
    for name in ("trusted", "strange"):
        keys[name] = tmp_path / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out",
                        keys[name]], check=True)
    public = subprocess.run(["openssl", "pkey", "-in", keys["trusted"],
                             "-pubout", "-outform", "DER"], check=True,
                            capture_output=True).stdout[-32:]
    trusted = server.directory / "plugin_keys"
    trusted.write_text(f"ruvector-keys 1\n{public.hex()} - - -\n")
    server.configure(**{"ruvector.plugin_trust": "signed",
                        "ruvector.plugin_trusted_keys": str(trusted)})
    server.wait_for("SELECT current_setting('ruvector.plugin_trust') = "
                    "'signed'")
    try:
        assert "not signed" in _plugins(server)["topological.so"][2]

        _sign(keys["trusted"], plugin)
        assert _plugins(server)["topological.so"][0] == "loaded"
        assert "not signed" in _plugins(server)["throttle_ingestion.so"][2]

        _sign(keys["strange"], plugin)
        refusal = ("rejected", None, "not signed by a trusted key")
        assert _plugins(server)["topological.so"] == refusal

        _sign(keys["trusted"], plugin)
        changed = directory / "changed.so"
        content = bytearray(plugin.read_bytes())
        content[-1] ^= 1
        changed.write_bytes(content)
        changed.rename(plugin)
        assert _plugins(server)["topological.so"] == refusal
    finally:
        kept.rename(plugin)
        plugin.with_name("topological.so.sig").unlink(missing_ok=True)
