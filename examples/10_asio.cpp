// asio outside, levada inside: a server that shouts. Clients send lines over TCP;
// asio reads them, a levada pipeline answers them, asio writes the answers.
//
// The bridge is one function, on_asio. A task starts an asio operation with it and
// awaits a oneshot that the completion handler fills: no thread waits, and asio's
// objects are touched by asio's thread alone. Backpressure needs nothing more. A
// task that cannot send on asks asio for no further line, the kernel's buffers
// fill, and the client waits; a client that does not read holds up the writing
// task, and that one the pipeline.

#include <cctype>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <asio/connect.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>

#include <levada/levada.hpp>

namespace {

using asio::ip::tcp;

// [bridge]
/// Runs begin(done) on asio's thread; what the operation sends to `done` when it
/// completes can be awaited here. When asio drops the operation, `done` goes with
/// it and the receiver says closed.
template <class T, class Begin>
levada::receiver<T> on_asio(asio::io_context& io, Begin begin) {
  auto both = levada::make_oneshot<T>();
  asio::post(io,
             [begin = std::move(begin), done = std::move(both.tx)]() mutable {
               begin(std::move(done));
             });
  return std::move(both.rx);
}
// [/bridge]

/// What a read or write completed with.
struct transfer {
  std::error_code why;
  std::size_t bytes = 0;
};

/// Kept by every operation that is under way, since that uses its parts.
struct connection {
  connection(asio::io_context& io, tcp::socket socket)
      : io(io),
        socket(std::move(socket)) {
  }

  asio::io_context& io;
  tcp::socket socket;
  std::string unread; // of the reading task
  std::string answer; // of the writing task
};
using connection_pointer = std::shared_ptr<connection>;

// [operations]
levada::receiver<transfer> read_line(const connection_pointer& c) {
  return on_asio<transfer>(c->io, [c](auto done) {
    asio::async_read_until(
      c->socket, asio::dynamic_buffer(c->unread), '\n',
      [c, done = std::move(done)](std::error_code why, std::size_t n) mutable {
        (void)std::move(done).send(transfer{why, n});
      });
  });
}

levada::receiver<transfer> write_line(const connection_pointer& c,
                                      std::string line) {
  return on_asio<transfer>(c->io, [c, line = std::move(line)](auto done) {
    c->answer = line;
    asio::async_write(
      c->socket, asio::buffer(c->answer),
      [c, done = std::move(done)](std::error_code why, std::size_t n) mutable {
        (void)std::move(done).send(transfer{why, n});
      });
  });
}
// [/operations]

levada::receiver<tcp::socket> accept(asio::io_context& io,
                                     tcp::acceptor& acceptor) {
  return on_asio<tcp::socket>(io, [&acceptor](auto done) {
    acceptor.async_accept(
      [done = std::move(done)](std::error_code why, tcp::socket made) mutable {
        if (!why)
          (void)std::move(done).send(std::move(made));
      });
  });
}

struct request {
  request(std::string line, levada::sender<std::string> answers)
      : line(std::move(line)),
        answers(std::move(answers)) {
  }
  std::string line;
  levada::sender<std::string> answers;
};

// [tasks]
levada::task<> read_lines(connection_pointer c, levada::sender<request> out,
                          levada::sender<std::string> answers) {
  for (;;) {
    auto reading = read_line(c);
    auto got = co_await reading.receive();
    if (!got || got->why)
      co_return; // the client has said all it had to say
    request next(c->unread.substr(0, got->bytes), answers);
    c->unread.erase(0, got->bytes);
    auto sent = co_await out.send(std::move(next)); // meanwhile nothing is read
    if (!sent)
      co_return;
  }
}

levada::task<> write_lines(connection_pointer c,
                           levada::receiver<std::string> in) {
  while (auto line = co_await in.receive()) {
    auto writing = write_line(c, *std::move(line));
    auto wrote = co_await writing.receive(); // meanwhile nothing is taken
    if (!wrote || wrote->why)
      co_return;
  }
}
// [/tasks]

/// The pipeline, which knows nothing of asio.
levada::task<long> shout(levada::receiver<request> in) {
  long lines = 0;
  while (auto next = co_await in.receive()) {
    for (char& letter : next->line)
      letter
        = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    auto sent = co_await next->answers.send(std::move(next->line));
    lines += sent ? 1 : 0; // else that client has gone
  }
  co_return lines;
}

levada::task<long> serve(asio::io_context& io, tcp::acceptor& acceptor,
                         int clients) {
  auto [tx, rx]
    = levada::make_channel<request>({.name = "requests", .capacity = 4});
  auto shouting = levada::spawn(shout, std::move(rx));
  for (int i = 0; i < clients; ++i) {
    auto coming = accept(io, acceptor);
    auto socket = co_await coming.receive();
    if (!socket)
      break;
    auto client = std::make_shared<connection>(io, *std::move(socket));
    auto [answers, answered]
      = levada::make_channel<std::string>({.name = "answers", .capacity = 4});
    levada::spawn(read_lines, client, tx, std::move(answers));
    levada::spawn(write_lines, std::move(client), std::move(answered));
  }
  tx = {}; // the requests end with the last client's
  const long lines = co_await shouting.join();
  co_return lines;
}

/// A client as one writes them without levada: sends everything while it reads.
long talk_to(const tcp::endpoint& server, int id, int lines) {
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect(server);
  std::jthread talking{[&socket, id, lines] {
    for (int i = 0; i < lines; ++i) {
      const auto line
        = "client " + std::to_string(id) + " line " + std::to_string(i) + "\n";
      asio::write(socket, asio::buffer(line));
    }
    socket.shutdown(tcp::socket::shutdown_send);
  }};
  std::string text;
  std::error_code end;
  long right = 0;
  for (;;) {
    const auto n
      = asio::read_until(socket, asio::dynamic_buffer(text), '\n', end);
    if (end)
      return right;
    const auto expected = "CLIENT " + std::to_string(id) + " LINE "
                          + std::to_string(right) + "\n";
    right += text.substr(0, n) == expected ? 1 : 0;
    text.erase(0, n);
  }
}

} // namespace

int main() {
  constexpr int clients = 3;
  constexpr int lines = 500;
  asio::io_context io;
  auto staying = asio::make_work_guard(io);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  const auto address = acceptor.local_endpoint();
  std::jthread asio_thread{[&io] { io.run(); }};

  levada::runtime rt;
  auto serving = rt.spawn(serve, std::ref(io), std::ref(acceptor), clients);
  std::vector<long> right(clients);
  {
    std::vector<std::jthread> talking;
    for (int id = 0; id < clients; ++id)
      talking.emplace_back([&right, &address, id] {
        right[static_cast<std::size_t>(id)] = talk_to(address, id, lines);
      });
  }
  for (int id = 0; id < clients; ++id)
    std::cout << "client " << id << ": " << right[static_cast<std::size_t>(id)]
              << " answers, in order\n";
  std::cout << serving.blocking_join() << " lines went through\n";
  staying.reset();
}
