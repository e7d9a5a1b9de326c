#include "core/plugin/attention_plugin.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::sdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Named : AttentionMechanism {
  static constexpr char kName[] = "named";
  static constexpr char kVersion[] = "1";
  static constexpr char kDescription[] = "A test.";
  static constexpr char kLicense[] = "MIT";
  // The first number of each key is its score, but -1 masks and -2 is NaN.
  static Status Score(const AttentionCall& call, double* scores) {
    for (uint32_t i = 0; i < call.count(); ++i) {
      scores[i] = call.key(i)[0];
      if (scores[i] == -1) scores[i] = kMasked;
      if (scores[i] == -2) scores[i] = std::nan("");
      if (scores[i] == -3) scores[i] = -kMasked;
      if (scores[i] == -4) throw std::runtime_error("boom");
      if (scores[i] == -5) throw 5;
    }
    return Status();
  }
};

struct Result {
  int32_t code;
  std::string error;
  std::vector<float> weights, aggregated;
};

template <class Mechanism>
Result Call(std::vector<float> keys) {
  const uint32_t count = static_cast<uint32_t>(keys.size());
  const float query[] = {1};
  ruvector_attention_input in = {};
  in.struct_size = sizeof(in);
  in.dim = 1;
  in.count = count;
  in.query = query;
  in.keys = keys.data();
  Result r;
  r.weights.resize(count);
  r.aggregated.resize(1);
  std::vector<double> scratch(
      AttentionPlugin<Mechanism>::ScratchSize(count, 1) / sizeof(double));
  ruvector_attention_output out = {sizeof(out), 0, r.weights.data(),
                                   r.aggregated.data(), scratch.data()};
  char error[256] = {};
  r.code = AttentionPlugin<Mechanism>::Forward(nullptr, &in, &out, error,
                                               sizeof(error));
  r.error = error;
  return r;
}

TEST(AttentionPluginTest, MaskedEntriesHaveNoWeight) {
  const Result r = Call<Named>({0, -1, 0});
  EXPECT_EQ(r.code, RUVECTOR_OK) << r.error;
  EXPECT_THAT(r.weights, ElementsAre(0.5f, 0, 0.5f));
}

TEST(AttentionPluginTest, EverythingMaskedIsUniform) {
  EXPECT_THAT(Call<Named>({-1, -1, -1, -1}).weights,
              ElementsAre(0.25f, 0.25f, 0.25f, 0.25f));
}

TEST(AttentionPluginTest, ScoresThatAreNoneAreTheMechanismsFault) {
  EXPECT_EQ(Call<Named>({0, -2}).code, RUVECTOR_INTERNAL);
  EXPECT_THAT(Call<Named>({0, -2}).error, HasSubstr("score 1 is nan"));
  EXPECT_THAT(Call<Named>({-3, 0}).error, HasSubstr("score 0 is inf"));
}

TEST(AttentionPluginTest, ExceptionsStopAtTheTable) {
  EXPECT_EQ(Call<Named>({-4}).code, RUVECTOR_INTERNAL);
  EXPECT_EQ(Call<Named>({-4}).error, "exception: boom");
  EXPECT_EQ(Call<Named>({-5}).error, "exception of an unknown type");
}

// mincut_gated's form: weights times gates, renormalised (B2.4, post-softmax).
struct Gated : Named {
  static Status Reweigh(const AttentionCall& call, double* weights) {
    for (uint32_t i = 0; i < call.count(); ++i) {
      weights[i] *= call.key(i)[0] == 7 ? 0 : 1;
      if (call.key(i)[0] == 8) weights[i] = -1;
    }
    return Status();
  }
  static Status Score(const AttentionCall& call, double* scores) {
    std::fill_n(scores, call.count(), 0.0);
    return Status();
  }
};

TEST(AttentionPluginTest, GatesAreRenormalisedAndUniformWhenAllAreClosed) {
  EXPECT_THAT(Call<Gated>({1, 7, 2, 7}).weights, ElementsAre(0.5f, 0, 0.5f, 0));
  EXPECT_THAT(Call<Gated>({7, 7}).weights, ElementsAre(0.5f, 0.5f));
  EXPECT_THAT(Call<Gated>({8, 1}).error, HasSubstr("weight 0 is -1"));
}

