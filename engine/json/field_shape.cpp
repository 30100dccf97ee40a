#include "engine/json/field_shape.hpp"

#include "engine/json/scan.hpp"

#include <cstring>

namespace weir::json {
namespace {

using Kind = FieldValue::Kind;
using detail::load;
using detail::plain_end;
using detail::skip_space;

constexpr std::size_t padding_bytes = 32; // behind each literal: compared at once

} // namespace

namespace detail {

const char* skip_nested(const char* p) noexcept {
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

} // namespace detail

void FieldShape::add_literal(Step& step, const char* begin, const char* end) {
  step.literal = static_cast<std::uint32_t>(literals_.size());
  step.literal_bytes = static_cast<std::uint16_t>(end - begin);
  literals_.append(begin, end);
  literals_.append(padding_bytes, '\0');
}

bool FieldShape::learn(const char* begin, const char* end, std::span<const Part> parts,
                       std::span<const FieldValue> values) {
  steps_.clear();
  literals_.clear();
  std::size_t part_bytes = 0;
  for (const Part& part : parts)
    part_bytes += static_cast<std::size_t>(part.end - part.begin);
  if (parts.size() > scalars_max || static_cast<std::size_t>(end - begin) - part_bytes > literal_bytes_max)
    return false;
  for (const Part& part : parts) {
    Step step;
    step.take = part.take;
    step.value = part.value == nothing ? static_cast<std::uint32_t>(values.size()) : part.value;
    add_literal(step, begin, part.begin);
    steps_.push_back(step);
    begin = part.end;
  }
  add_literal(last_, begin, end);
  values_.assign(values.begin(), values.end());
  values_.emplace_back();
  count_ = values.size();
  return true;
}

/// Behind the literal; null if it is not there. Literals have no zeros, so one that is there lies in the document.
const char* FieldShape::pass(const char* p, const Step& step) const noexcept {
  const char* const literal = literals_.data() + step.literal;
  const std::size_t bytes = step.literal_bytes;
  if (bytes <= padding_bytes) { // as a rule, and then there is nothing to guess
    const std::uint64_t differ = detail::differing_32(p, literal) & ((std::uint64_t{1} << bytes) - 1);
    return differ == 0 ? p + bytes : nullptr;
  }
  // Not beyond the zeros behind the document, whatever the length.
  return std::strncmp(p, literal, bytes) == 0 ? p + bytes : nullptr;
}

bool FieldShape::read(const char* p, const char* end, UnescapedTexts& unescaped) {
  for (const Step& step : steps_) {
    p = pass(p, step);
    if (p == nullptr)
      return false;
    FieldValue& value = values_[step.value];
    switch (step.take) {
    case Take::string: {
      const char* const text_end = plain_end(p);
      if (*text_end == '"') {
        value.text = {p, static_cast<std::size_t>(text_end - p)};
        p = text_end;
        break;
      }
      p = *text_end == '\\' ? unescaped.take(p, text_end, value.text) : nullptr;
      if (p == nullptr)
        return false;
      --p; // the quote belongs to the literal
      break;
    }
    case Take::number:
      p = detail::take_number(p, value.kind, value.bits);
      if (p == nullptr)
        return false;
      break;
    case Take::word: {
      const auto word = load<std::uint32_t>(p);
      if (word == load<std::uint32_t>("true")) {
        value.kind = Kind::boolean;
        value.bits = 1;
        p += 4;
      } else if (word == load<std::uint32_t>("fals") && p[4] == 'e') {
        value.kind = Kind::boolean;
        value.bits = 0;
        p += 5;
      } else if (word == load<std::uint32_t>("null")) {
        value.kind = Kind::null;
        value.bits = 0;
        p += 4;
      } else {
        return false;
      }
      break;
    }
    case Take::object:
    case Take::array:
      if (*p != (step.take == Take::object ? '{' : '['))
        return false;
      p = detail::skip_nested(p);
      if (p == nullptr)
        return false;
      break;
    }
  }
  p = pass(p, last_);
  return p != nullptr && skip_space(p) == end;
}

} // namespace weir::json
