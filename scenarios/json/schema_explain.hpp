// The walk that finds why a document does not conform to its schema: valijson's constraints, visited together with the nodes they concern.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/json/valijson.hpp"

namespace unplug::scenarios {

struct SchemaFailure {
  Node node;
  std::string message;
  std::vector<std::string> options;  // what was expected, one of

  // For the nearest word.
  std::string found;
  std::vector<std::string> candidates;

  std::optional<Position> earlier;
  bool wrong_kind = false;  // nothing else about the node can be right

  [[nodiscard]] bool same_as(const SchemaFailure& other) const { return same_node(other.node) && message == other.message; }
  [[nodiscard]] bool same_node(const Node& other) const { return node.id() == other.id() && node.is_key() == other.is_key(); }
};

// Every constant in a schema. valijson's frozen values can be compared but not read: what one is, is found by comparing it with these.
[[nodiscard]] std::set<nlohmann::json> constants_of(const nlohmann::json& schema);

class SchemaExplainer final : public valijson::constraints::ConstraintVisitor {
 public:
  static constexpr std::size_t max_failures = 100;

  // With the constants of the schema, which have to outlive it.
  explicit SchemaExplainer(const std::set<nlohmann::json>& constants) : constants_(&constants) {}

  // Whether `value` conforms. What valijson itself says.
  bool holds(const valijson::Subschema& schema, const nlohmann::json& value);

  // Why not; `value` is the document as JSON.
  std::vector<SchemaFailure> explain(const valijson::Subschema& schema, Node root, const nlohmann::json& value);

  // One per kind of constraint, called by apply(). The result means nothing: failures are collected.
  bool visit(const AllOfConstraint& c) override;
  bool visit(const AnyOfConstraint& c) override;
  bool visit(const ConditionalConstraint& c) override;
  bool visit(const ConstConstraint& c) override;
  bool visit(const ContainsConstraint& c) override;
  bool visit(const DependenciesConstraint& c) override;
  bool visit(const EnumConstraint& c) override;
  bool visit(const FormatConstraint& c) override;
  bool visit(const LinearItemsConstraint& c) override;
  bool visit(const MaxItemsConstraint& c) override;
  bool visit(const MaximumConstraint& c) override;
  bool visit(const MaxLengthConstraint& c) override;
  bool visit(const MaxPropertiesConstraint& c) override;
  bool visit(const MinItemsConstraint& c) override;
  bool visit(const MinimumConstraint& c) override;
  bool visit(const MinLengthConstraint& c) override;
  bool visit(const MinPropertiesConstraint& c) override;
  bool visit(const MultipleOfDoubleConstraint& c) override;
  bool visit(const MultipleOfIntConstraint& c) override;
  bool visit(const NotConstraint& c) override;
  bool visit(const OneOfConstraint& c) override;
  bool visit(const PatternConstraint& c) override;
  bool visit(const PolyConstraint& c) override;
  bool visit(const PropertiesConstraint& c) override;
  bool visit(const PropertyNamesConstraint& c) override;
  bool visit(const RequiredConstraint& c) override;
  bool visit(const SingularItemsConstraint& c) override;
  bool visit(const TypeConstraint& c) override;
  bool visit(const UniqueItemsConstraint& c) override;

 private:
  using Constraint = valijson::constraints::Constraint;
  using Frozen = valijson::adapters::FrozenValue;
  using Subschema = valijson::Subschema;

  static std::vector<std::string> titles_of(const std::vector<const Subschema*>& schemas);
  [[nodiscard]] std::string label() const;  // how messages call the value: "'count'", "element 2 of 'flags'"
  [[nodiscard]] std::vector<std::string> titled(std::vector<std::string> options) const;  // the schema's title instead, if it has one
  SchemaFailure& fail(std::string message, std::vector<std::string> options);

  // Constraints on the value alone.
  bool violated(const Constraint& c);
  bool check(const Constraint& c, std::vector<std::string> expected);
  bool check_size(const Constraint& c, std::string_view bound, std::uint64_t n, std::string_view what);
  bool check_constants(const Constraint& c, const std::vector<const Frozen*>& values);
  void unknown_key(std::size_t i, const std::map<std::string_view, const Subschema*>& properties);

  // The walk.
  void apply(const Subschema& schema);
  template <typename Fn> void descend(std::size_t i, Fn fn);

  // anyOf and oneOf.
  bool choose(const std::vector<const Subschema*>& all, bool exactly_one);
  std::vector<SchemaFailure> glance(const Subschema& branch);
  bool report_common(std::vector<std::vector<SchemaFailure>>& branches);

  const std::set<nlohmann::json>* constants_;
  valijson::Validator validator_;
  std::map<std::string, std::regex> regexes_;

  // Where the walk is.
  std::vector<SchemaFailure>* failures_ = nullptr;
  const Subschema* schema_ = nullptr;
  Node node_;
  const nlohmann::json* value_ = nullptr;
  std::vector<std::pair<Node, std::size_t>> path_;  // (parent, index), from the root
  std::size_t deepest_ = Document::max_depth + 1;   // no further down than this
};

}  // namespace unplug::scenarios
