#include "unplug/reports/html/svg.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "unplug/reports/html/markup.hpp"
#include "unplug/reports/page/format.hpp"
#include "unplug/reports/page/layout.hpp"

namespace unplug::reports {

namespace {

// Names and figures stand above their line, so that a chart fits a telephone.
constexpr std::uint64_t row_height = 36;
constexpr std::uint64_t axis_left = 20;
constexpr std::uint64_t axis_length = 360;
constexpr std::uint64_t chart_width = axis_left + axis_length + 20;
constexpr std::uint64_t foot_height = 44;  // labels of the axis and the key
constexpr std::size_t name_letters = 36;

constexpr std::uint64_t least_shown_ns = 1'000;  // the logarithmic axis starts here at the latest: below a microsecond is "no time"
constexpr std::uint64_t log_from_factor = 30;

std::string shortened(const std::string& name) {
  return display_width(name) <= name_letters ? name : wrap(name, name_letters - 2).front() + "...";
}

// a * b / c without overflow for the sizes of a chart: b and c are scaled down together first.
std::uint64_t scaled(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  while (b > (std::uint64_t{1} << 40)) {
    b >>= 1;
    c >>= 1;
  }
  return c == 0 ? a : a * b / c;
}

std::string hint(const std::string& text) { return "<title>" + escape_markup(text) + "</title>"; }

}  // namespace

std::uint64_t log2_fixed(std::uint64_t value) {
  constexpr unsigned fraction_bits = 10;
  const auto whole = static_cast<unsigned>(std::bit_width(value)) - 1;
  // The mantissa in 1.31 fixed point; squaring it shifts the next bit of the logarithm out of it.
  std::uint64_t mantissa = whole >= 31 ? value >> (whole - 31) : value << (31 - whole);
  std::uint64_t result = whole;
  for (unsigned i = 0; i < fraction_bits; ++i) {
    mantissa = mantissa * mantissa >> 31;
    result <<= 1;
    if (mantissa >> 32 != 0) {
      mantissa >>= 1;
      result |= 1;
    }
  }
  return result;
}

TimeScale::TimeScale(const std::vector<TimeRow>& rows) {
  std::uint64_t least = UINT64_MAX;
  std::uint64_t most = 1;
  for (const TimeRow& row : rows) {
    for (const auto& quantiles : {row.remove_ns, row.unbind_ns}) {
      if (!quantiles) continue;
      least = std::min(least, std::max(quantiles->p50, least_shown_ns));
      most = std::max(most, quantiles->max);
    }
  }
  logarithmic_ = most / log_from_factor >= least;
  high_ = most;
  if (!logarithmic_) return;
  low_ = 1;
  while (low_ <= least / 10) low_ *= 10;
}

std::uint64_t TimeScale::at(std::uint64_t ns, std::uint64_t length) const {
  ns = std::min(ns, high_);
  if (!logarithmic_) return scaled(length, ns, high_);
  if (ns <= low_) return 0;
  const std::uint64_t span = log2_fixed(high_) - log2_fixed(low_);
  return span == 0 ? length : (log2_fixed(ns) - log2_fixed(low_)) * length / span;
}

std::vector<std::uint64_t> TimeScale::ticks() const {
  std::vector<std::uint64_t> out;
  if (logarithmic_) {
    // A label takes an inch: with many decades only every second or third one.
    std::uint64_t decades = 0;
    for (std::uint64_t tick = low_; tick <= high_ / 10; tick *= 10) ++decades;
    const std::uint64_t every = decades / 6 + 1;
    std::uint64_t n = 0;
    for (std::uint64_t tick = low_;; tick *= 10, ++n) {
      if (n % every == 0) out.push_back(tick);
      if (tick > high_ / 10) return out;
    }
  }
  // A round step, so that two to five fit.
  std::uint64_t step = 1;
  while (high_ / step > 5) {
    if (high_ / (step * 2) <= 5) {
      step *= 2;
    } else if (high_ / (step * 5) <= 5) {
      step *= 5;
    } else {
      step *= 10;
    }
  }
  for (std::uint64_t n = 0; n <= high_ / step; ++n) out.push_back(n * step);
  return out;
}

std::string time_chart(const std::vector<TimeRow>& rows, const TimeScale& scale) {
  const std::uint64_t bottom = rows.size() * row_height + 4;
  const auto x = [&](std::uint64_t ns) { return axis_left + scale.at(ns, axis_length); };
  std::string out = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"time to remove and to unbind by policy\">",
                                chart_width, bottom + foot_height);
  for (const std::uint64_t tick : scale.ticks()) {
    out += fmt::format("<line class=\"grid\" x1=\"{0}\" x2=\"{0}\" y1=\"4\" y2=\"{1}\"/>", x(tick), bottom);
    out += fmt::format("<text class=\"soft\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{}</text>", x(tick), bottom + 14, duration(tick));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const TimeRow& row = rows[i];
    const std::uint64_t top = i * row_height;
    const std::uint64_t y = top + 27;
    std::string said = row.name;
    if (row.remove_ns) said += ", remove() " + duration_range(row.remove_ns->p50, row.remove_ns->max);
    if (row.unbind_ns) said += ", unbind " + duration_range(row.unbind_ns->p50, row.unbind_ns->max);
    out += "<g>" + hint(said);
    out += fmt::format("<text x=\"0\" y=\"{}\">{}</text>", top + 16, escape_markup(shortened(row.name)));
    if (row.remove_ns && row.unbind_ns) {
      out += fmt::format("<line class=\"share\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>", x(row.remove_ns->p50), x(row.unbind_ns->p50), y,
                         y);
    }
    if (row.unbind_ns) {
      out += fmt::format("<line class=\"reach\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>", x(row.unbind_ns->p50), x(row.unbind_ns->max), y,
                         y);
      out += fmt::format("<line class=\"reach\" x1=\"{0}\" x2=\"{0}\" y1=\"{1}\" y2=\"{2}\"/>", x(row.unbind_ns->max), y - 4, y + 4);
      out += fmt::format("<circle class=\"mark\" cx=\"{}\" cy=\"{}\" r=\"4\"/>", x(row.unbind_ns->p50), y);
      out += fmt::format("<text class=\"soft\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{}</text>", chart_width, top + 16,
                         duration_range(row.unbind_ns->p50, row.unbind_ns->max));
    }
    if (row.remove_ns) out += fmt::format("<circle class=\"hollow\" cx=\"{}\" cy=\"{}\" r=\"4\"/>", x(row.remove_ns->p50), y);
    out += "</g>";
  }
  // The key, drawn with the marks it explains.
  const std::uint64_t key = bottom + 32;
  out += fmt::format("<circle class=\"hollow\" cx=\"6\" cy=\"{}\" r=\"4\"/><text class=\"soft\" x=\"16\" y=\"{}\">remove() p50</text>", key,
                     key + 4);
  out += fmt::format(
      "<circle class=\"mark\" cx=\"116\" cy=\"{0}\" r=\"4\"/><line class=\"reach\" x1=\"116\" x2=\"138\" y1=\"{0}\" y2=\"{0}\"/>", key);
  out += fmt::format("<text class=\"soft\" x=\"146\" y=\"{}\">unbind p50..max{}</text></svg>", key + 4,
                     scale.logarithmic() ? ", logarithmic axis" : "");
  return out;
}

