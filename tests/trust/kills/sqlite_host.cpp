// The same work as kills_host.cpp does, stored in SQLite with synchronous=FULL: a control that the judge must find
// nothing against.
#include "trust/kills/orders.hpp"
#include "trust/kills/speech.hpp"

#include <exception>
#include <filesystem>
#include <sqlite3.h>
#include <stdexcept>

using namespace weir;
using namespace weir::trust;

namespace {

constexpr std::uint64_t calls_max = 8; // in one transaction

class Store {
public:
  explicit Store(const std::string& directory) {
    std::filesystem::create_directories(directory);
    check(sqlite3_open((directory + "/events.db").c_str(), &database_));
    execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS events(position INTEGER "
            "PRIMARY KEY, context INTEGER, sequence INTEGER, fields TEXT, UNIQUE(context, sequence))");
    prepare("SELECT coalesce(max(sequence), 0), (SELECT coalesce(max(position), 0) FROM events) FROM events WHERE "
            "context=?1",
            &last_);
    prepare("INSERT INTO events VALUES(?1, ?2, ?3, ?4)", &insert_);
  }

  void execute(const char* sql) { check(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr)); }

  Receipt insert(const Call::Part& part) {
    check(sqlite3_bind_int64(last_, 1, part.context));
    step(last_, SQLITE_ROW);
    Receipt receipt;
    receipt.sequence = static_cast<Sequence>(sqlite3_column_int64(last_, 0)) + 1;
    receipt.position = static_cast<Position>(sqlite3_column_int64(last_, 1)) + 1;
    check(sqlite3_reset(last_));
    for (const Event& event : part.events) {
      const std::string fields =
          caller_fields(event.event_type, *event.timestamp, event.event_id, event.metadata, event.payload);
      check(sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(receipt.position + receipt.events)));
      check(sqlite3_bind_int64(insert_, 2, part.context));
      check(sqlite3_bind_int64(insert_, 3, static_cast<sqlite3_int64>(receipt.sequence + receipt.events)));
      check(sqlite3_bind_text(insert_, 4, fields.data(), static_cast<int>(fields.size()), SQLITE_TRANSIENT));
      step(insert_, SQLITE_DONE);
      check(sqlite3_reset(insert_));
      ++receipt.events;
    }
    return receipt;
  }

  void show(const std::vector<Sequence>& from) {
    std::string out;
    sqlite3_stmt* select = nullptr;
    prepare("SELECT sequence, position, fields FROM events WHERE context=?1 AND sequence>=?2 ORDER BY sequence",
            &select);
    for (std::uint32_t context = 0; context < from.size(); ++context) {
      check(sqlite3_bind_int64(select, 1, context));
      check(sqlite3_bind_int64(select, 2, static_cast<sqlite3_int64>(from[context])));
      while (sqlite3_step(select) == SQLITE_ROW)
        out += format("event {} {} {} {}\n", kill_context_name(context), sqlite3_column_int64(select, 0),
                      sqlite3_column_int64(select, 1), reinterpret_cast<const char*>(sqlite3_column_text(select, 2)));
      check(sqlite3_reset(select));
    }
    check(sqlite3_finalize(select));
    prepare("SELECT count(*) FROM events", &select);
    step(select, SQLITE_ROW);
    say(out + format("count {}", sqlite3_column_int64(select, 0)));
    check(sqlite3_finalize(select));
  }

private:
  void check(int code) {
    if (code != SQLITE_OK)
      throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(database_));
  }
  void prepare(const char* sql, sqlite3_stmt** statement) {
    check(sqlite3_prepare_v2(database_, sql, -1, statement, nullptr));
  }
  void step(sqlite3_stmt* statement, int wanted) {
    if (sqlite3_step(statement) != wanted)
      throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(database_));
  }

  sqlite3* database_ = nullptr; // closed by SIGKILL
  sqlite3_stmt* last_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

[[noreturn]] void run(const HostOrders& orders) {
  say("opening");
  Store store(orders.directory);
  say("opened");
  std::string placed = "placed";
  for (std::uint32_t context = 0; context < kill_contexts; ++context)
    placed += " 0";
  say(placed);
  if (!orders.show.empty())
    store.show(orders.show);
  say("writing");
  while (orders.idle)
    ::pause();
  Dice dice(Dice(orders.seed ^ orders.life).next());
  std::uint64_t acks = 0;
  for (std::uint32_t number = 1;;) {
    struct Committed {
      CallId id;
      std::vector<std::uint32_t> contexts;
      std::vector<Receipt> receipts;
    };
    std::vector<Committed> group;
    store.execute("BEGIN IMMEDIATE");
    for (std::uint64_t left = 1 + dice.below(calls_max); left > 0; --left) {
      const CallId id{orders.life, 0, number++};
      const Call call = make_call(orders.seed, id);
      Committed& stored = group.emplace_back(Committed{id, call.contexts(), {}});
      for (const Call::Part& part : call.parts)
        stored.receipts.push_back(store.insert(part));
    }
    store.execute("COMMIT");
    for (const Committed& call : group) {
      say_acknowledged(call.id, call.contexts, call.receipts);
      if (++acks == orders.acks_until_kill)
        die();
    }
  }
}

} // namespace

int main(int argc, char** argv) {
  try {
    run(orders_of(argc, argv));
  } catch (const std::exception& e) {
    give_up(e.what());
  }
}
