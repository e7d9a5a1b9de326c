// Write an attention mechanism in C++: a struct with constants and one
// function. plugins/example/nearest_depth.cc is a complete one.
//
//   struct Mine : ruvector::sdk::AttentionMechanism {
//     static constexpr char kName[] = "mine";          // file: mine.so
//     static constexpr char kVersion[] = "1.0.0";
//     static constexpr char kDescription[] = "One sentence.";
//     static constexpr char kLicense[] = "Apache-2.0";
//     static Status Score(const AttentionCall& call, double* scores);
//   };
//   RUVECTOR_ATTENTION_PLUGIN(Mine)
//
// This header does the rest in one order, the same for every mechanism:
// validate the call, Score, stable softmax, Reweigh, Aggregate. So no
// mechanism can return NaN, an unnormalised weight or a half-checked input.
//
// Header-only, C++17, no allocation in the path of a call that succeeds.
#ifndef RUVECTOR_CORE_PLUGIN_ATTENTION_PLUGIN_H_
#define RUVECTOR_CORE_PLUGIN_ATTENTION_PLUGIN_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>

#include "core/plugin/plugin_abi.h"
#include "core/plugin/plugin_status.h"

namespace ruvector::sdk {

// A score that excludes an entry. An entry so masked has weight 0, unless all
// are masked: then the weights are uniform.
inline constexpr double kMasked = -std::numeric_limits<double>::infinity();

namespace internal {

// Two numbers at a time, spelled out: at -O2 g++ vectorises no loop whose
// length it does not know. Any target lowers these to what it has.
using Float2 [[gnu::vector_size(8)]] = float;
using Double2 [[gnu::vector_size(16)]] = double;

inline Double2 Widen(const float* p) {
  Float2 narrow;
  std::memcpy(&narrow, p, sizeof(narrow));
  return __builtin_convertvector(narrow, Double2);
}

}  // namespace internal

// Dot product in double precision, in eight lanes: a fixed order of additions,
// so the same bits on every call.
inline double Dot(const float* a, const float* b, uint32_t n) {
  using internal::Double2, internal::Widen;
  Double2 s0 = {}, s1 = {}, s2 = {}, s3 = {};
  uint32_t j = 0;
  for (; j + 8 <= n; j += 8) {
    s0 += Widen(a + j) * Widen(b + j);
    s1 += Widen(a + j + 2) * Widen(b + j + 2);
    s2 += Widen(a + j + 4) * Widen(b + j + 4);
    s3 += Widen(a + j + 6) * Widen(b + j + 6);
  }
  const Double2 pair = (s0 + s2) + (s1 + s3);
  double sum = pair[0] + pair[1];
  for (; j < n; ++j) sum += static_cast<double>(a[j]) * b[j];
  return sum;
}

// a.b and b.b in one pass over b: the same sums as Dot in another order.
struct DotAndSquare {
  double dot, square;
};
inline DotAndSquare DotWithSquare(const float* a, const float* b, uint32_t n) {
  using internal::Double2, internal::Widen;
  Double2 d0 = {}, d1 = {}, q0 = {}, q1 = {};
  uint32_t j = 0;
  for (; j + 4 <= n; j += 4) {
    const Double2 b0 = Widen(b + j), b1 = Widen(b + j + 2);
    d0 += Widen(a + j) * b0;
    d1 += Widen(a + j + 2) * b1;
    q0 += b0 * b0;
    q1 += b1 * b1;
  }
  const Double2 d = d0 + d1, q = q0 + q1;
  DotAndSquare sums = {d[0] + d[1], q[0] + q[1]};
  for (; j < n; ++j) {
    sums.dot += static_cast<double>(a[j]) * b[j];
    sums.square += static_cast<double>(b[j]) * b[j];
  }
  return sums;
}

// sums[0..n) += factor * v[0..n), in double precision.
inline void AddScaled(double factor, const float* v, uint32_t n, double* sums) {
  using internal::Double2, internal::Widen;
  uint32_t j = 0;
  for (; j + 2 <= n; j += 2) {
    Double2 sum;
    std::memcpy(&sum, sums + j, sizeof(sum));
    sum += factor * Widen(v + j);
    std::memcpy(sums + j, &sum, sizeof(sum));
  }
  if (j < n) sums[j] += factor * v[j];
}

// Whether all of v[0..n) are finite: none has every bit of its exponent set.
inline bool AllFinite(const float* v, size_t n) {
  using Bits [[gnu::vector_size(16)]] = uint32_t;
  const Bits exponent = {0x7f800000, 0x7f800000, 0x7f800000, 0x7f800000};
  Bits bad = {};
  size_t j = 0;
  for (; j + 4 <= n; j += 4) {
    Bits bits;
    std::memcpy(&bits, v + j, sizeof(bits));
    bad |= reinterpret_cast<Bits>((bits & exponent) == exponent);
  }
  bool finite = (bad[0] | bad[1] | bad[2] | bad[3]) == 0;
  for (; j < n; ++j) finite &= std::isfinite(v[j]);
  return finite;
}

// One validated call, read-only. Context accessors return NULL for what the
// caller does not have, except for what kContextRequired names.
class AttentionCall {
 public:
  AttentionCall(const ruvector_value* parameters,
                const ruvector_attention_input& input,
                double* scratch = nullptr)
      : parameters_(parameters), in_(input), scratch_(scratch) {}

