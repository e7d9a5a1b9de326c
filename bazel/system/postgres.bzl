"""The headers and directories of the PostgreSQL server that pg_config names.

PG_CONFIG in the environment chooses the server; without it, pg_config on the
PATH. @postgresql//:server is the headers, @postgresql//:config.bzl the facts
(PG_MAJOR, BINDIR, PKGLIBDIR, SHAREDIR).
"""

def _ask(ctx, pg_config, flag):
    result = ctx.execute([pg_config, flag])
    if result.return_code != 0:
        fail("%s %s: %s" % (pg_config, flag, result.stderr))
    return result.stdout.strip()

def _postgres_headers_impl(ctx):
    pg_config = ctx.os.environ.get("PG_CONFIG") or ctx.which("pg_config")
    if not pg_config:
        fail("no pg_config on the PATH and PG_CONFIG is not set; run tools/setup")
    version = _ask(ctx, pg_config, "--version")
    major = version.split(" ")[1].split(".")[0]
    ctx.symlink(_ask(ctx, pg_config, "--includedir-server"), "server")
    ctx.file("config.bzl", "\n".join([
        "PG_CONFIG = %s" % repr(str(pg_config)),
        "PG_MAJOR = %s" % major,
        "BINDIR = %s" % repr(_ask(ctx, pg_config, "--bindir")),
        "PKGLIBDIR = %s" % repr(_ask(ctx, pg_config, "--pkglibdir")),
        "SHAREDIR = %s" % repr(_ask(ctx, pg_config, "--sharedir")),
        "",
    ]))
    ctx.file("BUILD.bazel", """
package(default_visibility = ["//visibility:public"])

cc_library(
    name = "server",
    hdrs = glob(["server/**/*.h"]),
    includes = ["server"],
)
""")

postgres_headers = repository_rule(
    implementation = _postgres_headers_impl,
    environ = [
        "PG_CONFIG",
        "PATH",
    ],
    local = True,
)
