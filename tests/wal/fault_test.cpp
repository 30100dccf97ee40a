// The log on a disk whose calls fail, and on a full one.

#include "tests/wal/log_fixture.hpp"
#include "tests/wal/short_writes.hpp"
#include "tests/wal/workload.hpp"

#include "wal/paths.hpp"

#include <doctest/doctest.h>

namespace weir::wal {
namespace {

using namespace test;
using io::CrashPolicy;
using io::MemoryFileSystem;
using io::Operation;

/// Everything that was claimed is there, dead process or dead machine, and the log can be written again.
void check_after_faults(const MemoryFileSystem& fs, const Oracle& oracle, std::uint64_t seed) {
  for (const CrashPolicy& policy : {CrashPolicy::lose_unsynced(), CrashPolicy::keep_everything(),
                                    CrashPolicy::random_subset(seed), CrashPolicy::random_subset(seed + 1)}) {
    const auto image = fs.crash_image(policy);
    Oracle after = oracle;
    CHECK(Workload(*image, after, seed).run(2));
  }
}

TEST_CASE("wal: whichever call fails, nothing claimed as synced is lost") {
  struct Fault {
    Errc code;
    bool persistent;
    Leaves leaves;
  };
  constexpr int steps = 12;
  std::uint64_t runs = 0;
  std::uint64_t survived = 0;
  for (const Fault fault :
       {Fault{Errc::io_error, false, Leaves::half}, Fault{Errc::disk_full, false, Leaves::everything},
        Fault{Errc::disk_full, true, Leaves::nothing}, Fault{Errc::io_error, true, Leaves::half}}) {
    for (std::uint64_t k = 1;; ++k) {
      const std::uint64_t seed = 77;
      CAPTURE(seed);
      CAPTURE(k);
      CAPTURE(fault.persistent);
      MemoryFileSystem fs;
      Oracle oracle;
      std::uint64_t calls = 0;
      bool armed = false;
      fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
        if (!armed)
          return std::nullopt;
        ++calls;
        if (fault.persistent ? calls < k : calls != k)
          return std::nullopt;
        return fail(fault.code, "injected", std::string(call.path));
      });
      ShortWrites disk(fs, fault.leaves, armed);
      Workload workload(disk, oracle, seed);
      armed = true;
      const bool finished = workload.run(steps);
      armed = false;
      if (calls < k) {
        CHECK(finished);
        break; // No call is left to fail.
      }
      ++runs;
      survived += finished ? 1 : 0;
      check_after_faults(fs, oracle, seed);
    }
  }
  CHECK(runs > 200);
  CHECK(survived > 20); // Failed writes are survived without a restart, failed syncs are not.
}

TEST_CASE("wal: a fault in recovery is told, changes no record, and the next recovery succeeds") {
  MemoryFileSystem fs;
  Oracle oracle;
  CHECK(Workload(fs, oracle, 5).run(20));
  Writer writer(fs, writer_options(), check_recovered(fs, oracle));
  oracle.appended[writer.next_record()] = "last";
  oracle.synced = append_one(writer, "last");
  REQUIRE(writer.sync().ok());
  for (std::uint64_t k = 1;; ++k) {
    CAPTURE(k);
    const auto image = fs.crash_image(CrashPolicy::lose_unsynced());
    std::uint64_t calls = 0;
    image->set_hook([&](const io::Call&) -> std::optional<Error> {
      return ++calls == k ? std::optional(fail(Errc::io_error, "injected")) : std::nullopt;
    });
    const auto recovered = recover_all(*image, recover_options(oracle.first_file, oracle.cut));
    image->set_hook({});
    CHECK(recovered.end.ok() == (calls < k));
    if (calls < k)
      break;
    CHECK(recovered.end.code() == Errc::io_error);
    Oracle after = oracle;
    check_recovered(*image, after);
  }
}

TEST_CASE_FIXTURE(Disk, "wal writer: a failed sync poisons it, and later syncs do not claim what was dropped") {
  Writer writer(fs, writer_options(), {});
  append_one(writer, "one");
  REQUIRE(writer.sync().ok());
  append_one(writer, "two");
  bool failing = true;
  fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (failing && call.operation == Operation::sync_data)
      return fail(Errc::io_error, "injected");
    return std::nullopt;
  });
  CHECK(writer.sync().code() == Errc::io_error);
  failing = false;
  CHECK(writer.poisoned());
  const auto before = snapshot(fs);
  CHECK(writer.sync().code() == Errc::io_error);
  CHECK(writer.append(*group_of({"three"})).code() == Errc::io_error);
  CHECK(writer.abandon_file().code() == Errc::io_error);
  CHECK(writer.seal().code() == Errc::io_error);
  CHECK(writer.synced_record() == 1);
  CHECK((snapshot(fs) == before));
  CHECK(recover_all(*fs.crash_image(CrashPolicy::lose_unsynced())).records == Records{{1, "one"}});
}

