// A shard's log files with any content: recovery answers records or `corruption`, twice the same, changes nothing where
// it refuses, and what it hands out goes into a memtable or is refused.
#include "trust/fuzz/wal_files.hpp"

#include "engine/event_codec.hpp"
#include "engine/shard_table.hpp"
#include "wal/paths.hpp"
#include "wal/recovery.hpp"

#include <algorithm>

using namespace weir;
using namespace weir::fuzz;

namespace {

const wal::RecoverOptions options{.shard = 0,
                                  .directory_seed = directory_seed,
                                  .first_file = 1,
                                  .cut_record = 0,
                                  .file_bytes = 8 * 1024,
                                  .spares_max = 4};

struct Recovered {
  Result<wal::LogEnd> end = wal::LogEnd{};
  std::vector<std::string> bodies;
};

/// The records, after they have gone into a memtable as those of an opening shard do.
Recovered recover(io::FileSystem& fs) {
  Recovered recovered;
  UnsealedBudget budget(64 * MiB);
  ShardTable table(0, directory_seed, budget, {});
  bool refused = false;
  std::uint64_t last = 0;
  recovered.end = wal::recover(fs, options,
                               [&](std::uint64_t first_record, std::span<const std::string_view> bodies,
                                   std::shared_ptr<const void> owner, std::uint64_t owner_bytes) -> Status {
                                 require(first_record > last, "records are numbered upwards");
                                 last = first_record + bodies.size() - 1;
                                 std::uint64_t bytes = 0;
                                 for (const std::string_view body : bodies) {
                                   bytes += body.size();
                                   recovered.bodies.emplace_back(body);
                                 }
                                 require(bytes <= owner_bytes, "bodies lie in what their owner holds");
                                 if (refused)
                                   return {};
                                 const Status taken =
                                     table.recover(std::move(owner), bodies, first_record, owner_bytes);
                                 refused = !taken.ok();
                                 if (refused)
                                   require_honest(taken.error());
                                 return {};
                               });
  if (!refused) {
    const ShardView view = table.view();
    std::size_t bytes = 0;
    for (const MemtableView& memtable : view.memtables)
      for (std::uint64_t row = 0; row < memtable.rows(); ++row)
        bytes += memtable.row(row).payload.size();
    require(bytes < 1 * MiB, "rows point into the log");
  }
  return recovered;
}

void repair(std::string& input, Random& random) {
  std::vector<std::string> files = unpack(input);
  for (std::size_t i = 0; i < files.size(); ++i)
    repair_wal_file(files[i], i + 1, random);
  input = pack(files);
}

} // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
  return mutate_and_repair(data, size, size_max, seed, repair);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  io::MemoryFileSystem fs;
  require(fs.create_directory(wal::root_directory()).ok() && fs.create_directory(wal::shard_directory(0)).ok(),
          "the simulated disk takes directories");
  const std::vector<std::string> files = unpack(text_of(data, size));
  for (std::size_t i = 0; i < std::min(files.size(), wal_files_max); ++i)
    write_file(fs, wal::file_path(0, i + 1), unfold_wal_file(files[i]));

  const std::uint64_t before = fs.content_hash();
  const Status verified = wal::verify(fs, options);
  require(fs.content_hash() == before, "verify changes nothing");
  const Recovered once = recover(fs);
  require(verified.code() == once.end.code(), "verify and recover agree");
  if (!once.end) {
    require_honest(once.end.error());
    require(fs.content_hash() == before, "a refused log is not changed");
    return 0;
  }
  const std::uint64_t between = fs.content_hash();
  const Recovered twice = recover(fs);
  require(twice.end.ok() && twice.bodies == once.bodies, "recovering again gives the same records");
  require(twice.end->last_record == once.end->last_record && twice.end->next_file == once.end->next_file,
          "recovering again ends in the same place");
  require(fs.content_hash() == between, "recovering again changes nothing");
  return 0;
}
