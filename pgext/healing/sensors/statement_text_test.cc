#include "pgext/healing/sensors/statement_text.h"

#include <string>

#include "gtest/gtest.h"

namespace ruvector::healing {
namespace {

TEST(WithoutLiterals, KeepsTheShapeOnly) {
  const auto shape = [](const char* text) {
    return WithoutLiterals(text, 200);
  };
  EXPECT_EQ(shape("SELECT 1"), "SELECT ?");
  EXPECT_EQ(shape("LOCK  TABLE\n t1"), "LOCK TABLE t1");
  EXPECT_EQ(shape("UPDATE t SET a = 'it''s', b = -1.5e3 WHERE id = $1"),
            "UPDATE t SET a = ?, b = -? WHERE id = $1");
  EXPECT_EQ(shape("SELECT E'a\\'secret', c2"), "SELECT E?, c2");
  EXPECT_EQ(shape("SELECT $tag$ secret ' $tag$ , $$x$$"), "SELECT ? , ?");
  EXPECT_EQ(shape("SELECT /* secret */ a -- secret\nFROM \"T 1\""),
            "SELECT a FROM \"T 1\"");
}

TEST(WithoutLiterals, WhatIsCutOffIsHidden) {
  EXPECT_EQ(WithoutLiterals("SELECT 'secret", 200), "SELECT ?");
  EXPECT_EQ(WithoutLiterals("SELECT $a$ secret", 200), "SELECT ?");
  EXPECT_EQ(WithoutLiterals("SELECT 1 /* secret", 200), "SELECT ?");
}

TEST(WithoutLiterals, CutsAtACharacter) {
  EXPECT_EQ(WithoutLiterals("SELECT abcdef", 9), "SELECT ab");
  const std::string cut = WithoutLiterals("SELECT \xc3\xa9\xc3\xa9", 8);
  EXPECT_EQ(cut, "SELECT");
}

}  // namespace
}  // namespace ruvector::healing
