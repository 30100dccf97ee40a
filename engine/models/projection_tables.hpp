// What a projection keeps about itself beside its models: docs/formats/models.md.
//
// Purpose: the position that moves in the transaction of the rows it stands for, and the dead letters. Owner: the
// Projection. Threading: as the database's transactions. Invariants: every row carries a checksum and the number of
// dead letters is kept with the position, so that a wrong position or a lost letter is `corruption`, never a lost or
// repeated event.
#pragma once

#include <weir/event.hpp>
#include <weir/event_sourcing.hpp>
#include <weir/model_database.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct ProjectionRecord {
  /// Whose events, by which functions: nothing before the first open().
  struct Origin {
    std::uint64_t source = 0;
    std::uint64_t revision = 0;
    friend bool operator==(const Origin&, const Origin&) = default;
  };
  std::optional<Origin> origin;
  Position position = 0;          ///< Events before it are applied, or dead letters.
  std::uint64_t events = 0;       ///< Applied.
  std::uint64_t dead_letters = 0; ///< Rows of their table.
  friend bool operator==(const ProjectionRecord&, const ProjectionRecord&) = default;
};

class ProjectionTables {
public:
  /// `database` outlives this.
  explicit ProjectionTables(ModelDatabase& database) : database_(&database) {}

  [[nodiscard]] static std::vector<Migration> migrations();

  // Errors of all: `corruption` naming the table, `incompatible` for another format, those of the database.

  Result<ProjectionRecord> read() const;
  /// Inside a transaction.
  Status write(const ProjectionRecord& record);
  /// Those with a dead letter, in the order of bytes. Checks every row, and that there are `record.dead_letters`.
  Result<std::vector<std::string>> quarantined(const ProjectionRecord& record) const;
  /// By position; all contexts' if `context_id` is empty.
  Result<std::vector<DeadLetter>> dead_letters(std::string_view context_id, std::size_t limit) const;
  /// Adds one, or writes it anew. Inside a transaction; the caller keeps count.
  Status put(const DeadLetter& letter);
  Status erase(const DeadLetter& letter);

private:
  [[nodiscard]] Error corrupt(std::string_view what) const;
  using Visit = std::function<void(DeadLetter&&)>;
  Status each_letter(std::string_view context_id, std::size_t limit, const Visit& visit) const;

  ModelDatabase* database_;
};

} // namespace weir
