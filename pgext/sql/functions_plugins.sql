CREATE FUNCTION ruvector.plugins()
RETURNS TABLE (file text, name text, kind text, version text, status text, reason text, signed boolean,
               handles text[], description text, license text)
AS 'MODULE_PATHNAME', 'ruvector_plugins' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector.plugins() IS 'scans the plugin directory';
CREATE VIEW ruvector.plugins AS SELECT * FROM ruvector.plugins();
COMMENT ON VIEW ruvector.plugins IS 'strategies and attention mechanisms found in ruvector.plugin_directory, and why one was refused';

CREATE FUNCTION ruvector_reload_plugins(OUT loaded bigint, OUT rejected bigint)
AS 'MODULE_PATHNAME', 'ruvector_reload_plugins' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION ruvector_reload_plugins() IS 'scan the plugin directory now; how many were loaded and how many refused';
