// Rows of an entity as Datums, in the order of its spec. [backend-main]
//
// Everything here is plain data: it lives in frames that a longjmp crosses.
#ifndef RUVECTOR_PGEXT_CALIBER_HEAP_ROW_H_
#define RUVECTOR_PGEXT_CALIBER_HEAP_ROW_H_

#include "core/memory/entities.h"
#include "pgext/bridge/pg.h"

namespace ruvector::caliber {

// A stored row. Values that are pointers belong to the buffer page or the SPI
// result that they came from: copy before the sink returns.
struct Row {
  Datum values[memory::kMaxColumns];
  bool nulls[memory::kMaxColumns];
};

// Called for each row, inside a guarded call: it may raise, and must hold no
// object with a destructor. CurrentMemoryContext is reset after it.
using RowSink = void (*)(void* context, const Row& row);

// What to store: of a new row, or the changes of an old one.
struct Fields {
  enum class State : uint8_t {
    kAbsent,   // the column's default; in an update: as it is
    kNull,     //
    kValue,    //
    kPlusOne,  // one more than it is; in updates, of int columns
  };
  Datum values[memory::kMaxColumns] = {};
  State states[memory::kMaxColumns] = {};

  void Set(int column, Datum value) {
    values[column] = value;
    states[column] = State::kValue;
  }
  void SetNull(int column) { states[column] = State::kNull; }
  void SetPlusOne(int column) { states[column] = State::kPlusOne; }
  bool Has(int column) const { return states[column] != State::kAbsent; }
};

// What a row must be like: to be changed, or to be listed.
struct Condition {
  enum class Kind : uint8_t {
    kOneOf,       // the text is one of up to four words
    kEquals,      // of the column's type, by its default equality; not NULL
    kIsNull,      //
    kIsTrue,      // a bool
    kNotExpired,  // `column` is a ttl, `other` a time: see memory::IsExpired
  };
  Kind kind;
  int column;
  int other = 0;
  const char* words[4] = {};  // static; nullptr ends them
  Datum value = 0;
  int64_t now_us = 0;  // of kNotExpired, as TimestampTz
};

constexpr int kMaxConditions = 4;

}  // namespace ruvector::caliber

#endif  // RUVECTOR_PGEXT_CALIBER_HEAP_ROW_H_
