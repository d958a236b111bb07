// User space at work: what the tasks outside the driver have open, mapped and polled.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "unplug/model/kernel/fs/mmap.hpp"
#include "unplug/model/kernel/fs/poll.hpp"
#include "unplug/model/kernel/irq/irq.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

class World;

// Where an open file comes from, for whoever has a reference to it.
struct Origin {
  const Operand* opened = nullptr;         // what was opened: a device, an attribute, ...
  model::AddressSpace* mapping = nullptr;  // f_mapping; null: nothing of it can be mapped
  std::uint32_t since = 0;                 // number of its interval in Record::files_open, plus one; 0: not open
};

struct OpenFile {
  model::File file;
  Origin origin;
};
// One that all tasks share.
struct SharedFile {
  model::Descriptor descriptor;
  Origin origin;
};

// A task outside the driver: user space, a thread, or hardware.
struct TaskState {
  World* world = nullptr;
  const TaskSpec* spec = nullptr;
  sim::TaskId id;
  std::deque<OpenFile> files;
  std::deque<model::Vma> mappings;
  model::Mm mm;
  model::PollTable poll;  // of poll(2)
  std::deque<model::Epoll> epolls;
  std::deque<model::EpollItem> epoll_items;        // of epoll e and file f: number e * files + f
  sim::ObjectId forked;                            // word: 1 once its parent has forked it; none: it has none
  bool ended = false;                              // a thread that has run its course
  std::array<std::uint64_t, max_locals> locals{};  // which it ended with
  model::IrqHere here;                             // of hardware whose interrupts come on the CPU of another task
  model::CpuInterrupts interrupts;                 // what comes on its own
};

// Prepares what a task has, before each execution.
void init_task(model::Kernel& kernel, TaskState& task, World& world, const TaskSpec& spec);
// Waits until what an operand names can be opened: udev has made the node; the driver is bound. The wait is idle.
void await_openable(model::Context& context, World& world, const Operand& what);
// Opens it by its path: 0, or an error.
int open_path(model::Context& context, World& world, const Operand& what, model::File& file, Origin& origin);
// fork(2), on the side of the parent: `child` has copies of all that `parent` has, and starts.
void fork_task(model::Context& context, TaskState& parent, TaskState& child);
// On the side of the child: there is none before.
void await_fork(model::Context& context, TaskState& child);

// One file, found for one operation: as a descriptor of the task itself, or by a look-up in the table that threads share, where it takes a
// reference for as long as the operation runs.
class UsedFile {
 public:
  UsedFile(model::Context& context, TaskState& task, std::uint32_t number);
  UsedFile(const UsedFile&) = delete;
  UsedFile& operator=(const UsedFile&) = delete;
  // Whether there is such a file: -EBADF otherwise.
  explicit operator bool() const { return file_ != nullptr; }
  [[nodiscard]] model::File& file() { return *file_; }
  [[nodiscard]] Origin& origin() { return *origin_; }
  // The operation is over. Not in a destructor: it may be the one that closes the file.
  void done();

 private:
  model::Context& context_;
  model::File* file_ = nullptr;
  Origin* origin_ = nullptr;
  model::File reference_;
};

}  // namespace unplug::scenarios
