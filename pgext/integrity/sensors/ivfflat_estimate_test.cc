// The estimator against simulated indexes of which everything is known: built,
// appended to and sampled as ivfflat_walk.cc does it.
#include "pgext/integrity/sensors/ivfflat_estimate.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "gtest/gtest.h"

namespace ruvector::sensors::ivfflat {
namespace {

constexpr int64_t kCapacity = 15;
constexpr int64_t kFirstBlock = 10;

struct TrueList {
  int64_t built = 0;
  int64_t rows = 0;
  int64_t run_start = 0;
  int64_t run_pages = 1;
  std::vector<int64_t> chain;  // appended blocks
};

// An index of pages, filled the way pgvector fills it.
struct TrueIndex {
  std::vector<TrueList> lists;
  int64_t build_end = 0;
  int64_t blocks = 0;

  explicit TrueIndex(const std::vector<int64_t>& built) {
    blocks = kFirstBlock;
    for (const int64_t rows : built) {
      TrueList list;
      list.built = list.rows = rows;
      list.run_start = blocks;
      list.run_pages = std::max<int64_t>(1, (rows + kCapacity - 1) / kCapacity);
      blocks += list.run_pages;
      lists.push_back(list);
    }
    build_end = blocks;
  }

  void Insert(size_t at) {
    TrueList& list = lists[at];
    const int64_t pages =
        list.run_pages + static_cast<int64_t>(list.chain.size());
    if (list.rows == pages * kCapacity) list.chain.push_back(blocks++);
    ++list.rows;
  }

  // The first `chain_pages` of each chain and `body_pages` of each body.
  std::vector<ListSample> Sample(int64_t chain_pages,
                                 int64_t body_pages) const {
    std::vector<ListSample> samples;
    for (size_t i = 0; i < lists.size(); ++i) {
      samples.push_back(SampleOf(lists[i], chain_pages, body_pages));
      samples.back().id = static_cast<int64_t>(i);
    }
    return samples;
  }

  IndexShape Shape() const {
    return {blocks, build_end, kCapacity, /*complete=*/true};
  }

 private:
  static ListSample SampleOf(const TrueList& list, int64_t chain_pages,
                             int64_t body_pages) {
    ListSample sample;
    sample.visited = true;
    sample.body_pages = list.run_pages - 1;
    const int64_t in_run = std::min(list.rows, list.run_pages * kCapacity);
    sample.body.pages_read = std::min(body_pages, sample.body_pages);
    sample.body.rows_read = sample.body.pages_read * kCapacity;
    sample.tail.pages_read = 1;
    sample.tail.rows_read = in_run - sample.body_pages * kCapacity;
    const auto length = static_cast<int64_t>(list.chain.size());
    const int64_t walked = std::min(chain_pages, length);
    sample.chain_finished = walked == length;
    sample.insert_block =
        length > 0 ? list.chain.back() : list.run_start + list.run_pages - 1;
    if (walked > 0) {
      sample.first_appended = list.chain.front();
      sample.last_appended = list.chain[walked - 1];
      sample.appended.pages_read = walked;
      sample.appended.rows_read =
          walked == length ? list.rows - in_run : walked * kCapacity;
    }
    return sample;
  }
};

std::vector<int64_t> RandomBuild(std::mt19937_64& random, int lists) {
  std::vector<int64_t> built(lists);
  for (int64_t& rows : built) {
    rows = std::uniform_int_distribution<int64_t>(0, 600)(random);
  }
  return built;
}

TEST(EstimateLists, IsExactWhereEverythingWasRead) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; ++round) {
    TrueIndex index(RandomBuild(random, 12));
    for (int i = 0; i < 3000; ++i) index.Insert(random() % 12);
    const auto estimates =
        EstimateLists(index.Shape(), index.Sample(1000000, 1000000));
    ASSERT_EQ(estimates.size(), index.lists.size());
    for (size_t i = 0; i < estimates.size(); ++i) {
      EXPECT_EQ(*estimates[i].rows, index.lists[i].rows);
      EXPECT_FALSE(estimates[i].estimated);
    }
  }
}

TEST(EstimateLists, OneUnfinishedChainIsExactToAPage) {
  // The hot list alone outgrows the budget: the blocks that nobody else owns
  // are its own.
  std::mt19937_64 random(2);
  for (int round = 0; round < 50; ++round) {
    TrueIndex index(RandomBuild(random, 10));
    for (int i = 0; i < 4000; ++i) {
      index.Insert(random() % 20 < 19 ? 3 : random() % 10);
    }
    const auto estimates =
        EstimateLists(index.Shape(), index.Sample(/*chain_pages=*/20, 5));
    EXPECT_TRUE(estimates[3].estimated);
    EXPECT_NEAR(*estimates[3].rows, static_cast<double>(index.lists[3].rows),
                kCapacity);
  }
}

