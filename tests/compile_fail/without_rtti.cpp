// flags: -fno-rtti
// expect: levada needs RTTI, and so does CAF: compile this file without -fno-rtti

#include <levada/channels/channel.hpp>

int main() {
}
