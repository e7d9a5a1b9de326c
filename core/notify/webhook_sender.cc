#include "core/notify/webhook_sender.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace ruvector::notify {
namespace {

// A message that was with so many helpers when they died is not given to
// another: it may be what kills them.
constexpr int kMostDeaths = 3;
// How soon a full socket is tried again.
constexpr absl::Duration kFullSocket = absl::Milliseconds(200);

}  // namespace

WebhookSender::WebhookSender(Options options, absl::Time now)
    : options_(std::move(options)),
      delivery_prefix_(absl::StrCat(absl::ToUnixMicros(now), "-")),
      pause_(options_.first_pause) {}

void WebhookSender::SetLimits(int attempts, absl::Duration timeout) {
  attempts_ = attempts;
  timeout_ms_ = static_cast<int>(absl::ToInt64Milliseconds(timeout));
}

WebhookChange& WebhookSender::ChangeOf(const WebhookMessage& message) {
  return changes_[Key(message.collection_id, message.url)];
}

void WebhookSender::Send(WebhookMessage message, absl::Time now) {
  const auto same_url =
      std::count_if(pending_.begin(), pending_.end(), [&](const auto& entry) {
        return entry.second.message.url == message.url;
      });
  if (pending_.size() >= options_.max_pending ||
      static_cast<size_t>(same_url) >= options_.max_pending_per_url) {
    WebhookChange& change = ChangeOf(message);
    ++change.dropped;
    change.error = "dropped: too many deliveries are waiting";
    return;
  }
  pending_[next_id_++] = {std::move(message), now};
}

void WebhookSender::Finish(const WebhookOutcome& outcome) {
  const auto entry = pending_.find(outcome.id);
  if (entry == pending_.end()) return;
  WebhookChange& change = ChangeOf(entry->second.message);
  const absl::Time at = absl::FromUnixMicros(outcome.at_us);
  change.attempted = true;
  change.status = outcome.status;
  change.attempt_at = at;
  if (outcome.ok) {
    ++change.delivered;
    change.delivered_at = at;
    change.error.clear();
  } else {
    ++change.failed;
    change.error = outcome.error;
  }
  pending_.erase(entry);
  pause_ = options_.first_pause;
  complained_.clear();
}

void WebhookSender::GiveUp(Queue::iterator entry, const std::string& why) {
  WebhookChange& change = ChangeOf(entry->second.message);
  ++change.failed;
  change.error = why;
  pending_.erase(entry);
}

void WebhookSender::Complain(const std::string& what) {
  if (what != complained_) complaint_ = what;
  complained_ = what;
}

void WebhookSender::Pause(absl::Time now) {
  next_start_ = now + pause_;
  pause_ = std::min(pause_ * 2, options_.longest_pause);
}

void WebhookSender::Receive() {
  while (const std::optional<std::string> line = in_.Next()) {
    const absl::StatusOr<WebhookOutcome> outcome = DecodeOutcome(*line);
    if (outcome.ok()) {
      Finish(*outcome);
    } else {
      Complain(absl::StrCat("ruvector-webhook said what is no outcome: ",
                            std::string(outcome.status().message())));
    }
  }
}

void WebhookSender::HelperEnded(absl::Time now) {
  helper_.End();
  out_.clear();
  in_.Clear();
  Pause(now);
  if (!pending_.empty()) {
    Complain("ruvector-webhook ended; it is started again");
  }
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    const auto next = std::next(entry);
    Pending& pending = entry->second;
    if (std::exchange(pending.handed_over, false) &&
        ++pending.deaths >= kMostDeaths) {
      GiveUp(entry, absl::StrCat("ruvector-webhook ended ", kMostDeaths,
                                 " times while it had this delivery"));
    }
    entry = next;
  }
}

void WebhookSender::StartHelper(absl::Time now) {
  const absl::Status status =
      helper_.Start(options_.program, HttpEnvironment());
  if (status.ok()) return;
  const std::string why(status.message());
  Complain(why);
  Pause(now);
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    const auto next = std::next(entry);
    if (now - entry->second.since >= options_.patience) {
      GiveUp(entry, why);
    } else {
      ChangeOf(entry->second.message).error = why;
    }
    entry = next;
  }
}

void WebhookSender::HandOver(absl::Time now) {
  for (auto& [id, pending] : pending_) {
    if (pending.handed_over) continue;
    WebhookRequest request;
    request.id = id;
    request.delivery = absl::StrCat(delivery_prefix_, id);
    request.url = pending.message.url;
    request.body = pending.message.body;
    request.attempts = attempts_;
    request.timeout_ms = timeout_ms_;
    out_ += EncodeRequest(request);
    pending.handed_over = true;
    if (!helper_.Write(out_)) return HelperEnded(now);
    if (!out_.empty()) return;  // the socket is full
  }
}

void WebhookSender::Turn(absl::Time now) {
  helper_.Reap();
  if (helper_.running()) {
    std::string bytes;
    const bool alive = helper_.Read(bytes);
    in_.Append(bytes);
    Receive();
    if (!alive) HelperEnded(now);
  }
  if (pending_.empty()) return;
  if (!helper_.running() && now >= next_start_) StartHelper(now);
  if (!helper_.running()) return;
  if (!helper_.Write(out_)) return HelperEnded(now);
  if (out_.empty()) HandOver(now);
}

absl::Duration WebhookSender::NextTurn(absl::Time now) const {
  if (pending_.empty()) return absl::InfiniteDuration();
  if (!helper_.running()) {
    return std::max(next_start_ - now, absl::ZeroDuration());
  }
  return out_.empty() ? absl::InfiniteDuration() : kFullSocket;
}

}  // namespace ruvector::notify
