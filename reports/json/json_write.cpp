#include <type_traits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "unplug/embedded/reports.hpp"
#include "unplug/reports/json/json.hpp"
#include "unplug/reports/view/enum_names.hpp"
#include "unplug/reports/view/fields.hpp"
#include "unplug/reports/writer.hpp"

namespace unplug::reports {

namespace {

using Json = nlohmann::ordered_json;

template <typename T> Json value_of(const T& value);

template <typename T> Json value_of(const std::vector<T>& list) {
  Json out = Json::array();
  for (const T& item : list) out.push_back(value_of(item));
  return out;
}

template <typename T> Json value_of(const std::optional<T>& value) { return value ? value_of(*value) : Json(nullptr); }

Json value_of(const std::vector<scenarios::Expectation>& list) {
  Json met = Json::array();
  Json unmet = Json::array();
  for (const scenarios::Expectation& expectation : list) {
    (expectation.met ? met : unmet).push_back(value_of(expectation));
  }
  Json out = Json::object();
  out["met"] = std::move(met);
  out["unmet"] = std::move(unmet);
  return out;
}

template <typename T> Json value_of(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return Json(enum_name(value));
  } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return Json(value);
  } else {
    Json out = Json::object();
    Fields<T>::each(value, [&out](const char* key, const auto& field) { out[key] = value_of(field); });
    return out;
  }
}

}  // namespace

nlohmann::ordered_json to_json(const scenarios::Result& result) {
  Json out = Json::object();
  out["unplug"] = fmt::format("result/{}", scenarios::result_version);
  out.update(value_of(result));
  return out;
}

std::string write_json(const scenarios::Result& result) {
  return to_json(result).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string_view result_schema() { return embedded::find("schema/result-2.json")->text; }

// The format `json`: the stored result is itself a report.
std::string write_json(const scenarios::Result& result, const WriterOptions&) { return write_json(result); }

}  // namespace unplug::reports
