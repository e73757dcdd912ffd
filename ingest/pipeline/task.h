#pragma once
// Task: a coroutine of the lane's thread (Boost.Asio awaitable).
//
// GCC 12 miscompiles some co_await expressions whose operands are temporaries with destructors
// (GCC bugs 99576, 104031): pass named objects by reference, and co_await in a statement of its
// own.
#include <boost/asio/awaitable.hpp>

namespace usage_ingest::pipeline {

template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace usage_ingest::pipeline
