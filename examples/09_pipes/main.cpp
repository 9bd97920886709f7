// Machines that follow each other. A download knows nothing about the application that shows it;
// pipes carry states from the one to the other, in order, with their arguments.
#include <am/helpers/pipe.hpp>
#include <am/machine.hpp>

#include <fmt/format.h>

#include <string>

AM_STATES(Download, Ready, Loading, Unpacking, Loaded, Paused)
AM_STATES(App, DownloadReady, Busy, Shown, ErrDownload, Sleeping)

namespace {

struct File {
  std::string name;
};

am::Schema download_schema() {
  using D = Download;
  return D::schema({
                       {D::Loading, {.require = {D::Ready}, .remove = {D::Paused}}},
                       {D::Unpacking, {.require = {D::Ready}}},
                       {D::Loaded, {.require = {D::Ready}}},
                       {D::Paused, {.remove = {D::Loading}}},
                   })
      .extend(am::exclusive({D::Loading, D::Unpacking, D::Loaded}));
}

struct AppHandlers {
  void ShownState(am::Event& e) { fmt::print("  shows {}\n", e.args<File>().name); }
  void ErrDownloadState(am::Event& e) { fmt::print("  {}\n", e.args<am::ErrorInfo>().message); }
  AM_HANDLERS(App, ShownState, ErrDownloadState)
};

}  // namespace

int main() {
  am::Machine download{download_schema()};
  am::Machine app{App::schema({{App::ErrDownload, {.require = {"Exception"}}}})};
  app.bind(AppHandlers{});

  const am::Pipe ready = am::bind_ready(download, app, App::DownloadReady);
  const am::Pipe error = am::bind_error(download, app, App::ErrDownload);
  // Two states feed one: the application is busy while either is active.
  const am::Pipe work = am::pipe(download, app,
                                 {{Download::Loading, App::Busy},
                                  {Download::Unpacking, App::Busy},
                                  {Download::Loaded, App::Shown}});
  // And back: what the application does not need must not be loaded.
  const am::Pipe sleep = am::pipe(app, download, {{App::Sleeping, Download::Paused}});

  const auto print = [&](const char* what) {
    fmt::print("{:<10} download {:<25} app {}\n", what, am::to_string(download),
               am::to_string(app));
  };

  download.add(Download::Ready);
  print("ready");
  download.add(Download::Loading);
  print("loading");
  download.add(Download::Unpacking);
  print("unpacking");
  download.add(Download::Loaded, File{"logo.png"});
  print("loaded");

  download.add(Download::Loading);
  app.add(App::Sleeping);
  print("sleeping");
  app.remove(App::Sleeping);

  download.add_error({"connection lost"});
  print("error");
}
