"""One macro for every plugin, ours and other people's."""

def ruvector_plugin(name, srcs, deps = [], **kwargs):
    """A plugin as the server loads it, and as tests link it.

    <name>.so      exports ruvector_plugin_v1 and nothing else: a linker
                   version script, since -fvisibility=hidden leaves weak
                   std:: symbols behind (code-style-anchors.md, 4.2)
    <name>_static  a cc_library whose entry is ruvector_plugin_v1_<name>, so
                   that sanitizers and unit tests see the code and several
                   plugins fit in one binary

    The .so links libstdc++ dynamically. The process that loads it has one
    already, and a second copy would mean a second unwinder and a second set of
    type_info; a plugin built with a newer compiler than the server has is
    refused with the linker's words, not loaded by luck.

    Args:
      name: the plugin's name, which is also its file's stem.
      srcs: C++ or C sources.
      deps: libraries; anything that is not header-only lands in the .so,
        hidden.
      **kwargs: passed to both targets (visibility, tags, testonly).
    """
    native.genrule(
        name = name + "_version_script",
        outs = [name + ".lds"],
        cmd = "echo '{ global: ruvector_plugin_v1; local: *; };' > $@",
    )
    native.cc_binary(
        name = name + ".so",
        srcs = srcs,
        additional_linker_inputs = [name + ".lds"],
        linkopts = [
            "-Wl,--version-script=$(location %s.lds)" % name,
            "-Wl,--as-needed",
            "-Wl,-z,relro,-z,now",
        ],
        linkshared = True,
        deps = deps + ["//core/plugin:sdk"],
        **kwargs
    )
    native.cc_library(
        name = name + "_static",
        srcs = srcs,
        local_defines = ["RUVECTOR_PLUGIN_ENTRY=ruvector_plugin_v1_" + name],
        deps = deps + ["//core/plugin:sdk"],
        **kwargs
    )