TEST(EstimateLists, SeveralUnfinishedChainsKeepTheirSum) {
  std::mt19937_64 random(3);
  double worst = 0;
  for (int round = 0; round < 50; ++round) {
    TrueIndex index(RandomBuild(random, 10));
    // Steady, unequal streams.
    for (int i = 0; i < 20000; ++i) {
      index.Insert(std::min<size_t>(
          9, std::geometric_distribution<size_t>(0.3)(random)));
    }
    const auto estimates = EstimateLists(index.Shape(), index.Sample(8, 5));
    double sum = 0;
    double truth = 0;
    for (size_t i = 0; i < estimates.size(); ++i) {
      const auto rows = static_cast<double>(index.lists[i].rows);
      sum += *estimates[i].rows;
      truth += rows;
      worst = std::max(worst, std::abs(*estimates[i].rows / rows - 1));
    }
    EXPECT_NEAR(sum, truth, 10.0 * kCapacity);
  }
  EXPECT_LT(worst, 0.5);
}

TEST(EstimateLists, RowsAtBuildAreRightWithinHalfAPage) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 50; ++round) {
    TrueIndex index(RandomBuild(random, 10));
    for (int i = 0; i < 5000; ++i) index.Insert(random() % 10);
    const auto estimates = EstimateLists(index.Shape(), index.Sample(2, 1));
    for (size_t i = 0; i < estimates.size(); ++i) {
      const TrueList& list = index.lists[i];
      ASSERT_EQ(estimates[i].rows_at_build.has_value(), list.run_pages >= 4);
      if (list.run_pages < 4) continue;
      EXPECT_LE(std::abs(*estimates[i].rows_at_build - list.built),
                kCapacity / 2.0);
    }
  }
}

TEST(EstimateLists, PristineIsWhatTheBuildLeft) {
  TrueIndex index({0, 7, 15, 16, 400});
  for (const auto& estimate :
       EstimateLists(index.Shape(), index.Sample(9, 99))) {
    EXPECT_TRUE(estimate.pristine);
  }
  // One page appended to list 2: lists of a single page are now in doubt.
  index.Insert(2);
  const auto grown = EstimateLists(index.Shape(), index.Sample(9, 99));
  EXPECT_FALSE(grown[0].pristine);
  EXPECT_FALSE(grown[1].pristine);
  EXPECT_FALSE(grown[2].pristine);
  EXPECT_TRUE(grown[3].pristine);
  EXPECT_TRUE(grown[4].pristine);
  // A vacuumed body, and a body that was only sampled.
  auto samples = index.Sample(9, 99);
  samples[4].body.rows_read -= 1;
  samples[3].body.pages_read = samples[3].body.rows_read = 0;
  const auto doubtful = EstimateLists(index.Shape(), samples);
  EXPECT_FALSE(doubtful[3].pristine);
  EXPECT_FALSE(doubtful[4].pristine);
}

TEST(EstimateLists, TheMeanWeighsStrataByTheirRows) {
  TrueIndex index({150});  // ten full pages
  for (int i = 0; i < 450; ++i) index.Insert(0);
  auto samples = index.Sample(1000, 1);
  samples[0].body.measured = 10;
  samples[0].body.distance_sum = 10 * 1.0;  // nine pages
  samples[0].tail.measured = 15;
  samples[0].tail.distance_sum = 15 * 1.0;
  samples[0].appended.measured = 2;
  samples[0].appended.distance_sum = 2 * 5.0;  // thirty pages
  const auto estimate = EstimateLists(index.Shape(), samples)[0];
  EXPECT_NEAR(*estimate.mean_distance, (150 * 1.0 + 450 * 5.0) / 600, 1e-12);
  EXPECT_EQ(estimate.measured, 27);
}

TEST(EstimateLists, WhatCannotBeKnownIsUnknown) {
  ListSample sample;
  sample.body_pages = 7;
  // Entries of different sizes, no body page read.
  IndexShape shape{100, 90, /*page_capacity=*/0, false};
  EXPECT_TRUE(EstimateLists(shape, {sample}).empty());  // not visited
  sample.visited = true;
  sample.chain_finished = true;
  sample.tail = {1, 4, 0, 0};
  const ListEstimate estimate = EstimateLists(shape, {sample})[0];
  EXPECT_FALSE(estimate.rows.has_value());
  EXPECT_FALSE(estimate.mean_distance.has_value());
  EXPECT_FALSE(estimate.rows_at_build.has_value());
}

}  // namespace
}  // namespace ruvector::sensors::ivfflat
