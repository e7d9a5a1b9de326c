// What a statement is, to the gate. [backend-main]
#ifndef RUVECTOR_PGEXT_INTEGRITY_CLASSIFY_H_
#define RUVECTOR_PGEXT_INTEGRITY_CLASSIFY_H_

#include "core/gate/operation.h"
#include "pgext/bridge/pg.h"
extern "C" {
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
}

namespace ruvector::integrity {

// What one ModifyTable node will do, as far as its plan tells.
struct DmlShape {
  gate::Operation operation;  // kInsert, kBulkInsert, kUpdate, kDelete
  int64_t rows;               // rows of a VALUES list; 0: unknown
};

// An INSERT of one row, or of a VALUES list, is kInsert with that many rows;
// of a query, kBulkInsert.
DmlShape ShapeOfInsert(const ModifyTable& node);

// A column of a table by whose distances a plan puts rows in order.
struct SearchedColumn {
  Oid relation;
  AttrNumber column;       // 0: the whole row
  const OpExpr* distance;  // the statement's
};

// The columns whose pgvector distances put rows in order, by an index or a
// sort, at any depth, through subqueries, CTEs, joins and unions; some more
// than once. A list of SearchedColumn*, of the current context's memory. May
// raise (catalog look-ups of operators).
List* SearchedColumns(const PlannedStmt& statement);

// Whether this ALTER TABLE makes a table a partition of it.
bool AttachesPartition(const AlterTableStmt& statement);

// Whether this ALTER TABLE or ALTER INDEX copies it to another tablespace.
bool MovesTable(const AlterTableStmt& statement);

// Whether it builds an index, for a constraint.
bool AddsIndex(const AlterTableStmt& statement);

}  // namespace ruvector::integrity

#endif  // RUVECTOR_PGEXT_INTEGRITY_CLASSIFY_H_
