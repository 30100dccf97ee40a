// The rows of a query, pulled in batches: for answers larger than memory.
//
// Threading: one thread at a time; cancel() from any. May outlive the engine; then it answers `closing`.
#pragma once

#include <weir/limits.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir {

namespace query {
class RowStream;
}

struct QueryStreamOptions {
  /// Rows of one batch, from 1.
  std::uint64_t batch_rows_max = 1'024;
  /// Rows without ORDER BY are found in passes over the positions, each of which holds so much memory at most, from 1
  /// MiB. Fewer and larger passes read less.
  std::uint64_t pass_bytes_max = 32 * MiB;

  /// `invalid_argument` naming the option.
  [[nodiscard]] Status validate() const;
};

class QueryStream {
public:
  QueryStream(QueryStream&&) noexcept;
  QueryStream& operator=(QueryStream&&) noexcept;
  ~QueryStream();

  /// Names of the columns, as QueryResult has them.
  [[nodiscard]] const std::vector<std::string>& columns() const noexcept;
  /// The next rows, in the order of Engine::query(); empty at the end. All are of one moment, that of query_stream(),
  /// whose segments and memory are kept until the end of the stream, its first error, its destruction, or at the latest
  /// a second after its deadline, even if nobody reads. Errors, for good: those of Engine::query(), whose timeout is
  /// that of the whole stream.
  Result<std::vector<std::vector<Value>>> next();
  /// next() answers `cancelled` from now on, also one that is running. Where the caller gave a QueryOptions::cancel,
  /// this sets it, and so ends whatever else goes by it.
  void cancel() noexcept;

private:
  friend class Engine;
  QueryStream(std::unique_ptr<query::RowStream> rows, std::shared_ptr<std::atomic<bool>> cancel);
  std::unique_ptr<query::RowStream> rows_;
  std::shared_ptr<std::atomic<bool>> cancel_;
};

} // namespace weir
