// consumers.db as a file: when it is made, whether it is ours, its transactions and compiled statements.
//
// Purpose: what ConsumerStore's rows need of SQLite, apart from the rows. Owner: ConsumerStore. Threading: one thread
// at a time. Invariants: opened by the first call that needs it; after any error it is given up and opened anew by the
// next call, because a connection's state is anybody's guess then.
#pragma once

#include "engine/io/file_system.hpp"
#include "engine/sqlite/database.hpp"

#include <weir/result.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir {

class ConsumerFile {
public:
  static constexpr std::int32_t application_id = 0x77656963; ///< "weic"
  static constexpr std::int32_t format_version = 1;

  /// `fs` outlives the object.
  ConsumerFile(io::FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}

  /// Runs `work`, which returns a Result or a Status, in a transaction of its own. Where there is no file, one is made
  /// if `create` says so; else the answer is an empty value.
  template <class Work> auto transact(bool create, Work&& work) {
    using Reply = decltype(work());
    const auto attempt = [&]() -> Reply {
      const auto there = open(create);
      if (!there)
        return there.error();
      if (!*there) {
        if constexpr (std::is_same_v<Reply, Status>)
          return {};
        else
          return typename std::remove_cvref_t<decltype(std::declval<Reply>().value())>{};
      }
      auto transaction = sqlite::Transaction::begin(open_->database);
      if (!transaction)
        return std::move(transaction).error();
      Reply reply = work();
      if (!reply)
        return reply;
      if (Status committed = transaction->commit(); !committed)
        return std::move(committed).error();
      return reply;
    };
    Reply reply = attempt();
    if (!reply)
      close();
    return reply;
  }

  // Inside of transact(). `sql` is a literal, compiled at its first use.

  /// Runs `sql` with what `bind` gives it, and calls `take` for each row until that answers an error.
  template <class Bind, class Take> Status for_each(const char* sql, Bind bind, Take take) {
    const auto found = statement(sql);
    if (!found)
      return found.error();
    sqlite::Statement& row = **found;
    bind(row);
    for (;;) {
      const auto more = row.step();
      Status taken = !more ? Status(more.error()) : *more ? take(std::as_const(row)) : Status();
      if (!taken || !*more) {
        row.reset();
        return taken;
      }
    }
  }
  template <class Bind> Status run(const char* sql, Bind bind) {
    const auto found = statement(sql);
    if (!found)
      return found.error();
    bind(**found);
    return (*found)->run();
  }
  Result<std::int64_t> query_integer(std::string_view sql) { return open_->database.query_integer(sql); }
  [[nodiscard]] Error corrupt(std::string what, std::string_view record) const;

  /// Copies the database into the new file `path` of `to`, in one go; false if there is none.
  Result<bool> copy_to(io::FileSystem& to, const std::string& path);
  void close() { open_.reset(); }

private:
  /// Statements go before the connection.
  struct Open {
    sqlite::Database database;
    std::map<const char*, sqlite::Statement> statements;
  };

  /// False: there is no file, and none was to be made.
  Result<bool> open(bool create);
  Status identify();
  Status check_schema(bool& empty);
  Status fill();
  Result<sqlite::Statement*> statement(const char* sql);

  io::FileSystem& fs_;
  const std::string path_;
  std::optional<Open> open_;
};

} // namespace weir
