// Hands webhook messages to ruvector-webhook and keeps account of them.
//
// Every message that Send takes is in the end counted once: delivered, failed
// or dropped. No call waits: not for the helper, not for an endpoint. The
// helper is started with the first message and again when it died; what it had
// not reported then goes to the next one, so an endpoint may see a message
// twice. [single-thread] Owned by one integrity worker; the helper goes with
// it.
#ifndef RUVECTOR_CORE_NOTIFY_WEBHOOK_SENDER_H_
#define RUVECTOR_CORE_NOTIFY_WEBHOOK_SENDER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "core/base/no_postgres.h"
#include "core/notify/helper_process.h"
#include "core/notify/webhook_protocol.h"

namespace ruvector::notify {

struct WebhookMessage {
  int32_t collection_id = 0;
  std::string url;
  std::string body;  // JSON
};

// What happened to the messages of one collection and URL since it was last
// taken over.
struct WebhookChange {
  int64_t delivered = 0;
  int64_t failed = 0;   // given up, after attempts or without
  int64_t dropped = 0;  // never tried: too many were waiting
  // Of the last delivery that was tried and has ended; `attempted` false:
  // none.
  bool attempted = false;
  std::optional<int> status;
  absl::Time attempt_at = absl::InfinitePast();
  std::optional<absl::Time> delivered_at;
  // Why the last one that ended did not arrive, or why those that wait do;
  // empty: it did arrive.
  std::string error;
};

class WebhookSender {
 public:
  struct Options {
    std::string program;  // ruvector-webhook
    // Messages that are waiting or under way: of one URL, and in all.
    size_t max_pending_per_url = 64;
    size_t max_pending = 1024;
    // How long a message waits for a helper that cannot be started.
    absl::Duration patience = absl::Minutes(5);
    // Between two starts of the helper; doubled each time up to the most,
    // until it has reported something.
    absl::Duration first_pause = absl::Seconds(1);
    absl::Duration longest_pause = absl::Minutes(1);
  };
  using Key = std::pair<int32_t, std::string>;  // collection id, URL
  using Changes = std::map<Key, WebhookChange>;

  WebhookSender(Options options, absl::Time now);

  // Attempts and time of each for messages handed over from now on.
  void SetLimits(int attempts, absl::Duration timeout);

  // Takes a message; the transaction that it tells of has committed.
  void Send(WebhookMessage message, absl::Time now);

  // Reads what the helper reports, starts it if need be, writes what it takes.
  void Turn(absl::Time now);

  // Wants a Turn when readable; -1 when there is no helper.
  int socket() const { return helper_.socket(); }
  // At the latest after this long a Turn makes sense; infinite without need.
  absl::Duration NextTurn(absl::Time now) const;

  // To be added to the stored counters; empty it when that has committed.
  const Changes& changes() const { return changes_; }
  void ChangesStored() { changes_.clear(); }

  // Why the helper could not be started or ended; each reason once until it
  // works again. Empty: nothing to say.
  std::string TakeComplaint() { return std::exchange(complaint_, {}); }

  size_t pending() const { return pending_.size(); }

 private:
  struct Pending {
    WebhookMessage message;
    absl::Time since;
    bool handed_over = false;
    int deaths = 0;  // of helpers that had it
  };
  using Queue = std::map<int64_t, Pending>;

  WebhookChange& ChangeOf(const WebhookMessage& message);
  void Receive();
  void Finish(const WebhookOutcome& outcome);
  void GiveUp(Queue::iterator entry, const std::string& why);
  void StartHelper(absl::Time now);
  void HandOver(absl::Time now);
  void HelperEnded(absl::Time now);
  void Complain(const std::string& what);
  void Pause(absl::Time now);

  const Options options_;
  const std::string delivery_prefix_;
  int attempts_ = 5;
  int timeout_ms_ = 10000;
  HelperProcess helper_;
  int64_t next_id_ = 1;
  Queue pending_;  // by id, oldest first
  Changes changes_;
  std::string out_;  // encoded, not written yet
  LineBuffer in_;
  absl::Time next_start_ = absl::InfinitePast();
  absl::Duration pause_;
  std::string complaint_;
  std::string complained_;
};

}  // namespace ruvector::notify

#endif  // RUVECTOR_CORE_NOTIFY_WEBHOOK_SENDER_H_
