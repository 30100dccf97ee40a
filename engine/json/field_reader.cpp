#include "engine/json/field_reader.hpp"

#include "engine/json/scan.hpp"

#include <algorithm>
#include <cstring>

namespace weir::json {
namespace {

using detail::load;
using detail::plain_end;
using detail::skip_space;

// A larger document's room is given back after it.
constexpr std::size_t room_bytes_kept = 256 * 1024;
// Where documents of one kind have ever new shapes, shapes are left alone for a while.
constexpr unsigned strangers_each = 4, strangers_max = 64, unlikely_documents = 64;

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

const char* FieldReader::copy_in(std::string_view document) {
  if (text_bytes_ < document.size() + padding_bytes || text_bytes_ > room_bytes_kept) {
    text_bytes_ = std::max<std::size_t>(document.size() + padding_bytes, 4096);
    text_ = std::make_unique_for_overwrite<char[]>(text_bytes_);
  }
  std::memcpy(text_.get(), document.data(), document.size());
  std::memset(text_.get() + document.size(), 0, padding_bytes);
  return text_.get();
}

bool FieldReader::read(std::string_view document, std::size_t kind) {
  return read_padded({copy_in(document), document.size()}, kind);
}

bool FieldReader::read_padded(std::string_view document, std::size_t kind) {
  if (document.empty())
    return false;
  const std::size_t place = kind % kinds_max;
  if (place >= kinds_.size())
    kinds_.resize(place + 1);
  if (!kinds_[place])
    kinds_[place] = std::make_unique<Kind>();
  Kind& known = *kinds_[place];
  if (known.unlikely != 0) {
    --known.unlikely;
    return read_by_key(document);
  }
  if (read_by_shape(known, document)) {
    known.strangers -= known.strangers != 0 ? 1 : 0;
    return true;
  }
  if (!read_by_key(document))
    return false;
  learn(known, document);
  return true;
}

bool FieldReader::read_by_shape(Kind& kind, std::string_view document) {
  for (std::size_t i = 0; i < kind.shapes.size(); ++i) {
    const std::size_t number = (kind.likely + i) % kind.shapes.size();
    FieldShape& shape = kind.shapes[number];
    unescaped_.begin(document.size());
    if (shape.empty() || !shape.read(document.data(), document.data() + document.size(), unescaped_))
      continue;
    kind.likely = number;
    found_ = shape.values();
    return true;
  }
  return false;
}

void FieldReader::learn(Kind& kind, std::string_view document) {
  // The one that fitted least lately goes, as far as that is known.
  kind.likely = (kind.likely + kind.shapes.size() - 1) % kind.shapes.size();
  if (!kind.shapes[kind.likely].learn(document.data(), document.data() + document.size(), parts_, values_))
    kind.shapes[kind.likely] = {};
  kind.strangers += strangers_each;
  if (kind.strangers > strangers_max) { // to learn all of them would take longer than it saves
    kind.unlikely = unlikely_documents;
    kind.strangers -= 2 * strangers_each;
  }
}

bool FieldReader::read_by_key(std::string_view document) {
  values_.clear();
  parts_.clear();
  unescaped_.begin(document.size());
  const char* p = skip_space(document.data());
  if (*p != '{')
    return false;
  p = object(p + 1, 0, 1);
  found_ = values_;
  return p != nullptr && skip_space(p) == document.data() + document.size();
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

/// Remembers a part of the document that another one may have otherwise.
void FieldReader::note(const char* begin, const char* end, FieldShape::Take take, std::size_t values_before) {
  if (end != nullptr)
    parts_.push_back(
        {begin, end, take,
         values_.size() == values_before ? FieldShape::nothing : static_cast<std::uint32_t>(values_before)});
}

const char* FieldReader::value(const char* const begin, std::uint32_t node, unsigned depth) {
  using Type = FieldValue::Kind;
  using Take = FieldShape::Take;
  const std::size_t before = values_.size();
  const auto word = [&](std::uint32_t same, std::size_t bytes, Type type, std::uint64_t bits) -> const char* {
    if (load<std::uint32_t>(begin + bytes - 4) != same)
      return nullptr;
    report(node, type, bits);
    note(begin, begin + bytes, Take::word, before);
    return begin + bytes;
  };
  const char* end = nullptr;
  switch (*begin) {
  case '"': {
    std::string_view text;
    end = string(begin + 1, text);
    if (end == nullptr)
      return nullptr;
    report(node, Type::string, 0, text);
    note(begin + 1, end - 1, Take::string, before);
    return end;
  }
  case '{':
    report(node, Type::other, 0);
    if (node != nothing && depth < depth_max)
      return object(begin + 1, node, depth + 1);
    end = detail::skip_nested(begin);
    note(begin, end, Take::object, before);
    return end;
  case '[':
    report(node, Type::other, 0);
    end = detail::skip_nested(begin);
    note(begin, end, Take::array, before);
    return end;
  case 't': return word(load<std::uint32_t>("true"), 4, Type::boolean, 1);
  case 'f': return word(load<std::uint32_t>("alse"), 5, Type::boolean, 0);
  case 'n': return word(load<std::uint32_t>("null"), 4, Type::null, 0);
  default: break;
  }
  FieldValue number;
  end = detail::take_number(begin, number.kind, number.bits);
  if (end != nullptr)
    report(node, number.kind, number.bits);
  note(begin, end, Take::number, before);
  return end;
}

/// The string whose content begins at `p`.
const char* FieldReader::string(const char* p, std::string_view& text) {
  const char* const end = plain_end(p);
  text = {p, static_cast<std::size_t>(end - p)};
  if (*end == '"')
    return end + 1;
  return *end == '\\' ? unescaped_.take(p, end, text) : nullptr;
}

} // namespace weir::json
