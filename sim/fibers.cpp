#include "unplug/sim/fibers.hpp"

#include "unplug/sim/stack_guard.hpp"

#include <cxxabi.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <boost/fiber/all.hpp>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNPLUG_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define UNPLUG_ASAN 1
#endif
#if defined(UNPLUG_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace unplug::sim {
namespace {

using boost::fibers::context;

// Boost's scheduler must never choose: it may run main and its own dispatcher, and workers only when road `yield` or the end of the runtime
// says so. See performance notes in docs/engine.md; every line here answers a trap found by measurement.
class PassiveAlgorithm final : public boost::fibers::algo::algorithm {
 public:
  void awakened(context* ctx) noexcept override {
    if (ctx->is_context(boost::fibers::type::dispatcher_context)) {
      dispatcher_ = ctx;
    } else if (ctx->is_context(boost::fibers::type::main_context)) {
      main_ = ctx;
      main_ready_ = true;
    } else {
      last_worker_ = ctx;
    }
  }
  context* pick_next() noexcept override {
    if (forced_ != nullptr) return std::exchange(forced_, nullptr);
    if (main_ready_) {
      main_ready_ = false;
      return main_;
    }
    return std::exchange(dispatcher_, nullptr);  // ready again when it next calls awakened()
  }
  [[nodiscard]] bool has_ready_fibers() const noexcept override { return forced_ != nullptr || main_ready_; }
  void suspend_until(const std::chrono::steady_clock::time_point&) noexcept override {}  // lint: signature of the base class; never sleeps
  void notify() noexcept override {}

  context* last_worker() { return std::exchange(last_worker_, nullptr); }
  void force(context* ctx) { forced_ = ctx; }
  void main_is_ready(context* main) {
    main_ = main;
    main_ready_ = true;
  }

 private:
  context* dispatcher_ = nullptr;
  context* main_ = nullptr;
  context* last_worker_ = nullptr;
  context* forced_ = nullptr;
  bool main_ready_ = false;
};

// mmap'd stacks with a guard page. Tops are staggered by multiples of 256 bytes: equal strides would put the hot line of every stack into
// the same L1 set.
class Stacks {
 public:
  struct Bounds {
    const void* bottom = nullptr;
    std::size_t size = 0;
  };
  // `bounds` receives the usable range of the stack that allocate() makes.
  Stacks(std::size_t bytes, std::uint32_t colour, Bounds* bounds) : bytes_(bytes), colour_(colour), bounds_(bounds) {}
  boost::context::stack_context allocate() const {
    const std::size_t page = page_size();
    const std::size_t usable = (bytes_ + colours * stagger + page - 1) / page * page;
    void* base = ::mmap(nullptr, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) throw std::bad_alloc{};
    if (::mprotect(base, page, PROT_NONE) != 0) {  // too many mappings: better no stack than one without its guard page
      ::munmap(base, usable + page);
      throw std::bad_alloc{};
    }
    boost::context::stack_context s;
    const std::size_t shift = colour_ % colours * stagger;
    s.size = usable + page - shift;
    s.sp = static_cast<char*>(base) + s.size;
    *bounds_ = {static_cast<char*>(base) + page, s.size - page};
    return s;
  }
  void deallocate(boost::context::stack_context& s) const {
    const std::size_t shift = colour_ % colours * stagger;
    char* const base = static_cast<char*>(s.sp) - s.size;
#if defined(UNPLUG_ASAN)
    // Frames that were left by a switch for good are still marked; whoever gets this memory next would trip over them.
    __asan_unpoison_memory_region(base, s.size + shift);
#endif
    ::munmap(base, s.size + shift);
  }

 private:
  static std::size_t page_size() {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
  }
  static constexpr std::size_t colours = 16, stagger = 256;
  std::size_t bytes_;
  std::uint32_t colour_;
  Bounds* bounds_;
};

// One per OS thread, owned by Boost's scheduler of the thread, shared by all runtimes on it.
PassiveAlgorithm& algorithm_of_this_thread() {
  static thread_local PassiveAlgorithm* algorithm = nullptr;
  if (algorithm == nullptr) {
    auto* made = new PassiveAlgorithm;
    boost::fibers::context::active()->get_scheduler()->set_algo(boost::fibers::algo::algorithm::ptr_t{made});
    algorithm = made;
  }
  return *algorithm;
}

}  // namespace

struct Fibers::Fiber {
  context* ctx = nullptr;
  std::array<char, 16> exception_state{};  // __cxa_eh_globals: caught exceptions, number of uncaught ones
  Entry entry = nullptr;
  void* argument = nullptr;
  boost::fibers::fiber fiber;
  Stacks::Bounds stack;  // main's is learned from the first switch away from it
#if defined(UNPLUG_ASAN)
  void* fake_stack = nullptr;
#endif
};

