#include "job.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <utility>

#include "errors.h"
#include "runtime/cancelled.h"

namespace aevb::binding {

namespace {

// Bytes that the core takes before the garbage collector is asked to look for unused objects.
constexpr std::int64_t MUCH = std::int64_t{32} << 20;

// Every environment's channel, for the end of the process alone. Never destroyed, because threads may outlive static
// objects.
struct Channels {
  std::mutex mutex;
  std::set<std::shared_ptr<Channel>> all;

  static Channels& shared() {
    static auto* instance = new Channels;
    return *instance;
  }
};

}  // namespace

Job::Job(Napi::Env env, std::uint64_t number)
    : env_(env), number_(number), deferred_(Napi::Promise::Deferred::New(env)) {}

const Napi::FunctionReference& Job::keep_function(const Napi::Function& function) {
  functions_.push_back(std::make_unique<Napi::FunctionReference>(Napi::Persistent(function)));
  return *functions_.back();
}

void Job::call(const std::function<void(Napi::Env)>& call) {
  if (call_error_ != nullptr) return;
  try {
    call(env_);
  } catch (...) {
    call_error_ = std::current_exception();
    task->cancel();
  }
}

void Job::settle(std::exception_ptr error) {
  if (finally) finally();
  if (call_error_ != nullptr) error = call_error_;
  if (error != nullptr && disposed != nullptr && *disposed) {
    try {
      std::rethrow_exception(error);
    } catch (const Cancelled&) {
      error = std::make_exception_ptr(Disposed());
    } catch (...) {
    }
  }
  Napi::Value value;
  if (error == nullptr) {
    try {
      value = result(env_);
    } catch (...) {
      error = std::current_exception();
    }
  }
  if (error == nullptr) {
    deferred_.Resolve(value);
  } else {
    deferred_.Reject(to_javascript(env_, error));
  }
}

Environment::Environment(Napi::Env env) : env_(env), channel_(std::make_shared<Channel>(env)) {}

std::shared_ptr<Environment> Environment::make(Napi::Env env) {
  std::shared_ptr<Environment> made(new Environment(env));
  static const int registered = std::atexit(abandon_all);
  static_cast<void>(registered);
  {
    auto& channels = Channels::shared();
    const std::lock_guard lock(channels.mutex);
    channels.all.insert(made->channel_);
  }
  // Never removed: a hook that has run is one no more, and removing it is an error in some environments.
  napi_add_env_cleanup_hook(env, end, made.get());
  return made;
}

std::unique_ptr<Job> Environment::make_job() { return std::make_unique<Job>(env_, next_number_++); }

Environment::Post Environment::poster(const Job& job) {
  // The environment is there whenever a call arrives; the job may have been dropped.
  return [this, channel = channel_, number = job.number_, task = std::weak_ptr(job.task)](auto call) {
    const bool sent = channel->send([this, number, call = std::move(call)] {
      const auto found = jobs_.find(number);
      if (found != jobs_.end()) found->second->call(call);
    });
    if (sent) return;
    if (const auto cancelled = task.lock()) cancelled->cancel();
  };
}

Napi::Object Environment::submit(Executor& executor, std::unique_ptr<Job> job) {
  const Napi::Object handle = Napi::Object::New(env_);
  handle.Set("promise", job->deferred_.Promise());
  handle.Set("cancel", Napi::Function::New(env_, [task = job->task](const Napi::CallbackInfo&) { task->cancel(); }));
  const std::shared_ptr<Task> task = job->task;
  const std::uint64_t number = job->number_;
  task->done = [this, channel = channel_, number](const std::exception_ptr& error) {
    channel->send([this, number, error] { settle(number, error); });
  };
  jobs_.emplace(number, std::move(job));
  try {
    executor.submit(task);
  } catch (...) {
    jobs_.erase(number);
    throw;
  }
  channel_->keep_loop(true);
  return handle;
}

void Environment::settle(std::uint64_t number, const std::exception_ptr& error) {
  const auto found = jobs_.find(number);
  if (found == jobs_.end()) return;
  const std::unique_ptr<Job> job = std::move(found->second);
  jobs_.erase(found);
  if (jobs_.empty()) channel_->keep_loop(false);
  job->settle(error);
}

void Environment::make_room() {
  if (taken_ < MUCH) return;
  taken_ = 0;
  for (Holder* holder : holders_) {
    if (holder->collected()) holder->give_back();
  }
}

void Environment::tell_memory(std::int64_t change) {
  taken_ += std::max<std::int64_t>(change, 0);
  std::int64_t total = 0;
  static_cast<void>(napi_adjust_external_memory(env_, change, &total));
}

// No JavaScript can run any more, so no promise settles; what is JavaScript's is let go here, on its thread, when
// nothing works on it any more.
void Environment::end(void* environment) {
  Environment& self = *static_cast<Environment*>(environment);
  self.channel_->close();
  for (Executor* executor : self.executors_) executor->cancel_all();
  for (Executor* executor : self.executors_) executor->stop();
  self.jobs_.clear();
  auto& channels = Channels::shared();
  const std::lock_guard lock(channels.mutex);
  channels.all.erase(self.channel_);
}

// process.exit runs no cleanup hook, but the destructors of libraries: a CBLAS must not lose its memory within a
// product.
void Environment::abandon_all() {
  // Longer than a step of most models.
  constexpr auto PATIENCE = std::chrono::seconds(1);
  {
    auto& channels = Channels::shared();
    const std::lock_guard lock(channels.mutex);
    for (const auto& channel : channels.all) channel->abandon();
  }
  Executor::stop_all(PATIENCE);
}

}  // namespace aevb::binding
