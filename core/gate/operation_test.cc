#include "core/gate/operation.h"

#include <set>
#include <string>

#include "core/base/hint.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::gate {
namespace {

using testing::HasSubstr;

// What the specification, reference A5 and design 7.7 call operations, with
// the risk that A5 gives them or that operation.h argues.
struct Golden {
  const char* name;
  Operation operation;
  Risk risk;
};

constexpr Golden kGolden[] = {
    // Specification, section 5.
    {"search", Operation::kSearch, Risk::kLow},
    {"read", Operation::kSearch, Risk::kLow},
    {"insert", Operation::kInsert, Risk::kLow},
    {"bulk_insert", Operation::kBulkInsert, Risk::kMedium},
    {"delete", Operation::kDelete, Risk::kLow},
    {"update", Operation::kUpdate, Risk::kMedium},
    {"index_build", Operation::kIndexBuild, Risk::kHigh},
    {"index_rewire", Operation::kIndexRewire, Risk::kHigh},
    {"compression", Operation::kCompression, Risk::kHigh},
    {"compact", Operation::kCompression, Risk::kHigh},
    {"replication", Operation::kReplication, Risk::kNone},
    {"backup", Operation::kBackup, Risk::kNone},
    {"gnn_train", Operation::kGnnTrain, Risk::kMedium},
    {"tier_manage", Operation::kTierManage, Risk::kHigh},
    // Reference A5: low.
    {"point_insert", Operation::kInsert, Risk::kLow},
    {"point_delete", Operation::kDelete, Risk::kLow},
    // Reference A5: medium.
    {"bulk_delete", Operation::kBulkDelete, Risk::kMedium},
    {"centroid_update", Operation::kCentroidUpdate, Risk::kMedium},
    {"graph_edge_add", Operation::kGraphEdgeAdd, Risk::kMedium},
    {"graph_edge_remove", Operation::kGraphEdgeRemove, Risk::kMedium},
    // Reference A5: high.
    {"hnsw_rewire", Operation::kIndexRewire, Risk::kHigh},
    {"index_rebuild", Operation::kIndexBuild, Risk::kHigh},
    {"compaction", Operation::kCompression, Risk::kHigh},
    {"tier_demotion", Operation::kTierManage, Risk::kHigh},
    {"shard_move", Operation::kShardMove, Risk::kHigh},
    {"replication_reshuffle", Operation::kReplicationReshuffle, Risk::kHigh},
    // Design 7.7.
    {"copy", Operation::kBulkInsert, Risk::kMedium},
    {"merge", Operation::kMerge, Risk::kMedium},
    {"truncate", Operation::kTruncate, Risk::kMedium},
    {"reindex", Operation::kIndexBuild, Risk::kHigh},
    {"vacuum_full", Operation::kCompression, Risk::kHigh},
    {"cluster", Operation::kCompression, Risk::kHigh},
    {"alter_table", Operation::kTableRewrite, Risk::kHigh},
    {"table_rewrite", Operation::kTableRewrite, Risk::kHigh},
};

TEST(OperationTest, NamesAliasesAndRisks) {
  std::set<Operation> covered;
  for (const Golden& golden : kGolden) {
    const auto parsed = ParseOperation(golden.name);
    ASSERT_TRUE(parsed.ok()) << golden.name;
    EXPECT_EQ(*parsed, golden.operation) << golden.name;
    EXPECT_EQ(InfoOf(*parsed).risk, golden.risk) << golden.name;
    covered.insert(*parsed);
  }
  EXPECT_EQ(covered.size(), kNumOperations);
}

TEST(OperationTest, EverySpellingIsUnique) {
  std::set<std::string> spellings;
  for (int i = 0; i < kNumOperations; ++i) {
    const OperationInfo& info = InfoOf(static_cast<Operation>(i));
    EXPECT_TRUE(spellings.insert(std::string(info.name)).second) << info.name;
    std::string alias;
    for (char c : std::string(info.aliases) + " ") {
      if (c != ' ') {
        alias += c;
      } else if (!alias.empty()) {
        EXPECT_TRUE(spellings.insert(alias).second) << alias;
        alias.clear();
      }
    }
  }
  for (const std::string& spelling : spellings) {
    EXPECT_TRUE(ParseOperation(spelling).ok()) << spelling;
    EXPECT_THAT(KnownOperations(), HasSubstr(spelling));
  }
}

TEST(OperationTest, UnknownIsAnErrorThatListsTheKnown) {
  for (const char* bad :
       {"", " ", "Insert", "insert ", " read", "reindex vacuum_full",
        "compact compaction", "selekt", "index_rebuild reindex"}) {
    const auto parsed = ParseOperation(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(parsed.status().message(),
              "unknown operation \"" + std::string(bad) + "\"");
    const std::string hint = HintOf(parsed.status());
    for (int i = 0; i < kNumOperations; ++i) {
      EXPECT_THAT(
          hint,
          HasSubstr(std::string(OperationName(static_cast<Operation>(i)))));
    }
  }
}

TEST(OperationTest, BulkFormsAreTheirOwn) {
  for (int i = 0; i < kNumOperations; ++i) {
    const Operation bulk = InfoOf(static_cast<Operation>(i)).bulk_form;
    EXPECT_EQ(InfoOf(bulk).bulk_form, bulk);
  }
  EXPECT_EQ(InfoOf(Operation::kInsert).bulk_form, Operation::kBulkInsert);
  EXPECT_EQ(InfoOf(Operation::kDelete).bulk_form, Operation::kBulkDelete);
}

}  // namespace
}  // namespace ruvector::gate
