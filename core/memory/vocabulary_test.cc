#include "core/memory/vocabulary.h"

#include <set>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace ruvector::memory {
namespace {

using Pairs = std::set<std::pair<std::string, std::string>>;

// Every pair of words, by MayFollow.
Pairs Legal(Vocabulary vocabulary) {
  Pairs legal;
  for (const std::string_view from : WordsOf(vocabulary)) {
    for (const std::string_view to : WordsOf(vocabulary)) {
      if (MayFollow(vocabulary, from, to)) legal.emplace(from, to);
    }
  }
  return legal;
}

// caliber-upstream.md A.4, written out: no other pair is legal.
TEST(Vocabulary, TransitionsAreTheReferences) {
  EXPECT_EQ(Legal(Vocabulary::kDelegationStatus),
            (Pairs{{"pending", "accepted"},
                   {"pending", "rejected"},
                   {"pending", "failed"},
                   {"accepted", "in_progress"},
                   {"accepted", "completed"},
                   {"accepted", "failed"},
                   {"in_progress", "completed"},
                   {"in_progress", "failed"}}));
  EXPECT_EQ(Legal(Vocabulary::kHandoffStatus),
            (Pairs{{"initiated", "accepted"},
                   {"initiated", "rejected"},
                   {"accepted", "completed"}}));
  EXPECT_EQ(Legal(Vocabulary::kConflictStatus),
            (Pairs{{"detected", "resolving"},
                   {"detected", "resolved"},
                   {"detected", "escalated"},
                   {"resolving", "resolved"},
                   {"resolving", "escalated"}}));
  EXPECT_EQ(Legal(Vocabulary::kTrajectoryStatus).size(), 4u * 3u);
}

TEST(Vocabulary, WordsAreExactAndDistinct) {
  for (int i = 0; i <= static_cast<int>(Vocabulary::kConflictStrategy); ++i) {
    const auto vocabulary = static_cast<Vocabulary>(i);
    const auto words = WordsOf(vocabulary);
    EXPECT_EQ(std::set<std::string_view>(words.begin(), words.end()).size(),
              words.size());
    for (const std::string_view word : words) {
      EXPECT_TRUE(IsWord(vocabulary, word)) << word;
      EXPECT_FALSE(IsWord(vocabulary, std::string(word) + " ")) << word;
    }
    EXPECT_EQ(IsWord(vocabulary, ""), vocabulary == Vocabulary::kNone);
  }
}

// What is created can be queried: both of the original's lists.
TEST(Vocabulary, ArtifactTypesAreTheUnion) {
  for (const char* type : {"fact", "custom", "code", "plan", "model"}) {
    EXPECT_TRUE(IsWord(Vocabulary::kArtifactType, type)) << type;
  }
  EXPECT_FALSE(IsWord(Vocabulary::kArtifactType, "bogus"));
}

TEST(Vocabulary, ListsReadWell) {
  EXPECT_EQ(ListOf(Vocabulary::kLockMode), "exclusive and shared");
  EXPECT_EQ(ListOf(Vocabulary::kTurnRole), "user, assistant, system and tool");
}

}  // namespace
}  // namespace ruvector::memory
