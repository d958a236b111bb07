// Texts read as JSON, for the tests of that.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "unplug/scenarios/json/document.hpp"

namespace unplug::scenarios::test {

// Of a text that is right.
inline std::unique_ptr<Document> parsed(std::string text) {
  Diagnostics out;
  auto doc = Document::parse(std::move(text), "f", out);
  INFO(out.render());
  REQUIRE(doc != nullptr);
  CHECK(out.all().empty());
  return doc;
}

// What is said of one that isn't.
inline std::vector<Diagnostic> refused(std::string text) {
  Diagnostics out;
  CHECK(Document::parse(std::move(text), "f", out) == nullptr);
  CHECK(out.has_errors());
  return out.all();
}

inline std::string place(const Diagnostic& d) { return d.at ? std::to_string(d.at->line) + ":" + std::to_string(d.at->column) : "file"; }

inline std::string first_message(std::string text) {
  const std::vector<Diagnostic> all = refused(std::move(text));
  return place(all.front()) + " " + all.front().message;
}

}  // namespace unplug::scenarios::test
