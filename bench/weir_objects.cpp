// Objects in weir's models: an ESModel for what is written, a JsonModel for what is read.
#include "bench/must.hpp"
#include "bench/objects.hpp"

#include <weir/engine.hpp>
#include <weir/event_sourcing_db.hpp>
#include <weir/model_database.hpp>

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

namespace weir::bench {
namespace {

JsonModelOptions model_options() {
  JsonModelOptions options;
  options.name = "objects";
  options.columns = {{.name = "id", .type = ColumnType::integer},
                     {.name = "group", .type = ColumnType::integer, .index = ColumnIndex::all},
                     {.name = "name", .type = ColumnType::text}};
  return options;
}

Json json_of(std::uint64_t id, std::uint64_t number) {
  Object object = make_object(id, number);
  return Json::object({{"id", object.id},
                       {"group", object.group},
                       {"name", std::move(object.name)},
                       {"number", object.number},
                       {"note", std::move(object.note)}});
}

class Written final : public WrittenObjects {
public:
  void open(const std::string& directory) override {
    engine_.emplace(must(Engine::open(directory, EngineOptions{})));
    EventSourcingOptions options;
    options.models.emplace_back().model = model_options();
    db_ = must(EventSourcingDB::open(*engine_, std::move(options)));
    objects_ = db_->model("objects");
  }

  void write(std::uint64_t id, std::uint64_t number) override { must(objects_->set(json_of(id, number))); }

  void write_stream(const std::function<bool(ObjectWrite&)>& next, std::size_t in_flight) override {
    std::unique_lock lock(mutex_);
    for (ObjectWrite write; next(write);) {
      changed_.wait(lock, [&] { return on_their_way_ < in_flight; });
      ++on_their_way_;
      lock.unlock(); // the answer may come before the call returns
      objects_->set_async(json_of(write.id, write.number),
                          [this, written = std::move(write.written)](const Result<Json>& result) {
                            if (result)
                              written();
                            answered(result);
                          });
      lock.lock();
    }
    changed_.wait(lock, [&] { return on_their_way_ == 0; });
    if (error_)
      throw std::runtime_error("weir: " + to_string(*error_));
  }

  Tally tally() override {
    must(db_->wait_for_queue());
    Tally tally;
    for (const Json& object : must(objects_->all()))
      add_object(tally, object["id"].integer(), object["number"].integer());
    return tally;
  }

private:
  void answered(const Result<Json>& result) {
    const std::lock_guard lock(mutex_);
    --on_their_way_;
    if (!result)
      error_ = result.error();
    changed_.notify_one();
  }

  std::optional<Engine> engine_;
  std::unique_ptr<EventSourcingDB> db_;
  ESModel* objects_ = nullptr;
  std::mutex mutex_; ///< Guards the rest.
  std::condition_variable changed_;
  std::size_t on_their_way_ = 0;
  std::optional<Error> error_;
};

class Read final : public ReadObjects {
public:
  void fill(const std::string& directory) override {
    open(directory);
    must(database_->transaction([this]() -> Status {
      for (std::uint64_t id = 1; id <= object_count; ++id)
        WEIR_TRY(objects_->put(json_of(id, id)));
      return {};
    }));
    must(database_->close());
  }
  void open(const std::string& directory) override {
    database_ = must(ModelDatabase::create({.file = directory + "/objects.db"}));
    objects_ = must(database_->add_model(model_options()));
    must(database_->open());
  }

  std::int64_t get(std::uint64_t id) override {
    const auto object = must(objects_->get(id));
    return object ? (*object)["number"].integer() : 0;
  }
  Page search(std::uint64_t group) override {
    SearchOptions options;
    options.sort = {{"name"}};
    options.limit = page_rows;
    const SearchResult found = must(objects_->search(Json::object({{"group", group}}), options));
    return {found.items.size(), found.total.value_or(0), !found.cursor.empty()};
  }

private:
  std::unique_ptr<ModelDatabase> database_;
  JsonModel* objects_ = nullptr;
};

} // namespace

std::unique_ptr<WrittenObjects> weir_written_objects() {
  return std::make_unique<Written>();
}
std::unique_ptr<ReadObjects> weir_read_objects() {
  return std::make_unique<Read>();
}

} // namespace weir::bench
