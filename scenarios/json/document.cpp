#include "unplug/scenarios/json/document.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "unplug/scenarios/json/shipped.hpp"
#include "unplug/scenarios/json/text_map.hpp"
#include "unplug/scenarios/json/tree.hpp"
#include "unplug/sim/invariant.hpp"

namespace unplug::scenarios {

struct Document::Impl {
  TextMap source;
  Tree tree;
};

namespace {

std::string file_problem(int error) {
  switch (error) {
    case ENOENT: return "file not found";
    case ENOTDIR: return "file not found: a part of its path is no directory";
    case EISDIR: return "is a directory";
    case EACCES:
    case EPERM: return "file may not be read: permission denied";
    case ELOOP: return "file not found: its symbolic links go in circles";
    case ENAMETOOLONG: return "file name is too long";
    default: return fmt::format("file cannot be read (errno {})", error);
  }
}

std::string too_large() { return fmt::format("file is larger than {} MiB", Document::max_bytes >> 20U); }

Diagnostic about_file(std::string name, std::string message) {
  Diagnostic d;
  d.file = std::move(name);
  d.message = std::move(message);
  return d;
}

// The name in the same directory that was most likely meant.
std::string nearest_file(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path();
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(folder.empty() ? "." : folder, error);
  for (; !error && entry != std::filesystem::directory_iterator() && names.size() < 1000; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  const std::string name = nearest_word(path.filename().string(), names);
  return name.empty() ? name : (folder / name).string();
}

// Nothing, or what is wrong. Reads no more than one byte too many, whatever the file is.
std::optional<Diagnostic> read(const std::string& path, const std::string& name, std::string& text) {
  // Standard input can be read once; who looks at it again finds what was there.
  static std::optional<std::string> standard_input;
  if (path == "-" && standard_input) {
    text = *standard_input;
    return {};
  }
  std::error_code unknown_size;
  const auto size = path == "-" ? 0 : std::filesystem::file_size(path, unknown_size);
  errno = 0;
  std::FILE* const file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    Diagnostic d = about_file(name, file_problem(errno));
    if (errno == ENOENT) d.nearest = nearest_file(path);
    if (d.nearest.empty()) d.nearest = nearest_shipped_file(path);
    return d;
  }
  if (!unknown_size) text.reserve(std::min<std::size_t>(size, Document::max_bytes) + 1);
  std::vector<char> block(1U << 16U);
  int error = 0;
  while (text.size() <= Document::max_bytes) {
    const std::size_t n = std::fread(block.data(), 1, std::min(block.size(), Document::max_bytes + 1 - text.size()), file);
    if (n == 0) {
      if (std::ferror(file) != 0) error = errno;
      break;
    }
    text.append(block.data(), n);
  }
  if (file != stdin) std::fclose(file);
  if (error != 0) return about_file(name, file_problem(error));
  if (path == "-") standard_input = text;
  return {};
}

// JSON is UTF-8 without NUL. The lexer lets NUL pass for white space, and looks into no comment.
std::optional<Diagnostic> check_encoding(const TextMap& source) {
  const std::string_view text = source.text();
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    Diagnostic d = about_file(source.name(), "file is in UTF-16");
    d.expected = "UTF-8";
    return d;
  }
  const std::size_t nul = text.find('\0');
  const std::optional<std::size_t> invalid = find_invalid_utf8(text.substr(0, nul));
  if (!invalid && nul == std::string_view::npos) return {};
  const std::string message =
      invalid ? fmt::format("invalid UTF-8 byte '0x{:02x}'", static_cast<unsigned char>(text[*invalid])) : "NUL byte";
  Diagnostic d = source.diagnostic(invalid.value_or(nul), message);
  d.expected = "UTF-8 text";
  return d;
}

}  // namespace

Document::Document() = default;
Document::~Document() = default;

std::unique_ptr<Document> Document::load(const std::string& path, Diagnostics& out) {
  std::string name = path == "-" ? "<stdin>" : path, text;
  if (auto problem = read(path, name, text)) {
    if (const auto shipped = shipped_file(path)) return parse(std::string(shipped->text), shipped->path, out);
    out.add(*std::move(problem));
    return nullptr;
  }
  return parse(std::move(text), std::move(name), out);
}

std::unique_ptr<Document> Document::parse(std::string text, std::string name, Diagnostics& out) {
  if (text.size() > max_bytes) {
    out.add(about_file(std::move(name), too_large()));
    return nullptr;
  }
  std::unique_ptr<Document> doc(new Document);
  doc->impl_ = std::make_unique<Impl>(Impl{TextMap(std::move(name), std::move(text)), {}});
  if (auto problem = check_encoding(doc->impl_->source)) {
    out.add(*std::move(problem));
    return nullptr;
  }
  if (!parse_tree(doc->impl_->source, doc->impl_->tree, out)) return nullptr;
  return doc;
}

Node Document::root() const { return {this, 0, false}; }
const std::string& Document::name() const { return impl_->source.name(); }
const std::string& Document::text() const { return impl_->source.text(); }
std::size_t Document::values() const { return impl_->tree.values.size(); }

