#include <am/args.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace am {

Args Args::detached() const {
  Args copy;
  if (data_ != nullptr) copy.data_ = std::make_shared<Data>(*data_);
  return copy;
}

void Args::put(std::type_index type, std::shared_ptr<const void> value) {
  if (data_ == nullptr) data_ = std::make_shared<Data>();
  auto& typed = data_->typed;
  const auto same = std::ranges::find(typed, type, &Typed::type);
  if (same == typed.end()) {
    typed.push_back({type, std::move(value)});
  } else {
    same->value = std::move(value);
  }
}

void Args::refuse_number(const std::string& name) {
  throw Error(Errc::invalid_argument,
              fmt::format("argument \"{}\" is a number beyond 63 bits, which is the most that a "
                          "named value holds: pass it as text, or in a struct of your own",
                          name));
}

Args Args::with(std::string name, Value value) const {
  Args copy = detached();
  if (copy.data_ == nullptr) copy.data_ = std::make_shared<Data>();
  auto& named = copy.data_->named;
  const auto same = std::ranges::find(named, name, &Named::name);
  if (same == named.end()) {
    named.push_back({std::move(name), std::move(value)});
  } else {
    same->value = std::move(value);
  }
  return copy;
}

const void* Args::find(std::type_index type) const noexcept {
  if (data_ == nullptr) return nullptr;
  const auto found = std::ranges::find(data_->typed, type, &Typed::type);
  return found == data_->typed.end() ? nullptr : found->value.get();
}

const Value* Args::get_if(std::string_view name) const noexcept {
  if (data_ == nullptr) return nullptr;
  const auto found = std::ranges::find(data_->named, name, &Named::name);
  return found == data_->named.end() ? nullptr : &found->value;
}

std::span<const Args::Typed> Args::typed() const noexcept {
  return data_ == nullptr ? std::span<const Typed>{} : std::span<const Typed>{data_->typed};
}

std::span<const Args::Named> Args::named() const noexcept {
  return data_ == nullptr ? std::span<const Named>{} : std::span<const Named>{data_->named};
}

}  // namespace am
