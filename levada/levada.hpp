// Everything. Each header also stands alone.
#pragma once

#include <levada/actors/channel_info.hpp>
#include <levada/actors/close_record.hpp>
#include <levada/channels/arrows.hpp>
#include <levada/channels/blocking_range.hpp>
#include <levada/channels/broadcast.hpp>
#include <levada/channels/channel.hpp>
#include <levada/channels/oneshot.hpp>
#include <levada/channels/receiver.hpp>
#include <levada/channels/result.hpp>
#include <levada/channels/select.hpp>
#include <levada/channels/select_set.hpp>
#include <levada/channels/sender.hpp>
#include <levada/channels/timers.hpp>
#include <levada/channels/variance.hpp>
#include <levada/channels/weak.hpp>
#include <levada/runtime/blocking.hpp>
#include <levada/runtime/clock.hpp>
#include <levada/runtime/error.hpp>
#include <levada/runtime/join_handle.hpp>
#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>
#include <levada/runtime/scope.hpp>
#include <levada/runtime/spawn.hpp>
#include <levada/runtime/task.hpp>
#include <levada/version.hpp>
