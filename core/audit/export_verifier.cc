#include "core/audit/export_verifier.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/audit/chain.h"
#include "core/audit/export_file.h"
#include "core/audit/merkle.h"

namespace ruvector::audit {
namespace {

// A checkpoint given from outside, and what it says.
struct Anchor {
  SignedCheckpoint checkpoint;
  uint64_t tree_size = 0;
};

// One pass over one file.
class Verification {
 public:
  Verification(const Crypto& crypto, const KeySet& keys, std::istream& input,
               const ExportVerifyOptions& options)
      : crypto_(crypto),
        keys_(keys),
        options_(options),
        reader_(crypto, input) {}

  ExportReport Run() {
    // The two opening lines say against what the rest is judged: without them
    // there is nothing to say about it.
    if (ReadHeader() && ReadStart()) {
      TakeAnchors();
      ReadItems();
      Close();
    }
    return std::move(report_);
  }

 private:
  bool ReadHeader() {
    const std::optional<ExportRecord> record = ReadOpeningRecord();
    if (!record.has_value()) return false;
    closing_ = std::get<ExportHeader>(*record).checkpoint;
    const absl::StatusOr<Checkpoint> decoded =
        DecodeCheckpoint(closing_.payload);
    if (!decoded.ok()) {
      Add({"undecodable", std::nullopt, line_,
           std::string(decoded.status().message())});
      return false;
    }
    report_.log_id = decoded->log_id;
    report_.size = decoded->tree_size;
    closing_number_ = decoded->number;
    return true;
  }

  bool ReadStart() {
    const std::optional<ExportRecord> record = ReadOpeningRecord();
    if (!record.has_value()) return false;
    tree_ = std::get<ExportStart>(*record).tree;
    report_.start = tree_.size();
    ChainPosition position{*report_.log_id, tree_.size(), kZeroHash};
    // The narrowest subtree of an odd tree is its last leaf.
    if (tree_.size() % 2 == 1) position.head = tree_.hashes().back();
    chain_.emplace(crypto_, keys_, position);
    if (tree_.size() > 0 && tree_.size() % 2 == 0) chain_->ForgetHead();
    if (auto fault = chain_->CheckCheckpointSignature(closing_)) {
      closing_accepted_ = false;
      line_ = 1;
      Add(*fault);
    }
    return true;
  }

  std::optional<ExportRecord> ReadOpeningRecord() {
    absl::StatusOr<std::optional<ExportRecord>> record = Read();
    if (!record.ok()) return std::nullopt;
    if (!record->has_value()) {
      Add({"missing_events", std::nullopt, line_ + 1,
           "file ends before its first event"});
    }
    return *std::move(record);
  }

  absl::StatusOr<std::optional<ExportRecord>> Read() {
    absl::StatusOr<std::optional<ExportRecord>> record = reader_.Next();
    line_ = reader_.line();
    if (!record.ok()) {
      std::optional<uint64_t> sequence;
      if (chain_.has_value()) sequence = chain_->place();
      Add({"damaged_line", sequence, line_,
           std::string(record.status().message())});
    }
    return record;
  }

  void ReadItems() {
    CheckAnchors();
    while (true) {
      const absl::StatusOr<std::optional<ExportRecord>> record = Read();
      if (!record.ok()) {
        chain_->Skip();
        intact_ = false;
        continue;
      }
      if (!record->has_value()) return;
      std::visit([this](const auto& item) { Check(item); }, **record);
      CheckAnchors();
    }
  }

  void Check(const ExportEvent& item) {
    Event event;
    const std::optional<ChainFault> fault =
        chain_->CheckEvent(item.payload, item.signature, &event);
    if (!fault.has_value()) Count(event);
    AfterItem(fault);
  }

  void Check(const ExportPruned& item) {
    ++report_.events_pruned;
    AfterItem(chain_->CheckPruned(item.sequence, item.leaf_hash));
  }

  void Check(const SignedCheckpoint& item) { NextCheckpoint(item); }

  // The reader lets these through on their own lines only.
  void Check(const ExportHeader&) {}
  void Check(const ExportStart&) {}

  void NextCheckpoint(const SignedCheckpoint& checkpoint) {
    if (auto fault = chain_->CheckNextCheckpoint(checkpoint, Root())) {
      Add(*fault);
      return;
    }
    if (!intact_) return;
    ++report_.checkpoints_verified;
    const auto same = anchors_by_number_.equal_range(
        DecodeCheckpoint(checkpoint.payload)->number);
    for (auto anchor = same.first; anchor != same.second; ++anchor) {
      if (anchor->second.checkpoint.payload == checkpoint.payload) continue;
      AddAnchorFault(
          {ChainFaultKind::kCheckpointMismatch, 0,
           absl::StrCat("the file has another checkpoint ", anchor->first)},
          anchor->second.tree_size);
    }
  }

