#include "core/kubernetes/request.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ruvector::kubernetes {
namespace {

using testing::HasSubstr;

ObjectRef Object(std::string_view text) { return *ParseObjectRef(text); }

TEST(ObjectRefTest, PathsOfTheThreeKinds) {
  EXPECT_EQ(ScalePath(Object("db/StatefulSet/reader")),
            "/apis/apps/v1/namespaces/db/statefulsets/reader/scale");
  EXPECT_EQ(ObjectPath(Object("a-1/Deployment/x.y")),
            "/apis/apps/v1/namespaces/a-1/deployments/x.y");
  EXPECT_EQ(ScalePath(Object("db/Cluster/pg")),
            "/apis/postgresql.cnpg.io/v1/namespaces/db/clusters/pg/scale");
  for (const char* text : {"db/StatefulSet/reader", "a/Cluster/b.c"}) {
    EXPECT_EQ(ToText(Object(text)), text);
  }
}

TEST(ObjectRefTest, NothingElseReachesAUrl) {
  for (const char* text :
       {"", "db", "db/StatefulSet", "db/StatefulSet/", "/StatefulSet/x",
        "db/StatefulSet/x/y", "db/statefulset/x", "db/Pod/x",
        "db/StatefulSet/../x", "db/StatefulSet/..", "db/StatefulSet/x?y",
        "db/StatefulSet/x%2f", "DB/StatefulSet/x", "d.b/StatefulSet/x",
        "db/StatefulSet/-x", "db/StatefulSet/x\n", "db/StatefulSet/x y",
        "db/StatefulSet/x..y"}) {
    EXPECT_EQ(ParseObjectRef(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_FALSE(ParseObjectRef(std::string(64, 'a') + "/StatefulSet/x").ok());
  EXPECT_TRUE(ParseObjectRef(std::string(63, 'a') + "/StatefulSet/x").ok());
  EXPECT_FALSE(ParseObjectRef(std::string("db/StatefulSet/x\0", 17)).ok());
}

TEST(AccessTest, OnlyHttps) {
  for (const char* server :
       {"https://10.0.0.1:443", "https://[fd00::1]:6443", "https://k8s.example",
        "https://host/k8s/clusters/c-1"}) {
    EXPECT_TRUE(CheckAccess({server, "/x"}).ok()) << server;
  }
  for (const char* server :
       {"", "http://10.0.0.1", "HTTPS://x", "https://", "https://u:p@host",
        "https://host?x=1", "https://host#x", "file:///etc/passwd",
        "https://ho st"}) {
    EXPECT_FALSE(CheckAccess({server, "/x"}).ok()) << server;
  }
  EXPECT_FALSE(CheckAccess({"https://host", ""}).ok());
}

constexpr char kObject[] = R"({"kind":"StatefulSet","apiVersion":"apps/v1",
  "metadata":{"name":"reader","generation":4,"labels":{"name":"other"},
    "managedFields":[{"fieldsV1":{"f:spec":{"f:replicas":{}}}}]},
  "spec":{"replicas":3,"template":{"spec":{"replicas":77}}},
  "status":{"observedGeneration":4,"replicas":3,"readyReplicas":2}})";

TEST(AnswerTest, ReadsTheCountsOfAnObject) {
  const auto status = DecodeObject(Object("db/StatefulSet/reader"), kObject);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->desired, 3);
  EXPECT_EQ(status->current, 3);
  EXPECT_EQ(status->ready, 2);
  EXPECT_TRUE(status->observed);
  EXPECT_FALSE(status->Settled(3));
}

TEST(AnswerTest, ReadsACloudNativePgCluster) {
  const auto status =
      DecodeObject(Object("db/Cluster/pg"),
                   R"({"kind":"Cluster","metadata":{"name":"pg","generation":9},
          "spec":{"instances":3},"status":{"instances":3,"readyInstances":3}})");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_TRUE(status->Settled(3));
  EXPECT_FALSE(status->Settled(2));
}

TEST(AnswerTest, AnOldStatusIsNotAnObservation) {
  const auto status = DecodeObject(
      Object("db/Deployment/x"),
      R"({"kind":"Deployment","metadata":{"name":"x","generation":5},
          "spec":{"replicas":2},"status":{"observedGeneration":4,
          "replicas":2,"readyReplicas":2}})");
  ASSERT_TRUE(status.ok());
  EXPECT_FALSE(status->Settled(2));
}

TEST(AnswerTest, AbsentCountsAreNone) {
  const auto status =
      DecodeObject(Object("db/Deployment/x"),
                   R"({"kind":"Deployment","metadata":{"name":"x"},
                       "spec":{"replicas":0},"status":{}})");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_TRUE(status->Settled(0));
  const auto scale = DecodeScale(
      Object("db/Deployment/x"),
      R"({"kind":"Scale","metadata":{"name":"x","resourceVersion":"7"}})");
  ASSERT_TRUE(scale.ok()) << scale.status();
  EXPECT_EQ(scale->replicas, 0);
  EXPECT_EQ(scale->resource_version, "7");
}

