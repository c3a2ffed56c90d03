// Calls on the JavaScript thread of an environment, from any thread, in order.
#pragma once

#include <node_api.h>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

namespace aevb::binding {

class Channel {
 public:
  using Call = std::function<void()>;

  // On the JavaScript thread. Throws a Napi::Error if the environment gives no channel.
  explicit Channel(napi_env env);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // From any other thread; waits if many calls are waiting. Returns false once the channel is closed: then the call
  // was dropped. A call must hold nothing that only the JavaScript thread may let go, and what it throws is lost.
  bool send(Call call);

  // On the JavaScript thread: whether the event loop goes on for the sake of calls to come.
  void keep_loop(bool keep);

  // On the JavaScript thread, once: drops the calls that wait, and lets nobody wait any more.
  void close();
  // The same without a call into the environment, for the end of the process.
  void abandon();

 private:
  // The environment is null if it has gone, and then the channel may have gone too.
  static void arrive(napi_env env, napi_value, void* channel, void*);

  napi_env env_;
  std::mutex mutex_;
  std::condition_variable room_, quiet_;
  std::deque<Call> calls_;
  std::size_t sending_ = 0;  // threads that are calling the function
  bool closed_ = false;
  napi_threadsafe_function function_ = nullptr;  // called once for each call; null once it is closed
};

}  // namespace aevb::binding
