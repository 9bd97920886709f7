#include <am/rpc/security.hpp>

#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/internal/files_test.hpp>
#include <am/rpc/internal/transport/transport_test.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <optional>
#include <string>

namespace am::rpc {
namespace {

using internal::testing::error_of;
using internal::testing::eventually;
using internal::testing::patience;
using internal::testing::TempFolder;
using internal::testing::write_text;
using namespace std::chrono_literals;

// -- the file of allowed clients ------------------------------------------------------------------

TEST(AllowedClientsFile, HasAClientInEachLine) {
  const TempFolder folder;
  const auto first = SecretKey::make().public_key();
  const auto second = SecretKey::make().public_key();
  write_text(folder / "clients", "# who may come in\n\n#and who not\n" + first.text() +
                                     " hall\r\n  " + second.text() + "\tporch read-only");
  const auto clients = read_allowed_clients(folder / "clients");
  ASSERT_EQ(clients.size(), 2U);
  EXPECT_EQ(clients[0].key, first);
  EXPECT_EQ(clients[0].name, "hall");
  EXPECT_TRUE(clients[0].may_mutate);
  EXPECT_EQ(clients[1].key, second);
  EXPECT_FALSE(clients[1].may_mutate);
}

TEST(AllowedClientsFile, SaysWhichLineIsWrong) {
  const TempFolder folder;
  const auto key = SecretKey::make().public_key().text();
  const auto error = [&](const std::string& text) {
    write_text(folder / "clients", text);
    return error_of([&] { read_allowed_clients(folder / "clients"); });
  };
  EXPECT_NE(error(key + "\n").find("line 1: it has to be"), std::string::npos);
  EXPECT_NE(error("\n" + key + " a readonly\n").find("line 2: it has to be"), std::string::npos);
  EXPECT_NE(error("nonsense a\n").find("line 1: this is not a public key"), std::string::npos);
  EXPECT_NE(error(key + " a\n" + key + " b\n").find("line 2: the key of line 1 again"),
            std::string::npos);
  EXPECT_NE(error("public x\nsecret " + key).find("line 1"), std::string::npos);
  EXPECT_NE(error("secret " + key).find("never a NAME.key"), std::string::npos);
}

TEST(AllowedClientsFile, OthersMayNotWriteIt) {
  const TempFolder folder;
  write_text(folder / "clients", "");
  EXPECT_TRUE(read_allowed_clients(folder / "clients").empty());
  ASSERT_EQ(chmod((folder / "clients").c_str(), 0664), 0);
  EXPECT_NE(error_of([&] { read_allowed_clients(folder / "clients"); }).find("chmod go-w"),
            std::string::npos);
}

// -- servers and clients with keys ----------------------------------------------------------------

/// A door whose server knows two clients, of which one may only read.
struct Keyed : ::testing::Test {
  SecretKey server_key = SecretKey::make();
  SecretKey owner_key = SecretKey::make();
  SecretKey guest_key = SecretKey::make();
  SecretKey stranger_key = SecretKey::make();
  Machine door{{{"Open", {}}, {"Locked", {}}}, {.id = "door"}};
  AllowedClient owner{.key = owner_key.public_key(), .name = "owner"};
  AllowedClient guest{.key = guest_key.public_key(), .name = "guest", .may_mutate = false};

