// Work off the JavaScript thread: a job, and the thread that does one after another.
//
// An Executor owns one thread. Jobs are submitted on the JavaScript thread, worked on in order, and settled (their
// promise resolved or rejected) back on the JavaScript thread. A job that outlives its environment is cancelled and
// never settled: the environment's cleanup hook joins the thread.
#pragma once

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace aevb::binding {

class Job;
void call_on_javascript_thread(Napi::Env env, Napi::Function, Job* job, std::function<void(Napi::Env)>* call);
using JobChannel = Napi::TypedThreadSafeFunction<Job, std::function<void(Napi::Env)>, call_on_javascript_thread>;

class Job {
 public:
  // Runs on the executor's thread; may throw.
  std::function<void(Job&)> work;
  // Runs on the JavaScript thread after `work`; makes what the promise resolves to.
  std::function<Napi::Value(Napi::Env)> result;
  // Runs on the JavaScript thread in either case, before the promise settles.
  std::function<void()> finally;
  // A job that only reads may run between two steps of one that trains.
  bool reads_only = true;

  // JavaScript values that must live until the job is settled.
  void keep(const Napi::Object& object) { kept_.push_back(Napi::Persistent(object)); }

  const std::atomic<bool>& cancelled() const { return *cancelled_; }
  void cancel() { cancelled_->store(true, std::memory_order_relaxed); }

  // From the executor's thread: calls `call` on the JavaScript thread, in order. Waits where many calls are waiting. An
  // exception that `call` throws cancels the job and is what its promise rejects with.
  void post(std::function<void(Napi::Env)> call);

 private:
  friend class Executor;
  explicit Job(Napi::Env env);
  void settle(Napi::Env env);
  static bool send(const JobChannel& channel, std::function<void(Napi::Env)> call);

  Napi::Promise::Deferred deferred_;
  std::vector<Napi::ObjectReference> kept_;
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::exception_ptr error_;
  std::exception_ptr call_error_;  // touched on the JavaScript thread alone
  JobChannel channel_;
};

class Executor {
 public:
  // on_idle runs on the executor's thread before it ends for want of work; the next job starts another.
  explicit Executor(Napi::Env env, std::function<void()> on_idle = nullptr);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // The job is to be filled in and then passed to submit, on the JavaScript thread.
  std::unique_ptr<Job> make_job(Napi::Env env) const { return std::unique_ptr<Job>(new Job(env)); }
  // Returns { promise, cancel }. Throws std::system_error where no thread can be had: the job is then as if never made.
  Napi::Object submit(Napi::Env env, std::unique_ptr<Job> job);

  // On the executor's own thread, from within a job: runs the waiting jobs that only read.
  void run_waiting_readers();

 private:
  static void shut_down_hook(void* executor) { static_cast<Executor*>(executor)->shut_down(); }
  void shut_down();
  // process.exit runs no cleanup hook, but the destructors of libraries: a CBLAS must not lose its memory within a
  // product.
  static void stop_all_at_exit();
  void cancel_all();
  bool works();
  void loop();
  // Takes the first waiting job, which is there; the mutex is held.
  std::unique_ptr<Job> take();
  void run(std::unique_ptr<Job> job);

  napi_env env_;
  std::function<void()> on_idle_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Job>> waiting_;
  std::atomic<std::size_t> waiting_count_{0};
  // The cancel flags of the running jobs: one that trains, perhaps, and a reader between two of its steps.
  std::vector<std::shared_ptr<std::atomic<bool>>> running_;
  bool stop_ = false;
  bool thread_runs_ = false;
  std::thread thread_;
};

}  // namespace aevb::binding
