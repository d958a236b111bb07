// MMIO: regions that are claimed, mappings of them, and register accesses.
//
// request_mem_region()/release_mem_region(): kernel/resource.c; ioremap()/iounmap(): arch/x86/mm/ioremap.c, v6.18. A region belongs to one
// claimant at a time; each claim is a lifetime of its own (a generation), so a stale pointer that reaches a region somebody else has
// claimed since is told from one that reaches nothing. A register access touches no shared object: what it depends on is that mapping and
// region still live. What a read returns is a data choice where the scenario lists several values.
// Left out: lazy TLB flush, all-ones after surprise removal, posted writes, register contents.
#pragma once

#include <span>

#include "unplug/model/context.hpp"

namespace unplug::model {

struct Region {
  ObjectId object;  // word: number of the present claim, 0: free
  NameId name;
  std::uint64_t claims = 0;  // claims known so far; numbers are given when they are made known
};
void init_region(Kernel& kernel, Region& region, NameId unique_name, NameId declared);

// One claim of a region and its mapping, made known before they happen.
struct Mapping {
  Region* region = nullptr;
  NameId name;  // as declared: "bar0"
  LifetimeId claim, map;
  std::uint64_t number = 0;
};
void init_mapping(Kernel& kernel, Mapping& m, Region& region, NameId unique_name, NameId declared, LifetimeId owner);

// false: claimed by someone else (-EBUSY).
bool request_mem_region(Context& context, Mapping& m);
void release_mem_region(Context& context, Mapping& m);
void ioremap(Context& context, Mapping& m);
void iounmap(Context& context, Mapping& m);

// readl(): `values` that the register may return (empty: 0).
std::uint64_t readl(Context& context, const Mapping& m, std::span<const std::uint64_t> values);
void writel(Context& context, const Mapping& m);

}  // namespace unplug::model
