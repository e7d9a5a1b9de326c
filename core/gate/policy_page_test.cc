// docs/reference/policy-keys.md says what the table of keys says.
#include <fstream>
#include <sstream>
#include <string>

#include "core/gate/policy_keys.h"
#include "gtest/gtest.h"

namespace ruvector::gate {
namespace {

TEST(PolicyPageTest, IsWhatTheTableGives) {
  std::ifstream file("docs/reference/policy-keys.md");
  ASSERT_TRUE(file.good());
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), PolicyKeyPage())
      << "run: bazel run //core/gate:policy_key_page > "
         "docs/reference/policy-keys.md";
}

}  // namespace
}  // namespace ruvector::gate
