// What the metrics are made of: one look at the catalogs, the counters, the
// sensors and the journal, each only when a metric asks for it, at most once in
// the life of a Facts. Internal to pgext/healing/metrics. [backend-main]
//
// Every group is read in a subtransaction of its own. One that fails is
// unknown from then on; only a cancel or a shutdown is an error.
#ifndef RUVECTOR_PGEXT_HEALING_METRICS_FACTS_H_
#define RUVECTOR_PGEXT_HEALING_METRICS_FACTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/graph/observation.h"
#include "core/healing/situation.h"
#include "pgext/healing/metrics/metrics.h"
#include "pgext/healing/sensors/collection_sense.h"

namespace ruvector::metrics {

using Known = std::optional<double>;

// A leaf partition or plain table, from the catalogs and counters.
struct Leaf {
  uint32_t oid = 0;
  std::string tablespace;
  std::optional<std::string> autovacuum;  // storage parameter
  Known vacuum_threshold, analyze_threshold;
  Known dead, modified;
  Known xid_age, freeze_age;
  Known weight;
  Known idle_seconds;
  double hnsw = 0, ivfflat = 0;
};

struct LeafIndex {
  uint32_t oid = 0;
  std::string method, table, tablespace;
  std::optional<std::string> parent;
  bool valid = false;
  Known lists;
};

// A filesystem below a tablespace.
struct Space {
  std::string disk;  // as the disk sensor names it
  Known total, free;
};

struct Job {
  std::string kind;
  std::optional<std::string> table;
  Known running_seconds;
};

struct Shard {
  std::string node;
  Known bytes;
};

// Between two readings of a leaf's counters, a second.
struct Rates {
  double reads = 0, inserts = 0, writes = 0;
};

class Facts {
 public:
  Facts(pg::SpiSession& spi, const integrity::Collection& collection,
        const ReadOptions& options)
      : spi_(spi), collection_(collection), options_(options) {}
  Facts(const Facts&) = delete;

  const integrity::Collection& collection() const { return collection_; }
  const ReadOptions& options() const { return options_; }

  // nullptr: could not be read. By quoted, qualified name.
  absl::StatusOr<const std::map<std::string, Leaf>*> Leaves();
  absl::StatusOr<const std::map<std::string, LeafIndex>*> Indexes();
  absl::StatusOr<const std::map<std::string, Space>*> Spaces();
  absl::StatusOr<const std::map<std::string, Job>*> Jobs();
  absl::StatusOr<const std::map<std::string, Shard>*> Shards();
  // Leaves whose counters were reset meanwhile are missing.
  absl::StatusOr<const std::map<std::string, Rates>*> AllRates();
  absl::StatusOr<const graph::Observation*> Observation();
  absl::StatusOr<const healing::CollectionReadings*> Readings();
  // "weights", "citus", "none".
  absl::StatusOr<const std::string*> Routing();

  // One value of a statement, in a subtransaction; nullopt also where it
  // failed or gave no row.
  absl::StatusOr<std::optional<std::string>> One(
      const char* sql, std::initializer_list<pg::SqlParam> params);

 private:
  // Read or failed: a group is tried once.
  template <class T>
  struct Group {
    bool tried = false;
    std::optional<T> value;
  };
  template <class T, class F>
  absl::StatusOr<const T*> Get(Group<T>& group, F read);

  absl::Status ReadLeaves(pg::SpiSession& spi, std::map<std::string, Leaf>*);
  absl::Status ReadIndexes(pg::SpiSession& spi,
                           std::map<std::string, LeafIndex>*);
  absl::Status ReadSpaces(pg::SpiSession& spi, std::map<std::string, Space>*);
  absl::Status ReadJobs(std::map<std::string, Job>*);
  absl::Status ReadShards(pg::SpiSession& spi, std::map<std::string, Shard>*);
  absl::Status ReadRates(pg::SpiSession& spi, std::map<std::string, Rates>*);

  pg::SpiSession& spi_;
  const integrity::Collection& collection_;
  const ReadOptions& options_;
  Group<std::map<std::string, Leaf>> leaves_;
  Group<std::map<std::string, LeafIndex>> indexes_;
  Group<std::map<std::string, Space>> spaces_;
  Group<std::map<std::string, Job>> jobs_;
  Group<std::map<std::string, Shard>> shards_;
  Group<std::map<std::string, Rates>> rates_;
  Group<graph::Observation> observation_;
  Group<healing::CollectionReadings> readings_;
  Group<std::string> routing_;
};

// Bytes of a relation that nobody has locked; nullopt otherwise.
absl::StatusOr<Known> BytesOf(uint32_t oid);

// The leaves' SQL, for the counters too.
extern const char kLeafTree[];

}  // namespace ruvector::metrics

#endif  // RUVECTOR_PGEXT_HEALING_METRICS_FACTS_H_
