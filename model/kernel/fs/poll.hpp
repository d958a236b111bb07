// poll(2) and epoll: tasks that sleep on wait queues which live in driver memory.
//
// fs/select.c (do_poll, __pollwait, poll_freewait), fs/eventpoll.c (ep_insert, ep_poll_callback, ep_remove, eventpoll_release),
// kernel/sched/wait.c (wake_up_poll, wake_up_pollfree), v6.18. ->poll calls poll_wait() for each queue that can wake, then says what is
// ready. poll(2) holds a reference on each file while it sleeps, and takes its entries off the queues when it returns: the queues have to
// be there until then, however it was woken. An epoll holds no reference on the file and leaves its entry on the queue until the file's
// last reference goes (eventpoll_release(), before ->release()) or EPOLL_CTL_DEL: a queue that dies earlier, with a device or a thread,
// has to throw the entries off first: wake_up_pollfree(), and free the queue after a grace period of RCU.
// Removal has to wake: who sleeps on a queue of a device that is gone sleeps on. A wake tells nobody why: ->poll is asked again, and has
// to answer EPOLLHUP | EPOLLERR. Left out: timeouts and signals, exclusive and edge-triggered entries, nested epolls, io_uring's poll.
#pragma once

#include <span>
#include <vector>

#include "unplug/model/kernel/fs/file.hpp"
#include "unplug/model/kernel/rcu/rcu.hpp"

namespace unplug::model {

inline constexpr std::uint32_t epollin = 0x1, epollpri = 0x2, epollout = 0x4, epollerr = 0x8, epollhup = 0x10;
// What a file without ->poll answers: readable and writable.
inline constexpr std::uint32_t default_pollmask = epollin | epollout;

struct PollQueue;
struct EpollItem;

// The queue_head of waiters that ->poll registers on (wait_queue_head_t).
struct PollQueue {
  ObjectId object;  // word: how often it has changed or woken
  NameId name;
  LifetimeId home;                 // memory it lives in; none: static
  Owner owner = Owner::hardware;   // who makes events
  std::vector<PollTable*> tables;  // entries of poll(2), of epolls; touched in steps on the object only
  std::vector<EpollItem*> items;
};
void init_poll_queue(Kernel& kernel, PollQueue& q, NameId unique_name, NameId declared, LifetimeId home, Owner owner);

// One poll(2) call, or the registration of an epoll item: what ->poll hands to poll_wait().
struct PollTable {
  struct Entry {
    PollQueue* queue;
    File file;  // a reference, if the file counts them
  };
  ObjectId triggered;        // word: 1 woken
  bool registering = false;  // the first round
  EpollItem* item = nullptr;
  std::vector<Entry> entries;  // of the calling task
};
void init_poll_table(Kernel& kernel, PollTable& table, NameId unique_name);

// From ->poll: registers who polls on `q`, in the first round. Of an epoll item one queue.
void poll_wait(Context& context, File& file, PollQueue& q, PollTable& table);
// wake_up_poll(): everybody who is registered is woken, none of them told why.
void wake_up_poll(Context& context, PollQueue& q);
// wake_up_pollfree(): wakes, and the entries of epolls are thrown off. The queue may be freed one grace period of RCU later.
void wake_up_pollfree(Context& context, PollQueue& q);

// f_op->poll under the entry guard; EPOLLERR if that refuses, default_pollmask without one.
std::uint32_t vfs_poll(Context& context, File& file, PollTable& table);
// poll(2) without a timeout: sleeps until one of the files has something of `events`, EPOLLERR or EPOLLHUP. What they have.
std::uint32_t do_poll(Context& context, std::span<File* const> files, std::uint32_t events, PollTable& table);

struct Epoll {
  ObjectId ready;  // word: events not yet fetched
  NameId name;
};
void init_epoll(Kernel& kernel, Epoll& ep, NameId unique_name, NameId declared);
// A file's place in an epoll.
struct EpollItem {
  Epoll* epoll = nullptr;
  PollQueue* queue = nullptr;  // that poll_wait() named
  ObjectId whead;              // word: 1 while the entry is on the queue
  PollTable table;
};
void init_epoll_item(Kernel& kernel, EpollItem& item, Epoll& ep, NameId unique_name);
// file->f_ep: the items of a file.
struct EpollLinks {
  ObjectId object;  // word: how many
  Rcu* rcu = nullptr;
  std::vector<EpollItem*> items;
};
void init_epoll_links(Kernel& kernel, EpollLinks& links, Rcu& rcu, NameId unique_name);

// EPOLL_CTL_ADD and EPOLL_CTL_DEL. The file was made with FileParts::links.
void epoll_add(Context& context, EpollItem& item, File& file);
void epoll_del(Context& context, EpollItem& item, File& file);
// epoll_wait() without a timeout, until there is an event. The file's ->poll is then asked by vfs_poll().
void epoll_wait(Context& context, Epoll& ep, Owner owner);
// From __fput(): the items go, before ->release().
void eventpoll_release(Context& context, EpollLinks& links);

}  // namespace unplug::model
