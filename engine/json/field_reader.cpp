#include "engine/json/field_reader.hpp"

#include "engine/json/number.hpp"
#include "engine/json/scan.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace weir::json {
namespace {

using detail::hex4;
using detail::is_digit;
using detail::load;
using detail::plain_end;
using detail::put_utf8;
using detail::skip_space;

// A larger document's room is given back after it.
constexpr std::size_t room_bytes_kept = 256 * 1024;
// A double holds integers up to here exactly, and powers of ten up to 10^22: their quotient is rounded once, so it is
// the double that is nearest to the text.
constexpr std::uint64_t exact_integer_max = std::uint64_t{1} << 53;
constexpr std::array<double, 23> powers_of_ten = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::ptrdiff_t digits_sure = 18; // no integer of so many digits exceeds int64

/// Quick, and good enough for keys.
std::uint64_t hash_of(std::uint32_t parent, std::string_view name) noexcept {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15ULL;
  std::uint64_t first = 0, last = 0;
  const char* const at = name.data();
  if (name.size() >= 8) {
    first = load<std::uint64_t>(at);
    last = load<std::uint64_t>(at + name.size() - 8);
  } else if (name.size() >= 4) {
    first = load<std::uint32_t>(at);
    last = load<std::uint32_t>(at + name.size() - 4);
  } else if (!name.empty()) {
    first = static_cast<unsigned char>(at[0]);
    last = static_cast<unsigned char>(at[name.size() / 2]) << 8 | static_cast<unsigned char>(at[name.size() - 1]);
  }
  std::uint64_t hash = (first + parent) * odd;
  hash = (hash ^ hash >> 29 ^ last) * odd + name.size();
  return (hash ^ hash >> 32) * odd;
}

bool needs_escape(std::string_view name) noexcept {
  return std::any_of(name.begin(), name.end(),
                     [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
}

} // namespace

FieldReader::FieldReader(std::span<const Path> paths, std::size_t paths_max)
    : table_(64, nothing), paths_max_(std::max(paths_max, paths.size())) {
  nodes_.emplace_back(); // of the document itself
  for (const Path& path : paths) {
    std::uint32_t node = 0;
    for (const std::string& name : path) {
      const std::uint32_t below = find(node, name);
      node = below != nothing ? below : add_node(node, name);
    }
    nodes_[node].number = static_cast<std::uint32_t>(node_of_path_.size());
    node_of_path_.push_back(node);
  }
}

Path FieldReader::path(std::size_t number) const {
  Path path;
  for (std::uint32_t node = node_of_path_[number]; node != 0; node = nodes_[node].parent)
    path.push_back(nodes_[node].name);
  std::reverse(path.begin(), path.end());
  return path;
}

std::uint32_t FieldReader::add_node(std::uint32_t parent, std::string_view name) {
  Node node;
  node.parent = parent;
  node.path_bytes = nodes_[parent].path_bytes + static_cast<std::uint32_t>(name.size());
  node.name = name;
  if (!needs_escape(name)) {
    node.guess_begin = static_cast<std::uint32_t>(guesses_.size());
    node.guess_bytes = static_cast<std::uint32_t>(name.size()) + 2;
    guesses_ += name;
    guesses_ += "\":";
    guesses_.append(2 * sizeof(std::uint64_t), '\0'); // so that whole words are loaded
  }
  const auto number = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back(std::move(node));
  if (nodes_.size() * 2 > table_.size())
    grow_table();
  std::size_t at = hash_of(parent, name) % table_.size();
  while (table_[at] != nothing)
    at = (at + 1) % table_.size();
  table_[at] = number;
  return number;
}

void FieldReader::grow_table() {
  std::vector<std::uint32_t> larger(table_.size() * 2, nothing);
  for (const std::uint32_t node : table_) {
    if (node == nothing)
      continue;
    std::size_t at = hash_of(nodes_[node].parent, nodes_[node].name) % larger.size();
    while (larger[at] != nothing)
      at = (at + 1) % larger.size();
    larger[at] = node;
  }
  table_ = std::move(larger);
}

std::uint32_t FieldReader::find(std::uint32_t parent, std::string_view name) const noexcept {
  for (std::size_t at = hash_of(parent, name) & (table_.size() - 1);; at = (at + 1) & (table_.size() - 1)) {
    const std::uint32_t node = table_[at];
    if (node == nothing || (nodes_[node].parent == parent && nodes_[node].name == name))
      return node;
  }
}

std::uint32_t FieldReader::find_or_add(std::uint32_t parent, std::string_view name, unsigned depth) {
  const std::uint32_t found = find(parent, name);
  if (found != nothing || depth > depth_max || nodes_[parent].path_bytes + name.size() > path_bytes_max)
    return found;
  if (size() == paths_max_) {
    refused_any_ = true;
    return nothing;
  }
  const std::uint32_t node = add_node(parent, name);
  nodes_[node].number = static_cast<std::uint32_t>(node_of_path_.size());
  node_of_path_.push_back(node);
  return node;
}

/// Whether the text goes on with this key. Keys have no zeros, so what equals a part of one lies in the text.
bool FieldReader::follows(const char* p, const Node& node) const noexcept {
  const char* const guess = guesses_.data() + node.guess_begin;
  std::size_t left = node.guess_bytes;
  if (left == 0)
    return false;
  for (; left > sizeof(std::uint64_t); left -= 8, p += 8) {
    if (load<std::uint64_t>(p) != load<std::uint64_t>(guess + (node.guess_bytes - left)))
      return false;
  }
  const std::uint64_t differ = load<std::uint64_t>(p) ^ load<std::uint64_t>(guess + (node.guess_bytes - left));
  return differ << (64 - 8 * left) == 0;
}

void FieldReader::copy_in(std::string_view document) {
  if (text_bytes_ < document.size() + padding_bytes || text_bytes_ > room_bytes_kept) {
    text_bytes_ = std::max<std::size_t>(document.size() + padding_bytes, 4096);
    text_ = std::make_unique_for_overwrite<char[]>(text_bytes_);
  }
  std::memcpy(text_.get(), document.data(), document.size());
  std::memset(text_.get() + document.size(), 0, padding_bytes);
  end_ = text_.get() + document.size();
  unescaped_at_ = 0;
  if (unescaped_bytes_ > room_bytes_kept) {
    unescaped_.reset();
    unescaped_bytes_ = 0;
  }
}

bool FieldReader::read(std::string_view document) {
  values_.clear();
  if (document.empty())
    return false;
  copy_in(document);
  const char* p = skip_space(text_.get());
  if (*p != '{')
    return false;
  p = object(p + 1, 0, 1);
  return p != nullptr && skip_space(p) == end_;
}

void FieldReader::report(std::uint32_t node, FieldValue::Kind kind, std::uint64_t bits, std::string_view text) {
  if (node == nothing)
    return;
  std::uint32_t number = nodes_[node].number;
  if (number == nothing) { // leads to a path that was given, and is one of its own now
    if (size() == paths_max_) {
      refused_any_ = true;
      return;
    }
    number = nodes_[node].number = static_cast<std::uint32_t>(node_of_path_.size());
    node_of_path_.push_back(node);
  }
  values_.push_back({number, kind, bits, text});
}

const char* FieldReader::object(const char* p, std::uint32_t parent, unsigned depth) {
  p = skip_space(p);
  if (*p == '}')
    return p + 1;
  std::uint32_t previous = nothing;
  while (true) {
    if (*p != '"')
      return nullptr;
    ++p;
    const std::uint32_t guess = previous == nothing ? nodes_[parent].first : nodes_[previous].next;
    std::uint32_t node = guess;
    if (guess != nothing && follows(p, nodes_[guess])) {
      p += nodes_[guess].guess_bytes;
    } else {
      std::string_view key;
      p = string(p, key);
      if (p == nullptr || *(p = skip_space(p)) != ':')
        return nullptr;
      ++p;
      node = find_or_add(parent, key, depth);
      if (node != nothing)
        (previous == nothing ? nodes_[parent].first : nodes_[previous].next) = node;
    }
    p = value(skip_space(p), node, depth);
    if (p == nullptr)
      return nullptr;
    p = skip_space(p);
    if (*p == '}')
      return p + 1;
    if (*p != ',')
      return nullptr;
    p = skip_space(p + 1);
    if (node != nothing)
      previous = node;
  }
}

const char* FieldReader::value(const char* p, std::uint32_t node, unsigned depth) {
  using Kind = FieldValue::Kind;
  switch (*p) {
  case '"': {
    std::string_view text;
    p = string(p + 1, text);
    if (p != nullptr)
      report(node, Kind::string, 0, text);
    return p;
  }
  case '{':
    report(node, Kind::other, 0);
    return node != nothing && depth < depth_max ? object(p + 1, node, depth + 1) : skip(p);
  case '[': report(node, Kind::other, 0); return skip(p);
  case 't':
    if (load<std::uint32_t>(p) != load<std::uint32_t>("true"))
      return nullptr;
    report(node, Kind::boolean, 1);
    return p + 4;
  case 'f':
    if (load<std::uint32_t>(p + 1) != load<std::uint32_t>("alse"))
      return nullptr;
    report(node, Kind::boolean, 0);
    return p + 5;
  case 'n':
    if (load<std::uint32_t>(p) != load<std::uint32_t>("null"))
      return nullptr;
    report(node, Kind::null, 0);
    return p + 4;
  default: return number(p, node);
  }
}

const char* FieldReader::number(const char* const begin, std::uint32_t node) {
  using Kind = FieldValue::Kind;
  const bool negative = *begin == '-';
  const char* p = begin + (negative ? 1 : 0);
  const char* const digits = p;
  std::uint64_t value = 0;
  for (; is_digit(*p); ++p)
    value = value * 10 + static_cast<std::uint64_t>(*p - '0'); // meaningless where there are too many
  const std::ptrdiff_t whole = p - digits;
  if (whole == 0)
    return nullptr;
  if (*p != '.' && *p != 'e' && *p != 'E' && whole <= digits_sure) {
    report(node, Kind::int64, negative ? 0 - value : value);
    return p;
  }
  std::ptrdiff_t fraction = 0;
  if (*p == '.') {
    const char* const first = ++p;
    for (; is_digit(*p); ++p)
      value = value * 10 + static_cast<std::uint64_t>(*p - '0');
    fraction = p - first;
    if (fraction == 0)
      return nullptr;
    if (*p != 'e' && *p != 'E' && whole + fraction <= digits_sure && value <= exact_integer_max) {
      const double real = static_cast<double>(value) / powers_of_ten[static_cast<std::size_t>(fraction)];
      report(node, Kind::float64, std::bit_cast<std::uint64_t>(negative ? -real : real));
      return p;
    }
  }
  if (*p == 'e' || *p == 'E') {
    ++p;
    if (*p == '+' || *p == '-')
      ++p;
    if (!is_digit(*p))
      return nullptr;
    while (is_digit(*p))
      ++p;
  }
  Scalar scalar;
  if (!detail::read_number({begin, static_cast<std::size_t>(p - begin)}, scalar))
    return nullptr;
  if (const auto* const integer = std::get_if<std::int64_t>(&scalar))
    report(node, Kind::int64, static_cast<std::uint64_t>(*integer));
  else if (const auto* const real = std::get_if<double>(&scalar))
    report(node, Kind::float64, std::bit_cast<std::uint64_t>(*real));
  else
    report(node, Kind::other, 0);
  return p;
}

/// The string whose content begins at `p`.
const char* FieldReader::string(const char* p, std::string_view& text) {
  const char* const end = plain_end(p);
  text = {p, static_cast<std::size_t>(end - p)};
  if (*end == '"')
    return end + 1;
  return *end == '\\' ? unescape(p, end, text) : nullptr;
}

/// The same where it has an escape at `p`.
const char* FieldReader::unescape(const char* begin, const char* p, std::string_view& text) {
  if (unescaped_bytes_ == 0) { // all strings of a document together are shorter than it is
    unescaped_bytes_ = std::max<std::size_t>(text_bytes_, 4096);
    unescaped_ = std::make_unique_for_overwrite<char[]>(unescaped_bytes_);
  } else if (unescaped_bytes_ < text_bytes_ && unescaped_at_ == 0) {
    unescaped_bytes_ = text_bytes_;
    unescaped_ = std::make_unique_for_overwrite<char[]>(unescaped_bytes_);
  }
  char* const first = unescaped_.get() + unescaped_at_;
  char* out = first;
  while (true) {
    out = std::copy(begin, p, out);
    if (*p == '"') {
      text = {first, static_cast<std::size_t>(out - first)};
      unescaped_at_ += text.size();
      return p + 1;
    }
    if (*p != '\\')
      return nullptr;
    p += 2;
    switch (p[-1]) {
    case '"': *out++ = '"'; break;
    case '\\': *out++ = '\\'; break;
    case '/': *out++ = '/'; break;
    case 'b': *out++ = '\b'; break;
    case 'f': *out++ = '\f'; break;
    case 'n': *out++ = '\n'; break;
    case 'r': *out++ = '\r'; break;
    case 't': *out++ = '\t'; break;
    case 'u': {
      const int unit = hex4(p);
      if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
        return nullptr;
      auto code = static_cast<unsigned>(unit);
      p += 4;
      if (code >= 0xD800 && code <= 0xDBFF) {
        const int low = p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
          return nullptr;
        code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<unsigned>(low) - 0xDC00);
        p += 6;
      }
      out = put_utf8(out, code);
      break;
    }
    default: return nullptr;
    }
    begin = p;
    p = plain_end(p);
  }
}

/// The object or array that begins at `p`, unread.
const char* FieldReader::skip(const char* p) const {
  for (std::size_t open = 0;;) {
    switch (*p++) {
    case '"':
      for (p = plain_end(p); *p == '\\'; p = plain_end(p + 2))
        if (p[1] == '\0')
          return nullptr;
      if (*p++ != '"')
        return nullptr;
      break;
    case '{':
    case '[': ++open; break;
    case '}':
    case ']':
      if (--open == 0)
        return p;
      break;
    case '\0': return nullptr;
    default: break;
    }
  }
}

} // namespace weir::json
