#include "api/cli/model_directory.hpp"

#include "engine/io/posix_file_system.hpp"
#include "engine/sqlite/database_files.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace weir::cli {
namespace {

template <class Names> std::string listed(const Names& names) {
  std::string text;
  for (const auto& name : names)
    text += (text.empty() ? "" : ", ") + std::string(name);
  return text.empty() ? "none" : text;
}

/// By which one sees that a database without journal has been used.
struct Look {
  bool journal = false;
  std::uintmax_t bytes = 0;
  std::filesystem::file_time_type written_at{};
  friend bool operator==(const Look&, const Look&) = default;

  static Look at(const io::FileSystem& fs, const std::string& file) {
    const std::string path = fs.native_path(file).value_or(file);
    Look look;
    std::error_code missing; // what is not there stays zero
    look.journal =
        std::filesystem::exists(path + "-wal", missing) || std::filesystem::exists(path + "-journal", missing);
    look.bytes = std::filesystem::file_size(path, missing);
    look.written_at = std::filesystem::last_write_time(path, missing);
    return look;
  }
};

} // namespace

bool is_projection_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

Result<const CataloguedModel*> ModelView::need(std::string_view model) const {
  const auto found = std::find_if(models.begin(), models.end(),
                                  [&](const CataloguedModel& each) { return each.options.name == model; });
  if (found != models.end())
    return &*found;
  std::vector<std::string_view> names;
  for (const CataloguedModel& each : models)
    names.emplace_back(each.options.name);
  return fail(Errc::not_found, format("there is no model {}; there are: {}", model, listed(names)),
              database.options().file);
}

const JsonModel& ModelView::rows(const CataloguedModel& model) const {
  return *database.model(model.options.name);
}

Result<ModelDirectory> ModelDirectory::open(const std::string& directory) {
  auto fs = io::open_posix_file_system(directory, false);
  if (!fs)
    return std::move(fs).error();
  if (const auto catalog = (*fs)->stat("catalog.db"); catalog.code() == Errc::not_found)
    return fail(Errc::not_found, "the directory holds no weir data; create it with `weir init`", directory);
  else if (!catalog)
    return catalog.error();
  return ModelDirectory(std::move(*fs));
}

Result<std::vector<std::string>> ModelDirectory::names() const {
  const auto entries = fs_->list("models");
  if (!entries && entries.code() != Errc::not_found)
    return entries.error();
  std::vector<std::string> names;
  if (!entries)
    return names;
  constexpr std::string_view ending = ".db";
  for (const io::DirectoryEntry& entry : *entries)
    if (entry.kind == io::EntryKind::file && entry.name.ends_with(ending))
      if (std::string name = entry.name.substr(0, entry.name.size() - ending.size()); is_projection_name(name))
        names.push_back(std::move(name));
  return names;
}

Status ModelDirectory::need(const std::string& name) const {
  const auto all = names();
  if (!all)
    return all.error();
  if (std::find(all->begin(), all->end(), name) != all->end())
    return {};
  return fail(Errc::not_found, format("there is no projection {}; there are: {}", name, listed(*all)),
              fs_->native_path("models").value_or("models"));
}

Status ModelDirectory::read(const std::string& name, const std::function<Status(ModelDatabase&)>& work) const {
  return read(name, {}, work);
}

Status ModelDirectory::read(const std::string& name, std::span<const CataloguedModel> models,
                            const std::function<Status(ModelDatabase&)>& work) const {
  WEIR_TRY(need(name));
  const std::string file = file_of(name);
  WEIR_TRY(sqlite::check_files(*fs_, file));
  const Look before = Look::at(*fs_, file);
  ModelDatabaseOptions options;
  options.file = file;
  options.name = name;
  options.read_only = true;
  options.readers_max = 1;
  options.unchanging = !before.journal; // Else SQLite would make a journal, only to find it empty.
  auto database = ModelDatabase::create(*fs_, std::move(options));
  if (!database)
    return std::move(database).error();
  for (const CataloguedModel& model : models)
    if (const auto added = (*database)->add_model(model.options); !added)
      return added.error();
  Status done = work(**database);
  const Status closed = (*database)->close();
  if (!before.journal && Look::at(*fs_, file) != before)
    return fail(Errc::locked, format("a service began to use projection {} meanwhile: ask again", name));
  return done ? closed : done;
}

Status ModelDirectory::read_models(const std::string& name, const std::function<Status(const ModelView&)>& work) const {
  std::vector<CataloguedModel> models;
  WEIR_TRY(read(name, {}, [&](ModelDatabase& database) -> Status {
    auto found = read_model_catalog(database);
    if (!found)
      return std::move(found).error();
    models = std::move(*found);
    return {};
  }));
  return read(name, models, [&](ModelDatabase& database) -> Status {
    const auto record = ProjectionTables(database).read();
    return record ? work({database, models, *record}) : Status(record.error());
  });
}

} // namespace weir::cli
