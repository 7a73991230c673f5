#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/destination.h"
#include "http/link.h"
#include "http/resolver.h"
#include "task/endpoint.h"

namespace khs::http {

enum class Phase { kNone, kResolving, kDialing, kHandshaking, kExchanging };

// What is kept of an attempt while it is under way.
struct Attempt {
  Phase phase = Phase::kNone;
  DestinationPtr destination;  // null when not under way
  std::string text;            // the request's head, with the body when that is small
  std::string_view body;
  base::MonotonicTime deadline;                     // of the phase
  std::shared_ptr<const Resolution> lookup;         // while resolving
  LinkPtr link;                                     // from dialing on
  std::list<task::Endpoint::Slot>::iterator place;  // in the list of its phase
};

// Attempts by slot, and by what ends first. One thread.
class Attempts {
 public:
  using Slot = task::Endpoint::Slot;

  // Those that were asked for by At stay where they are.
  Attempt& At(Slot slot);
  Attempt& operator[](Slot slot) { return attempts_[slot]; }
  const Attempt& operator[](Slot slot) const { return attempts_[slot]; }
  size_t size() const { return attempts_.size(); }
  bool UnderWay(Slot slot) const {
    return slot < attempts_.size() && attempts_[slot].phase != Phase::kNone;
  }

  // The phases before there is a connection have one deadline together.
  void Enter(Slot slot, Phase phase, base::MonotonicTime deadline);

  // Each in the order of the deadlines.
  const std::list<Slot>& opening() const { return opening_; }        // until there is a connection
  const std::list<Slot>& exchanging() const { return exchanging_; }  // from the first byte on

 private:
  std::list<Slot>& ListOf(Phase phase);

  std::deque<Attempt> attempts_;
  std::list<Slot> opening_;
  std::list<Slot> exchanging_;
  std::list<Slot> resting_;
};

}  // namespace khs::http
