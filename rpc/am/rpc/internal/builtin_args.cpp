#include <am/rpc/internal/builtin_args.hpp>

#include <am/error_info.hpp>
#include <am/rpc/arg_types.hpp>

#include <memory>
#include <string>

namespace am::rpc::internal {

namespace {

void write_text(ArgOutput& out, const std::string& text) {
  out.count(text.size());
  out.raw(std::as_bytes(std::span{text}));
}

std::string read_text(ArgInput& in) {
  std::string text(in.count(), '\0');
  in.raw(std::as_writable_bytes(std::span{text}));
  return text;
}

/// The cause stays behind: an exception means nothing in another process.
void encode_error(const void* value, ArgOutput& out) {
  const auto& error = *static_cast<const ErrorInfo*>(value);
  write_text(out, error.message);
  write_text(out, error.where);
}

std::shared_ptr<const void> decode_error(ArgInput& in) {
  auto error = std::make_shared<ErrorInfo>();
  error->message = read_text(in);
  error->where = read_text(in);
  return error;
}

}  // namespace

void register_builtin_args() {
  ArgTypes::global().add({"am.error", typeid(ErrorInfo), &encode_error, &decode_error});
}

}  // namespace am::rpc::internal
