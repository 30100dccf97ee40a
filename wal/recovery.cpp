#include "wal/recovery.hpp"

#include "wal/format.hpp"
#include "wal/paths.hpp"
#include "wal/spare_pool.hpp"
#include "wal/visit_behind.hpp"

#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace weir::wal {
namespace {

/// What lies in the shard's directory.
struct Listing {
  bool exists = false;
  std::vector<std::uint64_t> files;
  std::vector<std::uint64_t> spares;
  std::vector<std::uint64_t> unfinished;
  std::vector<std::string> unknown;

  [[nodiscard]] bool has_file(std::uint64_t number) const {
    return std::binary_search(files.begin(), files.end(), number);
  }
  [[nodiscard]] bool has_file_after(std::uint64_t number) const { return !files.empty() && files.back() > number; }
};

Result<Listing> list(io::FileSystem& fs, ShardId shard) {
  Listing listing;
  const std::string directory = shard_directory(shard);
  const auto entries = fs.list(directory);
  if (entries.code() == Errc::not_found)
    return listing;
  if (!entries)
    return entries.error();
  listing.exists = true;
  for (const io::DirectoryEntry& entry : *entries) {
    const auto name = entry.kind == io::EntryKind::file ? parse_name(entry.name) : std::nullopt;
    if (!name)
      listing.unknown.push_back(directory + "/" + entry.name);
    else if (name->kind == NameKind::file)
      listing.files.push_back(name->number);
    else
      (name->kind == NameKind::spare ? listing.spares : listing.unfinished).push_back(name->number);
  }
  std::sort(listing.files.begin(), listing.files.end());
  return listing;
}

/// The chain as far as it is valid.
struct Chain {
  std::vector<LiveFile> files;
  std::uint64_t last_record = 0;       ///< Of the last file.
  std::optional<std::uint64_t> cut_at; ///< Where the last file ends, if it has no seal there.

  [[nodiscard]] bool empty() const { return files.empty(); }
  [[nodiscard]] std::uint64_t last_file() const { return files.empty() ? 0 : files.back().number; }
};

class ChainReader {
public:
  ChainReader(io::FileSystem& fs, const RecoverOptions& options, const Listing& listing)
      : fs_(fs), options_(options), listing_(listing) {}

  /// The visitor is through when this returns.
  Result<Chain> read(const RecordVisitor& visitor) {
    if (!visitor)
      return read_files({});
    VisitBehind behind(visitor);
    auto chain = read_files([&behind](std::uint64_t first_record, std::span<const std::string_view> bodies,
                                      std::shared_ptr<const void> owner, std::uint64_t owner_bytes) {
      return behind.visit(first_record, bodies, std::move(owner), owner_bytes);
    });
    // What it has to say of records comes before what was found behind them meanwhile.
    WEIR_TRY(behind.finish());
    return chain;
  }

private:
  Result<Chain> read_files(const RecordVisitor& visitor) {
    if (!listing_.has_file(options_.first_file)) {
      if (options_.first_file == 1 && !listing_.has_file_after(0))
        return std::move(chain_);
      return corrupt(options_.first_file, 0, "the first live file of the log is missing");
    }
    for (std::uint64_t number = options_.first_file;; ++number) {
      auto file = FileReader::open(fs_, options_.shard, options_.directory_seed, number);
      if (!file)
        return file.error();
      if (file->header_state() != HeaderState::valid) {
        WEIR_TRY(check_never_written(*file, number));
        return std::move(chain_);
      }
      WEIR_TRY(check_predecessor(*file));
      const auto end = file->read(only_above_cut(visitor), buffers_);
      if (!end)
        return end.error();
      kill_point("recover.after_file");
      chain_.files.push_back({number, file->header().first_record});
      chain_.last_record = end->last_record;
      if (!end->seal) {
        WEIR_TRY(check_torn(*file, *end));
        chain_.cut_at = end->offset;
        return std::move(chain_);
      }
      if (!listing_.has_file(number + 1))
        return corrupt(number + 1, 0, "the log file that follows a sealed one is missing");
    }
  }

