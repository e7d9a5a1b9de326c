#include "core/cut/workload.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <random>
#include <set>
#include <tuple>
#include <utility>

namespace ruvector::cut {
namespace {

// Draws in the order of the reference generator: the graphs depend on it.
class Source {
 public:
  explicit Source(uint64_t seed) : bits_(seed) {}
  uint64_t Bits() { return bits_(); }
  int Below(int n) { return static_cast<int>(bits_() % n); }
  double Uniform() { return static_cast<double>(bits_() >> 11) * 0x1.0p-53; }
  int32_t Capacity(double low, double high) {
    const int32_t q =
        static_cast<int32_t>((low + (high - low) * Uniform()) * kOne);
    return std::max(q, 1);
  }

 private:
  std::mt19937_64 bits_;
};

class Builder {
 public:
  explicit Builder(int n) { graph_.n = n; }
  void Add(int u, int v, int32_t weight) {
    graph_.edges.push_back({static_cast<uint32_t>(std::min(u, v)),
                            static_cast<uint32_t>(std::max(u, v)), weight});
  }
  void AddRandom(int first, int nodes, double density, Source& source) {
    for (int i = 0; i < nodes; ++i) {
      for (int j = i + 1; j < nodes; ++j) {
        if (density < 1 && source.Uniform() >= density) continue;
        Add(first + i, first + j, 1 + source.Below(kOne));
      }
    }
  }
  // Sorted, parallel edges added up, self loops gone.
  Workload Finish() {
    std::vector<Edge>& edges = graph_.edges;
    std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
      return std::tie(a.u, a.v) < std::tie(b.u, b.v);
    });
    size_t kept = 0;
    for (const Edge& e : edges) {
      if (e.u == e.v) continue;
      if (kept > 0 && edges[kept - 1].u == e.u && edges[kept - 1].v == e.v) {
        edges[kept - 1].weight += e.weight;
      } else {
        edges[kept++] = e;
      }
    }
    edges.resize(kept);
    return std::move(graph_);
  }

 private:
  Workload graph_;
};

Workload SpecDrawing(bool linked, Source& source) {
  constexpr int kPartitions = 64, kCentroids = 1000;
  constexpr int kShard = kPartitions + kCentroids;
  Builder graph(kShard + 3);
  for (int i = 0; i < kPartitions; ++i) {
    for (int j = i + 1; j < kPartitions; ++j) graph.Add(i, j, kOne);
  }
  for (int c = 0; c < kCentroids; ++c) {
    graph.Add(kPartitions + c, kShard, source.Capacity(0.3, 1));
  }
  graph.Add(kShard, kShard + 1, kOne);
  graph.Add(kShard, kShard + 2, kOne);
  for (int i = 0; linked && i < kPartitions; ++i) {
    graph.Add(i, kShard, source.Capacity(0.5, 1));
  }
  return graph.Finish();
}

Workload Random(double density, Source& source) {
  Builder graph(1000);
  graph.AddRandom(0, 1000, density, source);
  return graph.Finish();
}

Workload Planted(int groups, double density, int links, double high,
                 Source& source) {
  const int size = 1000 / groups;
  Builder graph(1000);
  for (int c = 0; c < groups; ++c) {
    graph.AddRandom(size * c, size, density, source);
  }
  for (int c = 0; c < groups; ++c) {
    for (int d = c + 1; d < groups; ++d) {
      for (int i = 0; i < links; ++i) {
        // The reference leaves the order of these draws to the compiler, and
        // g++ takes the arguments from the last to the first.
        const int32_t weight = source.Capacity(0.05, high);
        const int v = size * d + source.Below(size);
        const int u = size * c + source.Below(size);
        graph.Add(u, v, weight);
      }
    }
  }
  return graph.Finish();
}

Workload Realistic(int fanout, bool cliques, Source& source) {
  constexpr int kPartitions = 64, kShards = 8, kReplicas = 16, kUpkeep = 4;
  constexpr int kCentroids = 1000 - kPartitions - kShards - kReplicas - kUpkeep;
  constexpr int kFirstPartition = kCentroids;
  constexpr int kFirstShard = kFirstPartition + kPartitions;
  constexpr int kFirstReplica = kFirstShard + kShards;
  constexpr int kFirstUpkeep = kFirstReplica + kReplicas;
  Builder graph(1000);
  for (int c = 0; c < kCentroids; ++c) {
    std::set<int> near;
    const int base = source.Below(kPartitions);
    const int degree = fanout - fanout / 4 + source.Below(fanout / 2 + 1);
    while (static_cast<int>(near.size()) < degree) {
      const bool local = source.Below(4) != 0;
      near.insert(local ? (base + source.Below(fanout * 2)) % kPartitions
                        : source.Below(kPartitions));
    }
    for (int p : near) {
      graph.Add(c, kFirstPartition + p, source.Capacity(0.02, 1));
    }
  }
  for (int p = 0; p < kPartitions; ++p) {
    const int shard = p % kShards;
    const int partition = kFirstPartition + p;
    graph.Add(partition, kFirstShard + shard, source.Capacity(0.5, 1) * 4);
    for (int x = 0; x < 2; ++x) {
      graph.Add(partition, kFirstReplica + 2 * shard + x,
                source.Capacity(0.5, 1) * 2);
    }
  }
  for (int s = 0; s < kShards; ++s) {
    const int shard = kFirstShard + s;
    for (int t = s + 1; t < kShards; ++t) {
      graph.Add(shard, kFirstShard + t, source.Capacity(0.5, 1) * 4);
    }
    for (int x = 0; x < 2; ++x) {
      graph.Add(shard, kFirstReplica + 2 * s + x, source.Capacity(0.5, 1) * 4);
    }
    for (int m = 0; m < kUpkeep; ++m) {
      graph.Add(shard, kFirstUpkeep + m, source.Capacity(0.3, 1));
    }
  }
  for (int p = 0; cliques && p < kPartitions; ++p) {
    for (int q = p + kShards; q < kPartitions; q += kShards) {
      graph.Add(kFirstPartition + p, kFirstPartition + q,
                source.Capacity(0.5, 1));
    }
  }
  return graph.Finish();
}

}  // namespace

absl::Span<const char* const> WorkloadNames() {
  static constexpr const char* kNames[] = {
      "G1lit", "G1conn", "G2_0.05", "G2_0.3", "G2_1.0",
      "G3_2",  "G3_8",   "G4_5k",   "G4_20k", "G4_clq"};
  return kNames;
}

Workload MakeWorkload(const std::string& name, uint64_t seed) {
  Source source(seed * 7919 + std::hash<std::string>()(name));
  if (name == "G1lit") return SpecDrawing(false, source);
  if (name == "G1conn") return SpecDrawing(true, source);
  if (name == "G3_2") return Planted(2, 0.3, 10, 0.3, source);
  if (name == "G3_8") return Planted(8, 0.5, 3, 0.5, source);
  if (name == "G4_5k") return Realistic(5, false, source);
  if (name == "G4_20k") return Realistic(20, false, source);
  if (name == "G4_clq") return Realistic(20, true, source);
  return Random(std::atof(name.c_str() + 3), source);
}

}  // namespace ruvector::cut
