// Every ruvector.* and caliber.* setting. settings.cc holds the one table that
// defines them; docs/reference/settings.md is compared with pg_settings by a
// test. scope: backend (values as the server's GUC machinery keeps them)
#ifndef RUVECTOR_PGEXT_BOOT_SETTINGS_H_
#define RUVECTOR_PGEXT_BOOT_SETTINGS_H_

namespace ruvector::settings {

extern int max_collections;          // slots in shared memory
extern int max_databases;            // entries in shared memory
extern int audit_ring_size;          // entries
extern int database_check_interval;  // seconds
extern int page_budget;              // index pages a pass and collection
extern int sensor_connect_timeout;   // milliseconds
extern int sensor_lock_timeout;      // milliseconds
extern int max_graph_nodes;
extern bool compute_lambda2;
extern bool bypass;
extern bool healing;           // off: the kill switch
extern int problem_retention;  // minutes
extern int max_content_bytes;  // of CALIBER's texts and documents
extern bool recall_capture;
extern int recall_probe_budget;    // milliseconds
extern int recall_probe_interval;  // seconds; 0: never
extern int recall_probe_rows;
extern int kubernetes_max_replicas;
extern int sample_timeout;  // seconds
extern int webhook_attempts;
extern int webhook_timeout;  // seconds
extern char* kubernetes_api_server;
extern char* kubernetes_credentials;
extern char* signing_key_path;
extern char* signing_key_command;
extern char* signing_public_key;
extern char* plugin_directory;
extern int plugin_trust;  // PluginTrust
extern char* plugin_trusted_keys;
extern char* failpoints;

enum PluginTrust { kTrustAny, kTrustSigned };

// Defines the settings; from _PG_init. `preloaded`: postmaster-level settings
// are defined as well.
void Define(bool preloaded);

}  // namespace ruvector::settings

#endif  // RUVECTOR_PGEXT_BOOT_SETTINGS_H_
