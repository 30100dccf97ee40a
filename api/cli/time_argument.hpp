// Times on the command line.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>

namespace weir::cli {

/// RFC 3339, or an integer of milliseconds since 1970.
Result<Timestamp> timestamp_argument(std::string_view text);

/// Adds the option `name`, which sets `value`.
void add_time_option(CLI::App& app, const std::string& name, std::optional<Timestamp>& value, const std::string& help);

} // namespace weir::cli