  Error corrupt(std::uint64_t number, std::uint64_t offset, std::string message) const {
    return fail(Errc::corruption, std::move(message), place(file_path(options_.shard, number), offset));
  }

  RecordVisitor only_above_cut(const RecordVisitor& visitor) const {
    if (!visitor)
      return {};
    return
        [&visitor, cut = options_.cut_record](std::uint64_t first_record, std::span<const std::string_view> bodies,
                                              std::shared_ptr<const void> owner, std::uint64_t owner_bytes) -> Status {
          const std::uint64_t skip = first_record > cut ? 0 : std::min(cut + 1 - first_record, bodies.size());
          if (skip == bodies.size())
            return {};
          return visitor(first_record + skip, bodies.subspan(skip), std::move(owner), owner_bytes);
        };
  }

  /// A file without a header ends the log, unless the log itself says that there had been one.
  Status check_never_written(const FileReader& file, std::uint64_t number) const {
    if (file.header_state() == HeaderState::foreign)
      return corrupt(number, 0, "the log file belongs to another shard or number");
    if (file.header_state() == HeaderState::cut_off)
      return corrupt(number, 0, "the log file was truncated");
    if (listing_.has_file_after(number))
      return corrupt(number, 0, "the header of the log file is damaged: later files exist");
    const auto claimed = file.synced_offset_claimed_behind(data_offset);
    if (!claimed)
      return claimed.error();
    if (*claimed > 0)
      return corrupt(number, 0,
                     weir::format("the header of the log file is damaged: it was synced up to {}", *claimed));
    return {};
  }

  Status check_predecessor(const FileReader& file) const {
    const FileHeader& header = file.header();
    if (!chain_.empty() && !sabotaged(Sabotage::ignore_hole_between_logs) &&
        (header.predecessor != chain_.last_file() || header.predecessor_last_record != chain_.last_record))
      return corrupt(header.number, 0,
                     weir::format("the log file follows record {} of file {}, not record {} of file {}",
                                  header.predecessor_last_record, header.predecessor, chain_.last_record,
                                  chain_.last_file()));
    return {};
  }

  /// The first bad byte of an unsealed file is a torn write, unless the log itself says that it had been synced.
  Status check_torn(const FileReader& file, const FileEnd& end) const {
    if (sabotaged(Sabotage::take_damage_for_torn_tail))
      return {};
    const std::uint64_t number = file.header().number;
    if (end.truncated)
      return corrupt(number, end.offset, "the log file was truncated");
    const auto claimed = file.synced_offset_claimed_behind(end.offset);
    if (!claimed)
      return claimed.error();
    if (*claimed > end.offset)
      return corrupt(
          number, end.offset,
          weir::format("the log is damaged after record {}: it was synced up to offset {}", end.last_record, *claimed));
    bool finished = listing_.has_file_after(number + 1);
    if (!finished && listing_.has_file(number + 1)) {
      const auto next = FileReader::open(fs_, options_.shard, options_.directory_seed, number + 1);
      if (!next)
        return next.error();
      finished = next->header_state() == HeaderState::valid;
      if (!finished) // the next recovery, behind the seal of this one, would refuse it
        WEIR_TRY(check_never_written(*next, number + 1));
    }
    if (finished)
      return corrupt(number, end.offset,
                     weir::format("the log is damaged after record {}: it goes on in the next file", end.last_record));
    return {};
  }