Node Document::resolve(std::string_view pointer) const {
  Node node = root();
  while (node && !pointer.empty()) {
    if (pointer.front() != '/') return {};
    const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
    std::string segment(pointer.substr(1, end - 1));
    pointer.remove_prefix(end);
    if (node.is(Node::Kind::array)) {
      std::size_t index = 0;
      const auto [stop, error] = std::from_chars(segment.data(), segment.data() + segment.size(), index);
      const bool number = error == std::errc() && stop == segment.data() + segment.size() && (segment.size() == 1 || segment[0] != '0');
      node = number && index < node.size() ? node.at(index) : Node();
    } else if (node.is(Node::Kind::object)) {
      for (std::size_t at = segment.find('~'); at != std::string::npos; at = segment.find('~', at + 1)) {
        if (at + 1 == segment.size() || (segment[at + 1] != '0' && segment[at + 1] != '1')) return {};
        segment.replace(at, 2, segment[at + 1] == '0' ? "~" : "/");
      }
      node = node.find(segment);
    } else {
      return {};
    }
  }
  return node;
}

nlohmann::json Document::to_json() const {
  using nlohmann::json;
  const Tree& tree = impl_->tree;
  json root;
  std::vector<std::pair<std::uint32_t, json*>> open;  // from the root down to the parent of the value
  for (std::uint32_t id = 0; id < tree.values.size(); ++id) {
    while (!open.empty() && open.back().first != tree.values[id].parent) open.pop_back();
    json* place = &root;
    if (!open.empty()) {
      json& parent = *open.back().second;
      place = parent.is_array() ? &parent.emplace_back() : &parent[std::string(tree.key(id))];
    }
    switch (tree.kind(id)) {
      case Node::Kind::null: break;
      case Node::Kind::boolean: *place = tree.bits(id) != 0; break;
      case Node::Kind::integer: *place = std::bit_cast<std::int64_t>(tree.bits(id)); break;
      case Node::Kind::real: *place = std::bit_cast<double>(tree.bits(id)); break;
      case Node::Kind::string: *place = tree.string(id); break;
      case Node::Kind::array:
        *place = json::array();
        place->get_ref<json::array_t&>().reserve(tree.children_of(id).size());  // growth would double it
        open.emplace_back(id, place);
        break;
      case Node::Kind::object:
        *place = json::object();
        open.emplace_back(id, place);
        break;
    }
  }
  return root;
}

Node::Kind Node::kind() const {
  sim::invariant(doc_ != nullptr, "a JSON node: there is none");
  return is_key_ ? Kind::string : doc_->impl_->tree.kind(index_);
}

std::string_view Node::kind_name(Kind k) {
  switch (k) {
    case Kind::null: return "null";
    case Kind::boolean: return "a boolean";
    case Kind::integer: return "an integer";
    case Kind::real: return "a real number";
    case Kind::string: return "a string";
    case Kind::array: return "an array";
    case Kind::object: return "an object";
  }
  return "a value";
}

bool Node::boolean() const {
  sim::invariant(is(Kind::boolean), "a JSON node: not a boolean");
  return doc_->impl_->tree.bits(index_) != 0;
}

std::int64_t Node::integer() const {
  sim::invariant(is(Kind::integer), "a JSON node: not an integer");
  return std::bit_cast<std::int64_t>(doc_->impl_->tree.bits(index_));
}

std::string_view Node::string() const {
  sim::invariant(is(Kind::string), "a JSON node: not a string");
  return is_key_ ? doc_->impl_->tree.key(index_) : doc_->impl_->tree.string(index_);
}

std::size_t Node::size() const {
  sim::invariant(is(Kind::array) || is(Kind::object), "a JSON node: neither array nor object");
  return doc_->impl_->tree.children_of(index_).size();
}

Node Node::at(std::size_t i) const {
  sim::invariant(i < size(), "a JSON node: index out of range");
  return {doc_, doc_->impl_->tree.children_of(index_)[i], false};
}

std::string_view Node::key(std::size_t i) const { return key_node(i).string(); }

Node Node::find(std::string_view key) const {
  sim::invariant(is(Kind::object), "a JSON node: not an object");
  const std::uint32_t member = doc_->impl_->tree.member(index_, key);
  return member == Tree::none ? Node() : Node(doc_, member, false);
}

Node Node::key_node(std::size_t i) const {
  sim::invariant(is(Kind::object), "a JSON node: not an object");
  return {doc_, at(i).index_, true};
}

Node Node::key_node(std::string_view key) const {
  const Node member = find(key);
  return member ? Node(doc_, member.index_, true) : Node();
}

Position Node::position() const {
  sim::invariant(doc_ != nullptr, "a JSON node: there is none");
  return doc_->impl_->source.position(offset());
}

std::size_t Node::offset() const {
  const Tree& tree = doc_->impl_->tree;
  return is_key_ ? tree.keys[tree.values[index_].key].offset : tree.values[index_].offset;
}

std::string Node::pointer() const {
  sim::invariant(doc_ != nullptr, "a JSON node: there is none");
  return doc_->impl_->tree.pointer(index_);
}

Diagnostic Node::diagnostic(Diagnostic::Severity severity, std::string message, std::string expected, std::string nearest) const {
  sim::invariant(doc_ != nullptr, "a JSON node: there is none");
  Diagnostic d = doc_->impl_->source.diagnostic(offset(), std::move(message));
  d.severity = severity;
  d.pointer = pointer();
  d.expected = std::move(expected);
  d.nearest = std::move(nearest);
  return d;
}

void Node::error(Diagnostics& out, std::string message, std::string expected, std::string nearest, std::optional<Position> earlier) const {
  Diagnostic d = diagnostic(Diagnostic::Severity::error, std::move(message), std::move(expected), std::move(nearest));
  d.earlier = earlier;
  out.add(std::move(d));
}

void Node::warning(Diagnostics& out, std::string message, std::string expected, std::string nearest) const {
  out.add(diagnostic(Diagnostic::Severity::warning, std::move(message), std::move(expected), std::move(nearest)));
}

}  // namespace unplug::scenarios
