-- The server that pg_regress tests get: preloaded, with both extensions.
SHOW shared_preload_libraries;
SELECT extname FROM pg_extension WHERE extname IN ('ruvector', 'vector') ORDER BY 1;
SELECT current_setting('max_worker_processes')::int >= 32 AS room_for_workers;
