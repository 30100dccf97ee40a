#include "segments/catalog_views.hpp"

#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "segments/catalog_rows.hpp"

#include <weir/limits.hpp>

#include <utility>

namespace weir::catalog {

using sqlite::Database;
using sqlite::Statement;

std::uint64_t checksum(const ViewRecord& view, std::uint64_t directory_seed) noexcept {
  return hash_words({kind_view, hash64(view.name, directory_seed), hash64(view.query, directory_seed)}, directory_seed);
}

const char* fault(const ViewRecord& view) noexcept {
  if (view.name.empty() || view.name.size() > limits::view_name_bytes_max)
    return "the length of the name is out of range";
  if (view.query.empty() || view.query.size() > limits::query_text_bytes_max)
    return "the length of the query is out of range";
  return nullptr;
}

Result<std::vector<ViewRecord>> read_views(Database& database, const Head& head, std::uint64_t& sum) {
  std::vector<ViewRecord> views;
  const Status rows = for_each_row(
      database, "SELECT name, query, checksum FROM views ORDER BY name", [&](const Statement& row) -> Status {
        ViewRecord view{std::string(row.text(0)), std::string(row.text(1))};
        const std::string place = format("table views, name '{}'", view.name);
        if (row.u64(2) != checksum(view, head.directory_seed) && !sabotaged(Sabotage::ignore_catalog_checksum))
          return corrupt(database, checksum_differs, place);
        if (const char* why = fault(view))
          return corrupt(database, why, place);
        if (!views.empty() && views.back().name >= view.name)
          return corrupt(database, "the names are out of order", place);
        sum += row.u64(2);
        views.push_back(std::move(view));
        return {};
      });
  if (!rows)
    return rows.error();
  if (views.size() > limits::views_max)
    return corrupt(database, "there are too many views", "table views");
  return views;
}

Status write(Database& database, const ViewRecord& view, std::uint64_t directory_seed) {
  auto statement = database.prepare("INSERT INTO views(name, query, checksum) VALUES(?,?,?)");
  if (!statement)
    return std::move(statement).error();
  return statement->bind(1, std::string_view(view.name))
      .bind(2, std::string_view(view.query))
      .bind_u64(3, checksum(view, directory_seed))
      .run();
}

Status erase_view(Database& database, std::string_view name) {
  auto statement = database.prepare("DELETE FROM views WHERE name = ?");
  if (!statement)
    return std::move(statement).error();
  return statement->bind(1, name).run();
}

} // namespace weir::catalog
