// What the log costs beside the bare signature of the same run.
//
//   bazel run //core/audit:audit_benchmark
//
// docs/benchmarks/audit.md has the results and how to read them.
#include <benchmark/benchmark.h>
#include <openssl/curve25519.h>

#include <sstream>
#include <string>

#include "core/audit/chain.h"
#include "core/audit/export_verifier.h"
#include "core/audit/test_log.h"

namespace ruvector::audit {
namespace {

constexpr uint64_t kEvents = 1000;

// kEvents sealed events like those of a busy collection.
TestLog& SharedLog() {
  static TestLog& log = *[] {
    auto* const made = new TestLog;
    const auto signer = TestSigner(1);
    for (uint64_t i = 0; i < kEvents; ++i) {
      made->Append(TestEvent(10 * i + 1), *signer);
    }
    return made;
  }();
  return log;
}

std::string Message(const SealedEvent& sealed) {
  return std::string(kEventPrefix) + sealed.payload;
}

void BM_BareSign(benchmark::State& state) {
  Seed seed;
  seed.fill(1);
  const Crypto::KeyPair pair = LinkedCrypto().KeyPairFromSeed(seed);
  const std::string message = Message(SharedLog().rows()[0].sealed);
  Signature signature;
  for (auto _ : state) {
    benchmark::DoNotOptimize(ED25519_sign(
        signature.data(), reinterpret_cast<const uint8_t*>(message.data()),
        message.size(), pair.private_key.data()));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_BareSign);

void BM_Seal(benchmark::State& state) {
  const auto signer = TestSigner(1);
  ChainAppender appender(LinkedCrypto(), SharedLog().position());
  const Event event = TestEvent(11);
  for (auto _ : state) {
    benchmark::DoNotOptimize(appender.Seal(event, *signer));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Seal);

void BM_BareVerify(benchmark::State& state) {
  const PublicKey key = TestSigner(1)->public_key();
  std::vector<std::string> messages;
  for (const auto& row : SharedLog().rows()) {
    messages.push_back(Message(row.sealed));
  }
  for (auto _ : state) {
    for (uint64_t i = 0; i < kEvents; ++i) {
      benchmark::DoNotOptimize(ED25519_verify(
          reinterpret_cast<const uint8_t*>(messages[i].data()),
          messages[i].size(), SharedLog().rows()[i].sealed.signature.data(),
          key.data()));
    }
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
BENCHMARK(BM_BareVerify)->Unit(benchmark::kMillisecond);

void BM_VerifyChain(benchmark::State& state) {
  const KeySet keys = TrustAll({TestSigner(1).get()});
  ChainPosition start;
  start.log_id = SharedLog().position().log_id;
  for (auto _ : state) {
    ChainVerifier verifier(LinkedCrypto(), keys, start);
    for (const auto& row : SharedLog().rows()) {
      if (verifier.CheckEvent(row.sealed.payload, row.sealed.signature)) {
        state.SkipWithError("a good event was refused");
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
BENCHMARK(BM_VerifyChain)->Unit(benchmark::kMillisecond);

// Reading, base64, checks, tree and closing checkpoint included.
void BM_VerifyExport(benchmark::State& state) {
  const auto signer = TestSigner(1);
  const KeySet keys = TrustAll({signer.get()});
  const std::string file = SharedLog().Export(*signer);
  for (auto _ : state) {
    std::istringstream input(file);
    if (!VerifyExport(LinkedCrypto(), keys, input).ok()) {
      state.SkipWithError("a good export was refused");
    }
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
}
BENCHMARK(BM_VerifyExport)->Unit(benchmark::kMillisecond);

void BM_EncodeDecode(benchmark::State& state) {
  const Event event = *Decode(SharedLog().rows()[5].sealed.payload);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Decode(*Encode(event)));
  }
}
BENCHMARK(BM_EncodeDecode);

// Leaf hashes in memory, as many as the argument.
void BM_InclusionProof(benchmark::State& state) {
  const auto size = static_cast<uint64_t>(state.range(0));
  const std::vector<Hash> leaves(size, kZeroHash);
  const Crypto crypto = LinkedCrypto();
  for (auto _ : state) {
    benchmark::DoNotOptimize(InclusionProof(
        crypto, size / 3, size,
        [&](uint64_t i) -> absl::StatusOr<Hash> { return leaves[i]; }));
  }
}
BENCHMARK(BM_InclusionProof)
    ->Arg(1'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ruvector::audit

BENCHMARK_MAIN();
