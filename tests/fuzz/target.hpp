// What the loader is asked with any text at all: by libFuzzer (tests/fuzz/loader.cpp), and with the corpus by tests/scenarios/corpus.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "unplug/scenarios/file/policy_file.hpp"
#include "unplug/scenarios/load/scenario.hpp"
#include "unplug/scenarios/run/failure_file.hpp"

namespace unplug::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "the loader: %s\n", what);
  std::abort();
}

// The name of a policy may be the path of a file, and what is in it is not ours.
inline bool names_a_file(scenarios::Node policies) {
  using scenarios::Node;
  const auto path = [](Node n) {
    return n.is(Node::Kind::string) && (n.string().find('/') != std::string_view::npos || n.string().ends_with(".json"));
  };
  for (std::size_t i = 0; policies.is(Node::Kind::array) && i < policies.size(); ++i) {
    const Node n = policies.at(i);
    if (path(n) || (n.is(Node::Kind::object) && path(n.find("use")))) return true;
  }
  return false;
}

// Either it is there, or there are errors; each stands inside of the text, and all of them can be printed.
inline void check(bool there, const scenarios::Diagnostics& out, const std::string& text) {
  require(there != out.has_errors(), there ? "errors, and something loaded all the same" : "nothing loaded, and no error says why");
  const auto lines = static_cast<std::uint32_t>(std::ranges::count(text, '\n') + std::ranges::count(text, '\r') + 1);
  for (const scenarios::Diagnostic& d : out.all()) {
    require(!d.message.empty(), "an error that says nothing");
    require(d.file != "text" || !d.at || (d.at->line >= 1 && d.at->line <= lines && d.at->column >= 1), "an error outside of the text");
  }
  require(out.render(true).size() >= out.render(false).size(), "colour takes something away");
}

// Loads `text` as each kind of file that there is.
inline void load(const std::string& text) {
  using namespace scenarios;
  scenarios::LoadOptions options;
  {
    Diagnostics out;
    const std::shared_ptr<const Document> document = Document::parse(text, "text", out);
    check(document != nullptr, out, text);
    if (document) {
      const auto policy = read_policy(document, out);
      check(policy.has_value(), out, text);
      Diagnostics replay;
      check(read_failure(*document, replay).has_value(), replay, text);
      const Node root = document->root();
      if (root.is(Node::Kind::object) && root.find("policies") && names_a_file(root.find("policies"))) options.policies = {"none"};
    }
  }
  Diagnostics out;
  const auto scenario = parse_scenario(text, "text", options, out);
  check(scenario != nullptr, out, text);
  if (scenario != nullptr)
    for (const auto& program : scenario->programs) require(program != nullptr, "a scenario that loaded lacks a program");
}

}  // namespace unplug::fuzz
