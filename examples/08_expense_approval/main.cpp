// An expense is created, somebody approves it from outside, and it is paid. The workflow is the
// schema: what starts when, and what excludes what. The code only does the work of each step.
#include <am/machine.hpp>
#include <am/task.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;

// Each step is a pair: a state while it goes on, and one for what it came to.
AM_STATES(Expense, CreatingExpense, ExpenseCreated, WaitingForApproval, ApprovalGranted,
          PaymentInProgress, PaymentCompleted)

struct Approval {
  std::string expense_id;
  std::string by;
};

am::Schema expense_schema() {
  using E = Expense;
  return E::schema({
      {E::CreatingExpense, {.remove = {E::ExpenseCreated}}},
      {E::ExpenseCreated, {.remove = {E::CreatingExpense}}},
      // Automatic states start a step as soon as the one before it is done ...
      {E::WaitingForApproval,
       {.automatic = true, .require = {E::ExpenseCreated}, .remove = {E::ApprovalGranted}}},
      // ... and an approval that nobody waits for does not count. It ends the waiting, therefore
      // it cannot require it: the guard below asks.
      {E::ApprovalGranted, {.require = {E::ExpenseCreated}, .remove = {E::WaitingForApproval}}},
      {E::PaymentInProgress,
       {.automatic = true, .require = {E::ApprovalGranted}, .remove = {E::PaymentCompleted}}},
      {E::PaymentCompleted, {.require = {E::ApprovalGranted}, .remove = {E::PaymentInProgress}}},
  });
}

// A call of some service, which answers when it likes.
am::Task<> call_service(am::Api expense, am::StateId done) {
  co_await am::sleep_for(am::system_timers(), 10ms);
  expense.add(done);
}

class ExpenseHandlers {
 public:
  explicit ExpenseHandlers(std::string id) : id_(std::move(id)) {}

  void CreatingExpenseState(am::Event& e) { start(e, Expense::ExpenseCreated); }
  void PaymentInProgressState(am::Event& e) { start(e, Expense::PaymentCompleted); }

  // The guard: anybody may send an approval, but only one for this expense, and only while it is
  // waited for, gets in.
  bool ApprovalGrantedEnter(am::Event& e) {
    const auto* approval = e.args_if<Approval>();
    return approval != nullptr && approval->expense_id == id_ &&
           e.machine().is(Expense::WaitingForApproval);
  }

  AM_HANDLERS(Expense, CreatingExpenseState, PaymentInProgressState, ApprovalGrantedEnter)

 private:
  static void start(am::Event& e, am::StateId done) {
    am::spawn(am::completion_executor(), call_service(e.machine(), done));
  }

  std::string id_;
};

int main() {
  am::Machine expense{expense_schema()};
  expense.bind(ExpenseHandlers("expense-7"));

  // Called from this thread while others mutate the machine too, `add` may find it busy and say
  // `queued`. We want to know what became of it.
  const auto approve = [&](const Approval& approval) {
    const am::Result result = expense.add_async(Expense::ApprovalGranted, approval).get();
    fmt::print("{} approves {}: {}\n", approval.by, approval.expense_id, result);
  };

  approve({"expense-7", "a hasty manager"});  // there is nothing to approve yet
  expense.add(Expense::CreatingExpense);
  expense.when(Expense::WaitingForApproval).wait_for(2s);
  approve({"expense-8", "a confused manager"});
  approve({"expense-7", "the right manager"});

  const am::Ended paid = expense.when(Expense::PaymentCompleted).wait_for(2s);
  fmt::print("paid: {}\n{}\n", paid, expense);
}
