// Documents of matches, fetched late: most events that may take part are in no match, and a LIMIT leaves few of those.
#include "engine/query/collector_sink.hpp"
#include "engine/query/sequence_merge.hpp"
#include "engine/query/shard_scan.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace weir::query {
namespace {

/// A cell that holds the position of the event whose document it wants.
struct Wanted {
  Position position = 0;
  Value* cell = nullptr;
  Core document = Core::payload;
};

/// More of them at once would take more memory than rows; fewer would read a zone more often.
constexpr std::size_t positions_at_once = 65'536;

/// Events by their positions, as an ordinary query finds them.
class ByPosition {
public:
  ByPosition(std::vector<Value> positions, bool payloads, bool metadata) {
    EventSlots names(query_.fields);
    query_.predicate.require(Expr::one_of(Expr::field("position"), std::move(positions)), names, &query_.fields);
    query_.outputs.push_back(names.slot("position"));
    if (payloads)
      add_document(Core::payload);
    if (metadata)
      add_document(Core::metadata);
    query_.needed_columns = query_.fields.columns();
    query_.rows_max = query_.rows_kept = std::numeric_limits<std::uint64_t>::max();
  }

  /// Where an event has this document among its cells.
  [[nodiscard]] std::size_t cell_of(Core document) const { return cells_[static_cast<std::size_t>(document)]; }

  /// The events, by position.
  Result<std::vector<ResultRow>> find(std::span<const ShardView> views, const QueryControl& control) const {
    ShardScan scan(target_of(query_), {views.begin(), views.end()}, control);
    CollectorSink sink(query_, control);
    QueryStats stats;
    WEIR_TRY(scan.work(sink, stats));
    std::vector<ResultRow> rows = std::move(sink).finish().rows;
    std::sort(rows.begin(), rows.end(), [](const ResultRow& a, const ResultRow& b) { return a.position < b.position; });
    return rows;
  }

private:
  void add_document(Core document) {
    cells_[static_cast<std::size_t>(document)] = query_.outputs.size();
    query_.outputs.push_back(query_.fields.add({document, {}}));
  }

  CompiledQuery query_;
  std::array<std::size_t, core_names.size()> cells_{};
};

/// Fills in the documents of `wanted`, whose positions ascend.
Status fetch(std::span<const Wanted> wanted, std::span<const ShardView> views, const QueryControl& control) {
  std::vector<Value> positions;
  for (const Wanted& want : wanted) {
    if (positions.empty() || *positions.back().as_uint64() != want.position)
      positions.emplace_back(want.position);
  }
  const auto any_of = [&](Core document) {
    return std::any_of(wanted.begin(), wanted.end(), [=](const Wanted& want) { return want.document == document; });
  };
  const ByPosition events(std::move(positions), any_of(Core::payload), any_of(Core::metadata));
  auto found = events.find(views, control);
  if (!found)
    return std::move(found).error();
  auto row = found->begin();
  for (const Wanted& want : wanted) {
    while (row != found->end() && row->position < want.position)
      ++row;
    if (row == found->end() || row->position != want.position)
      return fail(Errc::corruption, "an event of a sequence was not found again", format("position {}", want.position));
    *want.cell = row->cells[events.cell_of(want.document)];
  }
  return {};
}

} // namespace

Status fetch_documents(const CompiledSequence& query, std::span<const ShardView> views, const QueryControl& control,
                       std::vector<std::vector<Value>>& rows) {
  std::vector<Wanted> wanted;
  wanted.reserve(rows.size() * query.documents.size());
  for (std::vector<Value>& row : rows) {
    for (const std::size_t column : query.documents) {
      Value& cell = row[column];
      wanted.push_back({*cell.as_uint64(), &cell, query.match->fields[query.match->outputs[column]].core});
    }
  }
  std::sort(wanted.begin(), wanted.end(), [](const Wanted& a, const Wanted& b) { return a.position < b.position; });
  std::span<const Wanted> left = wanted;
  while (!left.empty()) {
    const std::span<const Wanted> some = left.first(std::min(left.size(), positions_at_once));
    WEIR_TRY(fetch(some, views, control));
    left = left.subspan(some.size());
  }
  return {};
}

} // namespace weir::query