TEST_CASE_FIXTURE(Disk, "wal writer: after a failed write its numbers are not used again and earlier groups are kept") {
  for (const Leaves leaves : {Leaves::nothing, Leaves::half, Leaves::everything}) {
    MemoryFileSystem memory;
    bool armed = false;
    memory.set_hook([&](const io::Call& call) -> std::optional<Error> {
      return armed && call.operation == Operation::write ? std::optional(fail(Errc::io_error, "injected"))
                                                         : std::nullopt;
    });
    ShortWrites disk(memory, leaves, armed);
    Writer writer(disk, writer_options(), {});
    append_one(writer, "one");
    append_one(writer, "two");
    armed = true;
    CHECK(writer.append(*group_of({"three", "four"})).code() == Errc::io_error);
    armed = false;
    CHECK(writer.append(*group_of({"not before the file is abandoned"})).code() == Errc::io_error);
    CHECK(writer.last_record() == 2);
    REQUIRE(writer.sync().ok());
    CHECK(writer.synced_record() == 2);
    // Full disk: what abandoning needs was set aside when the file was made.
    memory.set_free_bytes(0);
    REQUIRE(writer.abandon_file().ok());
    memory.set_free_bytes(1 << 20);
    CHECK(append_one(writer, "five") == 5);
    REQUIRE(writer.sync().ok());
    for (const CrashPolicy& policy : {CrashPolicy::lose_unsynced(), CrashPolicy::keep_everything()})
      CHECK(recover_all(*memory.crash_image(policy)).records == Records{{1, "one"}, {2, "two"}, {5, "five"}});
  }
}

TEST_CASE_FIXTURE(Disk,
                  "wal writer: a full disk refuses the group that needs a new file, and heals without a restart") {
  Writer writer(fs, writer_options(), {});
  Records written;
  written[append_one(writer, body_for(1, 3'000))] = body_for(1, 3'000);
  fs.set_free_bytes(small_file_bytes / 2);
  for (int cycle = 0; cycle < 5; ++cycle) {
    const auto refused = writer.append(*group_of({body_for(99, 3'000)}));
    REQUIRE(refused.code() == Errc::disk_full);
    CHECK(writer.sync().ok());
    CHECK(writer.abandon_file().ok());
    CHECK(*fs.free_bytes() == small_file_bytes / 2);
    INFO("a smaller group still fits into the current file");
    const std::string body = "cycle " + std::to_string(cycle);
    written[append_one(writer, body)] = body;
  }
  REQUIRE(writer.sync().ok());

  INFO("the log reopens on the full disk");
  const auto image = fs.crash_image(CrashPolicy::lose_unsynced());
  image->set_free_bytes(0);
  const auto recovered = recover_all(*image);
  REQUIRE(recovered.end.ok());
  CHECK(recovered.records == written);

  fs.set_free_bytes(1 << 20);
  CHECK(append_one(writer, body_for(99, 3'000)) == 7);
  REQUIRE(writer.seal().ok());
  written[7] = body_for(99, 3'000);
  CHECK(recover_all(fs).records == written);
}

TEST_CASE_FIXTURE(Disk, "wal writer: it closes on a full disk") {
  Writer writer(fs, writer_options(), {});
  append_one(writer, "one");
  fs.set_free_bytes(0);
  REQUIRE(writer.seal().ok());
  CHECK(recover_all(*fs.crash_image(CrashPolicy::lose_unsynced())).records == Records{{1, "one"}});
}

TEST_CASE_FIXTURE(Disk, "wal spares: one that cannot be made leaves nothing behind and does not concern the log") {
  Writer writer(fs, writer_options(), {});
  append_one(writer, "one");
  const auto before = snapshot(fs);
  fs.set_free_bytes(small_file_bytes / 2);
  CHECK(writer.prepare_spare().code() == Errc::disk_full);
  CHECK((snapshot(fs) == before));
  CHECK(writer.wants_spare());
  CHECK(append_one(writer, "two") == 2);
  CHECK(writer.sync().ok());
}

} // namespace
} // namespace weir::wal
