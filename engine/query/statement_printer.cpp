// The canonical text of a statement.
#include "engine/query/column_names.hpp"
#include "engine/query/text_pieces.hpp"
#include <weir/statement.hpp>

namespace weir {
namespace {

struct Printer {
  std::string operator()(const QueryStatement& statement) const {
    using Explain = QueryStatement::Explain;
    std::string out = statement.explain == Explain::none   ? ""
                      : statement.explain == Explain::plan ? "EXPLAIN "
                                                           : "EXPLAIN ANALYZE ";
    return out + to_text(statement.query);
  }
  std::string operator()(const StoreStatement& statement) const {
    std::string out = "STORE ";
    query::append_name(out, statement.event_type);
    out += " FOR ";
    query::append_name(out, statement.context_id);
    if (statement.timestamp) {
      out += " AT ";
      query::append_time(out, *statement.timestamp);
    }
    if (!statement.event_id.empty()) {
      out += " ID ";
      query::append_name(out, statement.event_id);
    }
    if (!statement.metadata.empty())
      out += " METADATA " + statement.metadata;
    return out + " PAYLOAD " + statement.payload;
  }
  std::string operator()(const ReplayStatement& statement) const {
    std::string out = "REPLAY ";
    query::append_name(out, statement.context_id);
    if (statement.from != 1)
      out += " FROM " + std::to_string(statement.from);
    if (statement.to != sequence_max)
      out += " TO " + std::to_string(statement.to);
    if (!statement.event_types.empty()) {
      out += " TYPES ";
      query::append_list(out, statement.event_types, query::append_name);
    }
    if (statement.backward)
      out += " BACKWARD";
    if (statement.events_max)
      out += " LIMIT " + std::to_string(*statement.events_max);
    return out;
  }
  std::string operator()(const FlushStatement& /*statement*/) const { return "FLUSH"; }
  std::string operator()(const DefineStatement& statement) const { return statement.definition; }
  std::string operator()(const PingStatement& /*statement*/) const { return "PING"; }
  std::string operator()(const ShowStatsStatement& /*statement*/) const { return "SHOW STATS"; }
  std::string operator()(const RememberStatement& statement) const {
    std::string out = "REMEMBER " + to_text(statement.query) + " AS ";
    query::append_name(out, statement.name);
    return out;
  }
  std::string operator()(const ShowViewStatement& statement) const {
    const std::string lower = query::lowered(statement.name);
    std::string out = "SHOW ";
    // Bare, these would be the keywords.
    if (lower == "stats" || lower == "views")
      return out + "'" + statement.name + "'";
    query::append_name(out, statement.name);
    return out;
  }
  std::string operator()(const ListViewsStatement& /*statement*/) const { return "SHOW VIEWS"; }
  std::string operator()(const ForgetStatement& statement) const {
    std::string out = "FORGET ";
    query::append_name(out, statement.name);
    return out;
  }
};

} // namespace

std::string to_text(const Statement& statement) {
  return std::visit(Printer{}, statement);
}

} // namespace weir
