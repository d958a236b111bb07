#include "unplug/scenarios/json/values.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace unplug::scenarios {

void option_error(Diagnostics& out, std::string option, std::string message, std::string expected, std::string nearest) {
  Diagnostic d;
  d.file = std::move(option);
  d.message = std::move(message);
  d.expected = std::move(expected);
  d.nearest = std::move(nearest);
  out.add(std::move(d));
}

std::string json_text(Node n) {
  switch (n.kind()) {
    case Node::Kind::string: return nlohmann::json(std::string(n.string())).dump();
    case Node::Kind::integer: return std::to_string(n.integer());
    case Node::Kind::boolean: return n.boolean() ? "true" : "false";
    default: return "null";
  }
}

std::vector<std::string> words(Node n, Diagnostics& out, std::string_view expected) {
  std::vector<std::string> result;
  const auto add = [&](Node w) {
    if (w.is(Node::Kind::string)) {
      result.emplace_back(w.string());
    } else {
      w.error(out, fmt::format("found {}", Node::kind_name(w.kind())), std::string(expected));
    }
  };
  if (n.is(Node::Kind::array)) {
    for (std::size_t i = 0; i < n.size(); ++i) add(n.at(i));
  } else if (n) {
    add(n);
  }
  return result;
}

}  // namespace unplug::scenarios
