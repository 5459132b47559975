// any_sender<U>: a sender by what one sends, whatever exactly the channel carries
// (for receiving there is any_receiver).
//
//   void report_to(levada::any_sender<dog*> out);   // takes a sender<animal*>
//
// It converts each value on its way. A plain sender<T> does not convert: it is
// one pointer into a channel of T, and nothing may stand between it and the item.
// Copying one copies the handle inside, with its count. Cost: one allocation when
// it is made, one task frame per awaited operation.
#pragma once

#include <concepts>
#include <memory>
#include <stop_token>
#include <utility>

#include <levada/channels/channel.hpp>
#include <levada/runtime/task.hpp>

namespace levada {
namespace detail {

/// What any_sender<U> asks of a sender.
template <class U>
class sending_face {
public:
  virtual ~sending_face() = default;
  virtual std::unique_ptr<sending_face> clone() const = 0;
  virtual task<send_result<U>> send(U value) const = 0;
  virtual try_send_result<U> try_send(U value) const = 0;
  virtual send_result<U> blocking_send(U value,
                                       const std::stop_token& stop) const
    = 0;
  virtual bool close() const = 0;
  virtual channel_info info() const = 0;
};

template <class U, class T>
class converted_sender final : public sending_face<U> {
public:
  explicit converted_sender(sender<T> to) noexcept : to_(std::move(to)) {
  }

  std::unique_ptr<sending_face<U>> clone() const override {
    return std::make_unique<converted_sender>(to_);
  }
  task<send_result<U>> send(U value) const override {
    return send_to(to_, std::move(value));
  }
  try_send_result<U> try_send(U value) const override {
    auto kept = keep(value);
    auto sent = to_.try_send(T(std::move(value)));
    return answer<try_send_result<U>>(sent, kept);
  }
  send_result<U> blocking_send(U value,
                               const std::stop_token& stop) const override {
    auto kept = keep(value);
    auto sent = to_.blocking_send(T(std::move(value)), stop);
    return answer<send_result<U>>(sent, kept);
  }
  bool close() const override {
    return to_.close();
  }
  channel_info info() const override {
    return to_.info();
  }

private:
  static constexpr bool converts_back = std::convertible_to<T, U>;
  static_assert(converts_back || std::copy_constructible<U>,
                "any_sender hands a value back that could not be sent: it must "
                "convert back, or be copyable");

  struct nothing {};
  using kept_type = std::conditional_t<converts_back, nothing, U>;

  static kept_type keep([[maybe_unused]] const U& value) {
    if constexpr (converts_back)
      return {};
    else
      return value;
  }

  template <class Result, class Sent>
  static Result answer(Sent& sent, [[maybe_unused]] kept_type& kept) {
    if (sent)
      return Result{sent.status()};
    const auto why = static_cast<errc>(sent.error().value());
    if constexpr (converts_back)
      return Result{why, static_cast<U>(sent.take())};
    else
      return Result{why, std::move(kept)};
  }

  static task<send_result<U>> send_to(sender<T> to, U value) {
    auto kept = keep(value);
    T converted(std::move(value));
    auto sent = co_await to.send(std::move(converted));
    co_return answer<send_result<U>>(sent, kept);
  }

  sender<T> to_;
};

/// The value behind a face, copied with its owner.
template <class Face>
class face_holder {
public:
  explicit face_holder(std::unique_ptr<Face> face) noexcept
      : face_(std::move(face)) {
  }
  face_holder(const face_holder& other) : face_(other.face_->clone()) {
  }
  face_holder(face_holder&&) noexcept = default;
  face_holder& operator=(face_holder other) noexcept {
    face_ = std::move(other.face_);
    return *this;
  }
  ~face_holder() = default;

  Face* operator->() const noexcept {
    return face_.get();
  }

private:
  std::unique_ptr<Face> face_;
};

} // namespace detail

/// A sender for values that convert to what its channel carries. The operations
/// are those of sender, with the same contract; a value that could not be sent
/// comes back converted back, or as the copy that was kept.
template <class U>
class any_sender {
public:
  template <class T>
    requires std::convertible_to<U, T>
  any_sender(sender<T> to) // NOLINT: meant to convert
      : face_(std::make_unique<detail::converted_sender<U, T>>(std::move(to))) {
  }

  task<send_result<U>> send(U value) const {
    return face_->send(std::move(value));
  }
  try_send_result<U> try_send(U value) const {
    return face_->try_send(std::move(value));
  }
  send_result<U> blocking_send(U value,
                               const std::stop_token& stop = {}) const {
    return face_->blocking_send(std::move(value), stop);
  }
  bool close() const {
    return face_->close();
  }
  channel_info info() const {
    return face_->info();
  }

private:
  detail::face_holder<detail::sending_face<U>> face_;
};

} // namespace levada
