// flags: -fno-exceptions
// expect: levada needs exceptions, and so does CAF: compile this file without -fno-exceptions

#include <levada/channels/channel.hpp>

int main() {
}