TEST(AnswerTest, NonsenseIsDataLoss) {
  const ObjectRef object = Object("db/StatefulSet/reader");
  for (const std::string& body :
       {std::string(), std::string("<html>"), std::string("[]"),
        std::string("3"), std::string("{}"), std::string("null"),
        std::string(kObject).substr(0, 200), std::string(kObject) + "x",
        std::string(R"({"kind":"Pod","metadata":{"name":"reader"}})"),
        std::string(R"([{"kind":"StatefulSet"}])"),
        std::string(R"({"kind":"StatefulSet","metadata":{"name":"reader"},)"
                    R"("spec":{},"status":{}})"),
        std::string(R"({"kind":"StatefulSet","metadata":{"name":"reader"},)"
                    R"("spec":{"replicas":-1},"status":{}})"),
        std::string(R"({"kind":"StatefulSet","metadata":{"name":"reader"},)"
                    R"("spec":{"replicas":"3"},"status":{}})"),
        std::string(R"({"kind":"StatefulSet","metadata":{"name":"reader"},)"
                    R"("spec":[{"replicas":3}],"status":{}})"),
        std::string(R"({"kind":"StatefulSet","metadata":{"name":"else"},)"
                    R"("spec":{"replicas":3},"status":{}})"),
        std::string(100000, '['), "\xff" + std::string(kObject)}) {
    EXPECT_EQ(DecodeObject(object, body).status().code(),
              absl::StatusCode::kDataLoss)
        << body.substr(0, 200);
    EXPECT_EQ(DecodeScale(object, body).status().code(),
              absl::StatusCode::kDataLoss);
  }
  // A scale without a version cannot be written over.
  EXPECT_FALSE(DecodeScale(object, R"({"kind":"Scale","metadata":
      {"name":"reader"},"spec":{"replicas":2}})")
                   .ok());
}

TEST(AnswerTest, RefusalsArePrintableAndShort) {
  EXPECT_EQ(
      DecodeRefusal(R"({"kind":"Status","message":"no \u001b[2J \u00fc"})"),
      "no ?[2J ??");
  EXPECT_EQ(DecodeRefusal(R"({"kind":"Status","message":")" +
                          std::string(4000, 'x') + "\"}")
                .size(),
            300u);
  EXPECT_EQ(DecodeRefusal("<html>"), "");
  EXPECT_EQ(DecodeRefusal(R"({"kind":"Scale","message":"x"})"), "");
}

TEST(RequestTest, RoundTrip) {
  Request request;
  request.access = {"https://10.0.0.1:443", "/secrets"};
  request.object = Object("db/Cluster/pg");
  request.timeout = absl::Milliseconds(1500);
  auto got = DecodeRequest(EncodeRequest(request));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(EncodeRequest(*got), EncodeRequest(request));
  EXPECT_FALSE(got->scale.has_value());
  request.scale = ScaleRequest{request.object, 2, 3, false};
  got = DecodeRequest(EncodeRequest(request));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(EncodeRequest(*got), EncodeRequest(request));
  EXPECT_EQ(got->scale->requested, 3);
  EXPECT_FALSE(got->scale->wait_ready);
}

TEST(RequestTest, OutcomeAndProgressRoundTrip) {
  ScaleOutcome outcome;
  outcome.status = absl::AbortedError("somebody \xc3\xbc");
  outcome.effect = Effect::kUnknown;
  outcome.previous = 2;
  outcome.requested = 3;
  auto reply = DecodeReply(EncodeOutcome(outcome));
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_TRUE(reply->outcome.has_value() && !reply->progress.has_value());
  EXPECT_EQ(reply->outcome->status, outcome.status);
  EXPECT_EQ(EncodeOutcome(*reply->outcome), EncodeOutcome(outcome));
  outcome.replicas = ReplicaStatus{3, 2, 1, true};
  reply = DecodeReply(EncodeOutcome(outcome));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(EncodeOutcome(*reply->outcome), EncodeOutcome(outcome));
  Progress progress;
  progress.phase = Progress::Phase::kWriting;
  progress.effect = Effect::kUnknown;
  progress.ready = 4;
  reply = DecodeReply(EncodeProgress(progress));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(EncodeProgress(*reply->progress), EncodeProgress(progress));
}

TEST(RequestTest, WhatDoesNotDecodeIsNotQuoted) {
  for (const char* line :
       {"", "{}", "[]", "secret",
        R"({"operation":"drop","server":"https://secret","credentials":"x",
            "object":"a/Cluster/b","timeout_ms":1})",
        R"({"operation":"get","server":"http://secret","credentials":"x",
            "object":"a/Cluster/b","timeout_ms":1})",
        R"({"operation":"get","server":"https://secret","credentials":"x",
            "object":"secret","timeout_ms":1})",
        R"({"operation":"get","server":"https://secret","credentials":"x",
            "object":"a/Cluster/b","timeout_ms":0})",
        R"({"operation":"scale","server":"https://secret","credentials":"x",
            "object":"a/Cluster/b","timeout_ms":1,"expected":1,"requested":0,
            "wait_ready":true})"}) {
    const absl::Status status = DecodeRequest(line).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
  }
  for (const char* line :
       {"{}", R"({"phase":"resting","effect":"none","previous":1,"ready":1})",
        R"({"code":99,"message":"","effect":"none","previous":1,"requested":1,
            "desired":null})"}) {
    EXPECT_FALSE(DecodeReply(line).ok()) << line;
  }
}

}  // namespace
}  // namespace ruvector::kubernetes
