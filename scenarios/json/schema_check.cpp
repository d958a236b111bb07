// valijson says whether a document conforms. Why it does not, it says in its own words about its own concepts, so SchemaExplainer walks
// the failing document again and puts it in words of the file's author.
#include <algorithm>
#include <memory>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/json/schema_explain.hpp"
#include "unplug/scenarios/json/text_map.hpp"
#include "unplug/scenarios/json/valijson.hpp"

namespace unplug::scenarios {

namespace {

using nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;
using Kind = Node::Kind;

constexpr std::size_t max_options = 10;  // that a message lists

std::string joined(const std::vector<std::string>& options) {
  std::string out;
  for (std::size_t i = 0; i < std::min(options.size(), max_options); ++i) {
    const bool last = i + 1 == options.size();
    out += (i == 0 ? "" : last ? " or " : ", ") + options[i];
  }
  return options.size() > max_options ? out + ", ..." : out;
}

void report(const std::vector<SchemaFailure>& failures, Diagnostics& out) {
  for (auto f = failures.begin(); f != failures.end(); ++f) {
    const auto explains = [&](const SchemaFailure& g) { return g.wrong_kind && g.same_node(f->node); };
    if (!f->wrong_kind && std::any_of(failures.begin(), failures.end(), explains)) continue;
    const auto repeats = [&](const SchemaFailure& g) { return g.wrong_kind == f->wrong_kind && g.same_as(*f); };
    if (std::any_of(failures.begin(), f, repeats)) continue;
    std::string nearest = nearest_word(f->found, f->candidates);
    // Who is told the word needs neither a long list nor the same word again.
    const bool said = !nearest.empty() && (f->options.size() > max_options || f->options.size() == 1);
    std::string expected = said ? "" : joined(f->options);
    f->node.error(out, f->message, std::move(expected), std::move(nearest), f->earlier);
  }
}

}  // namespace

// valijson hands strings to std::regex, whose stack grows with their length.
static_assert(Document::max_key <= max_checked_string);
bool check_string_lengths(const Document& doc, Diagnostics& out) {
  std::size_t failures = 0;
  const auto check = [&](const Node& node) {
    if (node.string().size() <= max_checked_string) return;
    node.error(out, fmt::format("string '{}' is too long", clipped(node.string(), 20)),
               fmt::format("at most {} bytes", max_checked_string));
    ++failures;
  };
  std::vector<Node> open{doc.root()};
  while (!open.empty() && failures < SchemaExplainer::max_failures) {
    const Node node = open.back();
    open.pop_back();
    if (node.is(Kind::string)) check(node);
    if (!node.is(Kind::array) && !node.is(Kind::object)) continue;
    for (std::size_t i = node.size(); i-- > 0;) open.push_back(node.at(i));
  }
  return failures == 0;
}

namespace {

// A schema, ready to check with. The published one has a branch for every verb, and a process checks many files with it.
struct Compiled {
  std::string text;
  json value;
  valijson::Schema schema;
  std::set<json> constants;

  explicit Compiled(std::string_view schema_text)
      : text(schema_text), value(json::parse(text, nullptr, /*allow_exceptions=*/true, /*ignore_comments=*/true)),
        constants(constants_of(value)) {
    valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(Adapter(value), schema);
  }
};

const Compiled& compiled(std::string_view schema_text) {
  thread_local std::unique_ptr<const Compiled> last;
  if (!last || last->text != schema_text) last = std::make_unique<const Compiled>(schema_text);
  return *last;
}

}  // namespace

bool check_schema(const Document& doc, std::string_view schema_text, Diagnostics& out) {
  try {
    const Compiled& with = compiled(schema_text);
    if (!check_string_lengths(doc, out)) return false;

    const json value = doc.to_json();
    SchemaExplainer explainer(with.constants);
    if (explainer.holds(with.schema, value)) return true;
    const std::vector<SchemaFailure> failures = explainer.explain(with.schema, doc.root(), value);
    const std::size_t before = out.errors();
    report(failures, out);
    if (out.errors() == before) doc.root().error(out, "the document does not conform to its schema");
    return false;
  } catch (const std::exception& e) {
    throw std::logic_error(std::string("unusable schema: ") + e.what());
  }
}

}  // namespace unplug::scenarios
