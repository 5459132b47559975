#include <levada/actors/lease.hpp>

#include <memory>
#include <new>
#include <optional>
#include <utility>

#include <levada/actors/channel_extras.hpp>
#include <levada/actors/select_claim.hpp>
#include <levada/actors/transfer.hpp>

namespace levada::detail {

namespace {

lease_book& book_of(channel_core& channel) noexcept {
  return channel.rare()->leases;
}

lease_record* take_first(channel_core& channel, lease_book& book) noexcept {
  auto* const result = std::exchange(book.first, book.first->next);
  result->next = nullptr;
  if (--book.returned == 0)
    channel.burdens &= static_cast<std::uint8_t>(~burden::returned);
  return result;
}

void count_lent(channel_core& channel, lease_book& book) noexcept {
  ++book.lent;
  if ((channel.burdens & burden::dropping) == 0)
    channel.burdens |= burden::lent;
}

void count_settled(channel_core& channel, lease_book& book) noexcept {
  if (--book.lent == 0)
    channel.burdens &= static_cast<std::uint8_t>(~burden::lent);
}

/// The item in a waiter's hands was never lent before.
void lend_fresh(lease_record& record) noexcept {
  auto& channel = record.lender;
  auto& book = book_of(channel);
  record.place = ++book.last_place;
  record.deliveries = 1;
  count_lent(channel, book);
}

/// Where a waiter that has been claimed keeps its record; null: it wants no
/// lease.
lease_record** record_in(wait_node& node) noexcept {
  switch (node.kind) {
    case node_kind::lease:
      return &static_cast<lease_node&>(node).record;
    case node_kind::select: {
      auto& mine = static_cast<select_node&>(node);
      return mine.record == nullptr ? nullptr : &mine.record;
    }
    default:
      return nullptr;
  }
}

/// The first who waits has the item now; false when nobody does.
bool hand_on(channel_core& channel, void* cell,
             std::unique_ptr<lease_record>& record, wake_list& wakes) noexcept {
  while (auto* node = channel.receivers.front()) {
    channel.receivers.remove(*node);
    if (!claim(*node, wakes))
      continue;
    if (auto** const theirs = record_in(*node)) {
      ++record->deliveries;
      count_lent(channel, book_of(channel));
      delete std::exchange(*theirs, record.release());
    }
    channel.type.relocate(node->slot, cell);
    node->result = outcome::done;
    ++channel.received;
    wakes.add(*node->who);
    return true;
  }
  return false;
}

/// Puts the item where it belongs among those that came back; false: no memory.
bool insert(channel_core& channel, lease_book& book, void* cell,
            std::unique_ptr<lease_record>& record) noexcept {
  if (channel.count == channel.slots && !channel.try_grow())
    return false;
  const auto& type = channel.type;
  channel.head = (channel.head - 1) & (channel.slots - 1);
  std::uint32_t index = 0;
  auto** link = &book.first;
  for (; *link != nullptr && (*link)->place < record->place;
       link = &(*link)->next, ++index)
    type.relocate(channel.slot(index, type.size),
                  channel.slot(index + 1, type.size));
  type.relocate(channel.slot(index, type.size), cell);
  record->next = *link;
  *link = record.release();
  ++book.returned;
  channel.burdens |= burden::returned;
  lease_book::came_back(channel);
  return true;
}

/// Why the item does not come back, if it does not.
std::optional<dead_letter_reason> verdict(const channel_core& channel,
                                          const lease_book& book,
                                          const lease_record& record,
                                          lease_end how) noexcept {
  if (how == lease_end::rejected
      || (how == lease_end::returned && book.most != 0
          && record.deliveries >= book.most))
    return dead_letter_reason::nack_limit;
  if ((channel.burdens & burden::dropping) != 0)
    return channel.has_receivers() ? dead_letter_reason::killed
                                   : dead_letter_reason::no_receivers;
  return {};
}

void bury(channel_core& channel, void* cell, dead_letter_reason why,
          const lease_record& record) noexcept {
  auto* const sink = channel.sink();
  if (sink == nullptr)
    channel.type.destroy(cell);
  else if (why == dead_letter_reason::nack_limit)
    sink->consume_poison(cell, {record.deliveries, record.reason});
  else
    sink->consume(cell, why);
}

} // namespace

bool lease_book::lend(channel_core& channel, void* into, lease_record* record,
                      wake_list& wakes) {
  auto& book = channel.extras().leases;
  const bool again = (channel.burdens & burden::returned) != 0;
  if (again) { // the first item's; take() drops what is left of it
    record->place = book.first->place;
    record->deliveries = book.first->deliveries + 1;
    record->reason.swap(book.first->reason);
  }
  if (!take(channel, into, erased_mover{channel.type}, wakes))
    return false;
  if (again)
    count_lent(channel, book);
  else
    lend_fresh(*record);
  return true;
}

void lease_book::served(wait_node& node) noexcept {
  if (auto** const record = record_in(node))
    lend_fresh(**record);
}

void lease_book::came_back(channel_core& channel) noexcept {
  ++channel.count;
  if (channel.count > channel.capacity)
    channel.burdens |= burden::overfull;
  if ((channel.burdens & burden::receipts) != 0)
    --channel.rare()->left; // they are counted from the front
}

void lease_book::first_left(channel_core& channel) noexcept {
  delete take_first(channel, book_of(channel));
}

void lease_book::last_left(channel_core& channel) noexcept {
  auto& book = book_of(channel);
  if (book.returned <= channel.count)
    return; // it had no record
  auto** link = &book.first;
  while ((*link)->next != nullptr)
    link = &(*link)->next;
  delete std::exchange(*link, nullptr);
  if (--book.returned == 0)
    channel.burdens &= static_cast<std::uint8_t>(~burden::returned);
}

void lease_book::all_left(channel_core& channel) noexcept {
  while ((channel.burdens & burden::returned) != 0)
    first_left(channel);
}

bool lease_book::put_first(channel_core& channel) noexcept {
  auto* const made = new (std::nothrow) lease_record{channel};
  if (made == nullptr)
    return false;
  auto& book = book_of(channel);
  made->next = std::exchange(book.first, made);
  ++book.returned;
  return true;
}

void lease_book::acknowledge(lease_record* record) noexcept {
  const std::unique_ptr<lease_record> mine{record};
  auto& channel = mine->lender;
  bool ended = false;
  {
    wake_list wakes;
    seat_guard guard{channel.lock};
    count_settled(channel, book_of(channel));
    ended = channel.is_drained();
    if (ended)
      channel.release_receivers(wakes);
  }
  if (ended)
    channel.end_if_drained();
}

void lease_book::give_back(void* cell, lease_record* record,
                           lease_end how) noexcept {
  std::unique_ptr<lease_record> mine{record};
  auto& channel = mine->lender;
  if (how == lease_end::unseen)
    --mine->deliveries;
  std::optional<dead_letter_reason> letter;
  bool ended = false;
  {
    wake_list wakes;
    seat_guard guard{channel.lock};
    auto& book = book_of(channel);
    count_settled(channel, book);
    --channel.received;
    letter = verdict(channel, book, *mine, how);
    if (!letter && !hand_on(channel, cell, mine, wakes)
        && !insert(channel, book, cell, mine))
      letter = dead_letter_reason::abandoned;
    if (letter)
      channel.count_dead_letters(1);
    ended = channel.is_drained();
    if (ended) // receivers waited for what might come back
      channel.release_receivers(wakes);
  }
  if (letter)
    bury(channel, cell, *letter, *mine);
  if (ended)
    channel.end_if_drained();
}

} // namespace levada::detail