  uint32_t count() const { return in_.count; }
  uint32_t dim() const { return in_.dim; }
  const float* query() const { return in_.query; }
  const float* key(uint32_t i) const {
    return in_.keys + static_cast<size_t>(i) * in_.dim;
  }
  // By position in kParameters.
  double parameter(size_t index) const { return parameters_[index].number; }

  int32_t query_depth() const { return in_.query_depth; }  // -1 unknown
  double query_timestamp_ms() const { return in_.query_timestamp_ms; }  // NaN
  const int32_t* depths() const { return in_.depths; }
  const int32_t* hops() const { return in_.hops; }
  const double* costs() const { return in_.costs; }
  const float* criticalities() const { return in_.criticalities; }
  const uint8_t* on_critical_path() const { return in_.on_critical_path; }
  const uint8_t* is_parallel() const { return in_.is_parallel; }
  const uint8_t* is_common_ancestor() const { return in_.is_common_ancestor; }
  const double* timestamps_ms() const { return in_.timestamps_ms; }

  // kScratchPerEntry * count() doubles, undefined at first, that stay what
  // Score made them until the call ends.
  double* scratch() const { return scratch_; }

  // query . key(i) / sqrt(dim): the score that all mechanisms start from.
  double ScaledDot(uint32_t i) const {
    return Dot(in_.query, key(i), in_.dim) /
           std::sqrt(static_cast<double>(in_.dim));
  }

 private:
  const ruvector_value* parameters_;
  const ruvector_attention_input& in_;
  double* scratch_;
};

// What a mechanism may leave as it is.
struct AttentionMechanism {
  static constexpr uint32_t kContextRequired = 0;  // ruvector_context bits
  static constexpr uint32_t kContextUsed = 0;      // beyond the required ones
  static constexpr uint32_t kScratchPerEntry = 0;  // doubles; call.scratch()
  static constexpr std::array<const char*, 0> kHandles{};
  static constexpr std::array<ruvector_parameter, 0> kParameters{};

  // Multiplies weights (count of them, sum 1) by gates >= 0; they are
  // renormalised afterwards, and uniform if less than 1e-8 is left.
  static Status Reweigh(const AttentionCall&, double* /*weights*/) {
    return Status();
  }

