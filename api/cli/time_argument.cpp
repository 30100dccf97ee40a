#include "api/cli/time_argument.hpp"

#include "engine/time_text.hpp"

#include <charconv>

namespace weir::cli {

Result<Timestamp> timestamp_argument(std::string_view text) {
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  return error == std::errc() && end == text.data() + text.size() ? timestamp_from_ms(ms) : parse_timestamp(text);
}

void add_time_option(CLI::App& app, const std::string& name, std::optional<Timestamp>& value, const std::string& help) {
  const auto set = [&value, name](const std::string& text) {
    const auto time = timestamp_argument(text);
    if (!time)
      throw CLI::ValidationError(name, time.error().message);
    value = *time;
  };
  app.add_option_function<std::string>(name, set, help)->type_name("TIME");
}

} // namespace weir::cli
