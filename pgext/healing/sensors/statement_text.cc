#include "pgext/healing/sensors/statement_text.h"

#include "absl/strings/ascii.h"

namespace ruvector::healing {
namespace {

bool InWord(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '_' || c == '$' || c >= 0x80;
}

// Position after the quoted text that begins at `at`. Backslashes escape
// everywhere: at worst too much is hidden.
size_t SkipQuoted(absl::string_view text, size_t at) {
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '\'') {
      if (i + 1 < text.size() && text[i + 1] == '\'') {
        ++i;
      } else {
        return i + 1;
      }
    }
  }
  return text.size();
}

// Position after the dollar-quoted text at `at`, or `at` if none begins there.
size_t SkipDollar(absl::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && InWord(text[end]) && text[end] != '$') ++end;
  if (end >= text.size() || text[end] != '$' ||
      absl::ascii_isdigit(text[at + 1])) {
    return at;
  }
  const absl::string_view tag = text.substr(at, end + 1 - at);
  const size_t close = text.find(tag, end + 1);
  return close == absl::string_view::npos ? text.size() : close + tag.size();
}

size_t SkipComment(absl::string_view text, size_t at) {
  if (text.substr(at, 2) == "--") {
    const size_t end = text.find('\n', at);
    return end == absl::string_view::npos ? text.size() : end;
  }
  if (text.substr(at, 2) == "/*") {
    const size_t end = text.find("*/", at + 2);
    return end == absl::string_view::npos ? text.size() : end + 2;
  }
  return at;
}

size_t SkipNumber(absl::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && (InWord(text[end]) || text[end] == '.')) ++end;
  return end;
}

size_t SkipIdentifier(absl::string_view text, size_t at) {
  const size_t end = text.find('"', at + 1);
  return end == absl::string_view::npos ? text.size() : end + 1;
}

}  // namespace

std::string WithoutLiterals(absl::string_view text, size_t length) {
  std::string out;
  bool in_word = false;
  for (size_t i = 0; i < text.size() && out.size() <= length;) {
    const char c = text[i];
    if (const size_t after = SkipComment(text, i); after != i) {
      i = after;
      in_word = false;
      if (!out.empty() && out.back() != ' ') out += ' ';
      continue;
    }
    if (absl::ascii_isspace(c)) {
      if (!out.empty() && out.back() != ' ') out += ' ';
      ++i;
      in_word = false;
    } else if (c == '\'') {
      out += '?';
      i = SkipQuoted(text, i);
      in_word = false;
    } else if (c == '"') {
      const size_t end = SkipIdentifier(text, i);
      out.append(text.data() + i, end - i);
      i = end;
    } else if (c == '$' && !in_word && SkipDollar(text, i) != i) {
      out += '?';
      i = SkipDollar(text, i);
    } else if (absl::ascii_isdigit(c) && !in_word) {
      out += '?';
      i = SkipNumber(text, i);
    } else {
      in_word = InWord(c);
      out += c;
      ++i;
    }
  }
  if (out.size() > length) {
    size_t cut = length;
    while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) {
      --cut;
    }
    out.resize(cut);
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace ruvector::healing
