// `weir model`, beside an engine that has the directory open and on one that a service has left.
#include "api/cli/model_directory.hpp"
#include "api/cli/program.hpp"
#include "tests/api/models/model_rig.hpp"
#include "tests/support/shared_data.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include <weir/engine.hpp>
#include <weir/event_sourcing_db.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <spawn.h>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

using Arguments = std::vector<std::string>;

/// What a command prints, and its exit code.
struct Ran {
  int code = 0;
  std::string out, err;

  [[nodiscard]] bool says(std::string_view part) const { return err.find(part) != std::string::npos; }
};

class Program {
public:
  Ran operator()(const Arguments& arguments, std::string_view input = {}) const {
    std::vector<const char*> all = {"weir"};
    for (const std::string& argument : arguments)
      all.push_back(argument.c_str());
    write_input(input);
    std::fflush(stdout);
    std::fflush(stderr);
    const int saved[] = {::dup(STDIN_FILENO), ::dup(STDOUT_FILENO), ::dup(STDERR_FILENO)};
    REQUIRE(std::freopen(in_.c_str(), "r", stdin) != nullptr);
    REQUIRE(std::freopen(out_.c_str(), "w", stdout) != nullptr);
    REQUIRE(std::freopen(err_.c_str(), "w", stderr) != nullptr);
    const int code = cli::run_program(static_cast<int>(all.size()), all.data());
    std::fflush(stdout);
    std::fflush(stderr);
    for (int descriptor = 0; descriptor < 3; ++descriptor) {
      ::dup2(saved[descriptor], descriptor);
      ::close(saved[descriptor]);
    }
    return {code, read(out_), read(err_)};
  }

  /// The same in a process of its own.
  Ran apart(const char* program, Arguments arguments, std::string_view input = {}) const {
    return finish(start(program, std::move(arguments), input));
  }
  [[nodiscard]] ::pid_t start(const char* program, Arguments arguments, std::string_view input = {}) const {
    arguments.insert(arguments.begin(), program);
    std::vector<char*> all;
    for (std::string& argument : arguments)
      all.push_back(argument.data());
    all.push_back(nullptr);
    write_input(input);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, in_.c_str(), O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::pid_t pid = 0;
    REQUIRE(::posix_spawn(&pid, program, &files, nullptr, all.data(), environ) == 0);
    ::posix_spawn_file_actions_destroy(&files);
    return pid;
  }
  [[nodiscard]] Ran finish(::pid_t pid) const {
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    REQUIRE(WIFEXITED(status));
    return {WEXITSTATUS(status), read(out_), read(err_)};
  }

private:
  void write_input(std::string_view input) const { std::ofstream(in_) << input; }
  static std::string read(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  TempDirectory directory_;
  std::string in_ = directory_.path("in"), out_ = directory_.path("out"), err_ = directory_.path("err");
};

/// Orders, which only their own writes change.
EventSourcingOptions shop() {
  EventSourcingOptions options;
  options.name = "shop";
  options.commit_within_ms = std::chrono::milliseconds(0); // the program looks from outside
  ModelDefinition orders;
  orders.model.name = "orders";
  orders.model.columns = {{.name = "id", .type = ColumnType::integer},
                          {.name = "status", .type = ColumnType::text, .index = ColumnIndex::all},
                          {.name = "total", .path = "sum.total", .index = ColumnIndex::sparse},
                          {.name = "note", .text_search = true}};
  options.models.push_back(std::move(orders));
  return options;
}

/// Sums of events by a function, and their quarantine.
EventSourcingOptions books() {
  EventSourcingOptions options;
  options.name = "books";
  options.on_failure = OnFailure::quarantine;
  options.models.push_back(adding_model());
  return options;
}

void fill_orders(EventSourcingDB& db, int count) {
  for (int i = 1; i <= count; ++i) {
    Json order =
        Json::object({{"id", i}, {"status", i % 2 == 0 ? "paid" : "open"}, {"sum", Json::object({{"total", i * 10}})}});
    if (i == 3)
      order.set("note", "50% off; or so");
    must(db.model("orders")->set(order));
  }
}

/// Every file of a directory with its size and content, save for the indexes that SQLite shares with its users.
std::map<std::string, std::string> files_in(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".db-shm")
      continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    files[entry.path().string()] = text.str();
  }
  return files;
}

