#include <levada/actors/channel_core.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <new>
#include <utility>

#include <levada/actors/channel_actor.hpp>
#include <levada/actors/channel_extras.hpp>
#include <levada/actors/channel_info.hpp>
#include <levada/actors/lease.hpp>
#include <levada/actors/registry.hpp>
#include <levada/actors/select_claim.hpp>
#include <levada/actors/transfer.hpp>
#include <levada/runtime/engine.hpp>

namespace levada::detail {

namespace {

std::uint32_t steady_milliseconds() noexcept {
  using namespace std::chrono;
  return static_cast<std::uint32_t>(
    duration_cast<milliseconds>(steady_clock::now().time_since_epoch())
      .count());
}

void forget_receipt(channel_core& channel, receipt_node& node) noexcept {
  auto& receipts = channel.rare()->receipts;
  receipts.remove(node);
  if (receipts.empty())
    channel.burdens &= static_cast<std::uint8_t>(~burden::receipts);
}

void end_receipt(channel_core& channel, receipt_node& node, outcome how,
                 wake_list& wakes) noexcept {
  forget_receipt(channel, node);
  node.result = how;
  wakes.add(*node.who);
}

/// Tells whoever waits for the receipt of the item that has left the buffer.
void settle_receipt(channel_core& channel, wake_list& wakes,
                    outcome how) noexcept {
  auto& rare = *channel.rare();
  const auto position = rare.left++;
  auto* node = static_cast<receipt_node*>(rare.receipts.front());
  if (node != nullptr && node->position == position)
    end_receipt(channel, *node, how, wakes);
}

/// Puts an item before all others; false: no memory, and it is where it was.
bool store_first(channel_core& channel, void* item) noexcept {
  if (channel.count == channel.slots && !channel.try_grow())
    return false;
  if ((channel.burdens & burden::returned) != 0
      && !lease_book::put_first(channel))
    return false;
  channel.head = (channel.head - 1) & (channel.slots - 1);
  channel.type.relocate(channel.slot(0, channel.type.size), item);
  lease_book::came_back(channel);
  return true;
}

/// Why items go that a closing drops.
dead_letter_reason letters_of(close_reason why) noexcept {
  switch (why) {
    case close_reason::no_receivers:
      return dead_letter_reason::no_receivers;
    case close_reason::owner_gone:
      return dead_letter_reason::owner_gone;
    default:
      return dead_letter_reason::killed;
  }
}

} // namespace

// -- strays -------------------------------------------------------------------

struct stray_list::stray {
  stray* next;
  dead_letter_sink* sink;
  dead_letter_reason why;
  alignas(16) std::byte cell[1];
};

void stray_list::add(void* cell, dead_letter_reason why,
                     dead_letter_sink* sink) {
  // Making a stray writes all of it, its tail padding too.
  auto* memory = ::operator new(
    std::max(sizeof(stray), offsetof(stray, cell) + type_.size));
  auto* added = ::new (memory) stray{nullptr, sink, why, {}};
  type_.relocate(added->cell, cell);
  (first_ == nullptr ? first_ : last_->next) = added;
  last_ = added;
}

void stray_list::keep(channel_core& channel) noexcept {
  channel.retain();
  kept_ = &channel;
}

void stray_list::dispose() noexcept {
  while (first_ != nullptr) {
    auto* each = std::exchange(first_, first_->next);
    if (each->sink != nullptr)
      each->sink->consume(each->cell, each->why);
    else
      type_.destroy(each->cell);
    ::operator delete(each);
  }
  if (kept_ != nullptr)
    kept_->release();
}

// -- making and unmaking ------------------------------------------------------

channel_core::channel_core(const channel_setup& setup, std::uint64_t id)
    : policy(setup.policy),
      on_exit(setup.on_exit),
      capacity(setup.capacity),
      id(id),
      type(*setup.type) {
  std::unique_ptr<dead_letter_sink> sink{setup.sink};
  std::unique_ptr<owner_table> owners{setup.owners};
  if (*setup.name != '\0' || sink != nullptr || owners != nullptr
      || setup.max_deliveries != 0) {
    extras().name = setup.name;
    extras().sink = std::move(sink);
    extras().owners = std::move(owners);
    extras().leases.most = setup.max_deliveries;
  }
}

channel_core::~channel_core() {
  {
    stray_list strays{type};
    wake_list wakes;
    drain_into(strays, dead_letter_reason::no_receivers, wakes);
  }
  ::operator delete(ring);
  delete rare();
}

channel_extras& channel_core::extras() {
  auto* present = rare();
  if (present == nullptr) {
    auto made = std::make_unique<channel_extras>();
    made->closed_by = closed_by();
    present = made.release();
    // release: who finds them finds them made
    extras_.store(reinterpret_cast<std::uintptr_t>(present),
                  std::memory_order_release);
  }
  return *present;
}

std::source_location channel_core::closed_by() const noexcept {
  if (const auto* present = rare())
    return present->closed_by;
  // relaxed: written under the lock, which we hold
  return std::bit_cast<std::source_location>(
    extras_.load(std::memory_order_relaxed) & ~std::uintptr_t{1});
}

const char* channel_core::name() const noexcept {
  const auto* present = rare();
  return present == nullptr ? "" : present->name.c_str();
}

dead_letter_sink* channel_core::sink() const noexcept {
  const auto* present = rare();
  return present == nullptr ? nullptr : present->sink.get();
}

owner_table* channel_core::owners() const noexcept {
  const auto* present = rare();
  return present == nullptr ? nullptr : present->owners.get();
}

void channel_core::count_handed_back(std::uint64_t items) noexcept {
  extras().handed_back += items;
}

void channel_core::count_dead_letters(std::uint64_t items) noexcept {
  auto& counts = extras();
  counts.dead_lettered += items;
  counts.undelivered += items;
}

// -- the buffer ---------------------------------------------------------------

void channel_core::grow() {
  const std::uint32_t most = std::min(capacity, max_capacity);
  std::uint32_t wanted
    = slots == 0 ? std::min<std::uint32_t>(most, 8) : slots * 2;
  std::uint32_t rounded = 1;
  while (rounded < wanted)
    rounded *= 2;
  if (rounded <= slots) // 2^31 items are buffered and 32 bits count them
    throw std::bad_alloc{};
  auto* fresh
    = static_cast<std::byte*>(::operator new(std::size_t{rounded} * type.size));
  for (std::uint32_t i = 0; i < count; ++i)
    type.relocate(fresh + std::size_t{i} * type.size, slot(i, type.size));
  ::operator delete(std::exchange(ring, fresh));
  slots = rounded;
  head = 0;
}

bool channel_core::try_grow() noexcept {
  try {
    grow();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void channel_core::shrink() noexcept {
  ::operator delete(std::exchange(ring, nullptr));
  slots = 0;
  head = 0;
}

/// Goes along the receipts while somebody goes along the items: both stand in
/// the same order.
class channel_core::receipt_walk {
public:
  explicit receipt_walk(channel_core& channel) noexcept {
    if ((channel.burdens & burden::receipts) == 0)
      return;
    extras_ = channel.rare();
    next_ = extras_->receipts.front();
  }

  /// Who waits for the receipt of the item in place `index`, or null. It may be
  /// taken out before the next call.
  receipt_node* at(std::uint32_t index) noexcept {
    if (next_ == nullptr)
      return nullptr;
    auto& node = static_cast<receipt_node&>(*next_);
    if (node.position - extras_->left != index)
      return nullptr;
    next_ = node.next == extras_->receipts.front() ? nullptr : node.next;
    return &node;
  }

private:
  channel_extras* extras_ = nullptr;
  wait_node* next_ = nullptr;
};

void channel_core::drain_into(stray_list& strays, dead_letter_reason why,
                              wake_list& wakes) noexcept {
  receipt_walk receipts{*this};
  for (std::uint32_t i = 0; i < count; ++i) {
    auto* const cell = slot(i, type.size);
    if (auto* receipt = receipts.at(i)) {
      type.relocate(receipt->slot, cell);
      receipt->buffered = false;
      count_handed_back(1);
      ++extras().undelivered;
      end_receipt(*this, *receipt, outcome::closed, wakes);
    } else {
      strays.add(cell, why, sink());
      count_dead_letters(1);
    }
  }
  count = 0;
  head = 0;
  lease_book::all_left(*this);
  burdens &= static_cast<std::uint8_t>(~burden::overfull);
}

offered overflow_with(channel_core& channel, void* item, wake_list& wakes,
                      stray_list& strays) {
  const erased_mover mover{channel.type};
  if (channel.policy == overflow::drop_incoming || channel.count == 0) {
    // (none buffered, yet no room: a rendezvous, or every place is promised)
    strays.add(item, dead_letter_reason::overflow, channel.sink());
    ++channel.sent;
    channel.count_dead_letters(1);
    return offered::dropped;
  }
  channel.drop_buffered(wakes, strays);
  store(channel, item, mover);
  ++channel.sent;
  return offered::replaced;
}

void channel_core::drop_buffered(wake_list& wakes, stray_list& strays) {
  if (policy == overflow::drop_oldest) {
    strays.add(slot(0, type.size), dead_letter_reason::overflow, sink());
    head = (head + 1) & (slots - 1);
    --count;
    if (burdens != 0)
      front_left(wakes, outcome::dropped);
  } else {
    strays.add(slot(count - 1, type.size), dead_letter_reason::overflow,
               sink());
    --count;
    // (its receipt, if any, is the last one)
    drop_last_receipt(wakes);
    if ((burdens & burden::returned) != 0)
      lease_book::last_left(*this);
  }
  count_dead_letters(1);
}

// -- waiters ------------------------------------------------------------------

bool channel_core::claim_slow(wait_node& node, wake_list& wakes) noexcept {
  switch (node.kind) {
    case node_kind::value:
    case node_kind::permit:
    case node_kind::receipt:
    case node_kind::lease:
      return true;
    case node_kind::select: {
      auto& mine = static_cast<select_node&>(node);
      return mine.claim.win(mine.index);
    }
    case node_kind::set: {
      auto& mine = static_cast<set_node&>(node);
      return mine.tell(mine, wakes);
    }
    case node_kind::notice:
      node.result = outcome::done;
      wakes.add(*node.who);
      return false;
    case node_kind::window:
      break;
  }
  return false;
}

wait_queue& channel_core::queue(wait_place where) {
  switch (where) {
    case wait_place::receivers:
      return receivers;
    case wait_place::senders:
      return senders;
    default:
      return extras().closers;
  }
}

/// The node is enlisted, and the lock held.
void channel_core::end_wait(wait_node& node, wait_place where, outcome why,
                            wake_list& wakes) noexcept {
  if (node.kind == node_kind::select) {
    auto& mine = static_cast<select_node&>(node);
    if (!mine.claim.win(mine.index))
      return;
  }
  if (where == wait_place::receipts
      && static_cast<receipt_node&>(node).buffered) {
    unsend(static_cast<receipt_node&>(node));
    refill(*this, erased_mover{type}, wakes);
  } else {
    const bool sending
      = where == wait_place::senders || where == wait_place::receipts;
    (sending ? senders : queue(where)).remove(node);
    if (sending && brings_item(node))
      count_handed_back(1);
  }
  node.result = why;
  wakes.add(*node.who);
}

void channel_core::withdraw(wait_node& node, wait_place where, outcome why,
                            wake_list& wakes) noexcept {
  spin_guard guard{lock};
  if (node.result != outcome::pending)
    return;
  if (node.enlisted())
    end_wait(node, where, why, wakes);
  else
    node.result = why; // it is on its way here, and will see it
}

void channel_core::cancel_wait(const task_frame* root) noexcept {
  wake_list wakes;
  spin_guard guard{lock};
  // A node found here is parked, so its task lives; but the task at this address
  // need not be the one that was cancelled.
  const auto cancel = [&](wait_node* node, wait_place where) {
    if (node == nullptr || !root->cancelled())
      return false;
    end_wait(*node, where, outcome::cancelled, wakes);
    return true;
  };
  if (cancel(receivers.find(root), wait_place::receivers)
      || cancel(senders.find(root), wait_place::senders) || rare() == nullptr
      || cancel(rare()->closers.find(root), wait_place::closers))
    return;
  cancel(rare()->receipts.find(root), wait_place::receipts);
}

void channel_core::forget(wait_node& node, wait_place where) noexcept {
  spin_guard guard{lock};
  if (!node.enlisted())
    return;
  if (where != wait_place::receipts)
    queue(where).remove(node);
  else if (static_cast<receipt_node&>(node).buffered)
    rare()->receipts.remove(node);
  else
    senders.remove(node);
}

/// An item that came back, when nobody waits for it; the lock is held.
void channel_core::keep_first(void* item, stray_list& strays) noexcept {
  auto why = dead_letter_reason::abandoned;
  if ((burdens & burden::dropping) != 0)
    why = letters_of(closed);
  else if (store_first(*this, item))
    return;
  count_dead_letters(1);
  strays.add(item, why, sink());
}

void channel_core::put_back(void* item) noexcept {
  stray_list strays{type};
  wake_list wakes;
  spin_guard guard{lock};
  --received;
  if (!hand_over(*this, item, erased_mover{type}, wakes))
    keep_first(item, strays);
}

void channel_core::put_back(item_row& items, std::uint32_t total) noexcept {
  stray_list strays{type};
  wake_list wakes;
  spin_guard guard{lock};
  const erased_mover mover{type};
  received -= total;
  std::uint32_t first = 0;
  while (first < total && hand_over(*this, items.cell(first), mover, wakes))
    ++first;
  for (auto next = total; next > first; --next)
    keep_first(items.cell(next - 1), strays);
}

void channel_core::release_receivers(wake_list& wakes) noexcept {
  while (auto* node = receivers.front()) {
    receivers.remove(*node);
    if (!claim(*node, wakes))
      continue;
    node->result = outcome::closed;
    wakes.add(*node->who);
  }
}

void channel_core::front_left(wake_list& wakes, outcome how) noexcept {
  if ((burdens & burden::returned) != 0)
    lease_book::first_left(*this);
  if ((burdens & burden::receipts) != 0)
    settle_receipt(*this, wakes, how);
  if (count <= capacity)
    burdens &= static_cast<std::uint8_t>(~burden::overfull);
}

void channel_core::drop_last_receipt(wake_list& wakes) noexcept {
  if ((burdens & burden::receipts) == 0)
    return;
  auto* node = static_cast<receipt_node*>(rare()->receipts.back());
  if (node->position == rare()->left + count)
    end_receipt(*this, *node, outcome::dropped, wakes);
}

void channel_core::enlist_for_receipt(receipt_node& node, wake_list& wakes,
                                      stray_list& strays) {
  extras();
  bool room = has_room() && senders.empty();
  if (!room && policy != overflow::wait && count != 0) {
    // Once the waiter is parked it may go on and let go of the channel before
    // the dropped item has been told of.
    strays.keep(*this);
    drop_buffered(wakes, strays);
    room = true;
  }
  if (room && count == slots)
    grow();
  ++sent;
  if (room)
    store_with_receipt(node);
  else
    senders.push_back(node);
}

void channel_core::store_with_receipt(receipt_node& node) noexcept {
  node.buffered = true;
  node.position = rare()->left + count;
  store(*this, node.slot, erased_mover{type});
  rare()->receipts.push_back(node);
  burdens |= burden::receipts;
}

void channel_core::unsend(receipt_node& node) noexcept {
  const auto index = static_cast<std::uint32_t>(node.position - rare()->left);
  type.relocate(node.slot, slot(index, type.size));
  for (auto i = index; i + 1 < count; ++i)
    type.relocate(slot(i, type.size), slot(i + 1, type.size));
  --count;
  node.buffered = false;
  count_handed_back(1);
  for (auto* later = node.next; later != rare()->receipts.front();
       later = later->next)
    --static_cast<receipt_node*>(later)->position;
  forget_receipt(*this, node);
}

// -- items by owner -----------------------------------------------------------

void channel_core::sweep(item_judge& how, stray_list& strays,
                         wake_list& wakes) noexcept {
  using verdict = item_judge::verdict;
  const auto items = count;
  receipt_walk receipts{*this};
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < items; ++i) {
    auto* const cell = slot(i, type.size);
    auto* const mine = receipts.at(i);
    const auto decided = how.judge(cell);
    if (decided != verdict::keep) {
      take_out(cell, mine, decided == verdict::replace ? &how : nullptr, strays,
               wakes);
    } else if (mine != nullptr) {
      mine->position = rare()->left + kept;
    }
    if (decided == verdict::remove)
      continue;
    if (kept != i)
      type.relocate(slot(kept, type.size), cell);
    ++kept;
  }
  count = kept;
  if (is_open())
    refill(*this, erased_mover{type}, wakes);
}

/// Empties `cell`, or lets `replacing` put another item there.
void channel_core::take_out(void* cell, receipt_node* receipt,
                            item_judge* replacing, stray_list& strays,
                            wake_list& wakes) noexcept {
  if (replacing != nullptr)
    ++sent; // the substitute is an item, too
  if (receipt != nullptr) {
    if (replacing != nullptr)
      replacing->replace(cell, receipt->slot);
    else
      type.relocate(receipt->slot, cell);
    receipt->buffered = false;
    count_handed_back(1);
    end_receipt(*this, *receipt, outcome::disowned, wakes);
    return;
  }
  count_dead_letters(1);
  if (replacing == nullptr) {
    strays.add(cell, dead_letter_reason::owner_gone, sink());
    return;
  }
  alignas(std::max_align_t) std::byte taken[cell_type::largest];
  replacing->replace(cell, taken);
  strays.add(taken, dead_letter_reason::owner_gone, sink());
}

void channel_core::end_waits(wait_queue& which, item_judge& how,
                             wake_list& wakes) noexcept {
  auto* next = which.front();
  for (auto waiting = which.count(); waiting != 0; --waiting) {
    auto& node = *std::exchange(next, next->next);
    if (node.slot == nullptr
        || how.judge(node.slot) == item_judge::verdict::keep)
      continue;
    which.remove(node);
    if (!claim(node, wakes))
      continue;
    if (&which == &senders && brings_item(node))
      count_handed_back(1);
    node.result = outcome::released;
    wakes.add(*node.who);
  }
}

void channel_core::drop_permit() noexcept {
  {
    wake_list wakes;
    spin_guard guard{lock};
    --reserved;
    if (is_open()) {
      refill(*this, erased_mover{type}, wakes);
    } else if (is_drained()) {
      release_receivers(wakes);
    }
  }
  end_if_drained();
}

// -- closing ------------------------------------------------------------------

void channel_core::note_closing(const closing& how) noexcept {
  closed = how.reason;
  closed_at_ = steady_milliseconds();
  if (const auto* root = current_root()) {
    if (auto* present = rare())
      present->closed_by = root->code();
    else // relaxed: to whoever has no lock it is no extras, before and after
      extras_.store(std::bit_cast<std::uintptr_t>(root->code()) | 1,
                    std::memory_order_relaxed);
  }
  if (how.cause)
    extras().cause = how.cause;
}

close_outcome channel_core::close_quietly(const closing& how) {
  stray_list strays{type};
  wake_list wakes;
  spin_guard guard{lock};
  return close_locked(how, strays, wakes);
}

close_outcome channel_core::close_locked(const closing& how, stray_list& strays,
                                         wake_list& wakes) {
  const bool was_open = is_open();
  if (!was_open && !how.drop_buffered)
    return close_outcome::was_closed;
  if (how.only_if_empty && count != 0)
    return close_outcome::not_empty;
  if (was_open)
    note_closing(how);
  while (auto* node = senders.front()) {
    senders.remove(*node);
    if (!claim(*node, wakes))
      continue;
    if (brings_item(*node)) {
      count_handed_back(1);
      ++extras().undelivered;
    }
    node->result = outcome::closed; // the value is still in the sender's hands
    wakes.add(*node->who);
  }
  const bool drops = how.drop_buffered && count != 0;
  if (how.drop_buffered) {
    drain_into(strays, letters_of(how.reason), wakes);
    burdens &= static_cast<std::uint8_t>(~burden::lent);
    burdens |= burden::dropping;
  }
  if (is_drained())
    release_receivers(wakes);
  if (rare() != nullptr) {
    while (auto* node = rare()->closers.front()) {
      rare()->closers.remove(*node);
      node->result = outcome::done;
      wakes.add(*node->who);
    }
  }
  return was_open || drops ? close_outcome::done : close_outcome::was_closed;
}

close_outcome channel_core::close(const closing& how) {
  const auto result = close_quietly(how);
  if (result != close_outcome::not_empty)
    end_if_drained();
  return result;
}

void channel_core::last_sender_gone() noexcept {
  close({close_reason::finished});
  release();
}

void channel_core::last_receiver_gone() noexcept {
  close({close_reason::no_receivers, nullptr, true});
  release();
}

void channel_core::leave_sending_end() noexcept {
  if (sender_handles_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    release();
}

bool channel_core::add_sender_if_any() noexcept {
  auto handles = sender_handles_.load(std::memory_order_relaxed);
  while (handles != 0)
    if (sender_handles_.compare_exchange_weak(handles, handles + 1,
                                              std::memory_order_relaxed))
      return true;
  return false;
}

bool channel_core::add_receiver_if_any() noexcept {
  auto handles = receiver_handles_.load(std::memory_order_relaxed);
  while (handles != 0)
    if (receiver_handles_.compare_exchange_weak(handles, handles + 1,
                                                std::memory_order_relaxed))
      return true;
  return false;
}

// -- looking ------------------------------------------------------------------

close_record channel_core::record() {
  using namespace std::chrono;
  close_record result;
  spin_guard guard{lock};
  result.reason = closed;
  if (is_open())
    return result;
  result.who = function_name(closed_by());
  // (right for 49 days, which modulo 2^32 milliseconds is)
  result.when
    = system_clock::now() - milliseconds{steady_milliseconds() - closed_at_};
  if (rare() != nullptr) {
    result.cause = rare()->cause;
    result.undelivered = rare()->undelivered;
  }
  return result;
}

channel_info channel_core::info() {
  channel_info result;
  result.closed = record();
  result.id = id;
  result.name = name();
  result.capacity = capacity;
  result.sender_handles = sender_handles_.load(std::memory_order_relaxed);
  result.receiver_handles = receiver_handles_.load(std::memory_order_relaxed);
  spin_guard guard{lock};
  result.state = is_open()      ? channel_state::open
                 : is_drained() ? channel_state::closed
                                : channel_state::closing;
  result.size = count;
  result.waiting_senders = senders.count();
  result.waiting_receivers = receivers.count();
  result.stats.sent = sent;
  result.stats.received = received;
  result.stats.buffered = count;
  result.stats.waiting = senders.count_of_values();
  if (rare() != nullptr) {
    result.stats.handed_back = rare()->handed_back;
    result.stats.dead_lettered = rare()->dead_lettered;
    result.stats.leased = rare()->leases.lent;
    result.stats.received -= rare()->leases.lent;
  }
  return result;
}

} // namespace levada::detail
