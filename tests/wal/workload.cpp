#include "tests/wal/workload.hpp"

#include <doctest/doctest.h>

namespace weir::wal::test {

LogEnd check_recovered(io::FileSystem& fs, Oracle& oracle) {
  const auto recovered = recover_all(fs, recover_options(oracle.first_file, oracle.cut));
  if (!recovered.end)
    FAIL("recovery failed: ", to_string(recovered.end.error()));
  const Records& found = recovered.records;
  for (const auto& [record, body] : found) {
    const auto known = oracle.appended.find(record);
    const auto possible = oracle.perhaps.find(record);
    const bool ours = (known != oracle.appended.end() && known->second == body) ||
                      (possible != oracle.perhaps.end() && possible->second == body);
    if (record <= oracle.cut || !ours)
      FAIL("record ", record, " was never written like this");
  }
  const std::uint64_t last_found = found.empty() ? 0 : found.rbegin()->first;
  for (const auto& [record, body] : oracle.appended) {
    if (record > oracle.cut && !found.contains(record) && (record <= oracle.synced || record < last_found))
      FAIL("record ", record, " is lost; synced up to ", oracle.synced, ", last found ", last_found);
  }
  if (recovered.end->last_record < oracle.synced)
    FAIL("numbers up to ", oracle.synced, " are taken");
  oracle.appended = found;
  oracle.perhaps.clear();
  oracle.synced = recovered.end->last_record;
  return *recovered.end;
}

Workload::Workload(io::FileSystem& fs, Oracle& oracle, std::uint64_t seed)
    : oracle_(oracle), seed_(seed), random_(io::make_seeded_random(seed)),
      writer_(fs, writer_options(), check_recovered(fs, oracle)) {
}

bool Workload::run(int steps) {
  for (int i = 0; i < steps; ++i) {
    if (step())
      continue;
    if (writer_.poisoned()) {
      CHECK(writer_.append(*group_of({"refused"})).code() == Errc::io_error);
      CHECK(writer_.sync().code() == Errc::io_error);
      CHECK(writer_.abandon_file().code() == Errc::io_error);
      CHECK(writer_.seal().code() == Errc::io_error);
      CHECK(writer_.synced_record() == oracle_.synced);
    }
    return false;
  }
  return seal();
}

bool Workload::step() {
  if (!append())
    return false;
  if (random_->next() % 3 != 0 && !sync())
    return false;
  if (writer_.wants_spare() && random_->next() % 2 == 0)
    static_cast<void>(writer_.prepare_spare());
  if (random_->next() % 6 == 0)
    flush();
  // A seal in the middle is no close: the writer goes on in a new file.
  return random_->next() % 20 != 0 || seal();
}

bool Workload::append() {
  std::uint64_t record = writer_.next_record();
  std::vector<std::string> bodies;
  Records group;
  for (std::uint64_t left = random_->next() % 3 + 1; left > 0; --left, ++record) {
    const std::size_t bytes = random_->next() % 40 == 0 ? 9000 : random_->next() % 900;
    bodies.push_back(std::to_string(seed_) + " " + body_for(record, bytes));
    group[record] = bodies.back();
  }
  oracle_.perhaps = group;
  const auto first = writer_.append(*group_of(bodies), record % 2 == 0 ? Compression::allowed : Compression::none);
  if (!first)
    return recover_from_failure();
  CHECK(*first == group.begin()->first);
  oracle_.appended.insert(group.begin(), group.end());
  oracle_.perhaps.clear();
  return true;
}

bool Workload::sync() {
  const bool ok = writer_.sync().ok();
  if (ok)
    oracle_.synced = writer_.synced_record();
  CHECK(writer_.synced_record() == oracle_.synced);
  return ok;
}

bool Workload::seal() {
  const Status sealed = writer_.seal();
  oracle_.synced = writer_.synced_record();
  return sealed.ok() || recover_from_failure();
}

bool Workload::recover_from_failure() {
  // Changing over syncs the old file, so more may be claimed than before the append.
  oracle_.synced = writer_.synced_record();
  if (writer_.poisoned() || !sync() || (!writer_.abandon_file() && !writer_.abandon_file()))
    return false;
  // Only now is it certain that the failed group will not come back.
  oracle_.perhaps.clear();
  return true;
}

void Workload::flush() {
  const std::uint64_t last = writer_.last_record();
  if (last <= oracle_.cut)
    return;
  // May lie above what is synced: the segment makes those events durable.
  const std::uint64_t cut = oracle_.cut + 1 + random_->next() % (last - oracle_.cut);
  const std::uint64_t first_file = writer_.first_file_holding(cut + 1);
  oracle_.cut = cut; // The catalog has committed.
  oracle_.first_file = first_file;
  static_cast<void>(writer_.release_before(first_file));
}

} // namespace weir::wal::test