struct Fibers::Impl {
  Impl(std::size_t bytes, Road r)
      : stack_bytes(bytes), road(r), algorithm(algorithm_of_this_thread()), exception_state(abi::__cxa_get_globals()) {
    main_fiber.ctx = context::active();
  }

  void make_fiber();
  void body(Fiber& self);
  void jump(Handle to);
  void arrived(Fiber& self);

  std::size_t stack_bytes;
  Road road;
  PassiveAlgorithm& algorithm;
  void* exception_state;  // of this OS thread
  Fiber main_fiber;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Handle> parked;
  bool quitting = false;
  const char* (*describe)(void*) = nullptr;
  Fiber* current = &main_fiber;
  StackGuard guard{&Impl::page_in_use, this};

  static StackGuard::Page page_in_use(void* self) {
    const auto& impl = *static_cast<const Impl*>(self);
    if (impl.current == &impl.main_fiber) return {};
    const Fiber& f = *impl.current;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return {static_cast<const char*>(f.stack.bottom) - page, page, impl.stack_bytes,
            impl.describe == nullptr ? nullptr : impl.describe(f.argument)};
  }
};

void Fibers::Impl::make_fiber() {
  Fiber& made = *fibers.emplace_back(std::make_unique<Fiber>());
  const Stacks stacks(stack_bytes, static_cast<std::uint32_t>(fibers.size()), &made.stack);
  try {
    // launch::post: the body must not run before the engine says so.
    made.fiber = boost::fibers::fiber(boost::fibers::launch::post, std::allocator_arg, stacks, [this, &made] { body(made); });
  } catch (...) {
    fibers.pop_back();  // no memory for the stack
    throw;
  }
  made.ctx = algorithm.last_worker();
  parked.push_back(&made);
}

void Fibers::Impl::body(Fiber& self) {
  arrived(self);
  while (!quitting) self.entry(self.argument);
#if defined(UNPLUG_ASAN)
  __sanitizer_start_switch_fiber(nullptr, main_fiber.stack.bottom, main_fiber.stack.size);
#endif
  // Returning ends the fiber: Boost asks the algorithm for the next one, which is main.
  current = &main_fiber;
}

// What a choice leads to waits for this: `to` and its context are the only loads on the way.
void Fibers::Impl::jump(Handle to) {
  Fiber& here = *current;
  Fiber& there = to == main ? main_fiber : *to;
  current = &there;
  std::memcpy(here.exception_state.data(), exception_state, here.exception_state.size());
  std::memcpy(exception_state, there.exception_state.data(), there.exception_state.size());
#if defined(UNPLUG_ASAN)
  __sanitizer_start_switch_fiber(&here.fake_stack, there.stack.bottom, there.stack.size);
#endif
  if (road == Road::resume) {
    there.ctx->resume();
  } else {
    algorithm.force(there.ctx);
    boost::this_fiber::yield();
  }
  arrived(here);
}

// Tells the address sanitizer where we are; the stack that was left first is main's.
void Fibers::Impl::arrived([[maybe_unused]] Fiber& self) {
#if defined(UNPLUG_ASAN)
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(self.fake_stack, &bottom, &size);
  if (main_fiber.stack.bottom == nullptr) main_fiber.stack = {bottom, size};
#endif
}

Fibers::Fibers(std::size_t stack_bytes, Road road) : impl_(std::make_unique<Impl>(stack_bytes, road)) {}

Fibers::~Fibers() {
  impl_->quitting = true;
  for (const auto& f : impl_->fibers) {
    impl_->algorithm.main_is_ready(impl_->main_fiber.ctx);
    impl_->jump(f.get());
    f->fiber.join();
  }
  // Only Boost's dispatcher frees what has ended: let it run once.
  boost::this_fiber::yield();
}

Fibers::Handle Fibers::obtain(Entry entry, void* argument) {
  if (impl_->parked.empty()) impl_->make_fiber();
  const Handle fiber = impl_->parked.back();
  impl_->parked.pop_back();
  fiber->entry = entry;
  fiber->argument = argument;
  return fiber;
}

void Fibers::give_back(Handle fiber) { impl_->parked.push_back(fiber); }

void Fibers::switch_to(Handle fiber) {
  if (fiber == running_) return;
  running_ = fiber;
  impl_->jump(fiber);
}

void Fibers::describe_with(const char* (*describe)(void*)) { impl_->describe = describe; }

std::size_t Fibers::created() const { return impl_->fibers.size(); }

}  // namespace unplug::sim