std::string part_after(const std::string& text, std::string_view mark) {
  const std::size_t place = text.find(mark);
  REQUIRE(place != std::string::npos);
  const std::size_t begin = place + mark.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

} // namespace

TEST_CASE("projection: the program shows models beside a service and after it, and leaves no trace") {
  std::optional<ModelRig> rig(std::in_place);
  const std::string data = rig->file("");
  const Program weir;
  const auto look = [&] {
    const Ran all = weir({"model", "list", data, "--format", "csv"});
    CHECK_MESSAGE(all.code == 0, all.err);
    CHECK(all.out.find("name,model,kind,rows,position\r\nbooks,sums,plain,1,") == 0);
    CHECK(all.out.find("\r\nshop,orders,es,4,") != std::string::npos);

    const Ran shown = weir({"model", "show", data, "shop", "orders", "--format", "csv"});
    CHECK_MESSAGE(shown.code == 0, shown.err);
    CHECK(shown.out == "model,column,type,path,index,values,remarks\r\n"
                       "orders,id,integer,id,\"\",4,id\r\n"
                       "orders,status,text,status,all,4,\"\"\r\n"
                       "orders,total,virtual,sum.total,sparse,4,\"\"\r\n"
                       "orders,note,virtual,note,\"\",1,\"\"\r\n");
    CHECK(shown.err == "orders: 4 objects, event-sourced\n");
    CHECK(weir({"model", "show", data, "books"}).err == "sums: 1 objects, plain; functions of the service: reduce\n");

    const Ran found = weir({"model", "search", data, "shop", "orders", "status=paid"});
    CHECK_MESSAGE(found.code == 0, found.err);
    CHECK(found.out == "{\"id\":2,\"sum\":{\"total\":20},\"status\":\"paid\"}\n"
                       "{\"id\":4,\"sum\":{\"total\":40},\"status\":\"paid\"}\n");
    CHECK(found.err == "2 of 2 objects\n");

    const Ran asked = weir({"model", "shell", data, "shop"}, "SELECT count(*) AS n FROM orders;");
    CHECK_MESSAGE(asked.code == 0, asked.err);
    CHECK(asked.out == "n\n-\n4\n");
  };
  {
    const auto orders = rig->open(shop());
    const auto sums = rig->open(books());
    fill_orders(*orders, 4);
    must(sums->dispatch("add", Json::object({{"n", 5}})));
    must(orders->wait_for_queue());
    must(sums->wait_for_queue());
    const auto before = files_in(data + "/models");
    look();
    CHECK((files_in(data + "/models") == before));
    must(orders->model("orders")->remove(4)); // it goes on undisturbed
    must(orders->model("orders")->set(
        Json::object({{"id", 4}, {"status", "paid"}, {"sum", Json::object({{"total", 40}})}})));
  }
  must(rig->engine().close());
  const auto before = files_in(data);
  CHECK(std::none_of(before.begin(), before.end(), [](const auto& file) { return file.first.ends_with("-wal"); }));
  look();
  CHECK((files_in(data) == before));
  CHECK_FALSE(std::filesystem::exists(data + "/models/shop.db-shm"));
}

