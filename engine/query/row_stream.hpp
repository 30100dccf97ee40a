// The rows of a query in batches, in bounded memory.
//
// Purpose: an answer may be larger than memory. Rows in position order come in passes: each runs the query for so many
// rows behind the last one, so that what is held is one pass. Answers that must be known as a whole (ORDER BY, groups,
// sequences) are made by one run, bounded as any query is, and handed out in batches.
// Owner: whoever reads it. Threading: one thread at a time.
// Invariants: all passes see the same views, which are dropped with the end, an error, or the stream.
#pragma once

#include <weir/event.hpp>
#include <weir/limits.hpp>
#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/shard_view.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir::query {

struct RowStreamBounds {
  std::uint64_t batch_rows_max = 1'024;
  std::uint64_t pass_rows_max = 65'536;
  std::uint64_t pass_bytes_max = 32 * MiB; ///< Memory of the rows of a pass.
};

class RowStream {
public:
  using Rows = std::vector<std::vector<Value>>;
  /// Runs a query over views: `too_large` if its rows take more than `result_bytes_max`; nothing: the bound of any
  /// query. Its deadline is that of the stream.
  using Run = std::function<Result<QueryResult>(const Query& query, const std::vector<ShardView>& views,
                                                std::optional<std::uint64_t> result_bytes_max)>;
  /// Whether the stream goes on: asked before each batch.
  using MayGoOn = std::function<Status()>;

  /// Errors: as Query::validate().
  static Result<RowStream> make(Query query, std::vector<ShardView> views, const RowStreamBounds& bounds, Run run,
                                MayGoOn may_go_on);

  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
  /// The next rows; empty at the end. Errors: those of `run` and `may_go_on`, for good.
  Result<Rows> next();

private:
  RowStream(Query query, std::vector<ShardView> views, const RowStreamBounds& bounds, Run run, MayGoOn may_go_on)
      : query_(std::move(query)), views_(std::move(views)), bounds_(bounds), run_(std::move(run)),
        may_go_on_(std::move(may_go_on)) {}
  void find_position();
  Status fill();
  Status run_pass();
  [[nodiscard]] Rows take_batch();

  Query query_;
  std::vector<ShardView> views_;
  RowStreamBounds bounds_;
  Run run_;
  MayGoOn may_go_on_;
  std::vector<std::string> columns_;
  bool in_passes_ = false;
  std::size_t position_ = 0;     ///< Column of a pass that holds the position.
  std::size_t columns_kept_ = 0; ///< Columns of a pass that are handed out: the position may be behind them.
  Position last_ = 0;            ///< Of the last row found.
  std::uint64_t skip_ = 0;       ///< Rows still to be left out.
  std::uint64_t wanted_ = 0;     ///< Rows still to be handed out.
  Rows rows_;                    ///< Of the pass.
  std::size_t given_ = 0;        ///< How many of them were handed out.
  bool at_end_ = false;          ///< Nothing is behind rows_.
  std::optional<Error> error_;
};

} // namespace weir::query
