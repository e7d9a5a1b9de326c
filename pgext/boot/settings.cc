#include "pgext/boot/settings.h"

#include "core/base/failpoint.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_call.h"
extern "C" {
#include "postmaster/interrupt.h"
#include "utils/guc.h"
}

namespace ruvector::settings {

int max_collections = 256;
int max_databases = 128;
int audit_ring_size = 256;
int database_check_interval = 60;
int page_budget = 2000;
int sensor_connect_timeout = 2000;
int sensor_lock_timeout = 100;
int max_graph_nodes = 1000;
bool compute_lambda2 = true;
bool bypass = false;
bool healing = true;
int problem_retention = 30 * 24 * 60;
int max_content_bytes = 64 << 20;
bool recall_capture = true;
int recall_probe_budget = 1000;
int recall_probe_interval = 3600;
int recall_probe_rows = 1000000;
int kubernetes_max_replicas = 10;
int sample_timeout = 30;
int webhook_attempts = 5;
int webhook_timeout = 10;
char* kubernetes_api_server = nullptr;
char* kubernetes_credentials = nullptr;
char* signing_key_path = nullptr;
char* signing_key_command = nullptr;
char* signing_public_key = nullptr;
char* plugin_directory = nullptr;
int plugin_trust = kTrustAny;
char* plugin_trusted_keys = nullptr;
char* failpoints = nullptr;

namespace {

bool CheckFailpoints(char** value, void**, GucSource) {
  if (*value == nullptr) return true;
  const absl::Status status = failpoint::Validate(*value);
  if (!status.ok()) {
    GUC_check_errdetail("%s", std::string(status.message()).c_str());
  }
  return status.ok();
}

// A setting that this process takes up at once.
void AssignFailpoints(const char* value, void*) {
  failpoint::SetConfiguration(value);
}

// Says where this process hangs, and takes up a reload that ends it.
void WhileHanging(std::string_view name, bool first) {
  (void)pg::PgCall([&] {
    if (first) {
      ereport(LOG, (errmsg("failpoint \"%.*s\": hanging",
                           static_cast<int>(name.size()), name.data())));
    }
    if (ConfigReloadPending) {
      ConfigReloadPending = false;
      ProcessConfigFile(PGC_SIGHUP);
    }
  });
}

constexpr config_enum_entry kTrustOptions[] = {
    {"any", kTrustAny, false},
    {"signed", kTrustSigned, false},
    {nullptr, 0, false},
};

struct IntSetting {
  const char* name;
  const char* summary;
  const char* detail;
  int* value;
  int initial, low, high;
  GucContext context;
  int flags;
};

struct BoolSetting {
  const char* name;
  const char* summary;
  const char* detail;
  bool* value;
  bool initial;
  GucContext context;
};

struct StringSetting {
  const char* name;
  const char* summary;
  const char* detail;
  char** value;
  const char* initial;
  GucContext context;
  int flags;
};

constexpr IntSetting kInts[] = {
    {"ruvector.audit_ring_size",
     "Number of refusals and read-only events that can wait to be signed.",
     "Events of transactions that roll back reach the log through this ring; "
     "what does not fit is counted and reported by ruvector_verify_chain().",
     &audit_ring_size, 256, 16, 65536, PGC_POSTMASTER, 0},
    {"ruvector.database_check_interval",
     "How often the launcher looks for databases that have the extension.",
     "CREATE EXTENSION is noticed at once; this is for databases that were "
     "restored or made from a template.",
     &database_check_interval, 60, 1, 86400, PGC_SIGHUP, GUC_UNIT_S},
    {"ruvector.kubernetes_max_replicas",
     "Number of replicas above which healing scales no workload up.",
     "0 keeps it from scaling up at all.", &kubernetes_max_replicas, 10, 0,
     10000, PGC_SIGHUP, 0},
    {"ruvector.max_collections",
     "Number of collections of all databases that can be gated at once.",
     nullptr, &max_collections, 256, 1, 65536, PGC_POSTMASTER, 0},
    {"ruvector.max_databases",
     "Number of databases with the extension that can be served.",
     "A database beyond that is not sampled; the server log and "
     "ruvector.workers name it.",
     &max_databases, 128, 1, 8192, PGC_POSTMASTER, 0},
    {"ruvector.max_graph_nodes",
     "Number of nodes above which the operational graph is contracted further.",
     "The healthiest siblings are merged, and the result says so.",
     &max_graph_nodes, 1000, 16, 100000, PGC_SIGHUP, 0},
    {"ruvector.page_budget",
     "Index and table pages that one pass over a collection may read.", nullptr,
     &page_budget, 2000, 16, 1000000, PGC_SIGHUP, 0},
    {"ruvector.problem_retention",
     "How long rows of resolved problems stay in ruvector.problems.",
     "The signed events that tell of them stay in the event log.",
     &problem_retention, 30 * 24 * 60, 0, 10 * 365 * 24 * 60, PGC_SIGHUP,
     GUC_UNIT_MIN},
    {"ruvector.recall_probe_budget",
     "How long one recall probe of a collection may take.",
     "It runs in the integrity worker, which does nothing else meanwhile.",
     &recall_probe_budget, 1000, 10, 600000, PGC_SIGHUP, GUC_UNIT_MS},
    {"ruvector.recall_probe_interval",
     "How often the recall of a collection's vector indexes is probed.",
     "0 means only when ruvector_recall_probe() is called.",
     &recall_probe_interval, 3600, 0, 30 * 24 * 3600, PGC_SIGHUP, GUC_UNIT_S},
    {"ruvector.recall_probe_rows",
     "Rows of a table above which its indexes are not probed.",
     "Exact answers are computed over all rows of the table.",
     &recall_probe_rows, 1000000, 1, 2147483647, PGC_SIGHUP, 0},
    {"caliber.max_content_bytes",
     "Largest text or document that CALIBER's functions store.",
     "Longer ones are refused with SQLSTATE 54000.", &max_content_bytes,
     64 << 20, 1024, 200 << 20, PGC_USERSET, GUC_UNIT_BYTE},
    {"ruvector.sample_timeout",
     "How long ruvector_integrity_sample() waits for the integrity worker.",
     nullptr, &sample_timeout, 30, 1, 3600, PGC_USERSET, GUC_UNIT_S},
    {"ruvector.sensor_connect_timeout",
     "How long a pass waits for other servers to accept a connection.", nullptr,
     &sensor_connect_timeout, 2000, 10, 60000, PGC_SIGHUP, GUC_UNIT_MS},
    {"ruvector.sensor_lock_timeout",
     "How long a sensor waits for a lock before its values are unknown.",
     nullptr, &sensor_lock_timeout, 100, 1, 60000, PGC_SIGHUP, GUC_UNIT_MS},
    {"ruvector.webhook_attempts",
     "How often the delivery of a webhook message is tried.",
     "After a second, doubled by each further attempt up to a minute, less up "
     "to half of it by chance.",
     &webhook_attempts, 5, 1, 20, PGC_SIGHUP, 0},
    {"ruvector.webhook_timeout",
     "How long one attempt to deliver a webhook message may take.", nullptr,
     &webhook_timeout, 10, 1, 300, PGC_SIGHUP, GUC_UNIT_S},
};

constexpr BoolSetting kBools[] = {
    {"ruvector.bypass", "Lets this session pass the integrity gate.",
     "Only superusers can set it; each statement that the gate would have "
     "held is recorded in the event log.",
     &bypass, false, PGC_SUSET},
    {"ruvector.compute_lambda2",
     "Computes the algebraic connectivity of the graph in each pass.",
     "An early-warning signal; it never drives the state.", &compute_lambda2,
     true, PGC_SIGHUP},
    {"ruvector.healing", "Lets healing act in the databases of this server.",
     "The kill switch: off stops what runs and writes nothing, so that it "
     "works "
     "on a full disk and on a read-only server.",
     &healing, true, PGC_SIGHUP},
    {"ruvector.recall_capture", "Samples real queries for the recall probe.",
     "At most 32 per collection are kept, in a table that only ruvector_admin "
     "can read.",
     &recall_capture, true, PGC_SIGHUP},
};

constexpr StringSetting kStrings[] = {
    {"ruvector.failpoints",
     "Faults to inject, for tests: name=error|kill|hang|sleep:MS, ...", nullptr,
     &failpoints, "", PGC_SUSET, GUC_NOT_IN_SAMPLE},
    {"ruvector.kubernetes_api_server",
     "URL of the Kubernetes API server, https://host:port.",
     "Empty means the one that the pod's environment names.",
     &kubernetes_api_server, "", PGC_SIGHUP, 0},
    {"ruvector.kubernetes_credentials",
     "Directory with the files \"token\" and \"ca.crt\" for the API server.",
     "Empty means the pod's service account. The token is read for every "
     "request; ca.crt is the only authority that is trusted.",
     &kubernetes_credentials, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY},
    {"ruvector.plugin_directory", "Directory from which plugins are loaded.",
     "Empty means the directory \"ruvector/plugins\" beside the extension's "
     "library.",
     &plugin_directory, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY},
    {"ruvector.plugin_trusted_keys",
     "File of Ed25519 public keys, in hex, that may sign plugins.",
     "Used when ruvector.plugin_trust is \"signed\".", &plugin_trusted_keys, "",
     PGC_SIGHUP, GUC_SUPERUSER_ONLY},
    {"ruvector.signing_key_command",
     "Command that signs for the event log instead of a key file.",
     "It is started without a shell once per event, reads the message on "
     "standard input and prints the signature; ruvector.signing_public_key "
     "names the key it holds.",
     &signing_key_command, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY},
    {"ruvector.signing_key_path",
     "File of the Ed25519 key that signs the event log.",
     "The database's OID is added to the name. A relative path starts at the "
     "data directory. The file must belong to the server's user and be closed "
     "to everyone else.",
     &signing_key_path, "ruvector_signing_key", PGC_SIGHUP, GUC_SUPERUSER_ONLY},
    {"ruvector.signing_public_key",
     "Public key, in hex, of the key that ruvector.signing_key_command holds.",
     nullptr, &signing_public_key, "", PGC_SIGHUP, 0},
};

}  // namespace

void Define(bool preloaded) {
  for (const IntSetting& s : kInts) {
    if (s.context == PGC_POSTMASTER && !preloaded) continue;
    DefineCustomIntVariable(s.name, s.summary, s.detail, s.value, s.initial,
                            s.low, s.high, s.context, s.flags, nullptr, nullptr,
                            nullptr);
  }
  for (const BoolSetting& s : kBools) {
    DefineCustomBoolVariable(s.name, s.summary, s.detail, s.value, s.initial,
                             s.context, 0, nullptr, nullptr, nullptr);
  }
  for (const StringSetting& s : kStrings) {
    const bool failpoints = s.value == &settings::failpoints;
    DefineCustomStringVariable(
        s.name, s.summary, s.detail, s.value, s.initial, s.context, s.flags,
        failpoints ? CheckFailpoints : nullptr,
        failpoints ? AssignFailpoints : nullptr, nullptr);
  }
  DefineCustomEnumVariable(
      "ruvector.plugin_trust", "Which plugins are loaded.",
      "\"any\": every file that its owner and permissions vouch for; "
      "\"signed\": only those with a signature by a trusted key.",
      &plugin_trust, kTrustAny, kTrustOptions, PGC_SIGHUP, 0, nullptr, nullptr,
      nullptr);
  MarkGUCPrefixReserved("caliber");
  MarkGUCPrefixReserved("ruvector");
  failpoint::OnHang(WhileHanging);
}

}  // namespace ruvector::settings
