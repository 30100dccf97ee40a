// The commands below `weir model`, one file each.
#pragma once

#include "api/cli/command.hpp"

#include <string>

namespace weir::cli {

/// Adds DIR and, if wanted, NAME.
void add_projection(const Command& command, std::string& directory, std::string* name, bool required = true);

void add_model_list(CLI::App& group, Action& chosen);
void add_model_show(CLI::App& group, Action& chosen);
void add_model_search(CLI::App& group, Action& chosen);
void add_model_health(CLI::App& group, Action& chosen);
void add_model_rebuild(CLI::App& group, Action& chosen);
void add_model_shell(CLI::App& group, Action& chosen);

} // namespace weir::cli
