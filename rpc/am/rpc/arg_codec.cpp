#include <am/rpc/arg_codec.hpp>

#include <am/rpc/internal/bytes.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace am::rpc {

namespace {

/// Appends with the protocol's own writer, so that there is one encoding of a number.
template <class Write>
void append(std::vector<std::byte>& out, std::size_t limit, Write&& field) {
  internal::Writer writer(out, limit);
  field(writer);
  if (!writer.ok()) {
    throw ArgFault("does not fit into " + std::to_string(limit) +
                   " bytes with the other arguments");
  }
}

constexpr const char* too_deep = "is nested too deeply";

}  // namespace

// -- ArgOutput ------------------------------------------------------------------------------------

void ArgOutput::number(std::uint64_t value) {
  append(*out_, limit_, [&](internal::Writer& writer) { writer.varint(value); });
}

void ArgOutput::signed_number(std::int64_t value) {
  append(*out_, limit_, [&](internal::Writer& writer) { writer.zigzag(value); });
}

void ArgOutput::real(float value) {
  append(*out_, limit_,
         [&](internal::Writer& writer) { writer.u32(std::bit_cast<std::uint32_t>(value)); });
}

void ArgOutput::real(double value) {
  append(*out_, limit_,
         [&](internal::Writer& writer) { writer.u64(std::bit_cast<std::uint64_t>(value)); });
}

void ArgOutput::raw(std::span<const std::byte> bytes) {
  append(*out_, limit_, [&](internal::Writer& writer) { writer.raw(bytes); });
}

void ArgOutput::count(std::size_t elements) {
  number(elements);
  elements_ += elements;
  needed_ = std::max(needed_, out_->size() + elements);
}

void ArgOutput::enter() {
  if (depth_left_ == 0) throw ArgFault(too_deep);
  --depth_left_;
}

void ArgOutput::finish() const {
  if (out_->size() < needed_ || out_->size() - start_ < elements_) {
    throw ArgFault("has a container of elements that take no bytes; give them a member");
  }
}

// -- ArgInput -------------------------------------------------------------------------------------

template <class Read>
auto ArgInput::read(Read&& field) {
  internal::Reader reader(rest_);
  auto value = field(reader);
  if (!reader.ok()) throw ArgFault(std::string{"is damaged: "} + to_string(reader.fault()));
  rest_ = rest_.last(reader.remaining());
  return value;
}

bool ArgInput::boolean() { return number(1) != 0; }

std::uint64_t ArgInput::number(std::uint64_t max) {
  return read([&](internal::Reader& reader) { return reader.varint("number", max); });
}

std::int64_t ArgInput::signed_number(std::int64_t min, std::int64_t max) {
  const auto value = read([](internal::Reader& reader) { return reader.zigzag("number"); });
  if (value < min || value > max) throw ArgFault("is damaged: a number is out of range");
  return value;
}

float ArgInput::real32() {
  return std::bit_cast<float>(read([](internal::Reader& reader) { return reader.u32("real"); }));
}

double ArgInput::real64() {
  return std::bit_cast<double>(read([](internal::Reader& reader) { return reader.u64("real"); }));
}

void ArgInput::raw(std::span<std::byte> to) {
  const auto bytes = read([&](internal::Reader& reader) { return reader.raw("bytes", to.size()); });
  std::ranges::copy(bytes, to.begin());
}

std::size_t ArgInput::count() {
  const auto elements =
      read([&](internal::Reader& reader) { return reader.count("count", elements_left_); });
  elements_left_ -= elements;
  return elements;
}

void ArgInput::enter() {
  if (depth_left_ == 0) throw ArgFault(too_deep);
  --depth_left_;
}

}  // namespace am::rpc
