#include "job.h"

#include <chrono>
#include <cstdlib>
#include <set>
#include <utility>

#include "errors.h"
#include "math/thread_pool.h"

namespace aevb::binding {

void call_on_javascript_thread(Napi::Env env, Napi::Function, Job*, std::function<void(Napi::Env)>* call) {
  const std::unique_ptr<std::function<void(Napi::Env)>> owned(call);
  // No environment: it is being torn down, and nobody waits for the call.
  if (static_cast<napi_env>(env) != nullptr) (*owned)(env);
}

namespace {

// Calls that may wait for the JavaScript thread before the executor's thread waits for it.
constexpr std::size_t MOST_WAITING_CALLS = 256;

// A thread without work ends after this long, and its pool with it, so that many models do not mean many threads.
constexpr auto IDLE = std::chrono::seconds(2);

// Every executor of the process, whatever its environment, for the end of the process alone. Never destroyed, because
// threads may outlive static objects.
struct Executors {
  std::mutex mutex;
  std::set<Executor*> all;
};
Executors& executors() {
  static auto* instance = new Executors;
  return *instance;
}

}  // namespace

Job::Job(Napi::Env env)
    : deferred_(Napi::Promise::Deferred::New(env)),
      channel_(JobChannel::New(env, "aevb", MOST_WAITING_CALLS, 1, this)) {}

bool Job::send(const JobChannel& channel, std::function<void(Napi::Env)> call) {
  auto owned = std::make_unique<std::function<void(Napi::Env)>>(std::move(call));
  if (channel.BlockingCall(owned.get()) != napi_ok) return false;
  static_cast<void>(owned.release());
  return true;
}

void Job::post(std::function<void(Napi::Env)> call) {
  const bool sent = send(channel_, [this, call = std::move(call)](Napi::Env env) {
    if (call_error_ != nullptr) return;
    try {
      call(env);
    } catch (const Napi::Error&) {
      call_error_ = std::current_exception();
      cancel();
    }
  });
  if (!sent) cancel();
}

void Job::settle(Napi::Env env) {
  if (finally) finally();
  if (call_error_ != nullptr) error_ = call_error_;
  if (error_ == nullptr) {
    try {
      deferred_.Resolve(result(env));
      return;
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  deferred_.Reject(to_javascript(env, error_));
}

Executor::Executor(Napi::Env env, std::function<void()> on_idle) : env_(env), on_idle_(std::move(on_idle)) {
  napi_add_env_cleanup_hook(env_, shut_down_hook, this);
  static const int registered = std::atexit(stop_all_at_exit);
  static_cast<void>(registered);
  const std::lock_guard lock(executors().mutex);
  executors().all.insert(this);
}

Executor::~Executor() {
  {
    const std::lock_guard lock(executors().mutex);
    executors().all.erase(this);
  }
  napi_remove_env_cleanup_hook(env_, shut_down_hook, this);
  shut_down();
}

Napi::Object Executor::submit(Napi::Env env, std::unique_ptr<Job> job) {
  const Napi::Object handle = Napi::Object::New(env);
  handle.Set("promise", job->deferred_.Promise());
  handle.Set("cancel", Napi::Function::New(env, [flag = job->cancelled_](const Napi::CallbackInfo&) {
               flag->store(true, std::memory_order_relaxed);
             }));
  const std::lock_guard lock(mutex_);
  if (!thread_runs_) {
    if (thread_.joinable()) thread_.join();  // ended for want of work
    try {
      thread_ = std::thread([this] { loop(); });
    } catch (...) {
      job->channel_.Release();
      throw;
    }
    thread_runs_ = true;
  }
  waiting_.push_back(std::move(job));
  waiting_count_.store(waiting_.size());
  changed_.notify_one();
  return handle;
}

std::unique_ptr<Job> Executor::take() {
  std::unique_ptr<Job> job = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_count_.store(waiting_.size());
  running_.push_back(job->cancelled_);
  return job;
}

void Executor::run(std::unique_ptr<Job> job) {
  try {
    job->work(*job);
  } catch (...) {
    job->error_ = std::current_exception();
  }
  // The job's JavaScript references may only be let go on the JavaScript thread; where that has gone, they are left.
  Job* const settled = job.release();
  JobChannel channel = settled->channel_;
  {
    const std::lock_guard lock(mutex_);
    running_.pop_back();
  }
  const bool sent = Job::send(channel, [settled](Napi::Env env) {
    const std::unique_ptr<Job> owned(settled);
    owned->settle(env);
  });
  if (sent) channel.Release();
}

void Executor::run_waiting_readers() {
  while (waiting_count_.load(std::memory_order_relaxed) > 0) {
    std::unique_ptr<Job> job;
    {
      const std::lock_guard lock(mutex_);
      if (stop_ || waiting_.empty() || !waiting_.front()->reads_only) return;
      job = take();
    }
    run(std::move(job));
  }
}

void Executor::loop() {
  const FlushDenormals flush;
  for (;;) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_for(lock, IDLE, [this] { return stop_ || !waiting_.empty(); })) {
        if (on_idle_) on_idle_();
        thread_runs_ = false;
        return;
      }
      if (stop_) return;
      job = take();
    }
    run(std::move(job));
  }
}

void Executor::stop_all_at_exit() {
  // Longer than a step of most models. A thread that waits for a JavaScript thread which is gone waits in vain, and is
  // left.
  constexpr auto PATIENCE = std::chrono::seconds(1);
  const auto end = std::chrono::steady_clock::now() + PATIENCE;
  const std::lock_guard lock(executors().mutex);
  for (Executor* executor : executors().all) executor->cancel_all();
  for (Executor* executor : executors().all) {
    while (executor->works() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

bool Executor::works() {
  const std::lock_guard lock(mutex_);
  return !running_.empty();
}

void Executor::cancel_all() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    for (const auto& cancelled : running_) cancelled->store(true);
    // Their environment is going, and their promises with it.
    for (std::unique_ptr<Job>& job : waiting_) static_cast<void>(job.release());
    waiting_.clear();
    waiting_count_.store(0);
  }
  changed_.notify_all();
}

void Executor::shut_down() {
  cancel_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace aevb::binding