  void AfterItem(const std::optional<ChainFault>& fault) {
    if (fault.has_value()) {
      Add(*fault);
      intact_ = false;
    }
    if (!intact_) return;
    tree_.Append(crypto_, *chain_->head());
    if (tree_.size() > report_.size) {
      Add({"extra_events", report_.size, line_,
           absl::StrCat("the closing checkpoint covers only ", report_.size,
                        " events")});
      intact_ = false;
    }
  }

  void Count(const Event& event) {
    ++report_.events_verified;
    ++report_.events_by_key[event.signer_id];
    if (!report_.first_us.has_value()) report_.first_us = event.created_at_us;
    if (report_.last_us > event.created_at_us) ++report_.clock_steps_back;
    report_.last_us = event.created_at_us;
    if (options_.on_event) options_.on_event(event);
  }

  void TakeAnchors() {
    for (const SignedCheckpoint& checkpoint : options_.anchors) {
      const absl::StatusOr<Checkpoint> decoded =
          DecodeCheckpoint(checkpoint.payload);
      if (!decoded.ok()) {
        Add({"undecodable", std::nullopt, std::nullopt,
             absl::StrCat("given checkpoint: ", decoded.status().message())});
      } else if (auto fault = chain_->CheckCheckpointSignature(checkpoint)) {
        AddAnchorFault(*fault, decoded->tree_size);
      } else if (decoded->tree_size < report_.start) {
        Add({"checkpoint_not_covered", std::nullopt, std::nullopt,
             absl::StrCat("given checkpoint covers ", decoded->tree_size,
                          " events, the file begins after ", report_.start)});
      } else if (decoded->tree_size > report_.size) {
        Add({"missing_events", report_.size, std::nullopt,
             absl::StrCat("given checkpoint covers ", decoded->tree_size,
                          " events, the file only ", report_.size)});
      } else if (decoded->number > closing_number_) {
        Add({"checkpoint_gap", std::nullopt, std::nullopt,
             absl::StrCat("given checkpoint ", decoded->number,
                          " is missing: the file closes with number ",
                          closing_number_)});
      } else {
        anchors_.push_back({checkpoint, decoded->tree_size});
        anchors_by_number_.emplace(decoded->number, anchors_.back());
      }
    }
    // The next one to meet is at the back.
    std::sort(anchors_.begin(), anchors_.end(),
              [](const Anchor& a, const Anchor& b) {
                return a.tree_size > b.tree_size;
              });
  }

  void CheckAnchors() {
    while (!anchors_.empty() && intact_ &&
           anchors_.back().tree_size == chain_->next_sequence()) {
      const Anchor anchor = std::move(anchors_.back());
      anchors_.pop_back();
      if (auto fault = chain_->CheckCheckpoint(anchor.checkpoint, Root())) {
        AddAnchorFault(*fault, anchor.tree_size);
      } else {
        ++report_.anchors_verified;
      }
    }
  }

  void Close() {
    if (intact_ && tree_.size() < report_.size) {
      Add({"missing_events", tree_.size(), line_ + 1,
           absl::StrCat("file ends before event ", tree_.size(),
                        ", the closing checkpoint covers ", report_.size)});
      intact_ = false;
    }
    for (const ChainFault& fault : chain_->Finish()) {
      Add({std::string(ChainFaultName(fault.kind)), fault.sequence,
           std::nullopt, fault.detail});
    }
    if (!intact_ || !closing_accepted_) return;
    line_ = 1;
    NextCheckpoint(closing_);
  }

  std::optional<Hash> Root() const {
    return intact_ ? std::optional<Hash>(tree_.Root(crypto_)) : std::nullopt;
  }

  void Add(const ChainFault& fault) {
    Add({std::string(ChainFaultName(fault.kind)), fault.sequence, line_,
         fault.detail});
  }
  void AddAnchorFault(const ChainFault& fault, uint64_t tree_size) {
    Add({std::string(ChainFaultName(fault.kind)), std::nullopt, std::nullopt,
         absl::StrCat("given checkpoint of ", tree_size,
                      " events: ", fault.detail)});
  }
  void Add(ExportFault fault) {
    ++report_.fault_count;
    if (report_.faults.size() < kMaxReportedFaults) {
      report_.faults.push_back(std::move(fault));
    }
  }

  const Crypto& crypto_;
  const KeySet& keys_;
  const ExportVerifyOptions& options_;
  ExportReader reader_;
  ExportReport report_;
  SignedCheckpoint closing_;
  bool closing_accepted_ = true;
  uint64_t closing_number_ = 0;
  std::vector<Anchor> anchors_;  // still to be met
  std::multimap<uint64_t, Anchor> anchors_by_number_;
  std::optional<ChainVerifier> chain_;
  MerkleFrontier tree_;
  // Whether tree_ still is the tree of everything read.
  bool intact_ = true;
  uint64_t line_ = 0;
};

}  // namespace

ExportReport VerifyExport(const Crypto& crypto, const KeySet& keys,
                          std::istream& input,
                          const ExportVerifyOptions& options) {
  return Verification(crypto, keys, input, options).Run();
}

}  // namespace ruvector::audit