TEST_CASE("projection: the program reads models in a process of its own while a service writes them") {
  const char* const program = std::getenv("WEIR_PROGRAM");
  if (program == nullptr || ::access(program, X_OK) != 0) {
    skip_test("WEIR_PROGRAM names no program");
    return;
  }
  ModelRig rig;
  const Program weir;
  const auto db = rig.open(shop());
  for (int round = 1; round <= 3; ++round) {
    fill_orders(*db, round);
    const Ran found = weir.apart(program, {"model", "search", rig.file(""), "shop", "orders", "--sort=-id"});
    CHECK_MESSAGE(found.code == 0, found.err);
    CHECK(std::count(found.out.begin(), found.out.end(), '\n') == round);
    const Ran asked = weir.apart(program, {"model", "shell", rig.file(""), "shop"},
                                 "DELETE FROM orders; SELECT max(id) AS top FROM orders");
    CHECK(asked.code == 1);
    CHECK(asked.says("DELETE FROM orders"));
    CHECK(asked.out == "top\n---\n  " + std::to_string(round) + "\n");
    CHECK(weir.apart(program, {"model", "health", rig.file("")}).says("the service alone"));
    const Ran rebuilt = weir.apart(program, {"model", "rebuild", rig.file(""), "shop"});
    CHECK(rebuilt.code == 1);
    CHECK(rebuilt.says(std::to_string(::getpid())));
  }
}

TEST_CASE("projection: the program takes back what it saw of a database that a service began to use meanwhile") {
  ModelRig rig;
  { fill_orders(*rig.open(shop()), 1); }
  const auto directory = cli::ModelDirectory::open(rig.file(""));
  REQUIRE_MESSAGE(directory.ok(), why(directory));
  std::unique_ptr<EventSourcingDB> service;
  const auto look = [&](const std::function<void()>& meanwhile) {
    return directory->read_models("shop", [&](const cli::ModelView& view) -> Status {
      meanwhile();
      return must(view.rows(*must(view.need("orders"))).count()) == 1 ? Status() : fail(Errc::io_error, "other rows");
    });
  };
  must(look([] {}));
  const Status taken = look([&] { service = rig.open(shop()); });
  CHECK(taken.code() == Errc::locked);
  CHECK(why(taken).find("ask again") != std::string::npos);
  must(look([] {}));
  service.reset();
  // A service that came and went has changed the file.
  CHECK(look([&] { fill_orders(*rig.open(shop()), 2); }).code() == Errc::locked);
}

