// What the reference makes of single values, without any code of the engine's.
#pragma once

#include <weir/expression.hpp>
#include <weir/query_result.hpp>

#include <string>
#include <vector>

namespace weir::test {

/// Types in ORDER BY's order.
inline constexpr int null_type = 0, boolean_type = 1, number_type = 2, time_type = 3, text_type = 4, json_type = 5;
int type_order(const Value& value);
/// -1, 0 or 1: in ORDER BY's sense.
int order_of(const Value& a, const Value& b);
/// A number that is an integer as that integer.
Value plainest(const Value& value);

Value reference_arithmetic(Arithmetic operation, const Value& left, const Value& right);
Value reference_abs(const Value& value);
Value reference_round(const Value& value, int digits);
Value reference_lower(const Value& value);
Value reference_length(const Value& value);
/// Knows the texts of random_data.hpp, integers and times.
Value reference_time(const Value& value);
Value reference_trunc(const std::string& unit, const Value& time);
bool reference_like(const std::string& text, const std::string& pattern);
/// -1 false, 0 unknown, 1 true.
int reference_contains(const Value& array, const Value& element);
/// Of numbers; null of none.
Value reference_total(const std::vector<Value>& numbers);
Value reference_average(const std::vector<Value>& numbers);

} // namespace weir::test
