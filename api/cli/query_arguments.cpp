#include "api/cli/query_arguments.hpp"

#include "engine/text.hpp"
#include <weir/json_value.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace weir::cli {
namespace {

constexpr std::int64_t timeout_ms_max = std::int64_t{10} * 365 * 24 * 3'600 * 1'000;

bool is_name(std::string_view text) noexcept {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

} // namespace

Value parse_argument_value(std::string_view text) {
  const auto json = Json::parse(text);
  if (!json)
    return text;
  switch (json->type()) {
  case Json::Type::null: return {};
  case Json::Type::boolean: return json->boolean();
  case Json::Type::integer: return json->integer();
  case Json::Type::unsigned_integer: return json->unsigned_integer();
  case Json::Type::real: return json->number();
  case Json::Type::string: return json->string();
  default: break;
  }
  return text;
}

Result<std::pair<std::string, Value>> parse_named_argument(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, std::min(equals, text.size()));
  if (equals == std::string_view::npos || !is_name(name))
    return fail(Errc::invalid_argument, format("must be name=value, like min=100, not \"{}\"", text));
  return std::pair(std::string(name), parse_argument_value(text.substr(equals + 1)));
}

Result<std::chrono::milliseconds> parse_timeout(std::string_view text) {
  constexpr auto units = std::to_array<std::pair<std::string_view, std::int64_t>>(
      {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}});
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest = text.substr(static_cast<std::size_t>(parsed.ptr - text.data()));
  const auto unit = std::find_if(units.begin(), units.end(), [rest](const auto& each) { return each.first == rest; });
  if (parsed.ec != std::errc() || unit == units.end() || number <= 0 || number > timeout_ms_max / unit->second)
    return fail(Errc::invalid_argument, format("must be a number and ms, s, m or h, like 30s, not \"{}\"", text));
  return std::chrono::milliseconds(number * unit->second);
}

} // namespace weir::cli
