#include <am/rpc/internal/schema_codec.hpp>

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace am::rpc::internal {
namespace {

Schema sample() {
  return Schema{
      {"Closed", {.remove = {"Open"}}},
      {"Open", {.automatic = true, .remove = {"Closed"}, .tags = {"shown", "color:red"}}},
      {"Locked", {.multi = true, .require = {"Closed"}, .add = {"Open"}, .after = {"Closed"}}},
      {"Exception", {.multi = true}},
  };
}

Bytes encoded(const Schema& schema) {
  Bytes bytes;
  Writer writer{bytes};
  EXPECT_TRUE(encode_schema(schema, writer));
  return bytes;
}

std::string error_of(const Schema& schema, const Limits& limits = {}) {
  return decode_schema(encoded(schema), limits).error;
}

Schema with_exception(std::vector<Schema::Entry> entries) {
  entries.push_back({"Exception", {}});
  return Schema{std::move(entries)};
}

TEST(SchemaCodec, ASchemaComesBack) {
  const DecodedSchema decoded = decode_schema(encoded(sample()), {});
  ASSERT_TRUE(decoded.schema) << decoded.error;
  EXPECT_EQ(*decoded.schema, sample());
}

TEST(SchemaCodec, AMachineTakesWhatComesBackForTheSame) {
  const CompiledSchema ours{sample()};
  const DecodedSchema decoded = decode_schema(encoded(ours.schema()), {});
  ASSERT_TRUE(decoded.schema) << decoded.error;
  EXPECT_EQ(CompiledSchema{*decoded.schema}.fingerprint(), ours.fingerprint());
}

TEST(SchemaCodec, TheLargestSchemaOfAMachineComesBack) {
  std::vector<Schema::Entry> entries;
  while (entries.size() + 1 < max_states) {
    entries.push_back({"State" + std::to_string(entries.size()), {}});
  }
  const CompiledSchema ours{Schema{std::move(entries)}};
  ASSERT_EQ(ours.size(), max_states);
  const DecodedSchema decoded = decode_schema(encoded(ours.schema()), {});
  ASSERT_TRUE(decoded.schema) << decoded.error;
  EXPECT_EQ(CompiledSchema{*decoded.schema}.size(), max_states);
}

TEST(SchemaCodec, APlainStateTakesItsNameAndTwoBytes) {
  EXPECT_EQ(encoded(Schema{{"A", {}}, {"Exception", {}}}).size(), 1U + (2 + 1) + (2 + 9));
}

TEST(SchemaCodec, ARelationToAMissingStateIsNotSent) {
  Bytes bytes;
  Writer writer{bytes};
  EXPECT_FALSE(encode_schema(Schema{{"A", {.add = {"B"}}}}, writer));
}

TEST(SchemaCodec, RulesOfMachinesAreChecked) {
  EXPECT_EQ(error_of(sample()), "");
  EXPECT_EQ(error_of(with_exception({{"", {}}})), "a state has an empty name");
  EXPECT_EQ(error_of(with_exception({{"A", {}}, {"A", {}}})), "state \"A\" comes twice");
  EXPECT_EQ(error_of(with_exception({{"Any", {}}})), "state \"Any\" is reserved");
  EXPECT_EQ(error_of(with_exception({{"A\x1b[2J", {}}})),
            "a state's name has a space or control character");
  EXPECT_EQ(error_of(with_exception({{std::string(255, 'x'), {}}})), "");
  EXPECT_EQ(error_of(with_exception({{std::string(256, 'x'), {}}})),
            "schema.name: above its limit");
  EXPECT_EQ(error_of(with_exception({{"A", {.require = {"B"}, .remove = {"B"}}}, {"B", {}}})),
            "state \"A\" requires and removes \"B\"");
  EXPECT_EQ(error_of(Schema{{"A", {}}}), "the schema has no state \"Exception\"");
  EXPECT_EQ(error_of(Schema{}), "the schema has no state \"Exception\"");
}

TEST(SchemaCodec, EveryLimitHolds) {
  Limits limits;
  limits.states = 4;
  EXPECT_EQ(error_of(sample(), limits), "");
  limits.states = 3;
  EXPECT_EQ(error_of(sample(), limits), "schema.states: above its limit");
  limits = {};
  limits.tags = 2;
  EXPECT_EQ(error_of(sample(), limits), "");
  limits.tags = 1;
  EXPECT_EQ(error_of(sample(), limits), "schema.tags: above its limit");
  limits = {};
  limits.tag = 9;
  EXPECT_EQ(error_of(sample(), limits), "");
  limits.tag = 8;
  EXPECT_EQ(error_of(sample(), limits), "schema.tag: above its limit");
}

TEST(SchemaCodec, ASmallFrameCannotAskForMuchMemory) {
  // A state with a long name, named again by each byte of the relations.
  std::vector<Schema::Entry> entries{{std::string(255, 'x'), {}}};
  const std::vector<StateName> many(4096, StateName{std::string(255, 'x')});
  for (int i = 0; i < 100; ++i) entries.push_back({"S" + std::to_string(i), {.add = many}});
  EXPECT_EQ(error_of(with_exception(std::move(entries))),
            "the schema takes more than 8388608 bytes");
}

TEST(SchemaCodec, CutOrWrongBytesGiveASchemaOrAReason) {
  const Bytes bytes = encoded(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const DecodedSchema decoded = decode_schema(ByteView{bytes}.first(size), {});
    EXPECT_FALSE(decoded.schema);
    EXPECT_NE(decoded.error, "");
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      Bytes wrong = bytes;
      wrong[at] = static_cast<std::byte>(value);
      const DecodedSchema decoded = decode_schema(wrong, {});
      EXPECT_EQ(decoded.schema.has_value(), decoded.error.empty());
      // One form only: what is accepted encodes to the same bytes.
      if (decoded.schema) {
        EXPECT_EQ(encoded(*decoded.schema), wrong);
        EXPECT_NO_THROW(CompiledSchema{*decoded.schema});
      }
    }
  }
}

TEST(SchemaCodec, RandomBytesGiveASchemaOrAReason) {
  for (std::uint64_t seed = 1; seed <= 50'000; ++seed) {
    std::mt19937_64 random{seed};
    Bytes bytes(random() % 40);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & (random() % 256));
    const DecodedSchema decoded = decode_schema(bytes, {});
    ASSERT_EQ(decoded.schema.has_value(), decoded.error.empty()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace am::rpc::internal
