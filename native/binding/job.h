// Work off the JavaScript thread, and what an environment (the main thread, a worker thread) owns of it.
//
// A job has two sides. The task belongs to the core: it is worked on by a thread of Workers and holds nothing but the
// core's memory, so it can be freed on any thread and at any time. The Job holds all that is JavaScript's: it stays
// with its environment, is touched on the JavaScript thread alone, and is freed when it has settled, or when the
// environment ends.
#pragma once

#include <napi.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "channel.h"
#include "runtime/executor.h"

namespace aevb::binding {

class Job {
 public:
  Job(Napi::Env env, std::uint64_t number);

  const std::shared_ptr<Task> task = std::make_shared<Task>();
  // Makes what the promise resolves to.
  std::function<Napi::Value(Napi::Env)> result;
  // Runs in either case, before the promise settles; not if the environment ends first.
  std::function<void()> finally;
  // Set if what it works on has been disposed of.
  std::shared_ptr<const bool> disposed;

  // JavaScript values that must live until the job is settled.
  void keep(const Napi::Object& object) { kept_.push_back(Napi::Persistent(object)); }
  // A function that posted calls may use.
  const Napi::FunctionReference& keep_function(const Napi::Function& function);

 private:
  friend class Environment;
  void call(const std::function<void(Napi::Env)>& call);
  void settle(std::exception_ptr error);

  Napi::Env env_;
  std::uint64_t number_;
  Napi::Promise::Deferred deferred_;
  std::vector<Napi::ObjectReference> kept_;
  std::vector<std::unique_ptr<Napi::FunctionReference>> functions_;
  std::exception_ptr call_error_;
};

// The core's memory that a JavaScript object holds. The garbage collector is told of it, but tells of an object's end
// only when the event loop turns: a program that waits for nothing would fill the memory. So whoever takes much looks
// for objects that have gone.
class Holder {
 public:
  virtual bool collected() const = 0;
  virtual void give_back() = 0;

 protected:
  ~Holder() = default;
};

// Shared by all that belongs to it, because finalizers run in no order.
class Environment {
 public:
  static std::shared_ptr<Environment> make(Napi::Env env);
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  using Post = std::function<void(std::function<void(Napi::Env)>)>;

  // The job is to be filled in and then passed to submit.
  std::unique_ptr<Job> make_job();
  // What the job's `work` may hold to have calls made on the JavaScript thread while it goes on, in order. Waits if
  // many calls are waiting. An exception that a call throws cancels the task and is what the promise rejects with.
  Post poster(const Job& job);
  // Returns { promise, cancel }. Throws std::system_error if no thread can be had: the job is then as if never made.
  Napi::Object submit(Executor& executor, std::unique_ptr<Job> job);

  // Executors stop with the environment.
  void add(Executor& executor) { executors_.insert(&executor); }
  void remove(Executor& executor) { executors_.erase(&executor); }

  void add(Holder& holder) { holders_.insert(&holder); }
  void remove(Holder& holder) { holders_.erase(&holder); }
  // Before much of the core's memory is taken for an object: frees that of objects that have gone, once much was taken.
  void make_room();
  // Tells the garbage collector how much an object has taken, or given back.
  void tell_memory(std::int64_t change);

 private:
  explicit Environment(Napi::Env env);
  static void end(void* environment);
  static void abandon_all();
  void settle(std::uint64_t number, const std::exception_ptr& error);

  Napi::Env env_;
  std::shared_ptr<Channel> channel_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Job>> jobs_;
  std::uint64_t next_number_ = 0;
  std::unordered_set<Executor*> executors_;
  std::unordered_set<Holder*> holders_;
  std::int64_t taken_ = 0;  // since it was last looked for objects that have gone
};

}  // namespace aevb::binding
