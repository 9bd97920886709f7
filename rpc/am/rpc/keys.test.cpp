#include <am/rpc/keys.hpp>

#include <am/error.hpp>
#include <am/rpc/internal/files_test.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <string>

namespace am::rpc {
namespace {

using internal::testing::error_of;
using internal::testing::read_text;
using internal::testing::TempFolder;
using internal::testing::write_text;

TEST(Keys, TextIsReadBackAsTheSameKey) {
  const auto key = SecretKey::make();
  EXPECT_EQ(key.public_key().text().size(), key_text_size);
  EXPECT_EQ(PublicKey::from_text(key.public_key().text()), key.public_key());
  EXPECT_NE(SecretKey::make().public_key(), key.public_key());
}

// The pair of ZeroMQ's own documentation of CURVE.
TEST(Keys, APublicKeyFollowsFromItsSecretOne) {
  const auto key = SecretKey::from_text("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6");
  EXPECT_EQ(key.public_key().text(), "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
}

TEST(Keys, NoKeyIsFalseAndHasNoText) {
  EXPECT_FALSE(PublicKey{});
  EXPECT_EQ(PublicKey{}.text(), "");
  EXPECT_FALSE(SecretKey{});
  EXPECT_FALSE(SecretKey{}.public_key());
  EXPECT_EQ(SecretKey{}.bytes(), nullptr);
}

TEST(Keys, TextThatIsNoKeyIsRefusedAndASecretNotQuoted) {
  const std::string good = SecretKey::make().public_key().text();
  for (const auto& text :
       {std::string{}, good.substr(1), good + "1", std::string(key_text_size, ' '),
        std::string(key_text_size, '#') /* 2^32 and more */, std::string(key_text_size, '\xff')}) {
    EXPECT_THROW(PublicKey::from_text(text), Error) << text;
    EXPECT_THROW(SecretKey::from_text(text), Error) << text;
  }
  const std::string slip = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh";
  EXPECT_EQ(error_of([&] { SecretKey::from_text(slip); }).find("JTKV"), std::string::npos);
}

TEST(Keys, FortyZerosAreRefusedNotTakenForNoKey) {
  const std::string zeros(key_text_size, '0');
  const auto error = error_of([&] { PublicKey::from_text(zeros); });
  EXPECT_NE(error.find("forty zeros"), std::string::npos) << error;
  EXPECT_THROW(SecretKey::from_text(zeros), Error);
  const TempFolder folder;
  write_text(folder / "blank.pub", zeros + " door\n");
  EXPECT_THROW(PublicKey::from_file(folder / "blank.pub"), Error);
}

TEST(Keys, TextWithAZeroByteIsNotAShorterKey) {
  std::string text = SecretKey::make().public_key().text();
  text[20] = '\0';  // half a key, which Z85 alone would take
  EXPECT_THROW(PublicKey::from_text(text), Error);
  EXPECT_THROW(SecretKey::from_text(text), Error);
}

TEST(KeyFiles, AreReadBackAndTheSecretIsForItsOwnerOnly) {
  const TempFolder folder;
  const auto key = SecretKey::make();
  write_key_files(folder / "door", key);
  EXPECT_EQ(SecretKey::from_file(folder / "door.key").public_key(), key.public_key());
  EXPECT_EQ(PublicKey::from_file(folder / "door.key"), key.public_key());
  EXPECT_EQ(PublicKey::from_file(folder / "door.pub"), key.public_key());
  EXPECT_EQ(read_text(folder / "door.pub"), key.public_key().text() + " door\n");
  struct stat status {};
  ASSERT_EQ(stat((folder / "door.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(KeyFiles, AreNeverOverwritten) {
  const TempFolder folder;
  write_key_files(folder / "door", SecretKey::make());
  const auto before = read_text(folder / "door.key");
  const auto error = error_of([&] { write_key_files(folder / "door", SecretKey::make()); });
  EXPECT_NE(error.find("not overwritten"), std::string::npos) << error;
  EXPECT_EQ(read_text(folder / "door.key"), before);
}

TEST(KeyFiles, OthersMayNotReadASecret) {
  const TempFolder folder;
  write_key_files(folder / "door", SecretKey::make());
  for (const mode_t mode : {0644U, 0640U, 0604U, 0602U, 0620U}) {
    ASSERT_EQ(chmod((folder / "door.key").c_str(), mode), 0);
    const auto error = error_of([&] { SecretKey::from_file(folder / "door.key"); });
    EXPECT_NE(error.find("chmod 600"), std::string::npos) << error;
    EXPECT_NE(error.find(folder / "door.key"), std::string::npos) << error;
  }
  ASSERT_EQ(chmod((folder / "door.key").c_str(), 0400), 0);
  EXPECT_TRUE(SecretKey::from_file(folder / "door.key"));
}

TEST(KeyFiles, SayWhatIsWrongWithThem) {
  const TempFolder folder;
  write_key_files(folder / "door", SecretKey::make());
  EXPECT_NE(error_of([&] { SecretKey::from_file(folder / "none.key"); }).find("cannot read"),
            std::string::npos);
  EXPECT_NE(error_of([&] { SecretKey::from_file(folder / ""); }).find("not a file"),
            std::string::npos);
  ASSERT_EQ(chmod((folder / "door.pub").c_str(), 0600), 0);
  EXPECT_NE(error_of([&] { SecretKey::from_file(folder / "door.pub"); }).find("NAME.key"),
            std::string::npos);
  write_text(folder / "empty", "# nothing\n");
  EXPECT_NE(error_of([&] { PublicKey::from_file(folder / "empty"); }).find("no public key"),
            std::string::npos);
  EXPECT_THROW(write_key_files(folder / "two words", SecretKey::make()), Error);
  EXPECT_THROW(write_key_files(folder / "", SecretKey::make()), Error);
  EXPECT_THROW(write_key_files(folder / "nothing", SecretKey{}), Error);
}

}  // namespace
}  // namespace am::rpc