struct OwnMean : Gated {
  static Status Aggregate(const AttentionCall&, const double*, double*,
                          float* out) {
    out[0] = 42;
    return Status();
  }
};

TEST(AttentionPluginTest, AnotherMeanMayBeChosen) {
  EXPECT_THAT(Call<OwnMean>({1, 2}).aggregated, ElementsAre(42));
  EXPECT_THAT(Call<Gated>({1, 2}).aggregated, ElementsAre(1.5f));
}

// Its aggregate is what its score left for it.
struct Remembering : Named {
  static constexpr uint32_t kScratchPerEntry = 2;
  static Status Score(const AttentionCall& call, double* scores) {
    for (uint32_t i = 0; i < call.count(); ++i) {
      call.scratch()[2 * i] = 10 * call.key(i)[0];
      call.scratch()[2 * i + 1] = 1;
      scores[i] = 0;
    }
    return Status();
  }
  static Status Aggregate(const AttentionCall& call, const double*, double*,
                          float* out) {
    *out = 0;
    for (uint32_t i = 0; i < 2 * call.count(); ++i) {
      *out += static_cast<float>(call.scratch()[i]);
    }
    return Status();
  }
};

TEST(AttentionPluginTest, ScratchLastsFromScoreToAggregate) {
  EXPECT_EQ((AttentionPlugin<Remembering>::ScratchSize(3, 5)),
            (3 * (1 + 2) + 5) * sizeof(double));
  EXPECT_THAT(Call<Remembering>({1, 2, 3}).aggregated, ElementsAre(63));
}

TEST(AttentionPluginTest, DotAndSumsMatchLongDoubleAtEveryLength) {
  Rng rng(3);
  for (uint32_t n = 0; n < 40; ++n) {
    std::vector<float> a(n), b(n);
    std::vector<double> sums(n, 0.5);
    long double dot = 0;
    for (uint32_t j = 0; j < n; ++j) {
      a[j] = static_cast<float>(rng.Uniform() - 0.5);
      b[j] = static_cast<float>(rng.Uniform() - 0.5);
      dot += static_cast<long double>(a[j]) * b[j];
    }
    EXPECT_NEAR(Dot(a.data(), b.data(), n), static_cast<double>(dot), 1e-15);
    const DotAndSquare both = DotWithSquare(a.data(), b.data(), n);
    EXPECT_NEAR(both.dot, static_cast<double>(dot), 1e-15);
    EXPECT_NEAR(both.square, Dot(b.data(), b.data(), n), 1e-14);
    AddScaled(0.3, a.data(), n, sums.data());
    for (uint32_t j = 0; j < n; ++j) EXPECT_EQ(sums[j], 0.5 + 0.3 * a[j]);
  }
}

TEST(AttentionPluginTest, AllFiniteSeesEveryPosition) {
  for (size_t n = 0; n < 20; ++n) {
    std::vector<float> v(n, std::numeric_limits<float>::max());
    EXPECT_TRUE(AllFinite(v.data(), n));
    for (size_t j = 0; j < n; ++j) {
      for (float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
        std::vector<float> spoiled = v;
        spoiled[j] = bad;
        EXPECT_FALSE(AllFinite(spoiled.data(), n)) << n << " " << j;
      }
    }
  }
}

TEST(PluginStatusTest, MessagesAreCutAndTerminated) {
  const std::string long_text(1000, 'x');
  const Status status =
      Status::Error(RUVECTOR_ABORTED, "%s", long_text.c_str());
  EXPECT_EQ(strlen(status.message()), 255u);
  char small[4] = {'#', '#', '#', '#'};
  EXPECT_EQ(status.Deliver(small, sizeof(small)), RUVECTOR_ABORTED);
  EXPECT_STREQ(small, "xxx");
  EXPECT_EQ(status.Deliver(nullptr, 0), RUVECTOR_ABORTED);
}

}  // namespace
}  // namespace ruvector::sdk
