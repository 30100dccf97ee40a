#include "engine/models/slug_search.hpp"

#include "engine/sqlite/connections.hpp"
#include "engine/text.hpp"

#include <cstdint>
#include <functional>
#include <utility>

namespace weir {

namespace {

class Taken {
public:
  Taken(sqlite::CachedStatement& statement, const SqlValue& id) : statement_(*statement) {
    bind_value(statement_, 2, id);
  }

  Result<bool> operator()(std::string_view slug) {
    statement_.bind(1, slug);
    auto row = statement_.step();
    statement_.reset();
    return row;
  }

private:
  sqlite::Statement& statement_;
};

std::string numbered(const std::string& slug, std::uint64_t number) {
  return format("{}-{}", slug, number);
}

} // namespace

Result<std::string> free_slug(const std::function<Result<bool>(std::string_view)>& taken, const std::string& slug) {
  auto is_taken = taken(slug);
  if (!is_taken)
    return std::move(is_taken).error();
  if (!*is_taken)
    return slug;
  std::uint64_t last_taken = 1, free = 2;
  for (;; last_taken = free, free *= 2) {
    is_taken = taken(numbered(slug, free));
    if (!is_taken)
      return std::move(is_taken).error();
    if (!*is_taken)
      break;
  }
  while (free - last_taken > 1) {
    const std::uint64_t middle = last_taken + (free - last_taken) / 2;
    is_taken = taken(numbered(slug, middle));
    if (!is_taken)
      return std::move(is_taken).error();
    (*is_taken ? last_taken : free) = middle;
  }
  return numbered(slug, free);
}

Status settle_slugs(ModelDatabase& database, const ModelTable& table, ModelWriter& writer, ModelWriter::Draft& draft) {
  auto lease = database.connections().write();
  if (!lease)
    return std::move(lease).error();
  const std::size_t id_place = static_cast<std::size_t>(&table.id() - table.columns().data());
  for (const auto& [place, wanted] : draft.slugs()) {
    const TableColumn& column = table.columns()[place];
    // The object itself is in nobody's way. Its id may still be unknown: NULL is no id.
    auto id =
        place == id_place ? Result<SqlValue>(SqlValue()) : table.to_sql(table.id(), writer.value(draft, id_place));
    if (!id)
      return std::move(id).error();
    auto statement = lease->prepare(format("SELECT 1 FROM {} WHERE {}=?1 AND {} IS NOT ?2 LIMIT 1", table.quoted(),
                                           column.expression, table.id().expression));
    if (!statement)
      return std::move(statement).error();
    std::string slug = wanted;
    if (slug.empty()) {
      auto random = writer.random_slug();
      if (!random)
        return std::move(random).error();
      slug = std::move(*random);
    }
    Taken taken(*statement, *id);
    auto free = free_slug(std::ref(taken), slug);
    if (!free)
      return std::move(free).error();
    WEIR_TRY(writer.assign(draft, place, Json(std::move(*free))));
  }
  return {};
}

} // namespace weir
