"""A C or C++ library that the system's package manager installed.

system_library(name = "x") makes @x//:x, whose headers lie in the compiler's
own include path, or below /usr/include/<include_path>, and which links
-l<link_prefix><library> for each library. Shared libraries, because Debian's
static Abseil and protobuf are not position independent; `static = True` picks
the archive, for what only test binaries link.
"""

def _system_library_impl(ctx):
    search = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
    ]
    linkopts = []
    if ctx.attr.library_path:
        found = [d for d in search if ctx.path(d + "/" + ctx.attr.library_path).exists]
        if not found:
            fail("%s: no %s below %s; run tools/setup" % (ctx.name, ctx.attr.library_path, search))
        path = found[0] + "/" + ctx.attr.library_path
        linkopts += ["-L" + path, "-Wl,-rpath," + path]
    kind = "-l:lib%s.a" if ctx.attr.static else "-l%s"
    for library in ctx.attr.libraries:
        # Abseil's set of libraries differs between releases: link those that
        # this system has.
        name = ctx.attr.link_prefix + library
        if ctx.attr.link_prefix and not [
            d
            for d in search
            if ctx.path("%s/lib%s.so" % (d, name)).exists
        ]:
            continue
        linkopts.append(kind % name)
    copts_target = ""
    if ctx.attr.include_path:
        root = "/usr/include/" + ctx.attr.include_path
        if not ctx.path(root).exists:
            fail("%s: no %s; run tools/setup" % (ctx.name, root))
        ctx.symlink(root, "include")
        copts_target = """
    hdrs = glob(["include/**"], exclude = ["include/postgresql/**", "include/**/server/**"]),
    includes = ["include"],"""
    ctx.file("BUILD.bazel", """
package(default_visibility = ["//visibility:public"])

cc_library(
    name = "%s",%s
    linkopts = %s,
    deps = %s,
)
""" % (ctx.name, copts_target, repr(linkopts), repr(ctx.attr.deps)))

system_library = repository_rule(
    implementation = _system_library_impl,
    attrs = {
        "deps": attr.string_list(),
        "include_path": attr.string(),
        "libraries": attr.string_list(),
        "library_path": attr.string(),
        "link_prefix": attr.string(),
        "static": attr.bool(),
    },
    local = True,
)
