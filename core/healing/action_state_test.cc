#include "core/healing/action_state.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

// Every state against every event, written down a second time. Columns are the
// events in their order; a letter is the state that follows, a dot: illegal.
// p proposed, a awaiting, w waiting, s sampling, c committing, t starting,
// x executing, v verifying, b rolling_back, D done, R rolled_back,
// N needs_human, J rejected, E expired, A aborted, P reported.
constexpr char kLetters[] = "pawsctxvbDRNJEAP";
constexpr const char* kMatrix[kNumActionStates] = {
    // RunAskShow RefLapStop ApprNeed Admit Meas Held Int NoInt NoSlot Start
    // Found Comp Nothing ToUndo Cannot Verif Undone UndoFail Rollback
    "wa"
    "P"
    "JEA"
    ".."
    "...."
    "...."
    "...."
    ".....",  // proposed
    "..."
    "JEA"
    "w."
    "...."
    "...."
    "...."
    ".....",  // awaiting_approval
    "..."
    "JEA"
    ".a"
    "s..."
    "...."
    "...."
    ".....",  // waiting_for_slot
    "..."
    "J.A"
    ".."
    ".cw."
    "...."
    "...."
    ".....",  // sampling
    "..."
    "..A"
    ".."
    "..wt"
    "w..x"
    "...."
    ".....",  // committing
    "..."
    "..."
    ".."
    "...."
    ".wxx"
    "...."
    ".....",  // starting
    "..."
    "..."
    ".."
    "...."
    "...."
    "vRbN"
    ".....",  // executing
    "..."
    "..."
    ".."
    "...."
    "...."
    "..bN"
    "D....",  // verifying
    "..."
    "..."
    ".."
    "...."
    "...."
    "...."
    ".RN..",  // rolling_back
    "..."
    "..."
    ".."
    "...."
    "...."
    "...."
    "...b.",  // done
    "..."
    "..."
    ".."
    "...."
    "...."
    "...."
    ".....",  // rolled_back
    "..."
    "..."
    ".."
    "...."
    "...."
    "...."
    ".....",  // needs_human
    "..."
    "..."
    ".."
    "...."
    "...."
    "...."
    ".....",  // rejected
    "..."
    "..."
    ".."
    "...."
    "...."
    "...."
    ".....",  // expired
    "..."
    "..."
    ".."
    "...."
    "...."
    "...."
    ".....",  // aborted
    "..."
    "..."
    ".."
    "...."
    "...."
    "...."
    ".....",  // reported
};

TEST(ActionStateTest, TheTableIsTheMatrix) {
  for (int from = 0; from < kNumActionStates; ++from) {
    for (int event = 0; event < kNumActionEvents; ++event) {
      const auto to = NextState(static_cast<ActionState>(from),
                                static_cast<ActionEvent>(event));
      const char letter = to ? kLetters[static_cast<size_t>(*to)] : '.';
      EXPECT_EQ(letter, kMatrix[from][event])
          << ActionStateName(static_cast<ActionState>(from)) << ", event "
          << event;
    }
  }
}

TEST(ActionStateTest, NoMoveIsTwice) {
  std::set<std::pair<ActionState, ActionEvent>> seen;
  for (const ActionTransition& row : kActionTransitions) {
    EXPECT_TRUE(seen.emplace(row.from, row.event).second);
  }
}

std::set<ActionState> Reachable(ActionState from) {
  std::set<ActionState> reached = {from};
  for (bool grown = true; grown;) {
    grown = false;
    for (const ActionTransition& row : kActionTransitions) {
      if (reached.count(row.from) != 0 && reached.insert(row.to).second) {
        grown = true;
      }
    }
  }
  return reached;
}

TEST(ActionStateTest, EveryStateIsReachedAndEnds) {
  EXPECT_EQ(Reachable(ActionState::kProposed).size(),
            static_cast<size_t>(kNumActionStates));
  for (int state = 0; state < kNumActionStates; ++state) {
    bool ends = false;
    for (ActionState at : Reachable(static_cast<ActionState>(state))) {
      ends = ends || IsEnd(at);
    }
    EXPECT_TRUE(ends);
  }
}

TEST(ActionStateTest, WhatHasRunEndsInThreeWays) {
  const std::set<ActionState> expected = {
      ActionState::kExecuting,   ActionState::kVerifying,
      ActionState::kRollingBack, ActionState::kDone,
      ActionState::kRolledBack,  ActionState::kNeedsHuman};
  EXPECT_EQ(Reachable(ActionState::kExecuting), expected);
}

TEST(ActionStateTest, OnlyACommittedIntentStarts) {
  for (const ActionTransition& row : kActionTransitions) {
    if (row.to == ActionState::kStarting) {
      EXPECT_EQ(row.event, ActionEvent::kIntentCommitted);
    }
    if (MayHaveActed(row.to) && !MayHaveActed(row.from)) {
      EXPECT_TRUE(row.event == ActionEvent::kIntentCommitted ||
                  row.event == ActionEvent::kFoundOpen ||
                  row.event == ActionEvent::kRollbackRequested);
    }
  }
}

}  // namespace
}  // namespace ruvector::healing
