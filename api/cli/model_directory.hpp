// The projections of a data directory, for commands that only look at them.
//
// Purpose: reads models/NAME.db beside a service that has the directory open: without weir's lock, and without making
// or changing a file there, save for the index of its journal that SQLite shares with the service. Owner: a command.
// Threading: one thread at a time. Invariants: nothing is open between calls, so that a service may put a database
// aside or make it anew meanwhile.
#pragma once

#include "engine/io/file_system.hpp"
#include "engine/models/model_catalog.hpp"
#include "engine/models/projection_tables.hpp"

#include <weir/json_model.hpp>
#include <weir/model_database.hpp>
#include <weir/result.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {

/// 1-64 of [a-z0-9_-].
[[nodiscard]] bool is_projection_name(std::string_view name) noexcept;

/// A projection that is open to be read.
struct ModelView {
  ModelDatabase& database; ///< With its models.
  std::span<const CataloguedModel> models;
  ProjectionRecord record; ///< Position and the like.

  /// Error: `not_found` saying which models there are.
  Result<const CataloguedModel*> need(std::string_view model) const;
  /// Precondition: one of `models`.
  [[nodiscard]] const JsonModel& rows(const CataloguedModel& model) const;
};

class ModelDirectory {
public:
  /// Errors: `not_found` if there is no such directory or it holds no weir data; else as opening a data directory.
  static Result<ModelDirectory> open(const std::string& directory);

  [[nodiscard]] io::FileSystem& file_system() const noexcept { return *fs_; }
  /// Of the data directory.
  [[nodiscard]] static std::string file_of(const std::string& name) { return "models/" + name + ".db"; }
  /// By name.
  Result<std::vector<std::string>> names() const;
  /// `not_found` saying which projections there are, if `name` is none of them.
  Status need(const std::string& name) const;

  /// Opens the database of projection `name` without its models, lets `work` look at it, and closes it. Errors: as
  /// need(); those of `work` and of the database; `locked` if a service began to use it meanwhile: then what `work` saw
  /// counts for nothing.
  Status read(const std::string& name, const std::function<Status(ModelDatabase&)>& work) const;
  /// The same with its models.
  Status read_models(const std::string& name, const std::function<Status(const ModelView&)>& work) const;

private:
  explicit ModelDirectory(std::unique_ptr<io::FileSystem> fs) : fs_(std::move(fs)) {}
  Status read(const std::string& name, std::span<const CataloguedModel> models,
              const std::function<Status(ModelDatabase&)>& work) const;

  std::unique_ptr<io::FileSystem> fs_;
};

} // namespace weir::cli
