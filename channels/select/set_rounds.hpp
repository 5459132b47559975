// A select_set in which some members wait in rounds (round.hpp).
//
// The wait is a round then, of which the set's other members are one wish: who
// puts one of them on the ready list makes it come true, as a limit does (it has
// won the claim word, and wakes if the round waits already). The item stays in
// its channel until next() polls the ready list. Members in rounds come first as
// often as there are of them, then those with a channel, so that each has its
// turn.
#pragma once

#include <levada/channels/select_set.hpp>

namespace levada::detail {

/// next() of such a set; begin_next() has been called.
LEVADA_API task<set_event> next_in_rounds(set_core* set, duration length,
                                          std::stop_token stop,
                                          std::source_location line);
LEVADA_API set_event block_in_rounds(set_core& set, duration length,
                                     const std::stop_token& stop);

} // namespace levada::detail
