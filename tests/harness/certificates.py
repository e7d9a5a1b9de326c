"""TLS certificates of a test's own, made with the openssl command."""

import subprocess

_CURVE = "ec_paramgen_curve:prime256v1"


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True,
                   capture_output=True)


class Authority:
    """A certificate authority. `file`: its certificate."""

    def __init__(self, directory):
        self._directory = directory
        directory.mkdir()
        self.file = directory / "ca.pem"
        self._key = directory / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", _CURVE, "-nodes", "-days", 2,
                "-subj", "/CN=authority", "-keyout", self._key, "-out",
                self.file)

    def certificate(self, name, expired=False):
        """Of a server that is `name` ("IP:127.0.0.1"), with its key."""
        request, key, made, extension, both = (
            self._directory / f"server.{suffix}"
            for suffix in ("csr", "key", "crt", "ext", "pem"))
        extension.write_text(f"subjectAltName={name}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", _CURVE, "-nodes", "-subj", "/CN=server",
                "-keyout", key, "-out", request)
        # `openssl x509` cannot make one that has expired.
        (self._directory / "index").touch()
        (self._directory / "ca.cnf").write_text(
            f"[ca]\ndefault_ca = own\n[own]\ndatabase = "
            f"{self._directory}/index\nnew_certs_dir = {self._directory}\n"
            f"certificate = {self.file}\nprivate_key = {self._key}\n"
            "rand_serial = yes\ndefault_md = sha256\npolicy = any\n"
            "[any]\ncommonName = supplied\n")
        openssl("ca", "-batch", "-notext", "-config",
                self._directory / "ca.cnf", "-in", request, "-extfile",
                extension, "-out", made, "-startdate", "20200101000000Z",
                "-enddate",
                "20210101000000Z" if expired else "20990101000000Z")
        both.write_text(made.read_text() + key.read_text())
        return both