  ServerOptions options() const {
    ServerOptions options;
    options.security = ServerSecurity{.key = server_key, .clients = {owner, guest}};
    options.push_interval = 0ms;
    return options;
  }
  static Client client(const Server& server, std::optional<ClientSecurity> security,
                       std::string id = {}) {
    ClientOptions options;
    options.endpoint = server.endpoint();
    options.id = std::move(id);
    options.security = std::move(security);
    return Client(std::move(options));
  }
  ClientSecurity with(const SecretKey& key) const { return {key, server_key.public_key()}; }
  static LinkError attach_error(Client& client, std::chrono::milliseconds timeout = patience) {
    auto attached = client.attach({.timeout = timeout});
    return attached ? LinkError{LinkErrc::lost, "attached"} : attached.error();
  }
};

TEST_F(Keyed, AListedKeyReadsMutatesAndWaits) {
  Server server(door, options());
  auto connection = client(server, with(owner_key));
  auto remote = connection.attach({.timeout = patience});
  ASSERT_TRUE(remote) << remote.error().message;
  EXPECT_EQ(remote->add("Open"), Result::executed);
  EXPECT_TRUE(door.is("Open"));
  door.add("Locked");
  EXPECT_EQ(remote->when("Locked").wait_for(patience), Ended::fired);
}

TEST_F(Keyed, AKeyThatMayNotMutateReadsAndWaits) {
  Server server(door, options());
  auto connection = client(server, with(guest_key));
  auto remote = connection.attach({.timeout = patience});
  ASSERT_TRUE(remote) << remote.error().message;
  for (const auto result : {remote->add("Open"), remote->remove("Open"), remote->set("Open"),
                            remote->toggle("Open"), remote->can_add("Open")}) {
    EXPECT_EQ(result, Result::not_sent);
    EXPECT_EQ(result.reason(), Reason::denied);
  }
  EXPECT_EQ(door.tick("Open"), Tick{0});
  EXPECT_GE(server.stats().denied, 5U);
  door.add("Open");
  EXPECT_EQ(remote->when("Open").wait_for(patience), Ended::fired);
}

TEST_F(Keyed, AnUnknownKeyIsRefusedAtOnceAndIsToldWhy) {
  Server server(door, options());
  auto connection = client(server, with(stranger_key));
  const auto error = attach_error(connection);
  EXPECT_EQ(error.code, LinkErrc::refused);
  EXPECT_NE(error.message.find("does not let this client's key in"), std::string::npos)
      << error.message;
  EXPECT_EQ(server.stats().links_opened, 0U);
}

TEST_F(Keyed, AClientWithoutKeysIsRefusedAndIsToldWhy) {
  Server server(door, options());
  auto connection = client(server, {});
  const auto error = attach_error(connection);
  EXPECT_EQ(error.code, LinkErrc::refused);
  EXPECT_NE(error.message.find("wants keys"), std::string::npos) << error.message;
}

TEST_F(Keyed, AClientWithKeysRefusesAServerWithoutKeys) {
  Server server(door);
  auto connection = client(server, with(owner_key));
  const auto error = attach_error(connection);
  EXPECT_EQ(error.code, LinkErrc::refused);
  EXPECT_NE(error.message.find("has no keys"), std::string::npos) << error.message;
  EXPECT_EQ(server.stats().links_opened, 0U);
}

TEST_F(Keyed, AClientDoesNotTalkToAServerWithAnotherKey) {
  Server server(door, options());
  auto connection = client(server, ClientSecurity{owner_key, stranger_key.public_key()});
  const auto error = attach_error(connection, 300ms);
  EXPECT_EQ(error.code, LinkErrc::unreachable);
  EXPECT_NE(error.message.find("may have another key"), std::string::npos) << error.message;
  EXPECT_EQ(server.stats().links_opened, 0U);
}

TEST_F(Keyed, NobodyComesInWithAnEmptyList) {
  auto closed = options();
  closed.security->clients.clear();
  Server server(door, closed);
  auto connection = client(server, with(owner_key));
  EXPECT_EQ(attach_error(connection).code, LinkErrc::refused);
}

TEST_F(Keyed, TheKeyDecidesAndNotTheIdThatAClientGivesItself) {
  auto filtered = options();
  filtered.allow_id = "owner";
  Server server(door, filtered);
  auto liar = client(server, with(stranger_key), "owner");
  EXPECT_EQ(attach_error(liar).code, LinkErrc::refused) << "the right id and a strange key";
  auto modest = client(server, with(guest_key), "owner");
  auto remote = modest.attach({.timeout = patience});
  ASSERT_TRUE(remote) << "the id is the expected one, and the key is listed";
  EXPECT_EQ(remote->add("Open").reason(), Reason::denied) << "but the rights are those of the key";
}

TEST_F(Keyed, AnIdFilterAppliesToListedKeysToo) {
  auto filtered = options();
  filtered.allow_id = "owner";
  Server server(door, filtered);
  auto wrong = client(server, with(owner_key), "somebody");
  const auto error = attach_error(wrong);
  EXPECT_EQ(error.code, LinkErrc::refused);
  EXPECT_NE(error.message.find("another client id is expected"), std::string::npos)
      << error.message;
  auto right = client(server, with(owner_key), "owner");
  EXPECT_TRUE(right.attach({.timeout = patience}));
}

TEST_F(Keyed, ServersOfOneProcessHaveTheirOwnLists) {
  Machine shed{{{"Open", {}}}, {.id = "shed"}};
  auto others = options();
  others.security->clients = {{.key = stranger_key.public_key(), .name = "gardener"}};
  Server first(door, options());
  Server second(shed, others);
  auto gardener = client(second, with(stranger_key));
  EXPECT_TRUE(gardener.attach({.timeout = patience}));
  auto lost_gardener = client(first, with(stranger_key));
  EXPECT_EQ(attach_error(lost_gardener).code, LinkErrc::refused);
  auto lost_owner = client(second, with(owner_key));
  EXPECT_EQ(attach_error(lost_owner).code, LinkErrc::refused);
}

TEST_F(Keyed, AReplacedListCutsOffWhoIsNotOnIt) {
  Server server(door, options());
  auto owners = client(server, with(owner_key));
  auto guests = client(server, with(guest_key));
  auto owners_door = owners.attach({.timeout = patience});
  auto guests_door = guests.attach({.timeout = patience});
  ASSERT_TRUE(owners_door && guests_door);
  guest.may_mutate = true;
  server.allow_clients({guest, {.key = stranger_key.public_key(), .name = "new"}});
  EXPECT_TRUE(eventually([&] { return server.stats().links_open == 1; }));
  EXPECT_EQ(guests_door->add("Open"), Result::executed) << "with the rights of the new list";
  auto strangers = client(server, with(stranger_key));
  EXPECT_TRUE(strangers.attach({.timeout = patience}));
  EXPECT_FALSE(owners_door->connected());
  EXPECT_NE(owners_door->add("Open"), Result::executed);
}

TEST_F(Keyed, BadListsAndMissingKeysAreRefused) {
  auto without = options();
  without.security->key = {};
  EXPECT_NE(error_of([&] {
              Server{door, without};
            }).find("security has no key"),
            std::string::npos);
  auto twice = options();
  twice.security->clients.push_back(owner);
  EXPECT_NE(error_of([&] { Server{door, twice}; }).find("listed twice"), std::string::npos);
  auto empty = options();
  empty.security->clients.push_back({.key = {}, .name = "nobody"});
  EXPECT_NE(error_of([&] {
              Server{door, empty};
            }).find("\"nobody\" has no key"),
            std::string::npos);
  auto inproc = options();
  inproc.endpoint = "inproc://keyed";
  EXPECT_NE(error_of([&] { Server{door, inproc}; }).find("uses no keys"), std::string::npos);
  Server plain(door);
  EXPECT_NE(error_of([&] { plain.allow_clients({}); }).find("without keys"), std::string::npos);
  EXPECT_NE(error_of([&] { client(plain, ClientSecurity{}); }).find("security has no key"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              client(plain, ClientSecurity{.key = owner_key, .server = {}});
            }).find("does not name the server"),
            std::string::npos);
}

// -- without keys
// -----------------------------------------------------------------------------------

TEST(PlainTcp, BeyondLoopbackHasToBeAskedFor) {
  Machine door{{{"Open", {}}}};
  for (const auto& endpoint : {"tcp://*:0", "tcp://0.0.0.0:0", "tcp://[::]:0", "tcp://eth0:0"}) {
    const auto error = error_of([&] { Server{door, {.endpoint = endpoint}}; });
    EXPECT_NE(error.find("allow_plain_tcp"), std::string::npos) << endpoint << ": " << error;
    EXPECT_NE(error.find("am-keys"), std::string::npos) << error;
  }
  for (const auto& endpoint : {"tcp://192.0.2.1:4711", "tcp://door.example:4711",
                               "tcp://127.example.org:4711", "tcp://[2001:db8::1]:4711"}) {
    EXPECT_NE(error_of([&] { Client{{.endpoint = endpoint}}; }).find("allow_plain_tcp"),
              std::string::npos)
        << endpoint;
  }
}

TEST(PlainTcp, WorksWhenAskedForAndOnLoopbackAnyway) {
  Machine door{{{"Open", {}}}};
  const Server open(door, {.endpoint = "tcp://*:0", .allow_plain_tcp = true});
  const Server loopback(door, {.endpoint = "tcp://127.1.2.3:0"});
  const Server local(door, {.endpoint = "ipc://*"});
  const Client client({.endpoint = "tcp://192.0.2.1:4711", .allow_plain_tcp = true});
  const Client near({.endpoint = "tcp://localhost:4711"});
  Client to_loopback({.endpoint = loopback.endpoint()});
  EXPECT_TRUE(to_loopback.attach({.timeout = patience}));
}

TEST(PlainTcp, IsNotNeededWithKeys) {
  Machine door{{{"Open", {}}}};
  const auto key = SecretKey::make();
  ServerOptions options;
  options.endpoint = "tcp://0.0.0.0:0";
  options.security = ServerSecurity{key, {{.key = key.public_key(), .name = "self"}}};
  const Server server(door, options);
  const auto port = server.endpoint().substr(server.endpoint().rfind(':'));
  ClientOptions client_options;
  client_options.endpoint = "tcp://127.0.0.1" + port;
  client_options.security = ClientSecurity{key, key.public_key()};
  Client client(client_options);
  EXPECT_TRUE(client.attach({.timeout = patience}));
}

// -- what clients may mutate
// ------------------------------------------------------------------------

struct Exposure : ::testing::Test {
  Machine door{Schema{{"Bell", {.multi = true, .add = {"Light"}}}, {"Light", {}}, {"Locked", {}}},
               {.id = "door"}};
  std::optional<Server> server;
  std::optional<Client> client;
  std::optional<RemoteMachine> remote;