  // out[dim] from the final weights; `sums` are dim doubles of scratch.
  static Status Aggregate(const AttentionCall& call, const double* weights,
                          double* sums, float* out) {
    std::fill_n(sums, call.dim(), 0.0);
    for (uint32_t i = 0; i < call.count(); ++i) {
      AddScaled(weights[i], call.key(i), call.dim(), sums);
    }
    std::copy_n(sums, call.dim(), out);
    return Status();
  }
};

namespace internal {

template <class T>
Status CheckRange(const char* name, const T* values, size_t n, double low,
                  double high) {
  for (size_t i = 0; i < n; ++i) {
    const double v = static_cast<double>(values[i]);
    if (!(v >= low && v <= high)) {  // also NaN
      return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                           "%s[%zu] is %g, expected %g to %g", name, i, v, low,
                           high);
    }
  }
  return Status();
}

inline Status CheckVectors(const char* name, const float* values, size_t n) {
  if (AllFinite(values, n)) return Status();
  constexpr double kMax = std::numeric_limits<float>::max();
  return CheckRange(name, values, n, -kMax, kMax);
}

// One context array: there if required, in range if read.
template <class T>
Status CheckContext(const char* name, const T* values, uint32_t count,
                    uint32_t bit, uint32_t required, uint32_t used, double low,
                    double high) {
  if (values == nullptr) {
    if ((required & bit) == 0) return Status();
    return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                         "required array '%s' is missing", name);
  }
  if ((used & bit) == 0) return Status();
  return CheckRange(name, values, count, low, high);
}

inline Status CheckShape(const ruvector_attention_input* in,
                         const ruvector_attention_output* out) {
  if (in == nullptr || out == nullptr) {
    return Status::Error(RUVECTOR_INVALID_ARGUMENT, "no input or no output");
  }
  if (!RUVECTOR_HAS(in, ruvector_attention_input, timestamps_ms) ||
      !RUVECTOR_HAS(out, ruvector_attention_output, scratch)) {
    return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                         "struct_size is %u and %u, expected at least %zu and "
                         "%zu",
                         in->struct_size, out->struct_size, sizeof(*in),
                         sizeof(*out));
  }
  if (in->dim == 0 || in->dim > RUVECTOR_ATTENTION_MAX_DIM) {
    return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                         "dim is %u, expected 1 to %u", in->dim,
                         RUVECTOR_ATTENTION_MAX_DIM);
  }
  if (in->count > RUVECTOR_ATTENTION_MAX_COUNT) {
    return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                         "count is %u, expected at most %u", in->count,
                         RUVECTOR_ATTENTION_MAX_COUNT);
  }
  if (in->query == nullptr ||
      (in->count > 0 && (in->keys == nullptr || out->weights == nullptr ||
                         out->scratch == nullptr))) {
    return Status::Error(RUVECTOR_INVALID_ARGUMENT,
                         "query, keys, weights or scratch is missing");
  }
  return Status();
}

inline Status CheckValues(const ruvector_attention_input& in, uint32_t required,
                          uint32_t used) {
  constexpr double kDouble = std::numeric_limits<double>::max();
  constexpr double kInt = std::numeric_limits<int32_t>::max();
  Status s = CheckVectors("query", in.query, in.dim);
  if (s.ok()) s = CheckVectors("keys", in.keys, size_t{in.count} * in.dim);
  const auto context = [&](const char* name, const auto* values, uint32_t bit,
                           double low, double high) {
    if (!s.ok()) return;
    s = CheckContext(name, values, in.count, bit, required, used, low, high);
  };
  context("depths", in.depths, RUVECTOR_CONTEXT_DEPTHS, 0, kInt);
  context("hops", in.hops, RUVECTOR_CONTEXT_HOPS, 0, kInt);
  context("costs", in.costs, RUVECTOR_CONTEXT_COSTS, 0, kDouble);
  context("criticalities", in.criticalities, RUVECTOR_CONTEXT_CRITICALITIES, 0,
          1);
  context("on_critical_path", in.on_critical_path,
          RUVECTOR_CONTEXT_ON_CRITICAL_PATH, 0, 1);
  context("is_parallel", in.is_parallel, RUVECTOR_CONTEXT_IS_PARALLEL, 0, 1);
  context("is_common_ancestor", in.is_common_ancestor,
          RUVECTOR_CONTEXT_IS_COMMON_ANCESTOR, 0, 1);
  context("timestamps_ms", in.timestamps_ms, RUVECTOR_CONTEXT_TIMESTAMPS,
          -kDouble, kDouble);
  return s;
}

// Scores become weights, in place.
inline Status Softmax(double* scores, uint32_t count) {
  double highest = kMasked;
  for (uint32_t i = 0; i < count; ++i) {
    if (std::isnan(scores[i]) || scores[i] == -kMasked) {
      return Status::Error(RUVECTOR_INTERNAL, "score %u is %g", i, scores[i]);
    }
    highest = std::max(highest, scores[i]);
  }
  if (highest == kMasked) {
    std::fill_n(scores, count, 1.0 / count);
    return Status();
  }
  double sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    scores[i] = std::exp(scores[i] - highest);
    sum += scores[i];
  }
  for (uint32_t i = 0; i < count; ++i) scores[i] /= sum;
  return Status();
}

