// Download, process, upload: three steps, each with a state while it goes on and one for when it is
// done. Temporary files live as long as the states that need them, whatever ends those.
#include <am/log.hpp>
#include <am/machine.hpp>
#include <am/thread_executor.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>

namespace fs = std::filesystem;
using namespace std::chrono_literals;

AM_STATES(Pipeline, DownloadingFile, FileDownloaded, ProcessingFile, FileProcessed, UploadingFile,
          FileUploaded, ErrStep)

namespace {

am::Schema pipeline_schema() {
  using P = Pipeline;
  return P::schema({
      {P::DownloadingFile, {.remove = {P::FileDownloaded, P::FileUploaded}}},
      {P::FileDownloaded, {.remove = {P::DownloadingFile}}},
      // A step begins by itself when its input is there, and cannot go on without it.
      {P::ProcessingFile,
       {.automatic = true, .require = {P::FileDownloaded}, .remove = {P::FileProcessed}}},
      // Done with the input: FileDownloaded goes, and with it the file.
      {P::FileProcessed, {.remove = {P::ProcessingFile, P::FileDownloaded}}},
      {P::UploadingFile,
       {.automatic = true, .require = {P::FileProcessed}, .remove = {P::FileUploaded}}},
      {P::FileUploaded, {.remove = {P::UploadingFile, P::FileProcessed}}},
      // A step that failed ends all of them.
      {P::ErrStep,
       {.require = {am::exception_state},
        .remove = {P::DownloadingFile, P::FileDownloaded, P::ProcessingFile, P::FileProcessed,
                   P::UploadingFile}}},
  });
}

std::string read(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

// The steps: plain functions that block and throw, and know nothing about machines.
void download(const fs::path& folder) { write(folder / "downloaded", read(folder / "remote")); }

void process(const fs::path& folder) {
  std::string text = read(folder / "downloaded");
  if (text.empty()) throw std::runtime_error("nothing to process");
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  write(folder / "processed", text);
}

void upload(const fs::path& folder) { fs::rename(folder / "processed", folder / "uploaded"); }

class PipelineHandlers {
 public:
  PipelineHandlers(fs::path folder, std::shared_ptr<am::Executor> worker)
      : folder_(std::move(folder)), worker_(std::move(worker)) {}

  void DownloadingFileState(am::Event& e) {
    begin(e, Pipeline::DownloadingFile, download, Pipeline::FileDownloaded);
  }
  void ProcessingFileState(am::Event& e) {
    begin(e, Pipeline::ProcessingFile, process, Pipeline::FileProcessed);
  }
  void UploadingFileState(am::Event& e) {
    begin(e, Pipeline::UploadingFile, upload, Pipeline::FileUploaded);
  }

  // Cleaning up belongs to the state, not to each of the ways that lead out of it.
  void FileDownloadedEnd(am::Event&) { fs::remove(folder_ / "downloaded"); }
  void FileProcessedEnd(am::Event&) { fs::remove(folder_ / "processed"); }

  AM_HANDLERS(Pipeline, DownloadingFileState, ProcessingFileState, UploadingFileState,
              FileDownloadedEnd, FileProcessedEnd)

 private:
  using Step = void (*)(const fs::path&);

  // A handler must not block, so the step runs on the worker. What it needs, it gets as copies: it
  // may still be at work when the machine is gone.
  void begin(am::Event& e, am::StateId doing, Step step, am::StateId done) {
    worker_->post([machine = e.machine(), wanted = e.machine().while_active(doing), step, done,
                   folder = folder_]() mutable {
      if (wanted.stop_requested()) return;  // canceled while it waited for its turn
      try {
        step(folder);
        machine.add(done);
      } catch (...) {
        machine.add_error(am::error_info(std::current_exception()), Pipeline::ErrStep);
      }
    });
  }

  fs::path folder_;
  std::shared_ptr<am::Executor> worker_;
};

void list(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  fmt::print("files: {}\n", fmt::join(names, " "));
}

}  // namespace

int main() {
  std::string name = (fs::temp_directory_path() / "am-pipeline-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return 1;
  const fs::path folder = name;

  const auto worker = std::make_shared<am::ThreadExecutor>();
  am::Machine pipeline{pipeline_schema()};
  pipeline.bind(PipelineHandlers(folder, worker));
  am::attach_log(pipeline, {.prefix = am::LogPrefix::none});

  for (const std::string text : {"hello", ""}) {
    fmt::print("\"{}\"\n", text);
    write(folder / "remote", text);
    pipeline.add_async(Pipeline::DownloadingFile).get();  // begun, also when the worker is busy
    am::when_any({pipeline.when(Pipeline::FileUploaded), pipeline.when(Pipeline::ErrStep)})
        .get_for(5s);
    if (pipeline.is(Pipeline::ErrStep)) fmt::print("failed: {}\n", pipeline.last_error()->message);
    list(folder);
  }
  fmt::print("{:a}\n", pipeline);

  fs::remove_all(folder);
}
