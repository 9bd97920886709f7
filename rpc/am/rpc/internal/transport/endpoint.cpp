#include <am/error.hpp>
#include <am/rpc/internal/transport/endpoint.hpp>

#include <algorithm>
#include <charconv>

namespace am::rpc::internal {

namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view rule) {
  throw Error(Errc::invalid_argument,
              "endpoint \"" + std::string{text} + "\" " + std::string{rule});
}

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

bool is_ipv6_char(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
         c == '.';
}

/// Four numbers that start with 127; a name may look like the start of them.
bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  if (!host.starts_with("127.") || host.find_first_not_of("0123456789.") != host.npos) return false;
  return std::ranges::count(host, '.') == 3 && host.back() != '.';
}

void check_port(std::string_view text, std::string_view port, Endpoint::Use use) {
  if (port == "*" && use == Endpoint::Use::bind) return;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number > 65'535) {
    refuse(text, "needs a port from 0 to 65535 after the last colon");
  }
  if (number == 0 && use == Endpoint::Use::connect) {
    refuse(text, "has port 0, which is for binding only; connect to the effective endpoint");
  }
}

void check_tcp(Endpoint& endpoint, Endpoint::Use use) {
  const std::string_view text = endpoint.text;
  const std::string_view address = endpoint.address;
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) refuse(text, "needs HOST:PORT after \"tcp://\"");
  std::string_view host = address.substr(0, colon);
  if (host.empty()) refuse(text, "has no host (use \"*\" to bind to all interfaces)");
  if (host == "*") {
    if (use == Endpoint::Use::connect) {
      refuse(text, "has \"*\" as host, which is for binding only; name a host");
    }
  } else if (host.front() == '[') {
    if (host.size() < 4 || host.back() != ']' ||
        !std::ranges::all_of(host.substr(1, host.size() - 2), is_ipv6_char)) {
      refuse(text, "needs an IPv6 address between the brackets");
    }
    endpoint.ipv6 = true;
  } else if (!std::ranges::all_of(host, is_host_char)) {
    refuse(text, "needs a host name or address (IPv6 in brackets) before the port");
  }
  check_port(text, address.substr(colon + 1), use);
  endpoint.leaves_host = !is_loopback(host);
}

void check_ipc(const Endpoint& endpoint, Endpoint::Use use) {
  if (endpoint.address == "*" && use == Endpoint::Use::connect) {
    refuse(endpoint.text, "has \"*\" as path, which is for binding only; name the path");
  }
  if (endpoint.address == "@") refuse(endpoint.text, "needs a name after the \"@\"");
  if (endpoint.address.size() > max_ipc_path) {
    refuse(endpoint.text, "has a path of " + std::to_string(endpoint.address.size()) +
                              " bytes; a unix socket takes at most " +
                              std::to_string(max_ipc_path));
  }
}

void check_inproc(const Endpoint& endpoint) {
  if (endpoint.address.size() > max_inproc_name) {
    refuse(endpoint.text, "has a name of " + std::to_string(endpoint.address.size()) +
                              " bytes; the limit is " + std::to_string(max_inproc_name));
  }
}

}  // namespace

Endpoint Endpoint::parse(std::string_view text, Use use) {
  constexpr std::string_view separator = "://";
  const auto split = text.find(separator);
  if (split == std::string_view::npos) {
    refuse(text, "has no scheme; use tcp://HOST:PORT, ipc://PATH or inproc://NAME");
  }
  Endpoint endpoint;
  endpoint.text = text;
  endpoint.address = text.substr(split + separator.size());
  if (endpoint.address.empty()) refuse(text, "has nothing after \"://\"");
  if (endpoint.address.find('\0') != std::string::npos) refuse(text, "contains a zero byte");
  const std::string_view scheme = text.substr(0, split);
  if (scheme == "tcp") {
    endpoint.kind = Kind::tcp;
    check_tcp(endpoint, use);
  } else if (scheme == "ipc") {
    endpoint.kind = Kind::ipc;
    check_ipc(endpoint, use);
  } else if (scheme == "inproc") {
    endpoint.kind = Kind::inproc;
    check_inproc(endpoint);
  } else {
    refuse(text, "has an unknown scheme; use tcp://HOST:PORT, ipc://PATH or inproc://NAME");
  }
  return endpoint;
}

}  // namespace am::rpc::internal
