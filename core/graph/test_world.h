// A healthy collection of any shape, as the sensors would report it in two
// consecutive passes; tests then hurt it. Test only.
#ifndef RUVECTOR_CORE_GRAPH_TEST_WORLD_H_
#define RUVECTOR_CORE_GRAPH_TEST_WORLD_H_

#include <cstdint>
#include <ostream>

#include "core/base/no_postgres.h"
#include "core/graph/observation.h"

namespace ruvector::graph {

struct Shape {
  int64_t partitions = 1;
  int64_t lists = 0;  // per partition, in one IVFFlat index each
  int64_t sync_replicas = 0;
  int64_t async_replicas = 0;
  int64_t extra_shards = 0;  // besides this node; partitions take turns
  bool archiver = false;
  bool backup = false;
  bool hnsw = false;
};
std::ostream& operator<<(std::ostream& out, const Shape& shape);

struct World {
  Observation last;
  Observation now;
};

// Every value known and healthy; 10,000 rows per partition, even traffic of
// 3,000 writes and 60,000 reads per partition in 60 s.
World Healthy(const Shape& shape);

// The ways to hurt it.
void MakeHot(World* world, int64_t partition);
void Saturate(World* world, int64_t partition);
void DriftList(World* world, int64_t partition, int64_t list);
void EmptyList(World* world, int64_t partition, int64_t list);
void LoseReplica(World* world, int64_t replica);
void FailArchiver(World* world);

}  // namespace ruvector::graph

#endif  // RUVECTOR_CORE_GRAPH_TEST_WORLD_H_
