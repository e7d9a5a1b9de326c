#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pgext/bridge/pg_call.h"
#include "pgext/integrity/sensors/index_visit.h"
#include "pgext/integrity/sensors/ivfflat_estimate.h"
#include "pgext/integrity/sensors/ivfflat_walk.h"
#include "pgext/integrity/sensors/sense.h"

namespace ruvector::sensors {
namespace {

using graph::Access;
using graph::IvfIndexObservation;
using graph::IvfListObservation;
using ivfflat::ListEstimate;
using ivfflat::Walk;
using pg::PgCall;

constexpr int32_t kWholeIndex = -1;

// The stored baselines of one index file.
class Baselines {
 public:
  Baselines(const ObserveRequest& request, const IndexVisit& visit)
      : request_(request), visit_(visit) {}

  const IndexBaseline* Find(int32_t list_id) const {
    for (const IndexBaseline& row : request_.baselines) {
      if (row.index_oid == visit_.oid &&
          row.relfilenode == visit_.relfilenode && row.list_id == list_id) {
        return &row;
      }
    }
    return nullptr;
  }

  IndexBaseline New(int32_t list_id) const {
    IndexBaseline row;
    row.index_oid = visit_.oid;
    row.relfilenode = visit_.relfilenode;
    row.list_id = list_id;
    return row;
  }

 private:
  const ObserveRequest& request_;
  const IndexVisit& visit_;
};

std::optional<double> RowsAtBuild(const ListEstimate& estimate) {
  return estimate.pristine ? estimate.rows : estimate.rows_at_build;
}

IvfListObservation FillList(Pass& pass, const Baselines& baselines,
                            const ListEstimate& estimate) {
  IvfListObservation list;
  list.id = estimate.id;
  list.rows = estimate.rows;
  list.rows_estimated = estimate.estimated;
  list.mean_distance = estimate.mean_distance;
  list.sampled_rows = estimate.measured;
  const auto id = static_cast<int32_t>(estimate.id);
  const IndexBaseline* known = baselines.Find(id);
  IndexBaseline baseline = known != nullptr ? *known : baselines.New(id);
  const bool learnt =
      !baseline.mean_distance.has_value() && estimate.mean_distance.has_value();
  if (known == nullptr) baseline.rows_at_build = RowsAtBuild(estimate);
  if (learnt) baseline.mean_distance = estimate.mean_distance;
  if (known == nullptr || learnt) pass.out.new_baselines.push_back(baseline);
  list.rows_at_build = baseline.rows_at_build;
  list.baseline_mean_distance = baseline.mean_distance;
  return list;
}

void FillRowsAtBuild(Pass& pass, const Baselines& baselines, bool complete,
                     IvfIndexObservation& index) {
  if (const IndexBaseline* known = baselines.Find(kWholeIndex)) {
    index.rows_at_build = known->rows_at_build;
    return;
  }
  if (!complete) return;
  double sum = 0;
  for (const IvfListObservation& list : index.lists) {
    if (!list.rows_at_build.has_value()) return;
    sum += *list.rows_at_build;
  }
  index.rows_at_build = sum;
  IndexBaseline whole = baselines.New(kWholeIndex);
  whole.rows_at_build = sum;
  pass.out.new_baselines.push_back(whole);
}

void FillPages(Pass& pass, const IndexVisit& visit, const Walk& walk,
               IvfIndexObservation& index) {
  if (walk.fault.what != nullptr) {
    // A format that we do not know is no fault and will not pass: its values
    // are unknown.
    index.access =
        walk.fault.unknown_format ? Access::kReadable : Access::kUnreadable;
    index.access_reason =
        absl::StrCat(walk.fault.what, " (block ", walk.fault.block, ")");
    return;
  }
  index.declared_lists = walk.declared_lists;
  index.dimensions = walk.dimensions;
  std::vector<ivfflat::ListSample> samples;
  for (int64_t i = 0; i < walk.list_count; ++i) {
    samples.push_back(walk.lists[i].sample);
  }
  const Baselines baselines(pass.request, visit);
  for (const ListEstimate& estimate :
       ivfflat::EstimateLists(walk.shape, samples)) {
    index.lists.push_back(FillList(pass, baselines, estimate));
  }
  FillRowsAtBuild(pass, baselines, walk.shape.complete, index);
  if (index.lists.empty()) {
    index.access = Access::kNotSampled;
    index.access_reason = "no page budget left";
  }
}

}  // namespace

absl::Status SenseIvfflat(Pass& pass, const VectorIndex& target,
                          int64_t page_limit) {
  IvfIndexObservation index;
  index.oid = target.oid;
  index.table_oid = target.table;
  RV_ASSIGN_OR_RETURN(index.name, RelationName(target.oid));
  const absl::Status status = Attempt([&]() -> absl::Status {
    IndexVisit visit;
    RV_RETURN_IF_ERROR(PgCall([&] { VisitIndex(target.oid, visit); }));
    if (FillVisit(visit, index)) {
      RV_ASSIGN_OR_RETURN(const Walk walk, PgCall([&] {
                            return ivfflat::WalkIndex(
                                pass.pages, visit.relation, page_limit);
                          }));
      FillPages(pass, visit, walk, index);
    }
    return PgCall([&] { EndVisit(visit); });
  });
  if (EndsPass(status)) return status;
  FillFailure(status, index);
  pass.observation().ivf_indexes.push_back(std::move(index));
  return absl::OkStatus();
}

}  // namespace ruvector::sensors
