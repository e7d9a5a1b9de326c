#include "plugins/testing/attention_conformance.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>
#include <vector>

#include "core/base/rng.h"
#include "core/plugin/description.h"
#include "plugins/testing/guarded_buffer.h"

namespace {
// Counts while it is on; the plugin's `new` is this one, in both ways of
// linking, since libstdc++ refers to it dynamically.
bool counting = false;
int allocations = 0;
}  // namespace

void* operator new(std::size_t size) {
  if (counting) ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace ruvector::plugin_testing {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kTolerance = 1e-6;

// The entries of one call, all context included.
struct Entries {
  uint32_t count = 0;
  uint32_t dim = 0;
  std::vector<float> query;
  std::vector<float> keys;
  std::vector<int32_t> depths, hops;
  std::vector<double> costs, timestamps;
  std::vector<float> criticalities;
  std::vector<uint8_t> critical, parallel, common;

  ruvector_attention_input Input() const {
    return {sizeof(ruvector_attention_input),
            dim,
            count,
            3,
            1000.0,
            query.data(),
            keys.data(),
            depths.data(),
            hops.data(),
            costs.data(),
            criticalities.data(),
            critical.data(),
            parallel.data(),
            common.data(),
            timestamps.data()};
  }
};

// 16 elements of slack: data() of an empty vector may be NULL, which means
// "absent" to a plugin.
Entries MakeEntries(uint32_t count, uint32_t dim, uint64_t seed) {
  Rng rng(seed);
  const auto normal = [&] {
    return static_cast<float>(4 * (rng.Uniform() - 0.5));
  };
  Entries e;
  e.count = count;
  e.dim = dim;
  for (uint32_t j = 0; j < dim; ++j) e.query.push_back(normal());
  for (size_t j = 0; j < size_t{count} * dim; ++j) e.keys.push_back(normal());
  for (uint32_t i = 0; i < count; ++i) {
    e.depths.push_back(static_cast<int32_t>(rng.Below(12)));
    e.hops.push_back(static_cast<int32_t>(rng.Below(12)));
    e.costs.push_back(1e4 * rng.Uniform());
    e.timestamps.push_back(2000 * rng.Uniform());
    e.criticalities.push_back(static_cast<float>(rng.Uniform()));
    e.critical.push_back(rng.Below(2));
    e.parallel.push_back(rng.Below(4) == 0);
    e.common.push_back(rng.Below(2));
  }
  return e;
}

Entries Permute(const Entries& e, const std::vector<uint32_t>& order) {
  Entries p = e;
  for (uint32_t i = 0; i < e.count; ++i) {
    const uint32_t from = order[i];
    std::copy_n(&e.keys[size_t{from} * e.dim], e.dim,
                &p.keys[size_t{i} * e.dim]);
    p.depths[i] = e.depths[from];
    p.hops[i] = e.hops[from];
    p.costs[i] = e.costs[from];
    p.timestamps[i] = e.timestamps[from];
    p.criticalities[i] = e.criticalities[from];
    p.critical[i] = e.critical[from];
    p.parallel[i] = e.parallel[from];
    p.common[i] = e.common[from];
  }
  return p;
}

std::vector<ruvector_value> Defaults(const ruvector_attention_table& table) {
  std::vector<ruvector_value> values;
  for (uint32_t i = 0; i < table.parameter_count; ++i) {
    values.push_back(table.parameters[i].fallback);
  }
  return values;
}

struct Result {
  int32_t code = -1;
  std::string error;
  std::vector<float> weights;
  std::vector<float> aggregated;
};

// One call between guard zones. A count that lies about the arrays must be
// refused before they are read: `room` is what the buffers really hold.
Result Call(const ruvector_attention_table& table,
            const std::vector<ruvector_value>& parameters,
            const ruvector_attention_input& input, uint32_t room,
            uint32_t dim_room, unsigned char poison = 0x5a) {
  GuardedBuffer<float> weights(room, 0xff);
  GuardedBuffer<float> aggregated(dim_room, 0xff);
  GuardedBuffer<char> scratch(table.scratch_size(room, dim_room), poison);
  GuardedBuffer<char> error(256, 0);
  ruvector_attention_output output = {sizeof(output), 0, weights.data(),
                                      aggregated.data(), scratch.data()};
  Result result;
  result.code =
      table.forward(parameters.data(), &input, &output, error.data(), 256);
  EXPECT_TRUE(weights.Intact()) << "wrote past weights";
  EXPECT_TRUE(aggregated.Intact()) << "wrote past aggregated";
  EXPECT_TRUE(scratch.Intact()) << "wrote past scratch";
  EXPECT_TRUE(error.Intact()) << "wrote past error";
  result.error.assign(error.data(), strnlen(error.data(), 256));
  result.weights.assign(weights.data(), weights.data() + room);
  result.aggregated.assign(aggregated.data(), aggregated.data() + dim_room);
  return result;
}

Result Call(const ruvector_attention_table& table, const Entries& e) {
  return Call(table, Defaults(table), e.Input(), e.count, e.dim);
}

void ExpectDistribution(const Result& r) {
  ASSERT_EQ(r.code, RUVECTOR_OK) << r.error;
  double sum = 0;
  for (float w : r.weights) {
    ASSERT_TRUE(w >= 0 && w <= 1) << w;
    sum += w;
  }
  EXPECT_NEAR(sum, 1, kTolerance);
  for (float a : r.aggregated) ASSERT_TRUE(std::isfinite(a)) << a;
}

void ExpectRefused(const Result& r) {
  EXPECT_EQ(r.code, RUVECTOR_INVALID_ARGUMENT) << r.error;
  EXPECT_NE(r.error, "");
  EXPECT_EQ(r.error.find('\n'), std::string::npos);
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

void AttentionConformance::SetUp() {
  descriptor_ = Open(GetParam().plugin);
  ASSERT_NE(descriptor_, nullptr);
  const auto description = plugin::CheckDescriptor(descriptor_);
  ASSERT_TRUE(description.ok()) << description.status();
  ASSERT_EQ(description->kind, plugin::PluginKind::kAttention);
  table_ = descriptor_->attention;
}

TEST_P(AttentionConformance, EntryIsConstant) {
  EXPECT_EQ(Open(GetParam().plugin), descriptor_);
}

TEST_P(AttentionConformance, WeightsAreADistribution) {
  uint64_t seed = 1;
  for (uint32_t count : {1, 2, 3, 10, 100, 1000}) {
    for (uint32_t dim : {1, 3, 8, 64, 257}) {
      SCOPED_TRACE(testing::Message() << count << " entries of " << dim);
      const Entries e = MakeEntries(count, dim, seed++);
      const Result r = Call(*table_, e);
      ExpectDistribution(r);
      if (count == 1) {
        EXPECT_EQ(r.weights[0], 1);
      }
    }
  }
}

TEST_P(AttentionConformance, AggregateLiesBetweenTheKeys) {
  if (!GetParam().traits.aggregates_convexly) GTEST_SKIP();
  const Entries e = MakeEntries(50, 9, 7);
  const Result r = Call(*table_, e);
  ASSERT_EQ(r.code, RUVECTOR_OK);
  for (uint32_t j = 0; j < e.dim; ++j) {
    double sum = 0;
    for (uint32_t i = 0; i < e.count; ++i) {
      sum += double{r.weights[i]} * e.keys[size_t{i} * e.dim + j];
    }
    EXPECT_NEAR(r.aggregated[j], sum, 1e-5);
  }
}

TEST_P(AttentionConformance, SameCallSameBits) {
  const Entries e = MakeEntries(200, 33, 11);
  const auto parameters = Defaults(*table_);
  const Result first = Call(*table_, parameters, e.Input(), 200, 33, 0x00);
  // Scratch is undefined on entry: what it holds must not matter.
  const Result second = Call(*table_, parameters, e.Input(), 200, 33, 0xff);
  ASSERT_EQ(first.code, RUVECTOR_OK) << first.error;
  EXPECT_TRUE(SameBits(first.weights, second.weights));
  EXPECT_TRUE(SameBits(first.aggregated, second.aggregated));
  // Nor what was computed in between.
  Call(*table_, MakeEntries(77, 5, 12));
  const Result third = Call(*table_, e);
  EXPECT_TRUE(SameBits(first.weights, third.weights));
}

TEST_P(AttentionConformance, PermutedEntriesHavePermutedWeights) {
  for (uint64_t seed = 20; seed < 30; ++seed) {
    const Entries e = MakeEntries(60, 16, seed);
    std::vector<uint32_t> order(e.count);
    std::iota(order.begin(), order.end(), 0);
    Rng rng(seed);
    for (uint32_t i = e.count; i > 1; --i) {
      std::swap(order[i - 1], order[rng.Below(i)]);
    }
    const Result plain = Call(*table_, e);
    const Result permuted = Call(*table_, Permute(e, order));
    ASSERT_EQ(plain.code, RUVECTOR_OK) << plain.error;
    for (uint32_t i = 0; i < e.count; ++i) {
      EXPECT_NEAR(permuted.weights[i], plain.weights[order[i]], kTolerance);
    }
    for (uint32_t j = 0; j < e.dim; ++j) {
      EXPECT_NEAR(permuted.aggregated[j], plain.aggregated[j], 1e-5);
    }
  }
}

TEST_P(AttentionConformance, EqualEntriesHaveEqualWeights) {
  const Entries one = MakeEntries(1, 8, 5);
  const Entries many = Permute(MakeEntries(40, 8, 6),
                               [] { return std::vector<uint32_t>(40, 0); }());
  const Result r = Call(*table_, many);
  ASSERT_EQ(r.code, RUVECTOR_OK) << r.error;
  for (float w : r.weights) EXPECT_NEAR(w, 1.0 / 40, kTolerance);
}

TEST_P(AttentionConformance, EmptyInputGivesAZeroAggregate) {
  const Entries e = MakeEntries(0, 5, 3);
  ruvector_attention_input input = e.Input();
  Result r = Call(*table_, Defaults(*table_), input, 0, 5);
  EXPECT_EQ(r.code, RUVECTOR_OK) << r.error;
  EXPECT_EQ(r.aggregated, std::vector<float>(5, 0));
  input.keys = nullptr;
  ruvector_attention_output output = {sizeof(output), 0, nullptr, nullptr,
                                      nullptr};
  EXPECT_EQ(
      table_->forward(Defaults(*table_).data(), &input, &output, nullptr, 0),
      RUVECTOR_OK);
}

TEST_P(AttentionConformance, AggregateIsOptional) {
  const Entries e = MakeEntries(10, 4, 8);
  const ruvector_attention_input input = e.Input();
  GuardedBuffer<float> weights(10);
  GuardedBuffer<char> scratch(table_->scratch_size(10, 4));
  ruvector_attention_output output = {sizeof(output), 0, weights.data(),
                                      nullptr, scratch.data()};
  ASSERT_EQ(
      table_->forward(Defaults(*table_).data(), &input, &output, nullptr, 0),
      RUVECTOR_OK);
  EXPECT_TRUE(weights.Intact() && scratch.Intact());
  const Result full = Call(*table_, e);
  EXPECT_EQ(std::memcmp(weights.data(), full.weights.data(), 40), 0);
}

TEST_P(AttentionConformance, RefusesNonFiniteVectors) {
  for (float bad : {kNan, kInfinity, -kInfinity}) {
    for (uint32_t at : {0u, 4u, 8u}) {
      Entries e = MakeEntries(7, 9, 40);
      e.query[at] = bad;
      ExpectRefused(Call(*table_, e));
      e = MakeEntries(7, 9, 41);
      e.keys[e.keys.size() - 1 - at] = bad;
      ExpectRefused(Call(*table_, e));
    }
  }
  Entries empty = MakeEntries(0, 3, 42);
  empty.query[2] = kNan;
  ExpectRefused(Call(*table_, empty));
}

TEST_P(AttentionConformance, RefusesBadContextThatItUses) {
  const auto refused = [&](uint32_t bit, auto spoil) {
    if ((table_->context_used & bit) == 0) return;
    Entries e = MakeEntries(6, 4, 50);
    spoil(e);
    SCOPED_TRACE(testing::Message() << "context bit " << bit);
    ExpectRefused(Call(*table_, e));
  };
  refused(RUVECTOR_CONTEXT_DEPTHS, [](Entries& e) { e.depths[5] = -1; });
  refused(RUVECTOR_CONTEXT_HOPS, [](Entries& e) { e.hops[0] = -1; });
  refused(RUVECTOR_CONTEXT_COSTS, [](Entries& e) { e.costs[3] = kNan; });
  refused(RUVECTOR_CONTEXT_COSTS, [](Entries& e) { e.costs[3] = -1; });
  refused(RUVECTOR_CONTEXT_CRITICALITIES,
          [](Entries& e) { e.criticalities[1] = kNan; });
  refused(RUVECTOR_CONTEXT_CRITICALITIES,
          [](Entries& e) { e.criticalities[1] = 1.5f; });
  refused(RUVECTOR_CONTEXT_ON_CRITICAL_PATH,
          [](Entries& e) { e.critical[2] = 2; });
  refused(RUVECTOR_CONTEXT_IS_PARALLEL, [](Entries& e) { e.parallel[2] = 7; });
  refused(RUVECTOR_CONTEXT_IS_COMMON_ANCESTOR,
          [](Entries& e) { e.common[2] = 255; });
  refused(RUVECTOR_CONTEXT_TIMESTAMPS,
          [](Entries& e) { e.timestamps[4] = kInfinity; });
}

TEST_P(AttentionConformance, NeedsExactlyTheContextItDeclares) {
  const Entries e = MakeEntries(12, 4, 60);
  const ruvector_attention_input full = e.Input();
  ruvector_attention_input input = full;
  const auto keep = [&](uint32_t bit, auto& pointer) {
    if ((table_->context_required & bit) == 0) pointer = nullptr;
  };
  keep(RUVECTOR_CONTEXT_DEPTHS, input.depths);
  keep(RUVECTOR_CONTEXT_HOPS, input.hops);
  keep(RUVECTOR_CONTEXT_COSTS, input.costs);
  keep(RUVECTOR_CONTEXT_CRITICALITIES, input.criticalities);
  keep(RUVECTOR_CONTEXT_ON_CRITICAL_PATH, input.on_critical_path);
  keep(RUVECTOR_CONTEXT_IS_PARALLEL, input.is_parallel);
  keep(RUVECTOR_CONTEXT_IS_COMMON_ANCESTOR, input.is_common_ancestor);
  keep(RUVECTOR_CONTEXT_TIMESTAMPS, input.timestamps_ms);
  input.query_depth = -1;
  input.query_timestamp_ms = kNan;
  ExpectDistribution(Call(*table_, Defaults(*table_), input, 12, 4));

  const auto required = [&](uint32_t bit, auto member) {
    if ((table_->context_required & bit) == 0) return;
    ruvector_attention_input without = full;
    without.*member = nullptr;
    ExpectRefused(Call(*table_, Defaults(*table_), without, 12, 4));
  };
  using In = ruvector_attention_input;
  required(RUVECTOR_CONTEXT_DEPTHS, &In::depths);
  required(RUVECTOR_CONTEXT_HOPS, &In::hops);
  required(RUVECTOR_CONTEXT_COSTS, &In::costs);
  required(RUVECTOR_CONTEXT_CRITICALITIES, &In::criticalities);
  required(RUVECTOR_CONTEXT_ON_CRITICAL_PATH, &In::on_critical_path);
  required(RUVECTOR_CONTEXT_IS_PARALLEL, &In::is_parallel);
  required(RUVECTOR_CONTEXT_IS_COMMON_ANCESTOR, &In::is_common_ancestor);
  required(RUVECTOR_CONTEXT_TIMESTAMPS, &In::timestamps_ms);
}

TEST_P(AttentionConformance, RefusesMisshapenInput) {
  const Entries e = MakeEntries(5, 6, 70);
  const auto refused = [&](auto spoil) {
    ruvector_attention_input input = e.Input();
    spoil(input);
    ExpectRefused(Call(*table_, Defaults(*table_), input, 5, 6));
  };
  using In = ruvector_attention_input;
  refused([](In& in) { in.dim = 0; });
  refused([](In& in) { in.dim = RUVECTOR_ATTENTION_MAX_DIM + 1; });
  refused([](In& in) { in.count = RUVECTOR_ATTENTION_MAX_COUNT + 1; });
  refused([](In& in) { in.dim = in.count = UINT32_MAX; });
  refused([](In& in) { in.query = nullptr; });
  refused([](In& in) { in.keys = nullptr; });
  refused([](In& in) { in.struct_size = 0; });
  refused([](In& in) { in.struct_size = offsetof(In, timestamps_ms); });
}

TEST_P(AttentionConformance, RefusesMisshapenOutput) {
  const Entries e = MakeEntries(5, 6, 71);
  const ruvector_attention_input input = e.Input();
  GuardedBuffer<float> weights(5);
  GuardedBuffer<char> scratch(table_->scratch_size(5, 6));
  const auto forward = [&](ruvector_attention_output* output) {
    return table_->forward(Defaults(*table_).data(), &input, output, nullptr,
                           0);
  };
  ruvector_attention_output output = {sizeof(output), 0, weights.data(),
                                      nullptr, scratch.data()};
  EXPECT_EQ(forward(nullptr), RUVECTOR_INVALID_ARGUMENT);
  output.weights = nullptr;
  EXPECT_EQ(forward(&output), RUVECTOR_INVALID_ARGUMENT);
  output.weights = weights.data();
  output.struct_size = 8;
  EXPECT_EQ(forward(&output), RUVECTOR_INVALID_ARGUMENT);
  if (table_->scratch_size(5, 6) > 0) {
    output.struct_size = sizeof(output);
    output.scratch = nullptr;
    EXPECT_EQ(forward(&output), RUVECTOR_INVALID_ARGUMENT);
  }
  EXPECT_EQ(
      table_->forward(Defaults(*table_).data(), nullptr, &output, nullptr, 0),
      RUVECTOR_INVALID_ARGUMENT);
}

// A host of a later minor version: its structs are longer.
TEST_P(AttentionConformance, AcceptsLongerStructs) {
  struct Longer {
    ruvector_attention_input input;
    void* appended[4];
  } longer{};
  const Entries e = MakeEntries(5, 6, 80);
  longer.input = e.Input();
  longer.input.struct_size = sizeof(longer);
  ExpectDistribution(Call(*table_, Defaults(*table_), longer.input, 5, 6));
}

TEST_P(AttentionConformance, RefusesParametersOutOfRange) {
  const Entries e = MakeEntries(5, 6, 90);
  for (uint32_t i = 0; i < table_->parameter_count; ++i) {
    const ruvector_parameter& p = table_->parameters[i];
    SCOPED_TRACE(p.name);
    const auto refused = [&](ruvector_value value) {
      auto parameters = Defaults(*table_);
      parameters[i] = value;
      ExpectRefused(Call(*table_, parameters, e.Input(), 5, 6));
    };
    if (p.fallback.type != RUVECTOR_NUMBER) continue;
    refused({RUVECTOR_NUMBER, 0, kNan, nullptr});
    refused({RUVECTOR_NUMBER, 0, kInfinity, nullptr});
    refused(
        {RUVECTOR_NUMBER, 0, std::nextafter(p.minimum, -kInfinity), nullptr});
    refused(
        {RUVECTOR_NUMBER, 0, std::nextafter(p.maximum, kInfinity), nullptr});
    refused({RUVECTOR_NULL, 0, 0, nullptr});
    refused({RUVECTOR_TEXT, 0, 0, "1"});
  }
}

TEST_P(AttentionConformance, ExtremeParametersStillGiveADistribution) {
  const Entries e = MakeEntries(64, 6, 91);
  for (uint32_t i = 0; i < table_->parameter_count; ++i) {
    const ruvector_parameter& p = table_->parameters[i];
    if (p.fallback.type != RUVECTOR_NUMBER) continue;
    for (double value : {p.minimum, p.maximum, (p.minimum + p.maximum) / 2}) {
      SCOPED_TRACE(testing::Message() << p.name << " = " << value);
      auto parameters = Defaults(*table_);
      parameters[i].number = value;
      ExpectDistribution(Call(*table_, parameters, e.Input(), 64, 6));
    }
  }
}

TEST_P(AttentionConformance, ExtremeVectorsStillGiveADistribution) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  for (float value : {kMax, -kMax, kTiny, 0.0f, -0.0f}) {
    Entries e = MakeEntries(9, 12, 100);
    std::fill(e.query.begin(), e.query.end(), value);
    std::fill(e.keys.begin(), e.keys.end(), value);
    for (uint32_t j = 0; j < e.dim; ++j) e.keys[j] = -value;
    SCOPED_TRACE(value);
    ExpectDistribution(Call(*table_, e));
  }
}

TEST_P(AttentionConformance, ExtremeContextStillGivesADistribution) {
  Entries e = MakeEntries(9, 4, 101);
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  e.depths.assign(9, kMax);
  e.hops.assign(9, kMax);  // outside every cone: uniform, not NaN
  e.costs.assign(9, std::numeric_limits<double>::max());
  e.timestamps.assign(9, -std::numeric_limits<double>::max());
  e.criticalities.assign(9, 0);  // every gate closed
  ExpectDistribution(Call(*table_, e));
  e.timestamps[0] = std::numeric_limits<double>::max();
  e.depths[0] = e.hops[0] = 0;
  ExpectDistribution(Call(*table_, e));
}

TEST_P(AttentionConformance, ManyEntries) {
  ExpectDistribution(Call(*table_, MakeEntries(100000, 4, 110)));
  ExpectDistribution(
      Call(*table_, MakeEntries(2, RUVECTOR_ATTENTION_MAX_DIM, 111)));
}

TEST_P(AttentionConformance, InputsAreNotWrittenTo) {
  const Entries e = MakeEntries(30, 7, 120);
  const Entries copy = e;
  ASSERT_EQ(Call(*table_, e).code, RUVECTOR_OK);
  EXPECT_TRUE(SameBits(e.query, copy.query));
  EXPECT_TRUE(SameBits(e.keys, copy.keys));
  EXPECT_TRUE(SameBits(e.criticalities, copy.criticalities));
  EXPECT_EQ(e.depths, copy.depths);
  EXPECT_EQ(e.hops, copy.hops);
  EXPECT_EQ(e.costs, copy.costs);
  EXPECT_EQ(e.timestamps, copy.timestamps);
  EXPECT_EQ(e.critical, copy.critical);
  EXPECT_EQ(e.parallel, copy.parallel);
  EXPECT_EQ(e.common, copy.common);
}

TEST_P(AttentionConformance, ErrorsFitTheirBuffer) {
  Entries e = MakeEntries(3, 3, 130);
  e.query[0] = kNan;
  const ruvector_attention_input input = e.Input();
  GuardedBuffer<float> weights(3);
  GuardedBuffer<char> scratch(table_->scratch_size(3, 3));
  ruvector_attention_output output = {sizeof(output), 0, weights.data(),
                                      nullptr, scratch.data()};
  for (size_t size : {0, 1, 2, 8, 4096}) {
    GuardedBuffer<char> error(size, 'x');
    EXPECT_EQ(table_->forward(Defaults(*table_).data(), &input, &output,
                              error.data(), size),
              RUVECTOR_INVALID_ARGUMENT);
    EXPECT_TRUE(error.Intact());
    if (size > 0) {
      EXPECT_LT(strnlen(error.data(), size), size);
    }
  }
}

TEST_P(AttentionConformance, AllocatesNothing) {
  const Entries e = MakeEntries(500, 16, 140);
  const ruvector_attention_input input = e.Input();
  const auto parameters = Defaults(*table_);
  GuardedBuffer<float> weights(500), aggregated(16);
  GuardedBuffer<char> scratch(table_->scratch_size(500, 16));
  ruvector_attention_output output = {sizeof(output), 0, weights.data(),
                                      aggregated.data(), scratch.data()};
  allocations = 0;
  counting = true;
  const int32_t code =
      table_->forward(parameters.data(), &input, &output, nullptr, 0);
  counting = false;
  EXPECT_EQ(code, RUVECTOR_OK);
  EXPECT_EQ(allocations, 0);
}

}  // namespace ruvector::plugin_testing
