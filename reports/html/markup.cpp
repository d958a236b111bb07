#include "unplug/reports/html/markup.hpp"

#include <stdexcept>

#include <fmt/format.h>

#include "unplug/embedded/reports.hpp"

namespace unplug::reports {

std::string escape_markup(std::string_view text) { return kainjow::mustache::html_escape(std::string(text)); }

Node& Node::text(const std::string& name, const std::string& value) {
  if (value.empty()) return flag(name, false);
  data_.set(name, value);
  return *this;
}

Node& Node::flag(const std::string& name, bool value) {
  data_.set(name, value ? TemplateData::type::bool_true : TemplateData::type::bool_false);
  return *this;
}

Node& Node::list(const std::string& name, const std::vector<Node>& items) {
  TemplateData list{TemplateData::type::list};
  for (const Node& item : items) list.push_back(item.data());
  data_.set(name, list);
  return *this;
}

Node& Node::list(const std::string& name, const std::vector<std::string>& items) {
  TemplateData list{TemplateData::type::list};
  for (const std::string& item : items) list.push_back(item);
  data_.set(name, list);
  return *this;
}

Node& Node::part(const std::string& name, const Node& part) {
  data_.set(name, part.data());
  return *this;
}

std::string fill_template(std::string_view name, const Node& node) {
  const embedded::EmbeddedFile* file = embedded::find(fmt::format("templates/{}", name));
  if (file == nullptr) throw std::logic_error(fmt::format("template '{}' is not embedded", name));
  kainjow::mustache::mustache page{std::string(file->text)};
  std::string text = page.is_valid() ? page.render(node.data()) : std::string();
  if (!page.is_valid()) throw std::logic_error(fmt::format("template '{}': {}", name, page.error_message()));
  return text;
}

}  // namespace unplug::reports
