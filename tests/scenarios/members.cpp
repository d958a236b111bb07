// Members of memory by way of a local: what validate can know of them.
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "unplug/scenarios/load/scenario.hpp"

using namespace unplug::scenarios;

namespace {

// What is said of a driver with these steps in open() and ioctl(), which share memory 'hub' {id, users, peer, lock} and 'other' {other}.
std::string said(const std::string& open, const std::string& ioctl, const std::string& functions = "") {
  Diagnostics out;
  parse_scenario(fmt::format(R"({{"name": "t",
  "modules": {{"foo": {{"fops": {{"owner": "foo", "open": "foo_open", "unlocked_ioctl": "foo_ioctl"}}}}}},
  "functions": {{
    "foo_probe": [{{"devm_kzalloc": "other", "fields": {{"other": 0}}}}, {{"misc_register": "dev"}}],
    "foo_open": [
      {{"kzalloc": "hub", "fields": {{"id": 0, "users": 0, "peer": 0}}, "to": "h"}}, {{"mutex_init": "hub.lock"}}, {}],
    {}
    "foo_ioctl": [{}], "foo_remove": [{{"misc_deregister": "dev"}}]}},
  "run": {{"removal": "unbind", "tasks": {{}}}}, "policies": ["none"]}})",
                             open.empty() ? R"({"let": "nothing", "value": 0})" : open, functions, ioctl),
                 "t", {}, out);
  std::string text;
  for (const Diagnostic& d : out.all())
    text += fmt::format("{}{}; {}\n", d.severity == Diagnostic::Severity::error ? "" : "warning: ", d.message, d.nearest);
  return text;
}

const std::string keep = R"({"store": "file.private_data", "value": "h"})", get = R"({"load": "file.private_data", "to": "h"}, )";

}  // namespace

TEST_CASE("a member that is there is nothing to speak of") {
  CHECK(said(keep, get + R"({"load": "h.id", "to": "n"}, {"mutex_lock": "h.lock"}, {"mutex_unlock": "h.lock"})").empty());
}

TEST_CASE("a member that the memory has not, which a local points to: by an allocation, a value, a field, or a call") {
  const std::string error = "no field 'idz' in 'hub', to which 'h' points; h.id\n", step = R"({"load": "h.idz", "to": "n"})";
  CHECK(said(step, "") == error);
  CHECK(said(keep, get + step) == error);
  CHECK(said(R"({"store": "other.other", "value": "h"})", R"({"READ_ONCE": "other.other", "to": "h"}, )" + step) == error);
  CHECK(said(keep, get + R"({"let": "g", "value": "h"}, {"let": "h", "value": "g"}, )" + step) == error);
  CHECK(said(keep, get + R"({"call": "helper", "with": {"h": "h"}})", "\"helper\": [" + step + "],") == error);
  CHECK(said("", R"({"let": "h", "value": "other"}, {"load": "h.id", "to": "n"})") == "no field 'id' in 'other', to which 'h' points; \n");
}

TEST_CASE("things, too") {
  CHECK(said("", R"({"let": "h", "value": "other"}, {"mutex_lock": "h.lock"})") == "no mutex 'lock' in 'other', to which 'h' points; \n");
}

TEST_CASE("what one of several has that a local may point to is there") {
  const std::string either = get + R"({"maybe": null, "do": [{"let": "h", "value": "other"}]}, )";
  CHECK(said(keep, either + R"({"load": "h.id", "to": "n"}, {"load": "h.other", "to": "n"})").empty());
  CHECK(said(keep, either + R"({"load": "h.idz", "to": "n"})") == "no field 'idz' in 'other, hub', to which 'h' points; h.id\n");
}

TEST_CASE("of what the text does not say, a word that no memory has is worth a warning") {
  const std::string unknown = R"({"dev_get_drvdata": null, "to": "h"}, )";
  CHECK(said("", unknown + R"({"load": "h.id", "to": "n"}, {"load": "h.other", "to": "n"})").empty());
  CHECK(said("", unknown + R"({"load": "h.othr", "to": "n"})") == "warning: no memory of this file has a field 'othr'; h.other\n");
  CHECK(said("", R"({"let": "h", "value": "NULL"}, {"load": "h.id", "to": "n"})") == "warning: 'h' points to no memory here; \n");
  // A value that is computed, or comes from elsewhere as well.
  CHECK(said(keep, get + unknown + R"({"load": "h.other", "to": "n"})").empty());
  CHECK(said("", R"({"let": "h", "value": "other"}, {"let": "h", "value": "h + 1"}, {"load": "h.id", "to": "n"})").empty());
}

TEST_CASE("hooks of a policy start with what it keeps, where there is such a thing") {
  const auto policy = [](const std::string& step) {
    Diagnostics out;
    auto d = Document::parse(fmt::format(R"({{"unplug": "policy/1", "name": "p", "parts": {{}},
      "state": {{"binding": {{"gone": 0}}, "resource": {{"off": 0}}}}, "hooks": {{"enter": [{}]}}}})",
                                         step),
                             "p", out);
    REQUIRE(d != nullptr);
    const auto p = read_policy(std::move(d), out);
    REQUIRE(p.has_value());
    check_steps(*p, out);
    return out.all().empty() ? std::string{} : out.all().front().message;
  };
  CHECK(policy(R"({"load": "binding.gone", "to": "g"})").empty());
  CHECK(policy(R"({"load": "binding.off", "to": "g"})") == "no field 'off' in 'binding'");
  CHECK(policy(R"({"load": "resource.off", "to": "g"})") == "'resource' points to no memory here");
}
