// A service that backs itself up while it goes on, and the way back. docs/guides/embedding.md quotes from it.
#include <weir/backup.hpp>
#include <weir/engine.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

namespace {

[[noreturn]] void give_up(const weir::Error& error) {
  std::cerr << to_string(error) << '\n';
  std::exit(1);
}

void store(weir::Engine& engine, const std::string& order) {
  if (auto receipt = engine.store({.context_id = order, .event_type = "placed", .payload = "{}"}); !receipt)
    give_up(receipt.error());
}

void back_up(weir::Engine& engine, const std::string& target, const std::string& earlier) {
  weir::BackupOptions options;
  options.base = earlier; // empty for the first one
  auto report = engine.backup(target, options);
  if (!report)
    give_up(report.error());
  std::cout << target << ": " << report->files << " files, " << report->linked_segments << " segments linked\n";
}

} // namespace

int main(int argc, char** argv) {
  const std::string root = argc > 1 ? argv[1] : "orders";
  std::filesystem::create_directory(root);
  std::filesystem::permissions(root, std::filesystem::perms::owner_all);

  auto engine = weir::Engine::open(root + "/data");
  if (!engine)
    give_up(engine.error());
  store(*engine, "order-1");
  back_up(*engine, root + "/monday", "");
  store(*engine, "order-2");
  back_up(*engine, root + "/tuesday", root + "/monday");

  if (auto restored = weir::restore_backup(root + "/tuesday", root + "/copy"); !restored)
    give_up(restored.error());
  auto copy = weir::Engine::open(root + "/copy");
  if (!copy)
    give_up(copy.error());
  auto count = copy->query("QUERY * COUNT");
  if (!count)
    give_up(count.error());
  std::cout << "the copy holds " << to_json(count->rows[0][0]) << " events\n";
}
