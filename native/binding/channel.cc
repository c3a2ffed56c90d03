#include "channel.h"

#include <napi.h>

#include <utility>

namespace aevb::binding {

namespace {

// Calls that may wait for the JavaScript thread before another thread waits for it.
constexpr std::size_t MOST_WAITING_CALLS = 256;

}  // namespace

Channel::Channel(napi_env env) : env_(env) {
  const napi_value name = Napi::String::New(env, "aevb");
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, arrive, &function_);
  NAPI_THROW_IF_FAILED_VOID(env, status);
  keep_loop(false);
}

bool Channel::send(Call call) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return closed_ || calls_.size() < MOST_WAITING_CALLS; });
  if (closed_) return false;
  calls_.push_back(std::move(call));
  // Without the mutex, which is what the JavaScript thread takes first; `close` waits for those that are here. It fails
  // only when the environment ends, and then no call is answered.
  ++sending_;
  lock.unlock();
  const napi_status status = napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
  lock.lock();
  if (--sending_ == 0 && closed_) quiet_.notify_all();
  return status == napi_ok;
}

void Channel::arrive(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;
  Channel& channel = *static_cast<Channel*>(context);
  Call call;
  {
    const std::lock_guard lock(channel.mutex_);
    if (channel.calls_.empty()) return;
    call = std::move(channel.calls_.front());
    channel.calls_.pop_front();
  }
  channel.room_.notify_one();
  try {
    call();
  } catch (...) {
    // Nothing may be thrown through the frames of C that called this.
  }
}

void Channel::keep_loop(bool keep) {
  if (function_ == nullptr) return;
  static_cast<void>(keep ? napi_ref_threadsafe_function(env_, function_)
                         : napi_unref_threadsafe_function(env_, function_));
}

void Channel::close() {
  abandon();
  std::unique_lock lock(mutex_);
  quiet_.wait(lock, [this] { return sending_ == 0; });
  static_cast<void>(napi_release_threadsafe_function(std::exchange(function_, nullptr), napi_tsfn_release));
}

void Channel::abandon() {
  std::deque<Call> dropped;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    std::swap(dropped, calls_);
  }
  room_.notify_all();
}

}  // namespace aevb::binding
