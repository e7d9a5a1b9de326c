// HOLD_JOB and RELEASE_JOB: jobs of pg_cron in this database, which the
// sensors name "cron <jobid>".
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/failpoint.h"
#include "core/base/status_macros.h"
#include "pgext/bridge/pg.h"
#include "pgext/bridge/pg_status.h"
#include "pgext/healing/acts/kinds.h"
#include "pgext/healing/acts/objects.h"
#include "pgext/healing/acts/top_level.h"

namespace ruvector::healing {
namespace {

absl::StatusOr<bool> HasCron(pg::SpiSession& spi) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query("SELECT FROM pg_catalog.pg_extension e JOIN"
                " pg_catalog.pg_depend d ON d.refclassid ="
                " 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid"
                " = e.oid AND d.deptype = 'e' WHERE e.extname = 'pg_cron' AND"
                " d.objid = pg_catalog.to_regclass('cron.job')"));
  return !rows.empty();
}

absl::StatusOr<int64_t> JobId(const std::string& job) {
  absl::string_view number = job;
  int64_t id = 0;
  if (absl::ConsumePrefix(&number, "cron ") && absl::SimpleAtoi(number, &id)) {
    return id;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("job '", job,
                   "' cannot be held: only jobs of pg_cron can, by the name "
                   "'cron <jobid>'"));
}

// Whether the job is active. NotFound without it.
absl::StatusOr<bool> IsActive(pg::SpiSession& spi, const std::string& job) {
  RV_ASSIGN_OR_RETURN(const int64_t id, JobId(job));
  RV_ASSIGN_OR_RETURN(const bool has_cron, HasCron(spi));
  if (!has_cron) {
    return absl::FailedPreconditionError(
        "extension pg_cron is not installed in this database");
  }
  RV_ASSIGN_OR_RETURN(const pg::SpiRows rows,
                      spi.Query("SELECT active FROM cron.job WHERE jobid ="
                                " $1::pg_catalog.int8 AND database ="
                                " pg_catalog.current_database() FOR UPDATE",
                                {pg::SqlInt(id)}));
  if (rows.empty()) {
    return pg::PgError(
        ERRCODE_UNDEFINED_OBJECT,
        absl::StrCat("job '", job, "' does not exist in this database"));
  }
  return rows.Bool(0, 0).value_or(false);
}

absl::Status SetActive(pg::SpiSession& spi, const std::string& job,
                       bool active) {
  RV_ASSIGN_OR_RETURN(const int64_t id, JobId(job));
  return spi
      .Execute(
          "UPDATE cron.job SET active = $2::pg_catalog.bool WHERE jobid"
          " = $1::pg_catalog.int8",
          {pg::SqlInt(id), pg::SqlBool(active)})
      .status();
}

absl::Status PrepareHold(pg::SpiSession& spi, const Collection&, Act& act) {
  const double seconds = act.deed.Number("seconds").value_or(-1);
  if (!(seconds > 0 && seconds <= 7 * 86400.0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a job is held for more than 0 seconds and up to a week, not ",
        seconds));
  }
  return IsActive(spi, act.deed.object).status();
}

absl::StatusOr<ActOutcome> Hold(pg::SpiSession& spi, const Collection&,
                                const Act& act) {
  ActOutcome outcome{false, 0, 0};
  RV_ASSIGN_OR_RETURN(const bool active, IsActive(spi, act.deed.object));
  // Held already, or switched off by a person: not ours to switch on again.
  if (!active) return outcome;
  RV_RETURN_IF_ERROR(SetActive(spi, act.deed.object, false));
  RV_RETURN_IF_ERROR(
      spi.Execute("INSERT INTO ruvector.held_jobs (job, act_id, until) VALUES"
                  " ($1, $2::pg_catalog.int8, pg_catalog.now() +"
                  " pg_catalog.make_interval(secs => $3::pg_catalog.float8))"
                  " ON CONFLICT (job) DO UPDATE SET act_id = EXCLUDED.act_id,"
                  " until = EXCLUDED.until, held_at = EXCLUDED.held_at",
                  {pg::SqlText(act.deed.object), pg::SqlInt(act.id),
                   pg::SqlReal(act.deed.Number("seconds").value_or(0))})
          .status());
  outcome.changed = true;
  return outcome;
}

// Ends the holds that a condition on ruvector.held_jobs selects; how many.
absl::StatusOr<int64_t> Release(pg::SpiSession& spi, const char* where,
                                absl::Span<const pg::SqlParam> params) {
  RV_ASSIGN_OR_RETURN(
      const pg::SpiRows rows,
      spi.Query(absl::StrCat("DELETE FROM ruvector.held_jobs WHERE ", where,
                             " RETURNING job")
                    .c_str(),
                params));
  if (rows.empty()) return 0;
  RV_ASSIGN_OR_RETURN(const bool has_cron, HasCron(spi));
  for (size_t i = 0; i < rows.size() && has_cron; ++i) {
    RV_RETURN_IF_ERROR(SetActive(spi, rows.TextOr(i, 0, ""), true));
  }
  return static_cast<int64_t>(rows.size());
}

absl::StatusOr<std::string> RevertHold(pg::SpiSession& spi, const Collection&,
                                       const Act& act) {
  const pg::SqlParam params[] = {pg::SqlInt(act.id)};
  RV_RETURN_IF_ERROR(
      Release(spi, "act_id = $1::pg_catalog.int8", params).status());
  return std::string();
}

absl::Status PrepareRelease(pg::SpiSession&, const Collection&, Act& act) {
  return JobId(act.deed.object).status();
}

absl::StatusOr<ActOutcome> ReleaseJob(pg::SpiSession& spi, const Collection&,
                                      const Act& act) {
  const pg::SqlParam params[] = {pg::SqlText(act.deed.object)};
  RV_ASSIGN_OR_RETURN(const int64_t released, Release(spi, "job = $1", params));
  return ActOutcome{released > 0, 0, 0};
}

absl::StatusOr<ActStatement> DescribeJob(pg::SpiSession& spi, const Collection&,
                                         const Act& act) {
  RV_ASSIGN_OR_RETURN(const int64_t id, JobId(act.deed.object));
  RV_RETURN_IF_ERROR(IsActive(spi, act.deed.object).status());
  const bool hold = act.deed.kind == RUVECTOR_ACTION_HOLD_JOB;
  const auto set = [&](const char* active) {
    return absl::StrCat("UPDATE cron.job SET active = ", active,
                        " WHERE jobid = ", id, ";");
  };
  ActStatement shown;
  shown.statement = set(hold ? "false" : "true");
  if (hold) shown.undo_statement = set("true");
  shown.rows = 0;
  shown.bytes = 0;
  shown.seconds = 0;
  return shown;
}

}  // namespace

absl::Status ReleaseExpiredHolds(pg::SpiSession& spi) {
  return Release(spi, "until <= pg_catalog.now()", {}).status();
}

const ActKind kJobKinds[2] = {
    {RUVECTOR_ACTION_HOLD_JOB, PrepareHold, Hold, nullptr, RevertHold, nullptr,
     nullptr, DescribeJob},
    {RUVECTOR_ACTION_RELEASE_JOB, PrepareRelease, ReleaseJob, nullptr, nullptr,
     nullptr, nullptr, DescribeJob},
};

}  // namespace ruvector::healing
