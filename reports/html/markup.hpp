// Building HTML: escaping, and data for the templates.
//
// A template looks a missing name up in the enclosing scopes, so a forgotten key would show a neighbour's text. Hence Node: every name
// that a template uses is set, empty or not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <kainjow/mustache.hpp>

namespace unplug::reports {

using TemplateData = kainjow::mustache::data;

// `text` with the five characters that mean something in HTML and SVG as entities.
[[nodiscard]] std::string escape_markup(std::string_view text);

// One object of template data.
class Node {
 public:
  // A text. A section of this name shows once, unless the text is empty.
  Node& text(const std::string& name, const std::string& value);
  // A section that shows or doesn't.
  Node& flag(const std::string& name, bool value);
  // A section that repeats; with no items its inverse shows.
  Node& list(const std::string& name, const std::vector<Node>& items);
  Node& list(const std::string& name, const std::vector<std::string>& items);
  // A section that shows once with names of its own.
  Node& part(const std::string& name, const Node& part);

  [[nodiscard]] const TemplateData& data() const { return data_; }

 private:
  TemplateData data_{TemplateData::type::object};
};

// The template of that name (reports/templates/NAME) filled with `node`. A template that is missing or broken is a bug of ours and
// throws std::logic_error.
[[nodiscard]] std::string fill_template(std::string_view name, const Node& node);

}  // namespace unplug::reports
