#include "core/memory/entities.h"

#include <set>

#include "gtest/gtest.h"

namespace ruvector::memory {
namespace {

TEST(Entities, EveryOneHasAKeyAndDistinctColumns) {
  for (int i = 0; i < kEntityCount; ++i) {
    const EntitySpec& spec = SpecOf(static_cast<Entity>(i));
    EXPECT_EQ(spec.table, "caliber_" + std::string(spec.name));
    ASSERT_LE(spec.columns.size(), static_cast<size_t>(kMaxColumns));
    EXPECT_EQ(spec.columns[0].name, std::string(spec.name) + "_id");
    EXPECT_EQ(spec.columns[0].type, ColumnType::kUuid);
    EXPECT_FALSE(spec.columns[0].Is(kUpdatable));
    std::set<std::string_view> names;
    for (const Column& column : spec.columns) {
      EXPECT_TRUE(names.insert(column.name).second) << column.name;
      if (column.words != Vocabulary::kNone) {
        EXPECT_EQ(column.type, ColumnType::kText) << column.name;
      }
    }
  }
}

// The indexes that code uses name the columns that they should.
TEST(Entities, IndexesMeetTheirColumns) {
  const auto name = [](Entity entity, int column) {
    return SpecOf(entity).columns[column].name;
  };
  EXPECT_EQ(name(Entity::kTrajectory, trajectory::kMetadata), "metadata");
  EXPECT_EQ(name(Entity::kTrajectory, trajectory::kCompletedAt),
            "completed_at");
  EXPECT_EQ(name(Entity::kScope, scope::kTokensUsed), "tokens_used");
  EXPECT_EQ(name(Entity::kArtifact, artifact::kEmbeddingModel),
            "embedding_model");
  EXPECT_EQ(name(Entity::kArtifact, artifact::kTtl), "ttl");
  EXPECT_EQ(name(Entity::kNote, note::kAccessCount), "access_count");
  EXPECT_EQ(name(Entity::kNote, note::kEmbeddingModel), "embedding_model");
  EXPECT_EQ(name(Entity::kTurn, turn::kMetadata), "metadata");
  EXPECT_EQ(name(Entity::kLock, lock::kMode), "mode");
  EXPECT_EQ(name(Entity::kMessage, message::kDeadAt), "dead_at");
  EXPECT_EQ(name(Entity::kMessage, message::kPriority), "priority");
  EXPECT_EQ(name(Entity::kAgent, agent::kLastHeartbeat), "last_heartbeat");
  EXPECT_EQ(name(Entity::kDelegation, delegation::kCompletedAt),
            "completed_at");
  EXPECT_EQ(name(Entity::kDelegation, delegation::kStatus), "status");
  EXPECT_EQ(name(Entity::kHandoff, handoff::kReason), "reason");
  EXPECT_EQ(name(Entity::kHandoff, handoff::kStatus), "status");
  EXPECT_EQ(name(Entity::kConflict, conflict::kResolvedAt), "resolved_at");
  EXPECT_EQ(name(Entity::kConflict, conflict::kStatus), "status");
}

TEST(Entities, ColumnsAreFoundByName) {
  const EntitySpec& spec = SpecOf(Entity::kTurn);
  EXPECT_EQ(FindColumn(spec, "sequence"), turn::kSequence);
  EXPECT_EQ(FindColumn(spec, "sequenc"), std::nullopt);
}

}  // namespace
}  // namespace ruvector::memory
