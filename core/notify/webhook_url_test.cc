#include "core/notify/webhook_url.h"

#include "gtest/gtest.h"

namespace ruvector::notify {
namespace {

TEST(UrlObjectionTest, TakesWhatAnEndpointMayBeCalled) {
  for (const char* url :
       {"http://a", "https://hooks.example.com/T0/B0/x?y=%20z&k=v",
        "http://127.0.0.1:8080/", "http://[::1]:65535/a", "https://x.example?q",
        "https://h/a:b@c"}) {
    EXPECT_EQ(UrlObjection(url), "") << url;
  }
}

TEST(UrlObjectionTest, RefusesTheRestAndSaysWhatItWants) {
  const struct {
    const char* url;
    const char* expected;
  } kCases[] = {
      {"", "URL of 1 to 1000 bytes"},
      {"ftp://x/", "http:// or https:// URL"},
      {"HTTP://x/", "http:// or https:// URL"},
      {"file:///etc/passwd", "http:// or https:// URL"},
      {"//x/", "http:// or https:// URL"},
      {"x", "http:// or https:// URL"},
      {"https://", "URL with a host"},
      {"https:///path", "URL with a host"},
      {"https://:80/", "URL with a host"},
      {"https://a b/", "URL with a host"},
      {"https://a\nb/", "URL with a host"},
      {"https://[::1/", "URL with a host"},
      {"https://[]/", "URL with a host"},
      {"https://b\xc3\xbc.example/", "URL with a host"},
      {"https://h:0/", "URL with a port from 1 to 65535"},
      {"https://h:65536/", "URL with a port from 1 to 65535"},
      {"https://h:/", "URL with a port from 1 to 65535"},
      {"https://h:8x/", "URL with a port from 1 to 65535"},
      {"https://[::1]x/", "URL with a port from 1 to 65535"},
      {"https://user:secret@h/", "URL without user and password"},
      {"https://user@h", "URL without user and password"},
      {"https://h/a#b", "URL without fragment"},
      {"https://h/a b", "URL whose other characters are percent-encoded"},
      {"https://h/a\r\nX: y", "URL whose other characters are percent-encoded"},
      {"https://h/\x01", "URL whose other characters are percent-encoded"},
      {"https://h/\x7f", "URL whose other characters are percent-encoded"},
      {"https://h/\xc3\xbc", "URL whose other characters are percent-encoded"},
      {"https://h/\"<>\\", "URL whose other characters are percent-encoded"},
  };
  for (const auto& c : kCases)
    EXPECT_EQ(UrlObjection(c.url), c.expected) << c.url;
}

TEST(UrlObjectionTest, ThousandBytesAreTheMost) {
  std::string url = "https://h/";
  url.append(kMaxUrlBytes - url.size(), 'x');
  EXPECT_EQ(UrlObjection(url), "");
  EXPECT_EQ(UrlObjection(url + "x"), "URL of 1 to 1000 bytes");
}

TEST(RedactUrlTest, KeepsSchemeHostAndPortOnly) {
  EXPECT_EQ(RedactUrl("https://h.example:8443/T0/secret?token=x"),
            "https://h.example:8443/...");
  EXPECT_EQ(RedactUrl("https://h?token=x"), "https://h/...");
  EXPECT_EQ(RedactUrl("https://user:secret@h/"), "https://h/");
  EXPECT_EQ(RedactUrl("https://a@b@h"), "https://h");
  EXPECT_EQ(RedactUrl("http://h"), "http://h");
}

}  // namespace
}  // namespace ruvector::notify
