#include "wal/reader.hpp"

#include "wal/paths.hpp"

#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace weir::wal {
namespace {

/// A structure of type T at `offset`, or nothing if the file ends before it does.
template <class T> Result<std::optional<T>> read_at(const io::File& file, std::uint64_t offset) {
  std::array<std::byte, sizeof(T)> bytes;
  const auto got = file.pread(bytes, offset);
  if (!got)
    return got.error();
  if (*got < bytes.size())
    return std::optional<T>{};
  return std::optional<T>(load<T>(bytes.data()));
}

/// What a whole group header or seal at `bytes` says had been synced before it was written.
std::uint64_t claim_at(const char* bytes, std::uint64_t identity, std::uint64_t offset) {
  const auto group = load<GroupHeader>(bytes);
  if (valid(group, identity, offset))
    return group.synced_offset;
  const auto seal = load<Seal>(bytes);
  return valid(seal, identity, offset) ? offset : 0;
}

} // namespace

/// Consecutive bytes of the file that begin with a group.
struct FileReader::Piece {
  std::shared_ptr<char[]> bytes;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t used = 0; ///< Bytes read as good groups or records.

  [[nodiscard]] std::uint64_t rest() const { return size - used; }
  [[nodiscard]] const char* at(std::uint64_t position) const { return bytes.get() + position; }
  [[nodiscard]] std::uint64_t offset_of(const char* place) const {
    return offset + static_cast<std::uint64_t>(place - bytes.get());
  }
};

Result<FileReader> FileReader::open(io::FileSystem& fs, ShardId shard, std::uint64_t directory_seed,
                                    std::uint64_t number) {
  FileReader reader;
  reader.path_ = file_path(shard, number);
  auto file = fs.open(reader.path_, io::OpenMode::read_only);
  if (!file)
    return file.error();
  reader.file_ = std::move(*file);
  reader.identity_ = file_identity(directory_seed, identity_kind, shard, number);
  const auto size = reader.file_->size();
  if (!size)
    return size.error();
  reader.size_ = *size;
  reader.limit_ = *size;
  WEIR_TRY(reader.read_header(shard, directory_seed, number));
  return reader;
}

Status FileReader::read_header(ShardId shard, std::uint64_t directory_seed, std::uint64_t number) {
  const auto read = read_at<FileHeader>(*file_, 0);
  if (!read)
    return read.error();
  if (!*read && size_ > 0)
    header_state_ = HeaderState::cut_off;
  if (!*read || (*read)->magic != file_magic)
    return {};
  const FileHeader& header = **read;

  if (header.check == check_of(header, identity_, 0)) {
    if (header.version < format_version_min || header.version > format_version)
      return fail(Errc::incompatible,
                  weir::format("log format {} is not known to this version, which reads {} to {}", header.version,
                               format_version_min, format_version),
                  place(path_, 0));
    if (header.shard != shard || header.number != number || header.first_record == 0 ||
        header.predecessor_last_record >= header.first_record || header.file_bytes < data_offset)
      return {};
    header_ = header;
    header_state_ = HeaderState::valid;
    limit_ = std::min(size_, header.file_bytes);
    return {};
  }

  // A recycled file may still carry the header of its earlier life: same shard, lower number. Any other whole header
  // has no business here.
  const std::uint64_t own_identity = file_identity(directory_seed, identity_kind, header.shard, header.number);
  if (header.check == check_of(header, own_identity, 0) && (header.shard != shard || header.number > number))
    header_state_ = HeaderState::foreign;
  return {};
}

Result<FileEnd> FileReader::read(const RecordVisitor& visitor, io::BuffersAhead& buffers) const {
  std::uint64_t offset = data_offset;
  std::uint64_t group_bytes = 0; // of a group that is larger than a piece
  RecordBatch batch(visitor, buffers, header_.first_record);
  while (true) {
    auto piece = read_piece(batch, offset, std::max<std::uint64_t>(piece_bytes, group_bytes));
    if (!piece)
      return piece.error();
    const auto stop = read_groups(*piece, batch, group_bytes);
    if (!stop)
      return stop.error();
    offset = piece->offset + piece->used;
    if (*stop != Stop::need_more) {
      WEIR_TRY(batch.hand_out());
      return end_at(offset, batch.next_record() - 1, *stop);
    }
  }
}

Result<FileReader::Piece> FileReader::read_piece(RecordBatch& batch, std::uint64_t offset, std::uint64_t bytes) const {
  Piece piece;
  piece.offset = offset;
  const auto wanted = static_cast<std::size_t>(offset < limit_ ? std::min(bytes, limit_ - offset) : 0);
  auto buffer = batch.begin_piece(wanted);
  if (!buffer)
    return buffer.error();
  piece.bytes = std::move(*buffer);
  const auto got = file_->pread(std::as_writable_bytes(std::span(piece.bytes.get(), wanted)), offset);
  if (!got)
    return got.error();
  // Somebody cut the file while it was read. Not taken for the end of the log: that is decided by the size above.
  if (*got < wanted)
    return fail(Errc::io_error, "the log file became shorter while it was read", place(path_, offset + *got));
  piece.size = wanted;
  return piece;
}

