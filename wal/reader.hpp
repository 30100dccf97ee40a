// Reads one log file: its header, then record after record up to a seal or to the first bad byte.
//
// Purpose: decides what is valid in one file. What a bad byte means (torn or corrupt) is for recovery, which sees the
// whole chain. Owner: one recovery. Threading: one thread at a time. Invariants: nothing read from the disk is believed
// before its checksum, no length before it is compared with the file's size; memory stays below one piece and one
// group.
#pragma once

#include "wal/format.hpp"
#include "wal/record_batch.hpp"

#include <weir/result.hpp>

#include "engine/io/file_system.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace weir::wal {

enum class HeaderState : std::uint8_t {
  valid,
  invalid, ///< No header of this file: never written, torn or damaged.
  foreign, ///< The header of another shard or of a later number: files were swapped.
  cut_off, ///< The file ends inside its header; empty files and prepared ones do not.
};

/// Where the good records of a file end.
struct FileEnd {
  std::uint64_t offset = 0;      ///< First byte behind the last good record.
  std::uint64_t last_record = 0; ///< first_record - 1 if there is none.
  std::optional<Seal> seal;      ///< The seal at `offset`, if there is one; it agrees with the records.
  bool truncated = false;        ///< The file ends here, before the length it had when it was written.
};

/// Bytes read at once: large enough to stream, small enough that a nearly empty log costs little.
inline constexpr std::size_t piece_bytes = 4 * MiB;

class FileReader {
public:
  /// Opens the file and reads its header. Errors: io_error, not_found; `incompatible` for a header of another version.
  static Result<FileReader> open(io::FileSystem& fs, ShardId shard, std::uint64_t directory_seed, std::uint64_t number);

  [[nodiscard]] HeaderState header_state() const noexcept { return header_state_; }
  /// Precondition: header_state() is valid.
  [[nodiscard]] const FileHeader& header() const noexcept { return header_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Hands all good records to `visitor` (which may be empty), in memory from `buffers`. Errors: io_error, the
  /// visitor's, and `corruption` for a seal that contradicts the records before it.
  Result<FileEnd> read(const RecordVisitor& visitor, io::BuffersAhead& buffers) const;

  /// The offset below which, as whole group headers and seals at or behind `from` say, this file had been synced; 0 if
  /// none says anything. Errors: io_error.
  Result<std::uint64_t> synced_offset_claimed_behind(std::uint64_t from) const;

private:
  struct Piece;
  enum class Stop : std::uint8_t { need_more, bad, past_end };

  FileReader() = default;
  Status read_header(ShardId shard, std::uint64_t directory_seed, std::uint64_t number);
  Result<Piece> read_piece(RecordBatch& batch, std::uint64_t offset, std::uint64_t bytes) const;
  Result<Stop> read_groups(Piece& piece, RecordBatch& batch, std::uint64_t& group_bytes) const;
  Result<bool> read_records(Piece& piece, const GroupHeader& group, RecordBatch& batch) const;
  Result<bool> read_compressed(Piece& piece, const GroupHeader& group, RecordBatch& batch) const;
  Result<FileEnd> end_at(std::uint64_t offset, std::uint64_t last_record, Stop stop) const;

  std::unique_ptr<io::File> file_;
  std::string path_;
  std::uint64_t identity_ = 0;
  std::uint64_t size_ = 0;  ///< Of the file as it is.
  std::uint64_t limit_ = 0; ///< Nothing is read behind it: the shorter of size and recorded length.
  HeaderState header_state_ = HeaderState::invalid;
  FileHeader header_;
};

} // namespace weir::wal
