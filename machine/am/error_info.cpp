#include <am/error_info.hpp>

#include <utility>

namespace am {

ErrorInfo error_info(std::exception_ptr cause, std::string where) {
  ErrorInfo info{"unknown exception", std::move(where), cause};
  try {
    if (cause) std::rethrow_exception(cause);
  } catch (const std::exception& e) {
    info.message = e.what();
  } catch (const std::string& text) {
    info.message = text;
  } catch (const char* text) {
    info.message = text;
  } catch (...) {  // anything can be thrown; what has no text keeps the default
  }
  return info;
}

}  // namespace am