  RemoteMachine& expose(const ExposeOptions& options) {
    server.emplace(door, ServerOptions{.push_interval = 0ms}, options);
    client.emplace(ClientOptions{.endpoint = server->endpoint()});
    auto attached = client->attach({.timeout = patience});
    if (!attached) throw std::runtime_error(attached.error().message);
    remote.emplace(std::move(*attached));
    return *remote;
  }
  static void expect_denied(Result result) {
    EXPECT_EQ(result, Result::not_sent);
    EXPECT_EQ(result.reason(), Reason::denied);
  }
};

TEST_F(Exposure, LetsClientsMutateTheListedStatesOnly) {
  auto& proxy = expose({.mutable_states = {{"Bell"}}});
  EXPECT_EQ(proxy.add("Bell"), Result::executed);
  EXPECT_TRUE(door.is("Light")) << "what a listed state implies is not restricted";
  expect_denied(proxy.add("Locked"));
  expect_denied(proxy.add({"Bell", "Locked"}));
  expect_denied(proxy.remove("Light"));
  expect_denied(proxy.toggle("Locked"));
  expect_denied(proxy.can_add("Locked"));
  expect_denied(proxy.can_remove("Locked"));
  EXPECT_EQ(door.tick("Locked"), Tick{0});
  EXPECT_EQ(proxy.remove("Bell"), Result::executed);
}

TEST_F(Exposure, DeniesSetWhichWouldDeactivateOtherStates) {
  door.add("Locked");
  auto& proxy = expose({.mutable_states = {{"Bell"}}});
  expect_denied(proxy.set("Bell"));
  EXPECT_TRUE(door.is("Locked"));
}

TEST_F(Exposure, IsReadOnlyWithAnEmptyList) {
  auto& proxy = expose({.mutable_states = std::vector<StateName>{}});
  expect_denied(proxy.add("Bell"));
  expect_denied(proxy.set("Bell"));
  door.add("Locked");
  EXPECT_EQ(proxy.when("Locked").wait_for(patience), Ended::fired);
}

TEST_F(Exposure, TellsTheCallerWhy) {
  auto& proxy = expose({.mutable_states = {{"Bell"}}});
  expect_denied(proxy.add("Locked"));
  const auto error = proxy.last_error();
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("may not mutate the state \"Locked\""), std::string::npos)
      << error->message;
}

TEST_F(Exposure, RefusesNamesThatTheMachineDoesNotHave) {
  EXPECT_NE(error_of([&] { expose({.mutable_states = {{"Bel"}}}); }).find("Bell"),
            std::string::npos);
}

TEST_F(Exposure, StatesThatAMachineGrowsAreNotAmongThem) {
  expose({.mutable_states = {{"Bell"}}});
  ASSERT_EQ(door.extend_schema(door.schema().schema().extend(Schema{{"Hatch", {}}})),
            Result::executed);
  Client again({.endpoint = server->endpoint()});
  auto proxy = again.attach({.timeout = patience});
  ASSERT_TRUE(proxy);
  expect_denied(proxy->add("Hatch"));
  EXPECT_EQ(proxy->add("Bell"), Result::executed);
}

}  // namespace
}  // namespace am::rpc