/// Reads the groups of the piece. On need_more the next group begins at `piece.used` and has `group_bytes` bytes, or 0
/// if its header is not in the piece.
Result<FileReader::Stop> FileReader::read_groups(Piece& piece, RecordBatch& batch, std::uint64_t& group_bytes) const {
  while (true) {
    group_bytes = 0;
    const std::uint64_t offset = piece.offset + piece.used;
    if (limit_ < offset || limit_ - offset < sizeof(GroupHeader))
      return Stop::past_end;
    if (piece.rest() < sizeof(GroupHeader))
      return Stop::need_more;
    auto group = load<GroupHeader>(piece.at(piece.used));
    if (!valid(group, identity_, offset) || group.first_record != batch.next_record())
      return Stop::bad;
    const bool cut_short = group.group_bytes > limit_ - offset;
    if (cut_short) {
      if (group.raw_bytes != 0 || group.group_bytes > header_.file_bytes - offset)
        return Stop::past_end;
      // Recovery may have finished the file inside the group, and a copy of it ends there.
      group.group_bytes = static_cast<decltype(group.group_bytes)>(limit_ - offset);
    }
    if (group.group_bytes > piece.rest()) {
      group_bytes = group.group_bytes;
      return Stop::need_more;
    }
    const auto good = group.raw_bytes == 0 ? read_records(piece, group, batch) : read_compressed(piece, group, batch);
    if (!good)
      return good.error();
    if (cut_short)
      return Stop::past_end;
    if (!*good)
      return Stop::bad;
  }
}

/// Reads the records of the group at `piece.used` and moves on behind the last good one; false if one is bad.
Result<bool> FileReader::read_records(Piece& piece, const GroupHeader& group, RecordBatch& batch) const {
  const char* at = piece.at(piece.used + sizeof group);
  const char* const end = piece.at(piece.used + group.group_bytes);
  for (std::uint32_t i = 0; i < group.records; ++i) {
    Record record;
    if (!take_record(at, end, record) ||
        (!sabotaged(Sabotage::ignore_record_checksum) &&
         record.check != check_of_bytes(record.body, identity_, piece.offset_of(record.body.data()))))
      return false;
    WEIR_TRY(batch.add(record.body));
    piece.used = static_cast<std::uint64_t>(at - piece.bytes.get());
  }
  return at == end;
}

/// As read_records, for a group whose records are an LZ4 block: all of them are good, or none is.
Result<bool> FileReader::read_compressed(Piece& piece, const GroupHeader& group, RecordBatch& batch) const {
  const char* const check = piece.at(piece.used + sizeof group);
  const std::string_view block(check + sizeof(Check), group.group_bytes - sizeof group - sizeof(Check));
  if (!sabotaged(Sabotage::ignore_record_checksum) &&
      load<Check>(check) != check_of_bytes(block, identity_, piece.offset_of(block.data())))
    return false;
  const auto raw = batch.room(group.raw_bytes);
  if (!raw)
    return raw.error();
  if (!lz4::decompress(block, {*raw, group.raw_bytes}))
    return false;
  const char* at = *raw;
  const char* const end = at + group.raw_bytes;
  std::vector<std::string_view> bodies;
  for (std::uint32_t i = 0; i < group.records; ++i) {
    Record record;
    if (!take_record(at, end, record) || record.check != 0)
      return false;
    bodies.push_back(record.body);
  }
  if (at != end)
    return false;
  batch.add_decoded(bodies);
  piece.used += group.group_bytes;
  return true;
}

Result<FileEnd> FileReader::end_at(std::uint64_t offset, std::uint64_t last_record, Stop stop) const {
  FileEnd end;
  end.offset = offset;
  end.last_record = last_record;
  const auto seal = read_at<Seal>(*file_, offset);
  if (!seal)
    return seal.error();
  if (*seal && valid(**seal, identity_, offset)) {
    if ((*seal)->last_record != last_record || (*seal)->records != last_record + 1 - header_.first_record ||
        (*seal)->successor != header_.number + 1)
      return fail(Errc::corruption,
                  weir::format("the seal says the file ends with record {}, but record {} is the last one found",
                               (*seal)->last_record, last_record),
                  place(path_, offset));
    end.seal = **seal;
    return end;
  }
  end.truncated = stop == Stop::past_end && size_ < header_.file_bytes;
  return end;
}

Result<std::uint64_t> FileReader::synced_offset_claimed_behind(std::uint64_t from) const {
  static_assert(sizeof(GroupHeader) == sizeof(Seal));
  constexpr std::size_t structure_bytes = sizeof(GroupHeader);
  constexpr char magic_byte = static_cast<char>(group_magic & 0xFF);
  static_assert((group_magic & 0xFF) == (seal_magic & 0xFF));

  std::uint64_t claimed = 0;
  std::uint64_t offset = std::max(from, data_offset);
  // Mostly these are zeros: little memory, so that it stays at hand.
  constexpr std::uint64_t scan_bytes = 256 * KiB;
  const auto buffer_bytes = static_cast<std::size_t>(std::min(scan_bytes, size_ - std::min(size_, offset)));
  const auto buffer = std::make_unique_for_overwrite<char[]>(buffer_bytes);
  while (offset + structure_bytes <= size_) {
    const auto got = file_->pread(std::as_writable_bytes(std::span(buffer.get(), buffer_bytes)), offset);
    if (!got)
      return got.error();
    if (*got < structure_bytes)
      break;
    // Every start whose structure lies within these bytes; the next round begins with the first that does not.
    const std::string_view starts(buffer.get(), *got - structure_bytes + 1);
    for (std::size_t i = starts.find(magic_byte); i != starts.npos; i = starts.find(magic_byte, i + 1))
      claimed = std::max(claimed, claim_at(buffer.get() + i, identity_, offset + i));
    offset += starts.size();
  }
  return claimed;
}

} // namespace weir::wal