  io::FileSystem& fs_;
  const RecoverOptions& options_;
  const Listing& listing_;
  io::BuffersAhead buffers_{piece_bytes};
  Chain chain_;
};

/// Makes everything the chain holds durable, and seals its last file if it has no seal.
Status finish_end(io::FileSystem& fs, const RecoverOptions& options, const Chain& chain, const Listing& listing) {
  const std::uint64_t number = chain.last_file();
  const std::string path = file_path(options.shard, number);
  auto file = fs.open(path, io::OpenMode::read_write);
  if (!file)
    return file.error();
  // Also for a file that has its seal: the process may have died between writing and syncing it, and the next file
  // must not be begun before.
  if (!sabotaged(Sabotage::skip_recovery_sync))
    WEIR_TRY((*file)->sync_data());
  if (chain.cut_at && !listing.has_file(number + 1)) {
    auto next = fs.open(file_path(options.shard, number + 1), io::OpenMode::create);
    if (!next)
      return next.error();
    kill_point("recover.after_next_name");
  }
  if (!sabotaged(Sabotage::skip_recovery_name_sync))
    WEIR_TRY(fs.sync_directory(shard_directory(options.shard)));
  if (!chain.cut_at || sabotaged(Sabotage::leave_recovered_log_unsealed))
    return {};

  Seal seal;
  seal.last_record = chain.last_record;
  seal.records = chain.last_record + 1 - chain.files.back().first_record;
  seal.successor = number + 1;
  const std::uint64_t identity = file_identity(options.directory_seed, identity_kind, options.shard, number);
  seal.check = check_of(seal, identity, *chain.cut_at);
  kill_point("recover.before_seal");
  WEIR_TRY((*file)->pwrite(std::as_bytes(std::span(&seal, 1)), *chain.cut_at));
  kill_point("recover.after_seal");
  WEIR_TRY((*file)->sync_data());
  kill_point("recover.after_seal_sync");
  return {};
}

/// Sorts out the files that are not part of the log: good ones become spares, others go.
Status tidy(io::FileSystem& fs, const RecoverOptions& options, Listing& listing, LogEnd& end) {
  for (const std::vector<std::uint64_t>* numbers : {&listing.spares, &listing.unfinished}) {
    for (const std::uint64_t number : *numbers)
      end.next_spare = std::max(end.next_spare, number + 1);
  }
  for (const std::uint64_t number : listing.unfinished) {
    WEIR_TRY(fs.unlink(unfinished_spare_path(options.shard, number)));
    kill_point("recover.after_unlink");
  }

  const auto keep = [&](const std::string& path) -> Result<bool> {
    const auto good = reusable(fs, path, options.file_bytes);
    if (!good)
      return good.error();
    return *good && end.spares.size() < options.spares_max;
  };
  for (const std::uint64_t number : listing.spares) {
    const std::string path = spare_path(options.shard, number);
    const auto kept = keep(path);
    if (!kept)
      return kept.error();
    if (*kept)
      end.spares.push_back(number);
    else
      WEIR_TRY(fs.unlink(path));
  }
  for (const std::uint64_t number : listing.files) {
    if (number >= options.first_file)
      break;
    const std::string path = file_path(options.shard, number);
    const auto kept = keep(path);
    if (!kept)
      return kept.error();
    if (!*kept) {
      WEIR_TRY(fs.unlink(path));
      continue;
    }
    WEIR_TRY(fs.rename(path, spare_path(options.shard, end.next_spare)));
    kill_point("recover.after_recycle");
    end.spares.push_back(end.next_spare++);
  }
  end.unknown = std::move(listing.unknown);
  return {};
}

} // namespace

Result<LogEnd> recover(io::FileSystem& fs, const RecoverOptions& options, const RecordVisitor& visitor) {
  auto listing = list(fs, options.shard);
  if (!listing)
    return listing.error();
  const auto chain = ChainReader(fs, options, *listing).read(visitor);
  if (!chain)
    return chain.error();

  kill_point("recover.before_tidy");
  LogEnd end;
  end.next_file = options.first_file;
  end.last_record = options.cut_record;
  if (listing->exists)
    WEIR_TRY(tidy(fs, options, *listing, end));
  if (!chain->empty()) {
    // Unsynced records may have been flushed and then lost with the machine: numbers in segments are taken too.
    end.last_record = std::max(chain->last_record, options.cut_record);
    end.last_file = chain->last_file();
    end.last_file_record = chain->last_record;
    end.next_file = end.last_file + 1;
    end.files = chain->files;
    WEIR_TRY(finish_end(fs, options, *chain, *listing));
  }
  return end;
}

Status verify(io::FileSystem& fs, const RecoverOptions& options) {
  const auto listing = list(fs, options.shard);
  if (!listing)
    return listing.error();
  const auto chain = ChainReader(fs, options, *listing).read({});
  return chain ? Status() : Status(chain.error());
}

} // namespace weir::wal
