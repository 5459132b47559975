#include <levada/channels/channel.hpp>

namespace levada::detail {

void check(const channel_setup& setup) {
  const bool drops = setup.policy != overflow::wait
                     && setup.policy != overflow::reject
                     && setup.policy != overflow::drop_incoming;
  if (setup.capacity == 0 && drops)
    throw_error(make_error_code(errc::invalid_argument),
                "make_channel: a rendezvous channel buffers nothing it could "
                "drop; give it a capacity, or overflow::reject");
}

} // namespace levada::detail
