#include "unplug/scenarios/language/results.hpp"

#include <algorithm>
#include <array>

#include "unplug/model/kernel/base/notifier.hpp"

namespace unplug::scenarios {
namespace {

struct Result {
  std::string_view name;
  int value;
};
constexpr std::array errors{
    Result{"-EPERM", -1},        Result{"-ENOENT", -2},      Result{"-ESRCH", -3},         Result{"-EINTR", -4},
    Result{"-EIO", -5},          Result{"-ENXIO", -6},       Result{"-EBADF", -9},         Result{"-EAGAIN", -11},
    Result{"-ENOMEM", -12},      Result{"-EACCES", -13},     Result{"-EFAULT", -14},       Result{"-EBUSY", -16},
    Result{"-EEXIST", -17},      Result{"-ENODEV", -19},     Result{"-EINVAL", -22},       Result{"-ENOTTY", -25},
    Result{"-ENOSPC", -28},      Result{"-EPIPE", -32},      Result{"-ERANGE", -34},       Result{"-EIDRM", -43},
    Result{"-ENODATA", -61},     Result{"-EPROTO", -71},     Result{"-EOPNOTSUPP", -95},   Result{"-ENETDOWN", -100},
    Result{"-ECONNRESET", -104}, Result{"-ESHUTDOWN", -108}, Result{"-ETIMEDOUT", -110},   Result{"-EINPROGRESS", -115},
    Result{"-EREMOTEIO", -121},  Result{"-ECANCELED", -125}, Result{"-ERESTARTSYS", -512}, Result{"-EPROBE_DEFER", -517}};
constexpr std::array others{Result{"IRQ_NONE", 0},
                            Result{"IRQ_HANDLED", 1},
                            Result{"IRQ_WAKE_THREAD", 2},
                            Result{"NOTIFY_DONE", model::notify_done},
                            Result{"NOTIFY_OK", model::notify_ok},
                            Result{"NOTIFY_STOP", model::notify_stop},
                            Result{"NOTIFY_BAD", model::notify_bad},
                            Result{"EPOLLIN", 1},
                            Result{"EPOLLPRI", 2},
                            Result{"EPOLLOUT", 4},
                            Result{"EPOLLERR", 8},
                            Result{"EPOLLHUP", 16},
                            Result{"VM_FAULT_NOPAGE", 0},
                            Result{"VM_FAULT_SIGBUS", 2}};

template <std::size_t n> std::optional<std::uint64_t> named(const std::array<Result, n>& all, std::string_view word) {
  const auto found = std::ranges::find(all, word, &Result::name);
  if (found == all.end()) return {};
  return static_cast<std::uint64_t>(std::int64_t{found->value});
}

}  // namespace

std::optional<std::uint64_t> error_named(std::string_view word) { return named(errors, word); }

std::optional<std::uint64_t> result_named(std::string_view word) {
  const auto error = error_named(word);
  return error ? error : named(others, word);
}

std::vector<std::string> error_names() {
  std::vector<std::string> names;
  for (const Result& e : errors) names.emplace_back(e.name);
  return names;
}

std::vector<std::string> result_names() {
  std::vector<std::string> names = error_names();
  for (const Result& r : others) names.emplace_back(r.name);
  return names;
}

}  // namespace unplug::scenarios