inline Status Renormalise(double* weights, uint32_t count) {
  double sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (!(weights[i] >= 0 && weights[i] <= std::numeric_limits<float>::max())) {
      return Status::Error(RUVECTOR_INTERNAL, "weight %u is %g", i, weights[i]);
    }
    sum += weights[i];
  }
  for (uint32_t i = 0; i < count; ++i) {
    weights[i] = sum < 1e-8 ? 1.0 / count : weights[i] / sum;
  }
  return Status();
}

}  // namespace internal

// The ABI's functions and tables for one mechanism, all constant-initialised.
template <class M>
struct AttentionPlugin {
  static constexpr uint32_t kUsed = M::kContextRequired | M::kContextUsed;

  // Scores or weights, then the sums of Aggregate, then the mechanism's own.
  static uint64_t ScratchSize(uint32_t count, uint32_t dim) {
    return (uint64_t{count} * (1 + M::kScratchPerEntry) + dim) * sizeof(double);
  }

  static int32_t Forward(const ruvector_value* parameters,
                         const ruvector_attention_input* in,
                         ruvector_attention_output* out, char* error,
                         size_t error_size) {
    return Guard(error, error_size, [&]() -> Status {
      Status s = internal::CheckShape(in, out);
      if (!s.ok()) return s;
      s = CheckParameters(std::data(M::kParameters), std::size(M::kParameters),
                          parameters);
      if (!s.ok()) return s;
      if (in->count == 0) {
        if (out->aggregated != nullptr) {
          std::fill_n(out->aggregated, in->dim, 0.0f);
        }
        return internal::CheckVectors("query", in->query, in->dim);
      }
      s = internal::CheckValues(*in, M::kContextRequired, kUsed);
      if (!s.ok()) return s;
      double* own = static_cast<double*>(out->scratch) + in->count + in->dim;
      return Run(AttentionCall(parameters, *in, own), *out);
    });
  }

  static Status Run(const AttentionCall& call,
                    const ruvector_attention_output& out) {
    double* weights = static_cast<double*>(out.scratch);
    Status s = M::Score(call, weights);
    if (s.ok()) s = internal::Softmax(weights, call.count());
    if (s.ok()) s = M::Reweigh(call, weights);
    if (s.ok()) s = internal::Renormalise(weights, call.count());
    if (!s.ok()) return s;
    std::copy_n(weights, call.count(), out.weights);
    if (out.aggregated == nullptr) return s;
    return M::Aggregate(call, weights, weights + call.count(), out.aggregated);
  }

  static constexpr ruvector_attention_table kTable = {
      sizeof(ruvector_attention_table),
      M::kContextRequired,
      kUsed,
      std::size(M::kParameters),
      std::data(M::kParameters),
      &ScratchSize,
      &Forward};

  static constexpr ruvector_plugin_descriptor kDescriptor = {
      sizeof(ruvector_plugin_descriptor),
      RUVECTOR_PLUGIN_ABI_MAJOR,
      RUVECTOR_PLUGIN_ABI_MINOR,
      RUVECTOR_PLUGIN_ATTENTION,
      M::kName,
      M::kVersion,
      M::kDescription,
      M::kLicense,
      std::data(M::kHandles),
      std::size(M::kHandles),
      0,
      nullptr,
      &kTable};
};

}  // namespace ruvector::sdk

// Defines the entry symbol. Once per shared object, outside any namespace.
#define RUVECTOR_ATTENTION_PLUGIN(Mechanism)                          \
  extern "C" RUVECTOR_PLUGIN_EXPORT const ruvector_plugin_descriptor* \
  RUVECTOR_PLUGIN_ENTRY(void) {                                       \
    return &::ruvector::sdk::AttentionPlugin<Mechanism>::kDescriptor; \
  }

#endif  // RUVECTOR_CORE_PLUGIN_ATTENTION_PLUGIN_H_