TEST_CASE("projection: the program asks for SQL at a terminal") {
  const char* const program = std::getenv("WEIR_PROGRAM");
  if (program == nullptr || ::access(program, X_OK) != 0) {
    skip_test("WEIR_PROGRAM names no program");
    return;
  }
  ModelRig rig;
  const auto db = rig.open(shop());
  fill_orders(*db, 3);
  const int ours = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(ours >= 0);
  REQUIRE(::grantpt(ours) == 0);
  REQUIRE(::unlockpt(ours) == 0);
  const std::string theirs = ::ptsname(ours);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_addopen(&files, descriptor, theirs.c_str(), O_RDWR | O_NOCTTY, 0);
  std::string data = rig.file("");
  std::string words[] = {"weir", "model", "shell", data, "shop"};
  char* all[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), words[4].data(), nullptr};
  ::pid_t pid = 0;
  REQUIRE(::posix_spawn(&pid, program, &files, nullptr, all, environ) == 0);
  ::posix_spawn_file_actions_destroy(&files);
  std::string shown;
  const auto read_until = [&](std::string_view part) {
    char bytes[1024];
    while (shown.find(part) == std::string::npos) {
      const ssize_t count = ::read(ours, bytes, sizeof bytes); // ends with an error once the program has gone
      if (count <= 0)
        return false;
      shown.append(bytes, static_cast<std::size_t>(count));
    }
    shown.erase(0, shown.find(part) + part.size());
    return true;
  };
  const auto type = [&](std::string_view text) {
    REQUIRE(::write(ours, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  };
  CHECK(read_until("shop> "));
  type("SELECT 'a;b' ||\n");
  CHECK(read_until("... "));
  type("sum(id) AS found FROM orders;\n");
  CHECK(read_until("a;b6"));
  CHECK(read_until("shop> "));
  type("SELECT 1 WHERE 0;\n");
  CHECK(read_until("no rows"));
  CHECK(read_until("shop> "));
  type("DROP TABLE orders;\n");
  CHECK(read_until("weir: "));
  CHECK(read_until("shop> "));
  type("exit\n");
  CHECK_FALSE(read_until("shop> "));
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  ::close(ours);
}

TEST_CASE("projection: the program searches a model by columns, in order, page by page") {
  ModelRig rig;
  const std::string data = rig.file("");
  const Program weir;
  const auto db = rig.open(shop());
  fill_orders(*db, 7);
  const auto search = [&](Arguments more) {
    Arguments all = {"model", "search", data, "shop", "orders"};
    all.insert(all.end(), more.begin(), more.end());
    return weir(all);
  };
  const auto ids = [](const std::string& lines) {
    std::string found;
    std::istringstream all(lines);
    for (std::string line; std::getline(all, line);)
      found += (found.empty() ? "" : " ") + must(Json::parse(line))["id"].to_text();
    return found;
  };
  CHECK(ids(search({}).out) == "1 2 3 4 5 6 7");
  CHECK(ids(search({"total=30"}).out) == "3");
  CHECK(ids(search({"status=open", "total=20"}).out).empty());
  CHECK(ids(search({"status=\"paid\"", "--sort", "-total"}).out) == "6 4 2");
  CHECK(ids(search({"note=0% OFF;"}).out) == "3");
  CHECK(ids(search({"note=0_ OFF"}).out).empty());
  CHECK(ids(search({"id=5"}).out) == "5");

  std::string cursor, seen;
  for (int page = 0; page < 4; ++page) {
    Arguments asked = {"--sort", "status,-id", "--limit", "2"};
    if (page > 0)
      asked.push_back("--cursor=" + cursor);
    const Ran found = search(asked);
    CHECK_MESSAGE(found.code == 0, found.err);
    seen += ids(found.out) + ",";
    CHECK(found.says(page == 3 ? "1 of 7 objects\n" : "2 of 7 objects\nthe next ones: --cursor "));
    if (page < 3)
      cursor = part_after(found.err, "--cursor ");
    else
      CHECK_FALSE(found.says("--cursor"));
  }
  CHECK(seen == "7 5,3 1,6 4,2,");
  CHECK(search({"--sort", "id", "--cursor=" + cursor}).says("cursor"));

  CHECK(search({"id=3", "--format", "csv"}).out == "id,sum,note,status\r\n"
                                                   "3,\"{\"\"total\"\":30}\",50% off; or so,open\r\n");
  CHECK(search({"id=8", "--format", "table"}).out == "id\n--\n");
  CHECK(search({"nothing=1"}).says("nothing"));
  CHECK(search({"--sort", "nothing"}).code == 1);
  CHECK(search({"1=1"}).code == 1);
}

TEST_CASE("projection: the program answers SQL that reads, and refuses what writes") {
  ModelRig rig;
  const std::string data = rig.file("");
  const Program weir;
  {
    const auto db = rig.open(shop());
    fill_orders(*db, 2);
  }
  must(rig.engine().close());
  const auto before = files_in(data);
  const auto ask = [&](std::string_view sql, Arguments more = {}) {
    more.insert(more.begin(), {"model", "shell", data, "shop"});
    return weir(more, sql);
  };
  const Ran several =
      ask("SELECT id, status FROM orders ORDER BY id; -- ;\nSELECT ';' AS a,\n x'00ff' AS b, NULL AS c;;\n"
          "SELECT 1.5 AS last",
          {"--format", "jsonl"});
  CHECK_MESSAGE(several.code == 0, several.err);
  CHECK(several.out == "{\"id\":1,\"status\":\"open\"}\n{\"id\":2,\"status\":\"paid\"}\n"
                       "{\"a\":\";\",\"b\":\"X'00FF'\",\"c\":null}\n{\"last\":1.5}\n");
  CHECK(ask("SELECT 1 WHERE 0;").out.empty());
  CHECK(ask("SELECT CAST(x'ff' AS TEXT) AS t", {"--format", "csv"}).out == "t\r\nX'FF'\r\n");
  CHECK(ask("").code == 0);
  CHECK(ask("EXPLAIN QUERY PLAN SELECT * FROM orders; PRAGMA table_info(orders)").code == 0);

  const Ran after = ask("SELEC 1; SELECT nothing FROM orders; SELECT 2 AS n");
  CHECK(after.code == 1);
  CHECK(after.out == "n\n-\n2\n");
  CHECK(after.says("SELEC 1"));
  CHECK(after.says("SELECT nothing FROM orders"));

  const std::string other = rig.file("other.db");
  for (const char* sql : {"DELETE FROM orders", "INSERT INTO orders(id) VALUES(9)", "UPDATE orders SET status = 'x'",
                          "DROP TABLE orders", "CREATE TABLE t(x)", "CREATE TEMP TABLE t(x)",
                          "CREATE INDEX i ON orders(status)", "VACUUM", "REINDEX", "ANALYZE", "BEGIN", "COMMIT",
                          "SAVEPOINT s", "PRAGMA journal_mode=delete", "PRAGMA query_only=0", "PRAGMA user_version=3",
                          "PRAGMA wal_checkpoint", "PRAGMA optimize", "WITH x AS (SELECT 1) DELETE FROM orders"}) {
    CAPTURE(sql);
    const Ran refused = ask(sql);
    CHECK(refused.code == 1);
    CHECK(refused.out.empty());
    CHECK(refused.says(sql));
  }
  for (const std::string& sql : {"ATTACH '" + other + "' AS o", "VACUUM INTO '" + other + "'"}) {
    CAPTURE(sql);
    CHECK(ask(sql).code == 1);
  }
  CHECK_FALSE(std::filesystem::exists(other));
  CHECK((files_in(data) == before));
}

TEST_CASE("projection: the program tells what has stopped") {
  ModelRig rig;
  const std::string data = rig.file("");
  const Program weir;
  const auto health = [&](Arguments more = {}) {
    more.insert(more.begin(), {"model", "health", data});
    more.insert(more.end(), {"--format", "jsonl"});
    return weir(more);
  };
  {
    const auto orders = rig.open(shop());
    const auto sums = rig.open(books());
    fill_orders(*orders, 3);
    must(sums->dispatch("add", {}, {.context_id = "a"}));
    must(sums->wait_for_queue());
    must(orders->wait_for_queue());
    const Ran open = health();
    CHECK_MESSAGE(open.code == 0, open.err);
    CHECK(open.says("the service alone"));
    CHECK(open.out.find(R"("name":"shop","state":"sound")") != std::string::npos);
    CHECK(open.out.find(R"("lag_events":null)") != std::string::npos);

    orders->close();
    CHECK(sums->dispatch("add", Json::object({{"bad", true}}), {.context_id = "a"}).code() == Errc::projection_failed);
    CHECK(sums->dispatch("add", {}, {.context_id = "a"}).code() == Errc::projection_failed);
    must(sums->dispatch("add", {}, {.context_id = "b"}));
    must(sums->wait_for_queue());
  }
  must(rig.engine().close());
  const Ran stopped = health();
  CHECK(stopped.code == 1);
  CHECK(stopped.out.find(R"("name":"books","state":"quarantine")") != std::string::npos);
  CHECK(stopped.out.find(R"("dead_letters":2,"lag_events":0,"lag_ms":0,"quarantined":["a"])") != std::string::npos);
  CHECK(stopped.out.find(R"("dead_letters":0,"lag_events":3,)") != std::string::npos);
  CHECK(stopped.says("context a has stopped since"));
  CHECK(stopped.says("this one is bad"));
  CHECK(health({"shop"}).code == 0);
  CHECK(health({"books"}).code == 1);

  // Damage hides neither itself nor the others.
  std::filesystem::resize_file(rig.file("models/books.db"), 5'000);
  const Ran damaged = health();
  CHECK(damaged.code == 1);
  CHECK(damaged.out.find(R"("name":"books","state":"unreadable")") != std::string::npos);
  CHECK(damaged.out.find(R"("name":"shop","state":"sound")") != std::string::npos);
  const Ran listed = weir({"model", "list", data});
  CHECK(listed.code == 1);
  CHECK(listed.says("books.db"));
  CHECK(listed.out.find(R"("model":"orders")") != std::string::npos);
}

TEST_CASE("projection: an interrupt of the program leaves models as they are that it was making anew") {
  const char* const program = std::getenv("WEIR_PROGRAM");
  if (program == nullptr) {
    skip_test("WEIR_PROGRAM names no program");
    return;
  }
  ModelRig rig;
  const Program weir;
  fill_orders(*rig.open(shop()), 20);
  must(rig.engine().close());
  const Arguments all = {"model", "search", rig.file(""), "shop", "orders"};
  const std::string wanted = weir(all).out;
  const auto database = must(ModelDatabase::create({.file = rig.file("models/shop.db")}));
  ::pid_t pid = 0;
  // It cannot begin before this has ended, and has asked for the signal before it opens the directory.
  must(database->transaction([&] {
    pid = weir.start(program, {"model", "rebuild", rig.file(""), "shop"});
    const std::string lock = std::filesystem::canonical(rig.file("LOCK")).string();
    const auto has_opened = [&] {
      std::error_code gone;
      for (const auto& file : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone))
        if (std::filesystem::read_symlink(file, gone) == lock)
          return true;
      return false;
    };
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!has_opened() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    return ::kill(pid, SIGINT) == 0 ? Status() : fail(Errc::io_error, "no signal");
  }));
  const Ran interrupted = weir.finish(pid);
  CHECK(interrupted.code == 1);
  CHECK_MESSAGE(interrupted.says("cancelled"), interrupted.err);
  must(database->close());
  CHECK(weir(all).out == wanted);
  CHECK_FALSE(std::filesystem::exists(rig.file("models/shop.rebuild.db")));
  CHECK(weir.apart(program, {"model", "rebuild", rig.file(""), "shop"}).code == 0);
}

TEST_CASE("projection: the program makes models anew that only their own writes change") {
  ModelRig rig;
  const std::string data = rig.file("");
  const Program weir;
  EventSourcingOptions options = shop();
  options.revision = 7;
  const Arguments all = {"model", "search", data, "shop", "orders"};
  std::string wanted;
  {
    const auto db = rig.open(options);
    fill_orders(*db, 20);
    must(db->model("orders")->remove(3));
    must(db->model("orders")->update(Json::object({{"id", 5}, {"status", Json()}})));
    wanted = weir(all).out;
    CHECK(weir({"model", "rebuild", data, "shop"}).code == 1);
  }
  must(rig.engine().close());
  const Ran rebuilt = weir({"model", "rebuild", data, "shop"});
  CHECK_MESSAGE(rebuilt.code == 0, rebuilt.err);
  CHECK(rebuilt.out.find("shop is made anew of 22 events in ") == 0);
  CHECK(weir(all).out == wanted);
  CHECK_FALSE(std::filesystem::exists(rig.file("models/shop.rebuild.db")));
  // The service finds what it left: nothing was put aside.
  CHECK_FALSE(std::filesystem::exists(rig.file("quarantine")));
  rig.reopen();
  const auto db = rig.open(options);
  CHECK(must(db->health()).events_applied == 22);
  CHECK_FALSE(std::filesystem::exists(rig.file("quarantine")));
}

TEST_CASE("projection: the program leaves models with functions to their service, and puts them aside if told to") {
  ModelRig rig;
  const std::string data = rig.file("");
  const Program weir;
  {
    const auto db = rig.open(books());
    must(db->dispatch("add", Json::object({{"n", 5}}), {.context_id = "a"}));
    const Ran busy = weir({"model", "rebuild", data, "books", "--yes"});
    CHECK(busy.code == 1);
    CHECK(busy.says(std::to_string(::getpid())));
    CHECK(sum_of(*db, "a") == 5);
  }
  must(rig.engine().close());
  const Ran refused = weir({"model", "rebuild", data, "books"});
  CHECK(refused.code == 1);
  CHECK(refused.says("functions of model sums are in the service's program"));
  CHECK(std::filesystem::exists(rig.file("models/books.db")));
  const Ran aside = weir({"model", "rebuild", data, "books", "--yes"});
  CHECK_MESSAGE(aside.code == 0, aside.err);
  CHECK_FALSE(std::filesystem::exists(rig.file("models/books.db")));
  CHECK_FALSE(std::filesystem::is_empty(rig.file("quarantine")));
  rig.reopen();
  const auto db = rig.open(books());
  must(db->wait_for_queue());
  CHECK(sum_of(*db, "a") == 5);
}

TEST_CASE("projection: the program says which projections and models there are, and what a name may be") {
  ModelRig rig;
  const std::string data = rig.file("");
  const Program weir;
  for (const char* command : {"show", "health", "rebuild", "shell"})
    CHECK(weir({"model", command, data, "shop"}).says("there is no projection shop; there are: none"));
  CHECK(weir({"model", "list", data}).code == 0);
  const auto orders = rig.open(shop());
  const auto sums = rig.open(books());
  for (const char* command : {"show", "health", "rebuild", "shell"}) {
    CAPTURE(command);
    const Ran missing = weir({"model", command, data, "shops"});
    CHECK(missing.code == 1);
    CHECK(missing.says("there is no projection shops; there are: books, shop"));
    for (const std::string& name : {std::string("../shop"), std::string("Shop"), std::string("shop.rebuild"),
                                    std::string(), std::string("a/b"), std::string(65, 'a')}) {
      CAPTURE(name);
      CHECK(weir({"model", command, data, name}).code == 2);
    }
  }
  CHECK(weir({"model", "show", data, "shop", "order"}).says("there is no model order; there are: orders"));
  CHECK(weir({"model", "search", data, "shop", "order"}).says("there is no model order; there are: orders"));
  TempDirectory empty;
  CHECK(weir({"model", "list", empty.path()}).says("holds no weir data"));
  CHECK(weir({"model", "list", empty.path("none")}).code == 1);

  for (const Arguments& wrong : {Arguments{},
                                 {"list"},
                                 {"forget", data},
                                 {"show", data},
                                 {"search", data, "shop"},
                                 {"search", data, "shop", "orders", "status"},
                                 {"search", data, "shop", "orders", "=1"},
                                 {"search", data, "shop", "orders", "id=1", "id=2"},
                                 {"search", data, "shop", "orders", "--limit", "0"},
                                 {"search", data, "shop", "orders", "--sort", "a,,b"},
                                 {"search", data, "shop", "orders", "--sort", "-"},
                                 {"rebuild", data},
                                 {"shell", data},
                                 {"shell", data, "shop", "--format", "xml"}}) {
    Arguments all = {"model"};
    all.insert(all.end(), wrong.begin(), wrong.end());
    CAPTURE(all.size());
    CAPTURE(all.back());
    CHECK(weir(all).code == 2);
  }
  for (const char* command : {"list", "show", "search", "health", "rebuild", "shell"})
    CHECK(weir({"model", command, "--help"}).out.find(std::string("Example:\n  weir model ") + command) !=
          std::string::npos);
}
