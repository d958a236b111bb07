#include "unplug/scenarios/json/schema_explain.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "unplug/scenarios/json/text_map.hpp"

namespace unplug::scenarios {

namespace {

using nlohmann::json;
using valijson::Subschema;
using Adapter = valijson::adapters::NlohmannJsonAdapter;
using Kind = Node::Kind;
using Type = valijson::constraints::TypeConstraint;

std::string shown(const json& value) {
  if (value.is_string()) return fmt::format("'{}'", clipped(value.get_ref<const std::string&>()));
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  return value.dump();
}

std::string shown(double value) {
  return std::abs(value) < 1e15 && std::floor(value) == value ? fmt::format("{}", static_cast<std::int64_t>(value))
                                                              : fmt::format("{}", value);
}

std::string counted(std::uint64_t n, std::string_view one) { return fmt::format("{} {}{}", n, one, n == 1 ? "" : "s"); }

std::string_view kind_name(Type::JsonType type) {
  switch (type) {
    case Type::kArray: return Node::kind_name(Kind::array);
    case Type::kBoolean: return Node::kind_name(Kind::boolean);
    case Type::kInteger: return Node::kind_name(Kind::integer);
    case Type::kNull: return Node::kind_name(Kind::null);
    case Type::kNumber: return "a number";
    case Type::kObject: return Node::kind_name(Kind::object);
    case Type::kString: return Node::kind_name(Kind::string);
    case Type::kAny: break;
  }
  return "any value";
}

template <typename Constraint> std::vector<const Subschema*> branches_of(const Constraint& c) {
  std::vector<const Subschema*> out;
  c.applyToSubschemas([&](unsigned, const Subschema* s) { return out.push_back(s), true; });
  return out;
}

}  // namespace

std::set<json> constants_of(const json& schema) {
  std::set<json> out;
  std::vector<const json*> open{&schema};
  while (!open.empty()) {
    const json& at = *open.back();
    open.pop_back();
    if (at.is_object()) {
      if (const auto constant = at.find("const"); constant != at.end()) out.insert(*constant);
      if (const auto values = at.find("enum"); values != at.end() && values->is_array()) out.insert(values->begin(), values->end());
    }
    if (at.is_structured()) {
      for (const json& child : at) open.push_back(&child);
    }
  }
  return out;
}

bool SchemaExplainer::holds(const Subschema& schema, const json& value) {
  try {
    return validator_.validate(schema, Adapter(value), nullptr);
  } catch (const std::regex_error&) {
    throw;
  } catch (const std::runtime_error&) {
    return false;  // "format" throws at an array or object; it refuses whatever is no string
  }
}

std::vector<SchemaFailure> SchemaExplainer::explain(const Subschema& schema, Node root, const json& value) {
  std::vector<SchemaFailure> out;
  failures_ = &out;
  node_ = root;
  value_ = &value;
  apply(schema);
  return out;
}

std::string SchemaExplainer::label() const {
  if (path_.empty()) return "the document";
  const auto& [parent, index] = path_.back();
  if (node_.is_key()) return fmt::format("key '{}'", clipped(parent.key(index)));
  if (parent.is(Kind::object)) return fmt::format("'{}'", clipped(parent.key(index)));
  if (path_.size() == 1 || !path_[path_.size() - 2].first.is(Kind::object)) return fmt::format("element {}", index);
  const auto& [grandparent, parent_index] = path_[path_.size() - 2];
  return fmt::format("element {} of '{}'", index, clipped(grandparent.key(parent_index)));
}

std::vector<std::string> SchemaExplainer::titled(std::vector<std::string> options) const {
  return schema_->hasTitle() ? std::vector{schema_->getTitle()} : std::move(options);
}

SchemaFailure& SchemaExplainer::fail(std::string message, std::vector<std::string> options) {
  failures_->push_back({node_, std::move(message), std::move(options), {}, {}, {}, false});
  return failures_->back();
}

bool SchemaExplainer::violated(const Constraint& c) {
  Subschema alone;
  alone.addConstraint(c);
  return !holds(alone, *value_);
}

bool SchemaExplainer::check(const Constraint& c, std::vector<std::string> expected) {
  if (violated(c)) fail(node_.is_key() ? label() + " does not fit" : fmt::format("{} is {}", label(), shown(*value_)), std::move(expected));
  return true;
}

bool SchemaExplainer::check_size(const Constraint& c, std::string_view bound, std::uint64_t n, std::string_view what) {
  if (violated(c)) fail(fmt::format("{} has {}", label(), counted(value_->size(), what)), {fmt::format("{} {}", bound, counted(n, what))});
  return true;
}

bool SchemaExplainer::check_constants(const Constraint& c, const std::vector<const Frozen*>& values) {
  if (!violated(c)) return true;
  std::vector<std::string> options, words;
  for (const Frozen* value : values) {
    const auto constant =
        std::find_if(constants_->begin(), constants_->end(), [&](const json& v) { return value->equalTo(Adapter(v), true); });
    if (constant == constants_->end()) continue;
    options.push_back(shown(*constant));
    if (constant->is_string()) words.push_back(constant->get<std::string>());
  }
  SchemaFailure& f = fail(node_.is_key() ? "unknown " + label() : fmt::format("{} is {}", label(), shown(*value_)), std::move(options));
  if (value_->is_string()) f.found = value_->get<std::string>();
  f.candidates = std::move(words);
  return true;
}

void SchemaExplainer::unknown_key(std::size_t i, const std::map<std::string_view, const Subschema*>& properties) {
  std::vector<std::string> options, words;
  for (const auto& [key, schema] : properties) {
    if (node_.find(key)) continue;  // already there, so not what was meant
    options.push_back(fmt::format("'{}'", key));
    words.emplace_back(key);
  }
  const Node key = node_.key_node(i);
  failures_->push_back({key,
                        fmt::format("unknown key '{}'", clipped(key.string())),
                        std::move(options),
                        std::string(key.string()),
                        std::move(words),
                        {},
                        false});
}

void SchemaExplainer::apply(const Subschema& schema) {
  if (failures_->size() >= max_failures) return;
  const Subschema* const outer = std::exchange(schema_, &schema);
  if (schema.getAlwaysInvalid()) {
    fail(fmt::format("{} is not allowed here", label()), {});
  } else {
    Subschema::ApplyFunction fn = [this](const Constraint& c) { return c.accept(*this); };
    schema.apply(fn);
  }
  schema_ = outer;
}

template <typename Fn> void SchemaExplainer::descend(std::size_t i, Fn fn) {
  if (path_.size() >= deepest_) return;
  const Node node = node_;
  const json* const value = value_;
  path_.emplace_back(node, i);
  node_ = node.at(i);
  value_ = value->is_array() ? &(*value)[i] : &*value->find(std::string(node.key(i)));
  fn();
  node_ = node;
  value_ = value;
  path_.pop_back();
}

bool SchemaExplainer::visit(const AllOfConstraint& c) {
  c.applyToSubschemas([this](unsigned, const Subschema* s) { return apply(*s), true; });
  return true;
}
bool SchemaExplainer::visit(const AnyOfConstraint& c) { return choose(branches_of(c), false); }
bool SchemaExplainer::visit(const OneOfConstraint& c) { return choose(branches_of(c), true); }

bool SchemaExplainer::visit(const ConditionalConstraint& c) {
  const Subschema* s = holds(*c.getIfSubschema(), *value_) ? c.getThenSubschema() : c.getElseSubschema();
  if (s != nullptr) apply(*s);
  return true;
}

bool SchemaExplainer::visit(const NotConstraint& c) {
  std::vector<std::string> titles = titles_of({c.getSubschema()});
  for (std::string& title : titles) title = "anything but " + title;
  return check(c, std::move(titles));
}

bool SchemaExplainer::visit(const ConstConstraint& c) { return check_constants(c, {c.getValue()}); }
bool SchemaExplainer::visit(const EnumConstraint& c) {
  std::vector<const Frozen*> values;
  c.applyToValues([&](const Frozen& v) { return values.push_back(&v), true; });
  return check_constants(c, values);
}

bool SchemaExplainer::visit(const TypeConstraint& c) {
  if (!violated(c)) return true;
  std::vector<std::string> kinds;
  c.applyToNamedTypes([&](Type::JsonType type) { return kinds.emplace_back(kind_name(type)), true; });
  fail(fmt::format("{} is {}", label(), Node::kind_name(node_.kind())), titled(std::move(kinds))).wrong_kind = true;
  return true;
}

bool SchemaExplainer::visit(const MinimumConstraint& c) {
  return check(c, {fmt::format("{} {}", c.getExclusiveMinimum() ? "more than" : "at least", shown(c.getMinimum()))});
}
bool SchemaExplainer::visit(const MaximumConstraint& c) {
  return check(c, {fmt::format("{} {}", c.getExclusiveMaximum() ? "less than" : "at most", shown(c.getMaximum()))});
}
bool SchemaExplainer::visit(const MultipleOfIntConstraint& c) { return check(c, {fmt::format("a multiple of {}", c.getDivisor())}); }
bool SchemaExplainer::visit(const MultipleOfDoubleConstraint& c) { return check(c, {"a multiple of " + shown(c.getDivisor())}); }
bool SchemaExplainer::visit(const MinLengthConstraint& c) { return check(c, {"at least " + counted(c.getMinLength(), "character")}); }
bool SchemaExplainer::visit(const MaxLengthConstraint& c) { return check(c, {"at most " + counted(c.getMaxLength(), "character")}); }
bool SchemaExplainer::visit(const PatternConstraint& c) { return check(c, titled({"a match of " + c.getPattern<std::allocator<char>>()})); }
bool SchemaExplainer::visit(const FormatConstraint& c) { return check(c, titled({"a " + c.getFormat()})); }
bool SchemaExplainer::visit(const MinItemsConstraint& c) { return check_size(c, "at least", c.getMinItems(), "element"); }
bool SchemaExplainer::visit(const MaxItemsConstraint& c) { return check_size(c, "at most", c.getMaxItems(), "element"); }
bool SchemaExplainer::visit(const MinPropertiesConstraint& c) { return check_size(c, "at least", c.getMinProperties(), "member"); }
bool SchemaExplainer::visit(const MaxPropertiesConstraint& c) { return check_size(c, "at most", c.getMaxProperties(), "member"); }
bool SchemaExplainer::visit(const PolyConstraint& c) { return check(c, {}); }

bool SchemaExplainer::visit(const ContainsConstraint& c) {
  if (violated(c)) fail(fmt::format("no element of {} fits", label()), titles_of({c.getSubschema()}));
  return true;
}

bool SchemaExplainer::visit(const UniqueItemsConstraint& /*c*/) {
  if (!value_->is_array()) return true;
  std::map<json, std::size_t> seen;
  for (std::size_t i = 0; i < value_->size(); ++i) {
    const std::size_t first = seen.try_emplace((*value_)[i], i).first->second;
    if (first == i) continue;
    const Position earlier = node_.at(first).position();
    descend(i, [&] { fail(fmt::format("{} repeats element {}", label(), first), {}).earlier = earlier; });
  }
  return true;
}

bool SchemaExplainer::visit(const SingularItemsConstraint& c) {
  if (!value_->is_array() || c.getItemsSubschema() == nullptr) return true;
  for (std::size_t i = 0; i < value_->size(); ++i) descend(i, [&] { apply(*c.getItemsSubschema()); });
  return true;
}
bool SchemaExplainer::visit(const LinearItemsConstraint& c) {
  if (!value_->is_array()) return true;
  std::vector<const Subschema*> items;
  c.applyToItemSubschemas([&](unsigned, const Subschema* s) { return items.push_back(s), true; });
  for (std::size_t i = 0; i < value_->size(); ++i) {
    const Subschema* s = i < items.size() ? items[i] : c.getAdditionalItemsSubschema();
    if (s == nullptr) {
      fail(fmt::format("{} has {}", label(), counted(value_->size(), "element")), {"at most " + counted(items.size(), "element")});
      break;
    }
    descend(i, [&] { apply(*s); });
  }
  return true;
}

bool SchemaExplainer::visit(const RequiredConstraint& c) {
  if (!value_->is_object()) return true;
  c.applyToRequiredProperties([&](const auto& key) {
    if (!value_->contains(key.c_str())) fail(fmt::format("missing key '{}'", key.c_str()), {});
    return true;
  });
  return true;
}

bool SchemaExplainer::visit(const DependenciesConstraint& c) {
  if (!value_->is_object()) return true;
  c.applyToPropertyDependencies([&](const auto& key, const auto& needed) {
    if (!value_->contains(key.c_str())) return true;
    for (const auto& other : needed) {
      if (!value_->contains(other.c_str())) fail(fmt::format("key '{}' needs key '{}' beside it", key.c_str(), other.c_str()), {});
    }
    return true;
  });
  c.applyToSchemaDependencies([&](const auto& key, const Subschema* s) {
    if (value_->contains(key.c_str())) apply(*s);
    return true;
  });
  return true;
}

bool SchemaExplainer::visit(const PropertyNamesConstraint& c) {
  if (!value_->is_object()) return true;
  for (std::size_t i = 0; i < node_.size(); ++i) {
    const json key = node_.key(i);
    const Node key_node = node_.key_node(i);
    descend(i, [&] {
      node_ = key_node;
      value_ = &key;
      apply(*c.getSubschema());
    });
  }
  return true;
}

bool SchemaExplainer::visit(const PropertiesConstraint& c) {
  if (!value_->is_object()) return true;
  std::vector<bool> known(node_.size());
  std::map<std::string_view, const Subschema*> properties;
  c.applyToProperties([&](const auto& key, const Subschema* s) { return properties.emplace(key.c_str(), s), true; });
  for (std::size_t i = 0; i < known.size(); ++i) {
    const auto property = properties.find(node_.key(i));
    if (property == properties.end()) continue;
    known[i] = true;
    descend(i, [&] { apply(*property->second); });
  }
  c.applyToPatternProperties([&](const auto& pattern, const Subschema* s) {
    const std::regex& regex = regexes_.try_emplace(pattern.c_str(), pattern.c_str()).first->second;
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (!std::regex_search(std::string(node_.key(i)), regex)) continue;
      known[i] = true;
      descend(i, [&] { apply(*s); });
    }
    return true;
  });
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known[i]) continue;
    if (c.getAdditionalPropertiesSubschema() != nullptr) {
      descend(i, [&] { apply(*c.getAdditionalPropertiesSubschema()); });
    } else {
      unknown_key(i, properties);
    }
  }
  return true;
}

}  // namespace unplug::scenarios
