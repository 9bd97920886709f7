// Everything wired once, to copy from: states of the library and your own, groups, arguments and
// answers, limits, a log, numbers, a pulse, and an orderly end.
#include <am/counters.hpp>
#include <am/log.hpp>
#include <am/machine.hpp>
#include <am/stock.hpp>
#include <am/task.hpp>
#include <am/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

using namespace std::chrono_literals;

// -- states: Start, Ready, Healthcheck, Exception, ... of the library, and what is special here ---

AM_STATES_EXTENDING(Fetcher, (am::states::Basic), Idle, Busy, Requested, Answered, ErrFetch)
AM_STATES_SCHEMA(Fetcher, am::Schema({
                                         {Ready, {.automatic = true, .require = {Start}}},
                                         {Idle, {.require = {Ready}}},
                                         {Busy, {.require = {Ready}}},
                                         {Requested, {.multi = true, .require = {Ready}}},
                                         {Answered, {.multi = true}},
                                         {ErrFetch, {.multi = true, .require = {Exception}}},
                                     })
                              .extend(am::exclusive("Load", {Idle, Busy})))

// -- arguments ------------------------------------------------------------------------------------

struct Request {
  std::string url;
  // How whoever asks gets his answer. Called once.
  std::function<void(std::string)> answer;
};

struct Answer {
  std::string text;
};

// -- handlers -------------------------------------------------------------------------------------

class FetcherHandlers {
 public:
  FetcherHandlers(std::shared_ptr<am::Timers> timers, int most_at_a_time)
      : timers_(std::move(timers)), most_at_a_time_(most_at_a_time) {}

  void ReadyState(am::Event& e) { e.machine().add(Fetcher::Idle); }

  // Refuse early: the caller sees the result, and nothing has changed.
  bool RequestedEnter(am::Event& e) {
    return e.args_if<Request>() != nullptr && running_ < most_at_a_time_;
  }
  // The machine runs one handler at a time, so that they need no lock for what they share.
  void RequestedState(am::Event& e) {
    ++running_;
    e.machine().add(Fetcher::Busy);
    am::spawn(am::inline_executor(), fetch(e.machine(), timers_, e.args<Request>(),
                                           e.machine().while_active(Fetcher::Ready)));
  }
  void AnsweredState(am::Event& e) {
    if (--running_ == 0) e.machine().add(Fetcher::Idle);
  }

  AM_HANDLERS(Fetcher, ReadyState, RequestedEnter, RequestedState, AnsweredState)

 private:
  // Work takes what it needs by value, and a token that tells when nobody wants it any more.
  static am::Task<> fetch(am::Api fetcher, std::shared_ptr<am::Timers> timers, Request request,
                          std::stop_token wanted) {
    co_await am::sleep_for(timers, 100ms);
    if (wanted.stop_requested()) {
      request.answer("stopped");
    } else if (request.url == "broken") {
      fetcher.add_error({"no such host"}, Fetcher::ErrFetch);
      request.answer("failed");
    } else {
      request.answer("<" + request.url + ">");
    }
    fetcher.add(Fetcher::Answered);
  }

  std::shared_ptr<am::Timers> timers_;
  int most_at_a_time_;
  int running_ = 0;
};

// -- the program ----------------------------------------------------------------------------------

int main() {
  const auto timers = std::make_shared<am::FakeTimers>();  // a real program: am::system_timers()
  const auto counting = std::make_shared<am::CountingTracer>();

  const am::MachineOptions options{.id = "fetcher",
                                   .queue_limit = 100,
                                   .tags = {"template"},
                                   .tracers = {counting},
                                   .timers = timers};
  am::Machine fetcher{Fetcher::schema(), options};
  fetcher.bind(FetcherHandlers(timers, 2));

  am::LogOptions log{.level = am::LogLevel::changes, .prefix = am::LogPrefix::none};
  log.args.show<Request>("url", [](const Request& request) { return request.url; });
  am::attach_log(fetcher, log);

  fetcher.add(Fetcher::Start);
  const am::Delayed pulse = fetcher.add_every(1s, Fetcher::Healthcheck);

  const auto request = [&](const std::string& url) {
    const auto answer = [url](const std::string& text) { fmt::print("{}: {}\n", url, text); };
    fmt::print("{}: {}\n", url, fetcher.add(Fetcher::Requested, Request{url, answer}));
  };
  request("a.org");
  request("b.org");
  request("c.org");  // one too many
  fmt::print("load: {}\n", fetcher.first_active(fetcher.schema().group("Load")));
  timers->advance(1s);

  request("broken");
  timers->advance(1s);
  fetcher.remove(Fetcher::Exception);

  request("d.org");
  fetcher.remove(Fetcher::Start);  // Ready goes along, and with it what was at work
  timers->advance(100ms);

  pulse.cancel();
  fmt::print("disposed of: {}\n", fetcher.dispose());

  const am::Counters counters = counting->counters();
  fmt::print("refused: {}, errors: {}, longest queue: {}\n",
             counters.canceled_for(am::Reason::handler), counters.errors, counters.longest_queue);
}
