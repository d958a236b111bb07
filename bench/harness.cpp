#include "harness.hpp"

#include <ctime>

#include <algorithm>
#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fixedsize_stack.hpp>

namespace unplug::bench {
namespace {

namespace context = boost::context::detail;

// The other side of the ping-pong: switches back for ever.
void pong(context::transfer_t t) {
  for (;;) t = context::jump_fcontext(t.fctx, nullptr);
}

}  // namespace

double cpu_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

double raw_switch_ns() {
  constexpr std::uint64_t round_trips = 200'000;
  boost::context::fixedsize_stack stacks;
  boost::context::stack_context stack = stacks.allocate();
  context::transfer_t there{context::make_fcontext(stack.sp, stack.size, &pong), nullptr};
  const double start = cpu_ns();
  for (std::uint64_t i = 0; i < round_trips; ++i) there = context::jump_fcontext(there.fctx, nullptr);
  const double ns = cpu_ns() - start;
  stacks.deallocate(stack);
  return ns / (2.0 * round_trips);
}

Sample sample(const std::function<std::uint64_t()>& work, double at_least_ns) {
  Sample s;
  const double start = cpu_ns();
  do {
    s.units += work();
    s.ns = cpu_ns() - start;
  } while (s.ns < at_least_ns);
  return s;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

std::vector<Result> measure(const std::vector<Row>& rows, unsigned rounds) {
  std::vector<std::vector<double>> ns(rows.size()), ratios(rows.size());
  for (unsigned round = 0; round <= rounds; ++round) {
    double raw = raw_switch_ns();
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const Sample s = rows[r].take();
      const double raw_after = raw_switch_ns();
      if (round > 0) {  // the first only warms up
        const double per_unit = s.ns / static_cast<double>(s.units);
        ns[r].push_back(per_unit);
        ratios[r].push_back(per_unit / ((raw + raw_after) / 2));
      }
      raw = raw_after;
    }
  }
  std::vector<Result> out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto [lowest, highest] = std::minmax_element(ratios[r].begin(), ratios[r].end());
    out.push_back({&rows[r], median(ns[r]), median(ratios[r]), *lowest, *highest});
  }
  return out;
}

}  // namespace unplug::bench
