#include "core/base/text.h"

#include <string>

#include "gtest/gtest.h"

namespace ruvector {
namespace {

TEST(TextTest, Utf8WithoutNulIsText) {
  for (const char* text : {"", "plain", "\xc3\xa9", "\xe2\x82\xac",
                           "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsText(text)) << text;
    EXPECT_EQ(ToText(text, 100), text);
  }
}

TEST(TextTest, OtherBytesAreNot) {
  for (const char* bytes : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80",
                            "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    EXPECT_FALSE(IsText(bytes));
    EXPECT_TRUE(IsText(ToText(bytes, 100)));
  }
  EXPECT_FALSE(IsText(absl::string_view("a\0b", 3)));
  EXPECT_EQ(ToText(absl::string_view("a\0b", 3), 100), "a?b");
}

TEST(TextTest, CutsBetweenCharacters) {
  EXPECT_EQ(ToText("a\xe2\x82\xac", 3), "a");
  EXPECT_EQ(ToText("a\xe2\x82\xac", 4), "a\xe2\x82\xac");
  EXPECT_EQ(ToText("abc", 0), "");
}

}  // namespace
}  // namespace ruvector
