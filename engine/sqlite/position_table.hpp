// Positions of consumers in a database that is somebody else's.
//
// Purpose: what ExactlyOnce keeps beside a service's own rows. Owner of the connection: the service. Threading: the
// connection's thread. Errors: as Database.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <string>
#include <string_view>

struct sqlite3;

namespace weir::sqlite {

/// Makes the table `weir_positions` where there is none.
Status create_position_table(sqlite3* connection);
/// 0 if the consumer has none.
Result<Position> read_position(sqlite3* connection, std::string_view consumer);
Status write_position(sqlite3* connection, std::string_view consumer, Position position);
/// Runs `sql`, which has no parameters and no rows.
Status run(sqlite3* connection, const char* sql);

} // namespace weir::sqlite