std::string growth_chart(const std::vector<std::int64_t>& points, const std::vector<std::optional<std::uint64_t>>& values,
                         std::uint64_t highest, const std::vector<std::string>& labels, const std::string& values_text,
                         const std::string& growth_text) {
  constexpr std::uint64_t left = 10, width = 176, top = 44, height = 56;
  highest = std::max<std::uint64_t>(highest, 1);
  const auto from_first = [&](std::size_t i) { return static_cast<std::uint64_t>(points[i]) - static_cast<std::uint64_t>(points.front()); };
  const std::uint64_t span = std::max<std::uint64_t>(1, from_first(points.size() - 1));
  const auto x = [&](std::size_t i) { return left + scaled(width, from_first(i), span); };
  const auto y = [&](std::uint64_t value) { return top + height - scaled(height, value, highest); };
  std::string out =
      fmt::format("<svg viewBox=\"0 0 200 124\" role=\"img\" aria-label=\"{}\">", escape_markup(join(labels, ", ") + "; " + growth_text));
  out += fmt::format("<text x=\"{}\" y=\"14\">{}</text>", left - 6, escape_markup(growth_text));
  out += fmt::format("<text class=\"soft\" x=\"{}\" y=\"29\">{}</text>", left - 6, escape_markup(values_text));
  out +=
      fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>", left - 6, left + width + 6, top + height, top + height);
  std::string line;
  std::string marks;
  for (std::size_t i = 0; i < points.size(); ++i) {
    out += fmt::format("<text class=\"soft\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{}</text>", x(i), top + height + 17, points[i]);
    if (!values[i]) continue;
    line += fmt::format("{}{},{}", line.empty() ? "" : " ", x(i), y(*values[i]));
    marks += fmt::format("<circle class=\"mark\" cx=\"{}\" cy=\"{}\" r=\"3\">{}</circle>", x(i), y(*values[i]), hint(labels[i]));
  }
  out += fmt::format("<polyline class=\"curve\" points=\"{}\"/>{}</svg>", line, marks);
  return out;
}

}  // namespace unplug::reports
